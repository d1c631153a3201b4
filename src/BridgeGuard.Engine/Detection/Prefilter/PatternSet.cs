namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>An immutable set of byte patterns that answers which of them occur in a buffer.</summary>
/// <remarks>
/// Exact: an id is reported if and only if one of its patterns occurs at an allowed place (<see cref="PatternPlacement"/>) with
/// the right case. Nothing is missed, nothing is reported twice. Thread: any number of scanners at once; a scan
/// allocates nothing.
/// </remarks>
public abstract class PatternSet : IDisposable
{
    /// <summary>Distinct (pattern, case, placement) triples in the set.</summary>
    public abstract int PatternCount { get; }

    /// <summary>The longest pattern in bytes; 0 for an empty set.</summary>
    public abstract int MaxPatternLength { get; }

    /// <summary>Memory held by the compiled form, in bytes.</summary>
    public abstract long MemoryBytes { get; }

    /// <summary>Which engine runs this set.</summary>
    public abstract PrefilterEngine Engine { get; }

    /// <summary>For people: how the patterns are divided and found.</summary>
    public virtual string Outline => $"{Engine}: {PatternCount}";

    /// <summary>Adds the ids of all patterns that occur in a whole buffer.</summary>
    public void Scan(ReadOnlySpan<byte> buffer, MatchSet matches) => ScanChunk(buffer, 0, true, matches);

    /// <summary>
    /// Adds the ids of all patterns that occur in a piece of a longer buffer (a stream that is seen in pieces).
    /// </summary>
    /// <remarks>
    /// The set keeps no state between pieces. So that nothing is missed at a seam, each piece has to repeat the last
    /// <c>MaxPatternLength - 1</c> bytes of the one before. Start anchors and windows are measured from the longer buffer's
    /// start, which <paramref name="chunkOffset"/> tells; end anchors count only in the piece that is the last.
    /// </remarks>
    /// <param name="chunk">The bytes of this piece.</param>
    /// <param name="chunkOffset">Where the piece begins in the longer buffer.</param>
    /// <param name="isLast">Whether the longer buffer ends where the piece ends.</param>
    /// <param name="matches">Receives the ids; not cleared first.</param>
    public abstract void ScanChunk(ReadOnlySpan<byte> chunk, long chunkOffset, bool isLast, MatchSet matches);

    /// <summary>Gives back native memory, if the engine has any. Call it when no scanner can still hold the set.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back native memory.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}

/// <summary>Which multi-pattern engine to use. All give the same answers.</summary>
public enum PrefilterEngine : byte
{
    /// <summary>Managed, the fastest variant for this CPU and this set. Always there.</summary>
    Managed,

    /// <summary>Managed, safe scalar code only: the twin that the others are tested against.</summary>
    ManagedScalar,

    /// <summary>Managed, the unrolled hash filter, never the shuffle filter.</summary>
    ManagedHash,

    /// <summary>Managed, the shuffle filter with 128-bit vectors wherever the set is small enough for it.</summary>
    ManagedVector128,

    /// <summary>Managed, the shuffle filter with 256-bit vectors wherever the set is small enough for it.</summary>
    ManagedVector256,

    /// <summary>The Vectorscan or Hyperscan library; only where <see cref="Interop.HyperscanLibrary.IsAvailable"/>.</summary>
    Hyperscan,
}
