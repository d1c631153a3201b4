namespace BridgeGuard.Engine.Protocols.Enip;

/// <summary>Every cap of the EtherNet/IP parser.</summary>
internal sealed class EnipLimits(ProtocolSettings settings)
{
    /// <summary>Items of a common packet that are looked at.</summary>
    public const int MaxItems = 32;

    /// <summary>Services of one Multiple Service Packet that are kept.</summary>
    public const int MaxServices = 256;

    /// <summary>Path segments and attributes kept of one message, each.</summary>
    public const int MaxSegments = 1024;

    /// <summary>Transactions alive on one flow; above it the oldest is completed (<c>max-tx</c>, Suricata's default).</summary>
    public int MaxTransactions { get; } = (int)Math.Clamp(settings.GetSize("max-tx", 1024), 1, 1 << 20);
}
