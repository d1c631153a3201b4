namespace BridgeGuard.Engine.Protocols.Dns;

/// <summary>Every cap of the DNS parser.</summary>
internal static class DnsLimits
{
    /// <summary>Longest name kept, in text form; RFC 1035 §2.3.4 says 255, tunnels go further and are shown up to here.</summary>
    public const int MaxNameBytes = 1025;

    /// <summary>Labels of one name; 255 bytes cannot hold more than 127.</summary>
    public const int MaxLabels = 255;

    /// <summary>Compression pointers followed for one name.</summary>
    public const int MaxPointers = 255;

    /// <summary>Names of one message, decoded: pointers can make 64 KiB of message into 16 MiB of names.</summary>
    public const int MaxNamesBytes = 256 << 10;

    /// <summary>Records of one message; a 64 KiB message can announce 65,535 in each section.</summary>
    public const int MaxRecords = 4096;

    /// <summary>Transactions alive on one flow; above it the oldest are completed.</summary>
    public const int MaxTransactions = 500;

    /// <summary>Bytes of a message that are kept.</summary>
    public const int MaxMessageBytes = 64 << 10;
}
