using System.Diagnostics;
using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Benchmarks.Pipeline;

/// <summary>What benches of rules over captures have in common: a rule file, captures and numbers on the command line; a worker that counts costs and whose events go nowhere.</summary>
internal sealed class RuleBench
{
    /// <summary>Longer than any timeout of a flow: so far lies one pass over the captures behind the one before.</summary>
    public const long PassShiftUs = 3_600_000_000;

    /// <summary>Path of the rules.</summary>
    public string Rules { get; private init; } = "";

    /// <summary>Rules that are commented out are taken too.</summary>
    public bool WithComments { get; private init; }

    public FrameStore Frames { get; } = new();

    /// <summary>The values of the options that were named, in their order.</summary>
    public int[] Numbers { get; private init; } = [];

    /// <summary>Reads <c>RULES CAPTURE.pcap… [OPTION N]… [--commented]</c>; null, with the usage on stderr, when captures are missing or empty.</summary>
    public static RuleBench? Read(string verb, ReadOnlySpan<string> args, params (string Option, int Default)[] options)
    {
        List<string> files = [];
        int[] numbers = [.. options.Select(o => o.Default)];
        bool withComments = false;
        for (int i = 0; i < args.Length; i++)
        {
            string arg = args[i];
            int option = Array.FindIndex(options, o => o.Option == arg);
            if (option >= 0)
            {
                numbers[option] = int.Parse(args[++i], CultureInfo.InvariantCulture);
            }
            else if (arg == "--commented")
            {
                withComments = true;
            }
            else
            {
                files.Add(arg);
            }
        }

        RuleBench bench = new() { Rules = files.FirstOrDefault(""), WithComments = withComments, Numbers = numbers };
        files.Skip(1).ToList().ForEach(bench.Frames.Load);
        if (bench.Frames.Count == 0)
        {
            Console.Error.WriteLine($"usage: {verb} RULES CAPTURE.pcap… {string.Join(' ', options.Select(o => $"[{o.Option} N]"))} [--commented]");
            return null;
        }

        return bench;
    }

    public static PacketWorker Worker(RuleSet rules) => new(new WorkerEnvironment
    {
        Settings = new EngineSettings { ValidateChecksums = false },
        Events = new Nowhere(),
        FlowHash = new FlowHash(1, 2),
        CostClock = Stopwatch.GetTimestamp,
    })
    {
        Program = ProgramOf(rules),
    };

    public static EngineProgram ProgramOf(RuleSet rules) => new(rules, new CompiledPolicy(PolicyModel.Empty, rules.Rules));

    /// <summary>Faults are told; a bench that met one has measured something else.</summary>
    public static bool HadFaults(PacketWorker worker)
    {
        if (worker.Faults > 0)
        {
            Console.WriteLine($"{worker.Faults} faults, the last: {worker.LastFault}");
        }

        return worker.Faults > 0;
    }
}

/// <summary>Takes events and forgets them.</summary>
internal sealed class Nowhere : IEventSink
{
    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
    }
}
