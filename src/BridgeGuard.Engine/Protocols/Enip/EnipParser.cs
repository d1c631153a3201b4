using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Enip;

/// <summary>Encapsulated messages (CIP volume 2, 2-3) over TCP, and over UDP one after the other in a datagram.</summary>
/// <remarks>A message that does not have its form is an event and has no content; the next is found by its length.</remarks>
internal sealed class EnipParser(EnipProtocol protocol, EnipLimits limits) : PooledState<EnipTransaction>(protocol)
{
    public const int HeaderBytes = 24;


    public override bool TellsWhatItTouches => true;

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

    private void Take(ReadOnlySpan<byte> pdu, int at, in ParseContext context)
    {
        bool isRequest = context.Direction == Direction.ToServer;
        ushort command = BinaryPrimitives.ReadUInt16LittleEndian(pdu);
        uint session = BinaryPrimitives.ReadUInt32LittleEndian(pdu[4..]);
        ulong key = BinaryPrimitives.ReadUInt64LittleEndian(pdu[12..]);
        EnipTransaction transaction = (isRequest ? null : Find(command, session, key)) ?? Begin(command, session, key);
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

    private EnipTransaction? Find(ushort command, uint session, ulong context)
    {
        uint key = Key(command, context);
        for (int i = Transactions.IndexOfKey(key); i >= 0; i = Transactions.IndexOfKey(key, i + 1))
        {
            var transaction = (EnipTransaction)Transactions[i];

            // RegisterSession is answered with the session it makes.
            bool isSession = transaction.Session == session || command == (ushort)EnipCommand.RegisterSession;
            if (!transaction.IsComplete && transaction.Request.Exists && transaction.Request.Command == command && isSession && transaction.Context == context)
            {
                return transaction;
            }
        }

        return null;
    }

    private static uint Key(ushort command, ulong context) => (uint)context ^ (uint)(context >> 32) ^ ((uint)command << 16);

    private EnipTransaction Begin(ushort command, uint session, ulong key)
    {
        EnipTransaction transaction = Rent();
        transaction.Session = session;
        transaction.Context = key;
        transaction.Key = Key(command, key);
        AddOpen(transaction, limits.MaxTransactions);
        return transaction;
    }

    protected override void GiveUp(EnipTransaction transaction)
    {
        transaction.Raise(EnipAnomaly.TooManyTransactions);
        transaction.Complete();
    }
}
