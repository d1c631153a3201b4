using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Engine.Tests.Streams;

/// <summary>The less usual parts of TCP: Fast Open, both sides opening, keep-alive, zero windows, urgent data, scaling, sequence numbers on the way round.</summary>
public sealed class TcpOddityTests
{
    private const uint ClientFirst = TcpBench.ClientIsn + 1;
    private const uint ServerFirst = TcpBench.ServerIsn + 1;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void DataOfAFastOpenIsTakenOnceWhenTheServerTookIt(bool isInline)
    {
        TcpBench bench = new(new EngineSettings { IsInline = isInline });
        bench.Send(FastOpen(bench, "GET /"));
        bench.Send(Direction.ToClient, TcpFlags.Syn | TcpFlags.Ack, TcpBench.ServerIsn, ClientFirst + 5);
        bench.Send(Direction.ToServer, TcpFlags.Ack, ClientFirst + 5, ServerFirst, " HTTP");
        bench.Send(Direction.ToClient, TcpFlags.Ack, ServerFirst, ClientFirst + 10);
        Assert.Equal("GET / HTTP", bench.Consumer.Text(Direction.ToServer));
        Assert.True(bench.LastFlow!.Tcp!.Has(TcpSessionFlags.FastOpen));
        Assert.Equal(TcpState.Established, bench.LastFlow.Tcp.State);
    }

    [Fact]
    public void DataOfAFastOpenThatTheServerIgnoredComesAgain()
    {
        TcpBench bench = new();
        bench.Send(FastOpen(bench, "GET /"));
        Packet answer = bench.Send(Direction.ToClient, TcpFlags.Syn | TcpFlags.Ack, TcpBench.ServerIsn, ClientFirst);
        Assert.True(answer.Events.Contains(PacketEvent.Stream3WhsSynAckFastOpenDataIgnored));
        bench.Send(Direction.ToServer, TcpFlags.Ack, ClientFirst, ServerFirst, "GET / HTTP");
        bench.Send(Direction.ToClient, TcpFlags.Ack, ServerFirst, ClientFirst + 10);
        Assert.Equal("GET / HTTP", bench.Consumer.Text(Direction.ToServer));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BothSidesMayOpen(bool isInline)
    {
        TcpBench bench = new(new EngineSettings { IsInline = isInline });
        bench.Send(Direction.ToServer, TcpFlags.Syn, TcpBench.ClientIsn, 0);
        bench.Send(Direction.ToClient, TcpFlags.Syn, TcpBench.ServerIsn, 0);
        Assert.True(bench.LastFlow!.Tcp!.Has(TcpSessionFlags.FourWay));
        bench.Send(Direction.ToServer, TcpFlags.Syn | TcpFlags.Ack, TcpBench.ClientIsn, ServerFirst);
        Packet last = bench.Send(Direction.ToClient, TcpFlags.Ack, ServerFirst, ClientFirst);
        Assert.Equal(VerdictAction.Pass, last.Action);
        Assert.Equal(TcpState.Established, bench.LastFlow.Tcp.State);
        bench.Data(0, "hello");
        bench.ServerAck(5);
        Assert.Equal("hello", bench.Consumer.Text(Direction.ToServer));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("x", false)]
    [InlineData("", true)]
    [InlineData("x", true)]
    public void AKeepAliveIsNoData(string payload, bool isInline)
    {
        TcpBench bench = new(new EngineSettings { IsInline = isInline });
        bench.Handshake();
        bench.Data(0, "hello");
        bench.ServerAck(5);
        Packet probe = bench.Data(4, payload);
        Assert.Equal(VerdictAction.Pass, probe.Action);
        Assert.False(probe.Events.Contains(PacketEvent.StreamReassemblyOverlapDifferentData));
        bench.ServerAck(5);
        bench.Data(5, " again");
        bench.ServerAck(11);
        Assert.Equal("hello again", bench.Consumer.Text(Direction.ToServer));
    }

    [Fact]
    public void BehindAZeroWindowOneByteIsAProbeAndMoreIsOutOfTheWindow()
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        bench.Data(0, "hello");
        bench.Send(bench.Maker.Make(Direction.ToClient, TcpFlags.Ack, ServerFirst, ClientFirst + 5, default, window: 0));

        // What was offered before stays acceptable until it is used up (RFC 9293 §3.8.6: a window is not to be shrunk).
        bench.LastFlow!.Tcp!.Client.NextWindow = ClientFirst + 5;
        Packet much = bench.Data(5, "too much");
        Assert.True(much.Events.Contains(PacketEvent.StreamEstablishedPacketOutOfWindow));
        Assert.Equal(DropReason.StreamError, much.DropReason);
        Packet probe = bench.Data(5, " ");
        Assert.Equal(VerdictAction.Pass, probe.Action);
        Assert.Equal("hello ", bench.Consumer.Text(Direction.ToServer));
        bench.Send(bench.Maker.Make(Direction.ToClient, TcpFlags.Ack, ServerFirst, ClientFirst + 6, default, window: 100));
        bench.Data(6, "again");
        Assert.Equal("hello again", bench.Consumer.Text(Direction.ToServer));
    }

    [Theory]
    [InlineData(UrgentPolicy.OutOfBand, "abde", "ab", VerdictAction.Pass)]
    [InlineData(UrgentPolicy.Inline, "abcde", "abcde", VerdictAction.Pass)]
    [InlineData(UrgentPolicy.Gap, "abde", "ab", VerdictAction.Pass)]
    [InlineData(UrgentPolicy.Drop, "", "", VerdictAction.Drop)]
    public void AnUrgentByteIsTreatedByPolicy(UrgentPolicy policy, string stream, string before, VerdictAction action)
    {
        TcpBench bench = new(new EngineSettings { Stream = new StreamSettings { Urgent = policy } });
        bench.Handshake();
        Packet packet = bench.Maker.Make(Direction.ToServer, TcpFlags.Ack | TcpFlags.Urg, ClientFirst, ServerFirst, "abcde");
        packet.Tcp.UrgentPointer = 3;
        bench.Send(packet);
        Assert.Equal(action, packet.Action);
        bench.ServerAck(5);
        Assert.Equal(stream, bench.Consumer.Text(Direction.ToServer));
        Assert.Equal(policy == UrgentPolicy.Gap ? 1 : 0, bench.Consumer.GapBytes[0]);
        Assert.StartsWith(before, bench.Consumer.Text(Direction.ToServer));
        if (action == VerdictAction.Drop)
        {
            Assert.Equal(DropReason.StreamUrgent, packet.DropReason);
        }
    }

    [Fact]
    public void AnOldTimestampIsNoReasonToDropWhatNeverHadOne()
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        Packet stamped = bench.Maker.Make(Direction.ToServer, TcpFlags.Ack, ClientFirst, ServerFirst, "hello");
        stamped.Tcp.HasTimestamp = true;
        stamped.Tcp.TimestampValue = 1;
        Assert.Equal(VerdictAction.Pass, bench.Send(stamped).Action);
        Assert.Equal("hello", bench.Consumer.Text(Direction.ToServer));
    }

    [Fact]
    public void AWindowIsScaledOnlyWhenBothSidesOffered()
    {
        foreach (bool both in (ReadOnlySpan<bool>)[true, false])
        {
            TcpBench bench = new(TcpBench.Inline());
            Packet syn = bench.Maker.Make(Direction.ToServer, TcpFlags.Syn, TcpBench.ClientIsn, 0);
            syn.Tcp.WindowScale = (sbyte)(both ? 7 : -1);
            bench.Send(syn);
            Packet answer = bench.Maker.Make(Direction.ToClient, TcpFlags.Syn | TcpFlags.Ack, TcpBench.ServerIsn, ClientFirst, default, window: 10);
            answer.Tcp.WindowScale = 7;
            bench.Send(answer);
            bench.Send(Direction.ToServer, TcpFlags.Ack, ClientFirst, ServerFirst);
            bench.Send(bench.Maker.Make(Direction.ToClient, TcpFlags.Ack, ServerFirst, ClientFirst, default, window: 10));
            Packet data = bench.Data(0, new string('x', 1000));
            Assert.Equal(both ? VerdictAction.Pass : VerdictAction.Drop, data.Action);
        }
    }

    [Fact]
    public void MoreThanFourGibibytesKeepTheirOffsets()
    {
        TcpBench bench = new(new EngineSettings { IsInline = true, Stream = new StreamSettings { Reassembly = new ReassemblySettings { Depth = 0 } } });
        bench.Handshake();
        TcpStream stream = bench.LastFlow!.Tcp!.Client;
        stream.WindowScale = 14;

        // Two gibibytes at a time, by acknowledging what nobody saw and asking for the next byte.
        uint next = ClientFirst;
        long offset = 0;
        for (int i = 0; i < 3; i++)
        {
            Packet data = bench.Send(Direction.ToServer, TcpFlags.Ack, next, ServerFirst, "0123456789");
            Assert.Equal(VerdictAction.Pass, data.Action);
            next += 10;
            offset += 10;
            Assert.Equal(offset, stream.OffsetOf(next));
            stream.Base = stream.AppOffset = stream.RawOffset = offset + 0x6000_0000;
            stream.DataLength = 0;
            stream.AckedOffset = offset + 0x6000_0000;
            stream.MoveAnchor(next + 0x6000_0000);
            stream.NextSequence = stream.LastAck = next + 0x6000_0000;
            stream.NextWindow = stream.LastAck + 60_000;
            next += 0x6000_0000;
            offset += 0x6000_0000;
            Assert.Equal(offset, stream.OffsetOf(next));
        }

        Assert.True(offset > uint.MaxValue);
        Assert.Equal(offset - 5, stream.OffsetOf(next - 5));
    }

    private static Packet FastOpen(TcpBench bench, string data)
    {
        Packet syn = bench.Maker.Make(Direction.ToServer, TcpFlags.Syn, TcpBench.ClientIsn, 0, data);
        syn.Tcp.FastOpen = true;
        syn.Tcp.FastOpenCookieLength = 8;
        return syn;
    }
}
