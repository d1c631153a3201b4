using BridgeGuard.Engine.Detection.Prefilter.Interop;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>Exchanges the managed searches of a rule set in use for those of the Vectorscan library, one after the other as they are ready.</summary>
/// <remarks>
/// Both engines report the same for every buffer, so that a worker may meet either from one search to the next. Thread: one of low priority beside the traffic;
/// databases are native memory, which the collector does not see.
/// </remarks>
public sealed class SearchUpgrade(RuleSet rules)
{
    /// <summary>A set with fewer patterns is found by vector shuffles alone (README.md); a database would only cost a call.</summary>
    public int LeastPatterns { get; init; } = 200;

    /// <summary>Reads what <see cref="Store"/> kept under a name; null: nothing.</summary>
    public Func<string, byte[]?> Load { get; init; } = _ => null;

    /// <summary>Keeps a compiled database, as compiling takes seconds.</summary>
    public Action<string, byte[]> Store { get; init; } = (_, _) => { };

    /// <summary>Searches exchanged so far.</summary>
    public int Exchanged { get; private set; }

    /// <summary>Searches that the library refused, with its word; they stay as they are.</summary>
    public IReadOnlyList<string> Refused => _refused;

    private readonly List<string> _refused = [];

    /// <summary>Compiles and exchanges all that are worth it.</summary>
    /// <returns>False where the library is not there, or after a stop.</returns>
    public bool Run(CancellationToken stop = default)
    {
        if (!HyperscanLibrary.IsAvailable)
        {
            return false;
        }

        var users = new Dictionary<PatternSet, List<PrefilterTable>>(ReferenceEqualityComparer.Instance);
        foreach (PrefilterTable table in rules.Searches.All())
        {
            if (!users.TryGetValue(table.Set, out List<PrefilterTable>? known))
            {
                users.Add(table.Set, known = []);
            }

            known.Add(table);
        }

        foreach ((PatternSet set, List<PrefilterTable> tables) in users)
        {
            if (stop.IsCancellationRequested)
            {
                return false;
            }

            if (set is ManagedPatternSet managed && set.PatternCount >= LeastPatterns && TryCompile(managed) is { } better)
            {
                foreach (PrefilterTable table in tables)
                {
                    table.Set = better;
                }

                Exchanged++;
            }
        }

        return true;
    }

    private PatternSet? TryCompile(ManagedPatternSet managed)
    {
        PatternSetBuilder builder = managed.ToBuilder();
        string name = HyperscanLibrary.CacheKey(builder);
        try
        {
            if (Load(name) is { } kept && HyperscanLibrary.TryDeserialize(builder, kept) is { } read)
            {
                return read;
            }

            PatternSet built = builder.Build(PrefilterEngine.Hyperscan);
            Store(name, HyperscanLibrary.Serialize(built));
            return built;
        }
        catch (NotSupportedException error)
        {
            _refused.Add(error.Message);
            return null;
        }
    }
}
