namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>How the bytes that <c>byte_test</c> and its relatives read are turned into a number.</summary>
public enum ByteFormat : byte
{
    /// <summary>Binary, most significant byte first.</summary>
    BigEndian,

    /// <summary>Binary, least significant byte first.</summary>
    LittleEndian,

    /// <summary>Binary, in the order that the DCE/RPC header of the transaction announces.</summary>
    Dce,

    /// <summary>Text in C's notation: 0x hexadecimal, 0 octal, else decimal.</summary>
    Text,

    /// <summary>Hexadecimal text.</summary>
    Hexadecimal,

    /// <summary>Decimal text.</summary>
    Decimal,

    /// <summary>Octal text.</summary>
    Octal,
}

/// <summary>Reads numbers out of buffers.</summary>
public static class ByteNumber
{
    /// <summary>The most bytes that a binary number may have.</summary>
    public const int MaxBinaryBytes = 8;

    /// <summary>The most characters that a number in text may have: 2^64 in octal and a sign.</summary>
    public const int MaxTextBytes = 23;

    /// <summary>Reads a number of 0 to 8 bytes, or of text.</summary>
    /// <param name="bytes">Exactly the bytes of the number.</param>
    /// <param name="format">How to read them.</param>
    /// <param name="dceLittleEndian">What <see cref="ByteFormat.Dce"/> stands for here.</param>
    /// <param name="value">The number; a negative number in text wraps.</param>
    /// <param name="length">How many bytes the number took; less than all when text ends earlier.</param>
    /// <returns>False for too many bytes, for text without a digit and for text beyond 64 bits.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, ByteFormat format, bool dceLittleEndian, out ulong value, out int length)
    {
        if (format >= ByteFormat.Text)
        {
            return TryReadText(bytes, format, out value, out length);
        }
        value = 0;
        length = bytes.Length;
        if (bytes.Length > MaxBinaryBytes)
        {
            return false;
        }
        bool little = format == ByteFormat.LittleEndian || (format == ByteFormat.Dce && dceLittleEndian);
        for (int i = 0; i < bytes.Length; i++)
        {
            value = (value << 8) | bytes[little ? bytes.Length - 1 - i : i];
        }
        return true;
    }

    /// <summary>As C's <c>strtoull</c>: blanks, a sign, a prefix, then digits up to the first other byte.</summary>
    private static bool TryReadText(ReadOnlySpan<byte> bytes, ByteFormat format, out ulong value, out int length)
    {
        value = 0;
        length = 0;
        int i = 0;
        while (i < bytes.Length && bytes[i] is (byte)' ' or (>= 9 and <= 13))
        {
            i++;
        }
        bool negative = i < bytes.Length && bytes[i] == '-';
        if (negative || (i < bytes.Length && bytes[i] == '+'))
        {
            i++;
        }
        uint radix = RadixOf(format, bytes[i..], out int prefix);
        i += prefix;
        int first = i;
        for (; i < bytes.Length && DigitOf(bytes[i]) < radix; i++)
        {
            UInt128 next = ((UInt128)value * radix) + DigitOf(bytes[i]);
            if (next > ulong.MaxValue)
            {
                return false;
            }
            value = (ulong)next;
        }
        length = i;
        value = negative ? 0 - value : value;
        return i > first;
    }

    private static uint RadixOf(ByteFormat format, ReadOnlySpan<byte> bytes, out int prefix)
    {
        bool hexPrefix = bytes.Length > 2 && bytes[0] == '0' && (bytes[1] | 0x20) == 'x' && DigitOf(bytes[2]) < 16;
        bool hex = format == ByteFormat.Hexadecimal || (format == ByteFormat.Text && hexPrefix);
        prefix = hex && hexPrefix ? 2 : 0;
        return format switch
        {
            ByteFormat.Decimal => 10,
            ByteFormat.Octal => 8,
            _ => hex ? 16u : bytes.Length > 0 && bytes[0] == '0' ? 8u : 10u,
        };
    }

    private static uint DigitOf(byte value) => value switch
    {
        >= (byte)'0' and <= (byte)'9' => (uint)(value - '0'),
        >= (byte)'a' and <= (byte)'f' => (uint)(value - 'a' + 10),
        >= (byte)'A' and <= (byte)'F' => (uint)(value - 'A' + 10),
        _ => uint.MaxValue,
    };
}
