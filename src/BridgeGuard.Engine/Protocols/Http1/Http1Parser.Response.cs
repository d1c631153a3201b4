using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>The states of the server's direction.</summary>
internal sealed partial class Http1Parser
{
    private enum ResponsePhase : byte
    {
        /// <summary>Between responses.</summary>
        Idle,
        Line,
        Headers,

        /// <summary>Behind the head of a 100 or 101 with fields of a body.</summary>
        Interim,
        Body,
        Trailer,

        /// <summary>The body is over; what stands in the same bytes may still belong to it.</summary>
        Tail,
        Resyncing,
        Ignored,
    }

    private ResponsePhase _responsePhase;
    private Http1Transaction? _responding;
    private Http1BodyReader _responseBody;
    private bool _hasBody;

    private Step ResponseStep(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        switch (_responsePhase)
        {
            case ResponsePhase.Idle:
                return BeginResponse(rest, in context);
            case ResponsePhase.Line:
                return ReadStatusLine(rest, in context);
            case ResponsePhase.Headers:
                return ReadResponseHeaders(rest, in context);
            case ResponsePhase.Interim:
                return ReadInterim(rest, in context);
            case ResponsePhase.Body:
                return ReadResponseBody(rest, in context);
            case ResponsePhase.Trailer:
                return ReadResponseTrailer(rest, in context);
            case ResponsePhase.Tail:
                return ReadTail(rest, in context);
            case ResponsePhase.Resyncing:
                return FindResponse(rest);
            default:
                return rest.IsEmpty ? Step.NeedMore : Step.Advance(rest.Length);
        }
    }

    private Step BeginResponse(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        if (rest.IsEmpty)
        {
            if (context.IsEnd)
            {
                EndWaiting();
            }

            return Step.NeedMore;
        }

        _responding = NextWaiting();
        if (_responding is null)
        {
            _responding = NewTransaction();
            if (_responding is null)
            {
                return Step.Stop;
            }

            _responding.IsRequestUnseen = true;
            _responding.Raise(Http1Anomaly.UnableToMatchResponseToRequest);
            Http1RequestLine.SetUnseen(_responding);
            _responding.ProgressToServer = Http1Progress.Complete;
        }

        _responding.Response.IsSeen = true;
        _responseFrame = OpenFrame(Http1Protocol.ResponseFrame, _responding, in context);
        _responsePhase = ResponsePhase.Line;
        return Step.Advance(0);
    }

    /// <summary>The oldest exchange whose response has not ended.</summary>
    private Http1Transaction? NextWaiting()
    {
        int open = OldestOpen(Direction.ToClient);
        return open < 0 ? null : (Http1Transaction)Transactions[open];
    }

    /// <summary>The server has closed: responses that never came will not come.</summary>
    private void EndWaiting() => _responsePhase = ResponsePhase.Ignored;

    private Step ReadStatusLine(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        Http1Transaction transaction = _responding!;
        switch (Http1StatusLine.Classify(rest, context.IsEnd, out int junk))
        {
            case StatusLineKind.NeedMore:
                return Step.NeedMore;
            case StatusLineKind.Body:
                // HTTP/0.9, or something that never was HTTP: clients show it.
                BeginResponseBody(transaction, in context);
                _responseBody.BeginToClose();
                return Step.Advance(0);
            case StatusLineKind.Junk:
                return Step.Advance(junk);
            default:
                break;
        }

        if (Http1Lines.Find(rest, allowBareCr: true, context.IsEnd, out int length, out int total) == LineStatus.NeedMore)
        {
            if (rest.Length > _limits.MetaFieldBytes)
            {
                transaction.Raise(Http1Anomaly.ResponseFieldTooLong);
                return Step.Stop;
            }

            if (!context.IsEnd)
            {
                return Step.NeedMore;
            }

            length = total = rest.Length;
        }

        bool endsHead = false;
        if (total - length > 2)
        {
            if (Http1HeadReader.GoesOn(rest[total..], context.IsEnd) is not { } goesOn)
            {
                return Step.NeedMore;
            }

            endsHead = !goesOn;
        }

        transaction.Response.Line.Append(rest[..length]);
        Http1StatusLine.Read(transaction);
        transaction.ProgressToClient = Http1Progress.Headers;
        _responsePhase = ResponsePhase.Headers;
        if (endsHead)
        {
            OnResponseHead(rest[total..], in context);
        }

        return Step.Advance(total);
    }

    private Step ReadResponseHeaders(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        Http1Transaction transaction = _responding!;
        HeadStep step = Http1HeadReader.Read(
            rest, transaction, transaction.Response, toServer: false, isTrailer: false, _limits, context.IsEnd, out int consumed);
        switch (step)
        {
            case HeadStep.Line:
                return Step.Advance(consumed);
            case HeadStep.End:
                OnResponseHead(rest[consumed..], in context);
                return Step.Advance(consumed);
            case HeadStep.TooLong:
                transaction.Raise(Http1Anomaly.ResponseFieldTooLong);
                return Step.Stop;
            default:
                if (!context.IsEnd)
                {
                    return Step.NeedMore;
                }

                Http1HeadReader.End(transaction, transaction.Response, toServer: false, isTrailer: false, _limits);
                CompleteResponse(transaction);
                _responsePhase = ResponsePhase.Ignored;
                return Step.Advance(rest.Length);
        }
    }

    private void OnResponseHead(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        Http1Transaction transaction = _responding!;
        Http1Message message = transaction.Response;
        if (transaction.Status == 101 && !transaction.IsConnect && HasBodyFields(message))
        {
            transaction.Raise(Http1Anomaly.SwitchingProtoWithContentLength);
        }

        if (transaction.Status is 100 or 101 && PromisesBody(message))
        {
            _responsePhase = ResponsePhase.Interim;
            return;
        }

        FinishHead(rest, hasBody: false, in context);
    }

    private void FinishHead(ReadOnlySpan<byte> rest, bool hasBody, in ParseContext context)
    {
        Http1Transaction transaction = _responding!;
        Http1Message message = transaction.Response;
        if (transaction.Status == 100 && !hasBody)
        {
            TakeContinue(transaction);
            return;
        }

        transaction.ResetDerived();
        if (TakeProtocolSwitch(transaction, in context))
        {
            return;
        }

        if (message.Fields.TryGet("content-type"u8, out ReadOnlySpan<byte> type) && Http1Text.StartsWithIgnoreCase(type, "multipart/byteranges"u8)
            && !message.Fields.TryGet("content-length"u8, out _))
        {
            transaction.Raise(Http1Anomaly.ResponseMultipartByteranges);
        }

        BeginCodings(transaction, message, _responseSink.Decoder);
        bool hasLength = TryReadLength(transaction, message, toServer: false, out long length);
        bool isChunked = IsChunked(transaction, message, toServer: false);
        if (isChunked && message.Version < 101)
        {
            transaction.Raise(Http1Anomaly.ResponseChunkedOldProto);
        }

        bool isHead = transaction.Request.Line[transaction.Request.First].SequenceEqual("HEAD"u8);
        if (isHead || IsBodyless(transaction.Status))
        {
            if (!isHead && (hasBody || isChunked || hasLength))
            {
                transaction.Raise(Http1Anomaly.ResponseBodyUnexpected);
            }

            if (isHead || rest.IsEmpty || Http1StatusLine.Begins(rest) || !(hasBody || isChunked || (hasLength && length > 0)))
            {
                _hasBody = false;
                _responsePhase = ResponsePhase.Tail;
                return;
            }
        }

        if (isChunked)
        {
            _responseBody.BeginChunked();
        }
        else if (hasLength)
        {
            _responseBody.BeginLength(length);
        }
        else
        {
            _responseBody.BeginToClose();
        }

        BeginResponseBody(transaction, in context);
    }

    /// <summary>1xx, 204 and 304 have no body (RFC 9112 §6.3), whatever their length field says.</summary>
    private static bool IsBodyless(int status) => status is 204 or 304 or (>= 100 and < 200);

    private void BeginResponseBody(Http1Transaction transaction, in ParseContext context)
    {
        _responseSink.Begin(transaction, wantsFile: true, _responseBody.IsByLength ? _responseBody.Remaining : -1);
        if (context.Files.IsJudging && transaction.Response.Fields.TryGet("content-type"u8, out ReadOnlySpan<byte> type))
        {
            _responseSink.ByteRanges.TryBegin(type);
        }

        transaction.ProgressToClient = Http1Progress.Body;
        _responsePhase = ResponsePhase.Body;
        _hasBody = true;
    }

    private Step ReadResponseBody(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        Http1Transaction transaction = _responding!;
        if (transaction.Response.EndsWithLf && !rest.IsEmpty)
        {
            if (rest is [(byte)'\r'] && !context.IsEnd)
            {
                return Step.NeedMore;
            }

            transaction.Response.EndsWithLf = false;
            if (rest is [(byte)'\r', not (byte)'\n', ..])
            {
                return Step.Advance(1);
            }
        }

        BodyStep step = _responseBody.Read(rest, out int consumed);
        transaction.Response.WireBytes += consumed;
        switch (step)
        {
            case BodyStep.Data:
                _responseSink.Feed(rest[..consumed], transaction, in context);
                return Step.Advance(consumed);
            case BodyStep.Framing:
                ReportExtension(transaction, ref _responseBody, toServer: false);
                return Step.Advance(consumed);
            case BodyStep.Trailer:
                ReportExtension(transaction, ref _responseBody, toServer: false);
                _responseSink.ShowAll(transaction);
                transaction.ProgressToClient = Http1Progress.Trailer;
                _responsePhase = ResponsePhase.Trailer;
                return Step.Advance(consumed);
            case BodyStep.Done:
                _responsePhase = ResponsePhase.Tail;
                return Step.Advance(consumed);
            case BodyStep.BadChunk:
                transaction.Raise(Http1Anomaly.InvalidResponseChunkLen);
                _responseBody.BeginToClose();
                return Step.Advance(0);
            default:
                return context.IsEnd ? EndResponseBody(rest, transaction, in context) : Step.NeedMore;
        }
    }

    /// <summary>The server closed within a body: what waited for more framing is shown as it is.</summary>
    private Step EndResponseBody(ReadOnlySpan<byte> rest, Http1Transaction transaction, in ParseContext context)
    {
        if (!Http1Text.TrimStart(rest).IsEmpty && !transaction.Response.Body.HasBytes)
        {
            transaction.Raise(Http1Anomaly.InvalidResponseChunkLen);
            _responseBody.BeginToClose();
            return Step.Advance(0);
        }

        _responseSink.Finish(transaction, EndState(in _responseBody), in context);
        CompleteResponse(transaction);
        _responsePhase = ResponsePhase.Ignored;
        return Step.Advance(rest.Length);
    }

    /// <summary>
    /// Behind a response: the next one, or bytes that its framing left out. A client that reads to the close shows those, so they are taken as body when they come
    /// together with its end, line by line as in Suricata, so that a status line behind them is not hidden.
    /// </summary>
    private Step ReadTail(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        Http1Transaction transaction = _responding!;
        ReadOnlySpan<byte> text = Http1Text.TrimStart(rest);
        bool isTooShortToSay = !text.IsEmpty && text.Length < 4 && Http1StatusLine.Begins(text);
        if (isTooShortToSay && !context.IsEnd)
        {
            return Step.NeedMore;
        }

        // A lone LF before a status line belongs to it.
        int lf = rest.IndexOf((byte)'\n');
        ReadOnlySpan<byte> line = Http1Text.TrimStart(lf > 0 ? rest[..(lf + 1)] : rest);
        if (rest.IsEmpty || (!isTooShortToSay && !line.IsEmpty && Http1StatusLine.Begins(line)))
        {
            FinishResponse(in context, _hasBody);
            return Step.Advance(0);
        }

        if (!_hasBody)
        {
            _responseBody.BeginToClose();
            BeginResponseBody(transaction, in context);
            _responsePhase = ResponsePhase.Tail;
        }

        int length = lf < 0 ? rest.Length : lf + 1;
        if (lf >= 0)
        {
            transaction.Raise(Http1Anomaly.ResponseBodyUnexpected);
        }

        transaction.Response.WireBytes += length;
        _responseSink.Feed(rest[..length], transaction, in context);
        if (length == rest.Length)
        {
            FinishResponse(in context, withBody: true);
        }

        return Step.Advance(length);
    }

    private Step ReadResponseTrailer(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        Http1Transaction transaction = _responding!;
        HeadStep step = Http1HeadReader.Read(
            rest, transaction, transaction.Response, toServer: false, isTrailer: true, _limits, context.IsEnd, out int consumed);
        switch (step)
        {
            case HeadStep.Line:
                return Step.Advance(consumed);
            case HeadStep.TooLong:
                transaction.Raise(Http1Anomaly.ResponseFieldTooLong);
                return Step.Stop;
            case HeadStep.NeedMore when !context.IsEnd:
                return Step.NeedMore;
            case HeadStep.End:
                _responsePhase = ResponsePhase.Tail;
                return Step.Advance(consumed);
            default:
                FinishResponse(in context, withBody: true);
                return Step.Advance(rest.Length);
        }
    }

    private void FinishResponse(in ParseContext context, bool withBody)
    {
        Http1Transaction transaction = _responding!;
        if (withBody)
        {
            _responseSink.Finish(transaction, FileState.Closed, in context);
        }

        CompleteResponse(transaction);
        _responsePhase = ResponsePhase.Idle;
    }

    private void CompleteResponse(Http1Transaction transaction)
    {
        transaction.Response.Body.IsComplete = true;
        transaction.ProgressToClient = Http1Progress.Complete;
        _responding = null;
    }

    private void ResponseGap(long bytes, in ParseContext context)
    {
        if (_responsePhase == ResponsePhase.Ignored)
        {
            return;
        }

        if (_responsePhase == ResponsePhase.Body && _responding is { } transaction)
        {
            transaction.Response.HasGap = true;
            transaction.Response.WireBytes += bytes;
            long beyond = _responseBody.Skip(bytes);
            _responseSink.Gap(transaction, bytes - beyond, in context);
            if (beyond == 0)
            {
                return;
            }

            _responseSink.Finish(transaction, FileState.Truncated, in context);
        }

        if (_responding is { } cut)
        {
            CompleteResponse(cut);
        }

        _responsePhase = ResponsePhase.Resyncing;
    }

    private Step FindResponse(ReadOnlySpan<byte> rest)
    {
        if (rest.Length >= 5 && Http1StatusLine.Begins(rest))
        {
            _responsePhase = ResponsePhase.Idle;
            return Step.Advance(0);
        }

        int lf = rest.IndexOf((byte)'\n');
        return lf >= 0 ? Step.Advance(lf + 1)
            : rest.Length > _limits.MetaFieldBytes ? Step.Advance(rest.Length) : Step.NeedMore;
    }
}
