using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using NSec.Cryptography;

namespace BridgeGuard.Outputs.Webhook;

/// <summary>Standard Webhooks 1.0.0 signatures: over <c>id.timestamp.body</c>, one per secret, separated by blanks.</summary>
public sealed class WebhookSigner : IDisposable
{
    private const string SymmetricPrefix = "whsec_";
    private const string PrivateKeyPrefix = "whsk_";
    private const string PublicKeyPrefix = "whpk_";

    /// <summary>The standard asks for 24 to 64 bytes.</summary>
    private const int MinSecretBytes = 24;
    private const int MaxSecretBytes = 64;

    private readonly List<byte[]> _secrets = [];
    private readonly List<Key> _keys = [];

    /// <param name="secrets">The newest first: receivers check the first signature first.</param>
    /// <exception cref="FormatException">One of them is no secret; the message does not contain it.</exception>
    public WebhookSigner(IReadOnlyList<string> secrets)
    {
        if (secrets.Count == 0)
        {
            throw new FormatException("A webhook needs at least one secret.");
        }

        for (int i = 0; i < secrets.Count; i++)
        {
            if (TryDecode(secrets[i], SymmetricPrefix, out byte[] bytes) && bytes.Length is >= MinSecretBytes and <= MaxSecretBytes)
            {
                _secrets.Add(bytes);
            }
            else if (TryDecode(secrets[i], PrivateKeyPrefix, out bytes) && bytes.Length is 32 or 64)
            {
                // 64 bytes: seed and public key, as other libraries write it; the seed alone makes the key.
                _keys.Add(Key.Import(SignatureAlgorithm.Ed25519, bytes.AsSpan(0, 32), KeyBlobFormat.RawPrivateKey));
            }
            else
            {
                throw new FormatException(
                    $"Secret {i + 1} is neither whsec_ with 24 to 64 bytes in base64 nor whsk_ with an Ed25519 key of 32 or 64 bytes.");
            }
        }
    }

    /// <summary>What is wrong with secrets; null when they can be used.</summary>
    public static string? Check(IReadOnlyList<string> secrets)
    {
        try
        {
            using WebhookSigner signer = new(secrets);
            return null;
        }
        catch (FormatException e)
        {
            return e.Message;
        }
    }

    /// <summary>The public keys of the Ed25519 secrets, as <c>whpk_…</c>, for the receivers.</summary>
    public IReadOnlyList<string> PublicKeys =>
        [.. _keys.Select(key => PublicKeyPrefix + Convert.ToBase64String(key.PublicKey.Export(KeyBlobFormat.RawPublicKey)))];

    /// <summary>The value of <c>webhook-signature</c>.</summary>
    /// <param name="id">The value of <c>webhook-id</c>.</param>
    /// <param name="timestamp">The value of <c>webhook-timestamp</c>: seconds since the Unix epoch, of this attempt.</param>
    /// <param name="body">Exactly as sent.</param>
    public string Sign(string id, long timestamp, ReadOnlySpan<byte> body)
    {
        byte[] signed = SignedBytes(id, timestamp, body);
        IEnumerable<string> symmetric = _secrets.Select(secret => "v1," + Convert.ToBase64String(HMACSHA256.HashData(secret, signed)));
        IEnumerable<string> asymmetric = _keys.Select(key => "v1a," + Convert.ToBase64String(SignatureAlgorithm.Ed25519.Sign(key, signed)));
        return string.Join(' ', symmetric.Concat(asymmetric));
    }

    public void Dispose() => _keys.ForEach(key => key.Dispose());

    /// <summary>What a receiver does: true when any signature is right for any of the secrets. For <c>webhook test</c> and our own receivers.</summary>
    /// <param name="secrets"><c>whsec_…</c> or <c>whpk_…</c>.</param>
    /// <param name="id">Header <c>webhook-id</c>.</param>
    /// <param name="timestamp">Header <c>webhook-timestamp</c>.</param>
    /// <param name="signatures">Header <c>webhook-signature</c>.</param>
    /// <param name="body">As received.</param>
    /// <param name="now">Older or newer by more than 5 minutes is a replay.</param>
    public static bool Verify(
        IReadOnlyList<string> secrets, string id, string timestamp, string signatures, ReadOnlySpan<byte> body, DateTimeOffset now)
    {
        if (!long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
            || Math.Abs(now.ToUnixTimeSeconds() - seconds) > 300)
        {
            return false;
        }

        byte[] signed = SignedBytes(id, seconds, body);
        foreach (string signature in signatures.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            foreach (string secret in secrets)
            {
                if (IsRight(signature, secret, signed))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static bool IsRight(string signature, string secret, byte[] signed)
    {
        if (TryDecode(signature, "v1,", out byte[] given) && TryDecode(secret, SymmetricPrefix, out byte[] key))
        {
            return CryptographicOperations.FixedTimeEquals(HMACSHA256.HashData(key, signed), given);
        }

        return TryDecode(signature, "v1a,", out given) && TryDecode(secret, PublicKeyPrefix, out key)
            && PublicKey.TryImport(SignatureAlgorithm.Ed25519, key, KeyBlobFormat.RawPublicKey, out PublicKey? publicKey)
            && SignatureAlgorithm.Ed25519.Verify(publicKey!, signed, given);
    }

    private static byte[] SignedBytes(string id, long timestamp, ReadOnlySpan<byte> body) =>
        [.. Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{timestamp}.")), .. body];

    private static bool TryDecode(string text, string prefix, out byte[] bytes)
    {
        bytes = [];
        if (!text.StartsWith(prefix, StringComparison.Ordinal))
        {
            return false;
        }

        byte[] buffer = new byte[text.Length];
        if (!Convert.TryFromBase64String(text[prefix.Length..], buffer, out int length))
        {
            return false;
        }

        bytes = buffer[..length];
        return true;
    }
}
