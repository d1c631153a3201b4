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
            Fail(packet, PacketEvent.IcmpV4PacketTooSmall);
            return;
        }

        byte type = packet.IcmpType = data[0];
        byte code = packet.IcmpCode = data[1];
        SetTransport(packet, offset, IcmpHeader, end);
        int counterpart = IcmpTypes.CounterpartV4(type);
        packet.SourcePort = type;
        packet.DestinationPort = counterpart >= 0 ? (ushort)counterpart : code;
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

    /// <summary>Highest code of an ICMPv4 type that is assigned, or -1 for a type that is not.</summary>
    private static int MaximumCodeV4(byte type) => type switch
    {
        IcmpTypes.Unreachable => 15,
        IcmpTypes.Redirect => 3,
        IcmpTypes.TimeExceeded => 1,
        IcmpTypes.ParameterProblem => 2,
        IcmpTypes.RouterAdvertisement => 16,
        IcmpTypes.EchoReply or IcmpTypes.SourceQuench or IcmpTypes.Echo or (>= IcmpTypes.RouterSolicitation and <= IcmpTypes.AddressMaskReply) => 0,
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
            packet.Events.Add(PacketEvent.IcmpV4Ipv4TruncatedPacket);
            return;
        }

        if (data[0] >> 4 != 4)
        {
            packet.Events.Add(PacketEvent.IcmpV4Ipv4UnknownVersion);
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
            Fail(packet, PacketEvent.IcmpV6PacketTooSmall);
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
        if (IcmpTypes.IsErrorV6(type) && code <= MaximumCodeV6(type))
        {
            CheckEmbeddedV6(packet, offset + IcmpHeader, end);
        }
    }

    private static void CheckTypeV6(Packet packet, byte type, byte code)
    {
        int maximum = MaximumCodeV6(type);
        if (maximum >= 0)
        {
            if (code > maximum)
            {
                packet.Events.Add(PacketEvent.IcmpV6UnknownCode);
            }

            return;
        }

        switch (type)
        {
            case 100 or 101 or 127 or 200 or 201 or 255:
                packet.Events.Add(PacketEvent.IcmpV6ExperimentationType);
                break;
            case 0 or (>= 5 and <= 126) or (>= 162 and <= 254):
                packet.Events.Add(PacketEvent.IcmpV6UnassignedType);
                break;
            default:
                packet.Events.Add(PacketEvent.IcmpV6UnknownType);
                break;
        }
    }

    /// <summary>Highest code of an ICMPv6 type that is known, or -1.</summary>
    private static int MaximumCodeV6(byte type) => type switch
    {
        IcmpTypes.V6Unreachable => 7,
        IcmpTypes.V6TimeExceeded => 1,
        IcmpTypes.V6ParameterProblem => 3,
        IcmpTypes.V6PacketTooBig or (>= IcmpTypes.V6Echo and <= IcmpTypes.V6Redirect) => 0,
        _ => -1,
    };

    private static void CheckEmbeddedV6(Packet packet, int offset, int end)
    {
        ReadOnlySpan<byte> data = packet.Buffer.AsSpan(offset, end - offset);
        if (data.Length < Ipv6Header)
        {
            packet.Events.Add(PacketEvent.IcmpV6Ipv6TruncatedPacket);
            return;
        }

        if (data[0] >> 4 != 6)
        {
            packet.Events.Add(PacketEvent.IcmpV6Ipv6UnknownVersion);
            return;
        }

        packet.EmbeddedOffset = offset;
    }
}
