namespace BridgeGuard.Engine.Packets;

/// <content>IPv6 (RFC 8200) and its extension headers.</content>
public sealed partial class PacketDecoder
{
    private const int Ipv6Header = 40;

    [Flags]
    private enum Seen : byte
    {
        None = 0,
        HopByHop = 1,
        Routing = 2,
        Fragment = 4,
        Destination = 8,
        DestinationTwice = 16,
        Authentication = 32,
    }

    private void DecodeIpv6(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Ipv6++;
        if (!EnterLayer(packet))
        {
            return;
        }

        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < Ipv6Header)
        {
            Fail(packet, PacketEvent.Ipv6PacketTooSmall);
            return;
        }

        if (data[0] >> 4 != 6)
        {
            Fail(packet, PacketEvent.Ipv6WrongIpVersion);
            return;
        }

        int payloadLength = ReadU16(data, 4);
        if (payloadLength > data.Length - Ipv6Header)
        {
            Fail(packet, PacketEvent.Ipv6TruncatedPacket);
            return;
        }

        packet.IpVersion = 6;
        packet.NetworkOffset = offset;
        packet.NetworkHeaderLength = Ipv6Header;
        packet.NetworkEnd = offset + Ipv6Header + payloadLength;
        packet.SourceAddress = IpAddress.ReadV6(data[8..]);
        packet.DestinationAddress = IpAddress.ReadV6(data[24..]);
        packet.Protocol = data[6];
        packet.Ttl = data[7];
        packet.PayloadOffset = offset + Ipv6Header;
        DecodeIpv6Extensions(packet, inner, offset + Ipv6Header, packet.NetworkEnd);
    }

    /// <summary>Walks the chain of extension headers; each step moves forward by at least 8 bytes, so it ends.</summary>
    private void DecodeIpv6Extensions(Packet packet, PacketQueue inner, int offset, int end)
    {
        Seen seen = Seen.None;
        byte next = packet.Protocol;
        byte previous = 0;
        while (true)
        {
            packet.Protocol = next;
            packet.PayloadOffset = offset;
            packet.NetworkHeaderLength = offset - packet.NetworkOffset;
            if (!IpProtocols.IsIpv6Extension(next))
            {
                DecodeIpv6Payload(packet, inner, previous, offset, end);
                return;
            }

            if (end - offset < 8)
            {
                FailExtension(packet, previous);
                return;
            }

            if (!TryPassExtension(packet, next, offset, end, ref seen, out int length))
            {
                if (!packet.Has(PacketFlags.Fragment))
                {
                    FailExtension(packet, previous);
                }

                return;
            }

            previous = next;
            next = packet.Buffer[offset];
            offset += length;
            if (end - offset < 2 && next != IpProtocols.NoNext)
            {
                FailExtension(packet, previous);
                return;
            }
        }
    }

    /// <summary>
    /// The chain is cut off. The header before it counts as the protocol; without one there is nothing for rules to look at.
    /// </summary>
    private static void FailExtension(Packet packet, byte previous)
    {
        packet.Flags |= PacketFlags.Malformed;
        EndChain(packet, PacketEvent.Ipv6TruncatedExtension, previous);
    }

    private static void EndChain(Packet packet, PacketEvent packetEvent, byte previous)
    {
        packet.Events.Add(packetEvent);
        packet.Protocol = previous;
        if (previous == 0)
        {
            packet.Flags |= PacketFlags.Invalid;
        }
    }

    /// <summary>Checks one extension header; false for a fragment, where the chain ends here, and when it is cut off.</summary>
    private static bool TryPassExtension(Packet packet, byte kind, int offset, int end, ref Seen seen, out int length)
    {
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        length = kind switch
        {
            IpProtocols.Fragment => 8,
            IpProtocols.Ah => (data[1] + 2) * 4,
            _ => (data[1] + 1) * 8,
        };
        if (length > data.Length)
        {
            return false;
        }

        ReadOnlySpan<byte> header = data[..length];
        switch (kind)
        {
            case IpProtocols.HopByHop:
                if (!AddSeen(packet, ref seen, Seen.HopByHop, PacketEvent.Ipv6ExtensionDuplicateHopByHop))
                {
                    return true;
                }

                return CheckIpv6Options(packet, header, PacketEvent.Ipv6HopOptionsUnknownOption, PacketEvent.Ipv6HopOptionsOnlyPadding);
            case IpProtocols.DestinationOptions:
                // Twice is legal: before and after a routing header (RFC 8200 §4.1).
                if ((seen & Seen.Destination) != 0 && !AddSeen(packet, ref seen, Seen.DestinationTwice, PacketEvent.Ipv6ExtensionDuplicateDestinationOptions))
                {
                    return true;
                }

                seen |= Seen.Destination;
                return CheckIpv6Options(packet, header, PacketEvent.Ipv6DestinationOptionsUnknownOption, PacketEvent.Ipv6DestinationOptionsOnlyPadding);
            case IpProtocols.Routing:
                if (AddSeen(packet, ref seen, Seen.Routing, PacketEvent.Ipv6ExtensionDuplicateRoutingHeader) && header[2] == 0)
                {
                    packet.Events.Add(PacketEvent.Ipv6RoutingHeaderType0);
                }

                return true;
            case IpProtocols.Ah:
                if (AddSeen(packet, ref seen, Seen.Authentication, PacketEvent.Ipv6ExtensionDuplicateAuthentication) && ReadU16(header, 2) != 0)
                {
                    packet.Events.Add(PacketEvent.Ipv6ExtensionAuthenticationReservedNotNull);
                }

                return true;
            case IpProtocols.Fragment:
                return CheckFragmentHeader(packet, header, offset, ref seen);
            default:
                // Mobility, HIP and Shim6 have the common layout and nothing to check here.
                return true;
        }
    }

    private static bool AddSeen(Packet packet, ref Seen seen, Seen which, PacketEvent duplicate)
    {
        if ((seen & which) != 0)
        {
            packet.Events.Add(duplicate);
            return false;
        }

        seen |= which;
        return true;
    }

    /// <summary>RFC 8200 §4.5; false for a fragment, which goes to the defragmenter before what follows is read.</summary>
    private static bool CheckFragmentHeader(Packet packet, ReadOnlySpan<byte> header, int offset, ref Seen seen)
    {
        if (header[1] != 0)
        {
            packet.Events.Add(PacketEvent.Ipv6FragmentHeaderNonZeroReservedField);
        }

        if (!AddSeen(packet, ref seen, Seen.Fragment, PacketEvent.Ipv6ExtensionDuplicateFragmentHeader))
        {
            return true;
        }

        int field = ReadU16(header, 2);
        packet.FragmentHeaderOffset = offset;
        packet.FragmentOffset = field & 0xfff8;
        packet.MoreFragments = (field & 1) != 0;
        if ((field & 0xfff9) != 0)
        {
            packet.Flags |= PacketFlags.Fragment;
            packet.Protocol = IpProtocols.Fragment;
            packet.PayloadOffset = offset + 8;
            return false;
        }

        // RFC 6946: an atomic fragment is a whole datagram.
        packet.Events.Add(PacketEvent.Ipv6ExtensionUselessFragmentHeader);
        return true;
    }

    /// <summary>Type-length-value options of a hop-by-hop or destination header (RFC 8200 §4.2).</summary>
    private static bool CheckIpv6Options(Packet packet, ReadOnlySpan<byte> header, PacketEvent unknown, PacketEvent onlyPadding)
    {
        ReadOnlySpan<byte> options = header[2..];
        bool other = false;
        while (!options.IsEmpty)
        {
            byte type = options[0];
            if (type == 0)
            {
                options = options[1..];
                continue;
            }

            if (options.Length < 2)
            {
                Mark(packet, PacketEvent.Ipv6ExtensionInvalidOptionLength);
                break;
            }

            if (options[1] > options.Length - 2)
            {
                Mark(packet, PacketEvent.Ipv6ExtensionInvalidOptionLength);
                return true;
            }

            int length = options[1];
            switch (type)
            {
                case 1:
                    if (length == 0)
                    {
                        packet.Events.Add(PacketEvent.Ipv6ZeroLengthPadN);
                    }

                    break;

                // Router alert (RFC 2711), jumbo payload (RFC 2675), home address (RFC 6275).
                case 5 or 0xc2 or 0xc9:
                    other = true;
                    if ((type == 5 && length < 2) || (type == 0xc2 && length != 4) || (type == 0xc9 && length != 16))
                    {
                        Mark(packet, PacketEvent.Ipv6ExtensionInvalidOptionLength);
                    }

                    break;
                default:
                    other = true;
                    packet.Events.Add(unknown);
                    break;
            }

            options = options[(2 + length)..];
        }

        if (!other)
        {
            packet.Events.Add(onlyPadding);
        }

        return true;
    }

    private void DecodeIpv6Payload(Packet packet, PacketQueue inner, byte previous, int offset, int end)
    {
        switch (packet.Protocol)
        {
            case IpProtocols.Tcp:
                DecodeTcp(packet, offset, end);
                break;
            case IpProtocols.Udp:
                DecodeUdp(packet, inner, offset, end);
                break;
            case IpProtocols.IcmpV6:
                DecodeIcmpV6(packet, offset, end);
                break;
            case IpProtocols.Icmp:
                EndChain(packet, PacketEvent.Ipv6Icmpv4, previous);
                break;
            case IpProtocols.IpInIp:
                Counters.Ipv4InIpv6 += DecodeIpInIpv6(packet, inner, offset, end, EtherTypes.Ipv4, Ipv4Header, 4, PacketEvent.Ipv6Ipv4InIpv6TooSmall, PacketEvent.Ipv6Ipv4InIpv6WrongVersion) ? 1 : 0;
                break;
            case IpProtocols.Ipv6:
                Counters.Ipv6InIpv6 += DecodeIpInIpv6(packet, inner, offset, end, EtherTypes.Ipv6, Ipv6Header, 6, PacketEvent.Ipv6Ipv6InIpv6TooSmall, PacketEvent.Ipv6Ipv6InIpv6WrongVersion) ? 1 : 0;
                break;
            case IpProtocols.NoNext:
                if (offset < end)
                {
                    EndChain(packet, PacketEvent.Ipv6DataAfterNoneHeader, previous);
                }

                break;
            case IpProtocols.Gre or IpProtocols.Esp or IpProtocols.Sctp:
                DecodeOtherTransport(packet, inner, offset, end);
                break;
            default:
                packet.Events.Add(PacketEvent.Ipv6UnknownNextHeader);
                break;
        }
    }

    private bool DecodeIpInIpv6(Packet packet, PacketQueue inner, int offset, int end, ushort etherType, int minimum, int version, PacketEvent tooSmall, PacketEvent wrongVersion)
    {
        if (end - offset < minimum)
        {
            Mark(packet, tooSmall);
            return false;
        }

        if (packet.Buffer[offset] >> 4 != version)
        {
            Mark(packet, wrongVersion);
            return false;
        }

        return DecodeInner(packet, inner, etherType, offset, end, PacketSource.Ipv6, 0) is not null;
    }
}
