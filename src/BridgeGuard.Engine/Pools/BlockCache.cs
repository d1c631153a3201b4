namespace BridgeGuard.Engine.Pools;

/// <summary>Byte arrays between two uses, per thread: what one body or file gave back serves the next without the collector.</summary>
/// <remarks>
/// Sizes are powers of two. A worker is one thread, so nothing is shared and nothing is locked; at most <see cref="MaxHeldBytes"/> wait here, what comes beyond goes
/// to the collector. A block has one owner from <see cref="Rent"/> to <see cref="Return"/>; its content is what the last owner left.
/// </remarks>
internal static class BlockCache
{
    /// <summary>The smallest block.</summary>
    public const int SmallestBytes = 64;

    /// <summary>What <see cref="Fill"/> puts here, and a window of every size in flight at once (body, file, decoder) several times over; ours.</summary>
    public const long MaxHeldBytes = 48L << 20;

    private const int LargestBytes = 1 << 30;

    /// <summary>Largest block that is made before it is asked for, 1 MiB: Suricata's stream depth, above which nothing is buffered.</summary>
    private const int LargestFilledBytes = 1 << 20;

    /// <summary>Bytes of each size, so that a burst of streams which all hold data finds its blocks; at least four blocks of each, at most so many. Ours.</summary>
    private const int FilledBytesEach = 1 << 21;
    private const int LeastFilled = 4;
    private const int MostFilled = 2048;

    [ThreadStatic]
    private static ArrayShelves<byte>? _held;

    [ThreadStatic]
    private static long _heldBytes;

    [ThreadStatic]
    private static bool _isFilled;

    /// <summary>(All that <see cref="Fill"/> makes of the smallest size has room before a shelf grows.)</summary>
    private static ArrayShelves<byte> Held => _held ??= new ArrayShelves<byte>(SmallestBytes, LargestBytes, MostFilled);

    /// <summary>
    /// Puts blocks of every size here, once for the calling thread, so that later bursts take nothing from the collector. The memory becomes resident when a block is first used.
    /// </summary>
    public static void Fill()
    {
        if (!_isFilled)
        {
            _isFilled = true;
            _heldBytes += Held.Fill(LargestFilledBytes, FilledBytesEach, LeastFilled, MostFilled, MaxHeldBytes - _heldBytes);
        }
    }

    /// <summary>A block of at least <paramref name="bytes"/>.</summary>
    public static byte[] Rent(int bytes)
    {
        if (bytes > LargestBytes)
        {
            return new byte[bytes];
        }

        ArrayShelves<byte> held = Held;
        byte[] block = held.Take(held.Fitting(bytes), out bool isNew);
        _heldBytes -= isNew ? 0 : block.Length;
        return block;
    }

    /// <summary>Takes a block back; one of another size or too many of them are left to the collector.</summary>
    public static void Return(byte[] block)
    {
        ArrayShelves<byte> held = Held;
        if (held.Holds(block.Length) && _heldBytes + block.Length <= MaxHeldBytes)
        {
            _heldBytes += block.Length;
            held.Put(block);
        }
    }
}
