using System.Buffers.Binary;

namespace BridgeGuard.Engine.Packets;

/// <summary>The datagram that an ICMP error carries the beginning of: enough to find the flow it is about.</summary>
/// <remarks>
/// Shape: an IPv4 or IPv6 header with extension headers, and at least 4 bytes of TCP, UDP or SCTP for the ports, or 2 of ICMP.
/// Errors: <see cref="TryCreate"/> is false when the packet carries none or it is cut before that. Lifetime: a value, the packet's no more.
/// </remarks>
public readonly struct EmbeddedIpView
{
    public byte IpVersion { get; private init; }

    public IpAddress Source { get; private init; }

    public IpAddress Destination { get; private init; }

    public byte Protocol { get; private init; }

    /// <summary>As <see cref="Packet.SourcePort"/> would be.</summary>
    public ushort SourcePort { get; private init; }

    /// <summary>As <see cref="Packet.DestinationPort"/> would be.</summary>
    public ushort DestinationPort { get; private init; }

    public static bool TryCreate(Packet packet, out EmbeddedIpView view)
    {
        view = default;
        if (packet.EmbeddedOffset < 0)
        {
            return false;
        }

        ReadOnlySpan<byte> bytes = packet.Buffer.AsSpan(packet.EmbeddedOffset, packet.NetworkEnd - packet.EmbeddedOffset);
        return packet.IpVersion == 4 ? TryCreateV4(bytes, out view) : TryCreateV6(bytes, out view);
    }

    private static bool TryCreateV4(ReadOnlySpan<byte> bytes, out EmbeddedIpView view)
    {
        view = default;
        if (!Ipv4View.TryCreate(bytes, out Ipv4View ip) || ip.FragmentOffset != 0)
        {
            return false;
        }

        view = new EmbeddedIpView { IpVersion = 4, Source = ip.Source, Destination = ip.Destination, Protocol = ip.Protocol };
        return TryAddPorts(bytes[ip.HeaderLength..], ref view);
    }

    private static bool TryCreateV6(ReadOnlySpan<byte> bytes, out EmbeddedIpView view)
    {
        view = default;
        if (!Ipv6View.TryCreate(bytes, out Ipv6View ip))
        {
            return false;
        }

        byte next = ip.NextHeader;
        ReadOnlySpan<byte> rest = bytes[40..];
        while (IpProtocols.IsIpv6Extension(next))
        {
            if (rest.Length < 8 || (next == IpProtocols.Fragment && (BinaryPrimitives.ReadUInt16BigEndian(rest[2..]) & 0xfff8) != 0))
            {
                return false;
            }

            int length = next switch
            {
                IpProtocols.Fragment => 8,
                IpProtocols.Ah => (rest[1] + 2) * 4,
                _ => (rest[1] + 1) * 8,
            };
            if (length > rest.Length)
            {
                return false;
            }

            next = rest[0];
            rest = rest[length..];
        }

        view = new EmbeddedIpView { IpVersion = 6, Source = ip.Source, Destination = ip.Destination, Protocol = next };
        return TryAddPorts(rest, ref view);
    }

    private static bool TryAddPorts(ReadOnlySpan<byte> transport, ref EmbeddedIpView view)
    {
        switch (view.Protocol)
        {
            case IpProtocols.Tcp or IpProtocols.Udp or IpProtocols.Sctp:
                if (transport.Length < 4)
                {
                    return false;
                }

                view = view with
                {
                    SourcePort = BinaryPrimitives.ReadUInt16BigEndian(transport),
                    DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(transport[2..]),
                };
                return true;
            case IpProtocols.Icmp or IpProtocols.IcmpV6:
                if (transport.Length < 2)
                {
                    return false;
                }

                int counterpart = view.Protocol == IpProtocols.Icmp ? IcmpTypes.CounterpartV4(transport[0]) : IcmpTypes.CounterpartV6(transport[0]);
                view = view with { SourcePort = transport[0], DestinationPort = counterpart >= 0 ? (ushort)counterpart : transport[1] };
                return true;
            default:
                return true;
        }
    }
}
