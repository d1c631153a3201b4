using System.Globalization;
using System.Text.Json;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Engine.Detection;

namespace BridgeGuard.Cli.Replay;

/// <summary>Prints what rules cost: the dearest first. Costs were taken with <see cref="System.Diagnostics.Stopwatch"/>.</summary>
internal static class RuleCostTable
{
    public const string Heading = "        sid        checks      matches    avg ns    max ns  est. ms  share  message";

    /// <summary>One line of the table; times in nanoseconds.</summary>
    public static string Row(uint sid, long checks, long matches, double average, double most, double estimated, double share, string message) =>
        string.Create(CultureInfo.InvariantCulture, $"{sid,11} {checks,13:N0} {matches,12:N0} {average,9:N0} {most,9:N0} {estimated / 1e6,8:N1} {share,6:P1}  {message}");

    /// <summary>A table for people.</summary>
    public static void Print(TextWriter to, RuleSet rules, ReadOnlySpan<RuleCost> costs, int most)
    {
        double all = 0;
        foreach (ref readonly RuleCost cost in costs)
        {
            all += cost.EstimatedTicks;
        }

        to.WriteLine(Heading);
        foreach (int rule in RuleCostFile.Dearest(costs.ToArray(), most))
        {
            ref readonly RuleCost cost = ref costs[rule];
            RuleInfo info = rules.Rules[rule];
            to.WriteLine(Row(
                info.Sid,
                cost.Checks,
                cost.Matches,
                RuleCostFile.Nanoseconds(cost.AverageTicks),
                RuleCostFile.Nanoseconds(cost.MostTicks),
                RuleCostFile.Nanoseconds(cost.EstimatedTicks),
                cost.EstimatedTicks / Math.Max(1, all),
                info.Message));
        }
    }

    /// <summary>One JSON object per rule.</summary>
    public static void WriteJson(Stream to, RuleSet rules, ReadOnlySpan<RuleCost> costs, int most)
    {
        foreach (int rule in RuleCostFile.Dearest(costs.ToArray(), most))
        {
            using (Utf8JsonWriter json = new(to))
            {
                RuleCostFile.WriteRule(json, rules.Rules[rule], costs[rule]);
            }

            to.WriteByte((byte)'\n');
        }
    }
}
