using System.Text;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>Text of SMB: UTF-16, little-endian, or an eight-bit code page. Kept as UTF-8 and as it is, respectively.</summary>
internal static class SmbText
{
    /// <summary>Appends UTF-16 text as UTF-8, up to its end or a limit; an odd byte at the end is left out.</summary>
    public static Slice AppendUtf16(ByteBuffer text, ReadOnlySpan<byte> bytes)
    {
        int start = text.Length;
        int length = Math.Min(bytes.Length, 2 * SmbLimits.MaxNameBytes) & ~1;
        for (int i = 0; i < length; i += 2)
        {
            char unit = Unit(bytes, i);
            Rune rune;
            if (char.IsHighSurrogate(unit) && i + 2 < length && char.IsLowSurrogate(Unit(bytes, i + 2)))
            {
                rune = new Rune(unit, Unit(bytes, i + 2));
                i += 2;
            }
            else
            {
                rune = char.IsSurrogate(unit) ? Rune.ReplacementChar : new Rune(unit);
            }

            text.Commit(rune.EncodeToUtf8(text.Reserve(4)));
        }

        return new Slice(start, text.Length - start);
    }

    public static Slice AppendBytes(ByteBuffer text, ReadOnlySpan<byte> bytes) => text.Append(bytes[..Math.Min(bytes.Length, SmbLimits.MaxNameBytes)]);

    public static Slice Append(ByteBuffer text, ReadOnlySpan<byte> bytes, bool isUnicode) =>
        isUnicode ? AppendUtf16(text, bytes) : AppendBytes(text, bytes);

    /// <summary>Takes text up to its terminator (which is taken too) or the end.</summary>
    public static ReadOnlySpan<byte> TakeTerminated(scoped ref ReadOnlySpan<byte> rest, bool isUnicode)
    {
        int end = isUnicode ? IndexOfTerminator(rest) : rest.IndexOf((byte)0);
        int width = isUnicode ? 2 : 1;
        ReadOnlySpan<byte> text = end < 0 ? rest : rest[..end];
        rest = end < 0 ? default : rest[Math.Min(end + width, rest.Length)..];
        return text;
    }

    private static int IndexOfTerminator(ReadOnlySpan<byte> rest)
    {
        for (int i = 0; i + 1 < rest.Length; i += 2)
        {
            if (rest[i] == 0 && rest[i + 1] == 0)
            {
                return i;
            }
        }

        return -1;
    }

    private static char Unit(ReadOnlySpan<byte> bytes, int at) => (char)(bytes[at] | (bytes[at + 1] << 8));
}
