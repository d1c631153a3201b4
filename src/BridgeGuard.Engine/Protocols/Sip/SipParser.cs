using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Sip;

/// <summary>Messages of SIP (RFC 3261 §7): on UDP one a datagram, on TCP one after the other with bodies by Content-Length (§18.3).</summary>
/// <remarks>
/// A message is taken when its headers are complete and, up to <see cref="SipLimits.MaxBodyBytes"/>, its body. On TCP bytes that are no message
/// end parsing, for the next message cannot be found; on UDP the datagram is dropped.
/// </remarks>
internal sealed class SipParser(SipProtocol protocol) : PooledState<SipTransaction>(protocol, SipLimits.MaxTransactions)
{
    private long _skipToServer;
    private long _skipToClient;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        if (context.Flow.Key.Protocol == IpProtocols.Udp)
        {
            return ParseDatagram(input, in context);
        }

        int consumed = 0;
        ref long skip = ref context.Direction == Direction.ToServer ? ref _skipToServer : ref _skipToClient;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            if (skip > 0)
            {
                int skipped = (int)Math.Min(skip, rest.Length);
                skip -= skipped;
                consumed += skipped;
                continue;
            }

            int headers = FindEnd(rest);
            if (headers < 0 && rest.Length <= SipLimits.MaxHeaderBytes)
            {
                return ParseResult.NeedMore(consumed, rest.Length + 1);
            }

            if (headers < 0 || headers > SipLimits.MaxHeaderBytes)
            {
                Note(SipAnomaly.HeadersTooLong, context.Direction);
                return ParseResult.Stop();
            }

            SipTransaction transaction = Rent();
            if (!SipReader.TryRead(rest[..headers], context.Direction == Direction.ToServer, transaction))
            {
                Release(transaction);
                Blame(SipAnomaly.InvalidData);
                return ParseResult.Stop();
            }

            long length = SipReader.ContentLength(transaction);
            long body = length;
            if (length > SipLimits.MaxBodyBytes)
            {
                skip = length;
                length = 0;
            }
            else if (rest.Length - headers < length && !context.IsEnd)
            {
                Release(transaction);
                return ParseResult.NeedMore(consumed, headers + (int)length);
            }

            length = Math.Min(length, rest.Length - headers);
            Enlist(transaction, rest.Slice(headers, (int)length), context.Direction);
            OpenFrames(transaction, consumed, headers, body, pdu: headers + body, in context);
            consumed += headers + (int)length;
        }

        return ParseResult.Done(consumed);
    }

    public override void Reset()
    {
        base.Reset();
        _skipToServer = 0;
        _skipToClient = 0;
    }

    /// <summary>Length of first line and headers with the empty line; -1 when that has not come yet.</summary>
    private static int FindEnd(ReadOnlySpan<byte> message)
    {
        int end = message.IndexOf("\r\n\r\n"u8);
        return end < 0 ? -1 : end + 4;
    }

    /// <summary>One message; what stands behind its body is ignored.</summary>
    private ParseResult ParseDatagram(ReadOnlySpan<byte> input, in ParseContext context)
    {
        int headers = FindEnd(input);
        SipTransaction transaction = Rent();
        if (headers < 0 || !SipReader.TryRead(input[..headers], context.Direction == Direction.ToServer, transaction))
        {
            Release(transaction);
            Blame(headers < 0 ? SipAnomaly.IncompleteData : SipAnomaly.InvalidData);
            return ParseResult.Stop();
        }

        Enlist(transaction, input[headers..], context.Direction);
        OpenFrames(transaction, 0, headers, input.Length - headers, pdu: input.Length, in context);
        return ParseResult.Done(input.Length);
    }

    /// <summary>The frames of a message, in Suricata's order; the headers' ends before the empty line.</summary>
    private static void OpenFrames(SipTransaction transaction, int at, int headers, long body, long pdu, in ParseContext context)
    {
        int side = transaction.IsRequest ? 0 : 1;
        int line = transaction.Line.Length + 2;
        ulong id = transaction.Id + 1;
        context.OpenFrame(SipFrames.Pdu, at, pdu);
        context.OpenFrame(SipFrames.Line + side, at, line, id);
        if (headers - line > 2)
        {
            context.OpenFrame(SipFrames.Headers + side, at + line, headers - line - 2, id);
        }

        if (body > 0)
        {
            context.OpenFrame(SipFrames.Body + side, at + headers, body, id);
        }
    }

    private void Enlist(SipTransaction transaction, ReadOnlySpan<byte> body, Direction direction)
    {
        if (body.StartsWith("v="u8))
        {
            SdpReader.Read(body, transaction.Session, transaction.Bytes);
        }

        transaction.Complete(direction);
        Add(transaction);
    }

    /// <summary>What is no message has no transaction: the newest that is still here carries the anomaly, as in Suricata.</summary>
    private void Blame(SipAnomaly anomaly)
    {
        if (Transactions.Count > 0)
        {
            ((SipTransaction)Transactions[Transactions.Count - 1]).Raise(anomaly);
        }
    }

    /// <summary>A transaction that has nothing but an anomaly.</summary>
    private void Note(SipAnomaly anomaly, Direction direction)
    {
        SipTransaction transaction = Rent();
        transaction.Raise(anomaly);
        Enlist(transaction, default, direction);
    }
}
