namespace BridgeGuard.Engine.Protocols.DhcpV6;

/// <summary>Reads one message per datagram.</summary>
internal sealed class DhcpV6Parser(DhcpV6Protocol protocol) : PooledState<DhcpV6Transaction>(protocol, DhcpV6Limits.MaxTransactions)
{
    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        if (!DhcpV6Message.IsMessage(input))
        {
            return ParseResult.Stop();
        }

        DhcpV6Transaction transaction = Rent();
        DhcpV6Message.Read(input, transaction);
        AddMessage(transaction, context.Direction);
        return ParseResult.Done(input.Length);
    }
}
