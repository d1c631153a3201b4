using System.Security.Cryptography;

namespace BridgeGuard.Engine.Detection.Transforms;

internal enum DigestKind : byte
{
    Md5,
    Sha1,
    Sha256,
}

/// <summary><c>to_md5</c>, <c>to_sha1</c>, <c>to_sha256</c>: the digest's bytes (not hexadecimal).</summary>
internal sealed class DigestTransform(DigestKind kind) : Transform
{
    public override string Name => kind switch
    {
        DigestKind.Md5 => "to_md5",
        DigestKind.Sha1 => "to_sha1",
        _ => "to_sha256",
    };

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch)
    {
        Span<byte> output = scratch.Output(input, SHA256.HashSizeInBytes);
#pragma warning disable CA5350, CA5351 // What rule authors compare with, not protection.
        int length = kind switch
        {
            DigestKind.Md5 => MD5.HashData(input, output),
            DigestKind.Sha1 => SHA1.HashData(input, output),
            _ => SHA256.HashData(input, output),
        };
#pragma warning restore CA5350, CA5351
        return output[..length];
    }
}
