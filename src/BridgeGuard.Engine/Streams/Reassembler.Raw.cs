using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Streams;

/// <summary>Stream bytes for rules that look at the stream itself, not at a buffer of a protocol.</summary>
/// <remarks>
/// Bytes are shown in windows of about the configured chunk size, each beginning a little before the end of the one before, so that a pattern across the border is
/// seen whole. A match that lies wholly before <see cref="RawWindow.FreshOffset"/> was there last time and is not news.
/// </remarks>
public sealed partial class Reassembler
{
    /// <summary>Bytes shown again, at most: longer than any content of practice; a rule's single content may have 255 bytes and chains span a chunk.</summary>
    private const int RawOverlapBytes = 1024;

    /// <summary>Bytes kept at most for rules that have not looked at them: a window and a half of an unscaled connection.</summary>
    private const int RawBacklogBytes = 96 << 10;

    /// <summary>The stream bytes that a rule has to look at with this packet.</summary>
    /// <returns>False when nothing new is due: the chunk is not full and nothing (end, gap, transaction) asks for it.</returns>
    public bool TryGetRawWindow(Flow flow, Direction direction, out RawWindow window)
    {
        window = default;
        if (flow.Tcp is not { } session || session.StreamOf(direction) is not { } stream || !WantsRaw(stream))
        {
            return false;
        }

        if (stream.HeldData is { } held)
        {
            window = new RawWindow(held.AsSpan(0, stream.HeldLength), stream.HeldBase, stream.HeldBase);
            return true;
        }

        long end = RawEnd(stream);
        long fresh = end - stream.RawOffset;
        bool isDue = _inline
            ? end > stream.Base && (fresh > 0 || stream.Has(TcpStreamFlags.RawRepeat))
            : fresh > 0 && (stream.Has(TcpStreamFlags.RawTriggered) || fresh >= ChunkSize(flow, direction));
        if (!isDue)
        {
            return false;
        }

        if (_inline)
        {
            // Each packet is judged with what was before it: all of the window counts, or a pattern that this packet completes would pass.
            long start = Math.Max(stream.Base, Math.Min(stream.RawOffset, end - ChunkSize(flow, direction)));
            window = new RawWindow(stream.View(start, end), start, start);
            return true;
        }

        long from = Math.Max(stream.Base, stream.RawOffset - RawOverlapBytes);
        window = new RawWindow(stream.View(from, end), from, stream.RawOffset);
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

    /// <summary>Stream offset up to which rules may look: acknowledged, inline received.</summary>
    public long GetInspectableEnd(Flow flow, Direction direction) => flow.Tcp?.StreamOf(direction) is { } stream ? RawEnd(stream) : 0;

    /// <summary>The highest offset seen, acknowledged or not.</summary>
    public static long GetReceivedEnd(Flow flow, Direction direction) => flow.Tcp?.StreamOf(direction)?.EndOffset ?? 0;

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

        if (stream.HeldData is not null)
        {
            ReleaseHeld(stream);
            return;
        }

        stream.RawOffset = RawEnd(stream);
        stream.Flags &= ~(TcpStreamFlags.RawTriggered | TcpStreamFlags.RawRepeat);
    }

    /// <summary>Something is complete (a request, an end): what is there is shown with the next packet although the chunk is not full.</summary>
    public static void TriggerRaw(Flow flow, Direction direction)
    {
        if (flow.Tcp?.StreamOf(direction) is { } stream)
        {
            stream.Flags |= TcpStreamFlags.RawTriggered;
        }
    }

    /// <summary>No rule looks at the raw stream of this direction any more.</summary>
    public static void DisableRaw(Flow flow, Direction direction)
    {
        if (flow.Tcp?.StreamOf(direction) is { } stream)
        {
            stream.Flags |= TcpStreamFlags.NoRaw;
        }
    }

    /// <summary>What is still held of a direction, for EVE <c>payload</c> of alerts on the stream. Valid until the next packet.</summary>
    public ReadOnlySpan<byte> GetRecentStream(Flow flow, Direction direction) =>
        flow.Tcp?.StreamOf(direction) is { } stream ? stream.View(stream.Base, RecentEnd(stream)) : [];

    /// <summary>Bytes that were not acknowledged may still be replaced; inline, and at the very start, they are shown all the same.</summary>
    private long RecentEnd(TcpStream stream) => _inline && stream.AckedOffset <= stream.Base
        ? stream.EndOffset
        : Math.Clamp(stream.AckedOffset, stream.Base, stream.EndOffset);

    private long RawEnd(TcpStream stream) => _inline ? stream.EndOffset : Math.Min(stream.EndOffset, stream.AckedOffset);

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
    private void HoldRaw(TcpStream stream)
    {
        ReleaseHeld(stream);
        if (stream.Data is not { } data)
        {
            return;
        }

        stream.Data = null;
        if (!WantsRaw(stream) || stream.RawOffset >= stream.EndOffset)
        {
            _slabs.Return(data);
            return;
        }

        data.AsSpan(stream.DataStart, stream.DataLength).CopyTo(data);
        stream.HeldData = data;
        stream.HeldLength = stream.DataLength;
        stream.HeldBase = stream.Base;
    }

    private void ReleaseHeld(TcpStream stream)
    {
        if (stream.HeldData is { } held)
        {
            _slabs.Return(held);
            stream.HeldData = null;
        }
    }
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
