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

    /// <summary>Largest block that <see cref="Fill"/> makes: Suricata's default stream depth.</summary>
    private const int LargestFilledBytes = 1 << 20;

    /// <summary>Bytes of each size that <see cref="Fill"/> makes, and how many blocks at most and at least; ours.</summary>
    private const int FilledBytesEach = 8 << 20;
    private const int MostFilled = 4096;
    private const int LeastFilled = 8;

    private readonly byte[][][] _free = CreateClasses();
    private readonly int[] _counts = new int[Classes];

    /// <summary>Bytes rented now.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>Makes blocks before they are asked for, as far as the cap lets; their memory becomes resident when they are first used.</summary>
    public void Fill()
    {
        long room = capBytes / 2;
        for (int size = SmallestBytes; size <= LargestFilledBytes; size <<= 1)
        {
            int kind = BitOperations.Log2((uint)size) - SmallestShift;
            int wanted = (int)Math.Min(Math.Clamp(FilledBytesEach / size, LeastFilled, MostFilled), room / size);
            if (_free[kind].Length < wanted)
            {
                Array.Resize(ref _free[kind], wanted);
            }

            for (; _counts[kind] < wanted; _counts[kind]++, room -= size)
            {
                _free[kind][_counts[kind]] = GC.AllocateUninitializedArray<byte>(size, pinned: true);
            }
        }
    }

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
