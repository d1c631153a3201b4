using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Flows;

/// <summary>What makes packets one flow. Built from a packet; the table compares both orientations.</summary>
public readonly record struct FlowKey(
    IpAddress Source,
    IpAddress Destination,
    ushort SourcePort,
    ushort DestinationPort,
    byte Protocol,
    byte IpVersion,
    ushort Vlan0,
    ushort Vlan1,
    ushort Vlan2,
    uint TunnelId,
    ushort BridgeId,
    byte TunnelDepth = 0)
{
    /// <summary>The same flow seen from the other end.</summary>
    public FlowKey Reversed() => this with
    {
        Source = Destination,
        Destination = Source,
        SourcePort = DestinationPort,
        DestinationPort = SourcePort,
    };
}
