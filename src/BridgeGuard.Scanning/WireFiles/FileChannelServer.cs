using System.Threading.Channels;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.BadFiles;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.WireFiles;

/// <summary>The scanner's side of a <see cref="FileChannelClient"/>: files from its messages go into a <see cref="WireFileSink"/>; verdicts and marks go back.</summary>
/// <remarks>One for each stream. What comes in is checked; nonsense ends the stream, and with it the files that are open.</remarks>
public sealed class FileChannelServer
{
    /// <summary>How long a chunk may wait for room in the sink before its file is given up: the sender has its own bound.</summary>
    private static readonly TimeSpan RoomPatience = TimeSpan.FromSeconds(10);

    /// <summary>Files that one stream may have open.</summary>
    private const int MaxOpen = 4096;

    private readonly WireFileSink _sink;
    private readonly ScanService _scan;

    public FileChannelServer(WireFileSink sink, ScanService scan)
    {
        _sink = sink;
        _scan = scan;
    }

    /// <summary>Messages that made no sense.</summary>
    public long Malformed { get; private set; }

    /// <summary>Serves a stream until it ends.</summary>
    public async Task RunAsync(Stream stream, CancellationToken cancellationToken)
    {
        using var own = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var answers = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true });
        void OnPrint(BadFilePrint print) => answers.Writer.TryWrite(FileMessage.OfKey(FileMessageKind.Print, print.Key, print.Write()));
        void OnVerdict(FileKey key, FileVerdict? verdict) =>
            answers.Writer.TryWrite(FileMessage.OfKey(FileMessageKind.Verdict, key, [(byte)(verdict?.Kind ?? FileVerdictKind.Unknown)]));
        void OnPlace(ulong place, long total) =>
            answers.Writer.TryWrite(FileMessage.OfKey(FileMessageKind.Place, new FileKey(default, total), BitConverter.GetBytes(place)));
        void OnGeneration() => answers.Writer.TryWrite(FileMessage.OfKey(FileMessageKind.Forget, default, []));

        void OnCleanSoFar(FileKey key) =>
            answers.Writer.TryWrite(FileMessage.OfKey(FileMessageKind.Verdict, key, [(byte)FileVerdictKind.Clean, FileMessage.SoFar]));

        // What stands for a content that was written over is no key of the cache: it holds for the packet that waits.
        void OnRewritten(FileKey key, FileVerdictKind kind) =>
            answers.Writer.TryWrite(FileMessage.OfKey(FileMessageKind.Verdict, key, kind == FileVerdictKind.Malicious ? [(byte)kind] : [(byte)kind, FileMessage.SoFar]));

        FileVerdictCache cache = _scan.Cache;
        _sink.RewrittenJudged += OnRewritten;
        _sink.CleanSoFar += OnCleanSoFar;
        cache.BadFiles.Added += OnPrint;
        cache.BadFiles.PlaceAdded += OnPlace;
        cache.VerdictPut += OnVerdict;
        cache.GenerationChanged += OnGeneration;
        var open = new Dictionary<ulong, FileHandle>();
        try
        {
            foreach (BadFilePrint print in cache.BadFiles.All())
            {
                OnPrint(print);
            }

            Task writing = WriteAsync(stream, answers.Reader, own.Token);
            await Task.WhenAny(ReadAsync(stream, open, own.Token), writing).ConfigureAwait(false);
            await own.CancelAsync().ConfigureAwait(false);
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            _sink.RewrittenJudged -= OnRewritten;
            _sink.CleanSoFar -= OnCleanSoFar;
            cache.BadFiles.Added -= OnPrint;
            cache.BadFiles.PlaceAdded -= OnPlace;
            cache.VerdictPut -= OnVerdict;
            cache.GenerationChanged -= OnGeneration;
            foreach (FileHandle handle in open.Values)
            {
                _sink.Close(handle, FileEnd.Truncated, default, 0);
            }
        }
    }

    private static async Task WriteAsync(Stream stream, ChannelReader<byte[]> answers, CancellationToken cancellationToken)
    {
        while (await answers.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            while (answers.TryRead(out byte[]? message))
            {
                await stream.WriteAsync(message, cancellationToken).ConfigureAwait(false);
            }

            await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task ReadAsync(Stream stream, Dictionary<ulong, FileHandle> open, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[FileMessage.MaxBytes];
        var stuck = new HashSet<ulong>();
        await using var buffered = new BufferedStream(stream, FileMessage.MaxBytes); // Else each message costs two calls of the kernel.
        while (await FileMessage.ReadAsync(buffered, buffer, cancellationToken).ConfigureAwait(false) is { } length)
        {
            if (!Take(buffer.AsSpan(0, length), open, stuck))
            {
                Malformed++;
                throw new IOException("A message of the data plane makes no sense.");
            }

            if (buffer[0] == (byte)FileMessageKind.Append)
            {
                await AppendAsync(buffer, length, open, stuck, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private bool Take(ReadOnlySpan<byte> message, Dictionary<ulong, FileHandle> open, HashSet<ulong> stuck)
    {
        switch ((FileMessageKind)message[0])
        {
            case FileMessageKind.Open when FileMessage.TryReadOpen(message, out ulong handle, out FileOrigin origin):
                if (open.Count < MaxOpen)
                {
                    open[handle] = _sink.Open(in origin);
                }

                return true;
            case FileMessageKind.Append when message.Length >= 9:
                return true;
            case FileMessageKind.Overwrite when message.Length >= 17:
                ulong rewritten = BitConverter.ToUInt64(message[1..]);
                if (open.TryGetValue(rewritten, out FileHandle patched) && !_sink.Overwrite(patched, BitConverter.ToInt64(message[9..]), message[17..]))
                {
                    stuck.Add(rewritten);
                }

                return true;
            case FileMessageKind.Checkpoint when message.Length == 1 + FileMessage.CheckpointBytes:
                ulong asked = BitConverter.ToUInt64(message[1..]);
                var soFar = new FileKey(new Sha256(message[17..]), BitConverter.ToInt64(message[9..]));
                bool isOpen = open.TryGetValue(asked, out FileHandle growing) && !growing.IsNone && !stuck.Contains(asked);
                Answer(soFar, isOpen && _sink.Checkpoint(growing, message[17..], soFar.Size));
                return true;
            case FileMessageKind.Close when message.Length is 18 or 18 + Sha256.SizeBytes:
                Close(message, open, stuck);
                return true;
            default:
                return false;
        }
    }

    private void Close(ReadOnlySpan<byte> message, Dictionary<ulong, FileHandle> open, HashSet<ulong> stuck)
    {
        ulong handle = BitConverter.ToUInt64(message[1..]);
        long size = BitConverter.ToInt64(message[10..]);
        ReadOnlySpan<byte> hash = message[18..];
        bool isWhole = message[9] != 0 && !stuck.Remove(handle);
        bool isTaken = open.Remove(handle, out FileHandle file) && !file.IsNone;
        if (isTaken)
        {
            _sink.Close(file, isWhole ? FileEnd.Complete : FileEnd.Truncated, hash, size);
        }

        // What is known already is not put again, and what could not be taken never will be: the data plane is told either way.
        if (message[9] != 0 && hash.Length == Sha256.SizeBytes)
        {
            Answer(new FileKey(new Sha256(hash), size), isTaken && isWhole);
        }
    }

    private void Answer(FileKey key, bool isComing)
    {
        if (_scan.Cache.Find(key) is { } known)
        {
            _scan.Cache.Announce(key, known);
        }
        else if (!isComing)
        {
            _scan.Cache.Announce(key, new FileVerdict { Kind = FileVerdictKind.Error, Engine = "bridgeguard", Signature = "the scanner is behind", TimeUs = 0 });
        }
    }

    private async Task AppendAsync(byte[] buffer, int length, Dictionary<ulong, FileHandle> open, HashSet<ulong> stuck, CancellationToken cancellationToken)
    {
        ulong handle = BitConverter.ToUInt64(buffer, 1);
        if (!open.TryGetValue(handle, out FileHandle file) || file.IsNone || stuck.Contains(handle))
        {
            return;
        }

        long begin = Environment.TickCount64;
        while (!_sink.Append(file, buffer.AsSpan(9, length - 9)))
        {
            if (Environment.TickCount64 - begin > RoomPatience.TotalMilliseconds)
            {
                stuck.Add(handle);
                return;
            }

            await Task.Delay(1, cancellationToken).ConfigureAwait(false);
        }
    }
}
