using System.Buffers.Binary;
using BridgeGuard.Attachments.Rejects;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using PacketDotNet;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Rejects;

public sealed class RejectCrafterTests
{
    private const string A = "10.0.0.1";
    private const string B = "10.0.0.2";
    private const string A6 = "fd00::1";
    private const string B6 = "fd00::2";

    private readonly FrameInjector _injector = new();

    private List<(byte[] Frame, InjectDirection Direction)> Craft(byte[] frame, RejectTarget target = RejectTarget.Both)
    {
        int made = RejectCrafter.Craft(frame, target, 9, _injector);
        Assert.Equal(made, _injector.Count);
        return [.. Enumerable.Range(0, made).Select(i =>
        {
            byte[] bytes = _injector.Get(i, out ushort port, out InjectDirection direction).ToArray();
            Assert.Equal(9, port);
            return (bytes, direction);
        })];
    }

    private static TcpPacket Tcp(byte[] frame) => Packet.ParsePacket(LinkLayers.Ethernet, frame).Extract<TcpPacket>();

    /// <summary>The one's complement sum of the transport part and its pseudo-header; 0xFFFF when the checksum in it is right.</summary>
    private static uint TransportSum(byte[] frame, int ipOffset = 14)
    {
        ReadOnlySpan<byte> ip = frame.AsSpan(ipOffset);
        bool isV4 = ip[0] >> 4 == 4;
        ReadOnlySpan<byte> addresses = isV4 ? ip.Slice(12, 8) : ip.Slice(8, 32);
        ReadOnlySpan<byte> transport = isV4 ? ip[20..BinaryPrimitives.ReadUInt16BigEndian(ip[2..])] : ip.Slice(40, BinaryPrimitives.ReadUInt16BigEndian(ip[4..]));
        int protocol = isV4 ? ip[9] : ip[6];
        uint sum = protocol == 1 ? 0 : Sum(addresses) + (uint)protocol + (uint)transport.Length;
        sum += Sum(transport);
        while (sum > 0xFFFF)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return sum;
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (uint)(i % 2 == 0 ? bytes[i] << 8 : bytes[i]);
        }

        return sum;
    }

    [Theory]
    [InlineData(A, B)]
    [InlineData(A6, B6)]
    public void AResetHasTheNumbersThatItsReceiverExpects(string from, string to)
    {
        List<(byte[] Frame, InjectDirection Direction)> made = Craft(FrameBuilder.Tcp(from, to, 1111, 80, "A", 5000, 9000, "attack"));
        TcpPacket back = Tcp(made[0].Frame);
        TcpPacket on = Tcp(made[1].Frame);
        Assert.Equal((InjectDirection.ToPort, InjectDirection.FromPort), (made[0].Direction, made[1].Direction));
        Assert.Equal((80, 1111, 9000u, 5006u), (back.SourcePort, back.DestinationPort, back.SequenceNumber, back.AcknowledgmentNumber));
        Assert.Equal((1111, 80, 5000u, 9000u), (on.SourcePort, on.DestinationPort, on.SequenceNumber, on.AcknowledgmentNumber));
        Assert.All(made, answer => Assert.True(Tcp(answer.Frame).Reset));
        Assert.All(made, answer => Assert.Equal(0xFFFFu, TransportSum(answer.Frame)));
    }

    [Fact]
    public void ARejectedSynIsAcknowledgedInItsReset()
    {
        TcpPacket back = Tcp(Craft(FrameBuilder.Tcp(A, B, 1, 2, "S", 77, 0), RejectTarget.Source).Single().Frame);
        Assert.Equal((0u, 78u, true), (back.SequenceNumber, back.AcknowledgmentNumber, back.Acknowledgment));
    }

    [Fact]
    public void MacsAreSwappedForTheSourceAndTagsAreKept()
    {
        byte[] frame = FrameBuilder.Tcp(A, B, 1, 2, "A", payload: "x", tags: [200, 300]);
        List<(byte[] Frame, InjectDirection Direction)> made = Craft(frame);
        Assert.Equal([.. frame[6..12], .. frame[..6], .. frame[12..22]], made[0].Frame[..22]);
        Assert.Equal(frame[..22], made[1].Frame[..22]);
    }

    [Theory]
    [InlineData(A, B, 3, 13)]
    [InlineData(A6, B6, 1, 1)]
    public void ADatagramIsAnsweredByAnIcmpErrorThatQuotesIt(string from, string to, byte type, byte code)
    {
        byte[] frame = FrameBuilder.Udp(from, to, 1111, 53, "attack");
        byte[] answer = Craft(frame, RejectTarget.Source).Single().Frame;
        int icmp = 14 + (type == 3 ? 20 : 40);
        int quoted = type == 3 ? 28 : 48;
        Assert.Equal((type, code), (answer[icmp], answer[icmp + 1]));
        Assert.Equal(frame.AsSpan(14, quoted), answer.AsSpan(icmp + 8, quoted));
        Assert.Equal(0xFFFFu, TransportSum(answer));
    }

    [Fact]
    public void TheDestinationIsToldOfTheDatagramItWouldHaveAnsweredWith()
    {
        byte[] answer = Craft(FrameBuilder.Udp(A, B, 1111, 53, "attack"), RejectTarget.Destination).Single().Frame;
        UdpPacket quoted = new IPv4Packet(new PacketDotNet.Utils.ByteArraySegment(answer, 42, answer.Length - 42)).Extract<UdpPacket>();
        Assert.Equal((53, 1111), (quoted.SourcePort, quoted.DestinationPort));
    }

    public static TheoryData<byte[]> Unanswerable
    {
        get
        {
            byte[] fragment = FrameBuilder.Udp(A, B, 1, 2, "x");
            fragment[21] = 5;
            byte[] icmpError = FrameBuilder.Udp(A, B, 1, 2, "x");
            icmpError[23] = 1;
            icmpError[34] = 3;
            return new TheoryData<byte[]>
            {
                { FrameBuilder.Tcp(A, B, 1, 2, "RA") },
                { FrameBuilder.Udp(A, "224.0.0.1", 1, 2, "x") },
                { FrameBuilder.Udp(A, "255.255.255.255", 1, 2, "x") },
                { FrameBuilder.Udp(A6, "ff02::1", 1, 2, "x") },
                { fragment },
                { icmpError },
                { [.. new byte[12], 8, 6, .. new byte[46]] },
            };
        }
    }

    [Theory]
    [MemberData(nameof(Unanswerable))]
    public void ResetsErrorsFragmentsAndGroupsAreNotAnswered(byte[] frame) => Assert.Empty(Craft(frame));

    [Fact]
    public void EveryCutOfAFrameIsSurvived()
    {
        byte[][] frames =
        [
            FrameBuilder.Tcp(A, B, 1, 2, "A", payload: "abc", tags: [1]), FrameBuilder.Tcp(A6, B6, 1, 2, "A", payload: "abc"),
            FrameBuilder.Udp(A, B, 1, 2, "x"), FrameBuilder.Udp(A6, B6, 1, 2, "x"),
        ];
        foreach (byte[] frame in frames)
        {
            for (int length = 0; length < frame.Length; length++)
            {
                RejectCrafter.Craft(frame.AsSpan(0, length), RejectTarget.Both, 1, _injector);
                _injector.Clear();
            }
        }
    }
}
