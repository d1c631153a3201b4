namespace BridgeGuard.Engine.Protocols.Dhcp;

/// <summary>Every cap of the DHCP parser.</summary>
internal static class DhcpLimits
{
    /// <summary>Messages alive on one flow.</summary>
    public const int MaxTransactions = 64;

    /// <summary>Options kept of one message; codes go to 254 and RFC 3396 lets some repeat.</summary>
    public const int MaxOptions = 256;
}
