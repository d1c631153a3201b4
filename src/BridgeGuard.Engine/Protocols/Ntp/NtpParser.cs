namespace BridgeGuard.Engine.Protocols.Ntp;

/// <summary>Reads one message per datagram. What is no message on a flow that was NTP before is skipped.</summary>
internal sealed class NtpParser(NtpProtocol protocol) : PooledState<NtpTransaction>(protocol, NtpLimits.MaxTransactions)
{
    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        if (!NtpMessage.IsWellFormed(input))
        {
            return ParseResult.Stop();
        }

        NtpTransaction transaction = Rent();
        transaction.Version = (byte)NtpMessage.Version(input[0]);
        transaction.Mode = (byte)NtpMessage.Mode(input[0]);
        transaction.Stratum = input[1];
        transaction.SetReferenceId(input.Slice(NtpMessage.ReferenceIdOffset, NtpTransaction.ReferenceIdBytes));
        AddMessage(transaction, context.Direction);
        return ParseResult.Done(input.Length);
    }
}
