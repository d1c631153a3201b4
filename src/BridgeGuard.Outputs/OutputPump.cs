using BridgeGuard.Engine.Events;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BridgeGuard.Outputs;

/// <summary>Drains the workers' rings and hands each event to every output that wants it. One thread; never holds up a worker.</summary>
/// <remarks>
/// It polls: a worker that had to wake somebody would pay a system call per event. Idle, it looks every <see cref="MaxIdle"/>.
/// An output that throws is a bug: counted, logged, the event is lost for that output only.
/// </remarks>
public sealed partial class OutputPump : IAsyncDisposable
{
    /// <summary>Longest sleep: the delay of an event on an idle host.</summary>
    public static readonly TimeSpan MaxIdle = TimeSpan.FromMilliseconds(5);

    /// <summary>Events taken from one ring before the next has its turn.</summary>
    private const int BatchEvents = 512;

    private readonly EventRing[] _rings;
    private readonly IOutput[] _outputs;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isStopping;
    private long _events;
    private long _faults;

    public OutputPump(IEnumerable<EventRing> rings, IEnumerable<IOutput> outputs, ILogger? logger = null)
    {
        _rings = [.. rings];
        _outputs = [.. outputs];
        _logger = logger ?? NullLogger.Instance;
        _thread = new Thread(Run) { Name = "output-pump", IsBackground = true };
    }

    public IReadOnlyList<IOutput> Outputs => _outputs;

    public IReadOnlyList<EventRing> Rings => _rings;

    /// <summary>Events taken from the rings.</summary>
    public long Events => Volatile.Read(ref _events);

    /// <summary>Events lost because the rings were full: workers were faster than the pump.</summary>
    public long RingDropped => _rings.Sum(ring => ring.Dropped + ring.TooLong);

    /// <summary>Times an output threw.</summary>
    public long Faults => Volatile.Read(ref _faults);

    public void Start() => _thread.Start();

    /// <summary>Tells every output to open its file again (SIGHUP).</summary>
    public void Reopen()
    {
        foreach (IOutput output in _outputs)
        {
            output.Reopen();
        }
    }

    /// <summary>Drains what the rings hold, then closes the outputs. Workers must have stopped before.</summary>
    public async ValueTask DisposeAsync()
    {
        _isStopping = true;
        if (_thread.ThreadState.HasFlag(ThreadState.Unstarted))
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
            bool isLast = _isStopping; // Read before draining: what was written before the stop is drained after it.
            int drained = 0;
            foreach (EventRing ring in _rings)
            {
                drained += Drain(ring);
            }

            EndBatch(isIdle: drained == 0 || isLast);
            if (drained > 0)
            {
                idleRounds = 0;
                continue;
            }

            if (isLast)
            {
                _ended.SetResult();
                return;
            }

            idleRounds++;
            Thread.Sleep(idleRounds < 10 ? TimeSpan.FromMilliseconds(1) : MaxIdle);
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

            ring.Advance();
            count++;
        }

        Volatile.Write(ref _events, _events + count);
        return count;
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

    private static partial class Log
    {
        [LoggerMessage(3001, LogLevel.Error, "Output {Output} failed inside BridgeGuard ({Faults} times so far).")]
        public static partial void Fault(ILogger logger, Exception exception, string output, long faults);
    }
}
