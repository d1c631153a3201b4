using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Streams;

/// <summary>Stream bytes for rules that look at the stream itself, not at a buffer of a protocol.</summary>
/// <remarks>
/// Passively bytes are shown once, in windows of about the configured chunk size or up to where a message ends, as Suricata shows them: positions in rules count
/// from the window's begin. Inline each packet shows what it brought together with what was before it, up to a chunk: no border hides a pattern there.
/// </remarks>
public sealed partial class Reassembler
{
    /// <summary>Bytes that stay behind what rules have seen, at most, for frames and the payload of alerts: a rule's single content may have 255 bytes and chains span a chunk.</summary>
    private const int RawOverlapBytes = 1024;

    /// <summary>Bytes kept at most for rules that have not looked at them: a window and a half of an unscaled connection.</summary>
    private const int RawBacklogBytes = 96 << 10;

    /// <summary>Stretches before holes kept per stream until rules have seen them; a packet that uncovers more holes is not of practice.</summary>
    private const int MaxHeldStretches = 16;

    /// <summary>Where stretches are put together that lie in pieces; 64 KiB as the largest alert payload that is of use.</summary>
    private readonly byte[] _scratch = new byte[64 << 10];

    /// <summary>Inline: the stream to which this packet brought bytes behind a hole, and their offset.</summary>
    private TcpStream? _lateInsert;
    private long _lateOffset;
    private TcpStream? _lateStream;
    private int _lateLength;

    /// <summary>The stream bytes that a rule has to look at with this packet.</summary>
    /// <returns>False when nothing new is due: the chunk is not full and nothing (end, gap, transaction) asks for it.</returns>
    public bool TryGetRawWindow(Flow flow, Direction direction, out RawWindow window)
    {
        window = default;
        if (flow.Tcp is not { } session || session.StreamOf(direction) is not { } stream || !WantsRaw(stream))
        {
            return false;
        }

        if (stream.HeldShown < stream.HeldCount)
        {
            ref RawStretch held = ref stream.Held![stream.HeldShown];
            window = new RawWindow(held.Slab.AsSpan(held.RawSeen, held.Length - held.RawSeen), held.Base + held.RawSeen, held.Base + held.RawSeen);
            return true;
        }

        long end = RawEnd(stream);
        long fresh = end - stream.RawOffset;
        bool isDue = _inline
            ? end > stream.Base && (fresh > 0 || stream.Has(TcpStreamFlags.RawRepeat))
            : fresh > 0 && (stream.Has(TcpStreamFlags.RawTriggered) || fresh >= ChunkSize(flow, direction));
        if (ReferenceEquals(_lateInsert, stream) && TryGetLateWindow(stream, ChunkSize(flow, direction), out window))
        {
            return true;
        }

        if (!isDue)
        {
            if (!_inline && fresh <= 0 && stream.RawLimit == long.MaxValue && !stream.Has(TcpStreamFlags.FinSeen))
            {
                // What was complete has been shown; the next message's first bytes wait for its own end.
                stream.Flags &= ~TcpStreamFlags.RawTriggered;
            }

            return false;
        }

        if (_inline)
        {
            // Each packet is judged with what was before it: all of the window counts, or a pattern that this packet completes would pass.
            long start = Math.Max(stream.Base, Math.Min(stream.RawOffset, end - ChunkSize(flow, direction)));
            window = new RawWindow(stream.View(start, end), start, start);
            return true;
        }

        long from = Math.Max(stream.Base, stream.RawOffset);
        window = new RawWindow(stream.View(from, end), from, from);
        return true;
    }

    /// <summary>The bytes of a frame that are there and may be looked at, from <paramref name="from"/> on or from where the window begins.</summary>
    /// <param name="flow">A TCP flow.</param>
    /// <param name="direction">The frame's direction.</param>
    /// <param name="from">Stream offset wanted first.</param>
    /// <param name="end">Stream offset wanted last, exclusive; <see cref="long.MaxValue"/>: all there is.</param>
    /// <returns>Borrowed until the next packet of the flow; its offset says where it begins.</returns>
    public RawWindow GetFrameWindow(Flow flow, Direction direction, long from, long end)
    {
        if (flow.Tcp?.StreamOf(direction) is not { } stream)
        {
            return default;
        }

        long last = Math.Min(end, RawEnd(stream));
        long first = Math.Max(from, stream.Base);
        return first >= last ? new RawWindow([], first, first) : new RawWindow(stream.View(first, last), first, first);
    }

    /// <summary>The bytes of a stretch before a hole, of a frame: number <paramref name="index"/>, from 0 on, oldest first.</summary>
    /// <returns>False when there are no more.</returns>
    public static bool TryGetHeldFrameWindow(Flow flow, Direction direction, int index, long from, long end, out RawWindow window)
    {
        window = default;
        if (flow.Tcp?.StreamOf(direction) is not { } stream || index >= stream.HeldCount)
        {
            return false;
        }

        ref RawStretch held = ref stream.Held![index];
        long first = Math.Clamp(from, held.Base, held.Base + held.Length);
        long last = Math.Clamp(end, first, held.Base + held.Length);
        window = new RawWindow(held.Slab.AsSpan((int)(first - held.Base), (int)(last - first)), first, first);
        return true;
    }

    /// <summary>What is there of a frame, holes named by their length, for EVE. Returns the bytes written.</summary>
    public int CopyFrame(Flow flow, Direction direction, long from, long end, Span<byte> into)
    {
        int length = 0;
        long at = from;

        // What was never acknowledged is not shown, also when the connection is over: it is missing.
        StreamPlaces places = GetPlaces(flow, direction);
        long shown = places.IsEnded ? Math.Min(end, places.Acknowledged) : end;
        for (int i = 0; TryGetHeldFrameWindow(flow, direction, i, at, shown, out RawWindow held); i++)
        {
            Append(held, into, ref at, shown, ref length);
        }

        Append(GetFrameWindow(flow, direction, at, shown), into, ref at, shown, ref length);
        long known = Math.Min(end, places.Inspectable);
        Append(new RawWindow([], Math.Max(at, known), at), into, ref at, end, ref length);
        return length;
    }

    private static void Append(RawWindow window, Span<byte> into, ref long at, long end, ref int length)
    {
        long missing = Math.Min(window.Offset, end) - at;
        if (missing > 0)
        {
            length += NameGap(missing, into[length..]);
        }

        at += Math.Max(0, missing);
        int fits = Math.Min(window.Data.Length, into.Length - length);
        window.Data[..fits].CopyTo(into[length..]);
        length += fits;
        at += window.Data.Length;
    }

    /// <summary>Stream offset up to which rules may look: acknowledged, inline received; a hole behind it that will stay one is counted.</summary>
    public long GetInspectableEnd(Flow flow, Direction direction) => flow.Tcp?.StreamOf(direction) is { } stream ? Math.Max(RawEnd(stream), HoleEnd(stream)) : 0;

    /// <summary>The end of a hole of which the receiver says that it is none: nothing will come to fill it. 0 where there is no such hole.</summary>
    private long HoleEnd(TcpStream stream) =>
        !_inline && stream.HasWaiting && stream.AckedOffset > stream.EndOffset && stream.RawLimit == long.MaxValue
            ? Math.Min(stream.AckedOffset, stream.Segments![stream.PlacedCount].Offset)
            : 0;

    /// <summary>How far a direction has come, for what EVE says of frames.</summary>
    public StreamPlaces GetPlaces(Flow flow, Direction direction) => flow.Tcp?.StreamOf(direction) is { } stream
        ? new StreamPlaces(
            Math.Max(RawEnd(stream), HoleEnd(stream)),
            stream.EndOffset,
            _inline || flow.Tcp.Has(TcpSessionFlags.Reset) ? stream.EndOffset : Math.Clamp(stream.OffsetOf(stream.LastAck), 0, stream.EndOffset),
            IsAppDone(flow, stream) ? stream.EndOffset : stream.AppOffset,
            stream.Has(TcpStreamFlags.EndDelivered),
            ChunkSize(flow, direction))
        : default;

    /// <summary>No more bytes will come in the direction.</summary>
    public static bool IsEnded(Flow flow, Direction direction) => flow.Tcp?.StreamOf(direction) is { } stream && stream.Has(TcpStreamFlags.EndDelivered);

    /// <summary>New bytes that rules wait for before they look again, passively.</summary>
    public int GetChunkSize(Flow flow, Direction direction) => ChunkSize(flow, direction);

    public bool IsInline => _inline;

    /// <summary>The window was inspected. Call until <see cref="TryGetRawWindow"/> is false.</summary>
    public void MarkRawInspected(Flow flow, Direction direction)
    {
        if (flow.Tcp?.StreamOf(direction) is not { } stream)
        {
            return;
        }

        if (stream.HeldShown < stream.HeldCount)
        {
            // Its bytes stay until the next packet: an alert may want to show them.
            stream.HeldShown++;
            return;
        }

        _lateInsert = null;
        stream.RawOffset = RawEnd(stream);
        stream.Flags &= ~(TcpStreamFlags.RawTriggered | TcpStreamFlags.RawRepeat);
        if (stream.RawLimit != long.MaxValue)
        {
            stream.Flags |= stream.RawOffset < stream.RawLimit ? TcpStreamFlags.RawTriggered : TcpStreamFlags.NoRaw;
        }
    }

    /// <summary>Something is complete (a request, an end): what is there is shown with the next packet although the chunk is not full.</summary>
    public static void TriggerRaw(Flow flow, Direction direction)
    {
        if (flow.Tcp?.StreamOf(direction) is { } stream)
        {
            stream.Flags |= TcpStreamFlags.RawTriggered;
        }
    }

    /// <summary>Rules look at what has come of this direction, and at no byte behind it. The first call counts.</summary>
    public static void EndRaw(Flow flow, Direction direction)
    {
        if (flow.Tcp?.StreamOf(direction) is { RawLimit: long.MaxValue } stream)
        {
            stream.RawLimit = stream.EndOffset;
            stream.Flags |= stream.RawOffset < stream.RawLimit ? TcpStreamFlags.RawTriggered : TcpStreamFlags.NoRaw;
        }
    }

    /// <summary>A packet of the direction has been judged and its alerts are written.</summary>
    public void MarkJudged(Flow flow, Direction direction)
    {
        if (HoldsForAlerts && flow.Tcp?.StreamOf(direction) is { } stream)
        {
            stream.JudgedOffset = Math.Max(stream.JudgedOffset, Math.Min(stream.AckedOffset, stream.EndOffset));
        }
    }

    /// <summary>What is still held of a direction, for EVE <c>payload</c> of alerts on the stream; holes are named. Valid until the next call.</summary>
    public ReadOnlySpan<byte> GetRecentStream(Flow flow, Direction direction)
    {
        if (flow.Tcp?.StreamOf(direction) is not { } stream)
        {
            return [];
        }

        long end = RecentEnd(stream);
        long used = HoldsForAlerts ? Math.Min(stream.PayloadOffset, stream.JudgedOffset) : stream.PayloadOffset;
        long from = _inline ? stream.Base : Math.Clamp(used, stream.Base, end);
        ReadOnlySpan<byte> current = stream.View(from, end);
        if (stream.HeldCount == 0 && stream.GapBefore == 0)
        {
            return current.IsEmpty && _lateLength > 0 && ReferenceEquals(_lateStream, stream) ? _scratch.AsSpan(0, _lateLength) : current;
        }

        int length = 0;
        for (int i = 0; i < stream.HeldCount; i++)
        {
            ref RawStretch held = ref stream.Held![i];
            length += held.GapBefore > 0 ? NameGap(held.GapBefore, _scratch.AsSpan(length)) : 0;
            Write(held.Slab.AsSpan(0, held.Length), ref length);
        }

        if (from == stream.Base)
        {
            length += stream.GapBefore > 0 ? NameGap(stream.GapBefore, _scratch.AsSpan(length)) : 0;
        }

        Write(current, ref length);
        return _scratch.AsSpan(0, length);
    }

    private static int NameGap(long bytes, Span<byte> into)
    {
        Utf8Line line = new(into);
        line.Add("["u8);
        line.Add(bytes);
        line.Add(" bytes missing]"u8);
        return line.Length;
    }

    private void Write(ReadOnlySpan<byte> bytes, ref int length)
    {
        int fits = Math.Min(bytes.Length, _scratch.Length - length);
        bytes[..fits].CopyTo(_scratch.AsSpan(length));
        length += fits;
    }

    /// <summary>Inline: bytes behind a hole are judged with the packet that brings them, within the stretch they belong to.</summary>
    private bool TryGetLateWindow(TcpStream stream, int chunk, out RawWindow window)
    {
        window = default;
        if (stream.Segments is not { } list)
        {
            return false;
        }

        int index = list.LowerBound(_lateOffset);
        if (index >= list.Count || list[index].Slab is null)
        {
            return false;
        }

        long reach = Math.Max(0, _lateOffset - chunk);
        while (index > stream.PlacedCount && list[index - 1].End == list[index].Offset && list[index].Offset > reach)
        {
            index--;
        }

        long start = list[index].Offset;
        int length = 0;
        for (long end = start; index < list.Count && list[index].Offset == end && length < _scratch.Length; index++)
        {
            Write(list[index].Slab.AsSpan(0, list[index].Length), ref length);
            end = list[index].End;
        }

        _lateStream = stream;
        _lateLength = length;
        window = new RawWindow(_scratch.AsSpan(0, length), start, start);
        return true;
    }

    /// <summary>
    /// Bytes that were not acknowledged may still be replaced; inline, and at the very start, they are shown all the same, as they are in pieces with holes.
    /// </summary>
    private long RecentEnd(TcpStream stream) => (_inline && stream.AckedOffset <= stream.Base) || stream.HeldCount > 0 || stream.GapBefore > 0
        ? stream.EndOffset
        : Math.Clamp(stream.AckedOffset, stream.Base, stream.EndOffset);

    private long RawEnd(TcpStream stream) =>
        Math.Min(stream.RawLimit, _inline ? stream.EndOffset : Math.Min(stream.EndOffset, stream.AckedOffset));

    private long RawKeepFrom(Flow flow, TcpStream stream) =>
        _inline ? stream.RawOffset - ChunkSize(flow, flow.Tcp!.DirectionOf(stream)) : stream.RawOffset - RawOverlapBytes;

    private int ChunkSize(Flow flow, Direction direction)
    {
        int size = (int)(direction == Direction.ToServer ? _settings.ToServerChunkSize : _settings.ToClientChunkSize);
        if (!_settings.RandomizeChunkSize || size == 0)
        {
            return size;
        }

        // ± 10 %, from the flow's id, so that a replay is exact and a sender cannot know.
        int range = Math.Max(1, size / 5);
        return size - (size / 10) + (int)(flow.Id % (uint)range);
    }

    /// <summary>Before a gap: the bytes that rules have not seen move aside; they are shown first.</summary>
    private void HoldRaw(Flow flow, TcpStream stream)
    {
        if (stream.Data is not { } data)
        {
            return;
        }

        stream.Data = null;
        bool wantedByFrames = flow.FramesOf(flow.Tcp!.DirectionOf(stream)) is { Count: > 0 } frames && frames.NeededFrom(0) < stream.EndOffset;
        if (!WantsRaw(stream) || (stream.RawOffset >= stream.EndOffset && !wantedByFrames))
        {
            _slabs.Return(data);
            return;
        }

        stream.Held ??= new RawStretch[MaxHeldStretches];
        if (stream.HeldCount == MaxHeldStretches)
        {
            DropOldestHeld(stream);
        }

        data.AsSpan(stream.DataStart, stream.DataLength).CopyTo(data);
        stream.Held[stream.HeldCount++] = new RawStretch { Slab = data, Length = stream.DataLength, Base = stream.Base, GapBefore = stream.GapBefore, RawSeen = (int)Math.Clamp(stream.RawOffset - stream.Base, 0, stream.DataLength) };
    }

    private void DropOldestHeld(TcpStream stream)
    {
        if (stream.HeldShown == 0)
        {
            _counters.Increment(Counter.WorkerRawStretchesLost);
        }

        _slabs.Return(stream.Held![0].Slab!);
        stream.HeldCount--;
        stream.HeldShown = (byte)Math.Max(0, stream.HeldShown - 1);
        Array.Copy(stream.Held, 1, stream.Held, 0, stream.HeldCount);
        stream.Held[stream.HeldCount] = default;
    }

    /// <summary>Gives back the stretches that rules have looked at.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="neededFrom">Stretches with bytes from this offset on stay: a frame has not been written.</param>
    private void ReleaseShown(TcpStream stream, long neededFrom)
    {
        int released = 0;
        while (released < stream.HeldShown && stream.Held![released].Base + stream.Held[released].Length <= neededFrom)
        {
            _slabs.Return(stream.Held[released++].Slab!);
        }

        if (released == 0)
        {
            return;
        }

        int left = stream.HeldCount - released;
        Array.Copy(stream.Held!, released, stream.Held!, 0, left);
        Array.Clear(stream.Held!, left, released);
        stream.HeldCount = (byte)left;
        stream.HeldShown -= (byte)released;
    }
}

/// <summary>Contiguous bytes before a hole, kept for rules on the stream.</summary>
internal struct RawStretch
{
    public byte[]? Slab;
    public int Length;
    public long Base;

    /// <summary>Bytes in front that rules on the stream have seen before.</summary>
    public int RawSeen;

    /// <summary>Bytes missing right before <see cref="Base"/>.</summary>
    public int GapBefore;
}

/// <summary>A window of raw stream bytes.</summary>
public readonly ref struct RawWindow(ReadOnlySpan<byte> data, long offset, long freshOffset)
{
    /// <summary>Borrowed; valid until the next packet of the flow.</summary>
    public ReadOnlySpan<byte> Data { get; } = data;

    /// <summary>Stream offset of the first byte.</summary>
    public long Offset { get; } = offset;

    /// <summary>Stream offset from which bytes are shown for the first time.</summary>
    public long FreshOffset { get; } = freshOffset;
}
