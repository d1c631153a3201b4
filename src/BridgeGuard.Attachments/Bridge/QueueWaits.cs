namespace BridgeGuard.Attachments.Bridge;

/// <summary>How long frames have waited in a queue whose frames carry no time: by the number of frames that had been sent to it when its worker last looked.</summary>
/// <remarks>
/// Frame n was in the queue at the first look at which n frames had been sent, so it has waited at least since then. Frames that came while the worker
/// had another one in hand are seen at the next look. Not thread-safe; allocates nothing.
/// </remarks>
internal sealed class QueueWaits
{
    /// <summary>Looks remembered, a power of two: with more frames than this in the queue the latest ones are taken to have come a little later than they did.</summary>
    public const int Capacity = 1024;

    private readonly (long Sent, long AtUs)[] _looks = new (long, long)[Capacity];
    private uint _first;
    private uint _next;
    private long _latest;

    /// <summary>Looks, and says how long the frame in hand has waited.</summary>
    /// <param name="done">Frames taken from the queue before this one.</param>
    /// <param name="sent">Frames that have been sent to it, this one included.</param>
    /// <param name="nowUs">The time of the look.</param>
    /// <returns>Microseconds, at least so many.</returns>
    public int Take(long done, long sent, long nowUs)
    {
        if (sent > _latest && _next - _first < Capacity)
        {
            _looks[_next++ & (Capacity - 1)] = (sent, nowUs);
            _latest = sent;
        }

        while (_first != _next && _looks[_first & (Capacity - 1)].Sent <= done)
        {
            _first++;
        }

        return _first == _next ? 0 : (int)Math.Clamp(nowUs - _looks[_first & (Capacity - 1)].AtUs, 0, int.MaxValue);
    }
}
