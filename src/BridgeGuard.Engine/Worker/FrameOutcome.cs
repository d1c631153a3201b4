using BridgeGuard.Engine.Detection;

namespace BridgeGuard.Engine.Worker;

/// <summary>What a frame turned out to be, beside its verdict: for those who keep frames.</summary>
/// <param name="FlowId">The innermost flow it belongs to; 0 without.</param>
/// <param name="IsAlerted">It, or its flow before it, raised an alert.</param>
/// <param name="IsTagged">A rule's <c>tag</c> wants it kept.</param>
/// <param name="IsPassed">A pass rule let it through.</param>
/// <param name="IsBeyondDepth">Its stream is longer than what is looked at.</param>
/// <param name="IsStream">It carries bytes of a TCP stream.</param>
public readonly record struct FrameOutcome(ulong FlowId, bool IsAlerted, bool IsTagged, bool IsPassed, bool IsBeyondDepth, bool IsStream)
{
    /// <summary>The first rule that raised an alert with this very frame; null when none did.</summary>
    public RuleInfo? Alert { get; init; }

    /// <summary>Number of that alert: the last part of its event id.</summary>
    public ulong AlertNumber { get; init; }

    /// <summary>Bridge ports at both ends of the flow; 0: not known.</summary>
    public ushort PortA { get; init; }

    public ushort PortB { get; init; }
}
