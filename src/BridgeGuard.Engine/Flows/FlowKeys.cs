using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Flows;

/// <summary>Makes flow keys from packets and from the headers that ICMP errors quote.</summary>
internal static class FlowKeys
{
    private const byte Icmp4DestinationUnreachable = 3;
    private const byte Icmp4SourceQuench = 4;
    private const byte Icmp4Redirect = 5;
    private const byte Icmp4TimeExceeded = 11;
    private const byte Icmp4ParameterProblem = 12;
    private const int IcmpHeaderLength = 8;

    /// <summary>RFC 792: messages about a packet that could not be delivered.</summary>
    public static bool IsIcmp4Error(byte type) =>
        type is Icmp4DestinationUnreachable or Icmp4SourceQuench or Icmp4Redirect or Icmp4TimeExceeded or Icmp4ParameterProblem;

    /// <summary>Protocols whose packets form flows; of others each packet stands for itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    public static bool FormsFlows(byte protocol) => protocol is IpProtocols.Tcp or IpProtocols.Udp or IpProtocols.Icmp or IpProtocols.IcmpV6
        or IpProtocols.Sctp or IpProtocols.Esp or IpProtocols.IpInIp or IpProtocols.Ipv6;

    /// <summary>Without ports or types nothing tells a client from a server: everything counts as sent to the server.</summary>
    public static bool HasDirections(byte protocol) =>
        protocol is IpProtocols.Tcp or IpProtocols.Udp or IpProtocols.Icmp or IpProtocols.IcmpV6 or IpProtocols.Sctp;

    /// <summary>The packet's own key. False without an IP header, and for protocols that form no flows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    public static bool TryCreate(Packet packet, FlowSettings settings, out FlowKey key)
    {
        // ICMPv6 within IPv4 is nobody's.
        if (packet.IpVersion == 0 || !FormsFlows(packet.Protocol) || (packet.Protocol == IpProtocols.IcmpV6 && packet.IpVersion == 4))
        {
            key = default;
            return false;
        }

        ushort sourcePort = packet.SourcePort;
        ushort destinationPort = packet.DestinationPort;
        if (packet.Protocol is IpProtocols.Icmp or IpProtocols.IcmpV6)
        {
            sourcePort = packet.IcmpType;
            destinationPort = Counterpart(packet.Protocol, packet.IcmpType);
        }

        bool vlan = settings.VlanTracking;
        key = new FlowKey(
            packet.SourceAddress,
            packet.DestinationAddress,
            sourcePort,
            destinationPort,
            packet.Protocol,
            packet.IpVersion,
            vlan ? packet.Vlan0 : (ushort)0,
            vlan ? packet.Vlan1 : (ushort)0,
            vlan ? packet.Vlan2 : (ushort)0,
            packet.TunnelId,
            settings.DeviceTracking ? packet.Info.BridgeId : (ushort)0,
            settings.RecursionTracking ? packet.TunnelDepth : (byte)0);
        return true;
    }

    /// <summary>The key of the packet that a destination-unreachable quotes (RFC 792), as the quoted packet's sender had it.</summary>
    /// <remarks>
    /// Only this error ends a conversation; the others, and those of ICMPv6, are flows of their own as in the peer. False when it is another message, or the quotation
    /// is cut before the ports. Every length is checked.
    /// </remarks>
    public static bool TryCreateQuoted(Packet packet, FlowSettings settings, out FlowKey key)
    {
        key = default;
        if (packet.TransportOffset < 0)
        {
            return false;
        }

        ReadOnlySpan<byte> message = packet.TransportBytes;
        if (message.Length <= IcmpHeaderLength)
        {
            return false;
        }

        ReadOnlySpan<byte> quoted = message[IcmpHeaderLength..];
        return packet.Protocol switch
        {
            IpProtocols.Icmp when packet.IcmpType is Icmp4DestinationUnreachable => TryReadV4(packet, settings, quoted, out key),
            _ => false,
        };
    }

    private static bool TryReadV4(Packet packet, FlowSettings settings, ReadOnlySpan<byte> quoted, out FlowKey key)
    {
        key = default;
        if (quoted.Length < 20 || quoted[0] >> 4 != 4)
        {
            return false;
        }

        int headerLength = (quoted[0] & 15) * 4;
        if (headerLength < 20 || quoted.Length < headerLength || (BinaryPrimitives.ReadUInt16BigEndian(quoted[6..]) & 0x1fff) != 0)
        {
            return false;
        }

        return TryFinish(packet, settings, quoted[9], 4, IpAddress.ReadV4(quoted[12..]), IpAddress.ReadV4(quoted[16..]), quoted[headerLength..], out key);
    }

    private static bool TryFinish(Packet packet, FlowSettings settings, byte protocol, byte version, IpAddress source, IpAddress destination,
        ReadOnlySpan<byte> transport, out FlowKey key)
    {
        ushort sourcePort = 0;
        ushort destinationPort = 0;
        if (protocol is IpProtocols.Tcp or IpProtocols.Udp or IpProtocols.Sctp)
        {
            if (transport.Length < 4)
            {
                key = default;
                return false;
            }

            sourcePort = BinaryPrimitives.ReadUInt16BigEndian(transport);
            destinationPort = BinaryPrimitives.ReadUInt16BigEndian(transport[2..]);
        }
        else if (protocol is IpProtocols.Icmp or IpProtocols.IcmpV6)
        {
            if (transport.Length < 1)
            {
                key = default;
                return false;
            }

            sourcePort = transport[0];
            destinationPort = Counterpart(protocol, transport[0]);
        }

        key = WithEnvironment(packet, settings, new FlowKey(source, destination, sourcePort, destinationPort, protocol, version, 0, 0, 0, 0, 0));
        return true;
    }

    private static FlowKey WithEnvironment(Packet packet, FlowSettings settings, FlowKey key)
    {
        bool vlan = settings.VlanTracking;
        return key with
        {
            Vlan0 = vlan ? packet.Vlan0 : (ushort)0,
            Vlan1 = vlan ? packet.Vlan1 : (ushort)0,
            Vlan2 = vlan ? packet.Vlan2 : (ushort)0,
            TunnelId = packet.TunnelId,
            BridgeId = settings.DeviceTracking ? packet.Info.BridgeId : (ushort)0,
            TunnelDepth = settings.RecursionTracking ? packet.TunnelDepth : (byte)0,
        };
    }

    /// <summary>The type that answers <paramref name="type"/>; the type itself where nothing answers.</summary>
    private static byte Counterpart(byte protocol, byte type) => protocol == IpProtocols.Icmp ? CounterpartV4(type) : CounterpartV6(type);

    private static byte CounterpartV4(byte type) =>
        type switch
        {
            0 => 8,
            8 => 0,
            9 => 10,
            10 => 9,
            13 => 14,
            14 => 13,
            15 => 16,
            16 => 15,
            17 => 18,
            18 => 17,
            _ => type,
        };

    private static byte CounterpartV6(byte type) =>
        type switch
        {
            128 => 129,
            129 => 128,
            133 => 134,
            134 => 133,
            135 => 136,
            136 => 135,
            139 => 140,
            140 => 139,
            144 => 145,
            145 => 144,
            _ => type,
        };
}
