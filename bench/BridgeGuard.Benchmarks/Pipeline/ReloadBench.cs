using System.Globalization;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Timing;

namespace BridgeGuard.Benchmarks.Pipeline;

/// <summary>How long a worker stands still while a large rule set is exchanged beside it.</summary>
/// <remarks>
/// <c>reload RULES CAPTURE.pcap… [--rounds N] [--commented]</c>. A thread plays the capture's packets without pause; beside it the rules are read from the
/// cache of compiled sets and handed to the worker, as the daemon does after its compiler process has ended, or compiled in the same process, as it does for
/// small sets and without a cache. Run it as the data plane process runs: <c>DOTNET_gcConcurrent=1 DOTNET_TieredPGO=1 DOTNET_GCgen0size=4000000</c>.
/// </remarks>
internal static class ReloadBench
{
    /// <summary>Longer than any timeout of a flow.</summary>
    private const long PassShiftUs = 3_600_000_000;

    public static int Run(ReadOnlySpan<string> args)
    {
        List<string> files = [];
        int rounds = 5;
        bool withComments = false;
        for (int i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--rounds":
                    rounds = int.Parse(args[++i], CultureInfo.InvariantCulture);
                    break;
                case "--commented":
                    withComments = true;
                    break;
                default:
                    files.Add(args[i]);
                    break;
            }
        }

        FrameStore frames = new();
        files.Skip(1).ToList().ForEach(frames.Load);
        if (frames.Count == 0)
        {
            Console.Error.WriteLine("usage: reload RULES CAPTURE.pcap… [--rounds N] [--commented]");
            return 2;
        }

        DirectoryInfo folder = Directory.CreateTempSubdirectory("bridgeguard-reload-");
        try
        {
            string rules = Path.Combine(folder.FullName, "bench.rules");
            File.WriteAllText(rules, RuleFileText.Read(files[0], withComments), System.Text.Encoding.Latin1);
            Measure(new RuleLoadOptions { Files = [rules], CacheFolder = Path.Combine(folder.FullName, "cache") }, frames, rounds);
            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Measure(RuleLoadOptions options, FrameStore frames, int rounds)
    {
        using PacketWorker worker = new(new WorkerEnvironment
        {
            Settings = new EngineSettings { ValidateChecksums = false },
            Events = new Nowhere(),
            FlowHash = new FlowHash(1, 2),
            CostClock = System.Diagnostics.Stopwatch.GetTimestamp,
        });
        EngineProgram first = ProgramOf(RuleLoader.Load(options));
        worker.Program = first;
        Console.WriteLine($"{first.Rules.Count} rules, {frames.Count} packets");
        Console.WriteLine($"{"beside",-22}{"packets",10}{"gap ms",9}{"own ms",9}{"collector ms",14}");
        long played = 0;
        void Packet(long number)
        {
            int index = (int)(played % frames.Count);
            FrameInfo info = frames.Info(index, played / frames.Count * PassShiftUs);
            worker.Process(frames.Buffer, frames.Offset(index), frames.Length(index), in info);
            played++;
        }

        // What a compile inside leaves behind is collected for a while: it comes last.
        for (int round = 0; round < rounds; round++)
        {
            Show("nothing", PauseProbe.Measure(Packet, frames.Count, () => Thread.Sleep(2000)));
            Show("from the cache", PauseProbe.Measure(Packet, frames.Count, () => worker.Program = ProgramOf(RuleLoader.TryLoadCached(options, out string problem) ?? throw new InvalidOperationException(problem))));
        }

        for (int round = 0; round < rounds; round++)
        {
            Show("compiled inside", PauseProbe.Measure(Packet, frames.Count, () => worker.Program = ProgramOf(RuleLoader.Load(new RuleLoadOptions { Files = options.Files }))));
        }

        if (worker.Faults > 0)
        {
            Console.WriteLine($"{worker.Faults} faults, the last: {worker.LastFault}");
        }
    }

    private static EngineProgram ProgramOf(RuleLoadResult loaded) => new(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules));

    private static void Show(string what, Pauses pauses) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{what,-22}{pauses.Packets,10}{pauses.Gap.TotalMilliseconds,9:F1}{pauses.Own.TotalMilliseconds,9:F2}{pauses.Collector.TotalMilliseconds,14:F1}"));

    private sealed class Nowhere : IEventSink
    {
        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
        }
    }
}
