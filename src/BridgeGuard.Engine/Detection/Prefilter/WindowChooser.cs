namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>Chooses the part of each pattern that is likely to be rarest in traffic.</summary>
/// <remarks>
/// Cost of a window = how probable its bytes are (<see cref="ByteRarity"/>) × how many patterns contain the same window (what
/// is common among patterns, such as ".php?", is common in traffic) × how many patterns already use it. The counts are
/// sketches: hash collisions cost a little quality.
/// </remarks>
internal static class WindowChooser
{
    private const int SketchBits = 17;
    private const int MaxPlaces = 64;

    /// <summary>For each pattern, the offset of the first of its <paramref name="stride"/> neighbouring windows.</summary>
    public static int[] Choose(PatternTable table, List<int> patterns, int width, int stride)
    {
        var places = new int[patterns.Count];
        ushort[] spread = new ushort[1 << SketchBits];
        ushort[] used = new ushort[1 << SketchBits];
        foreach (int pattern in patterns)
        {
            ReadOnlySpan<byte> bytes = table.BytesOf(pattern);
            int count = Math.Min(bytes.Length - width + 1, MaxPlaces);
            for (int i = 0; i < count; i++)
            {
                ref ushort seen = ref spread[Sketch(bytes, i, width)];
                seen = (ushort)Math.Min(ushort.MaxValue, seen + 1);
            }
        }
        Span<double> costs = stackalloc double[MaxPlaces];
        for (int p = 0; p < places.Length; p++)
        {
            ReadOnlySpan<byte> bytes = table.BytesOf(patterns[p]);
            int count = Math.Min(bytes.Length - width + 1, MaxPlaces);
            for (int i = 0; i < count; i++)
            {
                int bits = 0;
                for (int j = 0; j < width; j++)
                {
                    bits += ByteRarity.Of(bytes[i + j]);
                }
                uint sketch = Sketch(bytes, i, width);
                costs[i] = Math.ScaleB(spread[sketch] * (1.0 + used[sketch]), -bits);
            }
            double best = double.MaxValue;
            for (int i = 0; i + stride <= count; i++)
            {
                double sum = 0;
                for (int j = 0; j < stride; j++)
                {
                    sum += costs[i + j];
                }
                if (sum < best)
                {
                    best = sum;
                    places[p] = i;
                }
            }
            for (int j = 0; j < stride; j++)
            {
                ref ushort uses = ref used[Sketch(bytes, places[p] + j, width)];
                uses = (ushort)Math.Min(ushort.MaxValue, uses + 1);
            }
        }
        return places;
    }

    private static uint Sketch(ReadOnlySpan<byte> bytes, int position, int width) =>
        (uint)(FoldedHash.Product(FoldedHash.Load(bytes, position), width) >> (64 - SketchBits));
}
