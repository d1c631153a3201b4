using System.Globalization;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Engine.Events;

namespace BridgeGuard.Cli.Replay;

/// <summary>Counters as a table of text (<c>stats.log</c>): those that are not zero, unless asked otherwise.</summary>
internal static class StatsTable
{
    private const int NameWidth = 45;
    private const int KindWidth = 25;
    private const string Rule = "------------------------------------------------------------------------------------";

    public static void Write(OutputSettings.FileSettings target, StatsTree tree, in StatsSnapshot snapshot)
    {
        DateTimeOffset now = DateTimeOffset.FromUnixTimeMilliseconds(snapshot.TimeUs / 1000);
        TimeSpan uptime = TimeSpan.FromSeconds(snapshot.UptimeSeconds);
        ConfigNode options = target.Node;
        using StreamWriter writer = new(target.Path, target.Append);
        writer.WriteLine(Rule);
        writer.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Date: {now:M/d/yyyy} -- {now:HH:mm:ss} (uptime: {uptime.Days}d, {uptime.Hours:00}h {uptime.Minutes:00}m {uptime.Seconds:00}s)"));
        writer.WriteLine(Rule);
        writer.WriteLine($"{"Counter",-NameWidth} | {"TM Name",-KindWidth} | Value");
        writer.WriteLine(Rule);
        WriteRows(writer, tree, "", options.GetBool("null-values", false), snapshot);
    }

    private static void WriteRows(StreamWriter writer, StatsTree node, string prefix, bool withZeros, in StatsSnapshot snapshot)
    {
        foreach (StatsTree child in node.Children)
        {
            string name = prefix.Length == 0 ? child.Name : $"{prefix}.{child.Name}";
            if (child.Index < 0)
            {
                WriteRows(writer, child, name, withZeros, in snapshot);
                continue;
            }

            long total = child.Total(snapshot.Workers);
            if (total != 0 || withZeros)
            {
                writer.WriteLine($"{name,-NameWidth} | {"Total",-KindWidth} | {total.ToString(CultureInfo.InvariantCulture)}");
            }
        }
    }
}
