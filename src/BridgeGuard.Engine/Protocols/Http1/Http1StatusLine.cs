using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http1;

internal enum StatusLineKind : byte
{
    /// <summary>A status line begins here.</summary>
    Line,

    /// <summary>Bytes before a status line that clients skip.</summary>
    Junk,

    /// <summary>No status line: the bytes are a body.</summary>
    Body,
    NeedMore,
}

/// <summary>Recognises and reads status lines (RFC 9112 §4).</summary>
internal static class Http1StatusLine
{
    /// <summary>Lines before a status line that are searched.</summary>
    private const int MaxJunkLines = 4;

    /// <summary>Could a response begin here? True also for a prefix too short to say.</summary>
    public static bool Begins(ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> start = SkipBlank(text);
        int compared = Math.Min(start.Length, 4);
        return Http1Text.EqualsIgnoreCase(start[..compared], "HTTP"u8[..compared]);
    }

    /// <summary>Too few bytes to say whether a response begins here; false behind more blanks than are passed over.</summary>
    public static bool IsTooShort(ReadOnlySpan<byte> text) => text.Length <= Http1Limits.MaxJunkBytes && Begins(text) && SkipBlank(text).Length < 4;

    /// <summary>What stands at the place of a status line.</summary>
    /// <param name="rest">Not empty.</param>
    /// <param name="isEnd">Nothing follows.</param>
    /// <param name="junk">With <see cref="StatusLineKind.Junk"/>: bytes to skip.</param>
    public static StatusLineKind Classify(ReadOnlySpan<byte> rest, bool isEnd, out int junk)
    {
        junk = 0;
        int at = 0;
        for (int line = 0; line < MaxJunkLines && at <= Http1Limits.MaxJunkBytes; line++)
        {
            ReadOnlySpan<byte> text = SkipBlank(rest[at..]);
            int skipped = rest.Length - text.Length;
            if (text.Length < 4)
            {
                if (Begins(text) || text.IndexOf((byte)'\n') < 0)
                {
                    return isEnd ? StatusLineKind.Body : StatusLineKind.NeedMore;
                }
            }
            else if (Begins(text))
            {
                junk = skipped;
                return skipped == 0 ? StatusLineKind.Line : StatusLineKind.Junk;
            }

            int lf = text.IndexOf((byte)'\n');
            if (lf < 0)
            {
                return isEnd || text.Length > Http1Limits.MaxJunkBytes ? StatusLineKind.Body : StatusLineKind.NeedMore;
            }

            at = skipped + lf + 1;
        }

        return StatusLineKind.Body;
    }

    /// <summary>Takes the line apart.</summary>
    public static void Read(Http1Transaction transaction)
    {
        Http1Message message = transaction.Response;
        ReadOnlySpan<byte> line = message.Line.Span;
        int protocolEnd = EndOfToken(line, 0);
        message.Protocol = new Slice(0, protocolEnd);
        message.Version = ReadVersion(line[..protocolEnd]);
        if (message.Version == 0)
        {
            transaction.Raise(Http1Anomaly.ResponseLineInvalidProtocol);
        }

        int statusStart = SkipBlanks(line, protocolEnd);
        int statusEnd = EndOfToken(line, statusStart);
        message.First = new Slice(statusStart, statusEnd - statusStart);
        int reason = SkipBlanks(line, statusEnd);
        ReadOnlySpan<byte> text = Http1Text.TrimEnd(line[reason..]);
        message.Second = new Slice(reason, text.Length);
        transaction.Status = ReadStatus(line[statusStart..statusEnd]);
        if (transaction.Status == 0)
        {
            transaction.Raise(Http1Anomaly.ResponseLineInvalidResponseStatus);
        }
    }

    /// <summary>9, 100 or 101; 0: something else.</summary>
    public static short ReadVersion(ReadOnlySpan<byte> protocol)
    {
        if (protocol.Length != 8 || !Http1Text.StartsWithIgnoreCase(protocol, "HTTP/"u8))
        {
            return 0;
        }

        ReadOnlySpan<byte> number = protocol[5..];
        return number.SequenceEqual("1.1"u8) ? (short)101 : number.SequenceEqual("1.0"u8) ? (short)100 : number.SequenceEqual("0.9"u8) ? (short)9 : (short)0;
    }

    private static int ReadStatus(ReadOnlySpan<byte> text)
    {
        if (text.Length != 3 || text.IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0)
        {
            return 0;
        }

        int status = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
        return status >= 100 ? status : 0;
    }

    private static int EndOfToken(ReadOnlySpan<byte> line, int from)
    {
        while (from < line.Length && !Http1Text.IsSpace(line[from]))
        {
            from++;
        }

        return from;
    }

    private static int SkipBlanks(ReadOnlySpan<byte> line, int from)
    {
        while (from < line.Length && Http1Text.IsSpace(line[from]))
        {
            from++;
        }

        return from;
    }

    private static ReadOnlySpan<byte> SkipBlank(ReadOnlySpan<byte> text)
    {
        int start = 0;
        while (start < text.Length && (Http1Text.IsSpace(text[start]) || text[start] == 0))
        {
            start++;
        }

        return text[start..];
    }
}
