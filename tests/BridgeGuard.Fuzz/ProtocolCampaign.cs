using System.Collections.Concurrent;
using System.Diagnostics;
using BridgeGuard.Fuzz.Targets;

namespace BridgeGuard.Fuzz;

/// <summary>Mutated input through every target but those of whole packets: the protocols, and what reads a message of its own, each for the same share of the time.</summary>
/// <remarks>A target is run by one thread with a mutator of its own, so a finding can be repeated with the target's name, its iteration and the seed.</remarks>
internal sealed class ProtocolCampaign(TimeSpan time, int workers, int seed)
{
    private readonly ConcurrentQueue<IFuzzTarget> _waiting = new(FuzzTargets.All.Where(t => t is not IPacketTarget));
    private readonly object _gate = new();
    private volatile string? _finding;

    /// <summary>What was found, or null. Writes one line for each target to standard output.</summary>
    public string? Run()
    {
        TimeSpan share = time * workers / Math.Max(1, _waiting.Count);
        Guard[] guards = new Guard[workers];
        Thread[] threads = new Thread[workers];
        for (int i = 0; i < workers; i++)
        {
            Guard guard = guards[i] = new Guard();
            // Background: a parser that never returns must not keep the program from saying so.
            threads[i] = new Thread(() => Work(guard, share)) { IsBackground = true };
            threads[i].Start();
        }

        foreach (Thread thread in threads)
        {
            while (_finding is null && !thread.Join(TimeSpan.FromMilliseconds(200)))
            {
                Array.ForEach(guards, guard => Report(guard.Stalled()));
            }
        }

        return _finding;
    }

    private void Work(Guard guard, TimeSpan share)
    {
        while (_finding is null && _waiting.TryDequeue(out IFuzzTarget? target))
        {
            IReadOnlyList<byte[]> seeds = target.Seeds();
            Mutator mutator = new(seed, anywhere: true);
            Stopwatch watch = Stopwatch.StartNew();
            long iterations = 0;
            while (_finding is null && watch.Elapsed < share)
            {
                Report(guard.Run(target, mutator.Mutate(seeds)) is { } fault ? $"iteration {iterations}, seed {seed}, {fault}" : null);
                iterations++;
            }

            Console.WriteLine($"{target.Name}: {seeds.Count} seeds, {iterations} iterations, {watch.Elapsed.TotalSeconds:F1} s");
        }
    }

    private void Report(string? finding)
    {
        lock (_gate)
        {
            _finding ??= finding;
        }
    }
}
