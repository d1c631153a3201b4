using System.Buffers.Binary;
using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Tests.Streams;

/// <summary>Fills packets by hand: raw IPv4 with a TCP header and payload, as the decoder would have read them.</summary>
internal sealed class TcpPacketMaker
{
    public IpAddress Client = IpAddress.FromV4(0x0a000001);
    public IpAddress Server = IpAddress.FromV4(0x0a000002);
    public ushort ClientPort = 40_000;
    public ushort ServerPort = 80;
    public long TimeUs = 1_700_000_000_000_000;
    public ulong Number;

    public Packet Make(Direction direction, TcpFlags flags, uint sequence, uint acknowledgement, ReadOnlySpan<byte> payload = default, ushort window = 65_000)
    {
        Packet packet = new();
        Fill(packet, new byte[40 + payload.Length], direction, flags, sequence, acknowledgement, payload, window);
        return packet;
    }

    public Packet Make(Direction direction, TcpFlags flags, uint sequence, uint acknowledgement, string payload) =>
        Make(direction, flags, sequence, acknowledgement, Encoding.Latin1.GetBytes(payload));

    /// <summary>Fills a packet that the caller keeps, for tests that count allocations.</summary>
    public void Fill(Packet packet, byte[] buffer, Direction direction, TcpFlags flags, uint sequence, uint acknowledgement,
        ReadOnlySpan<byte> payload, ushort window = 65_000)
    {
        TimeUs += 1000;
        int length = 40 + payload.Length;
        bool toServer = direction == Direction.ToServer;
        packet.Reset(buffer, 0, length, new FrameInfo { TimestampUs = TimeUs, Number = ++Number, LinkType = LinkType.Raw });
        packet.IpVersion = 4;
        packet.NetworkOffset = 0;
        packet.NetworkHeaderLength = 20;
        packet.NetworkEnd = length;
        packet.SourceAddress = toServer ? Client : Server;
        packet.DestinationAddress = toServer ? Server : Client;
        packet.SourcePort = toServer ? ClientPort : ServerPort;
        packet.DestinationPort = toServer ? ServerPort : ClientPort;
        packet.Protocol = IpProtocols.Tcp;
        packet.Ttl = 64;
        packet.TransportOffset = 20;
        packet.TransportHeaderLength = 20;
        packet.PayloadOffset = 40;
        packet.PayloadLength = payload.Length;
        packet.Tcp = new TcpHeaderInfo
        {
            Sequence = sequence,
            Acknowledgement = acknowledgement,
            Flags = flags,
            Window = window,
            WindowScale = -1,
        };
        payload.CopyTo(buffer.AsSpan(40));
        Span<byte> header = buffer.AsSpan(20, 20);
        header.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(header, packet.SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], packet.DestinationPort);
        BinaryPrimitives.WriteUInt32BigEndian(header[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(header[8..], acknowledgement);
        header[12] = 0x50;
        header[13] = (byte)flags;
        BinaryPrimitives.WriteUInt16BigEndian(header[14..], window);
        BinaryPrimitives.WriteUInt16BigEndian(header[16..], Checksum(packet));
    }

    /// <summary>RFC 9293 §3.1 checksum over pseudo header and segment, with the field itself taken as it stands.</summary>
    public static ushort Checksum(Packet packet)
    {
        ReadOnlySpan<byte> segment = packet.Buffer.AsSpan(20, packet.NetworkEnd - 20);
        uint sum = (packet.SourceAddress.V4 >> 16) + (packet.SourceAddress.V4 & 0xffff) + (packet.DestinationAddress.V4 >> 16)
            + (packet.DestinationAddress.V4 & 0xffff) + IpProtocols.Tcp + (uint)segment.Length;
        for (int i = 0; i < segment.Length; i++)
        {
            sum += (i & 1) == 0 ? (uint)segment[i] << 8 : segment[i];
        }

        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)~sum;
    }
}
