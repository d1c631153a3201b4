using BridgeGuard.Engine.Detection.Image;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>The managed engine: two anchor tables, single bytes, and hash filters for the rest.</summary>
/// <remarks>See README.md for the design. Thread: any; immutable after construction.</remarks>
internal sealed class ManagedPatternSet : PatternSet
{
    /// <summary>A window that ends here or before counts as near the start.</summary>
    private const int ShallowBytes = 128;

    private readonly PatternTable _table;
    private readonly AnchorTable? _heads;
    private readonly AnchorTable? _tails;
    private readonly int[] _singles;
    private readonly BodyFilter[] _filters;

    public ManagedPatternSet(PatternSetBuilder builder, PrefilterEngine engine)
    {
        Engine = engine;
        _table = new PatternTable(builder);
        var groups = new PatternGroups(builder);
        _heads = groups.Heads.Count == 0 ? null : new AnchorTable(_table, groups.Heads, fromEnd: false);
        _tails = groups.Tails.Count == 0 ? null : new AnchorTable(_table, groups.Tails, fromEnd: true);
        _singles = [.. groups.Bodies.FindAll(pattern => _table[pattern].Length == 1)];
        // Patterns that can only lie near the start get filters of their own, which then stop early.
        _filters =
        [
            .. BuildFilters(groups.Bodies.FindAll(pattern => _table[pattern].Placement.MaxEnd <= ShallowBytes), engine),
            .. BuildFilters(groups.Bodies.FindAll(pattern => _table[pattern].Placement.MaxEnd > ShallowBytes), engine),
        ];
    }

    /// <summary>A set from an image of the same build on the same kind of CPU.</summary>
    public ManagedPatternSet(ImageReader image)
    {
        Engine = image.Value<PrefilterEngine>();
        _table = new PatternTable(image);
        _heads = image.Bool() ? new AnchorTable(_table, image) : null;
        _tails = image.Bool() ? new AnchorTable(_table, image) : null;
        _singles = image.Array<int>();
        _filters = new BodyFilter[image.Count()];
        for (int i = 0; i < _filters.Length; i++)
        {
            _filters[i] = image.Bool() ? new WindowFilter(_table, image) : new ShuffleFilter(_table, image);
        }
    }

    /// <summary>Everything that the other constructor reads, in its order.</summary>
    public void Write(ImageWriter image)
    {
        image.Value(Engine);
        _table.Write(image);
        image.Bool(_heads is not null);
        _heads?.Write(image);
        image.Bool(_tails is not null);
        _tails?.Write(image);
        image.Array<int>(_singles);
        image.Int(_filters.Length);
        foreach (BodyFilter filter in _filters)
        {
            image.Bool(filter is WindowFilter);
            filter.Write(image);
        }
    }

    /// <summary>The patterns again, for another engine.</summary>
    public PatternSetBuilder ToBuilder()
    {
        var builder = new PatternSetBuilder();
        for (int i = 0; i < _table.Count; i++)
        {
            foreach (int id in _table.IdsOf(i))
            {
                builder.Add(_table.BytesOf(i), _table[i].IgnoreCase, _table[i].Placement, id);
            }
        }
        return builder;
    }

    /// <inheritdoc/>
    public override PrefilterEngine Engine { get; }

    /// <inheritdoc/>
    public override int PatternCount => _table.Count;

    /// <inheritdoc/>
    public override int MaxPatternLength => _table.MaxLength;

    /// <inheritdoc/>
    public override long MemoryBytes
    {
        get
        {
            long sum = _table.MemoryBytes + (_heads?.MemoryBytes ?? 0) + (_tails?.MemoryBytes ?? 0);
            foreach (BodyFilter filter in _filters)
            {
                sum += filter.MemoryBytes;
            }
            return sum;
        }
    }

    /// <inheritdoc/>
    public override string Outline
    {
        get
        {
            var parts = new List<string> { $"heads {_heads?.Count ?? 0}", $"tails {_tails?.Count ?? 0}", $"single bytes {_singles.Length}" };
            foreach (BodyFilter filter in _filters)
            {
                parts.Add(filter.Outline);
            }
            return string.Join(", ", parts);
        }
    }

    /// <inheritdoc/>
    public override void ScanChunk(ReadOnlySpan<byte> chunk, long chunkOffset, bool isLast, MatchSet matches)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(chunkOffset);
        var input = new ScanInput { Buffer = chunk, Offset = chunkOffset, IsLast = isLast, Matches = matches };
        if (chunkOffset == 0)
        {
            _heads?.Scan(input);
        }
        if (isLast)
        {
            _tails?.Scan(input);
        }
        foreach (int pattern in _singles)
        {
            ScanSingle(pattern, input);
        }
        foreach (BodyFilter filter in _filters)
        {
            filter.Scan(input);
        }
    }

    private void ScanSingle(int pattern, in ScanInput input)
    {
        ref readonly PatternTable.Entry entry = ref _table[pattern];
        PatternPlacement placement = entry.Placement;
        long first = Math.Max(0, placement.MinStart - input.Offset);
        long end = placement.MaxEnd == int.MaxValue
            ? input.Buffer.Length
            : Math.Min(input.Buffer.Length, placement.MaxEnd - input.Offset);
        if (first >= end)
        {
            return;
        }
        ReadOnlySpan<byte> part = input.Buffer[(int)first..(int)end];
        byte value = _table.BytesOf(pattern)[0];
        int found = entry.IgnoreCase ? part.IndexOfAny(value, (byte)(value & ~0x20)) : part.IndexOf(value);
        if (found >= 0)
        {
            _table.Report(pattern, input.Matches);
        }
    }

    /// <summary>One filter per class of length: the longer the shortest pattern, the fewer places must be looked at.</summary>
    private IEnumerable<BodyFilter> BuildFilters(List<int> patterns, PrefilterEngine engine)
    {
        (int MinLength, int MaxLength, int Width, int Stride)[] classes =
        [
            (8, int.MaxValue, 5, 4),
            (4, 7, 3, 2),
            (3, 3, 3, 1),
            (2, 2, 2, 1),
        ];
        foreach ((int minLength, int maxLength, int width, int stride) in classes)
        {
            List<int> members = patterns.FindAll(pattern => _table[pattern].Length >= minLength && _table[pattern].Length <= maxLength);
            if (members.Count == 0)
            {
                continue;
            }
            ShuffleVariant shuffle = ShuffleFilter.Choose(engine);
            List<ShuffleFilter> small = shuffle == ShuffleVariant.None ? [] : ShuffleFilter.Build(_table, members, minLength, shuffle);
            foreach (ShuffleFilter filter in small)
            {
                yield return filter;
            }
            if (small.Count == 0)
            {
                yield return new WindowFilter(_table, members, width, stride, wide: engine != PrefilterEngine.ManagedScalar);
            }
        }
    }
}
