using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Engine.Tests.Streams;

public sealed class TcpTrackerTests
{
    private const uint C = TcpBench.ClientIsn;
    private const uint S = TcpBench.ServerIsn;
    private const TcpFlags SynAck = TcpFlags.Syn | TcpFlags.Ack;
    private const TcpFlags FinAck = TcpFlags.Fin | TcpFlags.Ack;

    [Fact]
    public void StatesFollowTheConnection()
    {
        TcpBench bench = new();
        bench.Send(Direction.ToServer, TcpFlags.Syn, C, 0);
        Assert.Equal(TcpState.SynSent, State(bench));
        bench.Send(Direction.ToClient, SynAck, S, C + 1);
        Assert.Equal(TcpState.SynReceived, State(bench));
        bench.Send(Direction.ToServer, TcpFlags.Ack, C + 1, S + 1);
        Assert.Equal(TcpState.Established, State(bench));
        Assert.Equal(FlowState.Established, bench.LastFlow!.State);
        bench.Send(Direction.ToServer, FinAck, C + 1, S + 1);
        Assert.Equal(TcpState.CloseWait, State(bench));
        bench.Send(Direction.ToClient, FinAck, S + 1, C + 2);
        Assert.Equal(TcpState.LastAck, State(bench));
        bench.Send(Direction.ToServer, TcpFlags.Ack, C + 2, S + 2);
        Assert.Equal(TcpState.Closed, State(bench));
        Assert.Equal(FlowState.Closed, bench.LastFlow.State);
    }

    [Fact]
    public void ASynOnAClosedConnectionBeginsANewFlow()
    {
        TcpBench bench = new();
        bench.Handshake();
        ulong first = bench.LastFlow!.Id;
        bench.Send(Direction.ToServer, TcpFlags.Rst, C + 1, 0);
        Assert.Equal(TcpState.Closed, State(bench));
        bench.Send(Direction.ToServer, TcpFlags.Syn, C + 5000, 0);
        Assert.NotEqual(first, bench.LastFlow.Id);
        Assert.Equal((first, FlowEndReason.TcpReuse), Assert.Single(bench.Ends));
        Assert.Equal(1, bench.Counters[Counter.FlowTcpReuse]);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(1000)]
    [InlineData(100_000)]
    public void AResetThatIsNotNextIsNotBelieved(uint distance)
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        Packet reset = bench.Send(Direction.ToServer, TcpFlags.Rst, C + distance, 0);
        Assert.Equal(TcpState.Established, State(bench));
        Assert.Equal(DropReason.StreamError, reset.DropReason);
        bench.Data(0, "still inspected");
        Assert.Equal("still inspected", bench.Consumer.Text(Direction.ToServer));
    }

    [Fact]
    public void DataBeyondTheWindowIsNotTakenAndDoesNotPassInline()
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        Packet far = bench.Data(70_000, "far");
        Assert.True(far.Events.Contains(PacketEvent.StreamEstablishedPacketOutOfWindow));
        Assert.Equal(VerdictAction.Drop, far.Action);
        Assert.Empty(bench.Consumer.Log);
    }

    [Fact]
    public void AnOldTimestampIsADuplicate()
    {
        TcpBench bench = new(TcpBench.Inline());
        Stamp(bench, Direction.ToServer, TcpFlags.Syn, C, 0, "", 1000, 0);
        Stamp(bench, Direction.ToClient, SynAck, S, C + 1, "", 500, 1000);
        Stamp(bench, Direction.ToServer, TcpFlags.Ack, C + 1, S + 1, "", 1001, 500);
        Packet old = Stamp(bench, Direction.ToServer, TcpFlags.Ack, C + 1, S + 1, "insertion", 900, 500);
        Assert.True(old.Events.Contains(PacketEvent.StreamPacketInvalidTimestamp));
        Assert.Equal(VerdictAction.Drop, old.Action);
        Stamp(bench, Direction.ToServer, TcpFlags.Ack, C + 1, S + 1, "the truth", 1002, 500);
        Assert.Equal("the truth", bench.Consumer.Text(Direction.ToServer));
    }

    [Fact]
    public void ServerDataBeforeTheHandshakeIsOverIsAnInjectionInline()
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Send(Direction.ToServer, TcpFlags.Syn, C, 0);
        bench.Send(Direction.ToClient, SynAck, S, C + 1);
        Packet injected = bench.Send(Direction.ToClient, TcpFlags.Ack, S + 1, C + 1, "injected");
        Assert.True(injected.Events.Contains(PacketEvent.Stream3WhsAckDataInjection));
        Assert.Equal(VerdictAction.Drop, injected.Action);
    }

    [Fact]
    public void OfCompetingSynAcksTheOneCountsThatTheClientAcknowledges()
    {
        TcpBench bench = new();
        bench.Send(Direction.ToServer, TcpFlags.Syn, C, 0);
        bench.Send(Direction.ToClient, SynAck, S, C + 1);
        bench.Send(Direction.ToClient, SynAck, S + 900, C + 1);
        bench.Send(Direction.ToServer, TcpFlags.Ack, C + 1, S + 1);
        Assert.Equal(TcpState.Established, State(bench));
        bench.Send(Direction.ToClient, TcpFlags.Ack, S + 1, C + 1, "banner");
        bench.Send(Direction.ToServer, TcpFlags.Ack, C + 1, S + 7);
        Assert.Equal("banner", bench.Consumer.Text(Direction.ToClient));
    }

    [Fact]
    public void UrgentBytesLeaveTheStreamAndRepetitionsStayAligned()
    {
        TcpBench bench = new();
        bench.Handshake();
        Packet urgent = bench.Maker.Make(Direction.ToServer, TcpFlags.Ack | TcpFlags.Urg, C + 1, S + 1, "evXil");
        urgent.Tcp.UrgentPointer = 3;
        bench.Send(urgent);
        bench.Data(5, "file");
        Packet repeated = bench.Data(0, "evXilfile");
        bench.ServerAck(9);
        Assert.Equal("evilfile", bench.Consumer.Text(Direction.ToServer));
        Assert.False(repeated.Has(PacketFlags.Modified));
        Assert.Equal(1u, bench.LastFlow!.Tcp!.Client.UrgentOobBytes);
    }

    [Fact]
    public void InlineTheUrgentFlagIsTakenOffAndAllBytesAreData()
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        foreach (ushort pointer in (ushort[])[0, 3, 40])
        {
            Packet urgent = bench.Maker.Make(Direction.ToServer, TcpFlags.Ack | TcpFlags.Urg, C + 1, S + 1, "evil");
            urgent.Tcp.UrgentPointer = pointer;
            bench.Send(urgent);
            Assert.True(urgent.Has(PacketFlags.Modified));
            Assert.False(urgent.Tcp.Has(TcpFlags.Urg));
            Assert.Equal(0, urgent.TransportBytes[13] & (byte)TcpFlags.Urg);
        }

        Assert.Equal("evil", bench.Consumer.Text(Direction.ToServer));
        Assert.Equal(0u, bench.LastFlow!.Tcp!.Client.UrgentOobBytes);
    }

    [Fact]
    public void ADataSegmentBehindAResetIsDroppedInline()
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        bench.Data(0, "begin");
        bench.Send(Direction.ToServer, TcpFlags.Rst, C + 6, 0);
        Assert.Equal(VerdictAction.Drop, bench.Data(5, "and go on").Action);
        Assert.Equal("begin", bench.Consumer.Text(Direction.ToServer));
    }

    [Fact]
    public void WithoutAHandshakeNothingIsFollowedUnlessConfigured()
    {
        TcpBench off = new();
        off.Send(Direction.ToServer, TcpFlags.Ack, C, S, "data");
        Assert.Null(off.LastFlow!.Tcp);
        TcpBench on = new(new EngineSettings { Stream = new StreamSettings { Midstream = true } });
        on.Send(Direction.ToServer, TcpFlags.Ack, C, S, "data");
        on.Send(Direction.ToClient, TcpFlags.Ack, S, C + 4);
        Assert.Equal("data", on.Consumer.Text(Direction.ToServer));
        Assert.True(on.LastFlow!.Has(FlowFlags.Midstream));
    }

    [Fact]
    public void AMidstreamSynAckIsTheServers()
    {
        TcpBench bench = new(new EngineSettings { Stream = new StreamSettings { Midstream = true } });
        Packet answer = bench.Send(Direction.ToClient, SynAck, S, C + 1);
        Assert.Equal(Direction.ToClient, answer.Direction);
        Assert.Equal(bench.Maker.Client, bench.LastFlow!.Key.Source);
        bench.Send(Direction.ToServer, TcpFlags.Ack, C + 1, S + 1, "GET");
        bench.ServerAck(3);
        Assert.Equal("GET", bench.Consumer.Text(Direction.ToServer));
    }

    [Fact]
    public void ADropFlowPolicyForMidstreamDropsTheFlow()
    {
        TcpBench bench = new(new EngineSettings { IsInline = true, Stream = new StreamSettings { MidstreamPolicy = ExceptionPolicy.DropFlow } });
        Packet packet = bench.Send(Direction.ToServer, TcpFlags.Ack, C, S, "data");
        Assert.Equal(DropReason.StreamMidstream, packet.DropReason);
        Assert.True(bench.LastFlow!.Has(FlowFlags.Dropped));
        Assert.True(ExceptionPolicies.TryGetApplied(bench.LastFlow, ExceptionCause.StreamMidstream, out ExceptionPolicy policy));
        Assert.Equal(ExceptionPolicy.DropFlow, policy);
    }

    private static TcpState State(TcpBench bench) => bench.LastFlow!.Tcp!.State;

    private static Packet Stamp(
        TcpBench bench, Direction direction, TcpFlags flags, uint sequence, uint acknowledgement, string payload, uint value, uint echo)
    {
        Packet packet = bench.Maker.Make(direction, flags, sequence, acknowledgement, payload);
        packet.Tcp.HasTimestamp = true;
        packet.Tcp.TimestampValue = value;
        packet.Tcp.TimestampEcho = echo;
        return bench.Send(packet);
    }
}
