namespace BridgeGuard.Rules.Semantics;

/// <summary>A set of unsigned integers as sorted, disjoint, non-adjacent inclusive ranges. Immutable.</summary>
internal sealed class RangeSet
{
    public static readonly RangeSet Empty = new([]);

    private RangeSet(IReadOnlyList<(UInt128 First, UInt128 Last)> ranges) => Ranges = ranges;

    public IReadOnlyList<(UInt128 First, UInt128 Last)> Ranges { get; }

    public bool IsEmpty => Ranges.Count == 0;

    public static RangeSet Of(UInt128 first, UInt128 last) => new([(first, last)]);

    public static RangeSet Union(IEnumerable<RangeSet> sets)
    {
        var all = new List<(UInt128 First, UInt128 Last)>();
        foreach (RangeSet set in sets)
        {
            all.AddRange(set.Ranges);
        }

        all.Sort((left, right) => left.First.CompareTo(right.First));
        var merged = new List<(UInt128 First, UInt128 Last)>();
        foreach ((UInt128 first, UInt128 last) in all)
        {
            if (merged.Count > 0 && (merged[^1].Last == UInt128.MaxValue || first <= merged[^1].Last + 1))
            {
                merged[^1] = (merged[^1].First, UInt128.Max(merged[^1].Last, last));
            }
            else
            {
                merged.Add((first, last));
            }
        }

        return new RangeSet(merged);
    }

    public RangeSet Except(RangeSet other)
    {
        var result = new List<(UInt128 First, UInt128 Last)>();
        foreach ((UInt128 first, UInt128 last) in Ranges)
        {
            UInt128 from = first;
            bool isDone = false;
            foreach ((UInt128 otherFirst, UInt128 otherLast) in other.Ranges)
            {
                if (otherLast < from)
                {
                    continue;
                }

                if (otherFirst > last)
                {
                    break;
                }

                if (otherFirst > from)
                {
                    result.Add((from, otherFirst - 1));
                }

                if (otherLast >= last)
                {
                    isDone = true;
                    break;
                }

                from = otherLast + 1;
            }

            if (!isDone)
            {
                result.Add((from, last));
            }
        }

        return new RangeSet(result);
    }
}
