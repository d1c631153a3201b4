namespace BridgeGuard.Engine.Detection;

/// <summary>What detection remembers of one direction of a transaction between packets. Owned by the transaction.</summary>
public sealed class TransactionDetection
{
    public void Reset()
    {
    }
}
