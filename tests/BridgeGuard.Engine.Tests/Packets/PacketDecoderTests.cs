using BridgeGuard.Engine.Packets;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Engine.Tests.Packets;

public sealed class PacketDecoderTests
{
    private readonly Decoding _decoding = new();

    [Fact]
    public void TcpSegmentHasItsAddressesPortsAndPayload()
    {
        Packet packet = _decoding.Decode(FrameBuilder.Tcp("10.0.0.1", 1234, "10.0.0.2", 80, 7, 9, "PA", "hello"u8));

        Assert.Equal("10.0.0.1", packet.SourceAddress.ToString());
        Assert.Equal("10.0.0.2", packet.DestinationAddress.ToString());
        Assert.True(packet.IsTcp);
        Assert.Equal((1234, 80), (packet.SourcePort, packet.DestinationPort));
        Assert.Equal((7u, 9u), (packet.Tcp.Sequence, packet.Tcp.Acknowledgement));
        Assert.Equal(TcpFlags.Psh | TcpFlags.Ack, packet.Tcp.Flags);
        Assert.Equal("hello"u8, packet.Payload);
        Assert.Empty(Decoding.EventNames(packet));
    }

    [Theory]
    [InlineData(0x80, false)]
    [InlineData(0x40, true)]
    [InlineData(0x08, true)]
    public void OnlyBitEightOfGreVersionZeroIsPassedOver(byte flags, bool isTold)
    {
        byte[] udp = FrameBuilder.Udp("10.0.0.3", 1000, "10.0.0.4", 2000, "inner"u8)[14..];
        Packet packet = _decoding.Decode(FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Gre, [0, flags, 8, 0, .. udp]));
        Assert.Equal(isTold, packet.Events.Contains(PacketEvent.GreVersion0Flags));
    }

    [Theory]
    [InlineData(13, 0, 12, false)]
    [InlineData(13, 1, 12, true)]
    [InlineData(14, 1, 4, true)]
    public void TimestampsHaveOneCodeHoweverLongTheyAre(byte type, byte code, int length, bool isUnknown)
    {
        Packet packet = _decoding.Decode(FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Icmp, [type, code, 0, 0, 0, 1, 0, 1, .. new byte[length]]));
        Assert.Equal(isUnknown, packet.Events.Contains(PacketEvent.IcmpV4UnknownCode));
    }

    [Fact]
    public void TcpOptionsOfAHandshakeAreRead()
    {
        byte[] options = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6, 1, 3, 3, 7];

        Packet packet = _decoding.Decode(FrameBuilder.Tcp("10.0.0.1", 1234, "10.0.0.2", 80, 7, 0, "S", [], options));

        Assert.Equal(1460, packet.Tcp.Mss);
        Assert.True(packet.Tcp.SackPermitted);
        Assert.True(packet.Tcp.HasTimestamp);
        Assert.Equal((5u, 6u), (packet.Tcp.TimestampValue, packet.Tcp.TimestampEcho));
        Assert.Equal(7, packet.Tcp.WindowScale);
    }

    [Fact]
    public void UdpOverIpv6HasItsPorts()
    {
        Packet packet = _decoding.Decode(FrameBuilder.Udp("fd00::1", 5000, "fd00::2", 53, "query"u8));

        Assert.Equal(6, packet.IpVersion);
        Assert.True(packet.IsUdp);
        Assert.Equal((5000, 53), (packet.SourcePort, packet.DestinationPort));
        Assert.Equal("query"u8, packet.Payload);
    }

    [Fact]
    public void EchoRequestAndReplyAreOneFlowByTheirPorts()
    {
        Packet request = _decoding.Decode(FrameBuilder.Ping("10.0.0.1", "10.0.0.2", 8, 1, 2, "data"u8));
        Assert.Equal((8, 0), (request.SourcePort, request.DestinationPort));
        Assert.Equal("data"u8, request.Payload);

        Packet reply = _decoding.Decode(FrameBuilder.Ping("10.0.0.2", "10.0.0.1", 0, 1, 2, "data"u8));
        Assert.Equal((0, 8), (reply.SourcePort, reply.DestinationPort));
    }

    [Fact]
    public void ThreeVlanTagsAreKeptAndAFourthIsRefused()
    {
        byte[] frame = FrameBuilder.Udp("10.0.0.1", 1, "10.0.0.2", 2, "x"u8);
        byte[] three = FrameBuilder.WithVlan(FrameBuilder.WithVlan(FrameBuilder.WithVlan(frame, 30), 20), 10, 0x88a8);

        Packet packet = _decoding.Decode(three);
        Assert.Equal((3, 10, 20, 30), (packet.VlanCount, packet.Vlan0, packet.Vlan1, packet.Vlan2));
        Assert.True(packet.IsUdp);

        packet = _decoding.Decode(FrameBuilder.WithVlan(three, 5));
        Assert.Equal(["vlan.too_many_layers"], Decoding.EventNames(packet));
        Assert.True(packet.Has(PacketFlags.Invalid));
    }

    [Fact]
    public void DatagramWithinADatagramIsDecodedAsAPacketOfItsOwn()
    {
        byte[] carried = FrameBuilder.Udp("192.168.0.1", 1000, "192.168.0.2", 2000, "inner"u8)[14..];

        Packet packet = _decoding.Decode(FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.IpInIp, carried));

        Assert.Equal(1, _decoding.Inner.Count);
        Packet inner = _decoding.Inner[0];
        Assert.Same(packet, inner.Outer);
        Assert.Equal(1, inner.TunnelDepth);
        Assert.Equal(PacketSource.Ipv4, inner.Source);
        Assert.Equal("inner"u8, inner.Payload);
        Assert.Equal("192.168.0.1", inner.SourceAddress.ToString());
    }

    [Fact]
    public void EveryPrefixOfAFrameIsAccepted()
    {
        foreach (byte[] frame in SampleFrames())
        {
            for (int length = 0; length <= frame.Length; length++)
            {
                _decoding.Decode(frame.AsSpan(0, length));
            }
        }
    }

    [Fact]
    public void EveryChangeOfOneByteIsAccepted()
    {
        foreach (byte[] frame in SampleFrames())
        {
            byte[] changed = (byte[])frame.Clone();
            for (int i = 0; i < frame.Length; i++)
            {
                for (int value = 0; value < 256; value++)
                {
                    changed[i] = (byte)value;
                    _decoding.Decode(changed);
                }

                changed[i] = frame[i];
            }
        }
    }

    [Fact]
    public void DecodingAllocatesNothing()
    {
        byte[] frame = FrameBuilder.WithVlan(FrameBuilder.Tcp("10.0.0.1", 1234, "10.0.0.2", 80, 7, 9, "PA", "hello"u8), 5);
        byte[] tunnel = FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.IpInIp, frame.AsSpan(18));
        PacketDecoder decoder = _decoding.Decoder;
        Packet packet = new();
        PacketQueue inner = new();
        Run(10);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(1000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run(int times)
        {
            for (int i = 0; i < times; i++)
            {
                byte[] bytes = (i & 1) == 0 ? frame : tunnel;
                packet.Reset(bytes, 0, bytes.Length, new Engine.Worker.FrameInfo { LinkType = LinkType.Ethernet });
                decoder.Decode(packet, inner);
            }
        }
    }

    private static IEnumerable<byte[]> SampleFrames()
    {
        byte[] udp = FrameBuilder.Udp("192.168.0.1", 1000, "192.168.0.2", 2000, "inner"u8);
        yield return udp;
        yield return FrameBuilder.Tcp("10.0.0.1", 1234, "10.0.0.2", 80, 7, 0, "S", "x"u8, [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6, 1, 3, 3, 7]);
        yield return FrameBuilder.WithVlan(FrameBuilder.Ping("10.0.0.1", "10.0.0.2", 8, 1, 2, "data"u8), 7);
        yield return FrameBuilder.Udp("fd00::1", 5000, "fd00::2", 53, "query"u8);
        yield return FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.IpInIp, udp.AsSpan(14));
        yield return FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Gre, [0, 0, 0x65, 0x58, .. udp]);
        yield return FrameBuilder.Udp("10.0.0.1", 5000, "10.0.0.2", 4789, [8, 0, 0, 0, 0, 0, 9, 0, .. udp]);
        yield return FrameBuilder.Udp("10.0.0.1", 5000, "10.0.0.2", 6081, [0, 0, 0x65, 0x58, 0, 0, 9, 0, .. udp]);
        yield return FrameBuilder.Raw("fd00::1", "fd00::2", 0, [60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 5, 2, 0, 0, 1, 0, 44, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 1, 0, 5, 0, 6, 0, 9, 0, 0, 1]);
        yield return FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Icmp, [3, 3, 0, 0, 0, 0, 0, 0, .. udp.AsSpan(14, 28)]);
        yield return [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
        yield return [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0x64, 0x11, 0, 0, 1, 0, 35, 0, 0x21, .. udp.AsSpan(14)];
        yield return [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0x47, 0, 0, 0, 0, 0, 0x01, 0x01, 0x40, .. udp.AsSpan(14)];
    }
}
