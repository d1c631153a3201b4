namespace BridgeGuard.Engine.Packets;

/// <summary>The link layer of a capture, with the values of the tcpdump LINKTYPE registry.</summary>
public enum LinkType : ushort
{
    /// <summary>BSD loopback: a 4-byte address family in the byte order of the capturing host.</summary>
    Null = 0,
    Ethernet = 1,
    Ppp = 9,
    /// <summary>Raw IP as some BSDs number it.</summary>
    RawBsd = 12,
    RawOpenBsd = 14,
    /// <summary>Raw IP: the version nibble decides between IPv4 and IPv6.</summary>
    Raw = 101,
    CiscoHdlc = 104,
    /// <summary>OpenBSD loopback: a 4-byte address family in network byte order.</summary>
    Loop = 108,
    LinuxSll = 113,
    Ipv4 = 228,
    Ipv6 = 229,
    LinuxSll2 = 276,
}
