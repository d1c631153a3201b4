using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BridgeGuard.Scanning.WireFiles;

/// <summary>The engine's port to scanning: copies chunks into one pipe per file and has them scanned when the file is complete.</summary>
/// <remarks>
/// The worker's calls copy, count and return: no lock, no wait, no I/O. Memory is bounded per file and in all; beyond it
/// <see cref="Append"/> is false and the worker decides. Reading, hashing and scanning happen on pool threads.
/// </remarks>
public sealed partial class WireFileSink : IFileSink, IFileVerdicts, IAsyncDisposable
{
    private const int IndexBits = 20;

    private readonly ScanService _scan;
    private readonly WireFileOptions _options;
    private readonly Func<uint, string?> _guestName;
    private readonly ILogger _logger;
    private readonly WireFileSlot?[] _slots;
    private readonly ConcurrentQueue<int> _free = new();
    private readonly Channel<WireFileSlot> _opened = Channel.CreateUnbounded<WireFileSlot>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _dispatching;
    private long _buffered;
    private int _active;

    /// <param name="scan">Judges what is complete.</param>
    /// <param name="guestName">A guest's name by its number; null when it has none.</param>
    /// <param name="options">Limits; null for the defaults.</param>
    /// <param name="logger">For failures that a worker cannot report.</param>
    public WireFileSink(ScanService scan, Func<uint, string?>? guestName = null, WireFileOptions? options = null, ILogger? logger = null)
    {
        _scan = scan;
        _guestName = guestName ?? (static _ => null);
        _options = options ?? new WireFileOptions();
        _logger = logger ?? NullLogger.Instance;
        if (_options.MaxOpenFiles is < 1 or >= 1 << IndexBits)
        {
            throw new ArgumentOutOfRangeException(nameof(options), "MaxOpenFiles is between 1 and 1,048,575.");
        }

        _slots = new WireFileSlot?[_options.MaxOpenFiles];
        for (int i = 0; i < _slots.Length; i++)
        {
            _free.Enqueue(i);
        }

        _dispatching = Task.Run(DispatchAsync);
    }

    public WireFileCounters Counters { get; } = new();

    /// <summary>Bytes waiting to be read by the scan side.</summary>
    public long BufferedBytes => Volatile.Read(ref _buffered);

    /// <inheritdoc/>
    public FileVerdictKind Lookup(ReadOnlySpan<byte> sha256, long size)
    {
        if (sha256.Length != Sha256.SizeBytes)
        {
            return FileVerdictKind.Unknown;
        }

        var hash = new Sha256(sha256);
        var key = new FileKey(hash, size);
        bool isPending = _scan.IsPending(key); // Asked first: a scan puts its verdict into the cache before it stops being pending.
        if (_scan.Cache.TryGetCached(hash, size, out FileVerdict verdict))
        {
            return verdict.Kind;
        }

        return isPending ? FileVerdictKind.Pending
            : IsCleanSoFar(key) ? FileVerdictKind.Clean
            : RewrittenVerdict(key);
    }

    /// <inheritdoc/>
    public bool IsBadSize(long size) => _scan.Cache.BadFiles.HasSize(size);

    /// <inheritdoc/>
    public bool IsBadPiece(long offset, ReadOnlySpan<byte> bytes, long total) => _scan.Cache.BadFiles.IsBadPiece(offset, bytes, total);

    /// <inheritdoc/>
    public bool IsBadPlace(ulong place, long total) => _scan.Cache.BadFiles.IsBadPlace(place, total);

    /// <inheritdoc/>
    public void RememberPlace(ulong place, long total) => _scan.Cache.BadFiles.RememberPlace(place, total);

    /// <inheritdoc/>
    public FileHandle Open(in FileOrigin origin)
    {
        if (!_free.TryDequeue(out int index))
        {
            Interlocked.Increment(ref Counters.RefusedOpensValue);
            return FileHandle.None;
        }

        WireFileSlot slot = _slots[index] ??= new WireFileSlot(index);
        slot.Begin(origin);
        if (!_opened.Writer.TryWrite(slot))
        {
            _free.Enqueue(index); // Shutting down.
            Interlocked.Increment(ref Counters.RefusedOpensValue);
            return FileHandle.None;
        }

        Interlocked.Increment(ref Counters.OpenedValue);
        return new FileHandle(((ulong)slot.Generation << IndexBits) | (uint)index);
    }

    /// <inheritdoc/>
    public bool Append(FileHandle file, ReadOnlySpan<byte> bytes)
    {
        if (Find(file) is not { } slot)
        {
            return false;
        }

        if (slot.Buffered + bytes.Length > _options.MaxBufferedBytesPerFile || !TryTake(bytes.Length))
        {
            Interlocked.Increment(ref Counters.RefusedAppendsValue);
            slot.Flush(); // So that the reader can make room.
            return false;
        }

        slot.Write(bytes);
        return true;
    }

    /// <inheritdoc/>
    public void Close(FileHandle file, FileEnd end, ReadOnlySpan<byte> sha256, long size)
    {
        if (Find(file) is not { } slot)
        {
            return;
        }

        slot.Generation++;
        slot.End = end;
        if (end == FileEnd.Complete)
        {
            Interlocked.Increment(ref Counters.CompleteValue);
            if (sha256.Length == Sha256.SizeBytes)
            {
                slot.Announced = new FileKey(new Sha256(sha256), size);
                slot.HasAnnounced = true;
                _scan.Announce(slot.Announced);
            }
        }
        else
        {
            Interlocked.Increment(ref Counters.TruncatedValue);
        }

        slot.Flush();
        slot.Pipe.Writer.Complete();
    }

    /// <summary>Takes no more files, waits for those that are complete. Files still open are given up.</summary>
    public async ValueTask DisposeAsync()
    {
        _opened.Writer.TryComplete();
        await _dispatching.ConfigureAwait(false);
        foreach (WireFileSlot? slot in _slots)
        {
            slot?.Pipe.Reader.CancelPendingRead();
        }

        for (int i = 0; i < 500 && Volatile.Read(ref _active) > 0; i++)
        {
            await Task.Delay(10).ConfigureAwait(false); // At most the 5 s that a service manager gives anyway.
        }
    }

    private WireFileSlot? Find(FileHandle file)
    {
        if (file.IsNone)
        {
            return null;
        }

        int index = (int)(file.Value & ((1 << IndexBits) - 1));
        if (index < _slots.Length && _slots[index] is { } slot && slot.Generation == (uint)(file.Value >> IndexBits))
        {
            return slot;
        }

        Interlocked.Increment(ref Counters.StaleHandlesValue);
        return null;
    }

    private bool TryTake(int bytes)
    {
        if (Interlocked.Add(ref _buffered, bytes) <= _options.MaxBufferedBytes)
        {
            return true;
        }

        Interlocked.Add(ref _buffered, -bytes);
        return false;
    }

    private async Task DispatchAsync()
    {
        await foreach (WireFileSlot slot in _opened.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            Interlocked.Increment(ref _active);
            _ = ReadAsync(slot);
        }
    }

    private async Task ReadAsync(WireFileSlot slot)
    {
        await Task.Yield(); // The dispatcher goes on with the next file.
        bool isRead = false;
        try
        {
            Intake intake = await _scan.TakeInAsync(slot.Pipe.Reader, read => OnRead(slot, read), CancellationToken.None, spool => slot.Spool = spool).ConfigureAwait(false);
            isRead = true;
            FileKey? announced = slot.HasAnnounced ? slot.Announced : null;
            ulong place = slot.Place;
            FileProvenance? provenance = slot.End == FileEnd.Complete ? Provenance(slot) : null;
            ContentPatch[] patches = slot.Patches();
            Recycle(slot); // The spool has the bytes; the verdict may take its time.
            try
            {
                if (patches.Length > 0 && provenance is not null)
                {
                    await JudgeRewrittenAsync(intake, patches, announced, provenance, place).ConfigureAwait(false);
                }
                else
                {
                    await JudgeAsync(intake, announced, provenance, place).ConfigureAwait(false);
                }
            }
            finally
            {
                if (announced is { } key)
                {
                    _scan.Withdraw(key);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Shutting down; the worker may still hold the writer, so the slot is not reused.
        }
        catch (Exception e)
        {
            Log.Failed(_logger, e);
            if (!isRead)
            {
                await DiscardAsync(slot).ConfigureAwait(false);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _active);
        }
    }

    private async Task JudgeAsync(Intake intake, FileKey? announced, FileProvenance? provenance, ulong place)
    {
        if (provenance is null)
        {
            Interlocked.Increment(ref _scan.Counters.TruncatedValue);
            intake.Dispose(); // Half a content has no verdict: it may be clean where the whole is not, and is not what was sent.
            return;
        }

        if (announced is { } key && key != intake.Key)
        {
            Interlocked.Increment(ref _scan.Counters.HashMismatchesValue);
        }

        FileVerdict verdict = await _scan.Judge(intake, provenance, out _).ConfigureAwait(false);
        if (verdict.Kind == FileVerdictKind.Malicious)
        {
            RememberPlace(place, intake.Key.Size); // Also when the file was let through before its verdict came.
        }
    }

    /// <summary>The scan side failed while the worker may still be writing: the rest is read and forgotten, so that the slot comes back.</summary>
    private async Task DiscardAsync(WireFileSlot slot)
    {
        ReadResult read;
        do
        {
            read = await slot.Pipe.Reader.ReadAsync().ConfigureAwait(false);
            OnRead(slot, read.Buffer.Length);
            slot.Pipe.Reader.AdvanceTo(read.Buffer.End);
        }
        while (!read.IsCompleted && !read.IsCanceled);

        if (slot.HasAnnounced)
        {
            _scan.Withdraw(slot.Announced);
        }

        if (!read.IsCanceled)
        {
            Recycle(slot);
        }
    }

    private void OnRead(WireFileSlot slot, long bytes)
    {
        slot.OnRead(bytes);
        Interlocked.Add(ref _buffered, -bytes);
    }

    /// <summary>Both ends of the pipe are done with: the slot can serve another file.</summary>
    private void Recycle(WireFileSlot slot)
    {
        slot.Spool = null;
        Interlocked.Add(ref _buffered, -slot.ForgetPatches());
        slot.Pipe.Reader.Complete();
        slot.Pipe.Reset();
        _free.Enqueue(slot.Index);
    }

    private FileProvenance Provenance(WireFileSlot slot) => new()
    {
        TimeUs = slot.TimestampUs,
        Guest = Party(slot.ReceiverGuestId, slot.ReceiverAddress),
        Peer = Party(slot.SenderGuestId, slot.SenderAddress),
        Protocol = slot.Protocol,
        Location = slot.Location,
        FileName = slot.Name,
        FlowId = slot.FlowId,
    };

    private string Party(uint guestId, ReadOnlySpan<byte> address) =>
        (guestId != 0 ? _guestName(guestId) : null) ?? (address.Length is 4 or 16 ? new IPAddress(address).ToString() : "");

    private static partial class Log
    {
        [LoggerMessage(2201, LogLevel.Error, "A file off the wire could not be handed to the scanner.")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
