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
            consumed = total;
            return End(transaction, message, toServer, isTrailer, limits);
        }

        if (isDeformed || line.IndexOfAnyExcept((byte)' ', (byte)'\t') < 0)
        {
            return ReadBlank(rest, isDeformed, total, transaction, message, toServer, isTrailer, limits, isEnd, out consumed);
        }

        if (message.RawHeaders.Length + total <= Http1Limits.MaxHeadBytes)
        {
            message.RawHeaders.Append(rest[..total]);
        }

        consumed = total;
        TakeLine(line, transaction, message, toServer, isTrailer, limits);
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
        ReadOnlySpan<byte> after = rest[total..];
        bool? goesOn = after.IsEmpty ? (isEnd ? false : null)
            : after[0] is (byte)'\r' or (byte)'\n' or (byte)' ' or (byte)'\t' ? true
            : Http1Lines.BeginsField(after, isEnd);
        if (goesOn is null)
        {
            return HeadStep.NeedMore;
        }

        consumed = total;
        if (goesOn == false)
        {
            return End(transaction, message, toServer, isTrailer, limits);
        }

        if (isDeformed)
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
        else if (isContinuation)
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
