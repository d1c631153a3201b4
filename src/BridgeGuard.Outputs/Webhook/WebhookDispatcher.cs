using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Outputs.Webhook;

/// <summary>Takes due events from the journal and has them sent: several at a time while the receiver is well, one while it fails.</summary>
internal sealed partial class WebhookDispatcher : IAsyncDisposable
{
    /// <summary>Consecutive failures after which the receiver counts as ill.</summary>
    private const int IllAfter = 3;

    /// <summary>Also without a signal it looks again: the clock may have been set.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);

    private readonly WebhookOptions _options;
    private readonly WebhookJournal _journal;
    private readonly WebhookSender _sender;
    private readonly WebhookCounters _counters;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _signal = new(0, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _lock = new();
    private readonly HashSet<long> _inFlight = [];
    private readonly Task _running;
    private int _failuresInARow;
    private long _pausedUntilUs;

    public WebhookDispatcher(
        WebhookOptions options, WebhookJournal journal, WebhookSender sender, WebhookCounters counters, ILogger logger, TimeProvider time)
    {
        _options = options;
        _journal = journal;
        _sender = sender;
        _counters = counters;
        _logger = logger;
        _time = time;
        _running = Task.Run(RunAsync);
    }

    public void Wake()
    {
        try
        {
            _signal.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is awake.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        while (InFlight().Count > 0)
        {
            await Task.Delay(5).ConfigureAwait(false); // Cancelled attempts end at once and still write into the journal.
        }

        _sender.Dispose();
        _stopping.Dispose();
        _signal.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            TimeSpan wait = MaxWait;
            try
            {
                wait = Dispatch();
            }
            catch (SqliteException e)
            {
                Log.JournalFailed(_logger, e, _options.Name);
                wait = TimeSpan.FromSeconds(1);
            }

            try
            {
                await _signal.WaitAsync(wait, _stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>Starts what is due and there is room for. Returns how long nothing else will be due.</summary>
    private TimeSpan Dispatch()
    {
        if (_journal.IsDisabled)
        {
            return MaxWait;
        }

        long now = NowUs();
        long paused = Volatile.Read(ref _pausedUntilUs) - now;
        if (paused > 0)
        {
            return Earlier(paused);
        }

        HashSet<long> inFlight = InFlight();
        int room = (Volatile.Read(ref _failuresInARow) >= IllAfter ? 1 : _options.Concurrency) - inFlight.Count;
        if (room <= 0)
        {
            return MaxWait; // The end of an attempt wakes.
        }

        foreach (Delivery delivery in _journal.Due(now, room, inFlight))
        {
            lock (_lock)
            {
                _inFlight.Add(delivery.Sequence);
            }

            inFlight.Add(delivery.Sequence);
            room--;
            _ = AttemptAsync(delivery);
        }

        return room > 0 && _journal.NextDueUs(inFlight) is { } next ? Earlier(next - now) : MaxWait;
    }

    private async Task AttemptAsync(Delivery delivery)
    {
        await Task.Yield();
        try
        {
            Attempt attempt = await _sender.SendAsync(delivery, _stopping.Token).ConfigureAwait(false);
            Settle(delivery, attempt);
        }
        catch (OperationCanceledException)
        {
            // Stopping: the event stays in the journal.
        }
        catch (Exception e)
        {
            // The journal cannot be written: the event stays as it was and is sent again, which "at least once" allows.
            Log.JournalFailed(_logger, e, _options.Name);
            Volatile.Write(ref _pausedUntilUs, NowUs() + 1_000_000);
        }
        finally
        {
            lock (_lock)
            {
                _inFlight.Remove(delivery.Sequence);
            }

            if (!_stopping.IsCancellationRequested)
            {
                Wake();
            }
        }
    }

    private void Settle(Delivery delivery, Attempt attempt)
    {
        if (attempt.Result == AttemptResult.Delivered)
        {
            Interlocked.Increment(ref _counters.DeliveredValue);
            if (Interlocked.Exchange(ref _failuresInARow, 0) >= IllAfter)
            {
                Log.Well(_logger, _options.Name);
            }

            _journal.Delivered(delivery.Sequence);
            return;
        }

        Interlocked.Increment(ref _counters.FailedValue);
        if (Interlocked.Increment(ref _failuresInARow) == IllAfter)
        {
            Log.Ill(_logger, _options.Name, attempt.Error);
        }

        int attempts = delivery.Attempts + 1;
        if (attempt.Result == AttemptResult.Gone)
        {
            Log.Gone(_logger, _options.Name);
            _journal.IsDisabled = true;
            _journal.Failed(delivery.Sequence, delivery.Attempts, NowUs(), attempt.Error); // Not the event's fault: it keeps its attempts.
            return;
        }

        if (attempt.Result == AttemptResult.Throttled)
        {
            Interlocked.Increment(ref _counters.ThrottledValue);
            if (attempt.RetryAfter is { } wish && wish > TimeSpan.Zero)
            {
                Volatile.Write(ref _pausedUntilUs, NowUs() + (long)Math.Min(wish.TotalMicroseconds, TimeSpan.FromHours(24).TotalMicroseconds));
            }
        }

        if (RetrySchedule.Next(_options.Schedule, attempts, _options.Jitter, attempt.RetryAfter, Random.Shared.NextDouble()) is { } wait)
        {
            _journal.Failed(delivery.Sequence, attempts, NowUs() + (long)wait.TotalMicroseconds, attempt.Error);
            return;
        }

        Interlocked.Increment(ref _counters.DeadValue);
        Log.Dead(_logger, _options.Name, delivery.Id, attempts, attempt.Error);
        _journal.GiveUp(delivery.Sequence, attempts, attempt.Error);
    }

    private HashSet<long> InFlight()
    {
        lock (_lock)
        {
            return [.. _inFlight];
        }
    }

    private long NowUs() => (_time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    private static TimeSpan Earlier(long waitUs) => TimeSpan.FromMicroseconds(Math.Clamp(waitUs, 1_000, (long)MaxWait.TotalMicroseconds));

    private static partial class Log
    {
        [LoggerMessage(3211, LogLevel.Warning, "The receiver of webhook {Sink} fails: {Reason}. Events stay in the journal.")]
        public static partial void Ill(ILogger logger, string sink, string reason);

        [LoggerMessage(3212, LogLevel.Information, "The receiver of webhook {Sink} works again.")]
        public static partial void Well(ILogger logger, string sink);

        [LoggerMessage(3213, LogLevel.Error, "The receiver of webhook {Sink} answered 410 Gone: the sink is disabled until it is enabled again.")]
        public static partial void Gone(ILogger logger, string sink);

        [LoggerMessage(3214, LogLevel.Error, "Webhook {Sink}: event {Id} is a dead letter after {Attempts} attempts: {Reason}")]
        public static partial void Dead(ILogger logger, string sink, string id, int attempts, string reason);

        [LoggerMessage(3215, LogLevel.Error, "The journal of webhook {Sink} cannot be used.")]
        public static partial void JournalFailed(ILogger logger, Exception exception, string sink);
    }
}
