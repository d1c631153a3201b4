namespace BridgeGuard.Engine.Packets;

/// <summary>IP protocol numbers (IANA) that the engine knows by name.</summary>
public static class IpProtocols
{
    public const byte HopByHop = 0;
    public const byte Icmp = 1;
    public const byte Igmp = 2;
    public const byte IpInIp = 4;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte Ipv6 = 41;
    public const byte Routing = 43;
    public const byte Fragment = 44;
    public const byte Gre = 47;
    public const byte Esp = 50;
    public const byte Ah = 51;
    public const byte IcmpV6 = 58;
    public const byte NoNext = 59;
    public const byte DestinationOptions = 60;
    public const byte Sctp = 132;
    public const byte Mobility = 135;
    public const byte HostIdentity = 139;
    public const byte Shim6 = 140;

    /// <summary>A header between IPv6 and its payload (RFC 8200 §4, RFC 6275, RFC 7401, RFC 5533), with its next header in the first byte.</summary>
    public static bool IsIpv6Extension(byte protocol) =>
        protocol is HopByHop or Routing or Fragment or Ah or DestinationOptions or Mobility or HostIdentity or Shim6;
}
