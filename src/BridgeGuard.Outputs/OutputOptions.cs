namespace BridgeGuard.Outputs;

/// <summary>What configuration says of one output; each kind has its own record.</summary>
public abstract record OutputOptions
{
    /// <summary>Unique within the process; in metrics and logs.</summary>
    public required string Name { get; init; }

    public EventFilter Filter { get; init; } = new();
}
