namespace BridgeGuard.Engine.Packets;

/// <content>IPv4 (RFC 791) and its options; ARP (RFC 826).</content>
public sealed partial class PacketDecoder
{
    private const int Ipv4Header = 20;

    private void DecodeIpv4(Packet packet, PacketQueue inner, int offset, int end)
    {
        Counters.Ipv4++;
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (!EnterLayer(packet) || !CheckIpv4(packet, data, out int headerLength, out int totalLength))
        {
            return;
        }

        packet.IpOptions = Ipv4Options.None;
        if (headerLength > Ipv4Header && !DecodeIpv4Options(packet, data[Ipv4Header..headerLength]))
        {
            return;
        }

        packet.IpVersion = 4;
        packet.NetworkOffset = offset;
        packet.NetworkHeaderLength = headerLength;
        packet.NetworkEnd = offset + totalLength;
        packet.SourceAddress = IpAddress.ReadV4(data[12..]);
        packet.DestinationAddress = IpAddress.ReadV4(data[16..]);
        packet.Protocol = data[9];
        packet.Ttl = data[8];
        packet.PayloadOffset = offset + headerLength;
        packet.PayloadLength = totalLength - headerLength;

        int fragment = ReadU16(data, 6);
        packet.FragmentOffset = (fragment & 0x1fff) * 8;
        packet.MoreFragments = (fragment & 0x2000) != 0;
        if ((fragment & 0x3fff) != 0)
        {
            packet.Flags |= PacketFlags.Fragment;
            return;
        }

        DecodeIpv4Payload(packet, inner, offset + headerLength, offset + totalLength);
    }

    private static bool CheckIpv4(Packet packet, ReadOnlySpan<byte> data, out int headerLength, out int totalLength)
    {
        headerLength = totalLength = 0;
        if (data.Length < Ipv4Header)
        {
            return Fail(packet, PacketEvent.Ipv4PacketTooSmall);
        }

        if (data[0] >> 4 != 4)
        {
            return Fail(packet, PacketEvent.Ipv4WrongIpVersion);
        }

        headerLength = (data[0] & 0x0f) * 4;
        if (headerLength < Ipv4Header)
        {
            return Fail(packet, PacketEvent.Ipv4HeaderLengthTooSmall);
        }

        totalLength = ReadU16(data, 2);
        if (totalLength < headerLength)
        {
            return Fail(packet, PacketEvent.Ipv4TotalLengthSmallerThanHeaderLength);
        }

        return totalLength <= data.Length || Fail(packet, PacketEvent.Ipv4TruncatedPacket);
    }

    private void DecodeIpv4Payload(Packet packet, PacketQueue inner, int offset, int end)
    {
        switch (packet.Protocol)
        {
            case IpProtocols.Tcp:
                DecodeTcp(packet, offset, end);
                break;
            case IpProtocols.Udp:
                DecodeUdp(packet, inner, offset, end);
                break;
            case IpProtocols.Icmp:
                DecodeIcmpV4(packet, offset, end);
                break;
            case IpProtocols.IcmpV6:
                packet.Events.Add(PacketEvent.Ipv4Icmpv6);
                break;
            case IpProtocols.IpInIp:
                Counters.Ipv4InIpv4++;
                DecodeInner(packet, inner, EtherTypes.Ipv4, offset, end, PacketSource.Ipv4, 0);
                break;
            case IpProtocols.Ipv6:
                Counters.Ipv6InIpv4++;
                DecodeInner(packet, inner, EtherTypes.Ipv6, offset, end, PacketSource.Ipv4, 0);
                break;
            default:
                DecodeOtherTransport(packet, inner, offset, end);
                break;
        }
    }

    /// <summary>The options as RFC 791 §3.1 and the later ones lay them out; false when one is malformed, which spoils the header.</summary>
    private static bool DecodeIpv4Options(Packet packet, ReadOnlySpan<byte> options)
    {
        if ((options.Length & 7) != 0)
        {
            packet.Events.Add(PacketEvent.Ipv4OptionPaddingRequired);
        }

        bool valid = true;
        while (!options.IsEmpty)
        {
            byte type = options[0];
            if (type == 0)
            {
                packet.IpOptions |= Ipv4Options.EndOfList;
                break;
            }

            if (type == 1)
            {
                packet.IpOptions |= Ipv4Options.NoOperation;
                options = options[1..];
                continue;
            }

            if (options.Length < 2 || options[1] > options.Length)
            {
                return Fail(packet, PacketEvent.Ipv4OptionInvalidLength);
            }

            int length = options[1];
            if (length < 2)
            {
                return Fail(packet, PacketEvent.Ipv4OptionInvalidLength);
            }

            valid &= CheckIpv4Option(packet, options[..length]);
            options = options[length..];
        }

        return valid;
    }

    private static bool CheckIpv4Option(Packet packet, ReadOnlySpan<byte> option)
    {
        (Ipv4Options kind, bool valid) = option[0] switch
        {
            7 => (Ipv4Options.RecordRoute, IsRouteValid(option)),
            25 => (Ipv4Options.QuickStart, option.Length == 8),
            68 => (Ipv4Options.Timestamp, IsTimestampValid(option)),
            130 => (Ipv4Options.Security, option.Length == 11),
            131 => (Ipv4Options.LooseSourceRoute, IsRouteValid(option)),
            133 => (Ipv4Options.ExtendedSecurity, option.Length >= 3),
            134 => (Ipv4Options.Cipso, IsCipsoValid(option)),
            136 => (Ipv4Options.StreamId, option.Length == 4),
            137 => (Ipv4Options.StrictSourceRoute, IsRouteValid(option)),
            148 => (Ipv4Options.RouterAlert, option.Length == 4),
            _ => (Ipv4Options.Other, true),
        };
        if (kind == Ipv4Options.Other)
        {
            packet.Events.Add(PacketEvent.Ipv4OptionInvalid);
            return true;
        }

        if ((packet.IpOptions & kind) != 0)
        {
            packet.Events.Add(PacketEvent.Ipv4OptionDuplicate);
            return true;
        }

        packet.IpOptions |= kind;
        return valid || Fail(packet, PacketEvent.Ipv4OptionInvalidLength);
    }

    /// <summary>Record route and source routes: type, length, pointer from 4, addresses.</summary>
    private static bool IsRouteValid(ReadOnlySpan<byte> option) => option.Length >= 3 && (option.Length & 3) == 3;

    private static bool IsTimestampValid(ReadOnlySpan<byte> option) => option.Length >= 4;

    private static bool IsCipsoValid(ReadOnlySpan<byte> option) => option.Length >= 8;

    /// <summary>ARP of IPv4 over ethernet: only its place is kept, <see cref="ArpView"/> reads it.</summary>
    private void DecodeArp(Packet packet, int offset, int end)
    {
        Counters.Arp++;
        if (ArpView.TryCreate(packet.Buffer.AsSpan(offset, end - offset), out _))
        {
            packet.ArpOffset = offset;
        }
    }
}
