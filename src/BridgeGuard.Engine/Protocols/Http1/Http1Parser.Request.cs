using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>The states of the client's direction.</summary>
internal sealed partial class Http1Parser
{
    private enum RequestPhase : byte
    {
        /// <summary>Between requests.</summary>
        Idle,
        Line,
        Headers,
        Body,
        Trailer,

        /// <summary>CONNECT was sent: what follows waits for the answer.</summary>
        AwaitConnect,

        /// <summary>After lost bytes: looking for the next request line.</summary>
        Resyncing,

        /// <summary>Nothing more is read here.</summary>
        Ignored,
    }

    private RequestPhase _requestPhase;

    /// <summary>The rest that is waited for came with the end of a request: it is judged as it would have been whole.</summary>
    private bool _followsRequest;
    private Http1Transaction? _requesting;
    private Http1BodyReader _requestBody;

    private Step RequestStep(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        switch (_requestPhase)
        {
            case RequestPhase.Idle:
                return BeginRequest(rest, in context);
            case RequestPhase.Line:
                return ReadRequestLine(rest, in context);
            case RequestPhase.Headers:
                return ReadRequestHeaders(rest, in context);
            case RequestPhase.Body:
                return ReadRequestBody(rest, in context);
            case RequestPhase.Trailer:
                return ReadRequestTrailer(rest, in context);
            case RequestPhase.Resyncing:
                return FindRequest(rest);
            case RequestPhase.AwaitConnect:
                return SkipEmptyLines(rest);
            default:
                return rest.IsEmpty ? Step.NeedMore : Step.Advance(rest.Length);
        }
    }

    /// <summary>Empty lines before a request are skipped (RFC 9112 §2.2), and those that trail one are not the next protocol's.</summary>
    private static Step SkipEmptyLines(ReadOnlySpan<byte> rest)
    {
        int skipped = 0;
        while (skipped < rest.Length && rest[skipped] is (byte)'\r' or (byte)'\n')
        {
            skipped++;
        }

        return skipped > 0 ? Step.Advance(skipped) : Step.NeedMore;
    }

    private Step BeginRequest(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        if (rest.IsEmpty || rest[0] is (byte)'\r' or (byte)'\n')
        {
            return SkipEmptyLines(rest);
        }

        if (Transactions.NextId > 0 && (_at > 0 || _followsRequest || context.IsEnd) && IsUnexpected(rest, in context, out Step step))
        {
            _followsRequest = step.Kind == StepKind.NeedMore;
            return step;
        }

        _followsRequest = false;

        _requesting = NewTransaction();
        if (_requesting is null)
        {
            return Step.Stop;
        }

        _requesting.Request.IsSeen = true;
        _requestFrame = OpenFrame(Http1Protocol.RequestFrame, _requesting, in context);
        _requestPhase = RequestPhase.Line;
        return Step.Advance(0);
    }

    /// <summary>
    /// What comes right behind a request, in the same data, and begins with no method: a line of it without a protocol is more of a body than was
    /// announced. Without its end it is waited for, and when nothing comes any more it was nothing.
    /// </summary>
    private bool IsUnexpected(ReadOnlySpan<byte> rest, in ParseContext context, out Step step)
    {
        step = Step.NeedMore;
        if (Http1Methods.Begins(rest))
        {
            return false;
        }

        int feed = rest.IndexOf((byte)'\n');
        if (feed < 0)
        {
            step = context.IsEnd ? Step.Advance(rest.Length) : Step.NeedMore;
            return rest.Length < _limits.MetaFieldBytes;
        }

        if (rest[..feed].IndexOf(" HTTP/"u8) >= 0)
        {
            return false;
        }

        if (Transactions.Count > 0 && Transactions[Transactions.Count - 1] is Http1Transaction { ProgressToServer: >= Http1Progress.Complete } last)
        {
            last.Raise(Http1Anomaly.RequestBodyUnexpected);
        }

        step = Step.Advance(feed + 1);
        return true;
    }

    private Step ReadRequestLine(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        Http1Transaction transaction = _requesting!;
        if (Http1Lines.Find(rest, allowBareCr: false, context.IsEnd, out int length, out int total) == LineStatus.NeedMore)
        {
            if (rest.Length > _limits.MetaFieldBytes)
            {
                transaction.Raise(Http1Anomaly.RequestFieldTooLong);
                return Step.Stop;
            }

            if (!context.IsEnd)
            {
                return Step.NeedMore;
            }

            length = total = rest.Length;
        }

        if (total > _limits.MetaFieldBytes)
        {
            transaction.Raise(Http1Anomaly.RequestFieldTooLong);
            return Step.Stop;
        }

        transaction.Request.Line.Append(rest[..length]);
        Http1RequestLine.Read(transaction, _limits);
        transaction.ProgressToServer = Http1Progress.Line;
        bool isOver = rest.Length == total;
        if (transaction.Request.Version == 9)
        {
            // HTTP/0.9 has neither headers nor a protocol: only the absence of more tells it from a cut-off line.
            if (isOver)
            {
                FinishRequest(in context);
                return Step.Advance(total);
            }

            transaction.Raise(Http1Anomaly.RequestLineMissingProtocol);
        }

        transaction.ProgressToServer = Http1Progress.Headers;
        _requestPhase = RequestPhase.Headers;
        return Step.Advance(total);
    }

    private Step ReadRequestHeaders(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        Http1Transaction transaction = _requesting!;
        HeadStep step = Http1HeadReader.Read(
            rest, transaction, transaction.Request, toServer: true, isTrailer: false, _limits, context.IsEnd, out int consumed);
        switch (step)
        {
            case HeadStep.Line:
                return Step.Advance(consumed);
            case HeadStep.End:
                OnRequestHead(in context);
                return Step.Advance(consumed);
            case HeadStep.TooLong:
                transaction.Raise(Http1Anomaly.RequestFieldTooLong);
                return Step.Stop;
            default:
                if (!context.IsEnd)
                {
                    return Step.NeedMore;
                }

                // As in Suricata: a head that its sender cut short is over, but nothing is concluded from it (no host).
                Http1HeadReader.End(transaction, transaction.Request, toServer: true, isTrailer: false, _limits);
                CompleteRequest(transaction);
                _requestPhase = RequestPhase.Ignored;
                return Step.Advance(rest.Length);
        }
    }

    private void OnRequestHead(in ParseContext context)
    {
        Http1Transaction transaction = _requesting!;
        Http1Message message = transaction.Request;
        transaction.ResetDerived(); // What was shown of single fields may have been added to.
        Http1RequestLine.OnHeaders(transaction, context.Flow);
        if (transaction.IsConnect)
        {
            FinishRequest(in context);
            _requestPhase = RequestPhase.AwaitConnect;
            return;
        }

        bool hasLength = TryReadLength(transaction, message, toServer: true, out long length);
        if (IsChunked(transaction, message, toServer: true))
        {
            _requestBody.BeginChunked();
        }
        else if (hasLength && length > 0)
        {
            _requestBody.BeginLength(length);
        }
        else
        {
            FinishRequest(in context);
            return;
        }

        BeginCodings(transaction, message, _requestSink.Decoder);
        ReadOnlySpan<byte> method = message.Line[message.First];
        bool isPost = method.SequenceEqual("POST"u8);
        _requestSink.Begin(transaction, wantsFile: isPost || method.SequenceEqual("PUT"u8), _requestBody.IsByLength ? _requestBody.Remaining : -1);
        if (isPost && message.Fields.TryGet("content-type"u8, out ReadOnlySpan<byte> type))
        {
            _requestSink.Multipart.TryBegin(type, transaction);
        }

        transaction.ProgressToServer = Http1Progress.Body;
        _requestPhase = RequestPhase.Body;
    }

    private Step ReadRequestBody(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        Http1Transaction transaction = _requesting!;
        BodyStep step = _requestBody.Read(rest, out int consumed);
        transaction.Request.WireBytes += consumed;
        switch (step)
        {
            case BodyStep.Data:
                _requestSink.Feed(rest[..consumed], transaction, in context);
                return Step.Advance(consumed);
            case BodyStep.Framing:
                ReportExtension(transaction, ref _requestBody, toServer: true);
                return Step.Advance(consumed);
            case BodyStep.Trailer:
                ReportExtension(transaction, ref _requestBody, toServer: true);
                _requestSink.ShowAll(transaction);
                _requestPhase = RequestPhase.Trailer;
                transaction.ProgressToServer = Http1Progress.Trailer;
                return Step.Advance(consumed);
            case BodyStep.Done:
                FinishRequest(in context);
                return Step.Advance(consumed);
            case BodyStep.BadChunk:
                // Of requests Suricata says nothing here.
                _requestBody.BeginToClose();
                return Step.Advance(0);
            default:
                if (!context.IsEnd)
                {
                    return Step.NeedMore;
                }

                _requestSink.Finish(transaction, EndState(in _requestBody), in context);
                CompleteRequest(transaction);
                _requestPhase = RequestPhase.Ignored;
                return Step.Advance(rest.Length);
        }
    }

    private Step ReadRequestTrailer(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        Http1Transaction transaction = _requesting!;
        HeadStep step = Http1HeadReader.Read(
            rest, transaction, transaction.Request, toServer: true, isTrailer: true, _limits, context.IsEnd, out int consumed);
        switch (step)
        {
            case HeadStep.Line:
                return Step.Advance(consumed);
            case HeadStep.TooLong:
                transaction.Raise(Http1Anomaly.RequestFieldTooLong);
                return Step.Stop;
            case HeadStep.NeedMore when !context.IsEnd:
                return Step.NeedMore;
            default:
                FinishRequest(in context);
                return Step.Advance(step == HeadStep.End ? consumed : rest.Length);
        }
    }

    private void FinishRequest(in ParseContext context)
    {
        Http1Transaction transaction = _requesting!;
        if (_requestPhase is RequestPhase.Body or RequestPhase.Trailer)
        {
            _requestSink.Finish(transaction, FileState.Closed, in context);
        }

        CompleteRequest(transaction);
        _requestPhase = RequestPhase.Idle;
    }

    private void CompleteRequest(Http1Transaction transaction)
    {
        transaction.Request.Body.IsComplete = true;
        transaction.ProgressToServer = Http1Progress.Complete;
        _requesting = null;
    }

    private static void ReportExtension(Http1Transaction transaction, ref Http1BodyReader reader, bool toServer)
    {
        if (reader.HasExtension)
        {
            reader.HasExtension = false;
            transaction.Raise(toServer, Http1Anomaly.RequestChunkExtension, Http1Anomaly.ResponseChunkExtension);
        }
    }

    /// <summary>A body cut off between chunks is truncated; one cut off within its data is taken for whole, as clients do at a close.</summary>
    private static FileState EndState(in Http1BodyReader reader) => reader.IsBetweenChunks ? FileState.Truncated : FileState.Closed;

    private void RequestGap(long bytes, in ParseContext context)
    {
        if (_requestPhase == RequestPhase.Ignored || _requestPhase == RequestPhase.AwaitConnect)
        {
            return;
        }

        if (_requestPhase == RequestPhase.Body && _requesting is { } transaction)
        {
            transaction.Request.HasGap = true;
            transaction.Request.WireBytes += bytes;
            long beyond = _requestBody.Skip(bytes);
            _requestSink.Gap(transaction, bytes - beyond, in context);
            if (beyond == 0)
            {
                return;
            }

            _requestSink.Finish(transaction, FileState.Truncated, in context);
        }

        if (_requesting is { } cut)
        {
            CompleteRequest(cut);
        }

        _requestPhase = RequestPhase.Resyncing;
    }

    /// <summary>After lost bytes a request is recognised by a line that begins with a known method.</summary>
    private Step FindRequest(ReadOnlySpan<byte> rest)
    {
        if (Http1Methods.Begins(rest))
        {
            _requestPhase = RequestPhase.Idle;
            return Step.Advance(0);
        }

        int lf = rest.IndexOf((byte)'\n');
        return lf >= 0 ? Step.Advance(lf + 1)
            : rest.Length > _limits.MetaFieldBytes ? Step.Advance(rest.Length) : Step.NeedMore;
    }
}
