using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.Admin;

/// <summary>What an operator may do with the cache and the scanners; behind the daemon's control socket, or straight on the database while no daemon runs.</summary>
public sealed class CacheAdmin(FileVerdictCache cache, ScanService scan)
{
    /// <summary>Contents of one hash that are shown; there is one, unless lengths lie.</summary>
    private const int MaxSizes = 16;

    /// <summary>Counters and sizes.</summary>
    public JsonObject Stats()
    {
        CacheCounters counters = cache.Counters;
        ScanCounters scans = scan.Counters;
        long hits = counters.ListHits + counters.MemoryHits + counters.StoreHits;
        long asked = hits + counters.Misses;
        return new JsonObject
        {
            ["memory_entries"] = cache.MemoryCount,
            ["stored_entries"] = cache.StoredCount,
            ["bad_prints"] = cache.BadFiles.Count,
            ["bad_places"] = cache.BadFiles.PlaceCount,
            ["generation"] = cache.CurrentGeneration,
            ["hits_list"] = counters.ListHits,
            ["hits_memory"] = counters.MemoryHits,
            ["hits_store"] = counters.StoreHits,
            ["misses"] = counters.Misses,
            ["hit_rate"] = asked == 0 ? 0 : Math.Round((double)hits / asked, 4),
            ["rebuilds"] = counters.Rebuilds,
            ["write_failures"] = counters.WriteFailures,
            ["writes_dropped"] = counters.WritesDropped,
            ["files"] = scans.Files,
            ["bytes"] = scans.Bytes,
            ["scans"] = scans.Scans,
            ["scans_saved"] = scans.SavedByCache + scans.SavedByJoining + scans.SavedByFleet,
            ["ahead"] = scans.Ahead,
            ["ahead_in_vain"] = scans.AheadInVain,
            ["malicious"] = scans.Malicious,
            ["errors"] = scans.Errors,
        };
    }

    /// <summary>The verdicts of a hash, or of a hash and a length; none when nothing is known.</summary>
    public IReadOnlyList<(FileKey Key, FileVerdict Verdict)> Get(Sha256 hash, long? size)
    {
        if (size is { } length)
        {
            var key = new FileKey(hash, length);
            return cache.Find(key) is { } found ? [(key, found)] : [];
        }

        var keys = cache.FindSizes(hash, MaxSizes);
        return [.. keys.Select(key => (key, cache.Find(key))).Where(pair => pair.Item2 is not null).Select(pair => (pair.key, pair.Item2!))];
    }

    /// <summary>An operator's word on a content: pinned, it outlives signatures and scans.</summary>
    public async Task PutAsync(FileKey key, FileVerdictKind kind, string? signature, bool isPinned, long timeUs, CancellationToken cancellationToken)
    {
        if (isPinned)
        {
            cache.Remove(key); // Also over a pin of before.
        }

        cache.Put(key, new FileVerdict
        {
            Kind = kind,
            Signature = signature,
            Engine = "operator",
            TimeUs = timeUs,
            Source = VerdictSource.Operator,
            IsPinned = isPinned,
        });
        await cache.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Forgets a content's verdict; false when there was none.</summary>
    public async Task<bool> RemoveAsync(FileKey key, CancellationToken cancellationToken)
    {
        bool was = cache.FindEvenIfStale(key) is not null;
        cache.Remove(key);
        await cache.FlushAsync(cancellationToken).ConfigureAwait(false);
        return was;
    }

    /// <summary>Scans what is there to be scanned.</summary>
    public async Task<ScanOutcome> ScanAsync(Stream content, CancellationToken cancellationToken) =>
        await scan.SubmitAsync(PipeReader.Create(content), null, null, cancellationToken).ConfigureAwait(false);

    /// <summary>Scans every file below a folder; or takes a manifest: known-good hashes as <c>sha256sum</c> writes them, with a length before the name or without.</summary>
    public Task<WarmUp> WarmAsync(string path, CancellationToken cancellationToken) => CacheWarmer.RunAsync(scan, path, null, cancellationToken);

    public Task<long> ExportAsync(TextWriter writer, CancellationToken cancellationToken) => CacheTransfer.ExportAsync(cache, writer, cancellationToken);

    public async Task<(long Imported, IReadOnlyList<(int Line, string Message)> Errors)> ImportAsync(TextReader reader, CancellationToken cancellationToken)
    {
        (long, IReadOnlyList<(int, string)>) result = CacheTransfer.Import(cache, reader);
        await cache.FlushAsync(cancellationToken).ConfigureAwait(false);
        return result;
    }

    /// <summary>Key of a file: its hash and length.</summary>
    public static async Task<FileKey> KeyOfAsync(Stream content, CancellationToken cancellationToken)
    {
        using var counted = new CountingStream(content);
        byte[] digest = await SHA256.HashDataAsync(counted, cancellationToken).ConfigureAwait(false);
        return new FileKey(new Sha256(digest), counted.Count);
    }

    /// <summary>A verdict as the command shows it.</summary>
    public static JsonObject Describe(FileKey key, FileVerdict verdict)
    {
        var node = new JsonObject
        {
            ["sha256"] = key.Hash.ToString(),
            ["size"] = key.Size,
            ["verdict"] = verdict.Kind.ToString().ToLowerInvariant(),
            ["engine"] = verdict.Engine,
            ["source"] = verdict.Source.ToString().ToLowerInvariant(),
        };
        if (verdict.Signature is not null)
        {
            node["signature"] = verdict.Signature;
        }

        if (verdict.Generation.Length > 0)
        {
            node["generation"] = verdict.Generation;
        }

        if (verdict.TimeUs > 0)
        {
            node["found_at"] = DateTime.UnixEpoch.AddMicroseconds(verdict.TimeUs).ToString("O", System.Globalization.CultureInfo.InvariantCulture);
        }

        if (verdict.IsPinned)
        {
            node["pinned"] = true;
        }

        return node;
    }

    /// <summary>Reads through, counting; does not own the inner stream.</summary>
    private sealed class CountingStream(Stream inner) : Stream
    {
        public long Count { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => Count;
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            int read = inner.Read(buffer, offset, count);
            Count += read;
            return read;
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int read = await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            Count += read;
            return read;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
