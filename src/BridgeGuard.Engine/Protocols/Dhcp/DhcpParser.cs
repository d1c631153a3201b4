namespace BridgeGuard.Engine.Protocols.Dhcp;

/// <summary>Reads one message per datagram.</summary>
internal sealed class DhcpParser(DhcpProtocol protocol) : PooledState<DhcpTransaction>(protocol, DhcpLimits.MaxTransactions)
{
    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        if (!DhcpMessage.IsMessage(input))
        {
            return ParseResult.Stop();
        }

        DhcpTransaction transaction = Rent();
        DhcpMessage.Read(input, transaction);
        AddMessage(transaction, context.Direction);
        return ParseResult.Done(input.Length);
    }
}
