using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Engine.Tests.Worker;

public sealed class WorkerCountersTests
{
    [Fact]
    public void EveryCounterHasItsOwnName()
    {
        Assert.Equal((int)Counter.Count, CounterNames.All.Length);
        Assert.Equal(CounterNames.All.Length, CounterNames.All.Distinct().Count());
        Assert.Equal("flow.end.tcp_state.closed", CounterNames.Of(Counter.FlowEndTcpClosed));
        Assert.Equal("file_store.fs_errors", CounterNames.Of(Counter.FileStoreErrors));
    }

    [Fact]
    public void NoTwoCountersShareASlot()
    {
        HashSet<int> seen = [];
        for (int i = 0; i < (int)Counter.Count; i++)
        {
            Assert.True(seen.Add(i));
        }

        for (int i = 0; i < WorkerCounters.PacketEventCapacity; i++)
        {
            Assert.True(seen.Add(WorkerCounters.EventIndex((PacketEvent)i)));
        }

        foreach (byte transport in new[] { IpProtocols.Tcp, IpProtocols.Udp })
        {
            for (ProtocolId id = 0; id < ProtocolId.Count; id++)
            {
                Assert.True(seen.Add(WorkerCounters.AppFlowIndex(id, transport)));
                Assert.True(seen.Add(WorkerCounters.AppTransactionIndex(id, transport)));
                foreach (AppErrorKind kind in Enum.GetValues<AppErrorKind>())
                {
                    Assert.True(seen.Add(WorkerCounters.AppErrorIndex(id, transport, kind)));
                }

                foreach (ExceptionPolicy policy in Enum.GetValues<ExceptionPolicy>())
                {
                    Assert.True(seen.Add(WorkerCounters.AppPolicyIndex(id, transport, policy)));
                }
            }
        }

        for (ExceptionCause cause = 0; cause < ExceptionCause.Count; cause++)
        {
            foreach (ExceptionPolicy policy in Enum.GetValues<ExceptionPolicy>())
            {
                Assert.True(seen.Add(WorkerCounters.PolicyIndex(cause, policy)));
            }
        }

        foreach (DropReason reason in Enum.GetValues<DropReason>())
        {
            Assert.True(seen.Add(WorkerCounters.IpsDropIndex(reason)));
            Assert.True(seen.Add(WorkerCounters.FirewallDropIndex(reason)));
        }

        Assert.All(seen, index => Assert.InRange(index, 0, WorkerCounters.Length - 1));
    }

    [Fact]
    public void CountingNeedsNoMemory()
    {
        WorkerCounters counters = new();
        PacketEventSet events = default;
        events.Add((PacketEvent)3);
        events.Add((PacketEvent)257);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            counters.Increment(Counter.DecoderPackets);
            counters.Events(in events);
            counters.AppFlow(ProtocolId.Dns, IpProtocols.Udp);
            counters.Max(Counter.DecoderMaxPacketSize, i);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(100, counters[Counter.DecoderPackets]);
        Assert.Equal(100, counters[WorkerCounters.EventIndex((PacketEvent)257)]);
        Assert.Equal(100, counters[WorkerCounters.AppFlowIndex(ProtocolId.Dns, IpProtocols.Udp)]);
        Assert.Equal(99, counters[Counter.DecoderMaxPacketSize]);
    }
}
