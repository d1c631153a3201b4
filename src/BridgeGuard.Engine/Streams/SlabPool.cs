using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Streams;

/// <summary>Byte blocks in powers of two, reused; bounded in all by a memory cap.</summary>
/// <remarks>Owner: one worker. A rented block has one owner until it returns it here. Blocks kept for reuse count as free memory.</remarks>
internal sealed class SlabPool(long capBytes)
{
    public const int SmallestBytes = 128;

    /// <summary>16 MiB: larger than any span between two acknowledgements that the window checks let through in practice.</summary>
    public const int LargestBytes = 1 << 24;

    /// <summary>Largest block that <see cref="Fill"/> makes: Suricata's default stream depth.</summary>
    private const int LargestFilledBytes = 1 << 20;

    /// <summary>Bytes of each size that <see cref="Fill"/> makes, and how many blocks at most and at least; ours.</summary>
    private const int FilledBytesEach = 8 << 20;
    private const int MostFilled = 4096;
    private const int LeastFilled = 8;

    private readonly ArrayShelves<byte> _shelves = new(SmallestBytes, LargestBytes);

    /// <summary>Bytes rented now.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>Makes blocks before they are asked for, as far as the cap lets; their memory becomes resident when they are first used.</summary>
    public void Fill() => _shelves.Fill(LargestFilledBytes, FilledBytesEach, LeastFilled, MostFilled, capBytes / 2);

    /// <summary>A block of at least <paramref name="bytes"/>; null when the cap or the largest block is exceeded.</summary>
    public byte[]? Rent(int bytes)
    {
        if (bytes > LargestBytes)
        {
            return null;
        }

        int size = _shelves.Fitting(bytes);
        if (UsedBytes + size > capBytes)
        {
            return null;
        }

        UsedBytes += size;
        return _shelves.Take(size, out _);
    }

    /// <summary>A block of <paramref name="bytes"/> can be had besides those in use.</summary>
    public bool HasRoomFor(long bytes) => bytes <= LargestBytes && UsedBytes + _shelves.Fitting((int)bytes) <= capBytes;

    public void Return(byte[] block)
    {
        UsedBytes -= block.Length;
        _shelves.Put(block);
    }
}
