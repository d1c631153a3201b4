using System.Collections.Concurrent;
using BitFaster.Caching.Lru;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.BadFiles;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BridgeGuard.Scanning.VerdictCache;

/// <summary>How the cache is set up.</summary>
public sealed record CacheOptions
{
    /// <summary>The SQLite file; null keeps verdicts in memory only (offline runs).</summary>
    public string? Path { get; init; }

    /// <summary>Verdicts in memory; about 300 bytes each.</summary>
    public int MemoryEntries { get; init; } = 100_000;

    /// <summary>Verdicts on disk; about 150 bytes each. Beyond it the oldest clean ones go.</summary>
    public long StoreMaxEntries { get; init; } = 10_000_000;

    /// <summary>Lines the ledger keeps, the newest ones.</summary>
    public long LedgerMaxRows { get; init; } = 1_000_000;
}

/// <summary>The shared verdict cache: a list of known hashes, a bounded memory cache and the database, asked in this order.</summary>
/// <remarks>
/// <para>A verdict counts while it has not expired and belongs to <see cref="CurrentGeneration"/>. Two exceptions: pinned verdicts
/// always count, and a malicious one of older signatures counts until a new scan says otherwise, since forgetting it at each
/// signature update would let the file through.</para>
/// <para>Memory is up to date at once; the database follows within milliseconds. Thread: any.</para>
/// </remarks>
public sealed class FileVerdictCache : IAsyncDisposable
{
    /// <summary>Malicious and pinned verdicts that are kept out of the LRU's reach, so that bulk traffic cannot push them out.</summary>
    private const int StickyMaxEntries = 100_000;

    /// <summary>In memory instead of a removed verdict, as the row on disk goes a moment later.</summary>
    private static readonly FileVerdict Removed = new() { Kind = FileVerdictKind.Unknown, Engine = "", TimeUs = 0 };

    private readonly ConcurrentLru<FileKey, FileVerdict> _memory;
    private readonly ConcurrentDictionary<FileKey, FileVerdict> _sticky = new();
    private readonly VerdictStore? _store;
    private readonly TimeProvider _time;
    private volatile IKnownHashes _known = NoKnownHashes.Instance;
    private volatile string _generation = "";

    public FileVerdictCache(CacheOptions options, TimeProvider? time = null, ILogger? logger = null)
    {
        _time = time ?? TimeProvider.System;
        _memory = new ConcurrentLru<FileKey, FileVerdict>(Math.Max(3, options.MemoryEntries));
        if (options.Path is null)
        {
            return;
        }

        _store = new VerdictStore(options, Counters, Snapshot, BadFiles.All, logger ?? NullLogger.Instance);
        foreach ((FileKey key, FileVerdict verdict) in _store.ReadForWarmUp(options.MemoryEntries))
        {
            Remember(key, verdict);
        }

        foreach (BadFilePrint print in _store.ReadPrints())
        {
            BadFiles.Add(print);
        }
    }

    /// <summary>Marks of bad contents, by which pieces of them are known.</summary>
    public BadFileIndex BadFiles { get; } = new();

    /// <summary>Remembers the marks of a bad content; to be called before its verdict becomes visible.</summary>
    public void Put(BadFilePrint print)
    {
        BadFiles.Add(print);
        _store?.Put(print);
    }

    public CacheCounters Counters { get; } = new();

    /// <summary>A verdict was put, or taken back (null). For copies elsewhere; called by whoever put it, must return soon.</summary>
    public event Action<FileKey, FileVerdict?>? VerdictPut;

    /// <summary>Other engines or signatures: clean verdicts of before do not count any more.</summary>
    public event Action? GenerationChanged;

    /// <summary>Tells copies elsewhere of a verdict that is known here already.</summary>
    public void Announce(in FileKey key, FileVerdict verdict) => VerdictPut?.Invoke(key, verdict);

    /// <summary>Verdicts in memory.</summary>
    public int MemoryCount => _memory.Count;

    /// <summary>Verdicts on disk; 0 without a database. Counts rows, so for a command, not for a loop.</summary>
    public long StoredCount => _store?.CountVerdicts() ?? 0;

    /// <summary>State of engines and signatures that counts now. Setting another one makes older verdicts stale, lazily.</summary>
    public string CurrentGeneration
    {
        get => _generation;
        set
        {
            string before = _generation;
            _generation = string.Intern(value);
            if (before != value)
            {
                GenerationChanged?.Invoke();
            }
        }
    }

    /// <summary>Known-good and known-bad lists; a reload swaps this reference.</summary>
    public IKnownHashes KnownHashes
    {
        get => _known;
        set => _known = value;
    }

    /// <summary>The packet side's question: lists and memory only. No I/O, no waiting; a hit allocates nothing.</summary>
    /// <param name="hash">The content's hash.</param>
    /// <param name="size">The content's length in bytes.</param>
    /// <param name="verdict">The cached instance; default when false.</param>
    public bool TryGetCached(in Sha256 hash, long size, out FileVerdict verdict)
    {
        var key = new FileKey(hash, size);
        if (_known.TryGet(key, out verdict))
        {
            Interlocked.Increment(ref Counters.ListHitsValue);
            return true;
        }

        if ((_sticky.TryGetValue(key, out FileVerdict? found) || _memory.TryGet(key, out found)) && Counts(found, keepMalicious: true))
        {
            Interlocked.Increment(ref Counters.MemoryHitsValue);
            verdict = found;
            return true;
        }

        Interlocked.Increment(ref Counters.MissesValue);
        verdict = null!;
        return false;
    }

    /// <summary>The slow side's question: also reads the database, and takes what it finds into memory.</summary>
    /// <param name="key">The content.</param>
    /// <param name="forScan">True when a miss leads to a scan: then also a malicious verdict of older signatures is a miss.</param>
    public FileVerdict? Find(in FileKey key, bool forScan = false)
    {
        if (_known.TryGet(key, out FileVerdict listed))
        {
            Interlocked.Increment(ref Counters.ListHitsValue);
            return listed;
        }

        if (_sticky.TryGetValue(key, out FileVerdict? found) || _memory.TryGet(key, out found))
        {
            if (Counts(found, keepMalicious: !forScan))
            {
                Interlocked.Increment(ref Counters.MemoryHitsValue);
                return found;
            }
        }
        else if (_store?.Find(key) is { } stored)
        {
            Remember(key, stored);
            if (Counts(stored, keepMalicious: !forScan))
            {
                Interlocked.Increment(ref Counters.StoreHitsValue);
                return stored;
            }
        }

        Interlocked.Increment(ref Counters.MissesValue);
        return null;
    }

    /// <summary>The last verdict, in date or not; what a new one is compared with.</summary>
    public FileVerdict? FindEvenIfStale(in FileKey key) =>
        !_sticky.TryGetValue(key, out FileVerdict? found) && !_memory.TryGet(key, out found) ? _store?.Find(key)
        : ReferenceEquals(found, Removed) ? null : found;

    /// <summary>Remembers a verdict; visible to <see cref="TryGetCached"/> when this returns. A pinned verdict gives way only to a pinned one.</summary>
    public void Put(in FileKey key, FileVerdict verdict)
    {
        if (!verdict.IsPinned && FindEvenIfStale(key) is { IsPinned: true })
        {
            return;
        }

        if (verdict.Kind == FileVerdictKind.Clean)
        {
            ForgetPrint(key);
        }

        Remember(key, verdict);
        if (verdict.Kind is FileVerdictKind.Clean or FileVerdictKind.Malicious)
        {
            _store?.Put(key, verdict); // Errors are worth seconds; not a row.
        }

        VerdictPut?.Invoke(key, verdict);
    }

    /// <summary>Forgets a verdict, pinned or not.</summary>
    public void Remove(in FileKey key)
    {
        _memory.AddOrUpdate(key, Removed);
        _sticky.TryRemove(key, out _);
        BadFiles.Remove(key);
        _store?.Remove(key);
        VerdictPut?.Invoke(key, null);
    }

    private void ForgetPrint(in FileKey key)
    {
        if (BadFiles.Count > 0 && BadFiles.Contains(key))
        {
            BadFiles.Remove(key);
            _store?.RemovePrint(key);
        }
    }

    /// <summary>The stored contents with this hash, however long.</summary>
    public IReadOnlyList<FileKey> FindSizes(Sha256 hash, int limit) => _store?.FindSizes(hash, limit) ?? [];

    /// <summary>Adds a line to the ledger; committed within milliseconds.</summary>
    public void Record(Exposure exposure)
    {
        Interlocked.Increment(ref Counters.ExposuresValue);
        _store?.Add(exposure);
    }

    /// <summary>Who got this content, newest first.</summary>
    public IReadOnlyList<Exposure> FindExposures(Sha256 hash, int limit = 10_000) => _store?.FindExposures(hash, limit) ?? [];

    /// <summary>Every guest that ever got a content, newest first: by the ledger as it is, however many lines it has.</summary>
    public IReadOnlyList<string> FindGuests(Sha256 hash) => _store?.FindGuests(hash) ?? [];

    /// <summary>Every verdict on disk by hash, read page by page so that millions do not have to fit in memory.</summary>
    public IEnumerable<KeyValuePair<FileKey, FileVerdict>> ReadStored() => _store?.ReadAll() ?? [];

    /// <summary>Completes when everything so far is on disk.</summary>
    public Task FlushAsync(CancellationToken cancellationToken = default) => _store?.FlushAsync(cancellationToken) ?? Task.CompletedTask;

    /// <summary>As <see cref="FlushAsync"/>, but a full disk holds nobody up for longer than this. Before an answer: what was accepted is not lost by a kill.</summary>
    public async Task TryFlushAsync(TimeSpan patience, CancellationToken cancellationToken = default)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(patience);
        await FlushAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }

    public ValueTask DisposeAsync() => _store?.DisposeAsync() ?? ValueTask.CompletedTask;

    private void Remember(in FileKey key, FileVerdict verdict)
    {
        if ((verdict.IsPinned || verdict.Kind == FileVerdictKind.Malicious) && _sticky.Count < StickyMaxEntries)
        {
            _sticky[key] = verdict;
            _memory.TryRemove(key);
            return;
        }

        _memory.AddOrUpdate(key, verdict);
        _sticky.TryRemove(key, out _);
    }

    private bool Counts(FileVerdict verdict, bool keepMalicious)
    {
        if (verdict.IsPinned)
        {
            return true;
        }

        if (ReferenceEquals(verdict, Removed))
        {
            return false;
        }

        if (verdict.ExpiresUs != FileVerdict.Never && verdict.ExpiresUs <= NowUs())
        {
            Interlocked.Increment(ref Counters.ExpiredValue);
            return false;
        }

        bool isBound = verdict.Generation.Length > 0 && verdict.Kind != FileVerdictKind.Error;
        if (isBound && !ReferenceEquals(verdict.Generation, _generation) && verdict.Generation != _generation
            && !(keepMalicious && verdict.Kind == FileVerdictKind.Malicious))
        {
            Interlocked.Increment(ref Counters.StaleValue);
            return false;
        }

        return true;
    }

    private long NowUs() => (_time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    private IEnumerable<KeyValuePair<FileKey, FileVerdict>> Snapshot() => _memory.Concat(_sticky);
}
