using BridgeGuard.Engine.Events;

namespace BridgeGuard.Outputs;

/// <summary>Selects events by their header. Immutable; the default passes all.</summary>
public sealed record EventFilter
{
    /// <summary>Kinds that pass; empty: all.</summary>
    public IReadOnlyCollection<EventKind> Kinds
    {
        get => _kinds;
        init
        {
            _kinds = value;
            _kindBits = value.Aggregate(0UL, (bits, kind) => bits | (1UL << (int)kind));
        }
    }

    /// <summary>Alerts and drops of this severity or a more severe one (1 is the most severe); 0: all. Events without severity pass.</summary>
    public byte MaxSeverity { get; init; }

    /// <summary>Only what was (or would have been) dropped.</summary>
    public bool OnlyDropped { get; init; }

    /// <summary>Only events of these rules; empty: all.</summary>
    public IReadOnlySet<uint> SignatureIds { get; init; } = new HashSet<uint>();

    /// <summary>Only events for this configured EVE output; null: all.</summary>
    public byte? OutputIndex { get; init; }

    private readonly IReadOnlyCollection<EventKind> _kinds = [];
    private readonly ulong _kindBits;

    public bool Matches(in EventHeader header) =>
        (_kindBits == 0 || (_kindBits & (1UL << (int)header.Kind)) != 0)
        && (MaxSeverity == 0 || header.Severity <= MaxSeverity)
        && (!OnlyDropped || header.IsDropped)
        && (SignatureIds.Count == 0 || SignatureIds.Contains(header.SignatureId))
        && (OutputIndex is null || OutputIndex == header.OutputIndex);
}
