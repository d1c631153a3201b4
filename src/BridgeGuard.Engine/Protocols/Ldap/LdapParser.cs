using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ldap;

/// <summary>LDAP messages (RFC 4511 §4.1.1) over TCP, and over UDP (RFC 1798), where a datagram may hold several.</summary>
/// <remarks>Responses find their request by message id. What is no message ends parsing on TCP and drops the datagram on UDP.</remarks>
internal sealed class LdapParser(LdapProtocol protocol, LdapLimits limits) : PooledState<LdapTransaction>(protocol)
{
    private bool _isFull;

    public override bool TellsWhatItTouches => true;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        bool isDatagram = context.Flow.Key.Protocol == IpProtocols.Udp;
        int consumed = 0;
        while (consumed < input.Length && !Change.Requested)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            if (!LdapProtocol.TryReadFrame(rest, out int header, out int length))
            {
                bool isShort = length == 0 && !isDatagram;
                return isShort ? ParseResult.NeedMore(consumed, rest.Length + 1) : Invalid(isDatagram, input.Length);
            }

            if (rest.Length < header + length)
            {
                return isDatagram ? Invalid(true, input.Length) : ParseResult.NeedMore(consumed, header + length);
            }

            uint frame = context.OpenFrame(LdapFrames.Pdu, consumed, header + length);
            if (!Take(rest.Slice(header, length), frame, in context))
            {
                return Invalid(isDatagram, input.Length);
            }

            consumed += header + length;
        }

        return ParseResult.Done(consumed);
    }

    /// <summary>What is no message has no transaction: the newest that is still here carries the anomaly.</summary>
    private ParseResult Invalid(bool isDatagram, int length)
    {
        if (_isFull)
        {
            return ParseResult.Stop();
        }

        if (Transactions.Count > 0)
        {
            ((LdapTransaction)Transactions[Transactions.Count - 1]).Raise(LdapAnomaly.InvalidData);
        }

        return isDatagram ? ParseResult.Done(length) : ParseResult.Stop();
    }

    private bool Take(ReadOnlySpan<byte> content, uint frame, in ParseContext context)
    {
        if (!LdapReader.TryReadHead(content, out long id, out LdapOperation operation, out ReadOnlySpan<byte> body, out ReadOnlySpan<byte> controls))
        {
            return false;
        }

        LdapMessage message = LdapMessage.Create(operation, id);
        LdapTransaction? transaction = context.Direction == Direction.ToServer
            ? TakeRequest(body, controls, ref message) : TakeResponse(body, controls, ref message);
        if (transaction is null)
        {
            return false;
        }

        // Frames count transactions from 1.
        context.Frames?.SetTransaction(frame, transaction.Id + 1);
        return true;
    }

    /// <summary>Null when the operation does not have its form, or there is no room.</summary>
    private LdapTransaction? TakeRequest(ReadOnlySpan<byte> body, ReadOnlySpan<byte> controls, ref LdapMessage message)
    {
        if (IsFull())
        {
            return null;
        }

        LdapTransaction transaction = Rent();
        if (!new LdapReader(transaction).TryRead(body, controls, ref message))
        {
            Release(transaction);
            return null;
        }

        transaction.SetRequest(message);
        Transactions.Add(transaction);
        if (message.Operation is LdapOperation.UnbindRequest or LdapOperation.AbandonRequest)
        {
            transaction.Complete();
        }

        return transaction;
    }

    private LdapTransaction? TakeResponse(ReadOnlySpan<byte> body, ReadOnlySpan<byte> controls, ref LdapMessage message)
    {
        LdapTransaction? known = Find(message.Id);
        if (known is not null && known.ResponseCount >= limits.MaxResponses)
        {
            known.Raise(LdapAnomaly.TooManyResponses);
            if (LdapTables.IsFinal(message.Operation))
            {
                known.Complete();
            }

            return known;
        }

        if (known is null && IsFull())
        {
            return null;
        }

        LdapTransaction transaction = known ?? Rent();
        if (!new LdapReader(transaction).TryRead(body, controls, ref message))
        {
            if (known is null)
            {
                Release(transaction);
            }

            return null;
        }

        transaction.AddResponse(message);
        if (known is null)
        {
            Transactions.Add(transaction);
            if (message.Id != 0)
            {
                transaction.Raise(LdapAnomaly.RequestNotFound);
            }

            transaction.Complete();
            return transaction;
        }

        if (LdapTables.IsFinal(message.Operation))
        {
            transaction.Complete();
            ref readonly LdapMessage request = ref transaction.Request;
            bool startsTls = message is { Operation: LdapOperation.ExtendedResponse, ResultCode: 0 } && request.Operation == LdapOperation.ExtendedRequest
                && transaction.Bytes[request.Name].SequenceEqual(LdapTables.StartTls);
            Change = startsTls ? new ProtocolChange(true, ProtocolId.Tls) : ProtocolChange.None;
        }

        return transaction;
    }

    public override void Reset()
    {
        base.Reset();
        _isFull = false;
    }

    private LdapTransaction? Find(long id)
    {
        uint key = LdapTransaction.KeyOf(id);
        for (int i = Transactions.IndexOfKey(key); i >= 0; i = Transactions.IndexOfKey(key, i + 1))
        {
            var transaction = (LdapTransaction)Transactions[i];
            if (!transaction.IsComplete && transaction.HasRequest && transaction.Request.Id == id)
            {
                transaction.Touch();
                return transaction;
            }
        }

        return null;
    }

    /// <summary>No room for one more: all that wait are told so, and the flow is given up.</summary>
    private bool IsFull()
    {
        if (Transactions.Count <= limits.MaxTransactions)
        {
            return false;
        }

        for (int i = 0; i < Transactions.Count; i++)
        {
            var waiting = (LdapTransaction)Transactions[i];
            if (!waiting.IsComplete)
            {
                waiting.Raise(LdapAnomaly.TooManyTransactions);
                waiting.Complete();
            }
        }

        _isFull = true;
        return true;
    }
}
