using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Packets;

[Flags]
public enum PacketFlags : uint
{
    None = 0,

    /// <summary>Made by the engine to carry leftover stream data through detection at the end of a flow; has no frame bytes.</summary>
    Pseudo = 1 << 0,

    /// <summary>Rebuilt from IP fragments.</summary>
    Defragmented = 1 << 1,

    /// <summary>Carried inside another packet (tunnel); <see cref="Packet.Outer"/> is set.</summary>
    Tunneled = 1 << 2,

    /// <summary>Its headers could not be read; only decoder-event rules see it. The addresses may be known all the same.</summary>
    Invalid = 1 << 3,

    /// <summary>Do not inspect payload (bad checksum, bypass, encrypted).</summary>
    NoPayloadInspection = 1 << 4,

    /// <summary>Do not inspect at all.</summary>
    NoInspection = 1 << 5,

    /// <summary>The TCP tracker accepted the segment into a stream; payload rules see the stream as well.</summary>
    StreamAdded = 1 << 6,

    /// <summary>The TCP session was established when the packet was seen.</summary>
    Established = 1 << 7,

    /// <summary>The segment repeats data already seen.</summary>
    Retransmission = 1 << 8,

    /// <summary>A first or last fragment piece that waits in the defragmenter.</summary>
    Fragment = 1 << 9,

    /// <summary>Bytes of the frame were changed (replace, redirect, normalisation).</summary>
    Modified = 1 << 10,

    /// <summary>The engine reached the end of this stream direction with this packet (FIN, RST, timeout).</summary>
    StreamEnd = 1 << 11,

    /// <summary>An ICMP error whose embedded header belongs to <see cref="Packet.Flow"/>.</summary>
    IcmpError = 1 << 12,

    /// <summary>First packet of its flow in its direction.</summary>
    FirstInDirection = 1 << 13,

    /// <summary>The L4 checksum is wrong; set only where checksums are validated.</summary>
    BadChecksum = 1 << 14,

    /// <summary>Logged by a tag rule.</summary>
    Tagged = 1 << 15,

    /// <summary>
    /// The IP header is sound but the transport header within is not: there are no ports and no payload, and no flow. Rules on addresses
    /// and protocol still see the packet, as do decoder-event rules.
    /// </summary>
    BadTransport = 1 << 16,

    /// <summary>A header breaks its rules; counted as <c>decoder.invalid</c>. Inspected all the same unless another flag forbids it.</summary>
    Malformed = 1 << 17,

    /// <summary>An exception policy answers the sender although nothing is dropped (a passive engine).</summary>
    PolicyReject = 1 << 24,

    /// <summary>TCP: acknowledges something new, or opens or closes its sender's window.</summary>
    MovesWindow = 1 << 25,

    /// <summary>A redirect target's answer that was given its real server's name: on the wire it is another flow's.</summary>
    Restored = 1 << 26,

    /// <summary>Bytes, a hole or the end of a stream reached the application layer with this packet.</summary>
    AppMoved = 1 << 27,

    /// <summary>A sound packet of a TCP session in which one side has said its FIN and that is not over with this packet.</summary>
    Closing = 1 << 28,

    /// <summary>A datagram whose payload is another packet: rules look for their payload in that one.</summary>
    Carrier = 1 << 29,
}

/// <summary>One decoded packet: offsets into its bytes and the header values that everybody needs. Reused; owned by its worker.</summary>
/// <remarks>
/// Offsets are into <see cref="Buffer"/>; -1 says the layer is absent. Bytes are borrowed from the attachment (or owned by the
/// defragmenter for a rebuilt packet) and valid until the verdict is given. Every offset plus length was checked by the decoder.
/// </remarks>
public sealed partial class Packet
{
    public const int MaxVlans = 3;

    /// <summary>The bytes; for a tunnel's inner packet the same array as the outer one.</summary>
    public byte[] Buffer = [];

    /// <summary>Start of the frame (or inner packet) in <see cref="Buffer"/>.</summary>
    public int Start;

    /// <summary>Bytes of the frame (or inner packet).</summary>
    public int Length;

    public FrameInfo Info;

    /// <summary>Arrival time, microseconds since the Unix epoch.</summary>
    public long TimeUs;

    /// <summary>Number in the capture, 1-based; 0 live. A rebuilt packet carries the number of the fragment that completed it.</summary>
    public ulong Number;

    public PacketFlags Flags;
    public PacketEventSet Events;

    /// <summary>Oddities of protocol detection seen with this packet.</summary>
    public AppLayerEvents AppEvents;

    // Link layer
    public int EthernetOffset;
    public ushort EtherType;
    public byte VlanCount;
    public ushort Vlan0;
    public ushort Vlan1;
    public ushort Vlan2;

    /// <summary>Tunnel network (VNI, TEID, ERSPAN session) of an inner packet; 0 without. Part of the flow key.</summary>
    public uint TunnelId;

    /// <summary>Decapsulations so far: 0 for the outermost packet.</summary>
    public byte TunnelDepth;

    /// <summary>Which tunnel carried this packet (EVE <c>pkt_src</c>).</summary>
    public PacketSource Source;

    /// <summary>The packet that carries this one, or null.</summary>
    public Packet? Outer;

    /// <summary>Set when the ethernet header announces a length instead of a type (IEEE 802.3 with LLC).</summary>
    public bool IsLlc;

    /// <summary>Start of an ARP packet, else -1; its 28 bytes are there and of the IPv4-over-Ethernet kind.</summary>
    public int ArpOffset;

    // Network layer
    /// <summary>4, 6, or 0 when there is no IP header.</summary>
    public byte IpVersion;
    public int NetworkOffset;
    public int NetworkHeaderLength;

    /// <summary>End of the IP datagram as its header says, at most the end of the bytes.</summary>
    public int NetworkEnd;
    public IpAddress SourceAddress;
    public IpAddress DestinationAddress;

    /// <summary>IPv4 protocol or final IPv6 next header.</summary>
    public byte Protocol;
    public byte Ttl;

    /// <summary>The IPv4 options that are present.</summary>
    public Ipv4Options IpOptions;

    /// <summary>Start of the IPv6 fragment header, else -1; an atomic fragment has one too.</summary>
    public int FragmentHeaderOffset;

    /// <summary>Start of the fragment's data within the whole datagram, in bytes (RFC 791 §3.1, RFC 8200 §4.5); 0 for a whole datagram.</summary>
    public int FragmentOffset;

    /// <summary>More fragments follow this one.</summary>
    public bool MoreFragments;

    // Transport layer
    public int TransportOffset;
    public int TransportHeaderLength;

    /// <summary>Ports of TCP, UDP and SCTP; for ICMP a pair that is swapped in the reply (see <see cref="IcmpTypes"/>); 0 elsewhere.</summary>
    public ushort SourcePort;
    public ushort DestinationPort;
    public byte IcmpType;
    public byte IcmpCode;

    /// <summary>Meaningful only when <see cref="IsTcp"/>.</summary>
    public TcpHeaderInfo Tcp;

    /// <summary>Start of the IP header that an ICMP error carries, else -1; see <see cref="EmbeddedIpView"/>.</summary>
    public int EmbeddedOffset;

    /// <summary>Start and length of what the innermost known header carries.</summary>
    public int PayloadOffset;
    public int PayloadLength;

    /// <summary>Headers decoded so far, for the decoder's own limit.</summary>
    internal int Layers;

    // Flow
    public Flow? Flow;

    /// <summary>Meaningful with <see cref="Flow"/>.</summary>
    public Direction Direction;

    // Decision
    public VerdictAction Action;
    public RejectTarget Reject;

    /// <summary>The bridge port that it leaves by; 0: as the bridge forwards it.</summary>
    public ushort ToPort;

    /// <summary>Bits that rules give the frame's mark (<c>nfq_set_mark</c>), and which bits those are.</summary>
    public uint Mark;
    public uint MarkMask;
    public DropReason DropReason;

    /// <summary>The frame's bytes, from its link layer.</summary>
    public Span<byte> Bytes => Buffer.AsSpan(Start, Length);

    /// <summary>What the innermost known header carries.</summary>
    public Span<byte> Payload => Buffer.AsSpan(PayloadOffset, PayloadLength);

    /// <summary>The network header and what follows up to the end of the datagram; empty without IP.</summary>
    public Span<byte> NetworkBytes => NetworkOffset < 0 ? [] : Buffer.AsSpan(NetworkOffset, NetworkEnd - NetworkOffset);

    public Span<byte> TransportBytes => TransportOffset < 0 ? [] : Buffer.AsSpan(TransportOffset, NetworkEnd - TransportOffset);

    public bool IsTcp => Protocol == IpProtocols.Tcp && TransportOffset >= 0;

    public bool IsUdp => Protocol == IpProtocols.Udp && TransportOffset >= 0;

    public bool Has(PacketFlags flag) => (Flags & flag) != 0;

    /// <summary>Its way is not the engine's to decide (<see cref="Worker.FrameInfo.IsPassive"/>): it is never dropped, and nothing becomes of its flow.</summary>
    public bool IsPassive => Info.IsPassive;

    /// <summary>Decides to drop, keeping the first reason: later ones are consequences.</summary>
    public void Drop(DropReason reason)
    {
        if (Action == VerdictAction.Drop || IsPassive)
        {
            return;
        }

        Action = VerdictAction.Drop;
        DropReason = reason;
    }

    /// <summary>Of the frame's mark these bits are set so; a later rule has the last word.</summary>
    public void SetMark(uint mark, uint mask)
    {
        Mark = (Mark & ~mask) | (mark & mask);
        MarkMask |= mask;
    }

    /// <summary>Makes the object ready for the next packet.</summary>
    public void Reset(byte[] buffer, int start, int length, in FrameInfo info)
    {
        Buffer = buffer;
        Start = start;
        Length = length;
        Info = info;
        TimeUs = info.TimestampUs;
        Number = info.Number;
        Flags = PacketFlags.None;
        Events.Clear();
        AppEvents = AppLayerEvents.None;
        EthernetOffset = -1;
        EtherType = 0;
        VlanCount = 0;
        Vlan0 = Vlan1 = Vlan2 = 0;
        IsLlc = false;
        ArpOffset = -1;
        TunnelId = 0;
        TunnelDepth = 0;
        Source = PacketSource.Wire;
        Outer = null;
        IpVersion = 0;
        NetworkOffset = -1;
        NetworkHeaderLength = 0;
        NetworkEnd = start + length;
        SourceAddress = default;
        DestinationAddress = default;
        Protocol = 0;
        Ttl = 0;
        IpOptions = Ipv4Options.None;
        FragmentHeaderOffset = -1;
        FragmentOffset = 0;
        MoreFragments = false;
        TransportOffset = -1;
        TransportHeaderLength = 0;
        SourcePort = 0;
        DestinationPort = 0;
        IcmpType = 0;
        IcmpCode = 0;
        EmbeddedOffset = -1;
        PayloadOffset = start;
        PayloadLength = 0;
        Flow = null;
        Direction = Direction.ToServer;
        Action = VerdictAction.Pass;
        Reject = RejectTarget.None;
        ToPort = 0;
        Mark = MarkMask = 0;
        DropReason = DropReason.NotDropped;
    }
}
