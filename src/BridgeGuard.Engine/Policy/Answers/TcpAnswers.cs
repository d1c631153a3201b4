using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Policy.Answers;

/// <summary>Segments of our own on a connection: in the receiver's name to the sender of a packet, or in the sender's name to its receiver.</summary>
/// <remarks>RFC 9293. Link layer, VLAN tags and IP version are those of the packet. They go through the injector, so a full one refuses.</remarks>
public static class TcpAnswers
{
    private const byte DefaultTtl = 64;
    private const int TcpHeaderBytes = 20;

    /// <summary>A segment to the packet's sender, as if its receiver had sent it; false when there is no room or no Ethernet.</summary>
    public static bool TryAnswer(Packet packet, FrameInjector injector, uint sequence, uint acknowledgement, TcpFlags flags, ushort window, ReadOnlySpan<byte> payload) =>
        TryCraft(packet, injector, toSender: true, sequence, acknowledgement, flags, window, payload);

    /// <summary>Tells the packet's receiver to forget the connection, as if its sender had said so.</summary>
    public static bool TryResetReceiver(Packet packet, FrameInjector injector) =>
        TryCraft(packet, injector, toSender: false, packet.Tcp.Sequence, packet.Tcp.Acknowledgement, TcpFlags.Rst | TcpFlags.Ack, 0, default);

    private static bool TryCraft(
        Packet packet, FrameInjector injector, bool toSender, uint sequence, uint acknowledgement, TcpFlags flags, ushort window, ReadOnlySpan<byte> payload)
    {
        if (!packet.IsTcp || packet.EthernetOffset < 0 || packet.TunnelDepth != 0)
        {
            return false;
        }

        bool v4 = packet.IpVersion == 4;
        int linkLength = packet.NetworkOffset - packet.EthernetOffset;
        int ipLength = v4 ? 20 : 40;
        int tcpLength = TcpHeaderBytes + payload.Length;
        InjectDirection direction = toSender ? InjectDirection.ToPort : InjectDirection.FromPort;
        if (!injector.TryAdd(linkLength + ipLength + tcpLength, packet.Info.PortId, direction, out Span<byte> frame))
        {
            return false;
        }

        frame.Clear();
        Span<byte> link = packet.Buffer.AsSpan(packet.EthernetOffset, linkLength);
        link.CopyTo(frame);
        if (toSender)
        {
            link[..6].CopyTo(frame[6..]);
            link.Slice(6, 6).CopyTo(frame);
        }

        Span<byte> ip = frame[linkLength..];
        WriteIp(ip, packet, v4, tcpLength, toSender);
        Span<byte> tcp = ip[ipLength..];
        BinaryPrimitives.WriteUInt16BigEndian(tcp, toSender ? packet.DestinationPort : packet.SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], toSender ? packet.SourcePort : packet.DestinationPort);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], acknowledgement);
        tcp[12] = TcpHeaderBytes / 4 << 4;
        tcp[13] = (byte)flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], window);
        payload.CopyTo(tcp[TcpHeaderBytes..]);
        Checksums.WriteInto(ip, v4, IpProtocols.Tcp, ipLength);
        return true;
    }

    private static void WriteIp(Span<byte> ip, Packet packet, bool v4, int tcpLength, bool toSender)
    {
        IpAddress source = toSender ? packet.DestinationAddress : packet.SourceAddress;
        IpAddress destination = toSender ? packet.SourceAddress : packet.DestinationAddress;
        if (v4)
        {
            ip[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(20 + tcpLength));
            ip[6] = 0x40; // Don't fragment.
            ip[8] = DefaultTtl;
            ip[9] = IpProtocols.Tcp;
            source.Write(ip[12..], asV4: true);
            destination.Write(ip[16..], asV4: true);
            return;
        }

        ip[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)tcpLength);
        ip[6] = IpProtocols.Tcp;
        ip[7] = DefaultTtl;
        source.Write(ip[8..], asV4: false);
        destination.Write(ip[24..], asV4: false);
    }
}
