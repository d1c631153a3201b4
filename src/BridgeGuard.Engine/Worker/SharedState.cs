using BridgeGuard.Engine.Detection.Shared;
using BridgeGuard.Engine.Policy.Behaviour;
using BridgeGuard.Engine.Policy.Standing;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Worker;

/// <summary>What the workers of a process know of hosts together: thresholds, bits and tags of hosts, behaviour, and connections that were arranged on another.</summary>
/// <remarks>Bounded tables without locks; see <see cref="SharedSlots"/> and <see cref="ExpectationTable"/>. It outlives reloads. Thread: any.</remarks>
public sealed class SharedState
{
    internal SharedDetection Detection { get; } = new();

    internal ExpectationTable Expectations { get; } = new();

    internal SourceCounts Sources { get; } = new();

    internal MarkedSources Marks { get; } = new();

    /// <summary>Thresholds, bits, tags, expectations, behaviour counts and marks that found no room.</summary>
    public long Refused => Detection.Refused + Expectations.Refused + Sources.Refused + Marks.Refused;
}
