using System.Buffers.Binary;
using System.Security.Cryptography;

namespace BridgeGuard.Engine.Files;

/// <summary>Which digests of a file are wanted.</summary>
[Flags]
public enum FileHashes : byte
{
    None = 0,
    Md5 = 1,
    Sha1 = 2,
    Sha256 = 4,
}

/// <summary>Up to three digests over one file, fed piece by piece. Reused; its native states live as long as it does.</summary>
/// <remarks>MD5 and SHA-1 are there because threat lists are written in them, not for security.</remarks>
internal sealed class FileHasher
{
    private readonly byte[] _digests = new byte[16 + 20 + 32];
    private IncrementalHash? _md5;
    private IncrementalHash? _sha1;
    private IncrementalHash? _sha256;
    private FileHashes _wanted;
    private FileHashes _ready;

    /// <summary>Names what stands in a file after some of its bytes were written over (<see cref="Rewrite"/>).</summary>
    private IncrementalHash? _rewritten;

    private bool _isRewritten;

    /// <summary>Bytes were fed since the states were last emptied.</summary>
    private bool _isDirty;

    public ReadOnlySpan<byte> Md5 => (_ready & FileHashes.Md5) != 0 ? _digests.AsSpan(0, 16) : default;

    public ReadOnlySpan<byte> Sha1 => (_ready & FileHashes.Sha1) != 0 ? _digests.AsSpan(16, 20) : default;

    public ReadOnlySpan<byte> Sha256 => (_ready & FileHashes.Sha256) != 0 ? _digests.AsSpan(36, 32) : default;

    /// <summary>MD5 of a short text, 16 bytes.</summary>
    public static void Md5Of(ReadOnlySpan<byte> text, Span<byte> digest) => CryptographicOperations.HashData(HashAlgorithmName.MD5, text, digest);

    public void Begin(FileHashes wanted)
    {
        _wanted = wanted;
        _ready = FileHashes.None;
        if ((wanted & FileHashes.Md5) != 0)
        {
            _md5 ??= IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        }

        if ((wanted & FileHashes.Sha1) != 0)
        {
            _sha1 ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        }

        if ((wanted & FileHashes.Sha256) != 0)
        {
            _sha256 ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        }
    }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (_wanted == FileHashes.None)
        {
            return;
        }

        _isDirty = true;
        if ((_wanted & FileHashes.Md5) != 0)
        {
            _md5!.AppendData(bytes);
        }

        if ((_wanted & FileHashes.Sha1) != 0)
        {
            _sha1!.AppendData(bytes);
        }

        if ((_wanted & FileHashes.Sha256) != 0)
        {
            _sha256!.AppendData(bytes);
        }

        if (_isRewritten)
        {
            _rewritten!.AppendData(bytes);
        }
    }

    /// <summary>Bytes that were fed are replaced by others. The digests stay those of the bytes as they came first; <see cref="TryPeekSha256"/> names what stands there now.</summary>
    /// <remarks>
    /// The name is a hash over all that was fed and every replacement with its place, so equal names mean equal contents; the content's own digest would need all
    /// bytes once more. Its complement is given out, so that no content can be made whose digest it is. False when SHA-256 is not computed.
    /// </remarks>
    /// <param name="at">Of the first byte replaced.</param>
    /// <param name="bytes">What stands there now.</param>
    public bool Rewrite(long at, ReadOnlySpan<byte> bytes)
    {
        if ((_wanted & FileHashes.Sha256) == 0)
        {
            return false;
        }

        Span<byte> record = stackalloc byte[32 + 8 + 8];
        if (_isRewritten)
        {
            _rewritten!.TryGetHashAndReset(record, out _);
        }
        else
        {
            _sha256!.TryGetCurrentHash(record, out _);
            _rewritten ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            _isRewritten = true;
        }

        BinaryPrimitives.WriteInt64LittleEndian(record[32..], at);
        BinaryPrimitives.WriteInt64LittleEndian(record[40..], bytes.Length);
        _rewritten.AppendData(record);
        _rewritten.AppendData(bytes);
        return true;
    }

    /// <summary>Makes the digests available.</summary>
    public void Finish()
    {
        Take();
        _ready = _wanted;
    }

    /// <summary>As <see cref="Finish"/>, but the states go on in another hasher, which has just begun: what was seen may be the start of more.</summary>
    /// <param name="heir">Gets the states.</param>
    /// <param name="withDigests">Make the digests available here.</param>
    public void PassOn(FileHasher heir, bool withDigests)
    {
        if (withDigests)
        {
            Peek();
            _ready = _wanted;
        }

        (_md5, heir._md5) = (heir._md5, _md5);
        (_sha1, heir._sha1) = (heir._sha1, _sha1);
        (_sha256, heir._sha256) = (heir._sha256, _sha256);
        heir._wanted = _wanted;
        heir._isDirty = _isDirty;
        _isDirty = false;
        _wanted = FileHashes.None;
    }

    /// <summary>Only the SHA-256, of what was fed so far.</summary>
    public void FinishSha256()
    {
        Take();
        _ready = _wanted & FileHashes.Sha256;
    }

    /// <summary>The SHA-256 of what was fed so far, or its stand-in (<see cref="Rewrite"/>); hashing goes on. False when it is not computed.</summary>
    public bool TryPeekSha256(Span<byte> digest)
    {
        if ((_wanted & FileHashes.Sha256) == 0)
        {
            return false;
        }

        if (_isRewritten)
        {
            _rewritten!.TryGetCurrentHash(digest, out _);
            foreach (ref byte part in digest[..32])
            {
                part = (byte)~part;
            }

            return true;
        }

        return _sha256!.TryGetCurrentHash(digest, out _);
    }

    public void Reset()
    {
        if (_isDirty)
        {
            Take();
        }

        if (_isRewritten)
        {
            _rewritten!.TryGetHashAndReset(_digests.AsSpan(36, 32), out _);
            _isRewritten = false;
        }

        _wanted = FileHashes.None;
        _ready = FileHashes.None;
    }

    private void Peek()
    {
        if ((_wanted & FileHashes.Md5) != 0)
        {
            _md5!.TryGetCurrentHash(_digests.AsSpan(0, 16), out _);
        }

        if ((_wanted & FileHashes.Sha1) != 0)
        {
            _sha1!.TryGetCurrentHash(_digests.AsSpan(16, 20), out _);
        }

        if ((_wanted & FileHashes.Sha256) != 0)
        {
            _sha256!.TryGetCurrentHash(_digests.AsSpan(36, 32), out _);
        }
    }

    private void Take()
    {
        if ((_wanted & FileHashes.Md5) != 0)
        {
            _md5!.TryGetHashAndReset(_digests.AsSpan(0, 16), out _);
        }

        if ((_wanted & FileHashes.Sha1) != 0)
        {
            _sha1!.TryGetHashAndReset(_digests.AsSpan(16, 20), out _);
        }

        if ((_wanted & FileHashes.Sha256) != 0)
        {
            _sha256!.TryGetHashAndReset(_digests.AsSpan(36, 32), out _);
        }

        _isDirty = false;
    }
}
