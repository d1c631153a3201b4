using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Engine.Tests.Streams;

public sealed class StreamMemoryTests
{
    private const uint ServerFirst = TcpBench.ServerIsn + 1;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TransferAllocatesNothingOnceWarm(bool isInline)
    {
        EngineSettings settings = new() { IsInline = isInline, Stream = new StreamSettings { Reassembly = new ReassemblySettings { Depth = 0 } } };
        WorkerCounters counters = new();
        FlowTable table = new(settings, new FlowHash(1, 2), counters);
        TcpTracker tracker = new(settings, table, new Sink(), counters);
        TcpPacketMaker maker = new();
        Packet packet = new();
        byte[] buffer = new byte[2048];
        byte[] payload = new byte[1400];
        uint next = TcpBench.ClientIsn + 1;
        Run(TcpFlags.Syn, Direction.ToServer, next - 1, 0, []);
        Run(TcpFlags.Syn | TcpFlags.Ack, Direction.ToClient, ServerFirst - 1, next, []);
        Run(TcpFlags.Ack, Direction.ToServer, next, ServerFirst, []);
        Transfer(500);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Transfer(500);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Transfer(int rounds)
        {
            for (int i = 0; i < rounds; i++)
            {
                // The second comes before the first, and the first twice.
                Run(TcpFlags.Ack, Direction.ToServer, next + 1400, ServerFirst, payload);
                Run(TcpFlags.Ack, Direction.ToServer, next, ServerFirst, payload);
                Run(TcpFlags.Ack, Direction.ToServer, next, ServerFirst, payload);
                next += 2800;
                Run(TcpFlags.Ack, Direction.ToClient, ServerFirst, next, []);
            }
        }

        void Run(TcpFlags flags, Direction direction, uint sequence, uint acknowledgement, ReadOnlySpan<byte> bytes)
        {
            maker.Fill(packet, buffer, direction, flags, sequence, acknowledgement, bytes);
            Flow flow = table.GetOrCreate(packet)!;
            table.Touch(flow, packet);
            tracker.Process(packet, flow);
        }
    }

    [Fact]
    public void AListThatGrewForOneStreamServesTheNextThatNeedsIt()
    {
        const int Streams = 40;
        TcpBench bench = new();
        byte[] buffer = new byte[64];
        Packet packet = new();
        Pass(0);
        Pass(1);
        long before = GC.GetAllocatedBytesForCurrentThread();

        // Each time another stream needs the long list, so that each list of the pool meets it.
        Pass(2);
        Pass(3);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Pass(int number)
        {
            for (int i = 0; i < Streams; i++)
            {
                bench.Maker.ClientPort = (ushort)(1000 + i);
                Send(TcpFlags.Syn, Direction.ToServer, 999, 0, []);
                Send(TcpFlags.Syn | TcpFlags.Ack, Direction.ToClient, 99, 1000, []);
                Send(TcpFlags.Ack, Direction.ToServer, 1000, 100, []);
                int segments = i == number * 7 ? 60 : 1;
                for (int k = 1; k <= segments; k++)
                {
                    Send(TcpFlags.Ack, Direction.ToServer, (uint)(1000 + (2 * k)), 100, "x"u8);
                }
            }

            bench.Table.EndAll(NoHandler);
        }

        void Send(TcpFlags flags, Direction direction, uint sequence, uint acknowledgement, ReadOnlySpan<byte> bytes)
        {
            bench.Maker.Fill(packet, buffer, direction, flags, sequence, acknowledgement, bytes);
            Flow flow = bench.Table.GetOrCreate(packet)!;
            bench.Table.Touch(flow, packet);
            bench.Tracker.Process(packet, flow);
        }
    }

    [Fact]
    public void FlowsAndSessionsStayWithinTheirPublishedSize()
    {
        const int Count = 50_000;
        EngineSettings settings = new()
        {
            Flow = new FlowSettings { MemcapBytes = 1L << 30, MaxFlows = Count },
            Stream = new StreamSettings { MemcapBytes = 1L << 30 },
        };
        WorkerCounters counters = new();
        TcpPacketMaker maker = new();
        Packet packet = new();
        byte[] buffer = new byte[64];
        FlowTable table = new(settings, new FlowHash(1, 2), counters);
        TcpTracker tracker = new(settings, table, new Sink(), counters);
        long start = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Count; i++)
        {
            maker.ClientPort = (ushort)i;
            maker.Client = IpAddress.FromV4(0x0a000000 + (uint)i);
            maker.Fill(packet, buffer, Direction.ToServer, TcpFlags.Syn, 1, 0, []);
            Flow flow = table.GetOrCreate(packet)!;
            table.Touch(flow, packet);
            tracker.Process(packet, flow);
        }

        // What growing arrays left behind is garbage; count it once more than needed and it still fits.
        double perFlow = (double)(GC.GetAllocatedBytesForCurrentThread() - start) / Count;
        Assert.Equal(Count, table.Count);
        Assert.InRange(perFlow, 1, FlowTable.BytesPerFlow + TcpTracker.BytesPerSession);
        Assert.InRange((FlowTable.BytesPerFlow + TcpTracker.BytesPerSession) * 1_000_000L, 1, 1L << 30);
    }

    [Fact]
    public void AFloodOfHolesStaysWithinTheMemoryCap()
    {
        const long Cap = 1 << 20;
        EngineSettings settings = new()
        {
            IsInline = true,
            Stream = new StreamSettings { Reassembly = new ReassemblySettings { MemcapBytes = Cap, MemcapPolicy = ExceptionPolicy.DropPacket } },
        };
        TcpBench bench = new(settings);
        bench.Handshake();
        Packet last = bench.Data(1, "x");
        for (int i = 1; i < 30_000; i++)
        {
            last = bench.Data((2 * i) + 1, "x");
            Assert.InRange(bench.Tracker.Reassembler.UsedBytes, 0, Cap);
        }

        Assert.Equal(DropReason.StreamReassembly, last.DropReason);
        Assert.True(bench.Counters[Counter.TcpSegmentMemcapDrop] > 0);
        bench.Table.EndAll(bench);
        Assert.Equal(0, bench.Tracker.Reassembler.UsedBytes);
    }

    private static readonly Silent NoHandler = new();

    private sealed class Silent : IFlowEndHandler
    {
        public void OnFlowEnd(Flow flow, FlowEndReason reason)
        {
        }
    }

    private sealed class Sink : IStreamConsumer
    {
        public int OnData(Flow flow, Packet packet, Direction direction, ReadOnlySpan<byte> data, StreamChunkFlags flags) => data.Length;

        public void OnGap(Flow flow, Packet packet, Direction direction, long bytes)
        {
        }

        public bool TakeRedelivery() => false;
    }
}
