namespace BridgeGuard.Engine.Packets;

/// <summary>EtherTypes (IEEE registry) that the decoder opens.</summary>
public static class EtherTypes
{
    public const ushort Ipv4 = 0x0800;
    public const ushort Arp = 0x0806;
    public const ushort TransparentBridging = 0x6558;
    public const ushort Vlan = 0x8100;
    public const ushort Ipv6 = 0x86dd;
    public const ushort Ppp = 0x880b;
    public const ushort Mpls = 0x8847;
    public const ushort MplsMulticast = 0x8848;
    public const ushort PppoeDiscovery = 0x8863;
    public const ushort PppoeSession = 0x8864;
    public const ushort ErspanTypeI = 0x88be;
    public const ushort ErspanTypeIII = 0x22eb;
    public const ushort ServiceVlan = 0x88a8;
    public const ushort BackboneServiceTag = 0x88e7;
    public const ushort DataCenterEthernet = 0x8903;
    public const ushort VnTag = 0x8926;
    public const ushort ETag = 0x893f;
    public const ushort Nsh = 0x894f;
    public const ushort OldQinQ = 0x9100;

    /// <summary>Below this the field is a length (IEEE 802.3 §3.2.6).</summary>
    public const ushort FirstType = 0x0600;
}
