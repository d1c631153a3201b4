using System.Threading.Channels;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.BadFiles;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Scanning.VerdictCache;

/// <summary>Verdicts and ledger on disk: one writing task that commits in batches, and a few reading connections.</summary>
/// <remarks>
/// Writers never wait: a full queue gives the row up and counts it (a lost verdict costs one more scan). Disk full or I/O errors are
/// counted and retried; a damaged file is set aside and made anew from what memory still knows.
/// </remarks>
internal sealed partial class VerdictStore : IAsyncDisposable
{
    /// <summary>Rows waiting for the disk; at some 300 bytes each about 20 MB.</summary>
    private const int QueueCapacity = 65_536;

    private const int BatchRows = 2_000;

    /// <summary>How often the ledger is trimmed, in rows.</summary>
    private const int TrimEvery = 10_000;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(500);

    private readonly string _path;
    private readonly CacheOptions _options;
    private readonly CacheCounters _counters;
    private readonly ILogger _logger;
    private readonly Func<IEnumerable<KeyValuePair<FileKey, FileVerdict>>> _memory;
    private readonly Func<IEnumerable<BadFilePrint>> _prints;
    private readonly Channel<Row> _queue = Channel.CreateBounded<Row>(new BoundedChannelOptions(QueueCapacity) { SingleReader = true });
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _writing;
    private readonly Lock _readersLock = new();
    private readonly Stack<StoreReader> _readers = [];
    private SqliteConnection? _connection;
    private int _readerGeneration;
    private int _sinceTrim;
    private long _verdictsAtMost;

    public VerdictStore(
        CacheOptions options,
        CacheCounters counters,
        Func<IEnumerable<KeyValuePair<FileKey, FileVerdict>>> memory,
        Func<IEnumerable<BadFilePrint>> prints,
        ILogger logger)
    {
        string path = options.Path!;
        _path = path;
        _options = options;
        _counters = counters;
        _memory = memory;
        _prints = prints;
        _logger = logger;
        _connection = VerdictDatabase.OpenOrRebuild(path, out string? setAside);
        if (setAside is not null)
        {
            Interlocked.Increment(ref counters.RebuildsValue);
            Log.SetAside(logger, path, setAside);
        }

        _verdictsAtMost = CountVerdicts();
        _writing = Task.Run(WriteLoopAsync);
    }

    public void Put(in FileKey key, FileVerdict verdict) => Enqueue(new Row(key, verdict, null, null));

    public void Remove(in FileKey key) => Enqueue(new Row(key, null, null, null));

    public void Put(BadFilePrint print) => Enqueue(new Row(print.Key, null, null, null) { Print = print });

    public void RemovePrint(in FileKey key) => Enqueue(new Row(key, null, null, null) { IsPrintOnly = true });

    public IReadOnlyList<BadFilePrint> ReadPrints() => Read(reader => reader.ReadPrints(), []);

    public void Add(Exposure exposure) => Enqueue(new Row(exposure.Key, null, exposure, null));

    /// <summary>Completes when everything queued before is committed (or has been given up).</summary>
    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await _queue.Writer.WriteAsync(new Row(default, null, null, done), cancellationToken).ConfigureAwait(false);
        await done.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads one verdict; null when there is none or the database cannot be read.</summary>
    public FileVerdict? Find(in FileKey key)
    {
        FileKey wanted = key;
        return Read(reader => reader.Find(wanted), null);
    }

    public IReadOnlyList<Exposure> FindExposures(Sha256 hash, int limit) => Read(reader => reader.FindExposures(hash, limit), []);

    /// <summary>The guests of a content's lines, each once.</summary>
    public IReadOnlyList<string> FindGuests(Sha256 hash) => Read(reader => reader.FindGuests(hash), []);

    /// <summary>The verdicts to begin with: all malicious and pinned ones, then the newest others.</summary>
    public IReadOnlyList<KeyValuePair<FileKey, FileVerdict>> ReadForWarmUp(int limit) => Read(reader => reader.ReadNewest(limit), []);

    /// <summary>All verdicts by hash, a page at a time.</summary>
    public IEnumerable<KeyValuePair<FileKey, FileVerdict>> ReadAll()
    {
        FileKey after = new(default, -1); // Sorts before every stored one.
        while (true)
        {
            FileKey from = after;
            IReadOnlyList<KeyValuePair<FileKey, FileVerdict>> page = Read(reader => reader.ReadPage(from, BatchRows), []);
            foreach (KeyValuePair<FileKey, FileVerdict> row in page)
            {
                yield return row;
            }

            if (page.Count < BatchRows)
            {
                yield break;
            }

            after = page[^1].Key;
        }
    }

    public IReadOnlyList<FileKey> FindSizes(Sha256 hash, int limit) =>
        [.. Read(reader => reader.ReadPage(new FileKey(hash, -1), limit), []).Select(row => row.Key).TakeWhile(key => key.Hash == hash)];

    public long CountVerdicts() => Read(reader => reader.Count("SELECT count(*) FROM verdicts"), 0L);

    public long CountExposures() => Read(reader => reader.Count("SELECT count(*) FROM ledger"), 0L);

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        _stopping.CancelAfter(TimeSpan.FromSeconds(5)); // A full disk must not hold up the end for ever.
        await _writing.ConfigureAwait(false);
        _stopping.Dispose();
        CloseReaders();
        _connection?.Dispose();
    }

    private void Enqueue(Row row)
    {
        if (!_queue.Writer.TryWrite(row))
        {
            Interlocked.Increment(ref _counters.WritesDroppedValue);
        }
    }

    private T Read<T>(Func<StoreReader, T> read, T whenUnreadable)
    {
        StoreReader? reader = null;
        int generation;
        lock (_readersLock)
        {
            generation = _readerGeneration;
            _readers.TryPop(out reader);
        }

        try
        {
            reader ??= new StoreReader(VerdictDatabase.Open(_path));
            T result = read(reader);
            lock (_readersLock)
            {
                if (generation == _readerGeneration)
                {
                    _readers.Push(reader);
                    reader = null;
                }
            }

            return result;
        }
        catch (SqliteException e)
        {
            Log.ReadFailed(_logger, e);
            if (VerdictDatabase.IsCorruption(e))
            {
                Enqueue(new Row(default, null, null, null) { CorruptGeneration = generation }); // The writing task owns the file.
            }

            return whenUnreadable;
        }
        finally
        {
            reader?.Dispose();
        }
    }

    private async Task WriteLoopAsync()
    {
        var batch = new List<Row>(BatchRows);
        while (await _queue.Reader.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false))
        {
            batch.Clear();
            while (batch.Count < BatchRows && _queue.Reader.TryRead(out Row row))
            {
                batch.Add(row);
            }

            while (!TryWrite(batch))
            {
                try
                {
                    await Task.Delay(RetryDelay, _stopping.Token).ConfigureAwait(false);
                }
                catch (OperationCanceledException)
                {
                    break;
                }
            }

            foreach (Row row in batch)
            {
                row.Done?.TrySetResult();
            }
        }
    }

    /// <summary>Commits a batch. False when it should be tried again.</summary>
    private bool TryWrite(List<Row> batch)
    {
        try
        {
            if (_connection is null || batch.Exists(row => row.CorruptGeneration == _readerGeneration))
            {
                Rebuild();
            }

            WriteBatch(_connection!, batch);
            return true;
        }
        catch (SqliteException e)
        {
            Interlocked.Increment(ref _counters.WriteFailuresValue);
            Log.WriteFailed(_logger, e);
            if (VerdictDatabase.IsCorruption(e))
            {
                Abandon(); // The next try makes a new file.
            }

            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Interlocked.Increment(ref _counters.WriteFailuresValue);
            Log.WriteFailed(_logger, e);
            return false;
        }
        catch (Exception e)
        {
            // A bug of ours; one batch is less than the writing task.
            Interlocked.Add(ref _counters.WritesDroppedValue, batch.Count);
            Log.WriteFailed(_logger, e);
            return true;
        }
    }

    private void WriteBatch(SqliteConnection connection, List<Row> batch)
    {
        using SqliteTransaction transaction = connection.BeginTransaction();
        using var writer = new StoreWriter(connection, transaction);
        int rows = 0;
        foreach (Row row in batch)
        {
            if (row.Done is not null || row.CorruptGeneration is not null)
            {
                continue;
            }

            rows++;
            if (row.Exposure is not null)
            {
                writer.Insert(row.Exposure);
                _sinceTrim++;
            }
            else if (row.Print is not null)
            {
                writer.UpsertPrint(row.Print);
            }
            else if (row.IsPrintOnly)
            {
                writer.DeletePrint(row.Key);
            }
            else if (row.Verdict is not null)
            {
                writer.Upsert(row.Key, row.Verdict);
                _verdictsAtMost++; // An update counts too: the number is only an upper bound, made exact when it matters.
            }
            else
            {
                writer.Delete(row.Key);
            }
        }

        if (_sinceTrim >= TrimEvery)
        {
            writer.TrimLedger(_options.LedgerMaxRows);
            _sinceTrim = 0;
        }

        if (_verdictsAtMost > _options.StoreMaxEntries)
        {
            _verdictsAtMost = writer.TrimVerdicts(_options.StoreMaxEntries);
        }

        transaction.Commit();
        Interlocked.Add(ref _counters.StoredValue, rows);
    }

    private void Abandon()
    {
        CloseReaders();
        _connection?.Dispose();
        _connection = null;
    }

    private void Rebuild()
    {
        Abandon();
        string aside = VerdictDatabase.SetAside(_path);
        _connection = VerdictDatabase.OpenOrRebuild(_path, out _);
        Interlocked.Increment(ref _counters.RebuildsValue);
        Log.SetAside(_logger, _path, aside);
        using SqliteTransaction transaction = _connection.BeginTransaction();
        using var writer = new StoreWriter(_connection, transaction);
        foreach ((FileKey key, FileVerdict verdict) in _memory())
        {
            if (verdict.Kind is FileVerdictKind.Clean or FileVerdictKind.Malicious)
            {
                writer.Upsert(key, verdict);
            }
        }

        foreach (BadFilePrint print in _prints())
        {
            writer.UpsertPrint(print);
        }

        transaction.Commit();
    }

    private void CloseReaders()
    {
        lock (_readersLock)
        {
            _readerGeneration++;
            while (_readers.TryPop(out StoreReader? reader))
            {
                reader.Dispose();
            }
        }
    }

    /// <summary>One thing to write: a verdict, a removal (neither verdict nor exposure), a ledger line, or a marker.</summary>
    private readonly record struct Row(FileKey Key, FileVerdict? Verdict, Exposure? Exposure, TaskCompletionSource? Done)
    {
        /// <summary>A reader found the file of this generation damaged; one that has been replaced since does not count.</summary>
        public int? CorruptGeneration { get; init; }

        public BadFilePrint? Print { get; init; }

        /// <summary>A removal of the print alone.</summary>
        public bool IsPrintOnly { get; init; }
    }

    private static partial class Log
    {
        [LoggerMessage(2001, LogLevel.Error, "The verdict database {Path} is damaged; it was set aside as {SetAside} and made anew.")]
        public static partial void SetAside(ILogger logger, string path, string setAside);

        [LoggerMessage(2002, LogLevel.Warning, "The verdict database cannot be written; verdicts stay in memory and writing is tried again.")]
        public static partial void WriteFailed(ILogger logger, Exception exception);

        [LoggerMessage(2003, LogLevel.Warning, "The verdict database cannot be read; the answer counts as unknown.")]
        public static partial void ReadFailed(ILogger logger, Exception exception);
    }
}
