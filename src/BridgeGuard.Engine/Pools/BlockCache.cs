using System.Numerics;

namespace BridgeGuard.Engine.Pools;

/// <summary>Byte arrays between two uses, per thread: what one body or file gave back serves the next without the collector.</summary>
/// <remarks>
/// Sizes are powers of two. A worker is one thread, so nothing is shared and nothing is locked; at most <see cref="MaxHeldBytes"/> wait here, what comes beyond goes
/// to the collector. A block has one owner from <see cref="Rent"/> to <see cref="Return"/>; its content is what the last owner left.
/// </remarks>
internal static class BlockCache
{
    /// <summary>Smaller arrays stay with their owners.</summary>
    public const int SmallestBytes = 1 << 10;

    /// <summary>A window of every size in flight at once (body, file, decoder), several times over; ours.</summary>
    public const long MaxHeldBytes = 32L << 20;
    private const int SmallestShift = 10;
    private const int Classes = 31 - SmallestShift;

    [ThreadStatic]
    private static Stack<byte[]>[]? _held;

    [ThreadStatic]
    private static long _heldBytes;

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
            stacks[i] = new Stack<byte[]>();
        }

        return stacks;
    }
}
