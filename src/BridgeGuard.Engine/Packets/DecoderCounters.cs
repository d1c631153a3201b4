namespace BridgeGuard.Engine.Packets;

/// <summary>What a decoder has seen, by layer; the <c>decoder.*</c> counters of a <c>stats</c> record. Written by one worker.</summary>
public sealed class DecoderCounters
{
    public long Packets;
    public long Bytes;
    public long Invalid;
    public long Ipv4;
    public long Ipv6;
    public long Ethernet;
    public long Arp;
    public long UnknownEtherType;
    public long Chdlc;
    public long Raw;
    public long Null;
    public long Sll;
    public long Sll2;
    public long Tcp;
    public long Udp;
    public long Sctp;
    public long Esp;
    public long Igmp;
    public long IcmpV4;
    public long IcmpV6;
    public long Ppp;
    public long PppOe;
    public long Geneve;
    public long Gre;
    public long Vlan;
    public long VlanQinQ;
    public long VlanQinQinQ;
    public long Vxlan;
    public long VnTag;
    public long Ieee8021ah;
    public long Teredo;
    public long Ipv4InIpv4;
    public long Ipv6InIpv4;
    public long Ipv4InIpv6;
    public long Ipv6InIpv6;
    public long Mpls;
    public long Erspan;
    public long Nsh;
    public long GtpU;
    public long TooManyLayers;
}
