using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Events;

/// <summary>What a stats record is made of.</summary>
public readonly struct StatsSnapshot
{
    public required long TimeUs { get; init; }

    public long UptimeSeconds { get; init; }

    /// <summary>The counters of all workers; their sums are written (largest value for maxima).</summary>
    public required WorkerCounters[] Workers { get; init; }

    public RuleSetStats Rules { get; init; }
}

/// <summary>How the last loading of rules went.</summary>
public readonly record struct RuleSetStats(long LoadedAtUs, int Loaded, int Failed, int Skipped);
