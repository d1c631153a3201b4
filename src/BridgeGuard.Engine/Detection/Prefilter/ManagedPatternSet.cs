namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>The managed engine: two anchor tables, single bytes, and hash filters for the rest.</summary>
/// <remarks>See README.md for the design. Thread: any; immutable after construction.</remarks>
internal sealed class ManagedPatternSet : PatternSet
{
    private readonly PatternTable _table;
    private readonly AnchorTable? _heads;
    private readonly AnchorTable? _tails;
    private readonly int[] _singles;
    private readonly WindowFilter[] _filters;

    public ManagedPatternSet(PatternSetBuilder builder, PrefilterEngine engine)
    {
        Engine = engine;
        _table = new PatternTable(builder);
        var groups = new PatternGroups(builder);
        _heads = groups.Heads.Count == 0 ? null : new AnchorTable(_table, groups.Heads, fromEnd: false);
        _tails = groups.Tails.Count == 0 ? null : new AnchorTable(_table, groups.Tails, fromEnd: true);
        List<int> singles = [], two = [], three = [], medium = [], large = [];
        foreach (int pattern in groups.Bodies)
        {
            List<int> group = _table[pattern].Length switch
            {
                1 => singles,
                2 => two,
                3 => three,
                < 8 => medium,
                _ => large,
            };
            group.Add(pattern);
        }
        _singles = [.. singles];
        bool wide = engine != PrefilterEngine.ManagedScalar;
        var filters = new List<WindowFilter>();
        AddFilter(filters, large, 5, 4, wide);
        AddFilter(filters, medium, 4, 1, wide);
        AddFilter(filters, three, 3, 1, wide);
        AddFilter(filters, two, 2, 1, wide);
        _filters = [.. filters];
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
            foreach (WindowFilter filter in _filters)
            {
                sum += filter.MemoryBytes;
            }
            return sum;
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
        foreach (WindowFilter filter in _filters)
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

    private void AddFilter(List<WindowFilter> filters, List<int> patterns, int width, int stride, bool wide)
    {
        if (patterns.Count > 0)
        {
            filters.Add(new WindowFilter(_table, patterns, width, stride, wide));
        }
    }
}
