using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Streams;

/// <summary>What was seen of one direction.</summary>
[Flags]
public enum TcpStreamFlags : ushort
{
    None = 0,

    /// <summary>This side's SYN was seen or its sequence numbers were guessed from midstream packets.</summary>
    Synchronized = 1 << 0,

    /// <summary>The reassembly depth was reached.</summary>
    DepthReached = 1 << 1,

    /// <summary>A FIN was accepted; <see cref="TcpStream.FinSequence"/> is valid.</summary>
    FinSeen = 1 << 2,

    /// <summary>The end was handed to the application layer.</summary>
    EndDelivered = 1 << 3,

    /// <summary>Bytes were lost.</summary>
    HasGap = 1 << 4,

    /// <summary>This side sends timestamps.</summary>
    Timestamps = 1 << 5,

    /// <summary>The first chunk was handed over.</summary>
    Started = 1 << 6,

    /// <summary>Raw inspection is wanted at the next packet although the chunk is not full.</summary>
    RawTriggered = 1 << 7,

    /// <summary>No raw inspection any more.</summary>
    NoRaw = 1 << 8,

    /// <summary>This side permitted selective acknowledgements.</summary>
    Sack = 1 << 9,

    /// <summary>Inline: this packet brought bytes, old or new, so the window is shown although nothing in it may be new.</summary>
    RawRepeat = 1 << 11,

    /// <summary>Most of this side's data is not seen any more: the kernel carries it. What was sent last is known from acknowledgements only.</summary>
    Carried = 1 << 12,
}

/// <summary>One direction of a TCP session: sequence numbers as its sender used them, and the bytes reassembled.</summary>
/// <remarks>
/// Pooled with its session. Sequence numbers wrap; bytes are counted by 64-bit offsets from the first data byte (ISN + 1), so only
/// <see cref="OffsetOf"/> knows about wrapping. <see cref="Window"/> and <see cref="LastAck"/> come from the other side.
/// </remarks>
public sealed class TcpStream
{
    /// <summary>Sequence number of the SYN.</summary>
    public uint InitialSequence;

    /// <summary>One past the highest sequence number sent.</summary>
    public uint NextSequence;

    /// <summary>The highest acknowledgement of this stream's data.</summary>
    public uint LastAck;

    /// <summary>Bytes the receiver is ready to take beyond <see cref="LastAck"/>, scaled.</summary>
    public uint Window;

    /// <summary>The right edge of the largest window that was offered to this sender.</summary>
    public uint NextWindow;

    /// <summary>Applied to windows that this side offers (RFC 7323 §2).</summary>
    public byte WindowScale;
    public TcpFlags SeenFlags;
    public TcpStreamFlags Flags;
    public uint LastTimestamp;
    public long LastTimestampUs;
    public uint FinSequence;

    /// <summary>How the receiver of this stream resolves overlaps.</summary>
    public HostOs Policy;

    /// <summary>Separate stretches of data held at once, at most (EVE <c>tcp.ts_max_regions</c>).</summary>
    public ushort MaxRegions;

    /// <summary>Urgent bytes taken out of the stream (EVE <c>tcp.ts_urgent_oob_data</c>).</summary>
    public uint UrgentOobBytes;

    /// <summary>Numbers of urgent bytes that were taken out and not acknowledged; made with the first urgent byte, kept for reuse.</summary>
    internal uint[]? Urgent;
    internal int UrgentCount;

    // Reassembly: the contiguous bytes [Base, End) stand in Data from DataStart on.
    internal byte[]? Data;
    internal int DataStart;
    internal int DataLength;

    /// <summary>Bytes right behind <see cref="Data"/> that stand in the buffer of the packet being processed, lent for the time of its delivery.</summary>
    internal int LoanLength;
    internal long Base;
    internal uint AnchorSequence;
    internal long AnchorOffset;
    internal SegmentList? Segments;

    /// <summary>Segments at the front of the list whose bytes are in <see cref="Data"/>.</summary>
    internal int PlacedCount;

    // Stretches before gaps whose raw inspection is due, or was with this packet; made with the first gap, kept for reuse.
    internal RawStretch[]? Held;
    internal byte HeldCount;
    internal byte HeldShown;

    /// <summary>Bytes that are missing right before <see cref="Base"/>; 0 where the bytes before it were seen.</summary>
    internal int GapBefore;

    /// <summary>Offset up to which the application layer has consumed.</summary>
    public long AppOffset { get; internal set; }

    /// <summary>Offset up to which the application layer has been shown bytes, consumed or not: without new ones it is not asked again.</summary>
    internal long ShownOffset;

    /// <summary>
    /// Bytes before it were acknowledged and used by all who read the stream (the parser, rules, frames) when this packet came: another copy of them says nothing new,
    /// and the payload of alerts begins here. While a protocol is undecided nothing is used; where nobody reads it stays where it is.
    /// </summary>
    internal long PayloadOffset;

    /// <summary>Bytes before it were acknowledged when a packet of their direction was last judged. Kept only where alerts show payloads and no rule reads the stream.</summary>
    internal long JudgedOffset;

    /// <summary>Offset up to which rules have inspected the raw stream.</summary>
    public long RawOffset { get; internal set; }

    /// <summary>No rule sees bytes from this offset on (what follows is encrypted).</summary>
    internal long RawLimit { get; set; } = long.MaxValue;

    /// <summary>Offset up to which the receiver has acknowledged.</summary>
    public long AckedOffset { get; internal set; }

    /// <summary>One past the last contiguous byte.</summary>
    public long EndOffset => Base + DataLength + LoanLength;

    /// <summary>Bytes lost in gaps so far.</summary>
    public long GapBytes { get; internal set; }

    /// <summary>Segments wait for what is before them.</summary>
    internal bool HasWaiting => Segments is { } segments && segments.Count > PlacedCount;

    public bool Has(TcpStreamFlags flags) => (Flags & flags) != 0;

    /// <summary>The stream offset of a sequence number within 2^31 of what was last seen; negative before the first data byte.</summary>
    /// <remarks>Urgent bytes taken out of the stream have numbers but no offsets: what follows them moves up.</remarks>
    public long OffsetOf(uint sequence)
    {
        long offset = AnchorOffset + (int)(sequence - AnchorSequence);
        for (int i = 0; i < UrgentCount; i++)
        {
            if ((int)(sequence - Urgent![i]) > 0)
            {
                offset--;
            }
        }

        return offset;
    }

    /// <summary>The contiguous bytes from <paramref name="from"/> up to <paramref name="to"/>; both within what is held.</summary>
    internal ReadOnlySpan<byte> View(long from, long to) => Data is null ? [] : Data.AsSpan(DataStart + (int)(from - Base), (int)(to - from));

    /// <summary>The first data byte has <paramref name="sequence"/>.</summary>
    internal void Anchor(uint sequence)
    {
        AnchorSequence = sequence;
        AnchorOffset = 0;
        Flags |= TcpStreamFlags.Synchronized;
    }

    /// <summary>Moves the anchor along so that offsets stay right after more than 2^31 bytes.</summary>
    internal void MoveAnchor(uint sequence)
    {
        AnchorOffset = OffsetOf(sequence);
        AnchorSequence = sequence;
        int kept = 0;
        for (int i = 0; i < UrgentCount; i++)
        {
            if ((int)(Urgent![i] - sequence) >= 0)
            {
                Urgent[kept++] = Urgent[i];
            }
        }

        UrgentCount = kept;
    }

    /// <summary>Takes the byte at <paramref name="sequence"/> out of the stream. False when it was taken before or lies before the anchor.</summary>
    internal bool TryTakeOut(uint sequence, int limit)
    {
        Urgent ??= new uint[limit];
        if ((int)(sequence - AnchorSequence) < 0 || UrgentCount == Urgent.Length || Urgent.AsSpan(0, UrgentCount).Contains(sequence))
        {
            return false;
        }

        Urgent[UrgentCount++] = sequence;
        UrgentOobBytes++;
        return true;
    }

    /// <summary>Back to the state of a new object; blocks must have been given back.</summary>
    internal void Reset()
    {
        InitialSequence = NextSequence = LastAck = Window = NextWindow = 0;
        WindowScale = 0;
        SeenFlags = TcpFlags.None;
        Flags = TcpStreamFlags.None;
        LastTimestamp = 0;
        LastTimestampUs = 0;
        FinSequence = 0;
        Policy = HostOs.Bsd;
        MaxRegions = 0;
        UrgentOobBytes = 0;
        UrgentCount = 0;
        Data = null;
        DataStart = DataLength = LoanLength = PlacedCount = GapBefore = 0;
        HeldCount = HeldShown = 0;
        Base = AnchorOffset = 0;
        AnchorSequence = 0;
        Segments = null;
        AppOffset = RawOffset = AckedOffset = GapBytes = ShownOffset = PayloadOffset = JudgedOffset = 0;
        RawLimit = long.MaxValue;
    }
}
