namespace BridgeGuard.Engine.Protocols.BitTorrentDht;

/// <summary>Reads one message per datagram. One that cannot be read is an empty transaction with an anomaly.</summary>
internal sealed class BitTorrentDhtParser(BitTorrentDhtProtocol protocol)
    : PooledState<BitTorrentDhtTransaction>(protocol, BitTorrentDhtLimits.MaxTransactions)
{
    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        BitTorrentDhtTransaction transaction = Rent();
        bool isSound = true;
        if (!BitTorrentDhtMessage.TryRead(input, transaction))
        {
            isSound = false;
            transaction.Reset();
            transaction.Raise(BitTorrentDhtAnomaly.MalformedPacket);
        }
        else if (!transaction.TransactionId.Exists)
        {
            transaction.Raise(BitTorrentDhtAnomaly.MalformedPacket);
        }

        AddMessage(transaction, context.Direction);
        return isSound ? ParseResult.Done(input.Length) : ParseResult.Stop();
    }
}
