using System.IO.Enumeration;
using System.Text.Json;
using System.Threading.Channels;
using BridgeGuard.Engine.Events;
using BridgeGuard.Outputs;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Playbooks;

/// <summary>Listens to alerts, and to what turns out about files that guests have, and does what playbooks say. An output like any other: it never holds up the pump, and the engine knows nothing of it.</summary>
public sealed partial class PlaybookEngine(PlaybooksModel start, ActionDesk desk, ILogger<PlaybookEngine> logger, TimeProvider? time = null) : BackgroundService, IOutput
{
    /// <summary>Alerts that wait; in a flood the newest are as good as the oldest, so what does not fit is counted and forgotten.</summary>
    private const int MaxWaiting = 8192;

    private static readonly TimeSpan ExpireEvery = TimeSpan.FromMilliseconds(500);

    private readonly Channel<PlaybookEvent> _events = Channel.CreateBounded<PlaybookEvent>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
    private volatile Running _running = Running.Of(start, null);
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    public string Name => "playbooks";

    public EventFilter Filter { get; } = new() { Kinds = [EventKind.Alert, EventKind.File], OutputIndex = 0 };

    public OutputCounters Counters { get; } = new();

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        if (_running.Books.Count == 0)
        {
            return;
        }

        if (header.Kind == EventKind.File && json.IndexOf("\"verdict_changed\""u8) < 0 && json.IndexOf("\"guest_file\""u8) < 0)
        {
            return; // A file on the wire: what there is to it is an alert.
        }

        Utf8JsonReader reader = new(json);
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        if (header.Kind == EventKind.File)
        {
            foreach (PlaybookEvent ofGuest in PlaybookEvent.OfFile(document.RootElement))
            {
                _events.Writer.TryWrite(desk.Described(ofGuest));
            }
        }
        else if (PlaybookEvent.From(document.RootElement) is { } occasion)
        {
            _events.Writer.TryWrite(occasion);
        }
    }

    public void EndBatch(bool isIdle)
    {
    }

    public void Reopen()
    {
    }

    public ValueTask DisposeAsync()
    {
        _events.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    /// <summary>A reload has brought other playbooks. One that has kept its name and its trigger goes on counting where it was.</summary>
    public void Apply(PlaybooksModel model) => _running = Running.Of(model, _running);

    /// <summary>Lets an event run through all playbooks, and their actions through those that follow.</summary>
    public void Handle(PlaybookEvent occasion)
    {
        Running running = _running;
        for (int i = 0; i < running.Books.Count; i++)
        {
            Playbook book = running.Books[i];
            if (Fits(book.When, occasion) && running.Counts[i].Reaches(book.When, KeyOf(book.When.By, occasion), occasion.Vm, NowUs()))
            {
                Act(running, book, occasion);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        desk.Resume();
        Task waiting = _events.Reader.WaitToReadAsync(stoppingToken).AsTask();
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.WhenAny(waiting, Task.Delay(ExpireEvery, stoppingToken));
            try
            {
                while (_events.Reader.TryRead(out PlaybookEvent? occasion))
                {
                    Handle(occasion);
                }

                desk.Expire();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Log.NotWritten(logger, e.Message);
            }

            if (waiting.IsCompleted)
            {
                waiting = _events.Reader.Completion.IsCompleted ? Task.Delay(Timeout.Infinite, stoppingToken) : _events.Reader.WaitToReadAsync(stoppingToken).AsTask();
            }
        }
    }

    private void Act(Running running, Playbook book, PlaybookEvent occasion)
    {
        foreach (PlaybookAction action in book.Then)
        {
            if (desk.Do(book, action, occasion) is { } entry)
            {
                Log.Acted(logger, book.Name, entry.Kind, entry.Target, entry.State);
            }
        }

        // Loops were refused when the playbooks were read, so this ends.
        PlaybookEvent next = occasion with { Playbook = book.Name };
        for (int i = 0; i < running.Books.Count; i++)
        {
            PlaybookTrigger when = running.Books[i].When;
            if (when.Playbook == book.Name && Fits(when, next) && running.Counts[i].Reaches(when, KeyOf(when.By, next), next.Vm, NowUs()))
            {
                Act(running, running.Books[i], next);
            }
        }
    }

    private static bool Fits(PlaybookTrigger when, PlaybookEvent occasion) =>
        when.Playbook == occasion.Playbook
        && (when.Event == occasion.Event || when.Playbook is not null)
        && (when.Rules.Count == 0 || when.Rules.Contains((occasion.Gid, occasion.Sid)))
        && (when.Categories.Count == 0 || when.Categories.Any(c => FileSystemName.MatchesSimpleExpression(c, occasion.Category)))
        && (when.MaxSeverity == 0 || occasion.Severity <= when.MaxSeverity)
        && (!when.OnlyBlocked || occasion.IsBlocked)
        && (when.Roles.Count == 0 || when.Roles.Contains(occasion.Role))
        && (when.Tags.Count == 0 || when.Tags.Any(t => occasion.Tags.Contains(t, StringComparer.OrdinalIgnoreCase)));

    private static string KeyOf(TriggerScope by, PlaybookEvent occasion) => by switch
    {
        TriggerScope.Vm => occasion.Vm,
        TriggerScope.Peer => occasion.PeerVm.Length > 0 ? occasion.PeerVm : occasion.Peer.ToString(),
        TriggerScope.Rule => $"{occasion.Gid}:{occasion.Sid}",
        _ => "",
    };

    private long NowUs() => (_time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    /// <summary>Playbooks with their counts: exchanged together.</summary>
    private sealed record Running(IReadOnlyList<Playbook> Books, TriggerCounts[] Counts)
    {
        public static Running Of(PlaybooksModel model, Running? before) => new(model.Playbooks, [.. model.Playbooks.Select(book => before?.CountsOf(book) ?? new TriggerCounts())]);

        private TriggerCounts? CountsOf(Playbook book)
        {
            int index = Enumerable.Range(0, Books.Count).FirstOrDefault(i => Books[i].Name == book.Name && Books[i].When.CountsAs(book.When), -1);
            return index < 0 ? null : Counts[index];
        }
    }

    private static partial class Log
    {
        [LoggerMessage(600, LogLevel.Warning, "playbook {Playbook}: {Kind} {Target}: {State}")]
        public static partial void Acted(ILogger logger, string playbook, ActionKind kind, string target, ActionState state);

        [LoggerMessage(601, LogLevel.Error, "an action was not carried out because it cannot be written down: {Reason}")]
        public static partial void NotWritten(ILogger logger, string reason);
    }
}
