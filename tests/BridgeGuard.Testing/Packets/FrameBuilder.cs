using System.Net;
using System.Net.NetworkInformation;
using PacketDotNet;

namespace BridgeGuard.Testing.Packets;

/// <summary>Makes frames with right lengths and checksums, with PacketDotNet as a second opinion on how headers look.</summary>
public static class FrameBuilder
{
    public static readonly PhysicalAddress ClientMac = PhysicalAddress.Parse("02-00-00-00-00-01");
    public static readonly PhysicalAddress ServerMac = PhysicalAddress.Parse("02-00-00-00-00-02");

    public static byte[] Tcp(string source, ushort sourcePort, string destination, ushort destinationPort, uint sequence, uint acknowledgement, string flags, ReadOnlySpan<byte> payload, byte[]? options = null)
    {
        // PacketDotNet cannot make a header grow, so its length is laid down first. Options are padded to whole words.
        byte[] header = new byte[20 + (((options?.Length ?? 0) + 3) & ~3)];
        header[12] = (byte)(header.Length / 4 << 4);
        options?.CopyTo(header.AsSpan(20));
        TcpPacket tcp = new(new PacketDotNet.Utils.ByteArraySegment(header))
        {
            SourcePort = sourcePort,
            DestinationPort = destinationPort,
            SequenceNumber = sequence,
            AcknowledgmentNumber = acknowledgement,
            WindowSize = 65_000,
            Synchronize = flags.Contains('S'),
            Acknowledgment = flags.Contains('A'),
            Finished = flags.Contains('F'),
            Reset = flags.Contains('R'),
            Push = flags.Contains('P'),
            Urgent = flags.Contains('U'),
        };
        tcp.PayloadData = payload.ToArray();
        IPPacket ip = Ip(source, destination, tcp);
        tcp.UpdateTcpChecksum();
        return Ethernet(ip);
    }

    public static byte[] Udp(string source, ushort sourcePort, string destination, ushort destinationPort, ReadOnlySpan<byte> payload)
    {
        UdpPacket udp = new(sourcePort, destinationPort) { PayloadData = payload.ToArray() };
        IPPacket ip = Ip(source, destination, udp);
        udp.UpdateUdpChecksum();
        return Ethernet(ip);
    }

    /// <summary>An ICMPv4 echo request or reply (type 8 or 0).</summary>
    public static byte[] Ping(string source, string destination, byte type, ushort identifier, ushort sequence, ReadOnlySpan<byte> payload)
    {
        byte[] bytes = new byte[8 + payload.Length];
        bytes[0] = type;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(4), identifier);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(6), sequence);
        payload.CopyTo(bytes.AsSpan(8));
        IcmpV4Packet icmp = new(new PacketDotNet.Utils.ByteArraySegment(bytes));
        IPPacket ip = Ip(source, destination, icmp);
        icmp.UpdateIcmpChecksum();
        return Ethernet(ip);
    }

    /// <summary>Puts any bytes behind an IP header of <paramref name="protocol"/>.</summary>
    public static byte[] Raw(string source, string destination, byte protocol, ReadOnlySpan<byte> payload)
    {
        IPPacket ip = Header(source, destination);
        ip.Protocol = (ProtocolType)protocol;
        ip.PayloadData = payload.ToArray();
        return Ethernet(ip);
    }

    /// <summary>Puts an 802.1Q tag behind the addresses of an ethernet frame.</summary>
    public static byte[] WithVlan(ReadOnlySpan<byte> frame, ushort id, ushort tagType = 0x8100)
    {
        byte[] tagged = new byte[frame.Length + 4];
        frame[..12].CopyTo(tagged);
        tagged[12] = (byte)(tagType >> 8);
        tagged[13] = (byte)tagType;
        tagged[14] = (byte)(id >> 8);
        tagged[15] = (byte)id;
        frame[12..].CopyTo(tagged.AsSpan(16));
        return tagged;
    }

    private static IPPacket Ip(string source, string destination, Packet payload)
    {
        IPPacket ip = Header(source, destination);
        ip.PayloadPacket = payload;
        ip.Protocol = payload switch
        {
            TcpPacket => ProtocolType.Tcp,
            UdpPacket => ProtocolType.Udp,
            _ => ProtocolType.Icmp,
        };
        return ip;
    }

    private static IPPacket Header(string source, string destination)
    {
        IPAddress from = IPAddress.Parse(source);
        IPAddress to = IPAddress.Parse(destination);
        return from.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork
            ? new IPv4Packet(from, to) { TimeToLive = 64 }
            : new IPv6Packet(from, to) { TimeToLive = 64 };
    }

    private static byte[] Ethernet(IPPacket ip)
    {
        EthernetPacket ethernet = new(ClientMac, ServerMac, ip is IPv4Packet ? EthernetType.IPv4 : EthernetType.IPv6) { PayloadPacket = ip };
        if (ip is IPv4Packet v4)
        {
            v4.UpdateIPChecksum();
        }

        return ethernet.Bytes;
    }
}
