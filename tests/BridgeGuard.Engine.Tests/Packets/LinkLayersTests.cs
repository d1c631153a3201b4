using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Engine.Tests.Packets;

/// <summary>Every link layer, shim and tunnel that the decoder knows, around one and the same datagram, which must come out whole.</summary>
public sealed class LinkLayersTests
{
    private const string Macs = "020000000001020000000002";

    public static TheoryData<string, int, string> Carriers => new(CarrierRows);

    public static TheoryData<string, byte, string> Tunnels => new(TunnelRows);

    /// <summary>Link layers by name: their number and the bytes before the datagram, with the marks of <see cref="Header"/>.</summary>
    public static readonly (string Name, int Link, string Header)[] CarrierRows =
    [
        ("Ethernet", 1, Macs + "0800"),
        ("802.1Q", 1, Macs + "8100" + "0005" + "0800"),
        ("802.1ad with 802.1Q", 1, Macs + "88a8" + "0005" + "8100" + "0006" + "0800"),
        ("802.1ah", 1, Macs + "88e7" + "00000001" + Macs + "0800"),
        ("VN-Tag", 1, Macs + "8926" + "00000000" + "0800"),
        ("E-Tag", 1, Macs + "893f" + "000000000000" + "0800"),
        ("MPLS", 1, Macs + "8847" + "00010140"),
        ("MPLS, two labels", 1, Macs + "8847" + "00010040" + "00020140"),
        ("PPPoE", 1, Macs + "8864" + "11000001LLLL" + "0021"),
        ("NSH", 1, Macs + "894f" + "0fc60101" + "000001ff" + "00000000000000000000000000000000"),
        ("LLC/SNAP is not needed: PPP", 9, "ff030021"),
        ("CHDLC", 104, "0f000800"),
        ("Linux SLL", 113, "00000001000602000000000100000800"),
        ("Linux SLL2", 276, "080000000000000100010006020000000001" + "0000"),
        ("raw", 101, ""),
        ("BSD loopback", 0, "02000000"),
    ];

    /// <summary>Tunnels by name: the protocol of the IPv4 packet that carries them and the bytes before the datagram.</summary>
    public static readonly (string Name, byte Protocol, string Header)[] TunnelRows =
    [
        ("IP in IP", (byte)4, ""),
        ("GRE", (byte)47, "00000800"),
        ("GRE with key and sequence", (byte)47, "30000800" + "00000007" + "00000001"),
        ("GRE version 1", (byte)47, "3001880b" + "00000001" + "00000000" + "ff030021"),
        ("ERSPAN II", (byte)47, "100088be" + "00000001" + "1001000100000000" + Macs + "0800"),
        ("ERSPAN I", (byte)47, "000088be" + Macs + "0800"),
        ("GRE with Ethernet", (byte)47, "00006558" + Macs + "0800"),
        ("VXLAN", (byte)17, "303912b5LLLL0000" + "0800000000002a00" + Macs + "0800"),
        ("Geneve", (byte)17, "303917c1LLLL0000" + "0000655800002a00" + Macs + "0800"),
        ("GTP-U", (byte)17, "30390868LLLL0000" + "30ffGGGG00000001"),
    ];

    [Theory]
    [MemberData(nameof(Carriers))]
    public void TheDatagramIsFoundBehindEveryLinkLayer(string name, int linkType, string header)
    {
        Assert.NotEmpty(name);
        byte[] datagram = Datagram();
        Packet packet = Decode([.. Header(header, datagram.Length, extra: 2), .. datagram], (LinkType)linkType, out _);
        AssertIsDatagram(packet);
        Assert.False(packet.Has(PacketFlags.Invalid));
    }

    [Theory]
    [MemberData(nameof(Tunnels))]
    public void TheDatagramIsFoundInEveryTunnel(string name, byte protocol, string header)
    {
        Assert.NotEmpty(name);
        byte[] datagram = Datagram();
        byte[] carried = [.. Header(header, datagram.Length, extra: header.Length / 2), .. datagram];
        byte[] outer = new byte[20 + carried.Length];
        outer[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(outer.AsSpan(2), (ushort)outer.Length);
        outer[8] = 64;
        outer[9] = protocol;
        new byte[] { 192, 0, 2, 1, 192, 0, 2, 2 }.CopyTo(outer, 12);
        carried.CopyTo(outer, 20);
        Packet packet = Decode(outer, LinkType.Raw, out PacketQueue inner);
        Assert.Equal(protocol, packet.Protocol);
        Assert.Equal(1, inner.Count);
        AssertIsDatagram(inner[0]);
        Assert.Equal(1, inner[0].TunnelDepth);
    }

    [Fact]
    public void TheNetworkOfATunnelIsInItsPacket()
    {
        byte[] datagram = Datagram();
        uint[] networks = new uint[2];
        for (int i = 0; i < 2; i++)
        {
            byte[] carried = [.. Header($"303912b5LLLL0000080000000000{i + 1:x2}00" + Macs + "0800", datagram.Length, extra: 30), .. datagram];
            byte[] outer = new byte[20 + carried.Length];
            outer[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(outer.AsSpan(2), (ushort)outer.Length);
            outer[8] = 64;
            outer[9] = 17;
            carried.CopyTo(outer, 20);
            Decode(outer, LinkType.Raw, out PacketQueue inner);
            networks[i] = inner[0].TunnelId;
        }

        Assert.Equal([1u, 2u], networks);
    }

    private static void AssertIsDatagram(Packet packet)
    {
        Assert.Equal(4, packet.IpVersion);
        Assert.True(packet.IsUdp);
        Assert.Equal(4321, packet.DestinationPort);
        Assert.Equal("attack", System.Text.Encoding.ASCII.GetString(packet.Payload));
    }

    private static Packet Decode(byte[] frame, LinkType linkType, out PacketQueue inner)
    {
        Packet packet = new();
        packet.Reset(frame, 0, frame.Length, new FrameInfo { TimestampUs = 1, Number = 1, LinkType = linkType });
        inner = new PacketQueue();
        new PacketDecoder(new DecoderSettings { GtpUEnabled = true, ErspanTypeIEnabled = true }).Decode(packet, inner);
        return packet;
    }

    private static byte[] Datagram() => FrameBuilder.Udp("10.0.0.1", 1234, "10.0.0.2", 4321, "attack"u8)[14..];

    /// <summary>LLLL: bytes of what follows the header's fixed part; GGGG: bytes of the datagram.</summary>
    public static byte[] Header(string hex, int datagram, int extra)
    {
        hex = hex.Replace("LLLL", $"{datagram + extra:x4}", StringComparison.Ordinal).Replace("GGGG", $"{datagram:x4}", StringComparison.Ordinal);
        return Convert.FromHexString(hex);
    }
}
