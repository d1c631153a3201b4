namespace BridgeGuard.Engine.Detection;

/// <summary>What detection remembers of one direction of a transaction between packets. Owned by the transaction.</summary>
public sealed class TransactionDetection
{
    /// <summary>This direction is complete and every rule has had its say: the transaction may go as far as detection is concerned.</summary>
    public bool IsFinished { get; set; }

    public void Reset() => IsFinished = false;
}
