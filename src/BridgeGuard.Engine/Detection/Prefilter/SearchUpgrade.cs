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

    /// <summary>
    /// Whether both find the same in buffers made of the patterns themselves: whole, cut, one behind the other. Versions of the library differ in what they
    /// miss (Vectorscan 5.4.9 fails the random sets of PatternSetTests), and a missed pattern is a missed attack.
    /// </summary>
    private static bool FindsTheSame(PatternSet managed, PatternSet other, PatternSetBuilder builder)
    {
        const int Longest = 4096;
        var expected = new MatchSet(builder.MaxId + 1);
        var actual = new MatchSet(builder.MaxId + 1);
        var random = new Random(builder.Count); // The same buffers for the same patterns.
        byte[] buffer = new byte[Longest];
        for (int i = 0; i < builder.Count * 2; i++)
        {
            int length = random.Next(3) == 0 ? 0 : random.Next(40);
            random.NextBytes(buffer.AsSpan(0, length));
            int pieces = 1 + random.Next(4);
            for (int piece = 0; piece < pieces; piece++)
            {
                // Every pattern comes first once, whole.
                ReadOnlySpan<byte> bytes = builder.Patterns[piece == 0 ? i % builder.Count : random.Next(builder.Count)].Bytes;
                int cut = piece > 0 && random.Next(3) == 0 ? random.Next(bytes.Length) : bytes.Length;
                cut = Math.Min(cut, Longest - length);
                bytes[..cut].CopyTo(buffer.AsSpan(length));
                length += cut;
            }

            expected.Clear();
            actual.Clear();
            managed.Scan(buffer.AsSpan(0, length), expected);
            other.Scan(buffer.AsSpan(0, length), actual);
            if (expected.Count != actual.Count)
            {
                return false;
            }

            foreach (int id in expected.Ids)
            {
                if (!actual.Contains(id))
                {
                    return false;
                }
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
            PatternSet? read = Load(name) is { } kept ? HyperscanLibrary.TryDeserialize(builder, kept) : null;
            PatternSet built = read ?? builder.Build(PrefilterEngine.Hyperscan);
            if (!FindsTheSame(managed, built, builder))
            {
                _refused.Add($"{HyperscanLibrary.Version} finds other patterns than the managed engine in a search of {managed.PatternCount}");
                built.Dispose();
                return null;
            }

            if (read is null)
            {
                Store(name, HyperscanLibrary.Serialize(built));
            }

            return built;
        }
        catch (NotSupportedException error)
        {
            _refused.Add(error.Message);
            return null;
        }
    }
}
