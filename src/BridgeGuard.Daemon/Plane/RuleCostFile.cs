using System.Diagnostics;
using System.Text.Json;
using BridgeGuard.Engine.Detection;

namespace BridgeGuard.Daemon.Plane;

/// <summary>What rules cost in the running data plane, in a file of the run folder that <c>bridgeguard rules profile</c> reads.</summary>
/// <remarks>
/// Shape: one JSON object: <c>since</c> and <c>taken_at</c> (seconds), <c>workers</c>, <c>rules</c>, an object per rule that was looked at, the dearest first.
/// Counts begin anew with each set of rules. Thread: one writer; workers go on counting meanwhile, so that numbers may be a look apart.
/// </remarks>
public static class RuleCostFile
{
    /// <summary>The file's name in the run folder.</summary>
    public const string Name = "rule-costs.json";

    /// <summary>Between two writings; hundreds of lines into memory.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    /// <summary>Rules listed, the dearest: the rest costs nothing that anybody would look for.</summary>
    public const int MostRules = 2000;

    /// <summary>Adds up what workers counted for the set they all have; null when there is none yet.</summary>
    public static (RuleSet Rules, RuleCost[] Costs)? Sum(IEnumerable<RuleCosts?> workers)
    {
        RuleSet? rules = null;
        RuleCost[] sum = [];
        foreach (RuleCosts? worker in workers)
        {
            if (worker is null || worker.Rules.Count == 0 || worker.Costs.Length != worker.Rules.Count)
            {
                continue;
            }

            if (rules is null)
            {
                rules = worker.Rules;
                sum = new RuleCost[rules.Count];
            }

            if (!ReferenceEquals(rules, worker.Rules))
            {
                continue; // It has not seen a packet since the reload.
            }

            ReadOnlySpan<RuleCost> costs = worker.Costs;
            for (int i = 0; i < Math.Min(sum.Length, costs.Length); i++)
            {
                sum[i].Add(costs[i]);
            }
        }

        return rules is null ? null : (rules, sum);
    }

    /// <summary>Writes the file, whole or not at all; I/O errors leave the one before.</summary>
    public static void Write(string folder, RuleSet rules, RuleCost[] costs, DateTimeOffset since, int workers)
    {
        string path = Path.Combine(folder, Name);
        try
        {
            using (FileStream file = File.Create(path + ".new"))
            {
                Write(file, rules, costs, since, workers);
            }

            File.Move(path + ".new", path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Counting goes on; the reader sees by the time in the file how old it is.
        }
    }

    /// <summary>Rules that were looked at, the dearest first.</summary>
    public static int[] Dearest(RuleCost[] costs, int most)
    {
        int[] looked = [.. Enumerable.Range(0, costs.Length).Where(rule => costs[rule].Checks > 0)];
        Array.Sort(looked, (left, right) =>
        {
            int byTime = costs[right].EstimatedTicks.CompareTo(costs[left].EstimatedTicks);
            return byTime != 0 ? byTime : costs[right].Checks.CompareTo(costs[left].Checks);
        });
        return looked.Length <= most ? looked : looked[..most];
    }

    /// <summary>One rule as JSON; times in nanoseconds.</summary>
    public static void WriteRule(Utf8JsonWriter json, RuleInfo info, in RuleCost cost)
    {
        json.WriteStartObject();
        json.WriteNumber("gid", info.Gid);
        json.WriteNumber("signature_id", info.Sid);
        json.WriteNumber("rev", info.Rev);
        json.WriteNumber("checks", cost.Checks);
        json.WriteNumber("matches", cost.Matches);
        json.WriteNumber("samples", cost.Samples);
        json.WriteNumber("ns_average", Math.Round(Nanoseconds(cost.AverageTicks)));
        json.WriteNumber("ns_max", Math.Round(Nanoseconds(cost.MostTicks)));
        json.WriteNumber("ns_estimated", Math.Round(Nanoseconds(cost.EstimatedTicks)));
        json.WriteString("signature", info.Message);
        json.WriteEndObject();
    }

    /// <summary>Ticks of <see cref="Stopwatch"/>, the clock that costs are taken with.</summary>
    public static double Nanoseconds(double ticks) => ticks * 1e9 / Stopwatch.Frequency;

    private static void Write(Stream to, RuleSet rules, RuleCost[] costs, DateTimeOffset since, int workers)
    {
        using Utf8JsonWriter json = new(to);
        json.WriteStartObject();
        json.WriteNumber("since", since.ToUnixTimeSeconds());
        json.WriteNumber("taken_at", DateTimeOffset.UtcNow.ToUnixTimeSeconds());
        json.WriteNumber("workers", workers);
        json.WriteStartArray("rules");
        foreach (int rule in Dearest(costs, MostRules))
        {
            WriteRule(json, rules.Rules[rule], costs[rule]);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
