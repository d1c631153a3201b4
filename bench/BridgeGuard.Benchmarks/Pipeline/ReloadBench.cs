using System.Globalization;
using BridgeGuard.Engine.Detection;
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
    public static int Run(ReadOnlySpan<string> args)
    {
        if (RuleBench.Read("reload", args, ("--rounds", 5)) is not { } bench)
        {
            return 2;
        }

        DirectoryInfo folder = Directory.CreateTempSubdirectory("bridgeguard-reload-");
        try
        {
            string rules = Path.Combine(folder.FullName, "bench.rules");
            File.WriteAllText(rules, RuleFileText.Read(bench.Rules, bench.WithComments), System.Text.Encoding.Latin1);
            Measure(new RuleLoadOptions { Files = [rules], CacheFolder = Path.Combine(folder.FullName, "cache") }, bench.Frames, bench.Numbers[0]);
            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Measure(RuleLoadOptions options, FrameStore frames, int rounds)
    {
        RuleSet rules = RuleLoader.Load(options).Rules;
        using PacketWorker worker = RuleBench.Worker(rules);
        Console.WriteLine($"{rules.Count} rules, {frames.Count} packets");
        Console.WriteLine($"{"beside",-22}{"packets",10}{"gap ms",9}{"own ms",9}{"collector ms",14}");
        long played = 0;
        void Packet(long number)
        {
            int index = (int)(played % frames.Count);
            FrameInfo info = frames.Info(index, played / frames.Count * RuleBench.PassShiftUs);
            worker.Process(frames.Buffer, frames.Offset(index), frames.Length(index), in info);
            played++;
        }

        // What a compile inside leaves behind is collected for a while: it comes last.
        for (int round = 0; round < rounds; round++)
        {
            Show("nothing", PauseProbe.Measure(Packet, frames.Count, () => Thread.Sleep(2000)));
            Show("from the cache", PauseProbe.Measure(Packet, frames.Count, () => worker.Program = RuleBench.ProgramOf((RuleLoader.TryLoadCached(options, out string problem) ?? throw new InvalidOperationException(problem)).Rules)));
        }

        for (int round = 0; round < rounds; round++)
        {
            Show("compiled inside", PauseProbe.Measure(Packet, frames.Count, () => worker.Program = RuleBench.ProgramOf(RuleLoader.Load(new RuleLoadOptions { Files = options.Files }).Rules)));
        }

        RuleBench.HadFaults(worker);
    }

    private static void Show(string what, Pauses pauses) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{what,-22}{pauses.Packets,10}{pauses.Gap.TotalMilliseconds,9:F1}{pauses.Own.TotalMilliseconds,9:F2}{pauses.Collector.TotalMilliseconds,14:F1}"));
}
