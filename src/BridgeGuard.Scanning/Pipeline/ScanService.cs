using System.Collections.Concurrent;
using System.IO.Pipelines;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.BadFiles;
using BridgeGuard.Scanning.Fleet;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.VerdictCache;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BridgeGuard.Scanning.Pipeline;

/// <summary>What became of one content that was handed in.</summary>
/// <param name="Key">Hash and length of what was read.</param>
/// <param name="Verdict">The verdict; Kind Error when it could not be judged: the caller applies its fail policy.</param>
/// <param name="IsFromCache">No scan was needed.</param>
public sealed record ScanOutcome(FileKey Key, FileVerdict Verdict, bool IsFromCache);

/// <summary>Takes contents in, hashes them as they come, and has each content scanned once per generation, however many bring it.</summary>
/// <remarks>
/// <para>Invariant: <see cref="ScanCounters.Scans"/> equals the number of different (content, generation) pairs, apart from scans repeated
/// after an error. Whoever brings a content that is being scanned waits for that scan.</para>
/// <para>A scan belongs to nobody: it goes on when the one who brought the content leaves, as others may wait for it.</para>
/// </remarks>
public sealed partial class ScanService : IAsyncDisposable
{
    /// <summary>How often to look whether a content whose last bytes are on their way has become a scan.</summary>
    private static readonly TimeSpan AnnouncedPoll = TimeSpan.FromMilliseconds(5);

    private readonly FileVerdictCache _cache;
    private readonly IFleetCache? _fleet;
    private readonly IReadOnlyList<IScanner> _scanners;
    private readonly ScanOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SpoolBudget _budget;
    private readonly SemaphoreSlim _turns;
    private readonly ConcurrentDictionary<FileKey, Task<FileVerdict>> _flights = new();
    private readonly ConcurrentDictionary<FileKey, int> _announced = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly ScannerGeneration _generation;
    private readonly AheadGate _gate;
    private readonly IntakeReader _reader;
    private Task? _watching;

    public ScanService(
        FileVerdictCache cache,
        IReadOnlyList<IScanner> scanners,
        ScanOptions? options = null,
        TimeProvider? time = null,
        ILogger? logger = null,
        IFleetCache? fleet = null)
    {
        _fleet = fleet;
        _cache = cache;
        _scanners = scanners;
        _options = options ?? new ScanOptions();
        _time = time ?? TimeProvider.System;
        _logger = logger ?? NullLogger.Instance;
        _budget = new SpoolBudget(_options.SpoolMemoryBytes, _options.SpoolDiskBytes);
        _turns = new SemaphoreSlim(_options.Concurrency);
        _generation = new ScannerGeneration(cache, scanners, _time, _logger);
        _gate = new AheadGate(_options.MaxAhead);
        _reader = new IntakeReader(_options, _budget, Counters, TryGoAhead);
    }

    public ScanCounters Counters { get; } = new();

    public FileVerdictCache Cache => _cache;

    /// <summary>Spool memory in use, bytes.</summary>
    public long SpoolMemoryBytes => _budget.MemoryUsed;

    /// <summary>Spool files in use, bytes.</summary>
    public long SpoolDiskBytes => _budget.DiskUsed;

    /// <summary>A verdict turned. Called from a pool thread; must return soon.</summary>
    public event Action<VerdictChange>? VerdictChanged;

    /// <summary>Reads the scanners' generations now and then again and again until disposal.</summary>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        await _generation.RefreshAsync(cancellationToken).ConfigureAwait(false);
        _watching ??= _generation.WatchAsync(_options.GenerationInterval, _stopping.Token);
    }

    /// <summary>Asks every scanner for its generation; the cache's becomes their combination. A scanner that does not answer keeps its last one.</summary>
    public Task RefreshGenerationAsync(CancellationToken cancellationToken = default) => _generation.RefreshAsync(cancellationToken);

    /// <summary>Hashes that a list has just made bad: whoever already has such a content is named in <see cref="VerdictChanged"/>.</summary>
    public void ReportListed(IEnumerable<Sha256> nowBad)
    {
        foreach (Sha256 hash in nowBad)
        {
            foreach (IGrouping<FileKey, Exposure> content in _cache.FindExposures(hash).GroupBy(exposure => exposure.Key))
            {
                FileVerdict before = _cache.FindEvenIfStale(content.Key)
                    ?? new FileVerdict { Kind = FileVerdictKind.Unknown, Engine = "bridgeguard", TimeUs = content.Max(exposure => exposure.TimeUs) };
                if (before.Kind != FileVerdictKind.Malicious && _cache.Find(content.Key) is { Kind: FileVerdictKind.Malicious } after)
                {
                    Interlocked.Increment(ref Counters.VerdictsChangedValue);
                    VerdictChanged?.Invoke(new VerdictChange(content.Key, before, after, [.. content], _cache.FindGuests(hash)));
                }
            }
        }
    }

    /// <summary>Is this content being read or scanned? Packet side: no waiting, no allocation.</summary>
    public bool IsPending(in FileKey key) => _flights.ContainsKey(key) || _announced.ContainsKey(key);

    /// <summary>Completes when this content is no longer pending, or after <paramref name="timeout"/>.</summary>
    public async Task WaitWhilePendingAsync(FileKey key, TimeSpan timeout, CancellationToken cancellationToken)
    {
        long begin = _time.GetTimestamp();
        while (IsPending(key) && timeout - _time.GetElapsedTime(begin) is { Ticks: > 0 } left)
        {
            Task flight = _flights.TryGetValue(key, out Task<FileVerdict>? scanning) ? scanning : Task.Delay(AnnouncedPoll, cancellationToken);
            await Task.WhenAny(flight, Task.Delay(left, cancellationToken)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Reads a content to its end and judges it.</summary>
    /// <param name="body">Completed by the caller's side; read to its end here, and completed.</param>
    /// <param name="provenance">For the ledger; null leaves no line.</param>
    /// <param name="consumed">Told of bytes taken from <paramref name="body"/>; null when nobody counts.</param>
    /// <param name="cancellationToken">Ends waiting, not the scan.</param>
    public async Task<ScanOutcome> SubmitAsync(
        PipeReader body,
        FileProvenance? provenance,
        Action<long>? consumed = null,
        CancellationToken cancellationToken = default)
    {
        try
        {
            Intake intake = await TakeInAsync(body, consumed, cancellationToken).ConfigureAwait(false);
            Task<FileVerdict> judging = Judge(intake, provenance, out bool isFromCache);
            return new ScanOutcome(intake.Key, await judging.WaitAsync(cancellationToken).ConfigureAwait(false), isFromCache);
        }
        finally
        {
            await body.CompleteAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        if (_watching is not null)
        {
            await _watching.ConfigureAwait(false);
        }

        await ((Task)Task.WhenAll(_flights.Values)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (IScanner scanner in _scanners)
        {
            await scanner.DisposeAsync().ConfigureAwait(false);
        }

        _stopping.Dispose();
    }

    /// <summary>Marks a content as on its way to the scanner although its last bytes are still in a pipe.</summary>
    internal void Announce(in FileKey key) => _announced.AddOrUpdate(key, 1, static (_, count) => count + 1);

    /// <summary>Takes back one <see cref="Announce"/>.</summary>
    internal void Withdraw(in FileKey key)
    {
        while (_announced.TryGetValue(key, out int count))
        {
            bool done = count > 1
                ? _announced.TryUpdate(key, count - 1, count)
                : _announced.TryRemove(KeyValuePair.Create(key, count));
            if (done)
            {
                return;
            }
        }
    }

    /// <summary>Reads a content to its end. Whoever gets the intake hands it to <see cref="Judge"/> or disposes it.</summary>
    internal Task<Intake> TakeInAsync(PipeReader body, Action<long>? consumed, CancellationToken cancellationToken, Action<ContentSpool>? begun = null) =>
        _reader.TakeInAsync(body, consumed, cancellationToken, begun);

    /// <summary>Judges the first bytes of a content that still grows, as a content of their own.</summary>
    internal async Task JudgePrefixAsync(ContentSpool growing, FileKey key)
    {
        if (_cache.Find(key, forScan: true) is null)
        {
            Intake prefix = await _reader.CopyAsync(growing, 0, key.Size).ConfigureAwait(false);
            if (prefix.Key != key)
            {
                Interlocked.Increment(ref Counters.HashMismatchesValue);
            }

            await Judge(prefix, provenance: null, out _).ConfigureAwait(false);
        }
    }

    /// <summary>Judges a part of a content that still grows, as a content of its own.</summary>
    internal async Task<bool> IsCleanBetweenAsync(ContentSpool growing, long from, long to, ContentPatch[] patches)
    {
        Intake part = await _reader.CopyAsync(growing, from, to, patches).ConfigureAwait(false);
        return (await Judge(part, provenance: null, out _).ConfigureAwait(false)).Kind == FileVerdictKind.Clean;
    }

    /// <summary>Judges what stands in a content after some of its bytes were replaced, as a content of its own; and says which it is.</summary>
    internal async Task<(FileVerdictKind Kind, FileKey Key)> JudgeRewrittenAsync(ContentSpool growing, long size, ContentPatch[] patches, FileProvenance? provenance)
    {
        Intake content = await _reader.CopyAsync(growing, 0, size, patches).ConfigureAwait(false);
        FileKey key = content.Key;
        return ((await Judge(content, provenance, out _).ConfigureAwait(false)).Kind, key);
    }

    private ScanAhead? TryGoAhead(ContentSpool spool, Sha256 beginning)
    {
        if (_scanners.Count == 0 || !_gate.TryEnter(beginning, _cache.CurrentGeneration))
        {
            return null;
        }

        Interlocked.Increment(ref Counters.AheadValue);
        return new ScanAhead(_scanners, spool, () => _gate.Leave(beginning), Counters, _stopping.Token);
    }

    private void Know(Sha256? beginning)
    {
        if (beginning is { } known)
        {
            _gate.Know(known, _cache.CurrentGeneration);
        }
    }

    /// <summary>Finds the verdict, joins the scan that is under way, or begins one. Takes the intake over.</summary>
    internal Task<FileVerdict> Judge(Intake intake, FileProvenance? provenance, out bool isFromCache)
    {
        (FileKey key, ContentSpool spool, Sha256? beginning, ScanAhead? ahead) = intake;
        if (provenance is not null)
        {
            _cache.Record(provenance.ToExposure(key));
        }

        if (_cache.Find(key, forScan: true) is { } known)
        {
            if (known.Kind == FileVerdictKind.Malicious && !_cache.BadFiles.Contains(key))
            {
                _ = PrintAndDisposeAsync(key, spool); // Known by its hash alone until now.
            }
            else
            {
                spool.Dispose();
            }

            ahead?.Abandon();
            Know(beginning);
            Interlocked.Increment(ref Counters.SavedByCacheValue);
            isFromCache = true;
            return Task.FromResult(known);
        }

        isFromCache = false;
        var landing = new TaskCompletionSource<FileVerdict>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<FileVerdict> flight = _flights.GetOrAdd(key, landing.Task);
        if (flight != landing.Task)
        {
            intake.Dispose();
            Interlocked.Increment(ref Counters.SavedByJoiningValue);
            return flight;
        }

        _ = FlyAsync(intake, landing);
        return flight;
    }

    private async Task FlyAsync(Intake intake, TaskCompletionSource<FileVerdict> landing)
    {
        FileKey key = intake.Key;
        FileVerdict verdict;
        try
        {
            // The flight before ours may have landed between the question to the cache and our take-off.
            if (_cache.Find(key, forScan: true) is { } known)
            {
                Interlocked.Increment(ref Counters.SavedByCacheValue);
                verdict = known;
            }
            else
            {
                verdict = await ScanAndRememberAsync(intake).ConfigureAwait(false);
                if (verdict.Kind != FileVerdictKind.Error)
                {
                    Know(intake.Beginning);
                }
            }
        }
        catch (Exception e)
        {
            Log.ScanFailed(_logger, e, key);
            verdict = ErrorVerdict("internal error: " + e.Message, isTransient: true);
            _cache.Put(key, verdict);
        }

        intake.Dispose();
        _flights.TryRemove(key, out _); // After the cache has the verdict: the packet side never sees a gap between pending and known.
        landing.SetResult(verdict);
    }

    private async Task<FileVerdict> ScanAndRememberAsync(Intake intake)
    {
        (FileKey key, ContentSpool spool, _, _) = intake;
        FileVerdict? before = _cache.FindEvenIfStale(key);
        FileVerdict verdict = _scanners.Count == 0 ? NotListed()
            : spool.Refusal is { } refusal ? ErrorVerdict(refusal, spool.IsRefusalTransient)
            : await AskFleetOrScanAsync(intake).ConfigureAwait(false);
        if (verdict.Kind == FileVerdictKind.Error && before is { Kind: FileVerdictKind.Malicious })
        {
            return before; // Not judged now, but known to have been bad: the block stays.
        }

        if (verdict.Kind == FileVerdictKind.Malicious)
        {
            await PrintAsync(key, spool).ConfigureAwait(false); // First: nobody may fetch the rest in pieces once the verdict stops the whole.
        }

        _cache.Put(key, verdict);
        bool isTurned = before is { Kind: FileVerdictKind.Clean } && verdict.Kind == FileVerdictKind.Malicious;
        bool isCleared = before is { Kind: FileVerdictKind.Malicious } && verdict.Kind == FileVerdictKind.Clean;
        if (isTurned || isCleared)
        {
            await TellAsync(key, before!, verdict).ConfigureAwait(false);
        }

        return verdict;
    }

    private async Task PrintAndDisposeAsync(FileKey key, ContentSpool spool)
    {
        await PrintAsync(key, spool).ConfigureAwait(false);
        spool.Dispose();
    }

    /// <summary>Remembers the marks of a bad content. What goes wrong here must not touch the verdict.</summary>
    private async Task PrintAsync(FileKey key, ContentSpool spool)
    {
        if (spool.Refusal is not null)
        {
            return; // Its bytes are not there.
        }

        try
        {
            _cache.Put(await BadFilePrint.OfAsync(key, spool, _stopping.Token).ConfigureAwait(false));
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            Log.NotPrinted(_logger, e, key);
        }
    }

    /// <summary>Names the exposed guests. What goes wrong here must not touch the verdict.</summary>
    private async Task TellAsync(FileKey key, FileVerdict before, FileVerdict after)
    {
        Interlocked.Increment(ref Counters.VerdictsChangedValue);
        try
        {
            await _cache.FlushAsync(_stopping.Token).ConfigureAwait(false); // So that the ledger names the newest guests too.
            VerdictChanged?.Invoke(new VerdictChange(key, before, after, _cache.FindExposures(key.Hash), _cache.FindGuests(key.Hash)));
        }
        catch (Exception e)
        {
            Log.NotTold(_logger, e, key);
        }
    }

    /// <summary>Without any scanner the lists are the only judges, and they have nothing against this content.</summary>
    private FileVerdict NotListed()
    {
        long now = NowUs();
        return new FileVerdict
        {
            Kind = FileVerdictKind.Clean,
            Engine = "hash-lists",
            Generation = ScannerGeneration.ListsOnly,
            TimeUs = now,
            ExpiresUs = now + (long)_options.CleanLifetime.TotalMicroseconds,
            Source = VerdictSource.HashList,
        };
    }

    private FileVerdict ErrorVerdict(string reason, bool isTransient, string engine = "bridgeguard")
    {
        Interlocked.Increment(ref Counters.ErrorsValue);
        long now = NowUs();
        TimeSpan lifetime = isTransient ? _options.TransientErrorLifetime : _options.ErrorLifetime;
        return new FileVerdict
        {
            Kind = FileVerdictKind.Error,
            Signature = reason,
            Engine = engine,
            TimeUs = now,
            ExpiresUs = now + (long)lifetime.TotalMicroseconds,
        };
    }

    private long NowUs() => (_time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    private static partial class Log
    {
        [LoggerMessage(2105, LogLevel.Warning, "No marks of {Key} could be made: pieces of it will not be recognised.")]
        public static partial void NotPrinted(ILogger logger, Exception exception, FileKey key);

        [LoggerMessage(2104, LogLevel.Error, "The turned verdict of {Key} could not be reported.")]
        public static partial void NotTold(ILogger logger, Exception exception, FileKey key);

        [LoggerMessage(2103, LogLevel.Error, "Scanning {Key} failed inside BridgeGuard.")]
        public static partial void ScanFailed(ILogger logger, Exception exception, FileKey key);
    }
}
