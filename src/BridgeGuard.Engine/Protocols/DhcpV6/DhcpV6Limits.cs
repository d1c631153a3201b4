namespace BridgeGuard.Engine.Protocols.DhcpV6;

/// <summary>Every cap of the parser.</summary>
internal static class DhcpV6Limits
{
    /// <summary>Messages alive on one flow.</summary>
    public const int MaxTransactions = 64;

    /// <summary>Relays that a message may have passed (RFC 8415 §7.6, HOP_COUNT_LIMIT), and options within options.</summary>
    public const int MaxDepth = 32;

    /// <summary>Addresses and prefixes kept of one message.</summary>
    public const int MaxLeases = 32;

    /// <summary>Options looked at in one message, on all levels.</summary>
    public const int MaxOptions = 512;
}
