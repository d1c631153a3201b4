using System.Globalization;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Benchmarks.Pipeline;

/// <summary>The packet path from memory, stage by stage: what one core does once everything is warm.</summary>
/// <remarks>
/// <c>pipeline CAPTURE.pcap… [--mode decode|flow|track|app|eve]… [--seconds N] [--allocations]</c>. Frames are loaded first; each pass plays them an hour later, so
/// that flows end by timeout as on a wire. Time is CPU time of the process, the least of all passes; bytes are those allocated in the last pass.
/// Exit code 1 when there is no pass in which the modes up to <c>track</c> allocate nothing: pools grow in the first ones, and where flows of a pass meet
/// others than before an object of a pool may grow later, so it is not asked of each.
/// </remarks>
internal static class PipelineBench
{
    private static readonly string[] AllModes = ["decode", "flow", "track", "app", "eve"];

    /// <summary>Longer than any timeout of a flow.</summary>
    private const long PassShiftUs = 3_600_000_000;

    public static int Run(ReadOnlySpan<string> args)
    {
        List<string> captures = [];
        List<string> modes = [];
        double seconds = 3;
        bool sampled = false;
        for (int i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--mode":
                    modes.Add(args[++i]);
                    break;
                case "--seconds":
                    seconds = double.Parse(args[++i], CultureInfo.InvariantCulture);
                    break;
                case "--allocations":
                    sampled = true;
                    break;
                default:
                    captures.Add(args[i]);
                    break;
            }
        }

        FrameStore frames = new();
        captures.ForEach(frames.Load);
        if (frames.Count == 0)
        {
            Console.Error.WriteLine("usage: pipeline CAPTURE.pcap… [--mode decode|flow|track|app|eve]… [--seconds N]");
            return 2;
        }

        Console.WriteLine($"{frames.Count} packets, {frames.Bytes / frames.Count} bytes each");
        Console.WriteLine($"{"mode",-8}{"ns/packet",10}{"Mpps",8}{"Gbit/s",8}{"B/packet",10}{"passes",8}");
        bool clean = true;
        foreach (string mode in modes.Count == 0 ? AllModes : [.. modes])
        {
            clean &= Measure(mode, frames, seconds);
            if (sampled)
            {
                ShowAllocations(mode, frames);
            }
        }

        return clean ? 0 : 1;
    }

    private static bool Measure(string mode, FrameStore frames, double seconds)
    {
        using IPass pass = mode switch
        {
            "decode" => new DecodePass(frames, withFlows: false),
            "flow" => new DecodePass(frames, withFlows: true),
            _ => new WorkerPass(frames, SettingsFor(mode)),
        };
        double least = double.MaxValue;
        long allocated = 0;
        long leastAllocated = long.MaxValue;
        int passes = 0;
        TimeSpan until = Environment.CpuUsage.TotalTime + TimeSpan.FromSeconds(seconds);
        while (passes < 5 || Environment.CpuUsage.TotalTime < until)
        {
            long bytes = GC.GetAllocatedBytesForCurrentThread();
            TimeSpan start = Environment.CpuUsage.TotalTime;
            pass.Run(passes * PassShiftUs);
            least = Math.Min(least, (Environment.CpuUsage.TotalTime - start).TotalNanoseconds);
            allocated = GC.GetAllocatedBytesForCurrentThread() - bytes;
            leastAllocated = Math.Min(leastAllocated, allocated);
            passes++;
        }

        double each = least / frames.Count;
        double perPacket = allocated / (double)frames.Count;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{mode,-8}{each,10:F1}{1000 / each,8:F2}{frames.Bytes * 8 / least,8:F2}{perPacket,10:F3}{passes,8}"));
        return leastAllocated == 0 || mode is "app" or "eve";
    }

    private static void ShowAllocations(string mode, FrameStore frames)
    {
        using IPass pass = new WorkerPass(frames, SettingsFor(mode));
        const int WarmPasses = 12;
        for (int i = 0; i < WarmPasses; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            pass.Run(i * PassShiftUs);
            Console.Write($" {GC.GetAllocatedBytesForCurrentThread() - before}");
        }

        Console.WriteLine(" bytes in warm passes");
        using AllocationSampler sampler = new();
        for (int i = WarmPasses; i < WarmPasses + 4; i++)
        {
            pass.Run(i * PassShiftUs);
        }

        foreach ((string type, int samples) in sampler.Types)
        {
            Console.WriteLine($"  {samples,6} {type}");
        }
    }

    private static EngineSettings SettingsFor(string mode) => new()
    {
        ValidateChecksums = false,
        DetectionEnabled = false,
        Stream = new StreamSettings { Reassembly = new ReassemblySettings { Raw = false } },
        AppLayer = mode == "track" ? WithoutProtocols() : new AppLayerSettings(),
        Eve = mode == "eve" ? WithAllRecords() : new EveSettings(),
    };

    private static AppLayerSettings WithoutProtocols() => new()
    {
        Protocols = ProtocolCatalog.All.ToArray().Select(protocol => protocol.ConfigurationName).Distinct().ToDictionary(
            name => name, _ => new ProtocolSettings(new Dictionary<string, string> { ["enabled"] = "no" })),
    };

    private static EveSettings WithAllRecords()
    {
        List<EveTypeSettings> types = [new("flow", ProtocolSettings.Empty), new("files", ProtocolSettings.Empty), new("anomaly", ProtocolSettings.Empty)];
        types.AddRange(ProtocolCatalog.All.ToArray().SelectMany(protocol => protocol.Loggers).Select(logger => logger.EventType).Distinct()
            .Select(type => new EveTypeSettings(type, ProtocolSettings.Empty)));
        return new EveSettings { Types = [.. types] };
    }

    private interface IPass : IDisposable
    {
        void Run(long shiftUs);
    }

    private sealed class DecodePass(FrameStore frames, bool withFlows) : IPass, IFlowEndHandler
    {
        private readonly PacketDecoder _decoder = new(new DecoderSettings());
        private readonly FlowTable _table = new(new EngineSettings(), new FlowHash(1, 2), new WorkerCounters());
        private readonly Packet _packet = new();
        private readonly PacketQueue _inner = new();

        public void Run(long shiftUs)
        {
            for (int i = 0; i < frames.Count; i++)
            {
                FrameInfo info = frames.Info(i, shiftUs);
                if (withFlows)
                {
                    _table.Expire(info.TimestampUs, this);
                }

                _packet.Reset(frames.Buffer, frames.Offset(i), frames.Length(i), in info);
                _decoder.Decode(_packet, _inner);
                if (withFlows && !_packet.Has(PacketFlags.Invalid | PacketFlags.BadTransport | PacketFlags.Fragment) && _table.GetOrCreate(_packet) is { } flow)
                {
                    _table.Touch(flow, _packet);
                }
            }
        }

        public void OnFlowEnd(Flow flow, FlowEndReason reason)
        {
        }

        public void Dispose()
        {
        }
    }

    private sealed class WorkerPass(FrameStore frames, EngineSettings settings) : IPass
    {
        private readonly PacketWorker _worker = new(new WorkerEnvironment { Settings = settings, Events = new NullSink(), FlowHash = new FlowHash(1, 2) });

        public void Run(long shiftUs)
        {
            for (int i = 0; i < frames.Count; i++)
            {
                FrameInfo info = frames.Info(i, shiftUs);
                _worker.Process(frames.Buffer, frames.Offset(i), frames.Length(i), in info);
            }
        }

        public void Dispose()
        {
            if (_worker.Faults > 0)
            {
                Console.WriteLine($"{_worker.Faults} faults, the last: {_worker.LastFault}");
            }

            _worker.Dispose();
        }
    }

    private sealed class NullSink : IEventSink
    {
        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
        }
    }
}
