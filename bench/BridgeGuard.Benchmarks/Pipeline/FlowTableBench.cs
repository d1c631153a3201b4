using System.Globalization;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Benchmarks.Pipeline;

/// <summary>Very many TCP flows at once: memory of each, cost of making, finding and ending one, and the longest that any packet had to wait.</summary>
/// <remarks><c>flows [COUNT]</c>. CPU time, of the collector too; the longest is that of 64 packets in a row, and the longest pause of the collector within as many.</remarks>
internal static class FlowTableBench
{
    private const int BatchPackets = 64;

    public static int Run(int count)
    {
        EngineSettings settings = new()
        {
            Flow = new FlowSettings { MemcapBytes = long.MaxValue, MaxFlows = count },
            Stream = new StreamSettings { MemcapBytes = long.MaxValue },
        };
        long before = GC.GetTotalMemory(forceFullCollection: true);
        WorkerCounters counters = new();
        FlowTable table = new(settings, new FlowHash(1, 2), counters);
        TcpTracker tracker = new(settings, table, new NullConsumer(), counters);
        Packet packet = new();
        byte[] buffer = new byte[64];
        Console.WriteLine($"{"step",-10}{"ns/packet",10}{"worst us",12}{"pause us",12}{"collections",12}");
        int[] order = new int[count];
        for (int i = 0; i < count; i++)
        {
            order[i] = i;
        }

        long now = 1_000_000;
        Step("make", order, i => Play(table, tracker, packet, buffer, i, TcpFlags.Syn, ++now));
        long bytes = GC.GetTotalMemory(forceFullCollection: true) - before - (count * 4L);
        new Random(1).Shuffle(order);
        Step("find", order, i => Play(table, tracker, packet, buffer, i, TcpFlags.Ack, ++now));
        Step("find", order, i => Play(table, tracker, packet, buffer, i, TcpFlags.Ack, ++now));

        // All of them were silent for long enough; each packet of a new flow lets time pass a little.
        End end = new(tracker);
        long expiry = now + (settings.Flow.Tcp.New * 1_000_000L);
        Step("expire", order, i => table.Expire(expiry += 100, end, 32));
        Step("make again", order, i => Play(table, tracker, packet, buffer, i + count, TcpFlags.Syn, ++expiry));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} flows, {(double)bytes / count:F0} bytes each with their TCP sessions, {bytes >> 20} MiB; {table.Count} live at the end"));
        return (double)bytes / count <= FlowTable.BytesPerFlow + TcpTracker.BytesPerSession ? 0 : 1;
    }

    private static void Step(string name, int[] order, Action<int> action)
    {
        int collections = GC.CollectionCount(0);
        double longest = 0;
        double longestPause = 0;
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        for (int at = 0; at < order.Length; at += BatchPackets)
        {
            int stop = Math.Min(order.Length, at + BatchPackets);
            TimeSpan start = Environment.CpuUsage.TotalTime;
            TimeSpan paused = GC.GetTotalPauseDuration();
            for (int i = at; i < stop; i++)
            {
                action(order[i]);
            }

            longestPause = Math.Max(longestPause, (GC.GetTotalPauseDuration() - paused).TotalMicroseconds);
            longest = Math.Max(longest, (Environment.CpuUsage.TotalTime - start).TotalMicroseconds);
        }

        double each = (Environment.CpuUsage.TotalTime - cpu).TotalNanoseconds / order.Length;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-10}{each,10:F0}{longest,12:F0}{longestPause,12:F0}{GC.CollectionCount(0) - collections,12}"));
    }

    private static void Play(FlowTable table, TcpTracker tracker, Packet packet, byte[] buffer, int number, TcpFlags flags, long now)
    {
        packet.Reset(buffer, 0, 60, new FrameInfo { TimestampUs = now });
        packet.IpVersion = 4;
        packet.Protocol = IpProtocols.Tcp;
        packet.NetworkOffset = 0;
        packet.TransportOffset = 20;
        packet.TransportHeaderLength = 20;
        packet.SourceAddress = IpAddress.FromV4(0x0a00_0000 + (uint)(number >> 8));
        packet.DestinationAddress = IpAddress.FromV4(0xc0a8_0001);
        packet.SourcePort = (ushort)(1024 + (number & 255));
        packet.DestinationPort = 443;
        packet.Tcp = new TcpHeaderInfo { Flags = flags, Sequence = 1, Window = 60_000, WindowScale = -1 };
        if (table.GetOrCreate(packet) is { } flow)
        {
            table.Touch(flow, packet);
            tracker.Process(packet, flow);
        }
    }

    private sealed class End(TcpTracker tracker) : IFlowEndHandler
    {
        private readonly Packet _pseudo = new();

        public void OnFlowEnd(Flow flow, FlowEndReason reason)
        {
            _pseudo.Reset([], 0, 0, default);
            tracker.Flush(flow, _pseudo);
        }
    }

    private sealed class NullConsumer : IStreamConsumer
    {
        public int OnData(Flow flow, Packet packet, Direction direction, ReadOnlySpan<byte> data, StreamChunkFlags flags) => data.Length;

        public void OnGap(Flow flow, Packet packet, Direction direction, long bytes)
        {
        }

        public bool TakeRedelivery() => false;
    }
}
