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

    /// <summary>What was inspected of each port's traffic and what was not; empty where there are no ports.</summary>
    public IReadOnlyList<PortCoverage> Coverage { get; init; }
}

/// <summary>What became of the frames that one port sent, as the kernel counted them.</summary>
/// <param name="Port">The port's name.</param>
/// <param name="Bridge">Its bridge.</param>
/// <param name="Guest">The guest behind it; empty where none is known.</param>
/// <param name="SeenBytes">All of them.</param>
/// <param name="InspectedBytes">Given to the engine.</param>
/// <param name="BypassedPackets">Carried by the kernel after an early verdict or a decision.</param>
/// <param name="BypassedBytes">Their bytes.</param>
/// <param name="StoppedBytes">Dropped by the kernel: decisions, blocks, limits, guard, fail-closed.</param>
/// <param name="UnseenBytes">Let through uninspected: the daemon was dead, hung or overloaded, or the port is not to be inspected.</param>
/// <param name="Uncovered">Why the port is not inspected although it should be; null is well.</param>
public sealed record PortCoverage(
    string Port, string Bridge, string Guest, long SeenBytes, long InspectedBytes, long BypassedPackets, long BypassedBytes, long StoppedBytes, long UnseenBytes,
    string? Uncovered);

/// <summary>How the last loading of rules went.</summary>
public readonly record struct RuleSetStats(long LoadedAtUs, int Loaded, int Failed, int Skipped);
