using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Threading.Channels;
using BitFaster.Caching.Lru;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.BadFiles;
using BridgeGuard.Scanning.VerdictCache;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BridgeGuard.Scanning.WireFiles;

/// <summary>The engine's port to a scan pipeline in another process: files go out as messages over one stream, verdicts and marks of bad contents come in.</summary>
/// <remarks>
/// For the life of the data plane; <see cref="Attach"/> gives it a stream, and another one after the first has broken. Workers' calls copy, count
/// and return. While nobody is attached no file is taken; what was learnt before still counts. Bounded in bytes and files; a file for which there is
/// no room ends truncated. Messages: <see cref="FileMessage"/>. Thread: any.
/// </remarks>
public sealed partial class FileChannelClient : IFileSink, IFileVerdicts, IAsyncDisposable
{
    /// <summary>Verdicts kept here, so that workers need not ask.</summary>
    public const int MaxVerdicts = 100_000;

    /// <summary>Bytes that wait for the other process.</summary>
    public const long MaxQueuedBytes = 256L << 20;

    /// <summary>A file that is announced and not answered counts as pending for so long.</summary>
    private static readonly TimeSpan PendingLifetime = TimeSpan.FromMinutes(2);

    /// <summary>An error is worth another try soon, and what is clean so far is no verdict.</summary>
    private static readonly TimeSpan ErrorLifetime = TimeSpan.FromSeconds(5);

    private readonly ConcurrentLru<FileKey, Known> _verdicts = new(MaxVerdicts);
    private readonly ConcurrentDictionary<FileKey, long> _pending = new();
    private readonly ConcurrentDictionary<ulong, uint> _open = new();
    private readonly BadFileIndex _bad = new();
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private volatile Link? _link;
    private long _lastHandle;
    private long _queued;

    public FileChannelClient(ILogger? logger = null) => _logger = logger ?? NullLogger.Instance;

    public WireFileCounters Counters { get; } = new();

    /// <summary>Marks of bad contents, as the other process has told them.</summary>
    public BadFileIndex BadFiles => _bad;

    public bool IsAttached => _link is not null;

    /// <summary>Serves one stream until it ends; a stream that is there already is given up. Returns when the stream is over.</summary>
    public async Task RunAsync(Stream stream, CancellationToken cancellationToken)
    {
        using var own = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        var link = new Link(stream, own);
        _open.Clear(); // The new other end knows nothing of them. Before it is there: workers open files with the next packet.
        _pending.Clear();
        Link? before = Interlocked.Exchange(ref _link, link);
        before?.Cancellation.Cancel();
        try
        {
            Task writing = WriteAsync(link);
            await Task.WhenAny(ReadAsync(link), writing).ConfigureAwait(false);
            await own.CancelAsync().ConfigureAwait(false);
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            bool wasLast = Interlocked.CompareExchange(ref _link, null, link) == link;
            if (wasLast)
            {
                _pending.Clear(); // Else they are the next link's.
            }

            await stream.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>As <see cref="RunAsync"/>, in the background.</summary>
    public void Attach(Stream stream) => _ = Task.Run(async () =>
    {
        try
        {
            await RunAsync(stream, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            Log.Cut(_logger, e.Message);
        }
    });

    /// <inheritdoc/>
    public FileVerdictKind Lookup(ReadOnlySpan<byte> sha256, long size)
    {
        if (sha256.Length != Sha256.SizeBytes)
        {
            return FileVerdictKind.Unknown;
        }

        var key = new FileKey(new Sha256(sha256), size);
        if (_verdicts.TryGet(key, out Known known) && known.Until > Environment.TickCount64)
        {
            return known.Kind;
        }

        if (!_pending.TryGetValue(key, out long since))
        {
            return FileVerdictKind.Unknown;
        }

        return Environment.TickCount64 - since < PendingLifetime.TotalMilliseconds ? FileVerdictKind.Pending : FileVerdictKind.Unknown;
    }

    /// <inheritdoc/>
    public bool IsBadSize(long size) => _bad.HasSize(size);

    /// <inheritdoc/>
    public bool IsBadPiece(long offset, ReadOnlySpan<byte> bytes, long total) => _bad.IsBadPiece(offset, bytes, total);

    /// <inheritdoc/>
    public bool IsBadPlace(ulong place, long total) => _bad.IsBadPlace(place, total);

    /// <inheritdoc/>
    public void RememberPlace(ulong place, long total) => _bad.RememberPlace(place, total);

    /// <inheritdoc/>
    public FileHandle Open(in FileOrigin origin)
    {
        if (_link is not { } link)
        {
            Interlocked.Increment(ref Counters.RefusedOpensValue);
            return FileHandle.None;
        }

        ulong handle = (ulong)Interlocked.Increment(ref _lastHandle);
        if (!TryQueue(link, FileMessage.Open(handle, in origin)))
        {
            Interlocked.Increment(ref Counters.RefusedOpensValue);
            return FileHandle.None;
        }

        _open[handle] = link.Number;
        Interlocked.Increment(ref Counters.OpenedValue);
        return new FileHandle(handle);
    }

    /// <inheritdoc/>
    public bool Append(FileHandle file, ReadOnlySpan<byte> bytes) => Send(file, null, bytes);

    /// <inheritdoc/>
    public bool Overwrite(FileHandle file, long offset, ReadOnlySpan<byte> bytes) => Send(file, offset, bytes);

    /// <inheritdoc/>
    public bool Checkpoint(FileHandle file, ReadOnlySpan<byte> sha256, long size)
    {
        if (sha256.Length != Sha256.SizeBytes || LinkOf(file) is not { } link)
        {
            return false;
        }

        var key = new FileKey(new Sha256(sha256), size);
        _pending[key] = Environment.TickCount64;
        if (TryQueue(link, FileMessage.Checkpoint(file.Value, sha256, size)))
        {
            return true;
        }

        _pending.TryRemove(key, out _);
        return false;
    }

    /// <inheritdoc/>
    public void Close(FileHandle file, FileEnd end, ReadOnlySpan<byte> sha256, long size)
    {
        if (!_open.TryRemove(file.Value, out uint number) || _link is not { } link || number != link.Number)
        {
            return;
        }

        bool isComplete = end == FileEnd.Complete;
        Interlocked.Increment(ref isComplete ? ref Counters.CompleteValue : ref Counters.TruncatedValue);
        if (isComplete && sha256.Length == Sha256.SizeBytes)
        {
            var key = new FileKey(new Sha256(sha256), size);
            if (_verdicts.TryGet(key, out Known known) && known is { Kind: FileVerdictKind.Clean, Until: < long.MaxValue })
            {
                _verdicts.TryRemove(key); // "So far" said nothing of a whole file.
            }

            _pending[key] = Environment.TickCount64;
        }

        // Always: without its end the other side would keep the file open.
        Enqueue(link, FileMessage.Close(file.Value, isComplete, sha256, size));
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        _link = null;
    }

    /// <summary>The stream that a file was opened on, while it is there.</summary>
    private Link? LinkOf(FileHandle file) => _link is { } link && _open.TryGetValue(file.Value, out uint number) && number == link.Number ? link : null;

    private bool Send(FileHandle file, long? offset, ReadOnlySpan<byte> bytes)
    {
        if (LinkOf(file) is not { } link)
        {
            return false;
        }

        for (int at = 0; at < bytes.Length; at += FileMessage.MaxChunkBytes)
        {
            ReadOnlySpan<byte> chunk = bytes[at..Math.Min(bytes.Length, at + FileMessage.MaxChunkBytes)];
            if (!TryQueue(link, FileMessage.Bytes(file.Value, offset + at, chunk)))
            {
                Interlocked.Increment(ref Counters.RefusedAppendsValue);
                return false; // The file ends truncated: a part of these bytes may be there already.
            }
        }

        return true;
    }

    private bool TryQueue(Link link, OutgoingMessage message)
    {
        if (Volatile.Read(ref _queued) + message.Buffer.Length > MaxQueuedBytes)
        {
            message.Return();
            return false;
        }

        Enqueue(link, message);
        return true;
    }

    private void Enqueue(Link link, OutgoingMessage message)
    {
        Interlocked.Add(ref _queued, message.Buffer.Length);
        if (!link.Queue.Writer.TryWrite(message))
        {
            Done(message);
        }
    }

    private void Done(OutgoingMessage message)
    {
        Interlocked.Add(ref _queued, -message.Buffer.Length);
        message.Return();
    }

    private async Task WriteAsync(Link link)
    {
        try
        {
            while (await link.Queue.Reader.WaitToReadAsync(link.Cancellation.Token).ConfigureAwait(false))
            {
                while (link.Queue.Reader.TryRead(out OutgoingMessage message))
                {
                    try
                    {
                        await link.Stream.WriteAsync(message.Memory, link.Cancellation.Token).ConfigureAwait(false);
                    }
                    finally
                    {
                        Done(message);
                    }
                }

                await link.Stream.FlushAsync(link.Cancellation.Token).ConfigureAwait(false);
            }
        }
        finally
        {
            link.Queue.Writer.TryComplete(); // What comes now is refused: nobody would take it out and count it back.
            while (link.Queue.Reader.TryRead(out OutgoingMessage message))
            {
                Done(message);
            }
        }
    }

    private async Task ReadAsync(Link link)
    {
        byte[] buffer = new byte[FileMessage.MaxBytes];
        while (await FileMessage.ReadAsync(link.Stream, buffer, link.Cancellation.Token).ConfigureAwait(false) is { } length)
        {
            Take(buffer.AsSpan(0, length));
        }
    }

    private void Take(ReadOnlySpan<byte> message)
    {
        if (!FileMessage.TryReadKey(message, out FileMessageKind kind, out FileKey key, out ReadOnlySpan<byte> rest))
        {
            return;
        }

        switch (kind)
        {
            case FileMessageKind.Verdict when rest.Length >= 1:
                if (rest[0] == (byte)FileVerdictKind.Unknown)
                {
                    _verdicts.TryRemove(key);
                    _bad.Remove(key);
                }
                else
                {
                    var verdict = (FileVerdictKind)rest[0];
                    bool isPassing = verdict == FileVerdictKind.Error || (rest.Length > 1 && rest[1] == FileMessage.SoFar);
                    long until = isPassing ? Environment.TickCount64 + (long)ErrorLifetime.TotalMilliseconds : long.MaxValue;
                    _verdicts.AddOrUpdate(key, new Known(verdict, until));
                    if (verdict == FileVerdictKind.Clean && !isPassing)
                    {
                        _bad.Remove(key);
                    }
                }

                _pending.TryRemove(key, out _);
                break;
            case FileMessageKind.Print:
                if (BadFilePrint.TryRead(key, rest) is { } print)
                {
                    _bad.Add(print);
                }

                break;
            case FileMessageKind.Place when rest.Length >= 8:
                _bad.RememberPlace(BinaryPrimitives.ReadUInt64LittleEndian(rest), key.Size);
                break;
            case FileMessageKind.Forget:
                ForgetClean();
                break;
        }
    }

    /// <summary>Other signatures: what was clean may no longer be; what was bad stays bad until somebody says otherwise.</summary>
    private void ForgetClean()
    {
        foreach ((FileKey key, Known known) in _verdicts)
        {
            if (known.Kind != FileVerdictKind.Malicious)
            {
                _verdicts.TryRemove(key);
            }
        }
    }

    private readonly record struct Known(FileVerdictKind Kind, long Until);

    private sealed class Link(Stream stream, CancellationTokenSource cancellation)
    {
        private static int _last;

        public uint Number { get; } = (uint)Interlocked.Increment(ref _last);

        public Stream Stream { get; } = stream;

        public CancellationTokenSource Cancellation { get; } = cancellation;

        public Channel<OutgoingMessage> Queue { get; } = Channel.CreateUnbounded<OutgoingMessage>(new UnboundedChannelOptions { SingleReader = true });
    }

    private static partial class Log
    {
        [LoggerMessage(2211, LogLevel.Warning, "The scanner's side is gone ({Reason}): files are unknown until it comes back.")]
        public static partial void Cut(ILogger logger, string reason);
    }
}
