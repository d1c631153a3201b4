using System.Buffers.Binary;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Events;

/// <summary>The bytes that a record shows of a packet that never was on the wire: the one that closes a TCP stream's inspection.</summary>
/// <remarks>
/// Shape: an IPv4 or IPv6 header (RFC 791 §3.1, RFC 8200 §3) and a TCP header (RFC 9293 §3.1) without flags, options and payload, with the number that the sender would have used next.
/// Thread: any.
/// </remarks>
internal static class SyntheticPacket
{
    /// <summary>IPv6 and TCP headers.</summary>
    public const int MaxBytes = 60;

    private const int TcpBytes = 20;
    private const byte HopLimit = 64;
    private const ushort Window = 10 << 8;

    /// <returns>How many bytes were written.</returns>
    public static int Write(Packet packet, Flow flow, Span<byte> destination)
    {
        bool isV4 = packet.IpVersion == 4;
        int network = isV4 ? 20 : 40;
        int length = network + TcpBytes;
        Span<byte> bytes = destination[..length];
        bytes.Clear();
        int address = isV4 ? 4 : 16;
        int addresses = isV4 ? 12 : 8;
        packet.SourceAddress.Write(bytes[addresses..], isV4);
        packet.DestinationAddress.Write(bytes[(addresses + address)..], isV4);
        if (isV4)
        {
            bytes[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)length);
            bytes[8] = HopLimit;
            bytes[9] = IpProtocols.Tcp;
            BinaryPrimitives.WriteUInt16BigEndian(bytes[10..], Checksum(InternetChecksum.Sum(bytes[..network])));
        }
        else
        {
            bytes[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(bytes[4..], TcpBytes);
            bytes[6] = IpProtocols.Tcp;
            bytes[7] = HopLimit;
        }

        Span<byte> tcp = bytes[network..];
        TcpStream sender = flow.Tcp!.StreamOf(packet.Direction);
        BinaryPrimitives.WriteUInt16BigEndian(tcp, packet.SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], packet.DestinationPort);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sender.NextSequence);
        tcp[12] = (TcpBytes / 4) << 4;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], Window);
        uint sum = InternetChecksum.Sum(tcp, InternetChecksum.Sum(bytes.Slice(addresses, address * 2)) + IpProtocols.Tcp + TcpBytes);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], Checksum(sum));
        return length;
    }

    private static ushort Checksum(uint sum) => (ushort)~InternetChecksum.Fold(sum);
}
