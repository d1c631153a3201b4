using System.Diagnostics;
using System.Globalization;
using BridgeGuard.Fuzz.Targets;

namespace BridgeGuard.Fuzz;

/// <summary><c>fuzz TARGET [--iterations N] [--seed S]</c>; exit code 1 and the input on the first finding.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (!TryParse(arguments, out IFuzzTarget? target, out long iterations, out int seed))
        {
            Console.Error.WriteLine("usage: fuzz TARGET [--iterations N] [--seed S]");
            Console.Error.WriteLine("targets: " + string.Join(' ', FuzzTargets.All.Select(t => t.Name)));
            return 2;
        }

        IReadOnlyList<byte[]> seeds = target!.Seeds();
        Mutator mutator = new(seed);
        Stopwatch watch = Stopwatch.StartNew();
        foreach (byte[] input in seeds)
        {
            if (!Survives(target, input))
            {
                return 1;
            }
        }

        for (long i = 0; i < iterations; i++)
        {
            if (!Survives(target, mutator.Mutate(seeds)))
            {
                Console.Error.WriteLine($"found at iteration {i} with seed {seed}");
                return 1;
            }
        }

        Console.WriteLine($"{target.Name}: {seeds.Count} seeds, {iterations} iterations, {watch.Elapsed.TotalSeconds:F1} s, no finding");
        return 0;
    }

    private static bool Survives(IFuzzTarget target, byte[] input)
    {
        byte[] kept = (byte[])input.Clone();
        try
        {
            target.Run(input);
            return true;
        }
        catch (Exception fault)
        {
            Console.Error.WriteLine(fault);
            Console.Error.WriteLine("input: " + Convert.ToHexString(kept));
            return false;
        }
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
