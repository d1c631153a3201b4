namespace BridgeGuard.Engine.Protocols.Enip;

/// <summary>The named oddities; the value is the index into <see cref="EnipAnomalies.All"/>.</summary>
internal enum EnipAnomaly : byte
{
    TooManyTransactions,
    InvalidPdu,
}

/// <summary>Their names in rules.</summary>
internal static class EnipAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("too_many_transactions", "more exchanges are open than the limit; the oldest is completed"),
        new("invalid_pdu", "a message whose data does not have the form of its command"),
    ];
}
