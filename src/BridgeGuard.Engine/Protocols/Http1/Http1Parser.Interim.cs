namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Answers that are not the last: 100, 101, and CONNECT that was granted.</summary>
internal sealed partial class Http1Parser
{
    private static bool HasBodyFields(Http1Message message) =>
        message.Fields.IndexOf("content-length"u8) >= 0 || message.Fields.IndexOf("transfer-encoding"u8) >= 0;

    private static bool PromisesBody(Http1Message message) => message.Fields.IndexOf("transfer-encoding"u8) >= 0
        || (message.Fields.TryGet("content-length"u8, out ReadOnlySpan<byte> length) && length.IndexOfAnyInRange((byte)'1', (byte)'9') == 0);

    /// <summary>A body promised by an answer that cannot have one: bytes that begin no other answer are it nevertheless, as Suricata reads them.</summary>
    private Step ReadInterim(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        if (!context.IsEnd && Http1StatusLine.IsTooShort(rest))
        {
            return Step.NeedMore;
        }

        FinishHead(rest, hasBody: !rest.IsEmpty && !Http1StatusLine.Begins(rest), in context);
        return Step.Advance(0);
    }

    private void TakeContinue(Http1Transaction transaction)
    {
        if (transaction.SawContinue)
        {
            transaction.Raise(Http1Anomaly.ContinueAlreadySeen);
        }

        transaction.SawContinue = true;
        transaction.Response.ResetHead();
        transaction.Status = 0;
        transaction.ProgressToClient = Http1Progress.Started;
        transaction.ResetDerived();
        _responsePhase = ResponsePhase.Line;
    }

    /// <summary>CONNECT that was granted, or 101: the flow goes on as another protocol.</summary>
    private bool TakeProtocolSwitch(Http1Transaction transaction, in ParseContext context)
    {
        Http1Message message = transaction.Response;
        if (transaction.IsConnect)
        {
            if (transaction.Status is >= 200 and < 300)
            {
                FinishResponse(in context, withBody: false);
                _requestPhase = RequestPhase.Ignored;
                _responsePhase = ResponsePhase.Ignored;
                Change = new ProtocolChange(true, ProtocolId.Unknown, transaction.Port);
                return true;
            }

            _requestPhase = RequestPhase.Idle;
            return false;
        }

        if (transaction.Status != 101)
        {
            return false;
        }

        if (HasBodyFields(message))
        {
            return false;
        }

        ProtocolId next = ProtocolId.Unknown;
        if (message.Fields.TryGet("upgrade"u8, out ReadOnlySpan<byte> upgrade))
        {
            next = Http1Text.EqualsIgnoreCase(upgrade, "h2c"u8) ? ProtocolId.Http2
                : Http1Text.EqualsIgnoreCase(upgrade, "websocket"u8) ? ProtocolId.WebSocket : ProtocolId.Unknown;
        }

        KeepUpgrade(transaction);
        FinishResponse(in context, withBody: false);
        _requestPhase = RequestPhase.Ignored;
        _responsePhase = ResponsePhase.Ignored;
        Change = new ProtocolChange(true, next);
        return true;
    }

    /// <summary>The exchange itself is gone by the time the next protocol asks for it.</summary>
    private void KeepUpgrade(Http1Transaction transaction)
    {
        Upgraded ??= Rent();
        Upgraded.Reset();
        Upgraded.Request.CopyHead(transaction.Request);
        Upgraded.Response.CopyHead(transaction.Response);
    }
}
