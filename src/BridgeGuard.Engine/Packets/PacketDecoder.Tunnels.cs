namespace BridgeGuard.Engine.Packets;

/// <content>Packets within packets: GRE, ERSPAN, IP in IP, Teredo, VXLAN, Geneve, GTP-U.</content>
public sealed partial class PacketDecoder
{
    private const ushort GtpUPort = 2152;

    /// <summary>Decodes the bytes [offset, end) as a packet of its own that <paramref name="outer"/> carries.</summary>
    /// <returns>
    /// The inner packet, or null when there is no room for one more or the bytes are no sound packet: then the outer one is inspected as
    /// it stands, for it may be no tunnel at all.
    /// </returns>
    private Packet? DecodeInner(Packet outer, PacketQueue queue, ushort etherType, int offset, int end, PacketSource source, uint tunnelId)
    {
        if (!queue.TryAdd(outer, offset, end - offset, source, tunnelId, out Packet inner))
        {
            Counters.TooManyLayers++;
            outer.Events.Add(PacketEvent.TooManyLayers);
            return null;
        }

        int before = queue.Count - 1;
        inner.Layers = outer.Layers;
        switch (etherType)
        {
            case EtherTypes.TransparentBridging:
                DecodeEthernet(inner, queue, offset, end);
                break;
            case EtherTypes.Ppp:
                DecodePpp(inner, queue, offset, end);
                break;
            default:
                DecodeEtherType(inner, queue, etherType, offset, end);
                break;
        }

        if (inner.Has(PacketFlags.Invalid) || inner.Events.Contains(PacketEvent.EthernetUnknownEtherType))
        {
            queue.CutTo(before);
            return null;
        }

        return inner;
    }

    /// <summary>GRE: version 0 (RFC 2784, RFC 2890, RFC 1701 routing) and the enhanced version 1 of PPTP (RFC 2637 §4.1).</summary>
    private void DecodeGre(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Gre++;
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < 4)
        {
            FailTransport(packet, PacketEvent.GrePacketTooSmall);
            return;
        }

        if (!EnterLayer(packet))
        {
            return;
        }

        int flags = ReadU16(data, 0);
        ushort protocol = ReadU16(data, 2);
        int headerLength;
        switch (flags & 7)
        {
            case 0:
                if (!CheckGre0(packet, data, flags, out headerLength))
                {
                    return;
                }

                break;
            case 1:
                if (!CheckGre1(packet, data, flags, protocol, out headerLength))
                {
                    return;
                }

                break;
            default:
                FailTransport(packet, PacketEvent.GreWrongVersion);
                return;
        }

        packet.TransportOffset = offset;
        packet.TransportHeaderLength = headerLength;
        DecodeGrePayload(packet, inner, flags, protocol, offset + headerLength, end);
    }

    private static bool FailGre(Packet packet, PacketEvent packetEvent)
    {
        FailTransport(packet, packetEvent);
        return false;
    }

    private static bool CheckGre0(Packet packet, ReadOnlySpan<byte> data, int flags, out int headerLength)
    {
        bool routing = (flags & 0x4000) != 0;
        headerLength = 4;
        if ((flags & 0x0700) != 0)
        {
            return FailGre(packet, PacketEvent.GreVersion0Recursion);
        }

        // Bit 8 is the acknowledgement of version 1 (RFC 2637 §4.1); here it is passed over, as in Suricata.
        if ((flags & 0x0078) != 0)
        {
            return FailGre(packet, PacketEvent.GreVersion0Flags);
        }

        headerLength += (flags & 0xc000) != 0 ? 4 : 0;
        headerLength += (flags & 0x2000) != 0 ? 4 : 0;
        headerLength += (flags & 0x1000) != 0 ? 4 : 0;
        if (headerLength > data.Length)
        {
            return FailGre(packet, PacketEvent.GreVersion0HeaderTooBig);
        }

        // Source route entries: family, offset, length, addresses; an entry of family and length 0 ends the list (RFC 1701).
        while (routing)
        {
            if (data.Length - headerLength < 4)
            {
                return FailGre(packet, PacketEvent.GreVersion0MalformedSreHeader);
            }

            int length = data[headerLength + 3];
            bool last = ReadU16(data, headerLength) == 0 && length == 0;
            headerLength += 4;
            if (last)
            {
                break;
            }

            headerLength += length;
            if (headerLength > data.Length)
            {
                return FailGre(packet, PacketEvent.GreVersion0MalformedSreHeader);
            }
        }

        return true;
    }

    private static bool CheckGre1(Packet packet, ReadOnlySpan<byte> data, int flags, ushort protocol, out int headerLength)
    {
        headerLength = 8 + ((flags & 0x1000) != 0 ? 4 : 0) + ((flags & 0x0080) != 0 ? 4 : 0);
        PacketEvent? wrong = flags switch
        {
            _ when (flags & 0x8000) != 0 => PacketEvent.GreVersion1Checksum,
            _ when (flags & 0x4000) != 0 => PacketEvent.GreVersion1Route,
            _ when (flags & 0x0800) != 0 => PacketEvent.GreVersion1StrictSourceRoute,
            _ when (flags & 0x0700) != 0 => PacketEvent.GreVersion1Recursion,
            _ when (flags & 0x0078) != 0 => PacketEvent.GreVersion1Flags,
            _ when protocol != EtherTypes.Ppp => PacketEvent.GreVersion1WrongProtocol,
            _ when (flags & 0x2000) == 0 => PacketEvent.GreVersion1NoKey,
            _ when headerLength > data.Length => PacketEvent.GreVersion1HeaderTooBig,
            _ => null,
        };
        return wrong is not { } packetEvent || FailGre(packet, packetEvent);
    }

    private void DecodeGrePayload(Packet packet, PacketQueue inner, int flags, ushort protocol, int offset, int end)
    {
        switch (protocol)
        {
            case EtherTypes.Ipv4 or EtherTypes.Ipv6 or EtherTypes.TransparentBridging or EtherTypes.Vlan:
                DecodeInner(packet, inner, protocol, offset, end, PacketSource.Gre, 0);
                break;
            case EtherTypes.Ppp:
                // An acknowledgement of PPTP carries nothing.
                if (offset < end)
                {
                    DecodeInner(packet, inner, protocol, offset, end, PacketSource.Gre, 0);
                }

                break;
            case EtherTypes.ErspanTypeI:
                DecodeErspan(packet, inner, (flags & 0x1000) != 0, offset, end);
                break;
        }
    }

    /// <summary>
    /// ERSPAN rides on GRE, and its packets are reported as GRE's. Type I has no header of its own and no GRE sequence; type II has
    /// 8 bytes with a VLAN and a session.
    /// </summary>
    private void DecodeErspan(Packet packet, PacketQueue inner, bool typeII, int offset, int end)
    {
        if (!typeII)
        {
            if (_settings.ErspanTypeIEnabled)
            {
                Counters.Erspan++;
                DecodeInner(packet, inner, EtherTypes.TransparentBridging, offset, end, PacketSource.Gre, 0);
            }

            return;
        }

        Counters.Erspan++;
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < 8)
        {
            FailTransport(packet, PacketEvent.ErspanHeaderTooSmall);
            return;
        }

        if (data[0] >> 4 != 1)
        {
            FailTransport(packet, PacketEvent.ErspanUnsupportedVersion);
            return;
        }

        ushort vlan = (ushort)(ReadU16(data, 0) & 0x0fff);
        if (vlan != 0)
        {
            if (packet.VlanCount == Packet.MaxVlans)
            {
                FailTransport(packet, PacketEvent.ErspanTooManyVlanLayers);
                return;
            }

            AddVlan(packet, vlan);
        }

        DecodeInner(packet, inner, EtherTypes.TransparentBridging, offset + 8, end, PacketSource.Gre, ReadU16(data, 2) & 0x3ffu);
    }

    private void DecodeUdpTunnel(Packet packet, PacketQueue inner, int offset, int end)
    {
        // Teredo first, on any port unless configured: it takes only what is a sound IPv6 packet from end to end.
        bool isCarrier = (_settings.TeredoEnabled && HasEitherPort(_settings.TeredoPorts, packet, _settings.TeredoPorts.Length == 0) && DecodeTeredo(packet, inner, offset, end))
            || (_settings.VxlanEnabled && HasPort(_settings.VxlanPorts, packet.DestinationPort) && DecodeVxlan(packet, inner, offset, end))
            || (_settings.GeneveEnabled && HasEitherPort(_settings.GenevePorts, packet, false) && DecodeGeneve(packet, inner, offset, end))
            || (_settings.GtpUEnabled && packet.DestinationPort == GtpUPort && DecodeGtpU(packet, inner, offset, end));
        packet.Flags |= isCarrier ? PacketFlags.Carrier : PacketFlags.None;
    }

    private static bool HasEitherPort(ushort[] ports, Packet packet, bool any) =>
        any || HasPort(ports, packet.SourcePort) || HasPort(ports, packet.DestinationPort);

    private static bool HasPort(ushort[] ports, ushort port)
    {
        foreach (ushort candidate in ports)
        {
            if (candidate == port)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>VXLAN (RFC 7348 §5): flags with the I bit, VNI, then an ethernet frame.</summary>
    private bool DecodeVxlan(Packet packet, PacketQueue inner, int offset, int end)
    {
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < 8 + EthernetHeader || (data[0] & 0x08) == 0 || data[7] != 0)
        {
            return false;
        }

        Counters.Vxlan++;
        ushort etherType = ReadU16(data, 8 + 12);
        if (!IsInnerTypeKnown(etherType))
        {
            Mark(packet, PacketEvent.VxlanUnknownPayloadType);
            return false;
        }

        // The inner packet begins behind its ethernet header: the addresses in it are the overlay's and no flow's.
        DecodeInner(packet, inner, etherType, offset + 8 + EthernetHeader, end, PacketSource.Vxlan, ReadU32(data, 4) >> 8);
        return true;
    }

    /// <summary>Geneve (RFC 8926 §3.4): version 0, options, protocol, VNI.</summary>
    private bool DecodeGeneve(Packet packet, PacketQueue inner, int offset, int end)
    {
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < 8 || data[0] >> 6 != 0)
        {
            return false;
        }

        int headerLength = 8 + ((data[0] & 0x3f) * 4);
        if (headerLength > data.Length || data[7] != 0 || (data[1] & 0x3f) != 0)
        {
            return false;
        }

        Counters.Geneve++;
        ushort protocol = ReadU16(data, 2);
        if (protocol is not (EtherTypes.TransparentBridging or EtherTypes.Ipv4 or EtherTypes.Ipv6 or EtherTypes.Arp))
        {
            Mark(packet, PacketEvent.GeneveUnknownPayloadType);
            return false;
        }

        DecodeInner(packet, inner, protocol, offset + headerLength, end, PacketSource.Geneve, ReadU32(data, 4) >> 8);
        return true;
    }

    private static bool IsInnerTypeKnown(ushort etherType) => etherType is EtherTypes.Ipv4 or EtherTypes.Ipv6 or EtherTypes.Arp
        or EtherTypes.Vlan or EtherTypes.ServiceVlan or EtherTypes.OldQinQ;

    /// <summary>
    /// GTP-U (3GPP TS 29.281 §5.1): version 1, G-PDU, TEID, optional sequence and extension headers. The TEID differs between the two
    /// directions of one conversation, so it is no part of the inner flow's identity.
    /// </summary>
    private bool DecodeGtpU(Packet packet, PacketQueue inner, int offset, int end)
    {
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < 8 || (data[0] & 0xf0) != 0x30 || data[1] != 0xff || ReadU16(data, 2) > data.Length - 8)
        {
            return false;
        }

        int length = 8 + ReadU16(data, 2);
        int headerLength = (data[0] & 7) != 0 ? 12 : 8;
        if (headerLength > length)
        {
            return false;
        }

        byte next = (data[0] & 4) != 0 ? data[11] : (byte)0;
        while (next != 0)
        {
            int words = headerLength < length ? data[headerLength] : 0;
            if (words == 0 || headerLength + (words * 4) > length)
            {
                return false;
            }

            headerLength += words * 4;
            next = data[headerLength - 1];
        }

        if (headerLength >= length)
        {
            return false;
        }

        int version = data[headerLength] >> 4;
        if (version is not (4 or 6))
        {
            return false;
        }

        Counters.GtpU++;
        DecodeInner(packet, inner, version == 4 ? EtherTypes.Ipv4 : EtherTypes.Ipv6, offset + headerLength, offset + length, PacketSource.GtpU, 0);
        return true;
    }

    /// <summary>Teredo (RFC 4380 §5.1.1): an optional origin indication, then an IPv6 packet that fills the datagram.</summary>
    /// <remarks>
    /// Any UDP payload may look like this by chance, so an inner packet that is not sound is taken back. The authentication form is for
    /// talking to a Teredo server only (§5.2.1) and carries no data between hosts; it is left alone, as Suricata does.
    /// </remarks>
    private bool DecodeTeredo(Packet packet, PacketQueue inner, int offset, int end)
    {
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < Ipv6Header)
        {
            return false;
        }

        int start = ReadU16(data, 0) == 0 ? 8 : 0;
        if (data.Length - start < Ipv6Header || data[start] >> 4 != 6 || data[start + 7] == 0 || ReadU16(data, start + 4) != data.Length - start - Ipv6Header)
        {
            return false;
        }

        int before = inner.Count;
        Packet? carried = DecodeInner(packet, inner, EtherTypes.Ipv6, offset + start, end, PacketSource.Teredo, 0);
        if (carried is null)
        {
            return false;
        }

        if (carried.Has(PacketFlags.BadTransport) || carried.Events.Contains(PacketEvent.Ipv6TruncatedExtension))
        {
            inner.CutTo(before);
            return false;
        }

        Counters.Teredo++;
        return true;
    }
}
