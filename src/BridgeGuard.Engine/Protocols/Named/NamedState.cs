namespace BridgeGuard.Engine.Protocols.Named;

/// <summary>The state of a protocol that is only named: takes what it gets.</summary>
internal sealed class NamedState(Protocol protocol) : ProtocolState
{
    public override Protocol Protocol => protocol;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context) => ParseResult.Done(input.Length);

    /// <inheritdoc/>
    /// <remarks>There are no transactions.</remarks>
    public override void Release(Transaction transaction) => transaction.Reset();
}
