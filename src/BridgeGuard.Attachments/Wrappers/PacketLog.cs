using System.Buffers;
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

/// <summary>Picks frames to be kept after they were judged, as Suricata's <c>pcap-log</c>. Wraps the engine on any attachment.</summary>
/// <remarks>
/// With a condition the last segments of each stream are remembered (<see cref="RememberedFrames"/> in all, at most <see cref="RememberedBytes"/>), so that
/// the log shows what led to the alert. Nothing is allocated per frame once warm. Owner: who made it; dispose it after the run, which ends the log as well.
/// </remarks>
public sealed class PacketLog : IFrameProcessor, IDisposable
{
    /// <summary>Stream segments remembered over all flows while nothing was alerted on them.</summary>
    public const int RememberedFrames = 64 << 10;

    /// <summary>64 MiB: large segments of guests with offloads are up to 64 KiB each, and must not take 4 GiB.</summary>
    public const int RememberedBytes = 64 << 20;

    /// <summary>Segments remembered per flow.</summary>
    private const int FramesPerFlow = 64;

    /// <summary>Flows that were shown already; beyond this many the log forgets and may show the start of a very old one again.</summary>
    private const int ShownFlows = 256 << 10;

    private readonly PacketWorker _worker;
    private readonly IFrameProcessor _inner;
    private readonly PacketLogOptions _options;
    private readonly IFrameLog _log;
    private readonly Dictionary<ulong, List<(long TimeUs, byte[] Bytes, int Length)>> _remembered = [];
    private readonly Stack<List<(long TimeUs, byte[] Bytes, int Length)>> _spare = new();
    private readonly Queue<ulong> _order = new();
    private readonly HashSet<ulong> _shown = [];
    private long _rememberedBytes;
    private BpfProgram? _filter;
    private bool _filterMade;

    /// <param name="worker">Says what became of a frame.</param>
    /// <param name="options">Which frames.</param>
    /// <param name="log">Where they go; disposed with this.</param>
    /// <param name="inner">Judges the frame: the worker, or what wraps it; null: the worker.</param>
    public PacketLog(PacketWorker worker, PacketLogOptions options, IFrameLog log, IFrameProcessor? inner = null)
    {
        _worker = worker;
        _worker.TracksOutcome = true;
        _inner = inner ?? worker;
        _options = options;
        _log = log;
    }

    public FrameInjector Injector => _inner.Injector;

    /// <summary>Frames written, and frames that the filter left out (EVE <c>stats.pcap_log</c>).</summary>
    public long Written => _log.Written;

    /// <summary>Frames that could not be kept.</summary>
    public long Lost => _log.Lost;

    public long Filtered { get; private set; }

    /// <summary>Why frames could not be kept; null while all is well.</summary>
    public string? Problem { get; private set; }

    public Verdict Process(byte[] buffer, int offset, int length, in FrameInfo info)
    {
        Verdict verdict = _inner.Process(buffer, offset, length, in info);
        Take(buffer.AsSpan(offset, length), in info, _worker.Outcome);
        return verdict;
    }

    public long TickEveryUs => _inner.TickEveryUs;

    public void Tick(long nowUs) => _inner.Tick(nowUs);

    public void Dispose()
    {
        _log.Dispose();
        Problem ??= _log.Problem;
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

        _log.Begin(info.TimestampUs, info.LinkType);
        if (!PassesFilter(frame, info.LinkType))
        {
            Filtered++;
            return;
        }

        if (_options.Condition != PacketLogCondition.All && outcome.FlowId != 0)
        {
            Show(outcome.FlowId, info.LinkType);
        }

        _log.Append(info.TimestampUs, info.LinkType, frame);
    }

    /// <summary>What led to the first frame of a flow that is wanted.</summary>
    private void Show(ulong flow, LinkType linkType)
    {
        if (_shown.Count >= ShownFlows)
        {
            _shown.Clear();
        }

        if (!_shown.Add(flow) || !_remembered.TryGetValue(flow, out List<(long TimeUs, byte[] Bytes, int Length)>? before))
        {
            return;
        }

        foreach ((long timeUs, byte[] bytes, int length) in before)
        {
            _log.Append(timeUs, linkType, bytes.AsSpan(0, length));
        }

        Forget(flow);
    }

    private void Remember(ReadOnlySpan<byte> frame, in FrameInfo info, in FrameOutcome outcome)
    {
        if (_options.Condition == PacketLogCondition.All || !outcome.IsStream || outcome.FlowId == 0)
        {
            return;
        }

        if (!_remembered.TryGetValue(outcome.FlowId, out List<(long TimeUs, byte[] Bytes, int Length)>? frames))
        {
            _remembered[outcome.FlowId] = frames = _spare.TryPop(out List<(long TimeUs, byte[] Bytes, int Length)>? spare) ? spare : [];
            _order.Enqueue(outcome.FlowId);
        }

        if (frames.Count == FramesPerFlow)
        {
            GiveBack(frames[0].Bytes);
            frames.RemoveAt(0);
        }

        byte[] copy = ArrayPool<byte>.Shared.Rent(frame.Length);
        frame.CopyTo(copy);
        frames.Add((info.TimestampUs, copy, frame.Length));
        _rememberedBytes += copy.Length;
        while (_order.Count > RememberedFrames / FramesPerFlow || (_rememberedBytes > RememberedBytes && _order.Count > 1))
        {
            Forget(_order.Dequeue());
        }
    }

    private void Forget(ulong flow)
    {
        if (_remembered.Remove(flow, out List<(long TimeUs, byte[] Bytes, int Length)>? frames))
        {
            foreach ((_, byte[] bytes, _) in frames)
            {
                GiveBack(bytes);
            }

            frames.Clear();
            _spare.Push(frames);
        }
    }

    private void GiveBack(byte[] bytes)
    {
        _rememberedBytes -= bytes.Length;
        ArrayPool<byte>.Shared.Return(bytes);
    }

    private bool PassesFilter(ReadOnlySpan<byte> frame, LinkType linkType)
    {
        if (_options.Filter is not { } filter || Problem is not null)
        {
            return true;
        }

        if (!_filterMade)
        {
            _filterMade = true;
            try
            {
                _filter = BpfProgram.Create((PacketDotNet.LinkLayers)(ushort)linkType, filter);
            }
            catch (PcapException error)
            {
                Problem = $"'{filter}' is no filter: {error.Message.ReplaceLineEndings(" ")}";
                return true;
            }
        }

        return _filter!.Matches(frame);
    }
}
