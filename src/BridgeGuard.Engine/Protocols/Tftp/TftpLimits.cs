namespace BridgeGuard.Engine.Protocols.Tftp;

/// <summary>Every cap of TFTP.</summary>
internal static class TftpLimits
{
    /// <summary>Live transactions of a flow. A request is complete at once: more than a few waiting means that nobody inspects.</summary>
    public const int MaxTransactions = 256;

    /// <summary>Bytes kept of a file name; RFC 1350 names no limit, a datagram is one.</summary>
    public const int MaxNameBytes = 2048;
}
