namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>Where in a buffer a pattern has to occur.</summary>
/// <remarks>
/// Shape: byte offsets counted from the buffer's first byte. An occurrence counts when its first byte is at or after
/// <see cref="MinStart"/>, its end (exclusive) at or before <see cref="MaxEnd"/>, and, with <see cref="AtEnd"/>, its end is the
/// buffer's end. A rule's <c>offset:O; depth:D</c> is <c>Window(O, O + D)</c>; <c>startswith</c> is <see cref="AtStart"/>;
/// <c>endswith</c> is <see cref="Ending"/>; both together are <c>new(0, length, true)</c>.
/// </remarks>
/// <param name="MinStart">Lowest offset of the first byte, at least 0.</param>
/// <param name="MaxEnd">Highest offset just behind the last byte; <see cref="int.MaxValue"/> for none.</param>
/// <param name="AtEnd">The occurrence ends where the buffer ends.</param>
public readonly record struct PatternPlacement(int MinStart, int MaxEnd, bool AtEnd)
{
    /// <summary>Anywhere in the buffer.</summary>
    public static PatternPlacement Anywhere => new(0, int.MaxValue, false);

    /// <summary>The buffer's last bytes (<c>endswith</c>).</summary>
    public static PatternPlacement Ending => new(0, int.MaxValue, true);

    /// <summary>The buffer's first bytes (<c>startswith</c>), for a pattern of this length.</summary>
    public static PatternPlacement AtStart(int patternLength) => new(0, patternLength, false);

    /// <summary>Inside <c>[minStart, maxEnd)</c>.</summary>
    public static PatternPlacement Window(int minStart, int maxEnd) => new(minStart, maxEnd, false);

    /// <summary>Whether an occurrence at <paramref name="start"/> counts; <paramref name="endsBuffer"/> says it reaches the end.</summary>
    public bool Allows(long start, int length, bool endsBuffer) =>
        start >= MinStart && (MaxEnd == int.MaxValue || start + length <= MaxEnd) && (!AtEnd || endsBuffer);
}
