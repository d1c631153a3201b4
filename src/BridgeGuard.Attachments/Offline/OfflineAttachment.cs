using BridgeGuard.Attachments.Interop;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;
using SharpPcap;
using SharpPcap.LibPcap;

namespace BridgeGuard.Attachments.Offline;

/// <summary>Brings the frames of pcap and pcapng files to one worker, in order, on the caller's thread.</summary>
/// <remarks>
/// Nothing is allocated per frame: libpcap's record is copied into one reused buffer. Frames are numbered from 1 through all files, as EVE
/// <c>pcap_cnt</c> is. Time is the capture's. A damaged file ends with an error value after its readable frames were handed over; files that
/// follow are still read.
/// </remarks>
public sealed class OfflineAttachment(OfflineOptions options) : IAttachment
{
    private const int ProgressEveryFrames = 4096;
    private const long ProgressEveryMs = 100;
    private const int PcapRecordHeaderBytes = 16;

    private readonly List<CaptureSource> _sources = [];
    private readonly byte[] _buffer = new byte[PcapRecord.HeadroomBytes + PcapRecord.MaxFrameBytes];
    private VerdictDelivery _delivery = new(null);
    private ulong _number;
    private long _bytesRead;
    private long _bytesTotal;
    private long _lastProgressMs;

    public string Name => "offline";

    public int WorkerCount => 1;

    public AttachmentStats Stats => _delivery.Snapshot();

    public AttachmentError? Open()
    {
        AttachmentError? error = CaptureSource.Resolve(options.Paths, _sources);
        _bytesTotal = _sources.Any(source => source.Length == 0) ? 0 : _sources.Sum(source => source.Length);
        return error;
    }

    public AttachmentError? Run(Func<int, IFrameProcessor> processorOf, AttachmentHooks hooks, CancellationToken stop)
    {
        IFrameProcessor processor = processorOf(0);
        _delivery = new VerdictDelivery(hooks.Sink);
        hooks.Ready?.Invoke();
        AttachmentError? first = null;
        long finishedBytes = 0;
        foreach (CaptureSource source in _sources)
        {
            if (stop.IsCancellationRequested)
            {
                break;
            }

            hooks.FileStarted?.Invoke(source.Path);
            AttachmentError? error = ReadFile(source, processor, hooks, stop);
            if (error is not null)
            {
                if (first is not null)
                {
                    hooks.Warning?.Invoke(error.Message);
                }

                first ??= error;
            }

            finishedBytes += source.Length;
            _bytesRead = source.Length == 0 ? _bytesRead : finishedBytes;
        }

        hooks.Progress?.Invoke(Progress());
        return first;
    }

    public void Dispose()
    {
    }

    private AttachmentError? ReadFile(CaptureSource source, IFrameProcessor processor, AttachmentHooks hooks, CancellationToken stop)
    {
        if (!source.IsFed)
        {
            return ReadDevice(source.Path, null, source, processor, hooks, stop);
        }

        try
        {
            using CaptureFeed feed = CaptureFeed.Start(source.Path);
            AttachmentError? error = ReadDevice(feed.DevicePath, feed, source, processor, hooks, stop);
            return feed.Problem is { } problem ? new AttachmentError(AttachmentErrorKind.Corrupt, $"{source.Path}: {problem}", _number + 1) : error;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            AttachmentErrorKind kind = error is UnauthorizedAccessException ? AttachmentErrorKind.Permission : AttachmentErrorKind.Failed;
            return new AttachmentError(kind, $"{source.Path}: {error.Message.ReplaceLineEndings(" ")}");
        }
    }

    private AttachmentError? ReadDevice(
        string path, CaptureFeed? feed, CaptureSource source, IFrameProcessor processor, AttachmentHooks hooks, CancellationToken stop)
    {
        bool isAtEnd = true;
        try
        {
            using CaptureStream? stream = CaptureStream.Open(path, out string problem);
            if (stream is null)
            {
                return new AttachmentError(KindOf(problem), $"{source.Path}: {problem}");
            }

            using CaptureHandleReaderDevice device = new(stream);
            AttachmentError? error = OpenDevice(device, source);
            feed?.Opened();
            if (error is not null)
            {
                return error;
            }

            LinkType linkType = (LinkType)(ushort)device.LinkType;
            error = Enum.IsDefined(linkType)
                ? ReadFrames(device, source, linkType, processor, hooks, stop)
                : new AttachmentError(AttachmentErrorKind.Unsupported, $"{source.Path}: link type {(int)device.LinkType} is not supported");
            isAtEnd = !stop.IsCancellationRequested;
            return error;
        }
        finally
        {
            if (isAtEnd)
            {
                feed?.Join(); // The device is closed: the thread ends at its next write, if it has not come to the end.
            }
        }
    }

    private AttachmentError? OpenDevice(CaptureHandleReaderDevice device, CaptureSource source)
    {
        try
        {
            device.Open(new DeviceConfiguration());
        }
        catch (PcapException error)
        {
            string detail = Detail(error.Message, "Unable to open offline adapter: ");
            return new AttachmentError(KindOf(detail), $"{source.Path}: {detail}");
        }
        catch (DllNotFoundException)
        {
            return new AttachmentError(AttachmentErrorKind.Unsupported, "libpcap is not installed (Debian package libpcap0.8)");
        }

        if (string.IsNullOrWhiteSpace(options.Filter))
        {
            return null;
        }

        try
        {
            device.Filter = options.Filter;
        }
        catch (PcapException error)
        {
            return new AttachmentError(AttachmentErrorKind.BadArgument, $"filter \"{options.Filter}\": {Detail(error.Message, ") : ")}");
        }

        return null;
    }

    private AttachmentError? ReadFrames(
        CaptureHandleReaderDevice device, CaptureSource source, LinkType linkType, IFrameProcessor processor, AttachmentHooks hooks, CancellationToken stop)
    {
        nint header = 0;
        nint data = 0;
        while (!stop.IsCancellationRequested)
        {
            int status = device.GetNextPacketPointers(ref header, ref data);
            if (status == PcapRecord.StatusFrame)
            {
                TakeFrame(header, data, linkType, processor);
                if (_number % ProgressEveryFrames == 0)
                {
                    ReportProgress(hooks);
                }
            }
            else if (status == PcapRecord.StatusEnd)
            {
                return null;
            }
            else if (status != PcapRecord.StatusTimeout)
            {
                ulong bad = _number + 1;
                string detail = device.LastError;
                return new AttachmentError(KindOf(detail), $"{source.Path}: packet {bad}: {detail}", bad);
            }
        }

        return null;
    }

    private void TakeFrame(nint header, nint data, LinkType linkType, IFrameProcessor processor)
    {
        _number++;
        int length = PcapRecord.Read(header, data, _buffer, linkType, _number, 0, ChecksumState.Unknown, out FrameInfo info);
        _bytesRead += PcapRecordHeaderBytes + length;
        Verdict verdict = processor.Process(_buffer, PcapRecord.HeadroomBytes, length, in info);
        _delivery.CarryOut(_buffer, PcapRecord.HeadroomBytes, length, in info, in verdict, processor.Injector);
    }

    private void ReportProgress(AttachmentHooks hooks)
    {
        long now = Environment.TickCount64;
        if (hooks.Progress is not null && now - _lastProgressMs >= ProgressEveryMs)
        {
            _lastProgressMs = now;
            hooks.Progress(Progress());
        }
    }

    private AttachmentProgress Progress() =>
        new(_bytesTotal == 0 ? _bytesRead : Math.Min(_bytesRead, _bytesTotal), _bytesTotal, _number);

    private static string Detail(string message, string after)
    {
        int start = message.IndexOf(after, StringComparison.Ordinal);
        string detail = start < 0 ? message : message[(start + after.Length)..];
        return detail.ReplaceLineEndings(" ").Trim();
    }

    private static AttachmentErrorKind KindOf(string detail) => detail switch
    {
        _ when detail.Contains("truncated", StringComparison.Ordinal) => AttachmentErrorKind.Truncated,
        _ when detail.Contains("ermission denied", StringComparison.Ordinal) => AttachmentErrorKind.Permission,
        _ when detail.Contains("No such file", StringComparison.Ordinal) => AttachmentErrorKind.NotFound,
        _ when detail.Contains("not supported", StringComparison.Ordinal) => AttachmentErrorKind.Unsupported,
        _ => AttachmentErrorKind.Corrupt,
    };
}
