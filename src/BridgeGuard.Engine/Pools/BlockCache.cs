using System.Numerics;

namespace BridgeGuard.Engine.Pools;

/// <summary>Byte arrays between two uses, per thread: what one body or file gave back serves the next without the collector.</summary>
/// <remarks>
/// Sizes are powers of two. A worker is one thread, so nothing is shared and nothing is locked; at most <see cref="MaxHeldBytes"/> wait here, what comes beyond goes
/// to the collector. A block has one owner from <see cref="Rent"/> to <see cref="Return"/>; its content is what the last owner left.
/// </remarks>
internal static class BlockCache
{
    /// <summary>The smallest block.</summary>
    public const int SmallestBytes = 1 << SmallestShift;

    /// <summary>What <see cref="Fill"/> puts here, and a window of every size in flight at once (body, file, decoder) several times over; ours.</summary>
    public const long MaxHeldBytes = 48L << 20;
    private const int SmallestShift = 6;
    private const int Classes = 31 - SmallestShift;

    /// <summary>Largest block that is made before it is asked for, 1 MiB: Suricata's stream depth, above which nothing is buffered.</summary>
    private const int LargestFilledShift = 20;

    /// <summary>Bytes of each size, so that a burst of streams which all hold data finds its blocks; at least four blocks of each, at most so many. Ours.</summary>
    private const int FilledBytesEach = 1 << 21;
    private const int LeastFilled = 4;
    private const int MostFilled = 2048;

    /// <summary>Blocks of a size that wait before the stack itself grows: all that <see cref="Fill"/> makes of the smallest size.</summary>
    private const int StackRoom = MostFilled;

    [ThreadStatic]
    private static Stack<byte[]>[]? _held;

    [ThreadStatic]
    private static long _heldBytes;

    [ThreadStatic]
    private static bool _isFilled;

    /// <summary>
    /// Puts blocks of every size here, once for the calling thread, so that later bursts take nothing from the collector. The memory becomes resident when a block is first used.
    /// </summary>
    public static void Fill()
    {
        if (_isFilled)
        {
            return;
        }

        _isFilled = true;
        for (int shift = SmallestShift; shift <= LargestFilledShift; shift++)
        {
            for (int count = Math.Clamp(FilledBytesEach >> shift, LeastFilled, MostFilled); count > 0; count--)
            {
                Return(GC.AllocateUninitializedArray<byte>(1 << shift, pinned: true));
            }
        }
    }

    /// <summary>A block of at least <paramref name="bytes"/>.</summary>
    public static byte[] Rent(int bytes)
    {
        int kind = BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, SmallestBytes))) - SmallestShift;
        if (kind >= Classes)
        {
            return new byte[bytes];
        }

        if (_held is { } held && held[kind].TryPop(out byte[]? block))
        {
            _heldBytes -= block.Length;
            return block;
        }

        return new byte[SmallestBytes << kind];
    }

    /// <summary>Takes a block back; one of another size or too many of them are left to the collector.</summary>
    public static void Return(byte[] block)
    {
        if (block.Length < SmallestBytes || !BitOperations.IsPow2(block.Length) || _heldBytes + block.Length > MaxHeldBytes)
        {
            return;
        }

        _held ??= Create();
        _heldBytes += block.Length;
        _held[BitOperations.Log2((uint)block.Length) - SmallestShift].Push(block);
    }

    private static Stack<byte[]>[] Create()
    {
        var stacks = new Stack<byte[]>[Classes];
        for (int i = 0; i < Classes; i++)
        {
            stacks[i] = new Stack<byte[]>(StackRoom);
        }

        return stacks;
    }
}
