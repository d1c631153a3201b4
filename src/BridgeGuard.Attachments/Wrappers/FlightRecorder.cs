using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments.Wrappers;

/// <summary>How much is recorded.</summary>
public sealed record FlightRecorderOptions
{
    /// <summary>Bytes kept for one port; frames before an alert go back as far as they fill it.</summary>
    public int RingBytes { get; init; } = 256 << 10;

    /// <summary>Bytes of all rings of a worker; with more ports than fit, ports share rings.</summary>
    public int TotalBytes { get; init; } = 64 << 20;

    /// <summary>Bytes kept of a frame.</summary>
    public int SnapBytes { get; init; } = 9216;

    /// <summary>Frames of the two ports that are still waited for after an alert, and for how long.</summary>
    public int AfterFrames { get; init; } = 20;

    public int AfterMs { get; init; } = 1000;

    /// <summary>Alerts of the same flow within this time are in the same recording.</summary>
    public int QuietMs { get; init; } = 10_000;
}

/// <summary>A capture that somebody asked for: all frames of a guest or an address until it is ended.</summary>
/// <param name="Id">Number of the action.</param>
/// <param name="Macs">The guest's Ethernet addresses; empty with an address.</param>
/// <param name="Address">The address; default with a guest.</param>
public sealed record CaptureOrder(ulong Id, ulong[] Macs, IpAddress Address);

/// <summary>Keeps the last frames of every port in memory; an alert hands those before it, and some after it, to be written. Wraps the engine's worker.</summary>
/// <remarks>
/// The worker's thread only copies: into rings, and at an alert from rings into one of a few blocks that the writer's thread empties. A block that is not
/// free means that a recording is missed and counted, never that a frame waits. No allocation once every port was seen.
/// </remarks>
public sealed class FlightRecorder : IFrameProcessor
{
    private const int Blocks = 4;

    private readonly PacketWorker _worker;
    private readonly FlightRecorderOptions _options;
    private readonly FrameRing?[] _rings;
    private readonly RecordingBlock[] _blocks = new RecordingBlock[Blocks];
    private readonly Pending[] _pending = new Pending[Blocks];
    private readonly byte[] _scratch;
    private CaptureOrder[] _captures = [];
    private ulong _lastFlow;
    private long _lastUs;
    private RecordingBlock? _capture;
    private long _missed;

    public FlightRecorder(PacketWorker worker, byte workerId, FlightRecorderOptions options)
    {
        _worker = worker;
        _options = options;
        worker.TracksOutcome = true;
        _scratch = new byte[options.SnapBytes];
        _rings = new FrameRing?[Math.Max(1, options.TotalBytes / options.RingBytes)];
        for (int i = 0; i < Blocks; i++)
        {
            _blocks[i] = new RecordingBlock(2 * options.RingBytes, workerId);
        }
    }

    public FrameInjector Injector => _worker.Injector;

    public long TickEveryUs => ((IFrameProcessor)_worker).TickEveryUs;

    /// <summary>Recordings that found no free block.</summary>
    public long Missed => Volatile.Read(ref _missed);

    /// <summary>Blocks that the writer may find filled.</summary>
    public IReadOnlyList<RecordingBlock> All => _blocks;

    /// <summary>Captures in force; may be set from another thread.</summary>
    public CaptureOrder[] Captures
    {
        get => Volatile.Read(ref _captures);
        set => Volatile.Write(ref _captures, value);
    }

    public Verdict Process(byte[] buffer, int offset, int length, in FrameInfo info)
    {
        // Kept as it came: the engine may rewrite it.
        int kept = Math.Min(length, _options.SnapBytes);
        FrameRing ring = RingOf(info.PortId);
        KeptFrame frame = new() { TimeUs = info.TimestampUs, Length = kept, WireLength = Math.Max(length, info.WireLength), PortId = info.PortId };
        CaptureOrder[] captures = Captures;
        bool isCaptured = captures.Length > 0 && IsWanted(buffer.AsSpan(offset, length), captures, ref frame);
        buffer.AsSpan(offset, kept).CopyTo(_scratch);
        Verdict verdict = _worker.Process(buffer, offset, length, in info);
        FrameOutcome outcome = _worker.Outcome;
        frame.Action = (byte)verdict.Action;
        frame.Reason = (byte)verdict.Reason;
        if (outcome.Alert is { } alert)
        {
            frame.Sid = alert.Sid;
            frame.Gid = alert.Gid;
        }

        ring.Add(in frame, _scratch.AsSpan(0, kept));
        if (isCaptured)
        {
            Capture(in frame, _scratch.AsSpan(0, kept));
        }

        After(info.PortId, info.TimestampUs);
        if (outcome.Alert is not null)
        {
            Begin(in info, in outcome);
        }

        return verdict;
    }

    public void Tick(long nowUs)
    {
        _worker.Tick(nowUs);
        for (int i = 0; i < Blocks; i++)
        {
            if (_pending[i].Block is not null && nowUs >= _pending[i].DueUs)
            {
                Finish(ref _pending[i]);
            }
        }

        if (_capture is { Used: > 0 } full && nowUs - full.FirstUs > 1_000_000)
        {
            _capture = null;
            full.Publish();
        }
    }

    private FrameRing RingOf(ushort portId)
    {
        int index = portId % _rings.Length;
        return _rings[index] ??= new FrameRing(_options.RingBytes);
    }

    private void Begin(in FrameInfo info, in FrameOutcome outcome)
    {
        for (int i = 0; i < Blocks; i++)
        {
            if (_pending[i].Block is not null && _pending[i].FlowId == outcome.FlowId && outcome.FlowId != 0)
            {
                return;
            }
        }

        if (outcome.FlowId != 0 && outcome.FlowId == _lastFlow && info.TimestampUs - _lastUs < _options.QuietMs * 1000L)
        {
            return;
        }

        for (int i = 0; i < Blocks; i++)
        {
            if (_pending[i].Block is null && _blocks[i].TryTake())
            {
                (_lastFlow, _lastUs) = (outcome.FlowId, info.TimestampUs);
                RecordingBlock block = _blocks[i];
                block.Begin(RecordingKind.Alert, info.TimestampUs, outcome.Alert, outcome.AlertNumber);
                _pending[i] = new Pending
                {
                    Block = block,
                    FlowId = outcome.FlowId,
                    PortA = outcome.PortA != 0 ? outcome.PortA : info.PortId,
                    PortB = outcome.PortB,
                    Left = _options.AfterFrames,
                    DueUs = info.TimestampUs + (_options.AfterMs * 1000L),
                };
                return;
            }
        }

        Volatile.Write(ref _missed, _missed + 1);
    }

    private void After(ushort portId, long nowUs)
    {
        for (int i = 0; i < Blocks; i++)
        {
            ref Pending pending = ref _pending[i];
            if (pending.Block is null)
            {
                continue;
            }

            if ((pending.PortA == portId || pending.PortB == portId) && --pending.Left <= 0)
            {
                Finish(ref pending);
            }
            else if (nowUs >= pending.DueUs)
            {
                Finish(ref pending);
            }
        }
    }

    private void Finish(ref Pending pending)
    {
        RecordingBlock block = pending.Block!;
        int first = RingOf(pending.PortA).CopyTo(block.Bytes.AsSpan(0, block.Bytes.Length / 2));
        int second = 0;
        if (pending.PortB != 0 && !ReferenceEquals(RingOf(pending.PortB), RingOf(pending.PortA)))
        {
            second = RingOf(pending.PortB).CopyTo(block.Bytes.AsSpan(first, block.Bytes.Length / 2));
        }

        block.Used = first + second;
        pending = default;
        block.Publish();
    }

    private void Capture(in KeptFrame frame, ReadOnlySpan<byte> bytes)
    {
        for (int tried = 0; tried < 2; tried++)
        {
            _capture ??= TakeCapture(frame.TimeUs);
            if (_capture is not { } block)
            {
                break;
            }

            int used = block.Used;
            if (FrameRing.TryAppend(block.Bytes, ref used, in frame, bytes))
            {
                block.Used = used;
                return;
            }

            _capture = null;
            block.Publish();
        }

        Volatile.Write(ref _missed, _missed + 1);
    }

    private RecordingBlock? TakeCapture(long nowUs)
    {
        // The last block stays for alerts.
        for (int i = 0; i < Blocks - 1; i++)
        {
            if (_pending[i].Block is null && _blocks[i].TryTake())
            {
                _blocks[i].Begin(RecordingKind.Capture, nowUs, null, 0);
                return _blocks[i];
            }
        }

        return null;
    }

    /// <summary>Whether a capture wants the frame; the first one that does is noted in place of an alert.</summary>
    private static bool IsWanted(ReadOnlySpan<byte> bytes, CaptureOrder[] orders, ref KeptFrame frame)
    {
        if (bytes.Length < 34)
        {
            return false;
        }

        ulong destination = Mac(bytes);
        ulong source = Mac(bytes[6..]);
        foreach (CaptureOrder order in orders)
        {
            if (Array.IndexOf(order.Macs, source) >= 0 || Array.IndexOf(order.Macs, destination) >= 0 || HasAddress(bytes, order.Address))
            {
                frame.Sid = (uint)order.Id;
                return true;
            }
        }

        return false;
    }

    private static bool HasAddress(ReadOnlySpan<byte> frame, IpAddress address)
    {
        if (address == default)
        {
            return false;
        }

        int at = 12;
        int type = (frame[at] << 8) | frame[at + 1];
        while (type is 0x8100 or 0x88a8 && at + 6 <= frame.Length)
        {
            at += 4;
            type = (frame[at] << 8) | frame[at + 1];
        }

        ReadOnlySpan<byte> ip = frame[(at + 2)..];
        return type switch
        {
            0x0800 when ip.Length >= 20 => IpAddress.ReadV4(ip[12..]) == address || IpAddress.ReadV4(ip[16..]) == address,
            0x86dd when ip.Length >= 40 => IpAddress.ReadV6(ip[8..]) == address || IpAddress.ReadV6(ip[24..]) == address,
            _ => false,
        };
    }

    private static ulong Mac(ReadOnlySpan<byte> bytes) =>
        ((ulong)System.Buffers.Binary.BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]);

    private struct Pending
    {
        public RecordingBlock? Block;
        public ulong FlowId;
        public ushort PortA;
        public ushort PortB;
        public int Left;
        public long DueUs;
    }
}
