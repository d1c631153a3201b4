using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Detection;

/// <summary>The ones' complement sum of RFC 1071, for the checksum keywords of rules.</summary>
internal static class InternetChecksum
{
    public static uint Sum(ReadOnlySpan<byte> bytes, uint sum = 0)
    {
        while (bytes.Length >= 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
            sum = (sum & 0xffff) + (sum >> 16);
            bytes = bytes[2..];
        }

        return bytes.IsEmpty ? sum : sum + ((uint)bytes[0] << 8);
    }

    public static uint Fold(uint sum)
    {
        sum = (sum & 0xffff) + (sum >> 16);
        return (sum & 0xffff) + (sum >> 16);
    }

    /// <summary>TCP, UDP or ICMP of the packet with the pseudo header where there is one (RFC 9293 §3.1, RFC 8200 §8.1).</summary>
    public static bool IsTransportValid(Packet packet)
    {
        ReadOnlySpan<byte> bytes = packet.TransportBytes;
        uint sum = 0;
        if (packet.Protocol != IpProtocols.Icmp)
        {
            Span<byte> pseudo = stackalloc byte[40];
            bool isV4 = packet.IpVersion == 4;
            int size = isV4 ? 4 : 16;
            packet.SourceAddress.Write(pseudo, isV4);
            packet.DestinationAddress.Write(pseudo[size..], isV4);
            BinaryPrimitives.WriteUInt32BigEndian(pseudo[(2 * size)..], (uint)bytes.Length);
            BinaryPrimitives.WriteUInt32BigEndian(pseudo[((2 * size) + 4)..], packet.Protocol);
            sum = Sum(pseudo[..((2 * size) + 8)]);
            if (packet.Protocol == IpProtocols.Udp && isV4 && bytes.Length >= 8 && bytes[6] == 0 && bytes[7] == 0)
            {
                return true;
            }
        }

        return Fold(Sum(bytes, sum)) == 0xffff;
    }
}
