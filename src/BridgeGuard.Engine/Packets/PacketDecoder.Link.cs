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

        DecodeEtherType(packet, inner, etherType, offset + EthernetHeader, end);
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
                Refuse(packet, PacketEvent.IpRawInvalidIpVersion);
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
        int protocolOffset = data.StartsWith((ReadOnlySpan<byte>)[0xff, 0x03]) ? 2 : 0;
        if (data.Length < protocolOffset + 2)
        {
            Fail(packet, PacketEvent.PppPacketTooSmall);
            return;
        }

        if (EnterLayer(packet))
        {
            DecodePppProtocol(packet, inner, offset + protocolOffset, end);
        }
    }

    /// <summary>The protocol field, two bytes or, when odd, one (RFC 1661 §6.5), and what it announces; at least two bytes are there.</summary>
    private void DecodePppProtocol(Packet packet, PacketQueue inner, int offset, int end)
    {
        int protocol = packet.Buffer[offset++];
        bool compressed = (protocol & 1) == 1;
        if (!compressed)
        {
            protocol = (protocol << 8) | packet.Buffer[offset++];
        }

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
                if (compressed)
                {
                    packet.Events.Add(PacketEvent.PppUnsupportedProtocol);
                    break;
                }

                DecodeOtherPpp(packet, protocol);
                break;
        }
    }

    /// <summary>Control protocols carry no data of interest; network protocols that are known but not opened; numbers nobody has assigned.</summary>
    private static void DecodeOtherPpp(Packet packet, int protocol)
    {
        switch (protocol)
        {
            case 0x00fd or 0x8021 or 0x8057 or 0x80fd or 0x8207 or 0xc021 or 0xc023 or 0xc025 or 0xc029 or 0xc223:
                break;
            case 0x0023 or 0x0025 or 0x0027 or 0x0029 or 0x002b or 0x002d or 0x0031 or 0x0033 or 0x0035
                or 0x0201 or 0x0231 or 0x0233 or 0x0281 or 0x0283
                or 0x8023 or 0x8025 or 0x8027 or 0x8029 or 0x802b or 0x8033 or 0x8035 or 0x8281:
                packet.Events.Add(PacketEvent.PppUnsupportedProtocol);
                break;
            default:
                Fail(packet, PacketEvent.PppWrongType);
                break;
        }
    }
}
