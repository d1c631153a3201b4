using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Engine.Tests.Streams;

/// <summary>Where one session ends and the next begins, and what late, early and foreign segments do to it: each as <c>tests/parity/packetdiff.py</c> saw it in Suricata 8.0.8.</summary>
public sealed class SessionBordersTests
{
    private const uint C = TcpBench.ClientIsn;
    private const uint S = TcpBench.ServerIsn;
    private const TcpFlags FinAck = TcpFlags.Fin | TcpFlags.Ack;

    [Theory]
    [InlineData(false, Direction.ToServer, true)]
    [InlineData(false, Direction.ToClient, false)]
    [InlineData(true, Direction.ToServer, false)]
    public void ASynAfterTheClientsFinBeginsANewFlowPassively(bool isInline, Direction fin, bool isNew)
    {
        TcpBench bench = new(new EngineSettings { IsInline = isInline });
        bench.Handshake();
        ulong first = bench.LastFlow!.Id;
        bench.Send(fin, FinAck, fin == Direction.ToServer ? C + 1 : S + 1, fin == Direction.ToServer ? S + 1 : C + 1);
        bench.Send(Direction.ToServer, TcpFlags.Syn, C + 5000, 0);
        Assert.Equal(isNew, bench.LastFlow.Id != first);
        Assert.Equal(isNew ? 1 : 0, bench.Counters[Counter.FlowTcpReuse]);
    }

    [Fact]
    public void ASynOnAFlowThatWasNeverFollowedBeginsANewOne()
    {
        TcpBench bench = new();
        bench.Send(Direction.ToServer, TcpFlags.Ack, C + 1, S + 1, "midstream");
        ulong first = bench.LastFlow!.Id;
        Assert.Null(bench.LastFlow.Tcp);
        bench.Send(Direction.ToServer, TcpFlags.Syn, C, 0);
        Assert.NotEqual(first, bench.LastFlow.Id);
        Assert.Equal((first, FlowEndReason.TcpReuse), Assert.Single(bench.Ends));
        Assert.Equal(TcpState.SynSent, bench.LastFlow.Tcp!.State);
    }

    [Fact]
    public void WhatLiesBeforeTheStreamIsSpuriousWhateverElseIsWrongWithIt()
    {
        TcpBench bench = new();
        bench.Handshake();
        Packet old = bench.Send(Direction.ToServer, TcpFlags.Ack, C - 20, S + 900_000, "0123456789");
        Assert.True(old.Events.Contains(PacketEvent.StreamPacketSpuriousRetransmission));
        Assert.False(old.Events.Contains(PacketEvent.StreamPacketInvalidAck));
        Assert.True(old.Has(PacketFlags.Established));
        Assert.Equal(C + 1, bench.LastFlow!.Tcp!.Client.NextSequence);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(int.MaxValue, true)]
    public void BytesAreOverWhenAllWhoReadThemHaveUsedThem(int consumed, bool isOver)
    {
        TcpBench bench = new();
        bench.Consumer.Appetite = (_, length) => Math.Min(length, consumed);
        bench.Tracker.Reassembler.IsReadByRules = false;
        bench.Handshake();
        bench.Data(0, "0123456789");
        bench.ServerAck(10);
        bench.Data(10, "more");
        bench.ServerAck(14);
        Packet again = bench.Send(Direction.ToServer, TcpFlags.Ack, C + 1, S + 1, "0123456789");
        Assert.True(again.Events.Contains(PacketEvent.StreamPacketSpuriousRetransmission));
        Assert.Equal(!isOver, again.Events.Contains(PacketEvent.StreamEstablishedPacketBeforeLastAck));
    }

    [Theory]
    [InlineData(false, "")]
    [InlineData(true, "0123456789")]
    public void WhereAlertsShowPayloadsWhatWasConsumedStaysUntilTheNextPacketOfItsDirection(bool holds, string shown)
    {
        TcpBench bench = new();
        bench.Tracker.Reassembler.RawEnabled = bench.Tracker.Reassembler.IsReadByRules = false;
        bench.Tracker.Reassembler.HoldsForAlerts = holds;
        bench.Handshake();
        bench.Data(0, "0123456789");
        bench.Tracker.Reassembler.MarkJudged(bench.LastFlow!, Direction.ToServer);
        bench.ServerAck(10);
        bench.Tracker.Reassembler.MarkJudged(bench.LastFlow!, Direction.ToClient);
        bench.Send(Direction.ToServer, TcpFlags.Ack, C + 11, S + 1);
        Assert.Equal(shown, System.Text.Encoding.ASCII.GetString(bench.Tracker.Reassembler.GetRecentStream(bench.LastFlow!, Direction.ToServer)));
        bench.Tracker.Reassembler.MarkJudged(bench.LastFlow!, Direction.ToServer);
        bench.Send(Direction.ToServer, TcpFlags.Ack, C + 11, S + 1);
        Assert.True(bench.Tracker.Reassembler.GetRecentStream(bench.LastFlow!, Direction.ToServer).IsEmpty);
    }

    [Fact]
    public void InlineUsedBytesThatWereNotAcknowledgedAreStillComparedWithACopy()
    {
        TcpBench bench = new(new EngineSettings { IsInline = true });
        bench.Tracker.Reassembler.IsReadByRules = false;
        bench.Handshake();
        bench.Data(0, "0123456789");
        bench.Data(10, "more");
        Packet copy = bench.Send(Direction.ToServer, TcpFlags.Ack, C + 1, S + 1, "ABCDEFGHIJ");
        Assert.Equal("0123456789", System.Text.Encoding.ASCII.GetString(copy.Payload));
    }

    [Fact]
    public void OnlyASegmentAtTheLeftEdgeMovesTheClock()
    {
        TcpBench bench = new();
        string[] conversation =
        [
            "c S 0 0 ts=10/0", "s SA 0 1 ts=20/10", "c A 1 1 ts=11/20", "c PA 1 1 10 ts=12/20",
            "c A 11 1 ts=5000/20", "c PA 11 1 5 ts=13/20",
        ];
        foreach (string packet in conversation)
        {
            Assert.False(StreamEventsTests.Send(bench, packet).Events.Contains(PacketEvent.StreamPacketInvalidTimestamp), packet);
        }

        StreamEventsTests.Send(bench, "s A 1 16 ts=21/13");
        StreamEventsTests.Send(bench, "c PA 16 1 5 ts=6000/21");
        StreamEventsTests.Send(bench, "s A 1 21 ts=22/13");
        Assert.True(StreamEventsTests.Send(bench, "c PA 21 1 5 ts=14/21").Events.Contains(PacketEvent.StreamPacketInvalidTimestamp));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(int.MaxValue, true)]
    public void AHoleIsSteppedOverWhenWhatIsBeforeItWasUsed(int consumed, bool isTold)
    {
        TcpBench bench = new();
        bench.Consumer.Appetite = (_, length) => Math.Min(length, consumed);
        bench.Handshake();
        bench.Data(0, "0123456789");
        bench.ServerAck(10);
        bench.Data(20, "klmnopqrst");
        Packet ack = bench.ServerAck(30);
        Assert.Equal(isTold, ack.Events.Contains(PacketEvent.StreamReassemblySeqGap));
        Assert.Equal(isTold ? 1 : 0, bench.Counters[Counter.TcpReassemblyGap]);
    }

    [Fact]
    public void AHoleBeforeMuchThatWasAcknowledgedIsSteppedOverAllTheSame()
    {
        TcpBench bench = new();
        bench.Consumer.Appetite = (_, _) => 0;
        bench.Handshake();
        bench.Data(0, "0123456789");
        bench.ServerAck(10);
        int end = 20;
        for (int i = 0; i < 40; i++)
        {
            bench.Data(end, new string('x', 1000));
            end += 1000;
            bench.ServerAck(end);
        }

        Assert.Equal(1, bench.Counters[Counter.TcpReassemblyGap]);
    }

    [Fact]
    public void TheServersDataDoesNotProveThatTheClientIsThere()
    {
        TcpBench bench = new();
        bench.Send(Direction.ToServer, TcpFlags.Syn, C, 0);
        bench.Send(Direction.ToClient, TcpFlags.Syn | TcpFlags.Ack, S, C + 1);
        Packet greeting = bench.Send(Direction.ToClient, TcpFlags.Ack, S + 1, C + 1, "220 ready");
        Assert.False(greeting.Has(PacketFlags.Established));
        Assert.True(bench.Send(Direction.ToServer, TcpFlags.Ack, C + 1, S + 10, "HELO").Has(PacketFlags.Established));
    }

    [Fact]
    public void AWrongSumDoesNotMakeAnEstablishedSessionAnother()
    {
        TcpBench bench = new();
        bench.Handshake();
        Packet packet = bench.Maker.Make(Direction.ToServer, TcpFlags.Ack, C + 1, S + 1, "data");
        packet.Flags |= PacketFlags.BadChecksum;
        bench.Send(packet);
        Assert.True(packet.Has(PacketFlags.Established));
        Assert.Empty(bench.Consumer.Log);
    }

    [Theory]
    [InlineData(Direction.ToServer, FinAck, true)]
    [InlineData(Direction.ToClient, FinAck, false)]
    [InlineData(Direction.ToClient, TcpFlags.Rst | TcpFlags.Ack, true)]
    public void TheClientsFinAndAResetShowRulesWhatIsLeftOfBothSides(Direction from, TcpFlags flags, bool isShown)
    {
        TcpBench bench = new();
        bench.Handshake();
        bench.Data(0, "request");
        bench.Send(Direction.ToClient, TcpFlags.Ack, S + 1, C + 8, "answer");
        bench.Send(Direction.ToServer, TcpFlags.Ack, C + 8, S + 7);
        bench.Send(from, flags, from == Direction.ToServer ? C + 8 : S + 7, from == Direction.ToServer ? S + 7 : C + 8);
        Assert.Equal(isShown, bench.Tracker.Reassembler.TryGetRawWindow(bench.LastFlow!, Direction.ToServer, out _));
        Assert.Equal(isShown, bench.Tracker.Reassembler.TryGetRawWindow(bench.LastFlow!, Direction.ToClient, out _));
    }

    [Fact]
    public void TheClientsFinShowsRulesWhatIsLeftAlsoWhenTheServerClosedFirst()
    {
        TcpBench bench = new();
        bench.Handshake();
        bench.Data(0, "request");
        bench.Send(Direction.ToClient, TcpFlags.Ack, S + 1, C + 8, "answer");
        bench.Send(Direction.ToServer, TcpFlags.Ack, C + 8, S + 7);
        bench.Send(Direction.ToClient, FinAck, S + 7, C + 8);
        Assert.False(bench.Tracker.Reassembler.TryGetRawWindow(bench.LastFlow!, Direction.ToClient, out _));
        bench.Send(Direction.ToServer, FinAck, C + 8, S + 8);
        bench.Send(Direction.ToClient, TcpFlags.Ack, S + 8, C + 9);
        Assert.True(bench.Tracker.Reassembler.TryGetRawWindow(bench.LastFlow!, Direction.ToClient, out _));
        Assert.True(bench.Tracker.Reassembler.TryGetRawWindow(bench.LastFlow!, Direction.ToServer, out _));
    }

    [Fact]
    public void ASynWithAnotherNumberTakesTheDataOfTheOneBeforeAway()
    {
        TcpBench bench = new();
        StreamEventsTests.Send(bench, "c S 0 0 20 tfo=1");
        StreamEventsTests.Send(bench, "c S 900 0");
        Packet answer = StreamEventsTests.Send(bench, "s SA 0 901");
        Assert.False(answer.Events.Contains(PacketEvent.Stream3WhsSynAckFastOpenDataIgnored));
        Assert.Equal(TcpState.SynReceived, bench.LastFlow!.Tcp!.State);
    }
}
