namespace BridgeGuard.Engine.Detection.Shared;

/// <summary>What a threshold has counted, in the 64 bits that one compare-and-swap changes.</summary>
/// <remarks>
/// <code>
/// 63          22 21   20      19        0
/// start of the   used blocked count
/// period, µs                             a period
///
/// 63 used | 62 ..... 32 next alert | 31 ..... 0 count    backoff, which knows no time
/// </code>
/// Times are microseconds modulo 2^42 (51 days). What is older than the entry's expiry is not asked for its time, so a time never wraps unnoticed.
/// </remarks>
internal struct ThresholdWord
{
    /// <summary>The highest count kept; thresholds beyond it act as this one. Suricata's own examples stay below 1,000.</summary>
    public const uint MaxCount = (1 << 20) - 1;

    /// <summary>The longest period and timeout: half of what the time can tell apart, 25 days.</summary>
    public const long MaxPeriodUs = (1L << 41) - 1;

    private const long TimeMask = (1L << 42) - 1;
    private const long UsedBit = 1L << 21;
    private const long BlockedBit = 1L << 20;

    public long StartUs;
    public uint Count;

    /// <summary>Something was counted.</summary>
    public bool IsUsed;

    /// <summary>A rate filter is in force: <see cref="Count"/> is the number of seconds from <see cref="StartUs"/> to when it came into force.</summary>
    public bool IsBlocked;

    public static ThresholdWord Unpack(long state) => new()
    {
        StartUs = (state >> 22) & TimeMask,
        Count = (uint)(state & MaxCount),
        IsUsed = (state & UsedBit) != 0,
        IsBlocked = (state & BlockedBit) != 0,
    };

    public readonly long Pack() =>
        ((StartUs & TimeMask) << 22) | UsedBit | (IsBlocked ? BlockedBit : 0) | Math.Min(Count, MaxCount);

    /// <summary>How many seconds of the clock begin between the start and a time that is not before it.</summary>
    public readonly uint SecondsUntil(long nowUs) => (uint)Math.Clamp((nowUs / 1_000_000) - (StartBefore(nowUs) / 1_000_000), 0, MaxCount);

    /// <summary>The second of the clock in which a rate filter came into force.</summary>
    public readonly long BlockedSinceUs(long nowUs) => ((StartBefore(nowUs) / 1_000_000) + Count) * 1_000_000;

    /// <summary>The start as a whole time, which is near <paramref name="nowUs"/>.</summary>
    private readonly long StartBefore(long nowUs)
    {
        long elapsed = (nowUs - StartUs) & TimeMask;
        return nowUs - (elapsed > MaxPeriodUs ? elapsed - TimeMask - 1 : elapsed);
    }

    /// <summary>Whether a time is no later than <paramref name="periodUs"/> after the start; times before the start are.</summary>
    public readonly bool IsWithin(long nowUs, long periodUs)
    {
        long elapsed = (nowUs - StartUs) & TimeMask;
        return elapsed > MaxPeriodUs || elapsed <= periodUs;
    }
}
