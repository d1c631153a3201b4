using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;
using SharpPcap;
using SharpPcap.LibPcap;

namespace BridgeGuard.Attachments.Wrappers;

/// <summary>Writes the frames that a processor is given into a pcap file, as they came, before it judges them. Wraps any processor on any attachment.</summary>
/// <remarks>
/// For looking into things, not for every day: it writes on the worker's thread. Bounded: at the limit it stops writing and goes on judging.
/// Owner: who made it; dispose it after the run, else the end of the file is missing. Thread: the worker's.
/// </remarks>
public sealed class Recorder : IFrameProcessor, IDisposable
{
    private const int RecordHeaderBytes = 16;
    private const long MicrosecondsPerSecond = 1_000_000;

    private readonly IFrameProcessor _inner;
    private readonly CaptureFileWriterDevice _file;
    private long _left;

    private Recorder(IFrameProcessor inner, CaptureFileWriterDevice file, long limitBytes)
    {
        _inner = inner;
        _file = file;
        _left = limitBytes;
    }

    public FrameInjector Injector => _inner.Injector;

    /// <summary>Frames written.</summary>
    public long Recorded { get; private set; }

    /// <summary>Frames that the limit left out.</summary>
    public long LeftOut { get; private set; }

    /// <summary>Begins a file; null on success.</summary>
    public static AttachmentError? TryCreate(IFrameProcessor inner, string path, LinkType linkType, long limitBytes, out Recorder? recorder)
    {
        recorder = null;
        CaptureFileWriterDevice file = new(path, FileMode.Create);
        try
        {
            file.Open(new DeviceConfiguration { LinkLayerType = (PacketDotNet.LinkLayers)(ushort)linkType });
        }
        catch (Exception error) when (error is PcapException or IOException or UnauthorizedAccessException)
        {
            file.Dispose();
            return new AttachmentError(AttachmentErrorKind.Failed, $"{path}: {error.Message.ReplaceLineEndings(" ")}");
        }

        recorder = new Recorder(inner, file, limitBytes);
        return null;
    }

    public Verdict Process(byte[] buffer, int offset, int length, in FrameInfo info)
    {
        long size = RecordHeaderBytes + length;
        if (size <= _left)
        {
            _left -= size;
            Recorded++;
            uint onWire = (uint)Math.Max(info.WireLength, length);
            PcapHeader header = new(
                (uint)(info.TimestampUs / MicrosecondsPerSecond), (uint)(info.TimestampUs % MicrosecondsPerSecond), onWire, (uint)length);
            _file.Write(buffer.AsSpan(offset, length), ref header);
        }
        else
        {
            LeftOut++;
        }

        return _inner.Process(buffer, offset, length, in info);
    }

    public long TickEveryUs => _inner.TickEveryUs;

    public void Tick(long nowUs) => _inner.Tick(nowUs);

    public void Dispose() => _file.Dispose();
}
