using System.Buffers.Binary;
using System.Text;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Daemon.Policies;

/// <summary>One end of simulated traffic.</summary>
/// <param name="PortId">Its bridge port.</param>
/// <param name="Mac">Low 48 bits.</param>
/// <param name="Address">IPv4.</param>
/// <param name="Address6">IPv6.</param>
internal sealed record SyntheticEnd(ushort PortId, ulong Mac, IpAddress Address, IpAddress Address6);

/// <summary>Builds Ethernet frames with right lengths and checksums, for policies that are tried without a network.</summary>
internal static class SyntheticFrames
{
    private const int EthernetBytes = 14;

    public static byte[] Tcp(SyntheticEnd from, SyntheticEnd to, ushort sourcePort, ushort port, uint sequence, uint acknowledgement, TcpFlags flags, ReadOnlySpan<byte> payload)
    {
        byte[] tcp = new byte[20 + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(tcp, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(tcp.AsSpan(2), port);
        BinaryPrimitives.WriteUInt32BigEndian(tcp.AsSpan(4), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp.AsSpan(8), acknowledgement);
        tcp[12] = 5 << 4;
        tcp[13] = (byte)flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp.AsSpan(14), 64_000);
        payload.CopyTo(tcp.AsSpan(20));
        return Ip(from, to, from.Address, to.Address, IpProtocols.Tcp, tcp);
    }

    public static byte[] Udp(SyntheticEnd from, SyntheticEnd to, ushort sourcePort, ushort port, ReadOnlySpan<byte> payload)
    {
        byte[] udp = new byte[8 + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(udp, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(2), port);
        BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(4), (ushort)udp.Length);
        payload.CopyTo(udp.AsSpan(8));
        return Ip(from, to, from.Address, to.Address, IpProtocols.Udp, udp);
    }

    /// <summary>An echo request of so many bytes of payload.</summary>
    public static byte[] Ping(SyntheticEnd from, SyntheticEnd to, ushort sequence, int bytes)
    {
        byte[] icmp = new byte[8 + bytes];
        icmp[0] = IcmpTypes.Echo;
        BinaryPrimitives.WriteUInt16BigEndian(icmp.AsSpan(4), 7);
        BinaryPrimitives.WriteUInt16BigEndian(icmp.AsSpan(6), sequence);
        BinaryPrimitives.WriteUInt16BigEndian(icmp.AsSpan(2), Checksums.Finish(Checksums.Sum(icmp)));
        return Ip(from, to, from.Address, to.Address, IpProtocols.Icmp, icmp);
    }

    /// <summary>Any protocol with a payload that nobody reads.</summary>
    public static byte[] Raw(SyntheticEnd from, SyntheticEnd to, byte protocol) => Ip(from, to, from.Address, to.Address, protocol, new byte[32]);

    /// <summary>ARP (RFC 826): <paramref name="from"/> says that an address is its own.</summary>
    public static byte[] Arp(SyntheticEnd from, ulong senderMac, IpAddress sender, IpAddress target)
    {
        byte[] frame = new byte[EthernetBytes + 28];
        WriteMac(frame, 0xffff_ffff_ffff);
        WriteMac(frame.AsSpan(6), from.Mac);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0806);
        Span<byte> arp = frame.AsSpan(EthernetBytes);
        ((ReadOnlySpan<byte>)[0, 1, 8, 0, 6, 4, 0, 2]).CopyTo(arp);
        WriteMac(arp[8..], senderMac);
        sender.Write(arp[14..], asV4: true);
        target.Write(arp[24..], asV4: true);
        return frame;
    }

    /// <summary>An ICMPv6 message with its checksum.</summary>
    public static byte[] Icmp6(SyntheticEnd from, SyntheticEnd to, IpAddress source, IpAddress destination, byte type, ReadOnlySpan<byte> rest)
    {
        byte[] icmp = new byte[4 + rest.Length];
        icmp[0] = type;
        rest.CopyTo(icmp.AsSpan(4));
        return Ip(from, to, source, destination, IpProtocols.IcmpV6, icmp);
    }

    /// <summary>A neighbour advertisement (RFC 4861 §4.4) that claims an address.</summary>
    public static byte[] NeighborAdvertisement(SyntheticEnd from, SyntheticEnd to, IpAddress claimed)
    {
        byte[] rest = new byte[4 + 16 + 8];
        rest[0] = 0x20;
        claimed.Write(rest.AsSpan(4), asV4: false);
        rest[20] = 2;
        rest[21] = 1;
        WriteMac(rest.AsSpan(22), from.Mac);
        return Icmp6(from, to, from.Address6, to.Address6, IcmpTypes.V6NeighborAdvertisement, rest);
    }

    /// <summary>A router advertisement (RFC 4861 §4.2).</summary>
    public static byte[] RouterAdvertisement(SyntheticEnd from, SyntheticEnd to)
    {
        IpAddress.TryParse("ff02::1", out IpAddress all);
        return Icmp6(from, to, from.Address6, all, IcmpTypes.V6RouterAdvertisement, [64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    /// <summary>A DHCP server's offer (RFC 2131).</summary>
    public static byte[] DhcpOffer(SyntheticEnd from, SyntheticEnd to)
    {
        byte[] message = new byte[244];
        ((ReadOnlySpan<byte>)[2, 1, 6, 0]).CopyTo(message);
        to.Address.Write(message.AsSpan(16), asV4: true);
        WriteMac(message.AsSpan(28), to.Mac);
        ((ReadOnlySpan<byte>)[0x63, 0x82, 0x53, 0x63, 53, 1, 2, 255]).CopyTo(message.AsSpan(236));
        return Udp(from, to, 67, 68, message);
    }

    /// <summary>A DNS query for an address (RFC 1035 §4.1).</summary>
    public static byte[] Query(string name, ushort id)
    {
        var message = new List<byte> { (byte)(id >> 8), (byte)id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
        foreach (string label in name.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            message.Add((byte)label.Length);
            message.AddRange(Encoding.ASCII.GetBytes(label));
        }

        message.AddRange([0, 0, 1, 0, 1]);
        return [.. message];
    }

    /// <summary>A TLS client hello (RFC 8446 §4.1.2) in one record.</summary>
    /// <param name="name">Server name; null: none.</param>
    /// <param name="hasEncryptedHello">With an encrypted_client_hello extension.</param>
    public static byte[] ClientHello(string? name, bool hasEncryptedHello)
    {
        var extensions = new List<byte>();
        if (name is not null)
        {
            byte[] host = Encoding.ASCII.GetBytes(name);
            extensions.AddRange([0, 0, 0, (byte)(host.Length + 5), 0, (byte)(host.Length + 3), 0, 0, (byte)host.Length]);
            extensions.AddRange(host);
        }

        extensions.AddRange([0, 43, 0, 5, 4, 3, 4, 3, 3]);
        if (hasEncryptedHello)
        {
            extensions.AddRange([0xfe, 0x0d, 0, 4, 0, 0, 1, 0]);
        }

        var body = new List<byte> { 3, 3 };
        body.AddRange(new byte[32]);
        body.AddRange([0, 0, 4, 0x13, 0x01, 0xc0, 0x2f, 1, 0, (byte)(extensions.Count >> 8), (byte)extensions.Count]);
        body.AddRange(extensions);
        return Record(1, body);
    }

    /// <summary>A TLS server hello that chooses a version.</summary>
    /// <param name="version">As on the wire: 0x0303 is TLS 1.2.</param>
    public static byte[] ServerHello(ushort version)
    {
        var body = new List<byte> { (byte)(version >> 8), (byte)version };
        body.AddRange(new byte[32]);
        body.AddRange([0, 0xc0, 0x2f, 0]);
        return Record(2, body);
    }

    private static byte[] Record(byte type, List<byte> body) =>
    [
        22, 3, 1, (byte)((body.Count + 4) >> 8), (byte)(body.Count + 4),
        type, 0, (byte)(body.Count >> 8), (byte)body.Count, .. body,
    ];

    private static byte[] Ip(SyntheticEnd from, SyntheticEnd to, IpAddress source, IpAddress destination, byte protocol, byte[] body)
    {
        bool v4 = source.IsV4;
        int header = v4 ? 20 : 40;
        byte[] frame = new byte[EthernetBytes + header + body.Length];
        WriteMac(frame, to.Mac);
        WriteMac(frame.AsSpan(6), from.Mac);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), v4 ? (ushort)0x0800 : (ushort)0x86dd);
        Span<byte> ip = frame.AsSpan(EthernetBytes);
        body.CopyTo(ip[header..]);
        if (v4)
        {
            ip[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(header + body.Length));
            ip[8] = 64;
            ip[9] = protocol;
            source.Write(ip[12..], asV4: true);
            destination.Write(ip[16..], asV4: true);
        }
        else
        {
            ip[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)body.Length);
            ip[6] = protocol;
            ip[7] = 255;
            source.Write(ip[8..], asV4: false);
            destination.Write(ip[24..], asV4: false);
        }

        if (protocol is IpProtocols.Tcp or IpProtocols.Udp)
        {
            Checksums.WriteInto(ip, v4, protocol, header);
        }
        else if (v4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[10..], Checksums.Finish(Checksums.Sum(ip[..20])));
        }

        return frame;
    }

    private static void WriteMac(Span<byte> bytes, ulong mac)
    {
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)(mac >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(bytes[2..], (uint)mac);
    }
}
