using System.Net;
using System.Net.NetworkInformation;
using PacketDotNet;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>Whole frames with right checksums, made with PacketDotNet.</summary>
internal static class FrameBuilder
{
    public static byte[] Udp(
        string from, string to, int fromPort, int toPort, string payload, string macFrom = BridgeLab.MacA, string macTo = BridgeLab.MacB, int[]? tags = null)
    {
        UdpPacket udp = new((ushort)fromPort, (ushort)toPort) { PayloadData = System.Text.Encoding.ASCII.GetBytes(payload) };
        IPPacket ip = Ip(from, to, PacketDotNet.ProtocolType.Udp);
        ip.PayloadPacket = udp;
        udp.UpdateCalculatedValues();
        udp.UpdateUdpChecksum();
        return Ethernet(ip, macFrom, macTo, tags);
    }

    public static byte[] Tcp(
        string from, string to, int fromPort, int toPort, string flags, uint sequence = 1000, uint acknowledged = 2000, string payload = "",
        string macFrom = BridgeLab.MacA, string macTo = BridgeLab.MacB, int[]? tags = null)
    {
        TcpPacket tcp = new((ushort)fromPort, (ushort)toPort)
        {
            SequenceNumber = sequence,
            AcknowledgmentNumber = acknowledged,
            Synchronize = flags.Contains('S'),
            Acknowledgment = flags.Contains('A'),
            Reset = flags.Contains('R'),
            Finished = flags.Contains('F'),
            WindowSize = 1000,
            PayloadData = System.Text.Encoding.ASCII.GetBytes(payload),
        };
        IPPacket ip = Ip(from, to, PacketDotNet.ProtocolType.Tcp);
        ip.PayloadPacket = tcp;
        tcp.UpdateTcpChecksum();
        return Ethernet(ip, macFrom, macTo, tags);
    }

    private static IPPacket Ip(string from, string to, PacketDotNet.ProtocolType protocol)
    {
        IPAddress source = IPAddress.Parse(from);
        IPAddress destination = IPAddress.Parse(to);
        return source.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork
            ? new IPv4Packet(source, destination) { Protocol = protocol, TimeToLive = 64 }
            : new IPv6Packet(source, destination) { Protocol = protocol, HopLimit = 64 };
    }

    private static byte[] Ethernet(IPPacket ip, string macFrom, string macTo, int[]? tags)
    {
        ip.UpdateCalculatedValues();
        if (ip is IPv4Packet v4)
        {
            v4.UpdateIPChecksum();
        }
        else
        {
            ip.PayloadLength = (ushort)(ip.TotalPacketLength - 40);
        }

        byte[] bytes = ip.Bytes;
        byte[] type = ip is IPv4Packet ? [8, 0] : [0x86, 0xDD];
        IEnumerable<byte> tagBytes = (tags ?? []).SelectMany((tag, i) => new byte[]
        {
            (byte)(tags!.Length > 1 && i == 0 ? 0x88 : 0x81), (byte)(tags.Length > 1 && i == 0 ? 0xA8 : 0x00), (byte)(tag >> 8), (byte)tag,
        });
        byte[] frame = [.. Mac(macTo), .. Mac(macFrom), .. tagBytes, .. type, .. bytes];
        return frame.Length >= 60 ? frame : [.. frame, .. new byte[60 - frame.Length]];
    }

    private static byte[] Mac(string mac) => PhysicalAddress.Parse(mac.Replace(':', '-')).GetAddressBytes();
}
