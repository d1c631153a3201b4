namespace BridgeGuard.Engine.Protocols.Snmp;

/// <summary>Every cap of the SNMP parser.</summary>
internal static class SnmpLimits
{
    /// <summary>Variables kept of one message; a datagram of 64 KiB could hold some 9,000.</summary>
    public const int MaxVariables = 1024;

    /// <summary>Transactions alive on one flow; above it the oldest is dropped.</summary>
    public const int MaxTransactions = 512;
}
