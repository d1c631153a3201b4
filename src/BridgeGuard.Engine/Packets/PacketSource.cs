namespace BridgeGuard.Engine.Packets;

/// <summary>Where a packet comes from, for EVE <c>pkt_src</c>.</summary>
public enum PacketSource : byte
{
    Wire,
    Gre,
    Ipv4,
    Ipv6,
    Teredo,
    Defragmentation,
    StreamDetectEnd,
    FlowTimeout,
    FlowShutdown,
    FlowForced,
    Erspan,
    Vxlan,
    Geneve,
    GtpU,
}
