using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Events;

// The stats record: counters as nested objects.
public sealed partial class EventEmitter
{
    private StatsTree? _statsTree;
    private long[]? _lastTotals;

    private void WriteStats(EveOutput output, StatsOptions options, in StatsSnapshot snapshot)
    {
        _statsTree ??= StatsTree.Build(_settings);
        _writer.Begin();
        _writer.Timestamp("timestamp"u8, snapshot.TimeUs);
        _writer.Text("event_type"u8, "stats"u8);
        if (output.Settings.HostName is { } host)
        {
            _writer.Text("host"u8, host);
        }

        _writer.StartObject("stats"u8);
        _writer.Number("uptime"u8, snapshot.UptimeSeconds);
        if (options.Totals)
        {
            WriteStatsChildren(_statsTree, options, in snapshot);
        }

        if (options.Threads)
        {
            WriteThreads(_statsTree, options, in snapshot);
        }

        if (options.Totals && snapshot.Coverage is { Count: > 0 } coverage)
        {
            WriteCoverage(coverage);
        }

        _writer.EndObject();
        if (options.Deltas)
        {
            RememberTotals(_statsTree, snapshot.Workers);
        }
    }

    private void WriteCoverage(IReadOnlyList<PortCoverage> coverage)
    {
        _writer.StartArray("coverage"u8);
        for (int i = 0; i < coverage.Count; i++)
        {
            PortCoverage port = coverage[i];
            _writer.StartObject();
            _writer.Text("port"u8, port.Port);
            _writer.Text("bridge"u8, port.Bridge);
            if (port.Guest.Length > 0)
            {
                _writer.Text("vm"u8, port.Guest);
            }

            _writer.Number("seen_bytes"u8, port.SeenBytes);
            _writer.Number("inspected_bytes"u8, port.InspectedBytes);
            _writer.Number("bypassed_pkts"u8, port.BypassedPackets);
            _writer.Number("bypassed_bytes"u8, port.BypassedBytes);
            _writer.Number("stopped_bytes"u8, port.StoppedBytes);
            _writer.Number("unseen_bytes"u8, port.UnseenBytes);
            if (port.Uncovered is { } reason)
            {
                _writer.Text("uncovered"u8, reason);
            }

            _writer.EndObject();
        }

        _writer.EndArray();
    }

    private void WriteStatsChildren(StatsTree node, StatsOptions options, in StatsSnapshot snapshot)
    {
        foreach (StatsTree child in node.Children)
        {
            if (child.Index < 0)
            {
                bool isDetection = child.Name == "detect" && node.Name.Length == 0;
                if (!isDetection && IsLeftOut(child, options, snapshot.Workers))
                {
                    continue;
                }

                _writer.StartObject(child.Utf8Name);
                if (isDetection)
                {
                    WriteEngines(snapshot.Rules);
                }

                WriteStatsChildren(child, options, in snapshot);
                _writer.EndObject();
                continue;
            }

            long total = child.Total(snapshot.Workers);
            if (total == 0 && (child.IsOwn || !options.NullValues))
            {
                continue;
            }

            _writer.Number(child.Utf8Name, total);
            if (options.Deltas)
            {
                WriteDelta(child, total);
            }
        }
    }

    /// <summary>An object without members says nothing: those whose counters are all left out for being zero are left out too.</summary>
    private static bool IsLeftOut(StatsTree node, StatsOptions options, WorkerCounters[] workers)
    {
        foreach (StatsTree child in node.Children)
        {
            bool isLeftOut = child.Index < 0 ? IsLeftOut(child, options, workers) : (child.IsOwn || !options.NullValues) && child.Total(workers) == 0;
            if (!isLeftOut)
            {
                return false;
            }
        }

        return true;
    }

    private void WriteDelta(StatsTree leaf, long total)
    {
        const string Suffix = "_delta";
        Span<byte> name = stackalloc byte[96];
        int length = Math.Min(leaf.Utf8Name.Length, name.Length - Suffix.Length);
        leaf.Utf8Name.AsSpan(0, length).CopyTo(name);
        "_delta"u8.CopyTo(name[length..]);
        _writer.Number(name[..(length + Suffix.Length)], total - (_lastTotals?[leaf.Index] ?? 0));
    }

    private void WriteThreads(StatsTree tree, StatsOptions options, in StatsSnapshot snapshot)
    {
        _writer.StartObject("threads"u8);
        Span<byte> name = stackalloc byte[16];
        "W#"u8.CopyTo(name);
        for (int i = 0; i < snapshot.Workers.Length; i++)
        {
            (i + 1).TryFormat(name[2..], out int written, "00");
            _writer.StartObject(name[..(2 + written)]);
            StatsSnapshot one = snapshot with { Workers = [snapshot.Workers[i]] };
            WriteStatsChildren(tree, options, in one);
            _writer.EndObject();
        }

        _writer.EndObject();
    }

    private void WriteEngines(RuleSetStats rules)
    {
        if (!_settings.DetectionEnabled)
        {
            return;
        }

        _writer.StartArray("engines"u8);
        _writer.StartObject();
        _writer.Number("id"u8, 0L);
        _writer.Timestamp("last_reload"u8, rules.LoadedAtUs);
        _writer.Number("rules_loaded"u8, (long)rules.Loaded);
        _writer.Number("rules_failed"u8, (long)rules.Failed);
        _writer.Number("rules_skipped"u8, (long)rules.Skipped);
        _writer.EndObject();
        _writer.EndArray();
    }

    private void RememberTotals(StatsTree node, WorkerCounters[] workers)
    {
        _lastTotals ??= new long[WorkerCounters.Length];
        foreach (StatsTree child in node.Children)
        {
            if (child.Index < 0)
            {
                RememberTotals(child, workers);
            }
            else
            {
                _lastTotals[child.Index] = child.Total(workers);
            }
        }
    }
}
