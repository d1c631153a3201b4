using BridgeGuard.Engine.Detection.Prefilter;

namespace BridgeGuard.Engine.Tests.Detection.Prefilter;

/// <summary>The oracle: tries every pattern at every place, one byte at a time.</summary>
internal sealed class NaivePatternSet
{
    private readonly List<(byte[] Bytes, bool IgnoreCase, PatternPlacement Placement, int Id)> _patterns = [];

    public void Add(byte[] bytes, bool ignoreCase, PatternPlacement placement, int id) =>
        _patterns.Add((bytes, ignoreCase, placement, id));

    public int[] Scan(byte[] text)
    {
        var found = new SortedSet<int>();
        foreach ((byte[] bytes, bool ignoreCase, PatternPlacement placement, int id) in _patterns)
        {
            for (int start = 0; start + bytes.Length <= text.Length; start++)
            {
                int end = start + bytes.Length;
                bool allowed = start >= placement.MinStart && end <= placement.MaxEnd && (!placement.AtEnd || end == text.Length);
                if (allowed && Equal(text, start, bytes, ignoreCase))
                {
                    found.Add(id);
                    break;
                }
            }
        }
        return [.. found];
    }

    private static bool Equal(byte[] text, int start, byte[] bytes, bool ignoreCase)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            byte a = text[start + i];
            byte b = bytes[i];
            if (ignoreCase)
            {
                a = a is >= (byte)'A' and <= (byte)'Z' ? (byte)(a + 32) : a;
                b = b is >= (byte)'A' and <= (byte)'Z' ? (byte)(b + 32) : b;
            }
            if (a != b)
            {
                return false;
            }
        }
        return true;
    }
}
