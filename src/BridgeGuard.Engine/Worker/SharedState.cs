using BridgeGuard.Engine.Detection.Shared;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Worker;

/// <summary>What the workers of a process know of hosts together: thresholds, bits and tags of hosts, and connections that were arranged on another.</summary>
/// <remarks>Bounded tables without locks; see <see cref="SharedSlots"/> and <see cref="ExpectationTable"/>. It outlives reloads. Thread: any.</remarks>
public sealed class SharedState
{
    internal SharedDetection Detection { get; } = new();

    internal ExpectationTable Expectations { get; } = new();

    /// <summary>Thresholds, bits, tags and expectations that found no room.</summary>
    public long Refused => Detection.Refused + Expectations.Refused;
}
