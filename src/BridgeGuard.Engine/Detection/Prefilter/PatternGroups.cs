namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>Sorts patterns by what can answer them. Patterns that no buffer can satisfy are left out.</summary>
internal sealed class PatternGroups
{
    public PatternGroups(PatternSetBuilder builder)
    {
        for (int i = 0; i < builder.Count; i++)
        {
            PatternSetBuilder.PatternKey key = builder.Patterns[i];
            if (!key.IsImpossible)
            {
                (key.Placement.AtEnd ? Tails : key.IsAtStart ? Heads : Bodies).Add(i);
            }
        }
    }

    /// <summary>Only at the buffer's start.</summary>
    public List<int> Heads { get; } = [];

    /// <summary>Only at the buffer's end.</summary>
    public List<int> Tails { get; } = [];

    /// <summary>Everything else.</summary>
    public List<int> Bodies { get; } = [];
}
