using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Packets;

/// <summary>The Internet checksum (RFC 1071) over IP, TCP, UDP and ICMP: to verify what arrives and to repair what was rewritten.</summary>
public static class Checksums
{
    private const int TcpField = 16;
    private const int UdpField = 6;
    private const int IcmpField = 2;

    /// <summary>The one's complement sum of big-endian 16-bit words, not folded to its complement; a last odd byte counts as high.</summary>
    /// <remarks>Adds eight bytes at a time in host order: the sum is byte-order independent up to a swap at the end (RFC 1071 §2(B)).</remarks>
    public static ushort Sum(ReadOnlySpan<byte> bytes, uint initial = 0)
    {
        ulong sum = 0;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
        {
            sum += word & 0xffff_ffff;
            sum += word >> 32;
        }

        ReadOnlySpan<byte> rest = bytes[(words.Length * 8)..];
        while (rest.Length >= 2)
        {
            sum += MemoryMarshal.Read<ushort>(rest);
            rest = rest[2..];
        }

        if (rest.Length == 1)
        {
            sum += BitConverter.IsLittleEndian ? rest[0] : (uint)rest[0] << 8;
        }

        ushort folded = Fold(sum);
        ushort network = BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(folded) : folded;
        return Fold((ulong)network + initial);
    }

    /// <summary>The sum of the pseudo header (RFC 9293 §3.1, RFC 8200 §8.1).</summary>
    /// <param name="ip">The IP header, 20 or 40 bytes at least.</param>
    /// <param name="v4">Which header it is.</param>
    /// <param name="protocol">The transport protocol.</param>
    /// <param name="length">Bytes of transport header and data.</param>
    public static ushort PseudoHeaderSum(ReadOnlySpan<byte> ip, bool v4, byte protocol, int length) =>
        Sum(v4 ? ip.Slice(12, 8) : ip.Slice(8, 32), protocol + (uint)(length >> 16) + (uint)(length & 0xffff));

    /// <summary>The IPv4 header's own checksum is right.</summary>
    public static bool IsIpv4HeaderValid(ReadOnlySpan<byte> header) => Sum(header) == 0xffff;

    /// <summary>The transport checksum is right, or not in use (UDP over IPv4 with zero), or not known here (a protocol without one).</summary>
    /// <param name="ip">The IP header.</param>
    /// <param name="v4">Which header it is.</param>
    /// <param name="protocol">The transport protocol.</param>
    /// <param name="transport">Transport header and all its data.</param>
    public static bool IsTransportValid(ReadOnlySpan<byte> ip, bool v4, byte protocol, ReadOnlySpan<byte> transport)
    {
        switch (protocol)
        {
            case IpProtocols.Tcp:
            case IpProtocols.IcmpV6:
                return Sum(transport, PseudoHeaderSum(ip, v4, protocol, transport.Length)) == 0xffff;
            case IpProtocols.Udp:
                return (v4 && transport.Length >= 8 && transport[6] == 0 && transport[7] == 0)
                    || Sum(transport, PseudoHeaderSum(ip, v4, protocol, transport.Length)) == 0xffff;
            case IpProtocols.Icmp:
                return Sum(transport) == 0xffff;
            default:
                return true;
        }
    }

    /// <summary>Writes the checksums of a packet that we made: IPv4 header and transport.</summary>
    /// <param name="ip">From the IP header to the end of the datagram.</param>
    /// <param name="v4">Which header it is.</param>
    /// <param name="protocol">The transport protocol.</param>
    /// <param name="headerLength">Where the transport header begins.</param>
    public static void WriteInto(Span<byte> ip, bool v4, byte protocol, int headerLength)
    {
        if (v4)
        {
            WriteIpv4Header(ip[..headerLength]);
        }

        WriteTransport(ip, v4, protocol, ip[headerLength..], partial: false);
    }

    /// <summary>Makes the checksums of a rewritten packet right again: full ones in full, partial ones (for the NIC to complete) in their partial form.</summary>
    public static void Fix(Packet packet)
    {
        if (packet.IpVersion == 0)
        {
            return;
        }

        bool v4 = packet.IpVersion == 4;
        Span<byte> ip = packet.NetworkBytes;
        if (v4)
        {
            WriteIpv4Header(ip[..packet.NetworkHeaderLength]);
        }

        if (packet.TransportOffset >= 0)
        {
            WriteTransport(ip, v4, packet.Protocol, packet.TransportBytes, packet.Info.Checksum == ChecksumState.Partial && packet.TunnelDepth == 0);
        }
    }

    private static void WriteIpv4Header(Span<byte> header)
    {
        header[10] = 0;
        header[11] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], (ushort)~Sum(header));
    }

    private static void WriteTransport(ReadOnlySpan<byte> ip, bool v4, byte protocol, Span<byte> transport, bool partial)
    {
        int field = protocol switch
        {
            IpProtocols.Tcp => TcpField,
            IpProtocols.Udp => UdpField,
            IpProtocols.Icmp or IpProtocols.IcmpV6 => IcmpField,
            _ => -1,
        };
        if (field < 0 || transport.Length < field + 2)
        {
            return;
        }

        Span<byte> place = transport.Slice(field, 2);
        uint pseudo = protocol == IpProtocols.Icmp ? 0u : PseudoHeaderSum(ip, v4, protocol, transport.Length);
        if (partial)
        {
            // The NIC adds the data to what stands here: the pseudo-header sum, not complemented.
            BinaryPrimitives.WriteUInt16BigEndian(place, (ushort)pseudo);
            return;
        }

        place.Clear();
        ushort sum = (ushort)~Sum(transport, pseudo);
        BinaryPrimitives.WriteUInt16BigEndian(place, protocol == IpProtocols.Udp && sum == 0 ? (ushort)0xffff : sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort Fold(ulong sum)
    {
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)((sum & 0xffff) + (sum >> 16));
    }
}
