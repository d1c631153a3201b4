using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.VerdictCache;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BridgeGuard.Scanning.Scanners.HashLists;

/// <summary>Known-bad and known-good files: where they are and how they are kept up to date.</summary>
/// <remarks>A reload that finds errors keeps the lists that were in force: a half-read allow list is a hole, a half-read block list too.</remarks>
public sealed partial class HashListFiles : IDisposable
{
    private readonly FileVerdictCache _cache;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly IReadOnlyList<string> _bad;
    private readonly IReadOnlyList<string> _good;
    private readonly Lock _lock = new();
    private string _fingerprint = "";
    private ITimer? _timer;

    /// <param name="cache">Gets the lists.</param>
    /// <param name="bad">Files of known-bad hashes.</param>
    /// <param name="good">Files of known-good hashes.</param>
    /// <param name="time">The clock; null for the system's.</param>
    /// <param name="logger">For what a reload by <see cref="Watch"/> finds.</param>
    public HashListFiles(
        FileVerdictCache cache, IReadOnlyList<string> bad, IReadOnlyList<string> good, TimeProvider? time = null, ILogger? logger = null)
    {
        _logger = logger ?? NullLogger.Instance;
        _cache = cache;
        _bad = bad;
        _good = good;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>Told of every reload by <see cref="Watch"/>: the errors (none: the new lists are in force).</summary>
    public event Action<IReadOnlyList<HashListError>>? Reloaded;

    /// <summary>Told of the hashes that a reload made bad, for the guests that already have them; not of the first load's.</summary>
    public event Action<IReadOnlyCollection<Sha256>>? TurnedBad;

    /// <summary>Hashes in force.</summary>
    public int Count => (_cache.KnownHashes as KnownHashTable)?.Count ?? 0;

    /// <summary>Reads all files; without an error the lists are in force when this returns.</summary>
    public IReadOnlyList<HashListError> Load()
    {
        lock (_lock)
        {
            var errors = new List<HashListError>();
            var table = new KnownHashTable();
            string fingerprint = Fingerprint();
            long now = (_time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
            foreach (string file in _bad)
            {
                Read(file, table, FileVerdictKind.Malicious, now, errors);
            }

            foreach (string file in _good)
            {
                Read(file, table, FileVerdictKind.Clean, now, errors);
            }

            _fingerprint = fingerprint; // Also after errors: they are told once, not at every look.
            if (errors.Count == 0)
            {
                _cache.KnownHashes = table;
            }

            return errors;
        }
    }

    /// <summary>Looks for changed files every <paramref name="interval"/> and reloads.</summary>
    /// <remarks>Polling, not inotify: lists are replaced by rename, copied over NFS and mounted from config maps, where events get lost.</remarks>
    public void Watch(TimeSpan interval) => _timer = _time.CreateTimer(_ => ReloadUnattended(), null, interval, interval);

    /// <summary>Reloads when a file's length or time differs from the last load. True when it did.</summary>
    public bool ReloadIfChanged()
    {
        lock (_lock)
        {
            if (Fingerprint() == _fingerprint)
            {
                return false;
            }

            var before = _cache.KnownHashes as KnownHashTable;
            IReadOnlyList<HashListError> errors = Load();
            foreach (HashListError error in errors)
            {
                Log.BadLine(_logger, error);
            }

            Reloaded?.Invoke(errors);
            if (errors.Count == 0 && before is not null && TurnedBad is { } turned)
            {
                turned([.. ((KnownHashTable)_cache.KnownHashes).Bad.Except(before.Bad)]);
            }

            return true;
        }
    }

    public void Dispose() => _timer?.Dispose();

    private void ReloadUnattended()
    {
        try
        {
            ReloadIfChanged();
        }
        catch (Exception e)
        {
            Log.ReloadFailed(_logger, e); // On a timer an exception would end the process.
        }
    }

    private static void Read(string file, KnownHashTable table, FileVerdictKind kind, long nowUs, List<HashListError> errors)
    {
        string engine = string.Intern("hash-list:" + Path.GetFileName(file));
        var nameless = new FileVerdict
        {
            Kind = kind,
            Signature = kind == FileVerdictKind.Malicious ? "Known.Bad.File" : null,
            Engine = engine,
            TimeUs = nowUs,
            Source = VerdictSource.HashList,
            IsPinned = true,
        };
        try
        {
            using StreamReader reader = File.OpenText(file);
            HashListParser.Parse(file, reader, (hash, name) => table.Add(hash, name is null ? nameless : nameless with { Signature = name }), errors);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            errors.Add(new HashListError(file, 0, 0, $"The file cannot be read: {e.Message}"));
        }
    }

    private string Fingerprint() => string.Join('|', _bad.Concat(_good).Select(file =>
    {
        var info = new FileInfo(file);
        return info.Exists ? $"{file}:{info.Length}:{info.LastWriteTimeUtc.Ticks}" : file;
    }));

    private static partial class Log
    {
        [LoggerMessage(2301, LogLevel.Error, "{Error} The lists before stay in force.")]
        public static partial void BadLine(ILogger logger, HashListError error);

        [LoggerMessage(2302, LogLevel.Error, "The hash lists could not be reloaded; those before stay in force.")]
        public static partial void ReloadFailed(ILogger logger, Exception exception);
    }
}
