using BridgeGuard.Engine.Detection.Image;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>Finds patterns that are not tied to the buffer's start or end.</summary>
/// <remarks>One virtual call per filter and scan. Thread: any; immutable.</remarks>
internal abstract class BodyFilter
{
    private readonly long _minStart = long.MaxValue;
    private readonly long _maxEnd;

    protected BodyFilter(PatternTable table, List<int> patterns)
    {
        foreach (int pattern in patterns)
        {
            PatternPlacement placement = table[pattern].Placement;
            _minStart = Math.Min(_minStart, placement.MinStart);
            _maxEnd = Math.Max(_maxEnd, placement.MaxEnd == int.MaxValue ? long.MaxValue : placement.MaxEnd);
        }
    }

    protected BodyFilter(ImageReader image)
    {
        _minStart = image.Value<long>();
        _maxEnd = image.Value<long>();
    }

    public abstract long MemoryBytes { get; }

    /// <summary>For people: what it is and how many patterns it finds.</summary>
    public abstract string Outline { get; }

    protected string Limit => _maxEnd == long.MaxValue ? "" : $" in the first {_maxEnd} bytes";

    public virtual void Write(ImageWriter image)
    {
        image.Value(_minStart);
        image.Value(_maxEnd);
    }

    /// <summary>Adds what occurs in the part of the buffer in which any of these patterns may lie.</summary>
    public void Scan(in ScanInput input)
    {
        long first = Math.Max(0, _minStart - input.Offset);
        long end = _maxEnd == long.MaxValue ? input.Buffer.Length : Math.Min(input.Buffer.Length, _maxEnd - input.Offset);
        if (first < end)
        {
            ScanPart(input, (int)first, (int)end);
        }
    }

    /// <summary>Scans from one offset to another, both inside the buffer.</summary>
    protected abstract void ScanPart(in ScanInput input, int position, int end);
}
