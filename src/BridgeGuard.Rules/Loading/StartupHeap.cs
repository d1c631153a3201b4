namespace BridgeGuard.Rules.Loading;

/// <summary>Keeps the collector away while a program loads its first rules.</summary>
/// <remarks>
/// Nearly all that a load makes until its end is still in use, so that every collection in between marks and moves hundreds of megabytes to free nothing:
/// a quarter of the CPU time of a start with 32,000 rules. For a process that has nothing else to do yet; a reload beside traffic must not hold so much memory.
/// </remarks>
public static class StartupHeap
{
    /// <summary>Bytes that a load allocates per byte of rule text (16 with Emerging Threats), with a reserve.</summary>
    private const int BytesPerTextByte = 20;

    /// <summary>What writing the set to the cache takes besides.</summary>
    private const int BytesPerCachedByte = 8;

    /// <summary>Rules that fit into this are loaded before a collection would come.</summary>
    private const long LeastTextBytes = 1 << 20;

    /// <summary>Of the machine's memory (or the control group's), in parts, that may be taken at most.</summary>
    private const int MemoryShare = 4;

    /// <summary>Loads as <see cref="RuleLoader.Load(RuleLoadOptions)"/> does. Thread: the only one that loads rules at that time.</summary>
    public static RuleLoadResult Load(RuleLoadOptions options)
    {
        bool isQuiet = TryQuieten(options);
        try
        {
            return RuleLoader.Load(options);
        }
        finally
        {
            if (isQuiet && System.Runtime.GCSettings.LatencyMode == System.Runtime.GCLatencyMode.NoGCRegion)
            {
                GC.EndNoGCRegion();
            }
        }
    }

    private static bool TryQuieten(RuleLoadOptions options)
    {
        long text = RuleFiles.SizeOf(options.Files) + RuleFiles.SizeOf(options.FirewallFiles);
        long wanted = text * (BytesPerTextByte + (options.CacheFolder is null ? 0 : BytesPerCachedByte));
        if (text < LeastTextBytes || wanted > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / MemoryShare)
        {
            return false;
        }

        try
        {
            return GC.TryStartNoGCRegion(wanted);
        }
        catch (Exception error) when (error is ArgumentOutOfRangeException or InvalidOperationException)
        {
            return false; // More than the collector's regions hold, or somebody keeps it quiet already: then it works as always.
        }
    }
}
