using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace BridgeGuard.Engine.Packets;

/// <content>TCP (RFC 9293), UDP (RFC 768), SCTP (RFC 9260), ESP (RFC 4303).</content>
public sealed partial class PacketDecoder
{
    private const int TcpHeader = 20;
    private const int UdpHeader = 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private void DecodeTcp(Packet packet, int offset, int end)
    {
        Counters.Tcp++;
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < TcpHeader)
        {
            FailTransport(packet, PacketEvent.TcpPacketTooSmall);
            return;
        }

        int headerLength = (data[12] >> 4) * 4;
        if (headerLength < TcpHeader)
        {
            FailTransport(packet, PacketEvent.TcpInvalidOptionLength);
            return;
        }

        if (headerLength > data.Length)
        {
            FailTransport(packet, PacketEvent.TcpHeaderLengthTooSmall);
            return;
        }

        ref TcpHeaderInfo tcp = ref packet.Tcp;
        tcp = default;
        tcp.WindowScale = -1;
        tcp.Sequence = ReadU32(data, 4);
        tcp.Acknowledgement = ReadU32(data, 8);
        tcp.Flags = (TcpFlags)data[13];
        tcp.Reserved = (byte)(data[12] & 0x0f);
        tcp.Window = ReadU16(data, 14);
        tcp.UrgentPointer = ReadU16(data, 18);
        packet.SourcePort = ReadU16(data, 0);
        packet.DestinationPort = ReadU16(data, 2);
        packet.TransportOffset = offset;
        packet.TransportHeaderLength = headerLength;
        packet.PayloadOffset = offset + headerLength;
        packet.PayloadLength = data.Length - headerLength;
        if (headerLength > TcpHeader)
        {
            DecodeTcpOptions(packet, offset + TcpHeader, offset + headerLength);
        }
    }

    /// <summary>Kind 0 ends, kind 1 pads, all others have a length (RFC 9293 §3.2). The first option of a kind counts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private static void DecodeTcpOptions(Packet packet, int offset, int end)
    {
        // The option block of every ordinary segment: two paddings and a timestamp (RFC 7323 appendix A).
        ReadOnlySpan<byte> options = packet.Buffer.AsSpan(offset, end - offset);
        if (options.Length == 12 && ReadU32(options, 0) == 0x0101080a)
        {
            packet.Tcp.HasTimestamp = true;
            packet.Tcp.TimestampValue = ReadU32(options, 4);
            packet.Tcp.TimestampEcho = ReadU32(options, 8);
            return;
        }

        uint seen = 0;
        while (offset < end)
        {
            byte kind = packet.Buffer[offset];
            if (kind == 0)
            {
                return;
            }

            if (kind == 1)
            {
                offset++;
                continue;
            }

            if (end - offset < 2)
            {
                return;
            }

            int length = packet.Buffer[offset + 1];
            if (length < 2 || length > end - offset)
            {
                packet.Events.Add(PacketEvent.TcpOptionInvalidLength);
                return;
            }

            DecodeTcpOption(packet, kind, offset, length, ref seen);
            offset += length;
        }
    }

    private static void DecodeTcpOption(Packet packet, byte kind, int offset, int length, ref uint seen)
    {
        bool valid = kind switch
        {
            2 => length == 4,
            3 => length == 3,
            4 => length == 2,
            5 => length is >= 2 and <= 34 && (length - 2) % 8 == 0,
            8 => length == 10,
            19 => length == 18,
            29 => length >= 4,
            34 => length <= 18 && (length & 1) == 0,

            // RFC 4727 experiments, of which Fast Open with its cookie is the one in use (RFC 7413 appendix).
            253 or 254 => length is 4 or 12,
            _ => true,
        };
        if (!valid)
        {
            packet.Events.Add(PacketEvent.TcpOptionInvalidLength);
            return;
        }

        uint bit = kind switch { <= 8 => 1u << kind, 34 => 1u << 9, _ => 0 };
        if ((seen & bit) != 0)
        {
            packet.Events.Add(PacketEvent.TcpOptionDuplicate);
            return;
        }

        seen |= bit;
        ref TcpHeaderInfo tcp = ref packet.Tcp;
        ReadOnlySpan<byte> value = packet.Buffer.AsSpan(offset + 2, length - 2);
        switch (kind)
        {
            case 2:
                tcp.Mss = BinaryPrimitives.ReadUInt16BigEndian(value);
                break;
            case 3:
                // RFC 7323 §2.3: a shift above 14 is used as 14.
                if (value[0] > 14)
                {
                    packet.Events.Add(PacketEvent.TcpOptionWindowScaleOverMax);
                }

                tcp.WindowScale = (sbyte)Math.Min(value[0], (byte)14);
                break;
            case 4:
                tcp.SackPermitted = true;
                break;
            case 5:
                tcp.SackBlocks = (byte)(value.Length / 8);
                tcp.SackOffset = offset + 2;
                break;
            case 8:
                tcp.HasTimestamp = true;
                tcp.TimestampValue = BinaryPrimitives.ReadUInt32BigEndian(value);
                tcp.TimestampEcho = BinaryPrimitives.ReadUInt32BigEndian(value[4..]);
                break;
            case 34:
                tcp.FastOpen = true;
                tcp.FastOpenCookieLength = (byte)value.Length;
                break;
            case 253 or 254 when value.Length >= 2 && BinaryPrimitives.ReadUInt16BigEndian(value) == 0xf989:
                // RFC 7413 appendix A.1: the experimental option, told from others by its magic number.
                tcp.FastOpen = true;
                tcp.FastOpenCookieLength = (byte)(value.Length - 2);
                break;
        }
    }

    private void DecodeUdp(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Udp++;
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < UdpHeader)
        {
            FailTransport(packet, PacketEvent.UdpHeaderLengthTooSmall);
            return;
        }

        int length = ReadU16(data, 4);
        if (length > data.Length)
        {
            FailTransport(packet, PacketEvent.UdpPacketTooSmall);
            return;
        }

        if (length < UdpHeader)
        {
            FailTransport(packet, PacketEvent.UdpLengthInvalid);
            return;
        }

        packet.SourcePort = ReadU16(data, 0);
        packet.DestinationPort = ReadU16(data, 2);
        packet.TransportOffset = offset;
        packet.TransportHeaderLength = UdpHeader;
        packet.PayloadOffset = offset + UdpHeader;
        packet.PayloadLength = length - UdpHeader;
        DecodeUdpTunnel(packet, inner, offset + UdpHeader, offset + length);
    }

    private void DecodeSctp(Packet packet, int offset, int end)
    {
        Counters.Sctp++;
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < 12)
        {
            FailTransport(packet, PacketEvent.SctpPacketTooSmall);
            return;
        }

        packet.SourcePort = ReadU16(data, 0);
        packet.DestinationPort = ReadU16(data, 2);
        SetTransport(packet, offset, 12, end);
    }

    private void DecodeEsp(Packet packet, int offset, int end)
    {
        Counters.Esp++;
        if (end - offset < 8)
        {
            FailTransport(packet, PacketEvent.EspPacketTooSmall);
            return;
        }

        SetTransport(packet, offset, 8, end);
    }

    private static void SetTransport(Packet packet, int offset, int headerLength, int end)
    {
        packet.TransportOffset = offset;
        packet.TransportHeaderLength = headerLength;
        packet.PayloadOffset = offset + headerLength;
        packet.PayloadLength = end - offset - headerLength;
    }

    private void DecodeOtherTransport(Packet packet, PacketQueue inner, int offset, int end)
    {
        switch (packet.Protocol)
        {
            case IpProtocols.Gre:
                DecodeGre(packet, inner, offset, end);
                break;
            case IpProtocols.Sctp:
                DecodeSctp(packet, offset, end);
                break;
            case IpProtocols.Esp:
                DecodeEsp(packet, offset, end);
                break;
            case IpProtocols.Igmp:
                // Nothing in it is looked at but that it is there, as in Suricata.
                Counters.Igmp++;
                break;
        }
    }
}
