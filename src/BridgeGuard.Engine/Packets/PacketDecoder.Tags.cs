namespace BridgeGuard.Engine.Packets;

/// <content>Shims between link and network layer: VLAN, 802.1ah, VN-Tag, E-Tag, MPLS, PPPoE, NSH.</content>
public sealed partial class PacketDecoder
{
    /// <summary>IEEE 802.1Q and 802.1ad: priority and VLAN id, then the next EtherType.</summary>
    private void DecodeVlan(Packet packet, PacketQueue inner, int offset, int end)
    {
        if (packet.VlanCount == 0)
        {
            Counters.Vlan++;
        }
        else if (packet.VlanCount == 1)
        {
            Counters.VlanQinQ++;
        }
        else if (packet.VlanCount == 2)
        {
            Counters.VlanQinQinQ++;
        }

        if (end - offset < 4)
        {
            Fail(packet, PacketEvent.VlanHeaderTooSmall);
            return;
        }

        if (!EnterLayer(packet))
        {
            return;
        }

        if (packet.VlanCount == Packet.MaxVlans)
        {
            Refuse(packet, PacketEvent.VlanTooManyLayers);
            return;
        }

        AddVlan(packet, ReadU16(packet.Buffer, offset));
        ushort etherType = ReadU16(packet.Buffer, offset + 2);
        if (!DecodeEtherType(packet, inner, etherType, offset + 4, end))
        {
            Fail(packet, PacketEvent.VlanUnknownType);
        }
    }

    private static void AddVlan(Packet packet, ushort tag)
    {
        ushort id = (ushort)(tag & 0x0fff);
        switch (packet.VlanCount++)
        {
            case 0:
                packet.Vlan0 = id;
                break;
            case 1:
                packet.Vlan1 = id;
                break;
            default:
                packet.Vlan2 = id;
                break;
        }
    }

    /// <summary>IEEE 802.1ah: service tag (4 bytes), then a whole ethernet frame of the customer.</summary>
    private void DecodeBackboneServiceTag(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Ieee8021ah++;
        if (end - offset < 4 + EthernetHeader)
        {
            Fail(packet, PacketEvent.Ieee8021ahHeaderTooSmall);
            return;
        }

        if (EnterLayer(packet))
        {
            ushort etherType = ReadU16(packet.Buffer, offset + 16);
            DecodeEtherType(packet, inner, etherType, offset + 18, end);
        }
    }

    /// <summary>VN-Tag: 4 bytes of interface identifiers, then the next EtherType.</summary>
    private void DecodeVnTag(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.VnTag++;
        if (end - offset < 6)
        {
            Fail(packet, PacketEvent.VnTagHeaderTooSmall);
            return;
        }

        if (EnterLayer(packet) && !DecodeEtherType(packet, inner, ReadU16(packet.Buffer, offset + 4), offset + 6, end))
        {
            Fail(packet, PacketEvent.VnTagUnknownType);
        }
    }

    /// <summary>IEEE 802.1BR E-Tag: 6 bytes, then the next EtherType.</summary>
    private void DecodeETag(Packet packet, PacketQueue inner, int offset, int end)
    {
        if (end - offset < 8)
        {
            Fail(packet, PacketEvent.VnTagHeaderTooSmall);
            return;
        }

        if (EnterLayer(packet))
        {
            DecodeEtherType(packet, inner, ReadU16(packet.Buffer, offset + 6), offset + 8, end);
        }
    }

    /// <summary>Cisco FabricPath: a tag of 2 bytes, then a whole ethernet frame.</summary>
    private void DecodeDataCenterEthernet(Packet packet, PacketQueue inner, int offset, int end)
    {
        if (end - offset < 2 + EthernetHeader)
        {
            Fail(packet, PacketEvent.DcePacketTooSmall);
            return;
        }

        DecodeEthernet(packet, inner, offset + 2, end);
    }

    /// <summary>MPLS label stack (RFC 3032 §2.1): label 20 bits, class 3, bottom 1, TTL 8; what follows shows only in its first nibble.</summary>
    private void DecodeMpls(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Mpls++;
        uint label;
        bool bottom;
        do
        {
            if (end - offset < 4)
            {
                Fail(packet, PacketEvent.MplsHeaderTooSmall);
                return;
            }

            uint entry = ReadU32(packet.Buffer, offset);
            label = entry >> 12;
            bottom = (entry & 0x100) != 0;
            offset += 4;
        }
        while (!bottom);

        if (EnterLayer(packet))
        {
            DecodeMplsPayload(packet, inner, label, offset, end);
        }
    }

    private void DecodeMplsPayload(Packet packet, PacketQueue inner, uint label, int offset, int end)
    {
        switch (label)
        {
            case 0:
                DecodeIpv4(packet, inner, offset, end);
                return;
            case 1:
                Refuse(packet, PacketEvent.MplsBadLabelRouterAlert);
                return;
            case 2:
                DecodeIpv6(packet, inner, offset, end);
                return;
            case 3:
                Refuse(packet, PacketEvent.MplsBadLabelImplicitNull);
                return;
            case > 3 and < 16:
                Refuse(packet, PacketEvent.MplsBadLabelReserved);
                return;
        }

        // Four bytes, because a pseudowire control word has as many.
        if (end - offset < 4)
        {
            Fail(packet, PacketEvent.MplsPacketTooSmall);
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

            // Pseudowire control word (RFC 4385) before an ethernet frame.
            case 0:
                DecodeEthernet(packet, inner, offset + 4, end);
                break;
            default:
                Mark(packet, PacketEvent.MplsUnknownPayloadType);
                break;
        }
    }

    /// <summary>PPPoE session (RFC 2516 §4): version and type, code 0, session, length, PPP protocol.</summary>
    private void DecodePppoeSession(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.PppOe++;
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < 7)
        {
            Fail(packet, PacketEvent.PppOePacketTooSmall);
            return;
        }

        if (!EnterLayer(packet))
        {
            return;
        }

        if ((data[6] & 1) == 0 && data.Length < 8)
        {
            Fail(packet, PacketEvent.PppOePacketTooSmall);
            return;
        }

        DecodePppProtocol(packet, inner, offset + 6, end);
    }

    /// <summary>PPPoE discovery (RFC 2516 §5): a list of tags, each type, length, value.</summary>
    private void DecodePppoeDiscovery(Packet packet, int offset, int end)
    {
        Counters.PppOe++;
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < 6)
        {
            Fail(packet, PacketEvent.PppOePacketTooSmall);
            return;
        }

        if (data[1] is not (0x09 or 0x07 or 0x19 or 0x65 or 0xa7))
        {
            Fail(packet, PacketEvent.PppOeWrongCode);
            return;
        }

        int length = ReadU16(data, 4);
        if (length > data.Length - 6)
        {
            Fail(packet, PacketEvent.PppOeMalformedTags);
            return;
        }

        ReadOnlySpan<byte> tags = data.Slice(6, length);
        while (tags.Length >= 4)
        {
            int tagLength = ReadU16(tags, 2);
            if (tagLength > tags.Length - 4)
            {
                Fail(packet, PacketEvent.PppOeMalformedTags);
                return;
            }

            tags = tags[(4 + tagLength)..];
        }
    }

    /// <summary>Network service header (RFC 8300 §2.2): flags and length in words, metadata type, next protocol, service path.</summary>
    private void DecodeNsh(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Nsh++;
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < 8)
        {
            Fail(packet, PacketEvent.NshHeaderTooSmall);
            return;
        }

        int header = ReadU16(data, 0);
        int length = (header & 0x3f) * 4;
        int type = data[2];
        if (header >> 14 != 0)
        {
            Refuse(packet, PacketEvent.NshUnsupportedVersion);
            return;
        }

        if (length >= data.Length || (type == 1 && length != 24) || (type == 2 && length < 8))
        {
            Fail(packet, PacketEvent.NshBadHeaderLength);
            return;
        }

        if (type is 0 or 15)
        {
            Refuse(packet, PacketEvent.NshReservedType);
            return;
        }

        if (type is not (1 or 2))
        {
            Refuse(packet, PacketEvent.NshUnsupportedType);
            return;
        }

        if (!EnterLayer(packet))
        {
            return;
        }

        int next = offset + length;
        switch (data[3])
        {
            case 1:
                DecodeIpv4(packet, inner, next, end);
                break;
            case 2:
                DecodeIpv6(packet, inner, next, end);
                break;
            case 3:
                DecodeEthernet(packet, inner, next, end);
                break;
            case 5:
                DecodeMpls(packet, inner, next, end);
                break;
            default:
                Refuse(packet, PacketEvent.NshUnknownPayload);
                break;
        }
    }
}
