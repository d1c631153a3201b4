namespace BridgeGuard.Engine.Packets;

/// <content>ICMPv4 (RFC 792) and ICMPv6 (RFC 4443, RFC 4861, RFC 2710), with the header that an error carries.</content>
public sealed partial class PacketDecoder
{
    private const int IcmpHeader = 8;

    private void DecodeIcmpV4(Packet packet, int offset, int end)
    {
        Counters.IcmpV4++;
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < IcmpHeader)
        {
            FailTransport(packet, PacketEvent.IcmpV4PacketTooSmall);
            return;
        }

        byte type = packet.IcmpType = data[0];
        byte code = packet.IcmpCode = data[1];
        SetTransport(packet, offset, IcmpHeader, end);
        int counterpart = IcmpTypes.CounterpartV4(type);
        packet.SourcePort = type;
        packet.DestinationPort = counterpart >= 0 ? (ushort)counterpart : code;
        if (type is IcmpTypes.Timestamp or IcmpTypes.TimestampReply or IcmpTypes.RouterAdvertisement)
        {
            PassLongHeaderV4(packet, data, offset, end);
        }

        int maximum = MaximumCodeV4(type);
        if (maximum < 0)
        {
            packet.Events.Add(PacketEvent.IcmpV4UnknownType);
        }
        else if (code > maximum)
        {
            packet.Events.Add(PacketEvent.IcmpV4UnknownCode);
        }
        else if (IcmpTypes.IsErrorV4(type))
        {
            CheckEmbeddedV4(packet, offset + IcmpHeader, end);
        }
    }

    /// <summary>
    /// Timestamps (RFC 792: three of them) and router advertisements (RFC 1256 §3: count, words each, lifetime, then the entries) have
    /// longer headers than the common 8 bytes; what follows is payload.
    /// </summary>
    private static void PassLongHeaderV4(Packet packet, ReadOnlySpan<byte> data, int offset, int end)
    {
        int length = data[0] == IcmpTypes.RouterAdvertisement ? IcmpHeader + (data[4] * data[5] * 4) : IcmpHeader + 12;
        if (length > data.Length)
        {
            packet.Events.Add(PacketEvent.IcmpV4Ipv4TruncatedPacket);
            return;
        }

        SetTransport(packet, offset, length, end);
    }

    /// <summary>
    /// Highest code of an ICMPv4 type, or -1 for an unknown type, as Suricata 8 judges them: router solicitation is unknown to it, and of
    /// parameter problems only code 0 is known.
    /// </summary>
    private static int MaximumCodeV4(byte type) => type switch
    {
        IcmpTypes.Unreachable => 15,
        IcmpTypes.Redirect => 3,
        IcmpTypes.TimeExceeded => 1,
        IcmpTypes.ParameterProblem => 0,
        IcmpTypes.RouterAdvertisement => 255,
        IcmpTypes.EchoReply or IcmpTypes.SourceQuench or IcmpTypes.Echo or (>= IcmpTypes.Timestamp and <= IcmpTypes.AddressMaskReply) => 0,
        _ => -1,
    };

    private static void CheckEmbeddedV4(Packet packet, int offset, int end)
    {
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.IsEmpty)
        {
            return;
        }

        if (data.Length < Ipv4Header)
        {
            Mark(packet, PacketEvent.IcmpV4Ipv4TruncatedPacket);
            return;
        }

        if (data[0] >> 4 != 4)
        {
            Mark(packet, PacketEvent.IcmpV4Ipv4UnknownVersion);
            return;
        }

        packet.EmbeddedOffset = offset;
    }

    private void DecodeIcmpV6(Packet packet, int offset, int end)
    {
        Counters.IcmpV6++;
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < IcmpHeader)
        {
            FailTransport(packet, PacketEvent.IcmpV6PacketTooSmall);
            return;
        }

        byte type = packet.IcmpType = data[0];
        byte code = packet.IcmpCode = data[1];
        SetTransport(packet, offset, IcmpHeader, end);
        int counterpart = IcmpTypes.CounterpartV6(type);
        packet.SourcePort = type;
        packet.DestinationPort = counterpart >= 0 ? (ushort)counterpart : code;
        if (type is IcmpTypes.V6MulticastListenerQuery or IcmpTypes.V6MulticastListenerReport or IcmpTypes.V6MulticastListenerDone && packet.Ttl != 1)
        {
            packet.Events.Add(PacketEvent.IcmpV6MldMessageWithInvalidHopLimit);
        }

        CheckTypeV6(packet, type, code);
        if (IcmpTypes.IsErrorV6(type) && IsCodeKnownV6(type, code))
        {
            CheckEmbeddedV6(packet, offset + IcmpHeader, end);
        }
    }

    private static void CheckTypeV6(Packet packet, byte type, byte code)
    {
        if (type is >= 160 or (>= 5 and <= 126))
        {
            packet.Events.Add(type is 100 or 101 or 200 or 201 ? PacketEvent.IcmpV6ExperimentationType : PacketEvent.IcmpV6UnassignedType);
        }
        else if (type is 0 or 127)
        {
            packet.Events.Add(PacketEvent.IcmpV6UnknownType);
        }
        else if (!IsCodeKnownV6(type, code))
        {
            packet.Events.Add(PacketEvent.IcmpV6UnknownCode);
        }
    }

    /// <summary>Codes of assigned ICMPv6 types, as Suricata 8 judges them (IANA "ICMPv6 Code Fields" knows a few more).</summary>
    private static bool IsCodeKnownV6(byte type, byte code) => type switch
    {
        IcmpTypes.V6Unreachable => code <= 6,
        IcmpTypes.V6TimeExceeded => code <= 1,
        IcmpTypes.V6ParameterProblem or IcmpTypes.V6NodeInformationQuery or IcmpTypes.V6NodeInformationReply => code <= 2,
        IcmpTypes.V6RouterRenumbering => code is <= 2 or 255,

        // RPL (RFC 6550 §6) and the experimental mobility and multicast router messages, whose codes have meanings of their own.
        155 => code <= 3,
        >= 150 and <= 153 => true,
        _ => code == 0,
    };

    private static void CheckEmbeddedV6(Packet packet, int offset, int end)
    {
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < Ipv6Header)
        {
            Mark(packet, PacketEvent.IcmpV6Ipv6TruncatedPacket);
            return;
        }

        if (data[0] >> 4 != 6)
        {
            Mark(packet, PacketEvent.IcmpV6Ipv6UnknownVersion);
            return;
        }

        packet.EmbeddedOffset = offset;
    }
}
