namespace BridgeGuard.Engine.Detection;

/// <summary>Looks for one pattern in a buffer, with or without regard to ASCII case.</summary>
internal static class PatternSearch
{
    /// <summary>The first occurrence, -1 without. With <paramref name="ignoreCase"/> the pattern is lower case.</summary>
    public static int IndexOf(ReadOnlySpan<byte> buffer, ReadOnlySpan<byte> pattern, bool ignoreCase)
    {
        if (!ignoreCase || pattern.IsEmpty)
        {
            return buffer.IndexOf(pattern);
        }

        byte first = pattern[0];
        byte upper = char.IsAsciiLetterLower((char)first) ? (byte)(first - 0x20) : first;
        int from = 0;
        int last = buffer.Length - pattern.Length;
        while (from <= last)
        {
            int step = buffer[from..(last + 1)].IndexOfAny(first, upper);
            if (step < 0)
            {
                return -1;
            }

            from += step;
            if (EqualsAt(buffer.Slice(from, pattern.Length), pattern, true))
            {
                return from;
            }

            from++;
        }

        return -1;
    }

    public static bool EqualsAt(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> pattern, bool ignoreCase) =>
        ignoreCase ? System.Text.Ascii.EqualsIgnoreCase(bytes, pattern) || EqualsFolded(bytes, pattern) : bytes.SequenceEqual(pattern);

    /// <summary>Bytes of 128 and above are compared as they are; the framework's ASCII comparison refuses them.</summary>
    private static bool EqualsFolded(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> pattern)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            byte value = bytes[i];
            if (char.IsAsciiLetterUpper((char)value))
            {
                value |= 0x20;
            }

            if (value != pattern[i])
            {
                return false;
            }
        }

        return bytes.Length == pattern.Length;
    }
}
