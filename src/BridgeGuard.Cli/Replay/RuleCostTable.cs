using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using BridgeGuard.Engine.Detection;

namespace BridgeGuard.Cli.Replay;

/// <summary>Prints what rules cost: the dearest first. Costs were taken with <see cref="Stopwatch"/>.</summary>
internal static class RuleCostTable
{
    /// <summary>A table for people.</summary>
    public static void Print(TextWriter to, RuleSet rules, ReadOnlySpan<RuleCost> costs, int most)
    {
        double all = 0;
        foreach (ref readonly RuleCost cost in costs)
        {
            all += cost.EstimatedTicks;
        }

        to.WriteLine("        sid        checks      matches    avg ns    max ns  est. ms  share  message");
        foreach (int rule in Dearest(costs, most))
        {
            ref readonly RuleCost cost = ref costs[rule];
            RuleInfo info = rules.Rules[rule];
            to.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{info.Sid,11} {cost.Checks,13:N0} {cost.Matches,12:N0} {Nanoseconds(cost.AverageTicks),9:N0} {Nanoseconds(cost.MostTicks),9:N0} {Nanoseconds(cost.EstimatedTicks) / 1e6,8:N1} {cost.EstimatedTicks / Math.Max(1, all),6:P1}  {info.Message}"));
        }
    }

    /// <summary>One JSON object per rule.</summary>
    public static void WriteJson(Stream to, RuleSet rules, ReadOnlySpan<RuleCost> costs, int most)
    {
        foreach (int rule in Dearest(costs, most))
        {
            ref readonly RuleCost cost = ref costs[rule];
            RuleInfo info = rules.Rules[rule];
            using (Utf8JsonWriter json = new(to))
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
                json.WriteEndObject();
            }

            to.WriteByte((byte)'\n');
        }
    }

    private static double Nanoseconds(double ticks) => ticks * 1e9 / Stopwatch.Frequency;

    private static List<int> Dearest(ReadOnlySpan<RuleCost> costs, int most)
    {
        List<int> looked = [];
        for (int i = 0; i < costs.Length; i++)
        {
            if (costs[i].Checks > 0)
            {
                looked.Add(i);
            }
        }

        RuleCost[] all = costs.ToArray();
        looked.Sort((left, right) =>
        {
            int byTime = all[right].EstimatedTicks.CompareTo(all[left].EstimatedTicks);
            return byTime != 0 ? byTime : all[right].Checks.CompareTo(all[left].Checks);
        });
        return looked.Count <= most ? looked : looked.GetRange(0, most);
    }
}
