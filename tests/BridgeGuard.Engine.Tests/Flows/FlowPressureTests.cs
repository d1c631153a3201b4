using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Tests.Streams;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Engine.Tests.Flows;

/// <summary>The table at its limit: emergency mode, the exception policy, timeouts by protocol and state, bypass, elephants.</summary>
public sealed class FlowPressureTests : IFlowEndHandler
{
    private const long Second = 1_000_000;

    private readonly List<FlowEndReason> _ends = [];
    private readonly WorkerCounters _counters = new();

    void IFlowEndHandler.OnFlowEnd(Flow flow, FlowEndReason reason) => _ends.Add(reason);

    [Theory]
    [InlineData(IpProtocols.Tcp, FlowState.New, 60)]
    [InlineData(IpProtocols.Tcp, FlowState.Established, 600)]
    [InlineData(IpProtocols.Tcp, FlowState.Closed, 60)]
    [InlineData(IpProtocols.Tcp, FlowState.LocalBypassed, 100)]
    [InlineData(IpProtocols.Udp, FlowState.New, 30)]
    [InlineData(IpProtocols.Udp, FlowState.Established, 300)]
    [InlineData(IpProtocols.Icmp, FlowState.New, 30)]
    [InlineData(IpProtocols.Icmp, FlowState.Established, 300)]
    [InlineData(IpProtocols.Sctp, FlowState.New, 30)]
    [InlineData(IpProtocols.Sctp, FlowState.Established, 300)]
    [InlineData(IpProtocols.Sctp, FlowState.CaptureBypassed, 100)]
    public void ASilentFlowEndsAfterTheTimeOfItsProtocolAndState(byte protocol, FlowState state, int seconds)
    {
        FlowTable table = Create(new FlowSettings());
        Flow flow = Make(table, protocol, 1, 0);
        table.SetState(flow, state);
        table.Expire(seconds * Second, this);
        Assert.Empty(_ends);

        // The wheel looks at each slot of 2^20 µs when it is over.
        table.Expire((seconds + 3) * Second, this);
        Assert.Equal(FlowEndReason.Timeout, Assert.Single(_ends));
    }

    [Theory]
    [InlineData(IpProtocols.Tcp, FlowState.New, 5)]
    [InlineData(IpProtocols.Tcp, FlowState.Established, 100)]
    [InlineData(IpProtocols.Udp, FlowState.New, 10)]
    [InlineData(IpProtocols.Udp, FlowState.Established, 100)]
    public void InAnEmergencyTimesAreShort(byte protocol, FlowState state, int seconds)
    {
        FlowTable table = Create(new FlowSettings { MaxFlows = 4 });
        table.SetState(Make(table, protocol, 1, 0), state);
        for (ushort port = 2; port <= 4; port++)
        {
            table.SetState(Make(table, IpProtocols.Sctp, port, 0), FlowState.Established);
        }

        Assert.False(table.IsEmergency);
        Make(table, IpProtocols.Sctp, 9, 0, expectRefusal: state == FlowState.Established);
        Assert.True(table.IsEmergency);
        Assert.Equal(1, _counters[Counter.FlowEmergencyEntered]);
        _ends.Clear();
        if (state == FlowState.Established)
        {
            // The one that is over under the short times makes room.
            Make(table, IpProtocols.Sctp, 10, seconds * Second, expectRefusal: true);
            Make(table, IpProtocols.Sctp, 10, (seconds * Second) + 1);
            Assert.Equal(FlowEndReason.Timeout, _ends[0]);
        }
    }

    [Fact]
    public void TheEmergencyIsOverWhenEnoughIsFree()
    {
        FlowTable table = Create(new FlowSettings { MaxFlows = 10, EmergencyRecoveryPercent = 30 });
        for (ushort port = 1; port <= 11; port++)
        {
            Make(table, IpProtocols.Udp, port, 0);
        }

        Assert.True(table.IsEmergency);
        table.Expire(9 * Second, this);
        table.Expire(9 * Second, this);
        Assert.True(table.IsEmergency);

        // Flows are looked at a few at a time, and ended by the short times although their slots of the wheel have not come up.
        table.Expire(11 * Second, this);
        table.Expire(11 * Second, this);
        Assert.InRange(table.Count, 0, 7);
        Assert.False(table.IsEmergency);
        Assert.Equal(1, _counters[Counter.FlowEmergencyOver]);
    }

    [Theory]
    [InlineData(ExceptionPolicy.Ignore, VerdictAction.Pass, RejectTarget.None, false)]
    [InlineData(ExceptionPolicy.Bypass, VerdictAction.Pass, RejectTarget.None, true)]
    [InlineData(ExceptionPolicy.PassFlow, VerdictAction.Pass, RejectTarget.None, true)]
    [InlineData(ExceptionPolicy.PassPacket, VerdictAction.Pass, RejectTarget.None, true)]
    [InlineData(ExceptionPolicy.DropPacket, VerdictAction.Drop, RejectTarget.None, true)]
    [InlineData(ExceptionPolicy.DropFlow, VerdictAction.Drop, RejectTarget.None, true)]
    [InlineData(ExceptionPolicy.Reject, VerdictAction.Drop, RejectTarget.Source, true)]
    public void WhereThereIsNoRoomThePolicyDecidesOnThePacket(ExceptionPolicy policy, VerdictAction action, RejectTarget reject, bool isSpared)
    {
        FlowTable table = Create(new FlowSettings { MaxFlows = 2, MemcapPolicy = policy });
        table.SetState(Make(table, IpProtocols.Udp, 1, 0), FlowState.Established);
        table.SetState(Make(table, IpProtocols.Udp, 2, 0), FlowState.Established);
        Packet packet = Packet(IpProtocols.Udp, 3, 1);
        Assert.Null(table.GetOrCreate(packet));
        Assert.Equal(action, packet.Action);
        Assert.Equal(action == VerdictAction.Drop ? DropReason.FlowMemcap : DropReason.NotDropped, packet.DropReason);
        Assert.Equal(reject, packet.Reject);
        Assert.Equal(isSpared, packet.Has(PacketFlags.NoInspection));
        Assert.Equal(1, _counters[Counter.FlowMemcap]);
        Assert.Equal(1, _counters[WorkerCounters.PolicyIndex(ExceptionCause.FlowMemcap, policy)]);
    }

    [Fact]
    public void TheMemoryCapBoundsTheNumberOfFlows()
    {
        FlowTable table = Create(new FlowSettings { MemcapBytes = 10 * FlowTable.BytesPerFlow, MaxFlows = 1000 });
        Assert.Equal(10, table.Capacity);
        for (ushort port = 1; port <= 500; port++)
        {
            Make(table, IpProtocols.Udp, port, port);
        }

        Assert.Equal(10, table.Count);
        Assert.Equal(490, _ends.Count);
        Assert.Equal(490, _counters[Counter.FlowGetUsed]);
    }

    [Fact]
    public void ABypassedFlowIsCountedAndNotFollowed()
    {
        TcpBench bench = new();
        bench.Handshake();
        Flow flow = bench.LastFlow!;
        bench.Table.SetState(flow, FlowState.LocalBypassed);
        bench.Data(0, "never seen");
        bench.ServerAck(10);
        Assert.Empty(bench.Consumer.Log);
        Assert.Equal((3UL, 2UL), (flow.PacketsToServer, flow.PacketsToClient));
        Assert.Equal((0UL, 0UL), (flow.BypassedPacketsToServer, flow.BypassedPacketsToClient));
        Assert.Equal(2, bench.Counters[Counter.BypassedLocalPackets]);

        // A reset does not bring it back: the kernel may pass its packets already.
        bench.Send(Direction.ToServer, TcpFlags.Rst, TcpBench.ClientIsn + 11, 0);
        Assert.Equal(FlowState.LocalBypassed, flow.State);
    }

    [Fact]
    public void AFlowWithManyBytesInAnIntervalIsAnElephantInThatDirection()
    {
        FlowTable table = Create(new FlowSettings { ElephantBytes = 10_000, ElephantIntervalSeconds = 2 });
        Flow? flow = null;
        for (int i = 0; i < 9; i++)
        {
            flow = Send(table, i, 1000);
        }

        Assert.False(flow!.Has(FlowFlags.Elephant));

        // The interval is over before the tenth thousand, so counting begins anew.
        for (int i = 0; i < 9; i++)
        {
            Send(table, (3 * Second) + i, 1000);
        }

        Assert.False(flow.Has(FlowFlags.Elephant));
        Send(table, (3 * Second) + 10, 1000);
        Assert.True(flow.Has(FlowFlags.Elephant));
        Assert.False(flow.Has(FlowFlags.ElephantToClient));
        Send(table, (3 * Second) + 11, 1000);
        Assert.Equal(1, _counters[Counter.FlowElephantToServer]);
        Assert.Equal(1, _counters[Counter.FlowElephant]);
        Assert.Equal(0, _counters[Counter.FlowElephantToClient]);

        Flow? Send(FlowTable to, long time, int length)
        {
            Packet packet = Packet(IpProtocols.Udp, 1, time);
            packet.Length = length;
            Flow? found = to.GetOrCreate(packet);
            to.Touch(found!, packet);
            return found;
        }
    }

    private FlowTable Create(FlowSettings settings) => new(new EngineSettings { Flow = settings }, new FlowHash(1, 2), _counters) { EndHandler = this };

    private static Flow Make(FlowTable table, byte protocol, ushort port, long timeUs, bool expectRefusal = false)
    {
        Packet packet = Packet(protocol, port, timeUs);
        Flow? flow = table.GetOrCreate(packet);
        Assert.Equal(expectRefusal, flow is null);
        if (flow is not null)
        {
            table.Touch(flow, packet);
        }

        return flow!;
    }

    private static Packet Packet(byte protocol, ushort port, long timeUs)
    {
        Packet packet = new();
        packet.Reset(new byte[1500], 0, 60, new FrameInfo { TimestampUs = timeUs });
        packet.IpVersion = 4;
        packet.NetworkOffset = 0;
        packet.TransportOffset = 20;
        packet.Protocol = protocol;
        packet.SourceAddress = IpAddress.FromV4(0x0a000000u + port);
        packet.DestinationAddress = IpAddress.FromV4(0x0a0000ff);
        packet.SourcePort = port;
        packet.DestinationPort = 53;
        return packet;
    }
}
