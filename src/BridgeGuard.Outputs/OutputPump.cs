using System.Diagnostics;
using BridgeGuard.Engine.Events;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BridgeGuard.Outputs;

/// <summary>Drains the workers' rings and hands each event to every output that wants it. One thread; never holds up a worker.</summary>
/// <remarks>
/// It polls: a worker that had to wake somebody would pay a system call per event. Idle, it looks every <see cref="MaxIdle"/>.
/// Room in a ring is given back only when the outputs have the events safe (<see cref="IOutput.IsSettled"/>): a pump that is killed is followed by
/// one that writes the last lines again rather than by one that never had them.
/// An output that throws is a bug: counted, logged, the event is lost for that output only.
/// </remarks>
public sealed partial class OutputPump : IAsyncDisposable
{
    /// <summary>Longest sleep: the delay of an event on an idle host.</summary>
    public static readonly TimeSpan MaxIdle = TimeSpan.FromMilliseconds(5);

    /// <summary>Events taken from one ring before the next has its turn.</summary>
    private const int BatchEvents = 512;

    /// <summary>Events are safe after this long, even while more come without a pause.</summary>
    private static readonly TimeSpan CommitEvery = TimeSpan.FromMilliseconds(20);

    private readonly Lock _changing = new();
    private EventRing[] _rings;
    private long _retiredDropped;
    private long _lastCommit;
    private IOutput[] _outputs;
    private Changing? _change;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isStopping;
    private int _isDisposed;
    private long _events;
    private long _faults;

    public OutputPump(IEnumerable<EventRing> rings, IEnumerable<IOutput> outputs, ILogger? logger = null)
    {
        _rings = [.. rings];
        _outputs = [.. outputs];
        _logger = logger ?? NullLogger.Instance;
        _thread = new Thread(Run) { Name = "output-pump", IsBackground = true };
    }

    public IReadOnlyList<IOutput> Outputs => Volatile.Read(ref _outputs);

    public IReadOnlyList<EventRing> Rings => Volatile.Read(ref _rings);

    /// <summary>Events taken from the rings.</summary>
    public long Events => Volatile.Read(ref _events);

    /// <summary>Events lost because the rings were full: workers were faster than the pump.</summary>
    public long RingDropped => Rings.Sum(ring => ring.Dropped + ring.TooLong) + Volatile.Read(ref _retiredDropped);

    /// <summary>Times an output threw.</summary>
    public long Faults => Volatile.Read(ref _faults);

    public void Start() => _thread.Start();

    /// <summary>Drains one more ring from now on. Any thread.</summary>
    public void Add(EventRing ring)
    {
        lock (_changing)
        {
            Volatile.Write(ref _rings, [.. _rings, ring]);
        }
    }

    /// <summary>Forgets a ring that nobody writes to any more; its losses stay in the sums. Any thread; the pump may look at it once more.</summary>
    public void Remove(EventRing ring)
    {
        lock (_changing)
        {
            if (Array.IndexOf(_rings, ring) >= 0)
            {
                Volatile.Write(ref _rings, [.. _rings.Where(other => other != ring)]);
                Volatile.Write(ref _retiredDropped, _retiredDropped + ring.Dropped + ring.TooLong);
            }
        }
    }

    /// <summary>Exchanges outputs between two batches: no event is given to an old and a new one, none to neither. Any thread but the pump's, one at a time; waits until it is done.</summary>
    /// <param name="change">Gets the outputs and gives those from now on; closes what it leaves out. Its exceptions come back to the caller.</param>
    public void Change(Func<IReadOnlyList<IOutput>, IReadOnlyList<IOutput>> change)
    {
        var wanted = new Changing(change);
        Volatile.Write(ref _change, wanted);
        if (_thread.ThreadState.HasFlag(System.Threading.ThreadState.Unstarted) || _ended.Task.IsCompleted)
        {
            TakeChange();
        }

        wanted.Done.Task.GetAwaiter().GetResult();
    }

    /// <summary>Tells every output to open its file again (SIGHUP).</summary>
    public void Reopen()
    {
        foreach (IOutput output in Outputs)
        {
            output.Reopen();
        }
    }

    /// <summary>Drains what the rings hold, then closes the outputs. Workers must have stopped before.</summary>
    public async ValueTask DisposeAsync()
    {
        // A container that knows it by two names closes it twice.
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        _isStopping = true;
        if (_thread.ThreadState.HasFlag(System.Threading.ThreadState.Unstarted))
        {
            _ended.TrySetResult();
        }

        await _ended.Task.ConfigureAwait(false);
        foreach (IOutput output in _outputs)
        {
            await output.DisposeAsync().ConfigureAwait(false);
        }
    }

    private void Run()
    {
        int idleRounds = 0;
        while (true)
        {
            TakeChange();
            bool isLast = _isStopping; // Read before draining: what was written before the stop is drained after it.
            int drained = 0;
            bool isLarge = false;
            EventRing[] rings = Volatile.Read(ref _rings);
            foreach (EventRing ring in rings)
            {
                ring.ConsumerBeatMs = Environment.TickCount64;
                drained += Drain(ring);
                isLarge |= ring.UncommittedBytes > ring.CapacityBytes / 4;
            }

            EndBatch(isIdle: drained == 0 || isLast || isLarge || Stopwatch.GetElapsedTime(_lastCommit) >= CommitEvery);
            Commit(rings, isLast);
            if (drained > 0)
            {
                idleRounds = 0;
                continue;
            }

            if (isLast)
            {
                _ended.SetResult();
                TakeChange();
                return;
            }

            idleRounds++;
            Thread.Sleep(idleRounds < 10 ? TimeSpan.FromMilliseconds(1) : MaxIdle);
        }
    }

    private void TakeChange()
    {
        if (Interlocked.Exchange(ref _change, null) is not { } change)
        {
            return;
        }

        try
        {
            Volatile.Write(ref _outputs, [.. change.How(_outputs)]);
            change.Done.SetResult();
        }
        catch (Exception e)
        {
            change.Done.SetException(e); // The caller's to say.
        }
    }

    private int Drain(EventRing ring)
    {
        int count = 0;
        while (count < BatchEvents && ring.TryPeek(out EventHeader header, out ReadOnlySpan<byte> json))
        {
            foreach (IOutput output in _outputs)
            {
                try
                {
                    if (output.Filter.Matches(header))
                    {
                        output.Write(header, json);
                    }
                }
                catch (Exception e)
                {
                    Fault(output, e);
                }
            }

            ring.Advance(free: false);
            count++;
        }

        Volatile.Write(ref _events, _events + count);
        return count;
    }

    private void Commit(EventRing[] rings, bool isLast)
    {
        bool isSettled = Array.TrueForAll(_outputs, output => output.IsSettled);
        foreach (EventRing ring in rings)
        {
            // A worker without room loses events for sure, a kill of this process is only possible.
            if (isSettled || isLast || ring.UncommittedBytes > ring.CapacityBytes / 2)
            {
                ring.Commit();
            }
        }

        if (isSettled)
        {
            _lastCommit = Stopwatch.GetTimestamp();
        }
    }

    private void EndBatch(bool isIdle)
    {
        foreach (IOutput output in _outputs)
        {
            try
            {
                output.EndBatch(isIdle);
            }
            catch (Exception e)
            {
                Fault(output, e);
            }
        }
    }

    private void Fault(IOutput output, Exception e)
    {
        long faults = Interlocked.Increment(ref _faults);
        if (faults < 10 || faults % 10_000 == 0) // Log the first ones; a storm of them must not fill the disk.
        {
            Log.Fault(_logger, e, output.Name, faults);
        }
    }

    /// <summary>A change of outputs that waits for its turn.</summary>
    private sealed record Changing(Func<IReadOnlyList<IOutput>, IReadOnlyList<IOutput>> How)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private static partial class Log
    {
        [LoggerMessage(3001, LogLevel.Error, "Output {Output} failed inside BridgeGuard ({Faults} times so far).")]
        public static partial void Fault(ILogger logger, Exception exception, string output, long faults);
    }
}
