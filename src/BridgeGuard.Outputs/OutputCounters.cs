namespace BridgeGuard.Outputs;

/// <summary>What an output has done since start. Written by the output, read by metrics.</summary>
public sealed class OutputCounters
{
    private long _events;
    private long _bytes;
    private long _dropped;
    private long _failures;

    /// <summary>Events that are out (for a journaled output: safely in the journal).</summary>
    public long Events => Volatile.Read(ref _events);

    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Events lost, for want of room or because the other side was away for too long.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Failed tries to write, open or connect.</summary>
    public long Failures => Volatile.Read(ref _failures);

    internal void AddEvents(long events, long bytes)
    {
        Interlocked.Add(ref _events, events);
        Interlocked.Add(ref _bytes, bytes);
    }

    internal void AddDropped(long events) => Interlocked.Add(ref _dropped, events);

    internal void AddFailure() => Interlocked.Increment(ref _failures);
}
