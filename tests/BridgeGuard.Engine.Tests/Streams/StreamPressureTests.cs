using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Engine.Tests.Streams;

/// <summary>The memory caps of sessions, of stream data and of fragments, the depth and missed beginnings: what each exception policy does to packet and flow, inline and passively.</summary>
public sealed class StreamPressureTests
{
    /// <summary>Policy, inline; expected: drops the packet, the reject, flags of the flow, its state.</summary>
    public static TheoryData<ExceptionPolicy, bool, bool, RejectTarget, FlowFlags, FlowState> Policies => new(
    [
        (ExceptionPolicy.Ignore, true, false, RejectTarget.None, FlowFlags.None, FlowState.New),
        (ExceptionPolicy.Bypass, true, false, RejectTarget.None, FlowFlags.NoPacketInspection, FlowState.LocalBypassed),
        (ExceptionPolicy.PassFlow, true, false, RejectTarget.None, FlowFlags.Passed, FlowState.New),
        (ExceptionPolicy.PassPacket, true, false, RejectTarget.None, FlowFlags.None, FlowState.New),
        (ExceptionPolicy.DropPacket, true, true, RejectTarget.None, FlowFlags.None, FlowState.New),
        (ExceptionPolicy.DropFlow, true, true, RejectTarget.None, FlowFlags.Dropped | FlowFlags.ExceptionDropped, FlowState.New),
        (ExceptionPolicy.Reject, true, true, RejectTarget.Source, FlowFlags.Dropped | FlowFlags.Rejected, FlowState.New),
        (ExceptionPolicy.RejectBoth, true, true, RejectTarget.Both, FlowFlags.Dropped | FlowFlags.Rejected, FlowState.New),
        (ExceptionPolicy.Reject, false, false, RejectTarget.Source, FlowFlags.None, FlowState.New),
    ]);

    private const FlowFlags Decisions = FlowFlags.Dropped | FlowFlags.Passed | FlowFlags.Rejected | FlowFlags.ExceptionDropped;

    [Theory]
    [MemberData(nameof(Policies))]
    public void WithoutMemoryForASessionThePolicyDecides(ExceptionPolicy policy, bool isInline, bool drops, RejectTarget reject, FlowFlags flags, FlowState state)
    {
        TcpBench bench = new(new EngineSettings { IsInline = isInline, Stream = new StreamSettings { MemcapBytes = TcpTracker.BytesPerSession, MemcapPolicy = policy } });
        bench.Handshake();
        bench.Maker.ClientPort++;
        Packet packet = bench.Send(Direction.ToServer, TcpFlags.Syn, 1, 0);
        Assert.Null(bench.LastFlow!.Tcp);
        Assert.Equal(1, bench.Counters[Counter.TcpSessionMemcapDrop]);
        AssertPolicy(bench, packet, ExceptionCause.StreamSessionMemcap, policy, drops ? DropReason.StreamMemcap : DropReason.NotDropped, reject, flags, state);
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void WithoutMemoryForASegmentThePolicyDecides(ExceptionPolicy policy, bool isInline, bool drops, RejectTarget reject, FlowFlags flags, FlowState state)
    {
        TcpBench bench = new(new EngineSettings { IsInline = isInline, Stream = new StreamSettings { Reassembly = new ReassemblySettings { MemcapBytes = 1024, MemcapPolicy = policy } } });
        bench.Handshake();
        Packet packet = bench.Data(10, new string('x', 2000));
        Assert.True(packet.Events.Contains(PacketEvent.StreamReassemblyInsertMemcap));
        Assert.Equal(1, bench.Counters[Counter.TcpSegmentMemcapDrop]);
        AssertPolicy(bench, packet, ExceptionCause.StreamReassemblyMemcap, policy, drops ? DropReason.StreamReassembly : DropReason.NotDropped, reject, flags,
            state == FlowState.New ? FlowState.Established : state);
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void ForAMissedBeginningThePolicyDecides(ExceptionPolicy policy, bool isInline, bool drops, RejectTarget reject, FlowFlags flags, FlowState state)
    {
        TcpBench bench = new(new EngineSettings { IsInline = isInline, Stream = new StreamSettings { MidstreamPolicy = policy } });
        Packet packet = bench.Data(10, "in the middle");
        AssertPolicy(bench, packet, ExceptionCause.StreamMidstream, policy, drops ? DropReason.StreamMidstream : DropReason.NotDropped, reject, flags, state);
    }

    [Theory]
    [InlineData(ExceptionPolicy.Ignore, VerdictAction.Pass, RejectTarget.None)]
    [InlineData(ExceptionPolicy.Bypass, VerdictAction.Pass, RejectTarget.None)]
    [InlineData(ExceptionPolicy.PassPacket, VerdictAction.Pass, RejectTarget.None)]
    [InlineData(ExceptionPolicy.PassFlow, VerdictAction.Pass, RejectTarget.None)]
    [InlineData(ExceptionPolicy.DropPacket, VerdictAction.Drop, RejectTarget.None)]
    [InlineData(ExceptionPolicy.DropFlow, VerdictAction.Drop, RejectTarget.None)]
    [InlineData(ExceptionPolicy.Reject, VerdictAction.Drop, RejectTarget.Source)]
    public void WithoutMemoryForAFragmentThePolicyDecides(ExceptionPolicy policy, VerdictAction action, RejectTarget reject)
    {
        EngineSettings settings = new() { IsInline = true, Defrag = new DefragSettings { MemcapBytes = 1024, MemcapPolicy = policy } };
        using PacketWorker worker = new(new WorkerEnvironment { Settings = settings, Events = new NullSink() });
        byte[] fragment = Fragments.V4(1, 0, true, new byte[1200]);
        Verdict verdict = worker.Process(fragment, 0, fragment.Length, new FrameInfo { TimestampUs = 1, LinkType = LinkType.Ethernet });
        Assert.Equal(action, verdict.Action);
        Assert.Equal(reject, verdict.Reject);
        Assert.Equal(action == VerdictAction.Drop ? DropReason.DefragMemcap : DropReason.NotDropped, verdict.Reason);
        Assert.Equal(1, worker.Counters[WorkerCounters.PolicyIndex(ExceptionCause.DefragMemcap, policy)]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AtTheDepthAFlowMayBeBypassed(bool bypasses)
    {
        TcpBench bench = new(new EngineSettings { IsInline = true, Stream = new StreamSettings { BypassAtDepth = bypasses, Reassembly = new ReassemblySettings { Depth = 100 } } });
        bench.Handshake();
        bench.Data(0, new string('a', 90));
        Assert.Equal(FlowState.Established, bench.LastFlow!.State);
        Packet packet = bench.Data(90, new string('b', 90));
        Assert.True(packet.Events.Contains(PacketEvent.StreamReassemblyDepthReached));
        Assert.Equal(1, bench.Counters[Counter.TcpStreamDepthReached]);
        Assert.Equal(bypasses ? FlowState.LocalBypassed : FlowState.Established, bench.LastFlow.State);
        Assert.Equal(100, bench.Consumer.Bytes(Direction.ToServer).Length);
        Assert.Equal(VerdictAction.Pass, packet.Action);
    }

    private static void AssertPolicy(TcpBench bench, Packet packet, ExceptionCause cause, ExceptionPolicy policy, DropReason reason, RejectTarget reject, FlowFlags flags, FlowState state)
    {
        Flow flow = bench.LastFlow!;
        Assert.Equal(reason, packet.DropReason);
        Assert.Equal(reject, packet.Reject);
        Assert.Equal(flags & Decisions, flow.Flags & flags & Decisions);
        Assert.Equal((flags & FlowFlags.Passed) != 0, flow.Has(FlowFlags.Passed));
        Assert.Equal((flags & FlowFlags.Dropped) != 0, flow.Has(FlowFlags.Dropped));
        Assert.Equal(state, flow.State);
        Assert.Equal(policy is not (ExceptionPolicy.Ignore or ExceptionPolicy.Reject) || packet.Action == VerdictAction.Drop, packet.Has(PacketFlags.NoInspection));
        Assert.True(ExceptionPolicies.TryGetApplied(flow, cause, out ExceptionPolicy applied));
        Assert.Equal(policy, applied);
        Assert.Equal(1, bench.Counters[WorkerCounters.PolicyIndex(cause, policy)]);
    }

    private sealed class NullSink : IEventSink
    {
        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
        }
    }
}
