namespace BridgeGuard.Outputs.Webhook;

/// <summary>What became of the attempts since start; read by metrics.</summary>
public sealed class WebhookCounters
{
    internal long DeliveredValue;
    internal long FailedValue;
    internal long ThrottledValue;
    internal long DeadValue;

    public long Delivered => Volatile.Read(ref DeliveredValue);

    /// <summary>Attempts that failed and are tried again (or were the last).</summary>
    public long Failed => Volatile.Read(ref FailedValue);

    /// <summary>Of the failed ones: the receiver asked to slow down.</summary>
    public long Throttled => Volatile.Read(ref ThrottledValue);

    /// <summary>Events given up.</summary>
    public long Dead => Volatile.Read(ref DeadValue);
}
