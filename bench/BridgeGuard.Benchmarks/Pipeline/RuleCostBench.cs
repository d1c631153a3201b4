using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Timing;

namespace BridgeGuard.Benchmarks.Pipeline;

/// <summary>What counting the rules' costs costs: one worker, one rule set, the same packets, counting switched on and off every few thousand packets.</summary>
/// <remarks>
/// <c>costs RULES CAPTURE.pcap… [--pairs N] [--slice-ms N] [--commented]</c>. The capture is cut into slices; each is played once with and once without in two
/// passes that follow each other (on-off-off-on, so that a drift of the machine hits both), and the two CPU times of the thread make one pair. Nothing else
/// differs: not the process, nor the memory that anything lies in. Events go nowhere and records are off, so that packets are as cheap, and the share of
/// counting as large, as it can be. Exit code 1 when the interval's upper end is above <see cref="MostPercent"/>.
/// </remarks>
internal static class RuleCostBench
{
    /// <summary>Issue 4: profiling can stay on in production at under 2 %.</summary>
    private const double MostPercent = 2;

    private const int WarmPasses = 4;

    public static int Run(ReadOnlySpan<string> args)
    {
        if (RuleBench.Read("costs", args, ("--pairs", 1000), ("--slice-ms", 100)) is not { } bench)
        {
            return 2;
        }

        RuleSet rules = RuleLoader.Load(new RuleLoadOptions { Texts = [(bench.Rules, RuleFileText.Read(bench.Rules, bench.WithComments))] }).Rules;
        Console.WriteLine($"{rules.Count} rules, {bench.Frames.Count} packets, {bench.Frames.Bytes / bench.Frames.Count} bytes each");
        return Measure(rules, bench.Frames, bench.Numbers[0], bench.Numbers[1] * 1_000_000L);
    }

    private static int Measure(RuleSet rules, FrameStore frames, int pairs, long sliceNs)
    {
        using PacketWorker worker = RuleBench.Worker(rules);
        RuleCosts counting = worker.RuleCosts!;
        long shift = 0;
        long warm = 0;
        for (int pass = 0; pass < WarmPasses; pass++)
        {
            warm = Play(worker, frames, 0, frames.Count, shift += RuleBench.PassShiftUs);
        }

        int slices = (int)Math.Max(1, (warm + (sliceNs / 2)) / sliceNs);
        var on = new double[pairs];
        var off = new double[pairs];
        int done = 0;
        for (int round = 0; done < pairs; round++)
        {
            var first = new long[slices];
            for (int half = 0; half < 2; half++)
            {
                shift += RuleBench.PassShiftUs;
                for (int slice = 0; slice < slices; slice++)
                {
                    // Which of the two comes first changes from slice to slice and from round to round.
                    bool counts = ((slice + round + half) & 1) == 0;
                    worker.RuleCosts = counts ? counting : null;
                    long taken = Play(worker, frames, (int)((long)frames.Count * slice / slices), (int)((long)frames.Count * (slice + 1) / slices), shift);
                    if (half == 0)
                    {
                        first[slice] = taken;
                    }
                    else if (done < pairs)
                    {
                        (on[done], off[done]) = counts ? (taken, first[slice]) : (first[slice], taken);
                        done++;
                    }
                }
            }
        }

        return Report(worker, counting, frames, on, off, slices);
    }

    private static int Report(PacketWorker worker, RuleCosts counting, FrameStore frames, double[] on, double[] off, int slices)
    {
        int n = on.Length;
        double mean = off.Average();
        double[] shares = [.. Enumerable.Range(0, n).Select(i => 100 * (on[i] - off[i]) / mean)];
        (double all, double allError) = MeanOf(shares);

        // A slice that another program disturbed is one of the far ones, on either side alike: without the outer tenths.
        Array.Sort(shares);
        (double middle, double middleError) = MeanOf(shares[(n / 10)..(n - (n / 10))]);
        long checks = 0;
        long samples = 0;
        foreach (ref readonly RuleCost cost in counting.Costs)
        {
            checks += cost.Checks;
            samples += cost.Samples;
        }

        double perPacket = mean * slices / frames.Count;
        double counted = (WarmPasses + ((double)n / slices)) * frames.Count;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{n} pairs of slices of {mean / 1e6:F1} ms ({slices} in a pass); {perPacket:F0} ns a packet; {checks / counted:F2} looks a packet, one in {checks / (double)Math.Max(1, samples):F0} timed"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"counting costs {all:+0.00;-0.00} % ± {allError:F2} (95 %); without the outer tenths {middle:+0.00;-0.00} % ± {middleError:F2}; median {shares[n / 2]:+0.00;-0.00} %"));
        return !RuleBench.HadFaults(worker) && all + allError < MostPercent ? 0 : 1;
    }

    private static (double Mean, double Interval) MeanOf(double[] values)
    {
        double mean = values.Average();
        double variance = values.Sum(value => (value - mean) * (value - mean)) / Math.Max(1, values.Length - 1);
        return (mean, 1.96 * Math.Sqrt(variance / values.Length));
    }

    private static long Play(PacketWorker worker, FrameStore frames, int from, int until, long shiftUs)
    {
        long start = ThreadClock.Nanoseconds;
        for (int i = from; i < until; i++)
        {
            FrameInfo info = frames.Info(i, shiftUs);
            worker.Process(frames.Buffer, frames.Offset(i), frames.Length(i), in info);
        }

        return ThreadClock.Nanoseconds - start;
    }
}
