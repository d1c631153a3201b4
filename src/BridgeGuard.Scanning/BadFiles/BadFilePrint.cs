using System.Buffers.Binary;
using System.Security.Cryptography;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.BadFiles;

/// <summary>Marks by which pieces of one bad content are known: hashes of blocks at their places, and its last bytes.</summary>
/// <remarks>
/// Blocks of one value say nothing and are left out. A long content has every n-th block, so that a print is at most about 100 KiB; its last
/// bytes are there always.
/// </remarks>
public sealed class BadFilePrint
{
    /// <summary>Bytes of a block; a page, so that reads of file systems cover whole ones.</summary>
    public const int BlockBytes = 1024;

    /// <summary>Last bytes kept as they are. What is not kept is compared by blocks.</summary>
    public const int TailBytes = 64 << 10;

    /// <summary>Blocks of one content.</summary>
    public const int MaxBlocks = 2048;

    private const byte FormatVersion = 1;

    private readonly byte[] _tail;

    private BadFilePrint(FileKey key, byte[] tail, (long Offset, ulong Hash)[] blocks)
    {
        Key = key;
        _tail = tail;
        Blocks = blocks;
    }

    public FileKey Key { get; }

    internal (long Offset, ulong Hash)[] Blocks { get; }

    /// <summary>Makes the print of a content.</summary>
    public static async Task<BadFilePrint> OfAsync(FileKey key, IScanContent content, CancellationToken cancellationToken)
    {
        long count = Math.Max(1, key.Size / BlockBytes);
        long stride = (count + MaxBlocks - 1) / MaxBlocks;
        var blocks = new List<(long, ulong)>();
        byte[] tail = new byte[(int)Math.Min(TailBytes, key.Size)];
        byte[] block = new byte[BlockBytes];
        long at = 0;
        await foreach (ReadOnlyMemory<byte> part in content.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            Take(part.Span, ref at, key.Size, stride, block, blocks, tail);
        }

        return new BadFilePrint(key, tail, [.. blocks]);
    }

    /// <summary>Do these bytes and the content's last ones agree where they overlap, in one byte at least?</summary>
    public bool TailAgrees(long offset, ReadOnlySpan<byte> bytes)
    {
        long tailAt = Key.Size - _tail.Length;
        long from = Math.Max(offset, tailAt);
        long to = Math.Min(offset + bytes.Length, Key.Size);
        return from < to && bytes.Slice((int)(from - offset), (int)(to - from)).SequenceEqual(_tail.AsSpan((int)(from - tailAt), (int)(to - from)));
    }

    /// <summary>As bytes, for the database and for another process.</summary>
    public byte[] Write()
    {
        byte[] bytes = new byte[1 + 4 + 4 + _tail.Length + (Blocks.Length * 16)];
        bytes[0] = FormatVersion;
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(1), _tail.Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(5), Blocks.Length);
        _tail.CopyTo(bytes, 9);
        Span<byte> rest = bytes.AsSpan(9 + _tail.Length);
        foreach ((long offset, ulong hash) in Blocks)
        {
            BinaryPrimitives.WriteInt64LittleEndian(rest, offset);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[8..], hash);
            rest = rest[16..];
        }

        return bytes;
    }

    /// <summary>Reads what <see cref="Write"/> wrote; null when it is something else.</summary>
    public static BadFilePrint? TryRead(FileKey key, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 9 || bytes[0] != FormatVersion)
        {
            return null;
        }

        int tail = BinaryPrimitives.ReadInt32LittleEndian(bytes[1..]);
        int count = BinaryPrimitives.ReadInt32LittleEndian(bytes[5..]);
        if (tail is < 0 or > TailBytes || tail > key.Size || count is < 0 or > MaxBlocks || bytes.Length != 9 + tail + (count * 16))
        {
            return null;
        }

        var blocks = new (long, ulong)[count];
        ReadOnlySpan<byte> rest = bytes[(9 + tail)..];
        for (int i = 0; i < count; i++)
        {
            blocks[i] = (BinaryPrimitives.ReadInt64LittleEndian(rest[(i * 16)..]), BinaryPrimitives.ReadUInt64LittleEndian(rest[((i * 16) + 8)..]));
        }

        return new BadFilePrint(key, bytes.Slice(9, tail).ToArray(), blocks);
    }

    /// <summary>The first 64 bits of a block's SHA-256: nobody makes two blocks that agree in them by chance.</summary>
    internal static ulong HashOf(ReadOnlySpan<byte> block)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(block, digest);
        return BinaryPrimitives.ReadUInt64LittleEndian(digest);
    }

    private static void Take(ReadOnlySpan<byte> part, ref long at, long size, long stride, byte[] block, List<(long, ulong)> blocks, byte[] tail)
    {
        long tailAt = size - tail.Length;
        if (at + part.Length > tailAt)
        {
            int skip = (int)Math.Max(0, tailAt - at);
            part[skip..].CopyTo(tail.AsSpan((int)(at + skip - tailAt)));
        }

        while (!part.IsEmpty)
        {
            int within = (int)(at % BlockBytes);
            int length = Math.Min(BlockBytes - within, part.Length);
            part[..length].CopyTo(block.AsSpan(within));
            at += length;
            part = part[length..];
            if (within + length == BlockBytes && ((at / BlockBytes) - 1) % stride == 0 && block.AsSpan().ContainsAnyExcept(block[0]))
            {
                blocks.Add((at - BlockBytes, HashOf(block)));
            }
        }
    }
}
