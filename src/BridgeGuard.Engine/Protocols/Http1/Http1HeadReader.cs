namespace BridgeGuard.Engine.Protocols.Http1;

internal enum HeadStep : byte
{
    /// <summary>A line was taken.</summary>
    Line,

    /// <summary>The head is over.</summary>
    End,
    NeedMore,
    TooLong,
}

/// <summary>Reads header lines as lenient clients do: unfolds, accepts odd line ends, and tells an odd empty line from a line of white space.</summary>
internal static class Http1HeadReader
{
    /// <summary>Blanks between a lone CR and a field, in bytes; behind more the head is over.</summary>
    private const int MaxBlanks = 128;

    /// <summary>Takes one header line.</summary>
    /// <param name="rest">Begins with the line.</param>
    /// <param name="transaction">Gets anomalies.</param>
    /// <param name="message">Gets fields.</param>
    /// <param name="toServer">It is a request.</param>
    /// <param name="isTrailer">The lines stand behind a chunked body.</param>
    /// <param name="limits">Caps.</param>
    /// <param name="isEnd">Nothing follows.</param>
    /// <param name="consumed">Bytes taken.</param>
    public static HeadStep Read(
        ReadOnlySpan<byte> rest, Http1Transaction transaction, Http1Message message, bool toServer, bool isTrailer, Http1Limits limits, bool isEnd, out int consumed)
    {
        consumed = 0;
        bool isResponseHead = !toServer && !isTrailer;
        if (isResponseHead && message.EndsWithLf && !rest.IsEmpty && rest[0] == '\r')
        {
            if (rest.Length == 1 && !isEnd)
            {
                return HeadStep.NeedMore;
            }

            if (rest.Length > 1 && rest[1] is not ((byte)'\r' or (byte)'\n'))
            {
                message.EndsWithLf = false;
                KeepRaw(rest[..1], message);
                consumed = 1;
                return HeadStep.Line;
            }
        }

        if (isResponseHead && message.RawHeaders.Length == 0 && !rest.IsEmpty && rest[0] == '\n')
        {
            return ReadLoneLf(rest, transaction, message, limits, isEnd, out consumed);
        }

        if (Http1Lines.Find(rest, !toServer, isEnd, out int length, out int total) == LineStatus.NeedMore)
        {
            return rest.Length > limits.MetaFieldBytes ? HeadStep.TooLong : HeadStep.NeedMore;
        }

        if (total > limits.MetaFieldBytes)
        {
            return HeadStep.TooLong;
        }

        ReadOnlySpan<byte> line = rest[..length];
        bool isDeformed = length == 0 && total > 2;
        if (length == 0 && !isDeformed)
        {
            return isResponseHead && rest[0] == '\r' && total == 1
                ? ReadLoneCr(rest, transaction, message, limits, isEnd, out consumed)
                : EndAt(rest[..total], transaction, message, toServer, isTrailer, limits, out consumed);
        }

        bool isNul = isResponseHead && length == 1 && line[0] == 0 && total == 2;
        if (isDeformed || isNul || line.IndexOfAnyExcept((byte)' ', (byte)'\t') < 0)
        {
            return ReadBlank(rest, isDeformed, total, transaction, message, toServer, isTrailer, limits, isEnd, out consumed);
        }

        // CR CR LF behind a field: one line end, or a line end and the head's, by what follows.
        bool endsHead = false;
        if (isResponseHead && total - length > 2)
        {
            if (GoesOn(rest[total..], isEnd) is not { } goesOn)
            {
                return HeadStep.NeedMore;
            }

            endsHead = !goesOn;
        }

        KeepRaw(rest[..total], message);
        consumed = total;
        message.EndsWithLf = EndsWithBareLf(rest[..total]);
        TakeLine(line, transaction, message, toServer, isTrailer, limits);
        return endsHead ? End(transaction, message, toServer, isTrailer, limits) : HeadStep.Line;
    }

    /// <summary>Does a head go on with these bytes, behind what may have been its end? Null when more are needed to say.</summary>
    public static bool? GoesOn(ReadOnlySpan<byte> after, bool isEnd) => after.IsEmpty ? (isEnd ? false : null)
        : after[0] is (byte)'\r' or (byte)'\n' or (byte)' ' or (byte)'\t' ? true
        : Http1Lines.BeginsField(after, isEnd);

    /// <summary>LF without CR before it: a CR behind it belongs to the line end ("LF CR").</summary>
    public static bool EndsWithBareLf(ReadOnlySpan<byte> line) => line is [(byte)'\n'] or [.., not (byte)'\r', (byte)'\n'];

    private static void KeepRaw(ReadOnlySpan<byte> bytes, Http1Message message)
    {
        if (message.RawHeaders.Length + bytes.Length <= Http1Limits.MaxHeadBytes)
        {
            message.RawHeaders.Append(bytes);
        }
    }

    private static HeadStep EndAt(
        ReadOnlySpan<byte> line, Http1Transaction transaction, Http1Message message, bool toServer, bool isTrailer, Http1Limits limits, out int consumed)
    {
        consumed = line.Length;
        message.EndsWithLf |= EndsWithBareLf(line);
        return End(transaction, message, toServer, isTrailer, limits);
    }

    /// <summary>
    /// LF alone right behind the status line ends the head for clients. Suricata takes it for a field without anything where more follows, and the next line for what follows: an empty one is the
    /// head's here too, anything else stays the body.
    /// </summary>
    private static HeadStep ReadLoneLf(ReadOnlySpan<byte> rest, Http1Transaction transaction, Http1Message message, Http1Limits limits, bool isEnd, out int consumed)
    {
        consumed = 0;
        if (!isEnd && rest is [_] or [_, (byte)'\r'])
        {
            return HeadStep.NeedMore;
        }

        if (rest.Length > 1)
        {
            transaction.Raise(Http1Anomaly.ResponseFieldMissingColon);
        }

        int length = rest is [_, (byte)'\n', ..] ? 2 : rest is [_, (byte)'\r', (byte)'\n', ..] ? 3 : 1;
        return EndAt(rest[..length], transaction, message, toServer: false, isTrailer: false, limits, out consumed);
    }

    /// <summary>
    /// An empty line that a CR alone ends. Right behind the status line it is a field without anything; elsewhere it ends the head, unless blanks and a field follow.
    /// </summary>
    private static HeadStep ReadLoneCr(
        ReadOnlySpan<byte> rest, Http1Transaction transaction, Http1Message message, Http1Limits limits, bool isEnd, out int consumed)
    {
        consumed = 1;
        if (message.RawHeaders.Length == 0)
        {
            KeepRaw(rest[..1], message);
            message.HasPending = true;
            return HeadStep.Line;
        }

        // Behind LF CR the second CR is an empty line.
        ReadOnlySpan<byte> after = message.EndsWithLf ? default : rest[1..];
        int blanks = after.IndexOfAnyExcept((byte)' ', (byte)'\t', (byte)'\r');
        bool? isField = blanks == 0 || after.Length == 0 ? false
            : blanks > MaxBlanks || (blanks < 0 && after.Length > MaxBlanks) ? false
            : blanks < 0 ? (isEnd ? false : null)
            : Http1Lines.BeginsField(after[blanks..], isEnd);
        if (isField is null)
        {
            consumed = 0;
            return HeadStep.NeedMore;
        }

        message.EndsWithLf = false;
        if (isField == false)
        {
            return End(transaction, message, toServer: false, isTrailer: false, limits);
        }

        transaction.Raise(Http1Anomaly.DeformedEol);
        FinishPending(transaction, message, toServer: false, isTrailer: false, limits);
        KeepRaw(rest[..(1 + blanks)], message);
        consumed = 1 + blanks;
        return HeadStep.Line;
    }

    /// <summary>Finishes the field being read, at the end of a head that was cut off.</summary>
    public static HeadStep End(Http1Transaction transaction, Http1Message message, bool toServer, bool isTrailer, Http1Limits limits)
    {
        FinishPending(transaction, message, toServer, isTrailer, limits);
        return HeadStep.End;
    }

    /// <summary>
    /// A line of white space, or CR CR LF. Clients disagree whether it ends the head, so what follows decides: a field or another empty line
    /// means that the head goes on, anything else is the body.
    /// </summary>
    private static HeadStep ReadBlank(
        ReadOnlySpan<byte> rest, bool isDeformed, int total, Http1Transaction transaction, Http1Message message, bool toServer, bool isTrailer, Http1Limits limits, bool isEnd, out int consumed)
    {
        consumed = 0;
        if (isDeformed && isTrailer && !toServer)
        {
            transaction.Raise(Http1Anomaly.ResponseFieldMissingColon);
            return EndAt(rest[..total], transaction, message, toServer, isTrailer, limits, out consumed);
        }

        ReadOnlySpan<byte> after = rest[total..];
        bool? goesOn = GoesOn(after, isEnd);
        if (goesOn is null)
        {
            return HeadStep.NeedMore;
        }

        consumed = total;
        message.EndsWithLf = false;
        if (goesOn == false)
        {
            return End(transaction, message, toServer, isTrailer, limits);
        }

        if (!isDeformed && !message.HasPending)
        {
            // Nothing to be folded into: a field without anything.
            transaction.Raise(toServer, Http1Anomaly.RequestFieldMissingColon, Http1Anomaly.ResponseFieldMissingColon);
        }
        else if (isDeformed)
        {
            if (toServer)
            {
                transaction.Raise(Http1Anomaly.RequestFieldMissingColon);
            }
            else if (after.IsEmpty || after[0] is not ((byte)'\r' or (byte)'\n'))
            {
                transaction.Raise(Http1Anomaly.DeformedEol);
            }
        }

        return HeadStep.Line;
    }

    private static void TakeLine(ReadOnlySpan<byte> line, Http1Transaction transaction, Http1Message message, bool toServer, bool isTrailer, Http1Limits limits)
    {
        // A NUL before the text folds for the same readers for which a space does.
        bool isContinuation = Http1Text.IsBlank(line[0]) || line[0] == 0;
        if (isContinuation && message.HasPending)
        {
            ReadOnlySpan<byte> text = Http1Text.Trim(line.TrimStart((byte)0));
            // A field that hides behind a space: lenient readers take it as one of its own.
            if (Http1Lines.BeginsField(text, isEnd: true) != true)
            {
                message.Pending.Append((byte)' ');
                message.Pending.Append(text);
                return;
            }

            line = text;
        }
        else if (isContinuation && line.Contains((byte)':'))
        {
            transaction.Raise(toServer, Http1Anomaly.InvalidRequestFieldFolding, Http1Anomaly.InvalidResponseFieldFolding);
        }

        FinishPending(transaction, message, toServer, isTrailer, limits);
        message.Pending.Append(isContinuation ? Http1Text.TrimStart(line.TrimStart((byte)0)) : line);
        message.HasPending = true;
    }

    private static void FinishPending(Http1Transaction transaction, Http1Message message, bool toServer, bool isTrailer, Http1Limits limits)
    {
        if (!message.HasPending)
        {
            return;
        }

        message.HasPending = false;
        ReadOnlySpan<byte> line = message.Pending.Span;
        if (message.Fields.Count >= limits.MaxHeaders || message.Fields.Text.Length + line.Length > Http1Limits.MaxHeadBytes)
        {
            transaction.Raise(toServer, Http1Anomaly.RequestTooManyHeaders, Http1Anomaly.ResponseTooManyHeaders);
            message.Pending.Truncate(0);
            return;
        }

        int colon = line.IndexOf((byte)':');
        if (colon <= 0)
        {
            transaction.Raise(toServer, Http1Anomaly.RequestFieldMissingColon, Http1Anomaly.ResponseFieldMissingColon);
            AddField(transaction, message, default, Http1Text.Trim(colon == 0 ? line[1..] : line), toServer, isTrailer);
        }
        else
        {
            AddField(transaction, message, CleanName(line[..colon], transaction, toServer), Http1Text.Trim(line[(colon + 1)..]), toServer, isTrailer);
        }

        message.Pending.Truncate(0);
    }

    private static ReadOnlySpan<byte> CleanName(ReadOnlySpan<byte> name, Http1Transaction transaction, bool toServer)
    {
        ReadOnlySpan<byte> trimmed = name.TrimEnd(" \t"u8);
        if (trimmed.Length != name.Length)
        {
            transaction.Raise(toServer, Http1Anomaly.RequestInvalidLwsAfterName, Http1Anomaly.ResponseInvalidLwsAfterName);
        }
        else if (!Http1Text.IsToken(trimmed))
        {
            // Only of a request Suricata tells a zero byte apart.
            transaction.Raise(toServer, Http1Anomaly.RequestHeaderInvalid, Http1Anomaly.ResponseHeaderNameNotToken);
        }

        return trimmed;
    }

    private static void AddField(Http1Transaction transaction, Http1Message message, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, bool toServer, bool isTrailer)
    {
        bool isLength = Http1Text.EqualsIgnoreCase(name, "content-length"u8);
        if (!message.Fields.Add(name, value, isTrailer, join: !isLength))
        {
            return;
        }

        transaction.Raise(toServer, Http1Anomaly.RequestHeaderRepetition, Http1Anomaly.ResponseHeaderRepetition);
        if (isLength && message.Fields.TryGet("content-length"u8, out ReadOnlySpan<byte> first) && !first.SequenceEqual(value))
        {
            transaction.Raise(toServer, Http1Anomaly.DuplicateContentLengthFieldInRequest, Http1Anomaly.DuplicateContentLengthFieldInResponse);
        }
    }
}
