using System.Buffers.Binary;
using System.Net;
using BridgeGuard.Engine.Worker;
using PacketDotNet;
using PacketDotNet.Utils;

namespace BridgeGuard.Attachments.Rejects;

/// <summary>
/// Answers a rejected frame: TCP with a reset (RFC 9293 §3.10.7), everything else over IP with "communication administratively prohibited"
/// (ICMP type 3 code 13, RFC 1812 §5.2.7.1; ICMPv6 type 1 code 1, RFC 4443 §3.1).
/// </summary>
/// <remarks>
/// Off the hot path: it builds PacketDotNet objects. Nothing is answered to a reset, an ICMP error, a later fragment, or a group address
/// (RFC 1122 §3.2.2). Link-layer tags of the rejected frame are kept. The frames wait in the injector: what is for the source leaves by the
/// port it came from, what is for the destination enters by that port as the source's own frame would.
/// </remarks>
internal static class RejectCrafter
{
    private const int EthernetBytes = 14;
    private const int TagBytes = 4;
    private const int MacBytes = 6;
    private const int MaxTags = 2;
    private const int Ipv4Bytes = 20;
    private const int Ipv6Bytes = 40;
    private const int IcmpHeaderBytes = 8;
    private const int TcpBytes = 20;
    private const int HopLimit = 64;
    private const byte Icmp6Unreachable = 1;
    private const byte Icmp6Prohibited = 1;

    // IPv4 quotes the header and 8 bytes (RFC 792); IPv6 as much as fits the minimum MTU (RFC 4443 §2.4), of which 48 bytes are enough for ports.
    private const int QuotedPayloadBytes = 8;

    // 224.0.0.0/4 are groups, 240.0.0.0/4 is reserved and holds the broadcast address.
    private const byte FirstGroupOctet = 0xE0;

    private const byte FlagFin = 0x01;
    private const byte FlagSyn = 0x02;
    private const byte FlagRst = 0x04;
    private const byte FlagAck = 0x10;

    /// <summary>Puts the answers into the injector; how many there are.</summary>
    /// <param name="frame">The rejected frame from its Ethernet header.</param>
    /// <param name="target">Which ends are answered.</param>
    /// <param name="portId">The port that the frame entered by.</param>
    /// <param name="injector">Takes the answers.</param>
    public static int Craft(ReadOnlySpan<byte> frame, RejectTarget target, ushort portId, FrameInjector injector)
    {
        if (!TryReadRejected(frame, out Rejected rejected))
        {
            return 0;
        }

        int made = 0;
        if ((target & RejectTarget.Source) != 0 && (frame[MacBytes] & 1) == 0)
        {
            made += Send(frame, rejected, toSource: true, portId, injector);
        }

        if ((target & RejectTarget.Destination) != 0 && (frame[0] & 1) == 0)
        {
            made += Send(frame, rejected, toSource: false, portId, injector);
        }

        return made;
    }

    private static int Send(ReadOnlySpan<byte> frame, Rejected rejected, bool toSource, ushort portId, FrameInjector injector)
    {
        byte[]? packet = rejected.Protocol == ProtocolType.Tcp ? Reset(frame, rejected, toSource) : Prohibited(frame, rejected, toSource);
        InjectDirection direction = toSource ? InjectDirection.ToPort : InjectDirection.FromPort;
        if (packet is null || !injector.TryAdd(rejected.IpOffset + packet.Length, portId, direction, out Span<byte> made))
        {
            return 0;
        }

        frame[..rejected.IpOffset].CopyTo(made);
        if (toSource)
        {
            frame.Slice(MacBytes, MacBytes).CopyTo(made);
            frame[..MacBytes].CopyTo(made[MacBytes..]);
        }

        packet.CopyTo(made[rejected.IpOffset..]);
        return 1;
    }

    private static byte[]? Reset(ReadOnlySpan<byte> frame, Rejected rejected, bool toSource)
    {
        ReadOnlySpan<byte> tcp = frame[rejected.TransportOffset..];
        if (tcp.Length < TcpBytes || (tcp[13] & FlagRst) != 0)
        {
            return null;
        }

        byte flags = tcp[13];
        ushort sourcePort = BinaryPrimitives.ReadUInt16BigEndian(tcp);
        ushort destinationPort = BinaryPrimitives.ReadUInt16BigEndian(tcp[2..]);
        uint sequence = BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]);
        uint acknowledged = BinaryPrimitives.ReadUInt32BigEndian(tcp[8..]);
        int payload = Math.Max(0, rejected.IpPayloadLength - ((tcp[12] >> 4) * 4));
        uint next = unchecked(sequence + (uint)payload + ((flags & FlagSyn) != 0 ? 1u : 0) + ((flags & FlagFin) != 0 ? 1u : 0));
        bool hadAck = (flags & FlagAck) != 0;

        // The receiver takes a reset only at exactly the number it expects next (RFC 5961 §3.2): for the source that is what it has
        // acknowledged, for the destination the first byte of the frame it will never see.
        TcpPacket reset = toSource
            ? new TcpPacket(destinationPort, sourcePort) { SequenceNumber = hadAck ? acknowledged : 0, AcknowledgmentNumber = next }
            : new TcpPacket(sourcePort, destinationPort) { SequenceNumber = sequence, AcknowledgmentNumber = hadAck ? acknowledged : 0 };
        reset.Reset = true;
        reset.Acknowledgment = toSource || hadAck;
        reset.WindowSize = 0;
        IPPacket ip = Envelope(rejected, toSource, ProtocolType.Tcp);
        ip.PayloadPacket = reset;
        reset.UpdateTcpChecksum();
        return Finish(ip);
    }

    private static byte[]? Prohibited(ReadOnlySpan<byte> frame, Rejected rejected, bool toSource)
    {
        bool isV4 = rejected.Version == 4;
        if (rejected.Protocol == (isV4 ? ProtocolType.Icmp : ProtocolType.IcmpV6) && IsIcmpError(frame, rejected, isV4))
        {
            return null;
        }

        int headerLength = rejected.TransportOffset - rejected.IpOffset;
        int quoted = Math.Min(headerLength + QuotedPayloadBytes, frame.Length - rejected.IpOffset);
        byte[] icmp = new byte[IcmpHeaderBytes + quoted];
        Span<byte> quote = icmp.AsSpan(IcmpHeaderBytes);
        frame.Slice(rejected.IpOffset, quoted).CopyTo(quote);
        if (!toSource)
        {
            // The destination has sent nothing that could be quoted: tell it of the frame it would answer with.
            SwapEnds(quote, headerLength, rejected);
        }

        IPPacket ip = Envelope(rejected, toSource, isV4 ? ProtocolType.Icmp : ProtocolType.IcmpV6);
        if (isV4)
        {
            IcmpV4Packet packet = new(new ByteArraySegment(icmp)) { TypeCode = IcmpV4TypeCode.UnreachableCommunicationProhibited };
            packet.UpdateIcmpChecksum();
            ip.PayloadPacket = packet;
        }
        else
        {
            icmp[0] = Icmp6Unreachable;
            icmp[1] = Icmp6Prohibited;
            BinaryPrimitives.WriteUInt16BigEndian(icmp.AsSpan(2), Icmp6Checksum(ip, icmp));
            ip.PayloadData = icmp;
        }

        return Finish(ip);
    }

    /// <summary>RFC 4443 §2.3. PacketDotNet 1.4.8 leaves the quoted bytes out of it, which receivers do not take.</summary>
    private static ushort Icmp6Checksum(IPPacket ip, ReadOnlySpan<byte> icmp)
    {
        uint sum = (uint)icmp.Length + (uint)ProtocolType.IcmpV6 + Sum(ip.SourceAddress.GetAddressBytes()) + Sum(ip.DestinationAddress.GetAddressBytes());
        sum += Sum(icmp);
        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (i & 1) == 0 ? (uint)bytes[i] << 8 : bytes[i];
        }

        return sum;
    }

    private static void SwapEnds(Span<byte> quote, int headerLength, Rejected rejected)
    {
        int at = rejected.Version == 4 ? 12 : 8;
        int length = rejected.Version == 4 ? 4 : 16;
        Swap(quote.Slice(at, length), quote.Slice(at + length, length));
        if (rejected.Protocol == ProtocolType.Udp && quote.Length >= headerLength + 4)
        {
            Swap(quote.Slice(headerLength, 2), quote.Slice(headerLength + 2, 2));
        }
    }

    private static void Swap(Span<byte> x, Span<byte> y)
    {
        for (int i = 0; i < x.Length; i++)
        {
            (x[i], y[i]) = (y[i], x[i]);
        }
    }

    private static bool IsIcmpError(ReadOnlySpan<byte> frame, Rejected rejected, bool isV4)
    {
        if (rejected.TransportOffset >= frame.Length)
        {
            return true;
        }

        byte type = frame[rejected.TransportOffset];
        return isV4 ? type is 3 or 4 or 5 or 11 or 12 : type < 128;
    }

    private static IPPacket Envelope(Rejected rejected, bool toSource, ProtocolType protocol)
    {
        IPAddress from = toSource ? rejected.Destination : rejected.Source;
        IPAddress to = toSource ? rejected.Source : rejected.Destination;
        return rejected.Version == 4
            ? new IPv4Packet(from, to) { TimeToLive = HopLimit, Protocol = protocol }
            : new IPv6Packet(from, to) { HopLimit = HopLimit, Protocol = protocol };
    }

    private static byte[] Finish(IPPacket ip)
    {
        ip.UpdateCalculatedValues();
        if (ip is IPv4Packet v4)
        {
            v4.UpdateIPChecksum();
        }
        else
        {
            // PacketDotNet 1.4.8 sets it only for some kinds of payload.
            ip.PayloadLength = (ushort)(ip.TotalPacketLength - Ipv6Bytes);
        }

        return ip.Bytes;
    }

    private static bool TryReadRejected(ReadOnlySpan<byte> frame, out Rejected rejected)
    {
        rejected = default;
        if (frame.Length < EthernetBytes)
        {
            return false;
        }

        int offset = EthernetBytes;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        for (int tags = 0; tags < MaxTags && type is 0x8100 or 0x88A8; tags++)
        {
            if (frame.Length < offset + TagBytes)
            {
                return false;
            }

            type = BinaryPrimitives.ReadUInt16BigEndian(frame[(offset + 2)..]);
            offset += TagBytes;
        }

        ReadOnlySpan<byte> ip = frame[offset..];
        return type switch
        {
            0x0800 => TryReadIpv4(ip, offset, out rejected),
            0x86DD => TryReadIpv6(ip, offset, out rejected),
            _ => false,
        };
    }

    private static bool TryReadIpv4(ReadOnlySpan<byte> ip, int offset, out Rejected rejected)
    {
        rejected = default;
        int headerLength = ip.Length < Ipv4Bytes ? 0 : (ip[0] & 15) * 4;
        if (headerLength < Ipv4Bytes || headerLength > ip.Length || (BinaryPrimitives.ReadUInt16BigEndian(ip[6..]) & 0x1FFF) != 0)
        {
            return false;
        }

        int total = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]);
        int length = (total == 0 ? ip.Length : Math.Min(total, ip.Length)) - headerLength;
        if (ip[16] >= FirstGroupOctet)
        {
            return false;
        }

        rejected = new Rejected(
            4, (ProtocolType)ip[9], new IPAddress(ip.Slice(12, 4)), new IPAddress(ip.Slice(16, 4)), offset, offset + headerLength, length);
        return true;
    }

    private static bool TryReadIpv6(ReadOnlySpan<byte> ip, int offset, out Rejected rejected)
    {
        rejected = default;
        if (ip.Length < Ipv6Bytes || ip[24] == 0xFF)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(ip[4..]);
        length = length == 0 ? ip.Length - Ipv6Bytes : Math.Min(length, ip.Length - Ipv6Bytes);
        rejected = new Rejected(
            6, (ProtocolType)ip[6], new IPAddress(ip.Slice(8, 16)), new IPAddress(ip.Slice(24, 16)), offset, offset + Ipv6Bytes, length);
        return true;
    }

    private readonly record struct Rejected(
        int Version, ProtocolType Protocol, IPAddress Source, IPAddress Destination, int IpOffset, int TransportOffset, int IpPayloadLength);
}
