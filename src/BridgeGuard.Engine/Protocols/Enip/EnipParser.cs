using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Enip;

/// <summary>Encapsulated messages (CIP volume 2, 2-3) over TCP, and over UDP one after the other in a datagram.</summary>
/// <remarks>A message that does not have its form is an event and has no content; the next is found by its length.</remarks>
internal sealed class EnipParser(EnipProtocol protocol, EnipLimits limits) : ProtocolState
{
    public const int HeaderBytes = 24;

    private readonly Stack<EnipTransaction> _pool = new();

    public override Protocol Protocol => protocol;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        bool isDatagram = context.Flow.Key.Protocol == IpProtocols.Udp;
        int consumed = 0;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            int whole = rest.Length < HeaderBytes ? HeaderBytes : HeaderBytes + BinaryPrimitives.ReadUInt16LittleEndian(rest[2..]);
            if (rest.Length < whole)
            {
                return isDatagram ? ParseResult.Done(input.Length) : ParseResult.NeedMore(consumed, whole);
            }

            Take(rest[..whole], consumed, in context);
            consumed += whole;
        }

        return ParseResult.Done(consumed);
    }

    public override void Release(Transaction transaction)
    {
        transaction.Reset();
        _pool.Push((EnipTransaction)transaction);
    }

    private void Take(ReadOnlySpan<byte> pdu, int at, in ParseContext context)
    {
        bool isRequest = context.Direction == Direction.ToServer;
        ushort command = BinaryPrimitives.ReadUInt16LittleEndian(pdu);
        uint session = BinaryPrimitives.ReadUInt32LittleEndian(pdu[4..]);
        ulong key = BinaryPrimitives.ReadUInt64LittleEndian(pdu[12..]);
        EnipTransaction transaction = (isRequest ? null : Find(command, session, key)) ?? Begin(session, key);
        EnipMessage message = transaction.Message(context.Direction);
        message.Exists = true;
        message.Command = command;
        message.Status = BinaryPrimitives.ReadUInt32LittleEndian(pdu[8..]);
        context.OpenFrame(EnipFrames.Header, at, HeaderBytes, transaction.Id);
        context.OpenFrame(EnipFrames.Data, at + HeaderBytes, pdu.Length - HeaderBytes, transaction.Id);
        context.OpenFrame(EnipFrames.Pdu, at, pdu.Length, transaction.Id);
        if (!EnipReader.TryRead(pdu[HeaderBytes..], at + HeaderBytes, isRequest, message, transaction.Id, in context))
        {
            message.ForgetContent();
            transaction.Raise(EnipAnomaly.InvalidPdu);
        }

        if (!isRequest)
        {
            transaction.Complete();
        }
    }

    private EnipTransaction? Find(ushort command, uint session, ulong key)
    {
        for (int i = 0; i < Transactions.Count; i++)
        {
            var transaction = (EnipTransaction)Transactions[i];

            // RegisterSession is answered with the session it makes.
            bool isSession = transaction.Session == session || command == (ushort)EnipCommand.RegisterSession;
            if (!transaction.IsComplete && transaction.Request.Exists && transaction.Request.Command == command && isSession && transaction.Context == key)
            {
                return transaction;
            }
        }

        return null;
    }

    private EnipTransaction Begin(uint session, ulong key)
    {
        EnipTransaction transaction = _pool.TryPop(out EnipTransaction? pooled) ? pooled : new EnipTransaction();
        transaction.Session = session;
        transaction.Context = key;
        if (Transactions.Count >= limits.MaxTransactions)
        {
            CompleteOldest();
        }

        Transactions.Add(transaction);
        return transaction;
    }

    private void CompleteOldest()
    {
        for (int i = 0; i < Transactions.Count; i++)
        {
            var transaction = (EnipTransaction)Transactions[i];
            if (!transaction.IsComplete)
            {
                transaction.Raise(EnipAnomaly.TooManyTransactions);
                transaction.Complete();
                if (Transactions.Count < limits.MaxTransactions * 2)
                {
                    return;
                }

                break;
            }
        }

        Transaction oldest = Transactions[0];
        Transactions.RemoveAt(0);
        Release(oldest);
    }
}
