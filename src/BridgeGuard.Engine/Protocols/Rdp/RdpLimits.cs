namespace BridgeGuard.Engine.Protocols.Rdp;

/// <summary>Every cap of the RDP parser.</summary>
internal static class RdpLimits
{
    /// <summary>Messages alive on one flow; the sequence has six.</summary>
    public const int MaxTransactions = 64;

    /// <summary>MS-RDPBCGR §2.2.1.3.4: at most 31 static channels.</summary>
    public const int MaxChannels = 31;

    /// <summary>Certificates of a chain.</summary>
    public const int MaxCertificates = 16;

    /// <summary>Bytes of a serial number that are shown; RFC 5280 §4.1.2.2 allows 20.</summary>
    public const int MaxSerialBytes = 64;

    /// <summary>Handshake bytes of a server kept until its certificates are whole; real chains stay below 32 KiB.</summary>
    public const int MaxTlsBytes = 64 << 10;
}
