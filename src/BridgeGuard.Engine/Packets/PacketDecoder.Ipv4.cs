using System.Runtime.CompilerServices;

namespace BridgeGuard.Engine.Packets;

/// <content>IPv4 (RFC 791) and its options; ARP (RFC 826).</content>
public sealed partial class PacketDecoder
{
    private const int Ipv4Header = 20;
    private const int ArpLength = 28;

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
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
                Mark(packet, PacketEvent.Ipv4Icmpv6);
                break;
            case IpProtocols.IpInIp:
                Counters.Ipv4InIpv4 += DecodeInner(packet, inner, EtherTypes.Ipv4, offset, end, PacketSource.Ipv4, 0) is null ? 0 : 1;
                break;
            case IpProtocols.Ipv6:
                Counters.Ipv6InIpv4 += DecodeInner(packet, inner, EtherTypes.Ipv6, offset, end, PacketSource.Ipv4, 0) is null ? 0 : 1;
                break;
            default:
                DecodeOtherTransport(packet, inner, offset, end);
                break;
        }
    }

    /// <summary>The options as RFC 791 §3.1 and the later ones lay them out; false when lengths do not add up, which spoils the header.</summary>
    private static bool DecodeIpv4Options(Packet packet, ReadOnlySpan<byte> options)
    {
        if ((options.Length & 7) != 0)
        {
            packet.Events.Add(PacketEvent.Ipv4OptionPaddingRequired);
        }

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

            if (options.Length < 2)
            {
                packet.Events.Add(PacketEvent.Ipv4OptionEndOfListRequired);
                break;
            }

            int length = options[1];
            if (length < 2 || length > options.Length)
            {
                return Fail(packet, PacketEvent.Ipv4OptionInvalidLength);
            }

            CheckIpv4Option(packet, options[..length]);
            options = options[length..];
        }

        return true;
    }

    private static void CheckIpv4Option(Packet packet, ReadOnlySpan<byte> option)
    {
        Ipv4Options kind = option[0] switch
        {
            7 => Ipv4Options.RecordRoute,
            25 => Ipv4Options.QuickStart,
            68 => Ipv4Options.Timestamp,
            130 => Ipv4Options.Security,
            131 => Ipv4Options.LooseSourceRoute,
            133 => Ipv4Options.ExtendedSecurity,
            134 => Ipv4Options.Cipso,
            136 => Ipv4Options.StreamId,
            137 => Ipv4Options.StrictSourceRoute,
            148 => Ipv4Options.RouterAlert,
            _ => Ipv4Options.Other,
        };
        if (kind == Ipv4Options.Other)
        {
            packet.Events.Add(PacketEvent.Ipv4OptionInvalid);
            return;
        }

        if ((packet.IpOptions & kind) != 0)
        {
            packet.Events.Add(PacketEvent.Ipv4OptionDuplicate);
            return;
        }

        int minimum = kind switch
        {
            Ipv4Options.QuickStart => 8,
            Ipv4Options.Timestamp => 5,
            Ipv4Options.Cipso => 10,
            Ipv4Options.StreamId or Ipv4Options.RouterAlert => 4,
            _ => 3,
        };
        if (option.Length < minimum || (minimum == 4 && option.Length != 4))
        {
            Mark(packet, PacketEvent.Ipv4OptionInvalidLength);
            return;
        }

        packet.IpOptions |= kind;
        bool malformed = kind switch
        {
            Ipv4Options.RecordRoute or Ipv4Options.LooseSourceRoute or Ipv4Options.StrictSourceRoute => !IsPointerValid(option, 4),

            // With flag 1 or 3 each entry is an address and a time (RFC 791 §3.1).
            Ipv4Options.Timestamp => !IsPointerValid(option, 5) || ((option[3] & 0x0f) is 1 or 3 && ((option[2] - 5) & 7) != 0),
            Ipv4Options.Cipso => !IsCipsoValid(option),
            _ => false,
        };
        if (malformed)
        {
            Mark(packet, PacketEvent.Ipv4OptionMalformed);
        }
    }

    /// <summary>The pointer counts from 1, begins behind the option's header and goes in steps of 4, at most to just behind the end.</summary>
    private static bool IsPointerValid(ReadOnlySpan<byte> option, int first) =>
        option[2] >= first && ((option[2] - first) & 3) == 0 && option[2] <= option.Length + 1;

    /// <summary>CIPSO (FIPS 188): a domain of 4 bytes, then tags of type, length and value that fill the option.</summary>
    private static bool IsCipsoValid(ReadOnlySpan<byte> option)
    {
        ReadOnlySpan<byte> tags = option[6..];
        while (!tags.IsEmpty)
        {
            if (tags.Length < 2 || tags[0] is not (1 or 2 or 5 or 6 or 7) || tags[1] < 4 || tags[1] > tags.Length)
            {
                return false;
            }

            tags = tags[tags[1]..];
        }

        return true;
    }

    /// <summary>ARP of IPv4 over ethernet: only its place is kept, <see cref="ArpView"/> reads it.</summary>
    private void DecodeArp(Packet packet, int offset, int end)
    {
        Counters.Arp++;
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < 8)
        {
            Fail(packet, PacketEvent.ArpPacketTooSmall);
            return;
        }

        PacketEvent? wrong = data switch
        {
            _ when ReadU16(data, 0) != 1 => PacketEvent.ArpUnsupportedHardware,
            _ when ReadU16(data, 2) != EtherTypes.Ipv4 => PacketEvent.ArpUnsupportedProtocol,
            _ when data.Length < ArpLength => PacketEvent.ArpInvalidPacket,
            _ when data[4] != 6 => PacketEvent.ArpInvalidHardwareSize,
            _ when data[5] != 4 => PacketEvent.ArpInvalidProtocolSize,
            _ when ReadU16(data, 6) is 0 or > 4 => PacketEvent.ArpUnsupportedOpcode,
            _ => null,
        };
        if (wrong is { } packetEvent)
        {
            Fail(packet, packetEvent);
            return;
        }

        packet.ArpOffset = offset;
    }
}
