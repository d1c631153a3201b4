using System.Diagnostics;
using System.Globalization;
using BridgeGuard.Fuzz.Targets;

namespace BridgeGuard.Fuzz;

/// <summary>
/// <c>fuzz TARGET [--iterations N] [--seed S]</c>, or <c>fuzz packets [--packets N] [--workers W] [--seed S]</c> for all of the packet path at once, or
/// <c>fuzz protocols [--seconds N] [--workers W] [--seed S]</c> for all protocols; <c>fuzz captures FOLDER</c> writes their samples as captures; exit code 1 and the input on the first finding.
/// </summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments is ["packets", ..])
        {
            return RunGuarded(arguments.AsSpan(1));
        }

        if (arguments is ["packets-here", ..])
        {
            return RunCampaign(arguments.AsSpan(1));
        }

        if (arguments is ["read-too-far"])
        {
            return GuardedBuffer.ReadTooFar();
        }

        if (arguments is ["captures", var folder])
        {
            SampleCaptures.Write(folder);
            return 0;
        }

        if (arguments is ["protocols", ..])
        {
            return RunProtocols(arguments.AsSpan(1));
        }

        if (!TryParse(arguments, out IFuzzTarget? target, out long iterations, out int seed))
        {
            Console.Error.WriteLine("usage: fuzz TARGET [--iterations N] [--seed S]");
            Console.Error.WriteLine("       fuzz packets [--packets N] [--workers W] [--seed S]");
            Console.Error.WriteLine("       fuzz protocols [--seconds N] [--workers W] [--seed S]");
            Console.Error.WriteLine("       fuzz captures FOLDER");
            Console.Error.WriteLine("targets: " + string.Join(' ', FuzzTargets.All.Select(t => t.Name)));
            return 2;
        }

        IReadOnlyList<byte[]> seeds = target!.Seeds();
        Mutator mutator = new(seed, anywhere: target is ProtocolTarget);
        Guard guard = new();
        Stopwatch watch = Stopwatch.StartNew();
        foreach (byte[] input in seeds)
        {
            if (!Survives(guard, target, input))
            {
                return 1;
            }
        }

        for (long i = 0; i < iterations; i++)
        {
            if (!Survives(guard, target, mutator.Mutate(seeds)))
            {
                Console.Error.WriteLine($"found at iteration {i} with seed {seed}");
                return 1;
            }
        }

        Console.WriteLine($"{target.Name}: {seeds.Count} seeds, {iterations} iterations, {watch.Elapsed.TotalSeconds:F1} s, no finding");
        return 0;
    }

    /// <summary>The campaign in a child: who touches the guard page dies, and what it was at is told by its parent.</summary>
    private static int RunGuarded(ReadOnlySpan<string> arguments)
    {
        if (Child(["read-too-far"], out _) is 0 or 1)
        {
            Console.Error.WriteLine("the guard page does not guard");
            return 1;
        }

        int code = Child(["packets-here", .. arguments], out int processId);
        if (LastInput.Describe(processId, Environment.ProcessorCount) is { } input)
        {
            Console.Error.WriteLine($"exit code {code}\n{input}");
        }

        return code;
    }

    private static int Child(string[] arguments, out int processId)
    {
        using Process child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, arguments) { RedirectStandardError = arguments is ["read-too-far"] })!;
        processId = child.Id;
        if (child.StartInfo.RedirectStandardError)
        {
            child.StandardError.ReadToEnd();
        }

        child.WaitForExit();
        return child.ExitCode;
    }

    private static int RunCampaign(ReadOnlySpan<string> arguments)
    {
        long packets = 1_000_000;
        int workers = Environment.ProcessorCount;
        int seed = 1;
        for (int i = 0; i + 1 < arguments.Length; i += 2)
        {
            long value = long.Parse(arguments[i + 1], CultureInfo.InvariantCulture);
            switch (arguments[i])
            {
                case "--packets":
                    packets = value;
                    break;
                case "--workers":
                    workers = (int)value;
                    break;
                case "--seed":
                    seed = (int)value;
                    break;
            }
        }

        PacketCampaign campaign = new(packets, workers, seed);
        string? finding = campaign.Run();
        Console.WriteLine(finding is null ? campaign.Summary + ", no finding" : campaign.Summary);
        if (finding is not null)
        {
            Console.Error.WriteLine(finding);
        }

        return finding is null ? 0 : 1;
    }

    private static int RunProtocols(ReadOnlySpan<string> arguments)
    {
        long seconds = 60;
        int workers = Environment.ProcessorCount;
        int seed = 1;
        for (int i = 0; i < arguments.Length; i += 2)
        {
            long value = 0;
            bool isNumber = i + 1 < arguments.Length && long.TryParse(arguments[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out value);
            switch (arguments[i])
            {
                case "--seconds" when isNumber && value > 0:
                    seconds = value;
                    break;
                case "--workers" when isNumber && value > 0:
                    workers = (int)value;
                    break;
                case "--seed" when isNumber:
                    seed = (int)value;
                    break;
                default:
                    Console.Error.WriteLine("usage: fuzz protocols [--seconds N] [--workers W] [--seed S]");
                    return 2;
            }
        }

        string? finding = new ProtocolCampaign(TimeSpan.FromSeconds(seconds), workers, seed).Run();
        if (finding is null)
        {
            Console.WriteLine("no finding");
            return 0;
        }

        Console.Error.WriteLine(finding);
        return 1;
    }

    private static bool Survives(Guard guard, IFuzzTarget target, byte[] input)
    {
        string? finding = guard.Run(target, input);
        if (finding is not null)
        {
            Console.Error.WriteLine(finding);
        }

        return finding is null;
    }

    private static bool TryParse(string[] arguments, out IFuzzTarget? target, out long iterations, out int seed)
    {
        target = arguments.Length == 0 ? null : FuzzTargets.All.FirstOrDefault(t => t.Name == arguments[0]);
        iterations = 1_000_000;
        seed = 1;
        for (int i = 1; i < arguments.Length; i += 2)
        {
            if (i + 1 == arguments.Length || !long.TryParse(arguments[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out long value))
            {
                return false;
            }

            switch (arguments[i])
            {
                case "--iterations":
                    iterations = value;
                    break;
                case "--seed":
                    seed = (int)value;
                    break;
                default:
                    return false;
            }
        }

        return target is not null;
    }
}
