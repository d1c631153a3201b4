namespace BridgeGuard.Engine.Protocols.Sip;

/// <summary>Every cap of the SIP parser.</summary>
internal static class SipLimits
{
    /// <summary>First line and headers of one message; more is an anomaly and ends parsing (64 KiB, about what Suricata accepts).</summary>
    public const int MaxHeaderBytes = 64 << 10;

    /// <summary>Longest body that is waited for on TCP, to read its session description; a longer one is passed over.</summary>
    public const int MaxBodyBytes = 64 << 10;

    /// <summary>Headers of interest kept of one message.</summary>
    public const int MaxHeaders = 256;

    /// <summary>Elements kept of each list of a session description.</summary>
    public const int MaxSdpElements = 256;

    /// <summary>Transactions alive on one flow; above it the oldest is dropped.</summary>
    public const int MaxTransactions = 512;
}
