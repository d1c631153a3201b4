using System.Numerics;
using System.Runtime.InteropServices;

namespace BridgeGuard.Engine.Packets;

/// <summary>Memory for waiting fragments: equal blocks, chained. Bounded; grows in slabs up to the cap and never shrinks.</summary>
/// <remarks>Owner: the defragmenter. Every chain that is taken is given back by <see cref="Free"/> exactly once.</remarks>
internal sealed class FragmentStore
{
    public const int BlockBytes = 2048;
    private const int BlocksPerSlab = 32;

    private readonly byte[]?[] _slabs;
    private readonly int[] _next;
    private readonly int _capacity;
    private int _made;
    private int _free = -1;

    public FragmentStore(long memcapBytes)
    {
        _capacity = (int)Math.Clamp(memcapBytes / BlockBytes, 1, int.MaxValue / BlockBytes);
        _slabs = new byte[]?[(_capacity + BlocksPerSlab - 1) / BlocksPerSlab];
        _next = new int[_capacity];
    }

    /// <summary>Bytes in use, in whole blocks.</summary>
    public long UsedBytes { get; private set; }

    public Span<byte> Block(int block) =>
        _slabs[block / BlocksPerSlab].AsSpan(block % BlocksPerSlab * BlockBytes, BlockBytes);

    /// <summary>A chain that can hold <paramref name="length"/> bytes, or -1 when the cap forbids it.</summary>
    public int Take(int length)
    {
        int count = Math.Max(1, (length + BlockBytes - 1) / BlockBytes);
        if (UsedBytes + ((long)count * BlockBytes) > (long)_capacity * BlockBytes)
        {
            return -1;
        }

        int first = -1;
        for (int i = 0; i < count; i++)
        {
            int block = TakeOne();
            _next[block] = first;
            first = block;
        }

        UsedBytes += (long)count * BlockBytes;
        return first;
    }

    public void Free(int block)
    {
        while (block >= 0)
        {
            int next = _next[block];
            _next[block] = _free;
            _free = block;
            UsedBytes -= BlockBytes;
            block = next;
        }
    }

    /// <summary>Copies into a chain from its byte <paramref name="position"/> on.</summary>
    public void Write(int block, int position, ReadOnlySpan<byte> bytes)
    {
        Seek(ref block, ref position);
        while (!bytes.IsEmpty)
        {
            int length = Math.Min(bytes.Length, BlockBytes - position);
            bytes[..length].CopyTo(Block(block)[position..]);
            bytes = bytes[length..];
            block = _next[block];
            position = 0;
        }
    }

    /// <summary>Copies out of a chain.</summary>
    public void Read(int block, int position, Span<byte> destination)
    {
        Seek(ref block, ref position);
        while (!destination.IsEmpty)
        {
            int length = Math.Min(destination.Length, BlockBytes - position);
            Block(block).Slice(position, length).CopyTo(destination);
            destination = destination[length..];
            block = _next[block];
            position = 0;
        }
    }

    /// <summary>Sets the bits [from, to) of the bitmap in a block; true when one of them was set before.</summary>
    public bool Cover(int block, int from, int to)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(Block(block));
        ulong before = 0;
        for (int word = from >> 6; word <= (to - 1) >> 6; word++)
        {
            ulong mask = Mask(word, from, to);
            before |= words[word] & mask;
            words[word] |= mask;
        }

        return before != 0;
    }

    /// <summary>Whether one of the bits [from, to) is set.</summary>
    public bool Touches(int block, int from, int to)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(Block(block));
        ulong found = 0;
        for (int word = from >> 6; word <= (to - 1) >> 6; word++)
        {
            found |= words[word] & Mask(word, from, to);
        }

        return found != 0;
    }

    /// <summary>Whether all of the first <paramref name="count"/> bits are set.</summary>
    public bool IsCovered(int block, int count)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(Block(block));
        int bits = 0;
        for (int word = 0; word <= (count - 1) >> 6; word++)
        {
            bits += BitOperations.PopCount(words[word] & Mask(word, 0, count));
        }

        return bits == count;
    }

    private static ulong Mask(int word, int from, int to)
    {
        int low = Math.Max(from - (word << 6), 0);
        int high = Math.Min(to - (word << 6), 64);
        return (high == 64 ? ulong.MaxValue : (1UL << high) - 1) & (ulong.MaxValue << low);
    }

    private void Seek(ref int block, ref int position)
    {
        while (position >= BlockBytes)
        {
            position -= BlockBytes;
            block = _next[block];
        }
    }

    private int TakeOne()
    {
        if (_free >= 0)
        {
            int block = _free;
            _free = _next[block];
            return block;
        }

        _slabs[_made / BlocksPerSlab] ??= new byte[BlocksPerSlab * BlockBytes];
        return _made++;
    }
}
