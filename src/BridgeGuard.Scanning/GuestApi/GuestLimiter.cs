using System.Collections.Concurrent;

namespace BridgeGuard.Scanning.GuestApi;

/// <summary>Keeps each guest within its limits, so that a noisy one cannot starve another. Thread: any.</summary>
internal sealed class GuestLimiter(GuestLimits limits, TimeProvider time)
{
    private readonly ConcurrentDictionary<uint, GuestUse> _guests = new();

    /// <summary>What the guest has used; made at its first request. Bounded by the guests of the host, as only known ones get here.</summary>
    public GuestUse For(GuestIdentity guest) => _guests.GetOrAdd(guest.Id, static (_, at) => new GuestUse(at.limits, at.time), (limits, time));
}

/// <summary>One guest's account.</summary>
internal sealed class GuestUse(GuestLimits limits, TimeProvider time)
{
    private readonly GuestLimits _limits = limits;
    private readonly TokenBucket _queries = new(limits.QueriesPerSecond, limits.QueryBurst, time);
    private readonly TokenBucket _bytes = new(limits.BytesPerSecond, limits.ByteBurst, time);
    private int _submissions;
    private int _connections;

    public bool TryQuery(int hashes, out TimeSpan retryAfter) => _queries.TryTake(hashes, out retryAfter);

    /// <summary>Begins a submission; <see cref="EndSubmission"/> follows when true.</summary>
    public bool TryBeginSubmission(out TimeSpan retryAfter)
    {
        if (!_queries.TryTake(1, out retryAfter) || !_bytes.TryTake(1, out retryAfter))
        {
            return false;
        }

        if (Interlocked.Increment(ref _submissions) <= _limits.MaxSubmissions)
        {
            return true;
        }

        Interlocked.Decrement(ref _submissions);
        retryAfter = TimeSpan.FromSeconds(1);
        return false;
    }

    public void EndSubmission(long bytes)
    {
        Interlocked.Decrement(ref _submissions);
        _bytes.Charge(bytes);
    }

    public bool TryConnect()
    {
        if (Interlocked.Increment(ref _connections) <= _limits.MaxConnections)
        {
            return true;
        }

        Interlocked.Decrement(ref _connections);
        return false;
    }

    public void Disconnect() => Interlocked.Decrement(ref _connections);
}
