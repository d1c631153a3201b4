namespace BridgeGuard.Outputs.Webhook;

/// <summary>When to try again.</summary>
internal static class RetrySchedule
{
    /// <summary>Longest wait that a receiver may ask for by Retry-After.</summary>
    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromHours(24);

    /// <summary>Standard Webhooks 1.0.0, "Retry schedule": at once, 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.</summary>
    public static IReadOnlyList<TimeSpan> Standard { get; } =
    [
        TimeSpan.Zero, TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(30), TimeSpan.FromHours(2),
        TimeSpan.FromHours(5), TimeSpan.FromHours(10), TimeSpan.FromHours(14), TimeSpan.FromHours(20), TimeSpan.FromHours(24),
    ];

    /// <summary>The wait after so many failed attempts; null when there are no more.</summary>
    /// <param name="schedule">The first entry is the wait before the first attempt.</param>
    /// <param name="failedAttempts">From 1.</param>
    /// <param name="jitter">Largest fraction added.</param>
    /// <param name="retryAfter">The receiver's own wish: waited for even when the table says less.</param>
    /// <param name="random">From 0 up to 1.</param>
    public static TimeSpan? Next(IReadOnlyList<TimeSpan> schedule, int failedAttempts, double jitter, TimeSpan? retryAfter, double random)
    {
        if (failedAttempts >= schedule.Count)
        {
            return null;
        }

        TimeSpan wait = schedule[failedAttempts] * (1 + (jitter * random));
        return retryAfter is { } wish && wish > wait ? (wish < MaxRetryAfter ? wish : MaxRetryAfter) : wait;
    }
}
