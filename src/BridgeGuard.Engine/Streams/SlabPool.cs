using System.Numerics;

namespace BridgeGuard.Engine.Streams;

/// <summary>Byte blocks in powers of two, reused; bounded in all by a memory cap.</summary>
/// <remarks>Owner: one worker. A rented block has one owner until it returns it here. Blocks kept for reuse count as free memory.</remarks>
internal sealed class SlabPool(long capBytes)
{
    public const int SmallestBytes = 128;
    private const int SmallestShift = 7;

    /// <summary>16 MiB: larger than any span between two acknowledgements that the window checks let through in practice.</summary>
    public const int LargestBytes = 1 << 24;
    private const int Classes = 24 - SmallestShift + 1;

    private readonly byte[][][] _free = CreateClasses();
    private readonly int[] _counts = new int[Classes];

    /// <summary>Bytes rented now.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>A block of at least <paramref name="bytes"/>; null when the cap or the largest block is exceeded.</summary>
    public byte[]? Rent(int bytes)
    {
        if (bytes > LargestBytes)
        {
            return null;
        }

        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, SmallestBytes));
        if (UsedBytes + size > capBytes)
        {
            return null;
        }

        UsedBytes += size;
        int kind = BitOperations.Log2((uint)size) - SmallestShift;
        return _counts[kind] > 0 ? _free[kind][--_counts[kind]] : new byte[size];
    }

    /// <summary>A block of <paramref name="bytes"/> can be had besides those in use.</summary>
    public bool HasRoomFor(long bytes) =>
        bytes <= LargestBytes && UsedBytes + BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, SmallestBytes)) <= capBytes;

    public void Return(byte[] block)
    {
        UsedBytes -= block.Length;
        int kind = BitOperations.Log2((uint)block.Length) - SmallestShift;
        if (_counts[kind] == _free[kind].Length)
        {
            Array.Resize(ref _free[kind], _counts[kind] * 2);
        }

        _free[kind][_counts[kind]++] = block;
    }

    private static byte[][][] CreateClasses()
    {
        byte[][][] classes = new byte[Classes][][];
        for (int i = 0; i < Classes; i++)
        {
            classes[i] = new byte[16][];
        }

        return classes;
    }
}
