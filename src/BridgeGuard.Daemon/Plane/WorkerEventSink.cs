using BridgeGuard.Engine.Events;

namespace BridgeGuard.Daemon.Plane;

/// <summary>What a worker does when its event ring is full.</summary>
public enum RingFull
{
    /// <summary>The event is lost and counted; no packet waits.</summary>
    Drop,

    /// <summary>The worker waits for room for a bounded time while a daemon is there to make it; then as <see cref="Drop"/>.</summary>
    Wait,
}

/// <summary>A worker's way into its ring, with the choice of what happens when there is no room.</summary>
/// <remarks>Thread: the worker's; counters may be read by any. Allocates nothing.</remarks>
internal sealed class WorkerEventSink(EventRing ring, RingFull whenFull, int waitMs) : IEventSink
{
    /// <summary>A daemon that has not looked for so long is not there: waiting for it would only stop traffic.</summary>
    private const long ConsumerGoneMs = 1000;

    private long _waits;
    private long _waitedMs;

    /// <summary>Events that waited.</summary>
    public long Waits => Volatile.Read(ref _waits);

    public long WaitedMs => Volatile.Read(ref _waitedMs);

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        if (ring.TryAppend(header, json))
        {
            return;
        }

        if (whenFull == RingFull.Wait && json.Length <= ring.MaxJsonBytes && WaitForRoom(header, json))
        {
            return;
        }

        ring.CountDropped(json.Length);
    }

    private bool WaitForRoom(in EventHeader header, ReadOnlySpan<byte> json)
    {
        long start = Environment.TickCount64;
        long now = start;
        bool isTaken = false;
        _waits++;
        while (!isTaken && now - start < waitMs && now - ring.ConsumerBeatMs < ConsumerGoneMs)
        {
            Thread.Sleep(1);
            isTaken = ring.TryAppend(header, json);
            now = Environment.TickCount64;
        }

        Volatile.Write(ref _waitedMs, _waitedMs + now - start);
        return isTaken;
    }
}
