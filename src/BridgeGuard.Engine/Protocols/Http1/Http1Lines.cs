namespace BridgeGuard.Engine.Protocols.Http1;

internal enum LineStatus : byte
{
    Line,
    NeedMore,
}

/// <summary>Finds the end of a line the way lenient clients do: LF, CR LF, any run of CR before LF, and for header lines a lone CR.</summary>
internal static class Http1Lines
{
    /// <summary>Finds the first line.</summary>
    /// <param name="input">Begins with the line.</param>
    /// <param name="allowBareCr">A CR that is not followed by LF ends the line too.</param>
    /// <param name="isEnd">Nothing follows the input: a CR at its end is a line end.</param>
    /// <param name="length">Bytes of the line without its end.</param>
    /// <param name="total">With it.</param>
    public static LineStatus Find(ReadOnlySpan<byte> input, bool allowBareCr, bool isEnd, out int length, out int total)
    {
        length = 0;
        total = 0;
        int at = allowBareCr ? input.IndexOfAny((byte)'\r', (byte)'\n') : input.IndexOf((byte)'\n');
        if (at < 0)
        {
            return LineStatus.NeedMore;
        }

        if (!allowBareCr)
        {
            total = at + 1;
            length = TrimCr(input[..at]);
            return LineStatus.Line;
        }

        length = at;
        int after = at;
        while (after < input.Length && input[after] == '\r')
        {
            after++;
        }

        if (after == input.Length)
        {
            total = at + 1;
            return isEnd ? LineStatus.Line : LineStatus.NeedMore;
        }

        total = input[after] == '\n' ? after + 1 : at + 1;
        return LineStatus.Line;
    }

    /// <summary>Does a header field begin here? Null when more bytes are needed to say.</summary>
    public static bool? BeginsField(ReadOnlySpan<byte> text, bool isEnd)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == ':')
            {
                return i > 0;
            }

            if (!Http1Text.IsTokenByte(text[i]) || i > 128)
            {
                return false;
            }
        }

        return isEnd ? false : null;
    }

    private static int TrimCr(ReadOnlySpan<byte> line)
    {
        int length = line.Length;
        while (length > 0 && line[length - 1] == '\r')
        {
            length--;
        }

        return length;
    }
}
