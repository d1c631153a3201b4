using NSec.Cryptography;

namespace BridgeGuard.Scanning.GuestApi;

/// <summary>Signs answers with the host's Ed25519 key (RFC 8032), so that a guest can keep them while the host is away.</summary>
/// <remarks>
/// Signed bytes: <see cref="Context"/> and then the body exactly as sent. Header: <c>BridgeGuard-Signature: v1a,KEYID,BASE64</c>; KEYID is the
/// first 16 hexadecimal digits of the public key's SHA-256. The lifetime (<c>issued_at</c>, <c>expires_at</c>) is in the body, so it is signed too.
/// </remarks>
public sealed class AnswerSigner : IDisposable
{
    public const string HeaderName = "BridgeGuard-Signature";

    private const int SeedBytes = 32;

    private readonly Key _key;

    private AnswerSigner(Key key)
    {
        _key = key;
        PublicKey = key.PublicKey.Export(KeyBlobFormat.RawPublicKey);
        KeyId = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(PublicKey).AsSpan(0, 8));
    }

    /// <summary>Keeps these signatures apart from any other use of the key.</summary>
    public static ReadOnlySpan<byte> Context => "bridgeguard-answer-v1\n"u8;

    /// <summary>32 bytes.</summary>
    public byte[] PublicKey { get; }

    public string KeyId { get; }

    /// <summary>A key that lives as long as the process.</summary>
    public static AnswerSigner Create() => new(new Key(SignatureAlgorithm.Ed25519));

    /// <summary>Reads the key (a 32-byte seed), or makes it, readable by the owner only.</summary>
    /// <exception cref="InvalidDataException">The file has another length.</exception>
    public static AnswerSigner LoadOrCreate(string path)
    {
        if (!File.Exists(path))
        {
            using var made = new Key(SignatureAlgorithm.Ed25519, new KeyCreationParameters { ExportPolicy = KeyExportPolicies.AllowPlaintextExport });
            var creation = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                creation.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using FileStream file = new(path, creation);
            file.Write(made.Export(KeyBlobFormat.RawPrivateKey));
        }

        byte[] seed = File.ReadAllBytes(path);
        if (seed.Length != SeedBytes)
        {
            throw new InvalidDataException($"{path} is not a signing key: it has {seed.Length} bytes, not {SeedBytes}.");
        }

        return new AnswerSigner(Key.Import(SignatureAlgorithm.Ed25519, seed, KeyBlobFormat.RawPrivateKey));
    }

    /// <summary>The header's value for this body.</summary>
    public string Sign(ReadOnlySpan<byte> body) => Sign(Context, body);

    /// <summary>The same for another use of the key, which its context keeps apart.</summary>
    public string Sign(ReadOnlySpan<byte> context, ReadOnlySpan<byte> body)
    {
        byte[] message = [.. context, .. body];
        return $"v1a,{KeyId},{Convert.ToBase64String(SignatureAlgorithm.Ed25519.Sign(_key, message))}";
    }

    /// <summary>What a guest does with an answer. False for another key, a changed body or a header that is none.</summary>
    public static bool Verify(ReadOnlySpan<byte> publicKey, string header, ReadOnlySpan<byte> body) => Verify(publicKey, Context, header, body);

    /// <summary>The same for another use of the key.</summary>
    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> context, string header, ReadOnlySpan<byte> body)
    {
        string[] parts = header.Split(',');
        Span<byte> signature = stackalloc byte[64];
        return parts is ["v1a", _, { } base64]
            && Convert.TryFromBase64String(base64, signature, out int length) && length == signature.Length
            && NSec.Cryptography.PublicKey.TryImport(SignatureAlgorithm.Ed25519, publicKey, KeyBlobFormat.RawPublicKey, out PublicKey? key)
            && SignatureAlgorithm.Ed25519.Verify(key!, [.. context, .. body], signature);
    }

    public void Dispose() => _key.Dispose();
}
