using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>Hashes ever more of a buffer's first or last bytes, each byte once.</summary>
/// <remarks>Bytes are folded as in <see cref="FoldedHash"/>. Widths must be asked for in ascending order.</remarks>
internal ref struct EdgeHasher
{
    private readonly ReadOnlySpan<byte> _buffer;
    private readonly bool _fromEnd;
    private readonly ulong _outermost;
    private ulong _state;
    private int _hashed;

    public EdgeHasher(ReadOnlySpan<byte> buffer, bool fromEnd)
    {
        _buffer = buffer;
        _fromEnd = fromEnd;
        if (buffer.Length >= sizeof(ulong))
        {
            _outermost = BinaryPrimitives.ReadUInt64LittleEndian(fromEnd ? buffer[^sizeof(ulong)..] : buffer);
        }
        else if (!buffer.IsEmpty)
        {
            ulong word = FoldedHash.Load(buffer, 0);
            _outermost = fromEnd ? word << (64 - (8 * buffer.Length)) : word;
        }
    }

    /// <summary>The hash of the outermost bytes.</summary>
    /// <param name="width">1 to the buffer's length; up to 8, or at least 12.</param>
    public uint HashOf(int width)
    {
        if (width <= sizeof(ulong))
        {
            int unused = 64 - (8 * width);
            ulong key = _fromEnd ? _outermost >> unused : _outermost << unused >> unused;
            return (uint)(((key | FoldedHash.Fold) * FoldedHash.Multiplier) >> 32);
        }
        while (_hashed + sizeof(ulong) <= width)
        {
            _state = Mix(_state ^ (WordAt(_hashed) | FoldedHash.Fold));
            _hashed += sizeof(ulong);
        }
        // A last word that overlaps the one before it, for widths that are no multiple of eight.
        ulong state = _hashed == width ? _state : Mix(_state ^ (WordAt(width - sizeof(ulong)) | FoldedHash.Fold));
        return (uint)(state >> 32);
    }

    private readonly ulong WordAt(int distance) =>
        BinaryPrimitives.ReadUInt64LittleEndian(_fromEnd ? _buffer[^(distance + sizeof(ulong))..] : _buffer[distance..]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per word of each anchored look-up; measured by PrefilterBenchmarks.
    private static ulong Mix(ulong value)
    {
        value *= FoldedHash.Multiplier;
        return value ^ (value >> 29);
    }
}
