namespace BridgeGuard.Scanning.GuestApi;

/// <summary>A rate with a burst. May go into debt: what was admitted is charged when its cost is known, and paid back before the next.</summary>
internal sealed class TokenBucket
{
    private readonly Lock _lock = new();
    private readonly double _perSecond;
    private readonly double _burst;
    private readonly TimeProvider _time;
    private double _tokens;
    private long _at;

    public TokenBucket(double perSecond, double burst, TimeProvider time)
    {
        _perSecond = perSecond;
        _burst = burst;
        _time = time;
        _tokens = burst;
        _at = time.GetTimestamp();
    }

    /// <summary>Takes <paramref name="cost"/> tokens when there are as many.</summary>
    public bool TryTake(double cost, out TimeSpan retryAfter)
    {
        lock (_lock)
        {
            Refill();
            if (_tokens >= Math.Min(cost, _burst))
            {
                _tokens -= cost;
                retryAfter = TimeSpan.Zero;
                return true;
            }

            retryAfter = TimeSpan.FromSeconds((Math.Min(cost, _burst) - _tokens) / _perSecond);
            return false;
        }
    }

    /// <summary>Charges what has already been used.</summary>
    public void Charge(double cost)
    {
        lock (_lock)
        {
            Refill();
            _tokens -= cost;
        }
    }

    private void Refill()
    {
        long now = _time.GetTimestamp();
        _tokens = Math.Min(_burst, _tokens + (_time.GetElapsedTime(_at, now).TotalSeconds * _perSecond));
        _at = now;
    }
}
