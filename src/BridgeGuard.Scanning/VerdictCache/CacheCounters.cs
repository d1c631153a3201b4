namespace BridgeGuard.Scanning.VerdictCache;

/// <summary>What the cache has done since start. Written with Interlocked (lookups are per file, not per packet), read by metrics.</summary>
public sealed class CacheCounters
{
    internal long MemoryHitsValue;
    internal long StoreHitsValue;
    internal long ListHitsValue;
    internal long MissesValue;
    internal long StaleValue;
    internal long ExpiredValue;
    internal long StoredValue;
    internal long WriteFailuresValue;
    internal long WritesDroppedValue;
    internal long RebuildsValue;
    internal long ExposuresValue;

    /// <summary>Answered from memory.</summary>
    public long MemoryHits => Volatile.Read(ref MemoryHitsValue);

    /// <summary>Answered from the database and taken into memory.</summary>
    public long StoreHits => Volatile.Read(ref StoreHitsValue);

    /// <summary>Answered from a known-good or known-bad list.</summary>
    public long ListHits => Volatile.Read(ref ListHitsValue);

    public long Misses => Volatile.Read(ref MissesValue);

    /// <summary>Misses because the verdict belongs to older signatures.</summary>
    public long Stale => Volatile.Read(ref StaleValue);

    /// <summary>Misses because the verdict's lifetime was over.</summary>
    public long Expired => Volatile.Read(ref ExpiredValue);

    /// <summary>Rows written to the database (verdicts and ledger).</summary>
    public long Stored => Volatile.Read(ref StoredValue);

    /// <summary>Batches that the database refused (disk full, I/O error).</summary>
    public long WriteFailures => Volatile.Read(ref WriteFailuresValue);

    /// <summary>Rows given up because the write queue was full.</summary>
    public long WritesDropped => Volatile.Read(ref WritesDroppedValue);

    /// <summary>Times a corrupt database was set aside and made anew.</summary>
    public long Rebuilds => Volatile.Read(ref RebuildsValue);

    /// <summary>Ledger lines accepted.</summary>
    public long Exposures => Volatile.Read(ref ExposuresValue);
}
