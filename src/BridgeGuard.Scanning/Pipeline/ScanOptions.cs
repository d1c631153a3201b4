namespace BridgeGuard.Scanning.Pipeline;

/// <summary>Limits of scanning. Every one is a promise that a flood of files cannot cost more.</summary>
public sealed record ScanOptions
{
    /// <summary>Scans at the same time; clamd's MaxThreads is 10 by default.</summary>
    public int Concurrency { get; init; } = 4;

    /// <summary>Scans that may wait for their turn; one more is answered with an error at once.</summary>
    public int MaxQueued { get; init; } = 256;

    /// <summary>Longest content that is kept for scanning; longer ones are hashed only. clamd's default StreamMaxLength.</summary>
    public long MaxFileBytes { get; init; } = 100L << 20;

    /// <summary>A content up to this length stays in memory; most files on the wire are shorter.</summary>
    public int SpoolMemoryPerFileBytes { get; init; } = 256 << 10;

    /// <summary>A content that grows beyond this goes to the scanners while it arrives; shorter ones are there at once. 0: none does.</summary>
    public int AheadFromBytes { get; init; } = 256 << 10;

    /// <summary>Contents that go to the scanners while they arrive; each costs a connection and its bytes there. Others wait for their end.</summary>
    public int MaxAhead { get; init; } = 8;

    /// <summary>Memory for all contents together.</summary>
    public long SpoolMemoryBytes { get; init; } = 64L << 20;

    /// <summary>Temporary files together.</summary>
    public long SpoolDiskBytes { get; init; } = 1L << 30;

    /// <summary>Where temporary files are made (and unlinked at once).</summary>
    public string SpoolDirectory { get; init; } = Path.GetTempPath();

    /// <summary>From the end of the content to the verdict, waiting and retries included.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Tries per scan when the error may be passing (scanner restarted, connection lost).</summary>
    public int Attempts { get; init; } = 2;

    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>How long an error about the file itself (too large, refused) is remembered.</summary>
    public TimeSpan ErrorLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long an error of the scanner is remembered: enough for a held packet to see it, short enough for the next try.</summary>
    public TimeSpan TransientErrorLifetime { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Lifetime of a clean verdict; older signatures make it stale sooner.</summary>
    public TimeSpan CleanLifetime { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How often scanners are asked for their generation.</summary>
    public TimeSpan GenerationInterval { get; init; } = TimeSpan.FromSeconds(15);
}
