using System.Runtime.CompilerServices;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Streams;

/// <summary>Puts the segments of one direction in order, settles overlaps and hands contiguous bytes to the application layer.</summary>
/// <remarks>
/// Owner: one worker's <see cref="TcpTracker"/>. In passive mode bytes are handed over when the receiver acknowledges them, because only then is it known that they
/// arrived; until then overlapping copies compete under the receiver's <see cref="OverlapPolicy"/>. Inline, bytes are handed over at once, the first copy wins, and
/// a conflicting later copy is rewritten in its frame, so that the guest gets what was inspected. All blocks come from one capped pool.
/// </remarks>
public sealed partial class Reassembler
{
    /// <summary>Acknowledged bytes behind a hole that wait for the protocol to be recognised before it; twice what recognition looks at.</summary>
    private const int UndecidedWaitBytes = 32 << 10;

    /// <summary>Lists of segments that are there before the traffic: directions of streams in which something is missing at the same moment.</summary>
    private const int FilledLists = 256;

    private readonly ReassemblySettings _settings;
    private readonly IStreamConsumer _consumer;
    private readonly WorkerCounters _counters;
    private readonly SlabPool _slabs;
    private readonly Stack<SegmentList> _lists = new(FilledLists);
    private readonly SegmentArrays _segmentArrays = new();
    private readonly bool _inline;
    private readonly bool _isInlineEngine;

    internal Reassembler(EngineSettings settings, IStreamConsumer consumer, WorkerCounters counters)
    {
        _settings = settings.Stream.Reassembly;
        _consumer = consumer;
        _counters = counters;
        _inline = settings.Stream.Inline ?? settings.IsInline;
        _isInlineEngine = settings.IsInline;
        _slabs = new SlabPool(_settings.MemcapBytes);
        RawEnabled = IsReadByRules = _settings.Raw;
    }

    /// <summary>Raw inspection is wanted by rules; when false, bytes that the application layer consumed are not kept for it.</summary>
    public bool RawEnabled { get; set; }

    /// <summary>Rules look at the stream itself: what they have not seen is not used up.</summary>
    public bool IsReadByRules { get; set; }

    /// <summary>
    /// Alerts show payloads, and no rule reads the stream: what a parser has consumed stays until the next packet of its direction has been judged, because that packet
    /// brings its alerts, passively. Where rules read the stream bytes wait for them anyway.
    /// </summary>
    public bool HoldsForAlerts { get; set; }

    /// <summary>Bytes in use for data.</summary>
    public long UsedBytes => _slabs.UsedBytes;

    /// <summary>Makes blocks and lists for streams before they are asked for.</summary>
    public void FillPools()
    {
        _slabs.Fill();
        _segmentArrays.Fill();
        while (_lists.Count < FilledLists)
        {
            _lists.Push(new SegmentList(_segmentArrays));
        }
    }

    /// <summary>Accepts the payload of a segment that the tracker found valid. Does not hand anything over.</summary>
    /// <param name="sequence">Sequence number of the first byte of <paramref name="payload"/>.</param>
    /// <param name="payload">Within the packet's buffer; inline it may be rewritten.</param>
    /// <param name="isLent">It is all of the packet's payload, and the caller delivers and then ends the loan: the bytes may stay where they are until then.</param>
    internal void Insert(Flow flow, TcpStream stream, Packet packet, uint sequence, Span<byte> payload, bool isLent = false)
    {
        long start = stream.OffsetOf(sequence);
        if (payload.Length == 0 || !TrimFront(stream, ref start, ref payload) || !TrimDepth(flow, stream, packet, start, ref payload))
        {
            return;
        }

        if (!IsBuffered(flow, stream))
        {
            Skip(stream, start, payload.Length);
            return;
        }

        packet.Flags |= PacketFlags.StreamAdded;
        if (_inline)
        {
            // A repeated segment is shown again: rules judge each packet with the stream around it.
            stream.Flags |= TcpStreamFlags.RawRepeat;
        }

        bool isNext = start == stream.EndOffset && (stream.Segments?.Count ?? 0) == stream.PlacedCount;
        if (isNext && isLent && MayLend(flow, stream, payload.Length))
        {
            // Only the front can have been cut without the depth being reached, which ends at the cut.
            Lend(stream, packet, start - stream.OffsetOf(sequence), payload.Length);
            return;
        }

        bool done = isNext ? AppendNext(stream, start, payload) : InsertOutOfOrder(stream, packet, start, payload);
        if (!done)
        {
            _counters.Increment(Counter.TcpSegmentMemcapDrop);
            packet.Events.Add(PacketEvent.StreamReassemblyInsertMemcap);
            ExceptionPolicies.Apply(packet, flow, ExceptionCause.StreamReassemblyMemcap, _settings.MemcapPolicy, _counters, _isInlineEngine);
        }

        _counters.Set(Counter.TcpReassemblyMemoryUse, _slabs.UsedBytes);
    }

    /// <summary>The receiver has acknowledged up to <paramref name="ack"/>.</summary>
    internal static void Acknowledge(TcpStream stream, uint ack)
    {
        long offset = stream.OffsetOf(ack);
        if (offset <= stream.AckedOffset)
        {
            return;
        }

        // The FIN takes a number but is no byte.
        long limit = stream.Has(TcpStreamFlags.FinSeen) ? Math.Max(stream.OffsetOf(stream.FinSequence), stream.AckedOffset) : long.MaxValue;
        stream.AckedOffset = Math.Min(offset, limit);
        stream.MoveAnchor(ack);
    }

    /// <summary>Hands over what may be handed over: up to the acknowledged offset, inline up to the end of what is contiguous.</summary>
    internal void Deliver(Flow flow, Packet packet, TcpStream stream) =>
        DeliverUpTo(flow, packet, stream, _inline ? Math.Max(stream.EndOffset, stream.AckedOffset) : stream.AckedOffset);

    /// <summary>No more data will come: hands over everything, holes as gaps, then the end.</summary>
    internal void Finish(Flow flow, Packet packet, TcpStream stream)
    {
        if (stream.Has(TcpStreamFlags.EndDelivered))
        {
            return;
        }

        if (stream.LoanLength > 0)
        {
            ForgetLoan(stream);
        }

        // A hole that the receiver acknowledged is a loss of ours, and told; the parser goes on behind it.
        long last = stream.Segments is { Count: > 0 } segments ? Math.Max(stream.EndOffset, segments[segments.Count - 1].End) : stream.EndOffset;
        packet.Flags |= PacketFlags.StreamEnd;
        if (!_inline && stream.AckedOffset > stream.AppOffset)
        {
            DeliverUpTo(flow, packet, stream, Math.Min(stream.AckedOffset, last));
        }

        // What was not acknowledged may never have arrived: the parser gets it up to the first hole, rules on the stream all of it.
        stream.AckedOffset = Math.Max(stream.AckedOffset, last);
        stream.Flags |= TcpStreamFlags.EndDelivered;
        DeliverUpTo(flow, packet, stream, stream.EndOffset);
        while (stream.Segments is { } waiting && waiting.Count > stream.PlacedCount)
        {
            StepOver(flow, stream, last, out _);
            JoinWaiting(stream);
        }
    }

    /// <summary>The connection ended without a byte.</summary>
    internal void TellSilence(Flow flow, Packet packet, Direction? end) => _consumer.OnSilence(flow, packet, end);

    /// <summary>Gives back what nobody needs any more. Call it when nothing of the stream is borrowed, at the start of the next packet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Twice per packet, and mostly there is nothing; pipeline bench.
    internal void Trim(Flow flow, TcpStream stream)
    {
        stream.Flags &= ~TcpStreamFlags.RawRepeat;
        _lateInsert = null;
        if (stream.LoanLength > 0)
        {
            ForgetLoan(stream);
        }

        if (stream.HeldShown > 0)
        {
            ReleaseShown(stream, flow.FramesOf(flow.Tcp!.DirectionOf(stream)) is { Count: > 0 } frames ? frames.NeededFrom(0) : long.MaxValue);
        }

        if (stream.Data is not null)
        {
            TrimData(flow, stream, stream.Data);
        }
    }

    private void TrimData(Flow flow, TcpStream stream, byte[] data)
    {
        long keep = KeepFrom(flow, stream);
        int drop = (int)(keep - stream.Base);
        if (drop <= 0)
        {
            return;
        }

        stream.Base = keep;
        stream.GapBefore = 0;
        stream.DataStart += drop;
        stream.DataLength -= drop;
        DropPlaced(stream, keep);
        if (stream.DataLength == 0)
        {
            _slabs.Return(data);
            stream.Data = null;
            stream.DataStart = 0;
        }
    }

    /// <summary>The first byte that somebody still needs: the parser, rules on the stream, frames, or the comparison with another copy.</summary>
    private long KeepFrom(Flow flow, TcpStream stream)
    {
        long keep = stream.EndOffset;
        long used = long.MaxValue;
        if (!IsAppDone(flow, stream))
        {
            keep = Math.Min(keep, stream.AppOffset);
            used = stream.AppOffset;
        }

        if (WantsRaw(stream))
        {
            // Where nobody inspects (a passed flow, detection off) bytes must not pile up.
            stream.RawOffset = Math.Max(stream.RawOffset, RawEnd(stream) - RawBacklogBytes);
            used = IsReadByRules ? Math.Min(used, stream.RawOffset) : used;
            keep = Math.Min(keep, RawKeepFrom(flow, stream));
        }

        if (flow.FramesOf(flow.Tcp!.DirectionOf(stream)) is { Count: > 0 } frames)
        {
            // Bounded as for raw inspection: a frame that nobody gets to see must not hold the stream.
            used = Math.Min(used, frames.NeededFrom(0));
            keep = Math.Min(keep, Math.Max(frames.NeededFrom(RawOverlapBytes), RawEnd(stream) - RawBacklogBytes));
        }

        if (HoldsForAlerts && !_inline && !IsAppDone(flow, stream))
        {
            keep = Math.Min(keep, Math.Max(stream.JudgedOffset, RawEnd(stream) - RawBacklogBytes));
        }

        if (used != long.MaxValue)
        {
            // What was not acknowledged may have been lost behind us and come again, with other bytes: it is not used up.
            stream.PayloadOffset = Math.Min(used, Math.Min(stream.AckedOffset, stream.EndOffset));
        }

        // Not acknowledged: inline a second copy must be compared with it, passively it may still be replaced.
        return Math.Max(stream.Base, Math.Min(keep, Math.Max(stream.AckedOffset, stream.Base)));
    }

    /// <summary>Returns every block of the stream.</summary>
    internal void Release(TcpStream stream)
    {
        stream.LoanLength = 0;
        if (stream.Data is { } data)
        {
            _slabs.Return(data);
            stream.Data = null;
        }

        stream.HeldShown = stream.HeldCount;
        ReleaseShown(stream, long.MaxValue);
        if (stream.Segments is not { } segments)
        {
            return;
        }

        for (int i = 0; i < segments.Count; i++)
        {
            if (segments[i].Slab is { } slab)
            {
                _slabs.Return(slab);
            }
        }

        segments.Clear();
        _lists.Push(segments);
        stream.Segments = null;
        stream.PlacedCount = 0;
    }

    private static bool IsAppDone(Flow flow, TcpStream stream) =>
        flow.Has(ReferenceEquals(stream, flow.Tcp!.Client) ? FlowFlags.NoAppLayerToServer : FlowFlags.NoAppLayerToClient);

    /// <summary>Somebody looks at the bytes. Where nobody does (encrypted, given up) there is nothing that another copy could contradict, inline neither.</summary>
    private bool IsBuffered(Flow flow, TcpStream stream) => !IsAppDone(flow, stream) || WantsRaw(stream);

    private bool WantsRaw(TcpStream stream) => RawEnabled && !stream.Has(TcpStreamFlags.NoRaw);

    /// <summary>Cuts what lies before the first byte still held; false when nothing is left.</summary>
    private static bool TrimFront(TcpStream stream, ref long start, ref Span<byte> payload)
    {
        if (start >= stream.Base)
        {
            return true;
        }

        long cut = stream.Base - start;
        if (cut >= payload.Length)
        {
            return false;
        }

        payload = payload[(int)cut..];
        start = stream.Base;
        return true;
    }

    private bool TrimDepth(Flow flow, TcpStream stream, Packet packet, long start, ref Span<byte> payload)
    {
        if (stream.Has(TcpStreamFlags.DepthReached))
        {
            return false;
        }

        long depth = flow.Tcp!.DepthBytes >= 0 ? flow.Tcp.DepthBytes : _settings.Depth;
        if (depth == 0 || start + payload.Length <= depth)
        {
            return true;
        }

        payload = start >= depth ? [] : payload[..(int)(depth - start)];

        stream.Flags |= TcpStreamFlags.DepthReached | TcpStreamFlags.RawTriggered;
        packet.Events.Add(PacketEvent.StreamReassemblyDepthReached);
        _counters.Increment(Counter.TcpStreamDepthReached);
        _consumer.OnDepth(flow, flow.Tcp.DirectionOf(stream));
        return payload.Length > 0;
    }

    /// <summary>Nobody wants the bytes: only the end of the contiguous part moves.</summary>
    private static void Skip(TcpStream stream, long start, int length)
    {
        if (start <= stream.EndOffset && start + length > stream.EndOffset && stream.Data is null)
        {
            stream.Base = start + length;
            stream.AppOffset = stream.RawOffset = stream.Base;
        }
    }

    private void DeliverUpTo(Flow flow, Packet packet, TcpStream stream, long limit)
    {
        if (limit <= stream.AppOffset && !stream.Has(TcpStreamFlags.EndDelivered | TcpStreamFlags.DepthReached))
        {
            return;
        }

        if (stream.Has(TcpStreamFlags.DepthReached) || !IsBuffered(flow, stream))
        {
            limit = EndWithoutGaps(flow, stream, limit);
        }

        // Bounded: each turn hands over a contiguous stretch and steps over one hole; holes are at most as many as segments.
        while (true)
        {
            long available = Math.Min(limit, stream.EndOffset);
            bool atEnd = stream.Has(TcpStreamFlags.EndDelivered) && available == limit;
            if ((available > stream.AppOffset && (available > stream.ShownOffset || flow.ChangePending)) || atEnd)
            {
                HandOver(flow, packet, stream, available, atEnd);
            }

            if (!_inline)
            {
                DropPlaced(stream, available);
            }

            // A hole is known to be one when bytes behind it are here: before that they may only be late on their way to us.
            if (limit <= stream.EndOffset || stream.Segments is not { } waiting || waiting.Count == stream.PlacedCount)
            {
                break;
            }

            if (!_inline && IsUndecided(flow, stream) && limit - stream.EndOffset < UndecidedWaitBytes)
            {
                break;
            }

            StepOverGap(flow, packet, stream, limit);
        }

        if (!WantsRaw(stream))
        {
            stream.RawOffset = Math.Max(stream.RawOffset, Math.Min(limit, stream.EndOffset));
        }

        if (_consumer.TakeRedelivery())
        {
            Redeliver(flow, packet, ReferenceEquals(stream, flow.Tcp!.Client) ? flow.Tcp.Server : flow.Tcp.Client);

            // What was held back until then (a client's command behind a greeting) comes once more; two parsers cannot ask for each other without end.
            if (_consumer.TakeRedelivery())
            {
                Redeliver(flow, packet, stream);
                _consumer.TakeRedelivery();
            }
        }
    }

    /// <summary>Hands unconsumed bytes over again.</summary>
    internal void Redeliver(Flow flow, Packet packet, TcpStream stream)
    {
        long available = _inline ? stream.EndOffset : Math.Min(stream.EndOffset, stream.AckedOffset);
        if (available > stream.AppOffset)
        {
            HandOver(flow, packet, stream, available, stream.Has(TcpStreamFlags.EndDelivered) && available == stream.EndOffset);
        }
    }

    /// <summary>Beyond the depth, and where nobody wants the bytes, nothing is missing.</summary>
    private long EndWithoutGaps(Flow flow, TcpStream stream, long limit)
    {
        if (!IsBuffered(flow, stream) && stream.Data is null && limit > stream.Base)
        {
            stream.Base = stream.AppOffset = stream.RawOffset = limit;
        }

        return Math.Min(limit, stream.EndOffset);
    }

    private void HandOver(Flow flow, Packet packet, TcpStream stream, long upTo, bool atEnd)
    {
        stream.ShownOffset = upTo;
        StreamChunkFlags flags = StreamChunkFlags.None;
        if (!stream.Has(TcpStreamFlags.Started))
        {
            stream.Flags |= TcpStreamFlags.Started;
            flags |= StreamChunkFlags.Start;
        }

        if (atEnd)
        {
            flags |= StreamChunkFlags.End;
        }

        if (stream.Has(TcpStreamFlags.DepthReached) && upTo == stream.EndOffset)
        {
            flags |= StreamChunkFlags.Depth;
        }

        if (IsAppDone(flow, stream) && !atEnd)
        {
            stream.AppOffset = upTo;
            return;
        }

        ReadOnlySpan<byte> data = stream.AppOffset >= upTo ? [] : stream.LoanLength > 0 ? ViewLoan(stream, upTo) : stream.View(stream.AppOffset, upTo);
        Direction direction = flow.Tcp!.DirectionOf(stream);
        MessageMark before = MessageMark.Of(flow, direction);
        int consumed = _consumer.OnData(flow, packet, direction, data, flags);

        // Whose bytes they are may have changed who is the client.
        direction = flow.Tcp.DirectionOf(stream);
        if (atEnd || MessageMark.Of(flow, direction).Shows(before, flow, direction, consumed))
        {
            stream.Flags |= TcpStreamFlags.RawTriggered;
        }

        stream.AppOffset += Math.Clamp(consumed, 0, data.Length);
        if (IsAppDone(flow, stream))
        {
            stream.AppOffset = Math.Max(stream.AppOffset, upTo);
        }
    }

    /// <summary>Whose bytes these are is not known yet, and those before the hole are still being looked at.</summary>
    private bool IsUndecided(Flow flow, TcpStream stream) =>
        flow.App == ProtocolId.Unknown && stream.AppOffset < stream.EndOffset && !IsAppDone(flow, stream);

    /// <summary>The receiver has bytes that were never seen here: reports them lost and goes on behind them.</summary>
    private void StepOverGap(Flow flow, Packet packet, TcpStream stream, long limit)
    {
        stream.Flags |= TcpStreamFlags.HasGap;
        flow.Tcp!.Flags |= TcpSessionFlags.Lossy;
        long consumed = stream.AppOffset;
        long to = StepOver(flow, stream, limit, out long gap);
        stream.GapBytes += gap;
        if (!IsAppDone(flow, stream))
        {
            // Where nobody parses, nobody misses anything (nor does who only waits for STARTTLS).
            if (flow.StartTls is null)
            {
                _counters.Increment(Counter.TcpReassemblyGap);
                packet.Events.Add(PacketEvent.StreamReassemblySeqGap);
            }

            _consumer.OnGap(flow, packet, flow.Tcp.DirectionOf(stream), to - consumed);
        }

        JoinWaiting(stream);
    }

    /// <summary>The contiguous bytes begin anew behind the first hole, those before it move aside for rules. Returns where.</summary>
    private long StepOver(Flow flow, TcpStream stream, long limit, out long gap)
    {
        long from = stream.EndOffset;
        long to = Math.Min(stream.Segments![stream.PlacedCount].Offset, limit);
        if (to == from)
        {
            to = DropUnplaceable(stream);
        }

        HoldRaw(flow, stream);
        gap = to - from;
        stream.GapBefore = (int)Math.Min(gap, int.MaxValue);
        stream.Base = to;
        stream.DataStart = stream.DataLength = 0;
        stream.AppOffset = to;
        if (stream.RawOffset < to)
        {
            stream.RawOffset = to;
        }

        return to;
    }

    /// <summary>A waiting segment for whose bytes there is no contiguous memory is lost; returns where it ends.</summary>
    private long DropUnplaceable(TcpStream stream)
    {
        SegmentList list = stream.Segments!;
        ref Segment lost = ref list[stream.PlacedCount];
        long end = lost.End;
        if (lost.Slab is { } slab)
        {
            _slabs.Return(slab);
        }

        list.RemoveAt(stream.PlacedCount);
        return end;
    }
}
