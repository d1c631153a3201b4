namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>The operands of a byte keyword at match time, with variables replaced by their values.</summary>
/// <param name="Count">Bytes to read.</param>
/// <param name="Offset">Where to read.</param>
/// <param name="Operand">The value to compare with (<c>byte_test</c>) or the right-hand value (<c>byte_math</c>); else unused.</param>
/// <param name="DceLittleEndian">The byte order that a DCE/RPC header announced; only for the format Dce.</param>
public readonly record struct ByteValues(ulong Count, long Offset, ulong Operand, bool DceLittleEndian = false);

/// <summary>Finding and reading the number that a byte keyword is about.</summary>
internal static class ByteField
{
    /// <summary>Reads the number at an offset from the buffer's start or from the cursor.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="origin">What the offset counts from: 0 or the cursor behind the last match.</param>
    /// <param name="values">Count and offset.</param>
    /// <param name="format">How to read.</param>
    /// <param name="number">The number.</param>
    /// <param name="end">Just behind what the number took.</param>
    /// <returns>False when the field is not wholly inside the buffer or is no number.</returns>
    public static bool TryRead(
        ReadOnlySpan<byte> buffer, int origin, in ByteValues values, ByteFormat format, out ulong number, out int end)
    {
        number = 0;
        end = 0;
        long start = origin + values.Offset;
        if (start < 0 || start > buffer.Length || values.Count > (ulong)(buffer.Length - start))
        {
            return false;
        }
        int count = (int)values.Count;
        if (format >= ByteFormat.Text)
        {
            if (count > ByteNumber.MaxTextBytes)
            {
                return false;
            }
            if (count == 0)
            {
                count = Math.Min(buffer.Length - (int)start, ByteNumber.MaxTextBytes); // Suricata reads all there is.
            }
        }
        bool read = ByteNumber.TryRead(buffer.Slice((int)start, count), format, values.DceLittleEndian, out number, out int length);
        end = (int)start + length;
        return read;
    }

    /// <summary>The masked number, shifted right by the mask's trailing zeros.</summary>
    public static ulong Mask(ulong number, ulong? mask) =>
        mask is not { } bits ? number : bits == 0 ? 0 : (number & bits) >> System.Numerics.BitOperations.TrailingZeroCount(bits);
}
