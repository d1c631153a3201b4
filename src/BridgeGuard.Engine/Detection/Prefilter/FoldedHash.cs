using System.Buffers.Binary;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>The hash that filters use: of bytes with bit 0x20 set, so that one table serves both cases.</summary>
/// <remarks>
/// Folding also merges some bytes that are no letters (0x00 with 0x20); that costs a few false candidates and no
/// correctness, because a comparison follows. Not keyed: a sender can provoke candidates, each of which costs one comparison.
/// </remarks>
internal static class FoldedHash
{
    /// <summary>Bit 0x20 of every byte.</summary>
    public const ulong Fold = 0x2020202020202020;

    /// <summary>An odd multiplier with well spread bits (2^64 divided by the golden ratio).</summary>
    public const ulong Multiplier = 0x9E3779B97F4A7C15;

    /// <summary>Eight bytes at <paramref name="position"/>, with zeros behind the end of the buffer.</summary>
    public static ulong Load(ReadOnlySpan<byte> buffer, int position)
    {
        if (position <= buffer.Length - sizeof(ulong))
        {
            return BinaryPrimitives.ReadUInt64LittleEndian(buffer[position..]);
        }
        ulong word = 0;
        for (int i = buffer.Length - 1; i >= position; i--)
        {
            word = (word << 8) | buffer[i];
        }
        return word;
    }

    /// <summary>The product of the first <paramref name="width"/> (1 to 8) bytes of a word; its high bits are the hash.</summary>
    public static ulong Product(ulong word, int width) => ((word | Fold) << (64 - (8 * width))) * Multiplier;
}
