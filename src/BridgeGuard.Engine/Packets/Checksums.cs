using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace BridgeGuard.Engine.Packets;

/// <summary>The Internet checksum (RFC 1071) of IPv4, TCP, UDP, ICMP and ICMPv6: judged, written, and changed step by step (RFC 1624).</summary>
/// <remarks>
/// <para>A frame in <see cref="Worker.ChecksumState.Partial"/> state carries the sum of the pseudo header, not inverted, in its L4 field, and
/// the network card was to do the rest. A GSO super-packet is such a frame: its lengths exceed what goes on the wire, and segments get their sums later. Neither is ever an error.</para>
/// <para>Sums are kept in 64 bits in the byte order of memory and folded at the end: the ones' complement sum does not depend on byte order.</para>
/// </remarks>
public static class Checksums
{
    /// <summary>Adds <paramref name="bytes"/> to a running sum; only the last piece may have an odd length.</summary>
    public static ulong Sum(ReadOnlySpan<byte> bytes, ulong sum = 0)
    {
        if (Vector256.IsHardwareAccelerated && bytes.Length >= Vector256<byte>.Count * 2)
        {
            ReadOnlySpan<Vector256<ulong>> blocks = MemoryMarshal.Cast<byte, Vector256<ulong>>(bytes);
            (Vector256<ulong> low, Vector256<ulong> high) = (Vector256<ulong>.Zero, Vector256<ulong>.Zero);
            foreach (ref readonly Vector256<ulong> block in blocks)
            {
                low += block & Vector256.Create(0xFFFF_FFFFul);
                high += block >>> 32;
            }

            sum += Vector256.Sum(low + high);
            bytes = bytes[(blocks.Length * Vector256<byte>.Count)..];
        }

        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(bytes);
        ulong second = 0;
        int i = 0;

        // Two chains of additions, because each waits for the one before; 64 bits hold 2^32 words without a carry.
        for (; i + 4 <= words.Length; i += 4)
        {
            sum += words[i];
            second += words[i + 1];
            sum += words[i + 2];
            second += words[i + 3];
        }

        for (; i < words.Length; i++)
        {
            sum += words[i];
        }

        ReadOnlySpan<byte> rest = bytes[(words.Length * 4)..];
        if (rest.Length >= 2)
        {
            sum += MemoryMarshal.Read<ushort>(rest);
            rest = rest[2..];
        }

        if (!rest.IsEmpty)
        {
            sum += BitConverter.IsLittleEndian ? rest[0] : (uint)rest[0] << 8;
        }

        return sum + second;
    }

    /// <summary>Folds a running sum to the 16-bit value in host order, not inverted.</summary>
    public static ushort Fold(ulong sum)
    {
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        return BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness((ushort)sum) : (ushort)sum;
    }

    /// <summary>The checksum field that makes a running sum right.</summary>
    public static ushort Finish(ulong sum) => (ushort)~Fold(sum);

    /// <summary>Whether the IPv4 header's sum is right; true without an IPv4 header.</summary>
    public static bool IsIpv4Valid(Packet packet) =>
        packet.IpVersion != 4 || Fold(Sum(packet.Buffer.AsSpan(packet.NetworkOffset, packet.NetworkHeaderLength))) == 0xffff;

    /// <summary>
    /// Whether the sum of the TCP, UDP, ICMP or ICMPv6 message is right. True where there is none to judge: another protocol, UDP over IPv4
    /// without a checksum (RFC 768), a partial or verified one.
    /// </summary>
    public static bool IsTransportValid(Packet packet) =>
        packet.TransportOffset < 0 || packet.Info.Checksum != Worker.ChecksumState.Unknown || packet.Info.GsoSize != 0 || IsTransportSumRight(packet);

    /// <summary>As <see cref="IsTransportValid"/>, from the bytes alone: for rules that ask for the checksum itself.</summary>
    public static bool IsTransportSumRight(Packet packet)
    {
        if (!TryGetField(packet, out int field, out int length))
        {
            return true;
        }

        ReadOnlySpan<byte> message = packet.Buffer.AsSpan(packet.TransportOffset, length);
        if (packet.Protocol == IpProtocols.Udp && packet.IpVersion == 4 && message[field] == 0 && message[field + 1] == 0)
        {
            return true;
        }

        return Fold(Sum(message, PseudoHeader(packet, length))) == 0xffff;
    }

    /// <summary>Judges the checksums of a fresh packet and sets <see cref="PacketFlags.BadChecksum"/>; true when they are right.</summary>
    public static bool Validate(Packet packet)
    {
        if (packet.Info.Checksum == Worker.ChecksumState.Valid || (IsIpv4Valid(packet) && IsTransportValid(packet)))
        {
            return true;
        }

        packet.Flags |= PacketFlags.BadChecksum;
        return false;
    }

    /// <summary>
    /// Makes the checksums right after the packet's bytes were changed: the IPv4 header in full, the transport in full or, when it came
    /// partial, as the sum of the pseudo header. Lengths must be right already. For a tunnel, call it from the innermost packet outwards.
    /// </summary>
    public static void Fix(Packet packet)
    {
        if (packet.IpVersion == 4)
        {
            WriteIpv4Header(packet.Buffer.AsSpan(packet.NetworkOffset, packet.NetworkHeaderLength));
        }

        if (!packet.Has(PacketFlags.Fragment))
        {
            FixTransport(packet);
        }
    }

    /// <summary>Writes the checksums of a packet that we made: IPv4 header and transport, in full.</summary>
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

        int field = FieldOf(protocol, v4);
        Span<byte> message = ip[headerLength..];
        if (field >= 0 && message.Length >= field + 2)
        {
            WriteTransport(message, field, protocol, PseudoHeader(ip, v4, protocol, message.Length));
        }
    }

    /// <summary>
    /// Changes a checksum field for one 16-bit word that was changed under it (RFC 1624 eqn. 3), without reading the rest.
    /// </summary>
    /// <param name="field">The checksum as it was, host order.</param>
    /// <param name="before">The word as it was.</param>
    /// <param name="after">The word as it is.</param>
    public static ushort Update(ushort field, ushort before, ushort after)
    {
        uint sum = (uint)(ushort)~field + (ushort)~before + after;
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~sum;
    }

    /// <summary>As <see cref="Update"/> for a partial checksum, which holds the pseudo header's sum not inverted.</summary>
    public static ushort UpdatePartial(ushort field, ushort before, ushort after) => (ushort)~Update((ushort)~field, before, after);

    private static void FixTransport(Packet packet)
    {
        if (packet.TransportOffset < 0 || !TryGetField(packet, out int field, out int length))
        {
            return;
        }

        Span<byte> message = packet.Buffer.AsSpan(packet.TransportOffset, length);
        Span<byte> target = message.Slice(field, 2);

        // What the sender left to the card is the sum of the outermost packet.
        if (packet.Info.Checksum == Worker.ChecksumState.Partial && packet.TunnelDepth == 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(target, Fold(PseudoHeader(packet, length)));
            return;
        }

        if (packet.Protocol == IpProtocols.Udp && packet.IpVersion == 4 && target[0] == 0 && target[1] == 0)
        {
            return;
        }

        WriteTransport(message, field, packet.Protocol, PseudoHeader(packet, length));
    }

    private static void WriteIpv4Header(Span<byte> header)
    {
        header[10] = header[11] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], Finish(Sum(header)));
    }

    private static void WriteTransport(Span<byte> message, int field, byte protocol, ulong pseudoHeader)
    {
        Span<byte> target = message.Slice(field, 2);
        target.Clear();
        ushort checksum = Finish(Sum(message, pseudoHeader));

        // RFC 768: a computed zero is sent as all ones, zero says that there is none.
        BinaryPrimitives.WriteUInt16BigEndian(target, protocol == IpProtocols.Udp && checksum == 0 ? (ushort)0xffff : checksum);
    }

    private static int FieldOf(byte protocol, bool v4) => protocol switch
    {
        IpProtocols.Tcp => 16,
        IpProtocols.Udp => 6,
        IpProtocols.Icmp when v4 => 2,
        IpProtocols.IcmpV6 when !v4 => 2,
        _ => -1,
    };

    /// <summary>Where the checksum lies within the transport header and how many bytes it covers.</summary>
    private static bool TryGetField(Packet packet, out int field, out int length)
    {
        length = packet.NetworkEnd - packet.TransportOffset;
        field = FieldOf(packet.Protocol, packet.IpVersion == 4);
        if (packet.TransportOffset < 0 || field < 0 || length < field + 2)
        {
            return false;
        }

        // UDP has a length of its own, behind which there may be anything.
        if (packet.Protocol == IpProtocols.Udp)
        {
            length = Math.Min(length, packet.TransportHeaderLength + packet.PayloadLength);
        }

        return true;
    }

    /// <summary>Addresses, length and protocol (RFC 9293 §3.1, RFC 8200 §8.1); ICMPv4 has none.</summary>
    private static ulong PseudoHeader(Packet packet, int length) =>
        PseudoHeader(packet.Buffer.AsSpan(packet.NetworkOffset, packet.NetworkHeaderLength), packet.IpVersion == 4, packet.Protocol, length);

    private static ulong PseudoHeader(ReadOnlySpan<byte> ip, bool isV4, byte protocol, int length)
    {
        if (protocol == IpProtocols.Icmp)
        {
            return 0;
        }

        ReadOnlySpan<byte> addresses = isV4 ? ip.Slice(12, 8) : ip.Slice(8, 32);
        uint rest = (uint)((length >> 16) + (length & 0xffff) + protocol);
        uint folded = (rest & 0xffff) + (rest >> 16);
        return Sum(addresses, BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness((ushort)folded) : folded);
    }
}
