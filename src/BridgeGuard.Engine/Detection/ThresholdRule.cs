namespace BridgeGuard.Engine.Detection;

internal enum ThresholdKind : byte
{
    /// <summary>The first alerts of a period.</summary>
    Limit,

    /// <summary>Every n-th match.</summary>
    Threshold,

    /// <summary>Once a period, at the n-th match.</summary>
    Both,

    /// <summary>At n, n·m, n·m² … matches.</summary>
    Backoff,

    /// <summary>Matches beyond n within the period.</summary>
    DetectionFilter,

    /// <summary>Beyond n within the period the action changes for a while.</summary>
    RateFilter,
}

internal enum TrackBy : byte
{
    Source,
    Destination,
    Both,
    Rule,
    Flow,

    /// <summary>Source or destination (suppressions).</summary>
    Either,
}

/// <summary>One threshold of a rule.</summary>
internal struct ThresholdRule
{
    public ThresholdKind Kind;
    public TrackBy Track;
    public uint Count;
    public uint Seconds;
    public uint Multiplier;
    public uint TimeoutSeconds;
    public RuleAction NewAction;
}

/// <summary>Addresses for which a rule's alerts are suppressed.</summary>
internal struct Suppression
{
    public TrackBy Track;

    /// <summary>Expression of the set's address classifier; 0: any address.</summary>
    public int Addresses;
}

internal enum ThresholdVerdict : byte
{
    Alert,

    /// <summary>As if the rule had not matched.</summary>
    NoMatch,

    /// <summary>The action applies, nothing is reported.</summary>
    Silent,
}
