namespace BridgeGuard.Engine.Protocols.BitTorrentDht;

/// <summary>Reads one message per datagram. One that cannot be read is an empty transaction with an anomaly.</summary>
internal sealed class BitTorrentDhtParser(BitTorrentDhtProtocol protocol)
    : PooledState<BitTorrentDhtTransaction>(protocol, BitTorrentDhtLimits.MaxTransactions)
{
    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        if (!BeginsLikeOne(input))
        {
            // Other traffic between the same ports.
            return ParseResult.Done(input.Length);
        }

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

    /// <summary>The dictionary's first key and value as the known programs write them (BEP 5).</summary>
    private static bool BeginsLikeOne(ReadOnlySpan<byte> input) =>
        input.StartsWith("d1:ad2:id"u8) || input.StartsWith("d1:rd2:id"u8) || input.StartsWith("d2:ip"u8) || input.StartsWith("d1:el"u8);
}
