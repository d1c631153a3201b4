using System.Buffers.Binary;
using System.Globalization;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;
using SharpPcap;
using SharpPcap.LibPcap;

namespace BridgeGuard.Attachments.Wrappers;

/// <summary>Which frames a <see cref="PacketLog"/> keeps.</summary>
public enum PacketLogCondition
{
    All,

    /// <summary>Those of flows with an alert; the stream's earlier segments are written with the first.</summary>
    Alerts,

    /// <summary>Those that a rule's <c>tag</c> wants.</summary>
    Tag,
}

/// <summary>What a <see cref="PacketLog"/> is to do (<c>pcap-log</c>).</summary>
public sealed record PacketLogOptions
{
    /// <summary>Path without the time that is put behind it.</summary>
    public required string Path { get; init; }

    /// <summary>Bytes of a file before the next is begun.</summary>
    public long LimitBytes { get; init; } = 100L << 20;

    /// <summary>Files kept; the oldest goes when there are more. 0: all.</summary>
    public int MaxFiles { get; init; }

    /// <summary>Microseconds in file names as well.</summary>
    public bool WithMicroseconds { get; init; }

    public PacketLogCondition Condition { get; init; }

    /// <summary>Frames beyond the depth of stream reassembly are left out.</summary>
    public bool UsesStreamDepth { get; init; }

    /// <summary>Passed frames are left out.</summary>
    public bool HonorsPassRules { get; init; }

    /// <summary>A capture filter; null: every frame.</summary>
    public string? Filter { get; init; }
}

/// <summary>Keeps frames in pcap files after they were judged, as Suricata's <c>pcap-log</c>. Wraps the engine on any attachment.</summary>
/// <remarks>
/// Writes on the worker's thread. Files are named PATH.SECONDS after their first frame. With a condition the last segments of each stream are remembered
/// (<see cref="RememberedFrames"/> in all), so that the file shows what led to the alert. Owner: who made it; dispose it after the run.
/// </remarks>
public sealed class PacketLog : IFrameProcessor, IDisposable
{
    /// <summary>Stream segments remembered over all flows while nothing was alerted on them: at most 64 Ki frames of their length.</summary>
    public const int RememberedFrames = 64 << 10;

    /// <summary>Segments remembered per flow.</summary>
    private const int FramesPerFlow = 64;
    private const int FileHeaderBytes = 24;
    private const int RecordHeaderBytes = 16;

    private readonly PacketWorker _worker;
    private readonly PacketLogOptions _options;
    private readonly Queue<string> _files = new();
    private readonly Dictionary<ulong, List<byte[]>> _remembered = [];
    private readonly Queue<ulong> _order = new();
    private readonly HashSet<ulong> _shown = [];
    private BpfProgram? _filter;
    private bool _filterMade;
    private FileStream? _file;
    private long _size;

    public PacketLog(PacketWorker worker, PacketLogOptions options)
    {
        _worker = worker;
        _worker.TracksOutcome = true;
        _options = options;
    }

    public FrameInjector Injector => _worker.Injector;

    /// <summary>Frames written, and frames that the filter left out (EVE <c>stats.pcap_log</c>).</summary>
    public long Written { get; private set; }

    public long Filtered { get; private set; }

    /// <summary>Why nothing is written any more; null while all is well.</summary>
    public string? Problem { get; private set; }

    public Verdict Process(byte[] buffer, int offset, int length, in FrameInfo info)
    {
        Verdict verdict = _worker.Process(buffer, offset, length, in info);
        if (Problem is not null)
        {
            return verdict;
        }

        try
        {
            Take(buffer.AsSpan(offset, length), in info, _worker.Outcome);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or PcapException)
        {
            Problem = $"{_options.Path}: {error.Message.ReplaceLineEndings(" ")}";
        }

        return verdict;
    }

    public long TickEveryUs => _worker.TickEveryUs;

    public void Tick(long nowUs) => _worker.Tick(nowUs);

    public void Dispose()
    {
        _file?.Dispose();
        _filter?.Dispose();
    }

    private void Take(ReadOnlySpan<byte> frame, in FrameInfo info, in FrameOutcome outcome)
    {
        if ((_options.UsesStreamDepth && outcome.IsBeyondDepth) || (_options.HonorsPassRules && outcome.IsPassed))
        {
            return;
        }

        bool wanted = _options.Condition switch
        {
            PacketLogCondition.Alerts => outcome.IsAlerted,
            PacketLogCondition.Tag => outcome.IsTagged,
            _ => true,
        };
        if (!wanted)
        {
            Remember(frame, in info, in outcome);
            return;
        }

        if (_file is null)
        {
            // A file's name tells when its time began, even if the filter keeps nothing of that moment.
            Begin((uint)(info.TimestampUs / 1_000_000), (uint)(info.TimestampUs % 1_000_000), info.LinkType);
        }

        if (!PassesFilter(frame, info.LinkType))
        {
            Filtered++;
            return;
        }

        if (_options.Condition != PacketLogCondition.All && outcome.FlowId != 0 && _shown.Add(outcome.FlowId)
            && _remembered.Remove(outcome.FlowId, out List<byte[]>? before))
        {
            foreach (byte[] record in before)
            {
                Append(record, in info);
            }
        }

        Append(Record(frame, in info), in info);
    }

    private void Remember(ReadOnlySpan<byte> frame, in FrameInfo info, in FrameOutcome outcome)
    {
        if (_options.Condition == PacketLogCondition.All || !outcome.IsStream || outcome.FlowId == 0)
        {
            return;
        }

        if (!_remembered.TryGetValue(outcome.FlowId, out List<byte[]>? records))
        {
            _remembered[outcome.FlowId] = records = [];
            _order.Enqueue(outcome.FlowId);
            while (_order.Count > RememberedFrames / FramesPerFlow)
            {
                _remembered.Remove(_order.Dequeue());
            }
        }

        if (records.Count == FramesPerFlow)
        {
            records.RemoveAt(0);
        }

        records.Add(Record(frame, in info));
    }

    private static byte[] Record(ReadOnlySpan<byte> frame, in FrameInfo info)
    {
        byte[] record = new byte[RecordHeaderBytes + frame.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(record, (uint)(info.TimestampUs / 1_000_000));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(4), (uint)(info.TimestampUs % 1_000_000));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), (uint)frame.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(12), (uint)frame.Length);
        frame.CopyTo(record.AsSpan(RecordHeaderBytes));
        return record;
    }

    private void Append(byte[] record, in FrameInfo info)
    {
        if (_file is not null && _size + record.Length > _options.LimitBytes)
        {
            _file.Dispose();
            Begin(BinaryPrimitives.ReadUInt32LittleEndian(record), BinaryPrimitives.ReadUInt32LittleEndian(record.AsSpan(4)), info.LinkType);
        }

        _file!.Write(record);
        _size += record.Length;
        Written++;
    }

    private void Begin(uint seconds, uint microseconds, LinkType linkType)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"{_options.Path}.{seconds}");
        if (_options.WithMicroseconds)
        {
            path += string.Create(CultureInfo.InvariantCulture, $".{microseconds}");
        }

        _file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, 64 << 10);
        Span<byte> header = stackalloc byte[FileHeaderBytes];
        header.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, 0xa1b2_c3d4);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 4);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], 256 << 10);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], (uint)linkType);
        _file.Write(header);
        _size = FileHeaderBytes;
        _files.Enqueue(path);
        if (_options.MaxFiles > 0 && _files.Count > _options.MaxFiles)
        {
            File.Delete(_files.Dequeue());
        }
    }

    private bool PassesFilter(ReadOnlySpan<byte> frame, LinkType linkType)
    {
        if (_options.Filter is not { } filter)
        {
            return true;
        }

        if (!_filterMade)
        {
            _filterMade = true;
            _filter = BpfProgram.Create((PacketDotNet.LinkLayers)(ushort)linkType, filter);
        }

        return _filter!.Matches(frame);
    }
}
