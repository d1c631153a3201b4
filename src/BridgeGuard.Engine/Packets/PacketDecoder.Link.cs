namespace BridgeGuard.Engine.Packets;

/// <content>Link layers: ethernet, captures without it, PPP.</content>
public sealed partial class PacketDecoder
{
    private const int EthernetHeader = 14;
    private const int SllHeader = 16;
    private const int Sll2Header = 20;

    private void DecodeEthernet(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Ethernet++;
        if (end - offset < EthernetHeader)
        {
            Fail(packet, PacketEvent.EthernetPacketTooSmall);
            return;
        }

        if (!EnterLayer(packet))
        {
            return;
        }

        packet.EthernetOffset = offset;
        ushort etherType = ReadU16(packet.Buffer, offset + 12);
        packet.EtherType = etherType;
        if (etherType == EtherTypes.Ipv4)
        {
            DecodeIpv4(packet, inner, offset + EthernetHeader, end);
            return;
        }

        if (!DecodeEtherType(packet, inner, etherType, offset + EthernetHeader, end))
        {
            DecodeUnknownEthernet(packet, inner, etherType, offset + EthernetHeader, end);
        }
    }

    /// <summary>IEEE 802.3 frames carry LLC; of it the SNAP form with a zero OUI names an EtherType again (RFC 1042).</summary>
    private void DecodeUnknownEthernet(Packet packet, PacketQueue inner, ushort etherType, int offset, int end)
    {
        if (etherType < EtherTypes.FirstType)
        {
            packet.IsLlc = true;
            ReadOnlySpan<byte> llc = packet.Buffer.AsSpan(offset, end - offset);
            if (llc.StartsWith("\xaa\xaa\x03\0\0\0"u8) && llc.Length >= 8)
            {
                DecodeEtherType(packet, inner, ReadU16(llc, 6), offset + 8, end);
                return;
            }
        }

        Counters.UnknownEtherType++;
        packet.Events.Add(PacketEvent.EthernetUnknownEtherType);
    }

    /// <summary>LINKTYPE_LINUX_SLL: packet type, ARPHRD, address (10 bytes), protocol.</summary>
    private void DecodeSll(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Sll++;
        if (end - offset < SllHeader)
        {
            Fail(packet, PacketEvent.SllPacketTooSmall);
            return;
        }

        if (EnterLayer(packet))
        {
            packet.EtherType = ReadU16(packet.Buffer, offset + 14);
            DecodeEtherType(packet, inner, packet.EtherType, offset + SllHeader, end);
        }
    }

    /// <summary>LINKTYPE_LINUX_SLL2: protocol first, then interface, ARPHRD, packet type, address.</summary>
    private void DecodeSll2(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Sll2++;
        if (end - offset < Sll2Header)
        {
            Fail(packet, PacketEvent.Sll2PacketTooSmall);
            return;
        }

        if (EnterLayer(packet))
        {
            packet.EtherType = ReadU16(packet.Buffer, offset);
            DecodeEtherType(packet, inner, packet.EtherType, offset + Sll2Header, end);
        }
    }

    /// <summary>Raw IP: the version nibble decides.</summary>
    private void DecodeRaw(Packet packet, PacketQueue inner, int offset, int end)
    {
        if (end - offset < 20)
        {
            Fail(packet, PacketEvent.Ipv4PacketTooSmall);
            return;
        }

        switch (packet.Buffer[offset] >> 4)
        {
            case 4:
                DecodeIpv4(packet, inner, offset, end);
                break;
            case 6:
                DecodeIpv6(packet, inner, offset, end);
                break;
            default:
                Fail(packet, PacketEvent.IpRawInvalidIpVersion);
                break;
        }
    }

    /// <summary>LINKTYPE_NULL: an address family in the byte order of the host that captured, so either order is taken.</summary>
    private void DecodeNull(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Null++;
        if (end - offset < 4)
        {
            Fail(packet, PacketEvent.LtNullPacketTooSmall);
            return;
        }

        uint family = ReadU32(packet.Buffer, offset);
        if ((family & 0xffff) == 0)
        {
            family = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(family);
        }

        DecodeFamily(packet, inner, family, offset + 4, end);
    }

    private void DecodeLoop(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Null++;
        if (end - offset < 4)
        {
            Fail(packet, PacketEvent.LtNullPacketTooSmall);
            return;
        }

        DecodeFamily(packet, inner, ReadU32(packet.Buffer, offset), offset + 4, end);
    }

    private void DecodeFamily(Packet packet, PacketQueue inner, uint family, int offset, int end)
    {
        switch (family)
        {
            case 2:
                DecodeIpv4(packet, inner, offset, end);
                break;

            // AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on macOS.
            case 10 or 24 or 28 or 30:
                DecodeIpv6(packet, inner, offset, end);
                break;
            default:
                Fail(packet, PacketEvent.LtNullUnsupportedType);
                break;
        }
    }

    /// <summary>Cisco HDLC: address, control, EtherType.</summary>
    private void DecodeChdlc(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Chdlc++;
        if (end - offset < 4)
        {
            Fail(packet, PacketEvent.ChdlcPacketTooSmall);
            return;
        }

        if (EnterLayer(packet))
        {
            packet.EtherType = ReadU16(packet.Buffer, offset + 2);
            DecodeEtherType(packet, inner, packet.EtherType, offset + 4, end);
        }
    }

    /// <summary>PPP (RFC 1661, RFC 1662): optional address and control bytes, a protocol field of two bytes or one when compressed.</summary>
    private void DecodePpp(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Ppp++;
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < 4)
        {
            Fail(packet, PacketEvent.PppPacketTooSmall);
            return;
        }

        int protocolOffset = data[0] == 0xff && data[1] == 0x03 ? 2 : 0;
        int protocol = data[protocolOffset];
        int next = protocolOffset + 1;
        if ((protocol & 1) == 0)
        {
            protocol = ReadU16(data, protocolOffset);
            next++;
        }

        if (EnterLayer(packet))
        {
            DecodePppProtocol(packet, inner, protocol, offset + next, end);
        }
    }

    private void DecodePppProtocol(Packet packet, PacketQueue inner, int protocol, int offset, int end)
    {
        int length = end - offset;
        switch (protocol)
        {
            case 0x0021:
                if (length < 20)
                {
                    Fail(packet, PacketEvent.PppIpv4PacketTooSmall);
                    return;
                }

                DecodeIpv4(packet, inner, offset, end);
                break;
            case 0x002f:
                // Van Jacobson uncompressed TCP/IP (RFC 1144): an IPv4 header whose protocol field holds the connection number.
                if (length < 20)
                {
                    Fail(packet, PacketEvent.PppVjuPacketTooSmall);
                    return;
                }

                if (packet.Buffer[offset] >> 4 == 4)
                {
                    DecodeIpv4(packet, inner, offset, end);
                }

                break;
            case 0x0057:
                if (length < 40)
                {
                    Fail(packet, PacketEvent.PppIpv6PacketTooSmall);
                    return;
                }

                DecodeIpv6(packet, inner, offset, end);
                break;
            default:
                DecodeOtherPpp(packet, protocol);
                break;
        }
    }

    /// <summary>Control protocols and network protocols that are known but not opened, and numbers nobody has assigned.</summary>
    private static void DecodeOtherPpp(Packet packet, int protocol)
    {
        bool known = protocol is 0x0023 or 0x0025 or 0x0027 or 0x0029 or 0x002b or 0x002d or 0x0031 or 0x0033 or 0x0035 or 0x003d
            or 0x003f or 0x0041 or 0x0043 or 0x0045 or 0x0047 or 0x0049 or 0x004b or 0x004d or 0x004f or 0x0051 or 0x0053 or 0x0055
            or 0x0281 or 0x0283
            or (>= 0x8021 and <= 0x8057) or 0x80fd or 0xc021 or 0xc023 or 0xc025 or 0xc223;
        Fail(packet, known ? PacketEvent.PppUnsupportedProtocol : PacketEvent.PppWrongType);
    }
}
