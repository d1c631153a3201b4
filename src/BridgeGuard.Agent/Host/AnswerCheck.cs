using System.Text.Json;
using NSec.Cryptography;

namespace BridgeGuard.Agent.Host;

/// <summary>Is an answer the host's? Ed25519 over a fixed context and the body as sent; the header is <c>v1a,KEYID,BASE64</c>.</summary>
internal sealed class AnswerCheck
{
    private readonly PublicKey? _key;

    /// <param name="key">32 bytes, or empty: nothing is checked and nothing may be kept.</param>
    public AnswerCheck(byte[] key) =>
        _key = key.Length == 0 ? null : PublicKey.Import(SignatureAlgorithm.Ed25519, key, KeyBlobFormat.RawPublicKey);

    public bool HasKey => _key is not null;

    public bool IsGenuine(string header, ReadOnlySpan<byte> body)
    {
        string[] parts = header.Split(',');
        Span<byte> signature = stackalloc byte[64];
        return _key is not null && parts is ["v1a", _, { } base64]
            && Convert.TryFromBase64String(base64, signature, out int length) && length == signature.Length
            && SignatureAlgorithm.Ed25519.Verify(_key, [.. "bridgeguard-answer-v1\n"u8, .. body], signature);
    }

    /// <summary>What a body says of one content; Unknown when it says nothing.</summary>
    public static Verdict VerdictOf(ReadOnlySpan<byte> body, string hash, long size, out long expiresAt)
    {
        AnswerMessage? message = JsonSerializer.Deserialize(body, HostJson.Default.AnswerMessage);
        expiresAt = message?.ExpiresAt ?? 0;
        VerdictMessage? said = message?.Verdicts?.Find(v => v.Sha256 == hash && v.Size == size);
        return said?.Verdict switch
        {
            "clean" => Verdict.Clean,
            "malicious" => Verdict.Malicious,
            "pending" => Verdict.Pending,
            "error" => Verdict.Error,
            _ => Verdict.Unknown,
        };
    }
}
