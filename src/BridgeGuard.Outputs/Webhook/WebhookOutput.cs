using System.Threading.Channels;
using BridgeGuard.Engine.Events;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BridgeGuard.Outputs.Webhook;

/// <summary>Posts events to a receiver by Standard Webhooks 1.0.0: at least once, from a journal that survives the process.</summary>
/// <remarks>
/// pump → queue in memory (bounded, full drops and counts) → journal on disk (in batches) → attempts. An event is safe once it is in the
/// journal, milliseconds after the pump had it. A dead receiver fills the journal to its limit and holds up nobody.
/// </remarks>
public sealed partial class WebhookOutput : IOutput
{
    private const int JournalBatch = 500;
    private static readonly TimeSpan DiskRetry = TimeSpan.FromMilliseconds(500);

    private readonly WebhookOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly WebhookSigner _signer;
    private readonly Channel<Queued> _queue;
    private readonly WebhookDispatcher _dispatcher;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _journaling;
    private int _unjournaled;

    /// <exception cref="FormatException">A secret or the URL is not valid.</exception>
    public WebhookOutput(WebhookOptions options, ILogger? logger = null, TimeProvider? time = null)
    {
        if (options.Url.Scheme is not ("https" or "http"))
        {
            throw new FormatException($"The URL of webhook {options.Name} is neither https nor http.");
        }

        _options = options;
        _logger = logger ?? NullLogger.Instance;
        _time = time ?? TimeProvider.System;
        _signer = new WebhookSigner(options.Secrets);
        Journal = new WebhookJournal(options.JournalPath);
        if (Journal.SetAside is { } setAside)
        {
            Log.SetAside(_logger, Name, setAside);
        }

        _queue = Channel.CreateBounded<Queued>(new BoundedChannelOptions(options.QueueEvents) { SingleReader = true });
        _dispatcher = new WebhookDispatcher(options, Journal, new WebhookSender(options, _signer, _time), DeliveryCounters, _logger, _time);
        _journaling = Task.Run(JournalAsync);
    }

    public string Name => _options.Name;

    public EventFilter Filter => _options.Filter;

    public OutputCounters Counters { get; } = new();

    public WebhookCounters DeliveryCounters { get; } = new();

    /// <summary>For the commands: dead letters, replay, enable. After <see cref="WebhookJournal.Replay"/> call <see cref="Wake"/>.</summary>
    public WebhookJournal Journal { get; }

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        Interlocked.Increment(ref _unjournaled);
        if (!_queue.Writer.TryWrite(new Queued(header, json.ToArray(), null)))
        {
            Interlocked.Decrement(ref _unjournaled);
            Counters.AddDropped(1);
        }
    }

    public void EndBatch(bool isIdle)
    {
        // The journaling task takes what there is.
    }

    /// <summary>Everything is in the journal, or was dropped and counted.</summary>
    public bool IsSettled => Volatile.Read(ref _unjournaled) == 0;

    public void Reopen()
    {
        // No file that is rotated.
    }

    /// <summary>Looks for due events now.</summary>
    public void Wake() => _dispatcher.Wake();

    /// <summary>Lets a sink that the receiver disabled (410) work again.</summary>
    public void Enable()
    {
        Journal.IsDisabled = false;
        Wake();
    }

    /// <summary>Completes when everything written before is in the journal (or dropped and counted).</summary>
    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await _queue.Writer.WriteAsync(new Queued(default, [], done), cancellationToken).ConfigureAwait(false);
        await done.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Journals what is queued and stops sending; the rest is sent after the next start.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        _stopping.CancelAfter(TimeSpan.FromSeconds(5)); // A full disk must not hold up the end for ever.
        await _journaling.ConfigureAwait(false);
        await _dispatcher.DisposeAsync().ConfigureAwait(false);
        Journal.Dispose();
        _signer.Dispose();
        _stopping.Dispose();
    }

    private async Task JournalAsync()
    {
        var batch = new List<Queued>(JournalBatch);
        while (await _queue.Reader.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false))
        {
            batch.Clear();
            while (batch.Count < JournalBatch && _queue.Reader.TryRead(out Queued queued))
            {
                batch.Add(queued);
            }

            try
            {
                await JournalBatchAsync([.. batch.Where(queued => queued.Done is null)]).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                Counters.AddDropped(batch.Count(queued => queued.Done is null)); // A bug of ours; one batch is less than the sink.
                Log.CannotJournal(_logger, e, Name);
            }

            Interlocked.Add(ref _unjournaled, -batch.Count(queued => queued.Done is null));
            batch.ForEach(queued => queued.Done?.TrySetResult());
        }
    }

    private async Task JournalBatchAsync(List<Queued> batch)
    {
        int room = _options.JournalMaxEvents - Journal.PendingCount - Journal.DeadCount;
        if (batch.Count > room)
        {
            int kept = Math.Max(0, room);
            Counters.AddDropped(batch.Count - kept);
            batch.RemoveRange(kept, batch.Count - kept);
        }

        if (batch.Count == 0)
        {
            return;
        }

        var events = new List<(string Id, byte[] Body)>(batch.Count);
        foreach (Queued queued in batch)
        {
            string id = $"msg_{Guid.CreateVersion7():N}";
            try
            {
                events.Add((id, WebhookBody.Create(queued.Header, queued.Json, id, _options)));
            }
            catch (System.Text.Json.JsonException)
            {
                Counters.AddDropped(1); // Too long and not JSON: nothing that could be shortened.
            }
        }

        bool isTold = false;
        while (true)
        {
            try
            {
                Journal.Add(events, NowUs());
                Counters.AddEvents(events.Count, events.Sum(item => (long)item.Body.Length));
                _dispatcher.Wake();
                return;
            }
            catch (SqliteException e)
            {
                Counters.AddFailure();
                if (!isTold)
                {
                    isTold = true;
                    Log.CannotJournal(_logger, e, Name);
                }
            }

            try
            {
                await Task.Delay(DiskRetry, _stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                Counters.AddDropped(events.Count);
                return;
            }
        }
    }

    private long NowUs() => (_time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    private readonly record struct Queued(EventHeader Header, byte[] Json, TaskCompletionSource? Done);

    private static partial class Log
    {
        [LoggerMessage(3201, LogLevel.Error, "Webhook {Sink} cannot write its journal; events wait in memory.")]
        public static partial void CannotJournal(ILogger logger, Exception exception, string sink);

        [LoggerMessage(3202, LogLevel.Error, "The journal of webhook {Sink} was damaged; it was set aside as {SetAside} and a new one begun.")]
        public static partial void SetAside(ILogger logger, string sink, string setAside);
    }
}
