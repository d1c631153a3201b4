using System.Diagnostics;
using BridgeGuard.Fuzz.Targets;

namespace BridgeGuard.Fuzz;

/// <summary>Mutated packets through all targets of the packet path, on several threads, up to a number of packets.</summary>
/// <remarks>Each thread has targets and a mutator of its own, seeded by its number, so a finding can be repeated with the same arguments.</remarks>
internal sealed class PacketCampaign(long packets, int workers, int seed)
{
    private const int BatchInputs = 256;

    private readonly object _gate = new();
    private string? _finding;

    /// <summary>What was found, or null; then <see cref="Summary"/> says what was done.</summary>
    public string? Run()
    {
        Stopwatch watch = Stopwatch.StartNew();
        long[] fed = new long[workers];
        Thread[] threads = new Thread[workers];
        for (int i = 0; i < workers; i++)
        {
            int number = i;
            threads[i] = new Thread(() => fed[number] = Work(number, packets / workers));
            threads[i].Start();
        }

        Array.ForEach(threads, thread => thread.Join());
        Summary = $"packets: {fed.Sum()} mutated packets, {workers} threads, {watch.Elapsed.TotalSeconds:F1} s";
        return _finding;
    }

    public string Summary { get; private set; } = "";

    /// <summary>The targets in use, the cheap ones more often: a turn feeds each about the same number of packets.</summary>
    private static IPacketTarget[] CreateTargets() => [new DecoderTarget(), new DefragmenterTarget(), new ReassemblerTarget(), new WorkerTarget()];

    private long Work(int number, long goal)
    {
        using LastInput last = new(number);
        IPacketTarget[] targets = CreateTargets();
        IReadOnlyList<byte[]>[] seeds = [.. targets.Select(target => target.Seeds())];
        Mutator mutator = new((seed * 1000) + number);
        while (Volatile.Read(ref _finding) is null)
        {
            long sum = 0;
            int least = 0;
            for (int i = 0; i < targets.Length; i++)
            {
                sum += targets[i].Packets;
                least = targets[i].Packets < targets[least].Packets ? i : least;
            }

            if (sum >= goal)
            {
                return sum;
            }

            for (int i = 0; i < BatchInputs && _finding is null; i++)
            {
                Feed(targets[least], mutator.Mutate(seeds[least]), number, last);
            }
        }

        return targets.Sum(target => target.Packets);
    }

    private void Feed(IPacketTarget target, byte[] input, int number, LastInput last)
    {
        last.Note(target.Name, input);
        byte[] kept = (byte[])input.Clone();
        try
        {
            target.Run(input);
        }
        catch (Exception fault)
        {
            lock (_gate)
            {
                _finding ??= $"{target.Name}, thread {number}, seed {seed}: {fault}\ninput: {Convert.ToHexString(kept)}";
            }
        }
    }
}
