using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Character classes and comparisons of HTTP/1 (RFC 9110 §5.6), and what lenient readers add to them.</summary>
internal static class Http1Text
{
    private static readonly SearchValues<byte> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    public static bool IsToken(ReadOnlySpan<byte> text) => text.IndexOfAnyExcept(Token) < 0;

    public static bool IsTokenByte(byte value) => Token.Contains(value);

    public static bool IsBlank(byte value) => value is (byte)' ' or (byte)'\t';

    /// <summary>Space, tab, CR, LF, vertical tab, form feed.</summary>
    public static bool IsSpace(byte value) => value is (byte)' ' or (>= 0x09 and <= 0x0d);

    public static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> text) => TrimEnd(TrimStart(text));

    public static ReadOnlySpan<byte> TrimStart(ReadOnlySpan<byte> text)
    {
        int start = 0;
        while (start < text.Length && IsSpace(text[start]))
        {
            start++;
        }

        return text[start..];
    }

    public static ReadOnlySpan<byte> TrimEnd(ReadOnlySpan<byte> text)
    {
        int end = text.Length;
        while (end > 0 && IsSpace(text[end - 1]))
        {
            end--;
        }

        return text[..end];
    }

    public static bool EqualsIgnoreCase(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) => Ascii.EqualsIgnoreCase(left, right);

    public static bool StartsWithIgnoreCase(ReadOnlySpan<byte> text, ReadOnlySpan<byte> start) =>
        text.Length >= start.Length && Ascii.EqualsIgnoreCase(text[..start.Length], start);

    /// <summary>Names that differ in the case of their letters only have equal hashes; others may have too, so names are compared afterwards.</summary>
    public static uint Hash(ReadOnlySpan<byte> name)
    {
        const ulong prime = 0x9E3779B97F4A7C15;
        ulong hash = (ulong)name.Length;
        while (name.Length >= sizeof(ulong))
        {
            hash = (hash ^ (BinaryPrimitives.ReadUInt64LittleEndian(name) | 0x2020202020202020)) * prime;
            hash ^= hash >> 32;
            name = name[sizeof(ulong)..];
        }

        ulong rest = 0;
        foreach (byte value in name)
        {
            rest = (rest << 8) | value | 0x20u;
        }

        hash = (hash ^ rest) * prime;
        return (uint)(hash >> 32);
    }

    public static byte Lower(byte value) => value is >= (byte)'A' and <= (byte)'Z' ? (byte)(value | 0x20) : value;

    /// <summary>Index of <paramref name="lowerNeedle"/> in any case and with control characters in between ignored; -1 without.</summary>
    public static bool ContainsLenient(ReadOnlySpan<byte> text, ReadOnlySpan<byte> lowerNeedle)
    {
        for (int start = 0; start < text.Length; start++)
        {
            int matched = 0;
            for (int i = start; i < text.Length && matched < lowerNeedle.Length; i++)
            {
                if (text[i] < 0x20)
                {
                    continue;
                }

                if (Lower(text[i]) != lowerNeedle[matched])
                {
                    break;
                }

                matched++;
            }

            if (matched == lowerNeedle.Length)
            {
                return true;
            }
        }

        return false;
    }

    public static int HexValue(byte value) => value switch
    {
        >= (byte)'0' and <= (byte)'9' => value - '0',
        >= (byte)'a' and <= (byte)'f' => value - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => value - 'A' + 10,
        _ => -1,
    };
}
