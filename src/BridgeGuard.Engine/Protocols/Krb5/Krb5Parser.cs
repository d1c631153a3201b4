using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Krb5;

/// <summary>Kerberos over UDP, a message a datagram, and TCP, four bytes of length before each message (RFC 4120 §7.2).</summary>
/// <remarks>Requests, replies and errors of the authentication and ticket services are transactions; other messages are passed over.</remarks>
internal sealed class Krb5Parser(Protocol protocol) : PooledState<Krb5Transaction>(protocol, Krb5Limits.MaxTransactions)
{
    private int _lastRequest;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        if (context.Flow.Key.Protocol == IpProtocols.Udp)
        {
            ReadMessage(input, context.Direction);
            return ParseResult.Done(input.Length);
        }

        int consumed = 0;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            if (rest.Length < Krb5Message.LengthBytes)
            {
                return ParseResult.NeedMore(consumed, Krb5Message.LengthBytes);
            }

            uint length = Krb5Message.RecordLength(rest);
            if (length > Krb5Limits.MaxRecordBytes)
            {
                Malformed(context.Direction);
                return ParseResult.Stop();
            }

            int whole = Krb5Message.LengthBytes + (int)length;
            if (rest.Length < whole)
            {
                return ParseResult.NeedMore(consumed, whole);
            }

            ReadMessage(rest[Krb5Message.LengthBytes..whole], context.Direction);
            consumed += whole;
        }

        return ParseResult.Done(consumed);
    }

    public override void Reset()
    {
        base.Reset();
        _lastRequest = 0;
    }

    private void ReadMessage(ReadOnlySpan<byte> message, Direction direction)
    {
        Krb5Transaction transaction = Rent();
        if (!Krb5Message.TryRead(message, transaction))
        {
            Release(transaction);
            return;
        }

        if (transaction.MessageType is Krb5Message.AsRequest or Krb5Message.TgsRequest)
        {
            _lastRequest = transaction.MessageType;
        }
        else if (transaction.MessageType == Krb5Message.Error)
        {
            transaction.FailedRequest = _lastRequest;
        }

        if (transaction.HasEncryption && Krb5Tables.IsWeak(transaction.Encryption))
        {
            transaction.Raise(Krb5Anomaly.WeakEncryption);
        }

        Add(transaction, direction);
    }

    private void Malformed(Direction direction)
    {
        if (Transactions.Count > 0)
        {
            ((Krb5Transaction)Transactions[Transactions.Count - 1]).Raise(Krb5Anomaly.MalformedData);
            return;
        }

        Krb5Transaction transaction = Rent();
        transaction.Raise(Krb5Anomaly.MalformedData);
        Add(transaction, direction);
    }

    private void Add(Krb5Transaction transaction, Direction direction)
    {
        transaction.Directions = direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;
        transaction.ProgressToServer = 1;
        transaction.ProgressToClient = 1;
        Add(transaction);
    }
}
