using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>
/// Passed TCP segments of one flow that follow one another go on as one large segment, as if the guest's card cut it: one system call, one way through the
/// bridge and one through the receiver for all of them. The kernel cuts the same segments again where the receiver's port wants that.
/// </summary>
/// <remarks>
/// Only what a cut gives back bit for bit is joined (the conditions of the kernel's own receive offload): neither options, acknowledgement, window nor
/// flags differ, IPv4 ids count up by one, and every checksum was right; what follows a short segment or a push is the next run's. Bytes are in the form
/// in which they are written: <c>virtio_net_hdr (12) | MACs (12) | outer tag (4) | rest</c>. Not thread-safe.
/// </remarks>
internal sealed class SegmentRun
{
    /// <summary>Smaller segments are no bulk; joining them costs more than it saves. Ours.</summary>
    public const int MinPayloadBytes = 256;

    /// <summary>The frame with its tags; below what an IPv4 packet and the TAP take (65,535).</summary>
    public const int MaxFrameBytes = 65_400;

    private const int HeaderBytes = PuntDevice.VnetHeaderBytes;
    private const int TypeAt = HeaderBytes + 12 + 4;
    private const int Ipv4Bytes = 20;
    private const int Ipv6Bytes = 40;
    private const int TcpBytes = 20;
    private const int TagBytes = 4;
    private const ushort TypeIpv4 = 0x0800;
    private const ushort TypeIpv6 = 0x86DD;
    private const ushort TypeTag = 0x8100;
    private const ushort TypeServiceTag = 0x88A8;
    private const byte ProtocolTcp = 6;
    private const ushort FragmentBits = 0x3FFF;
    private const byte FlagAck = 0x10;
    private const byte FlagPush = 0x08;

    private const int ChecksumField = 16;
    private const byte NeedsChecksum = 1;
    private const byte DataValid = 2;
    private const byte GsoTcpV4 = 1;
    private const byte GsoTcpV6 = 4;

    private Segment _first;

    // Payload bytes of every segment but the last.
    private int _segmentBytes;
    private uint _nextSequence;
    private ushort _lastId;
    private bool _isPushed;

    /// <summary>Where the parts of a frame are, in bytes from the virtio header's begin.</summary>
    private struct Segment
    {
        public int Network;
        public int Transport;
        public int Payload;
        public int End;
        public bool IsV4;

        public readonly int PayloadBytes => End - Payload;
    }

    /// <summary>Segments in the run; 0 when there is none.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes of the run so far, with the virtio header.</summary>
    public int Length => _first.End;

    /// <summary>Nothing more can be joined.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Begins a run with a frame if more of the kind may follow; the bytes must stay where they are, with room behind them, until <see cref="Finish"/>.</summary>
    public bool TryBegin(ReadOnlySpan<byte> frame)
    {
        if (!TryRead(frame, out Segment segment) || (frame[segment.Transport + 13] & FlagPush) != 0 || !IsIntact(frame, in segment))
        {
            return false;
        }

        _first = segment;
        _segmentBytes = segment.PayloadBytes;
        _nextSequence = Sequence(frame, in segment) + (uint)segment.PayloadBytes;
        _lastId = segment.IsV4 ? Id(frame, in segment) : (ushort)0;
        _isPushed = false;
        Count = 1;
        IsComplete = false;
        return true;
    }

    /// <summary>Joins a frame to the run if it is its next segment. <paramref name="run"/> is the buffer of the run's bytes.</summary>
    public bool TryAppend(Span<byte> run, ReadOnlySpan<byte> frame)
    {
        if (Count == 0 || IsComplete || !TryRead(frame, out Segment next) || !IsNext(run, frame, in next) || !IsIntact(frame, in next))
        {
            return false;
        }

        frame[next.Payload..next.End].CopyTo(run[_first.End..]);
        _first.End += next.PayloadBytes;
        _nextSequence += (uint)next.PayloadBytes;
        _lastId++;
        _isPushed = (frame[next.Transport + 13] & FlagPush) != 0;
        Count++;
        IsComplete = _isPushed || next.PayloadBytes < _segmentBytes || _first.End + _segmentBytes - HeaderBytes > MaxFrameBytes;
        return true;
    }

    /// <summary>Completes the headers of the run and ends it. A run of one is as it came. How many bytes are to be written.</summary>
    public int Finish(Span<byte> run)
    {
        int length = _first.End;
        if (Count > 1)
        {
            WriteHeaders(run[..length]);
        }

        Count = 0;
        return length;
    }

    private bool IsNext(ReadOnlySpan<byte> run, ReadOnlySpan<byte> frame, in Segment next)
    {
        if (next.Network != _first.Network || next.Transport != _first.Transport || next.Payload != _first.Payload || next.IsV4 != _first.IsV4
            || next.PayloadBytes > _segmentBytes || _first.End + next.PayloadBytes - HeaderBytes > MaxFrameBytes
            || Sequence(frame, in next) != _nextSequence
            || !frame[HeaderBytes..next.Network].SequenceEqual(run[HeaderBytes..next.Network]))
        {
            return false;
        }

        ReadOnlySpan<byte> a = run[next.Network..next.Payload];
        ReadOnlySpan<byte> b = frame[next.Network..next.Payload];
        bool isSameNetwork = next.IsV4
            ? a[..2].SequenceEqual(b[..2]) && a.Slice(6, 4).SequenceEqual(b.Slice(6, 4)) && a.Slice(12, 8).SequenceEqual(b.Slice(12, 8))
                && Id(frame, in next) == (ushort)(_lastId + 1)
            : a[..4].SequenceEqual(b[..4]) && a.Slice(6, 34).SequenceEqual(b.Slice(6, 34));

        // Ports; acknowledgement and data offset; window; urgent pointer and options. Flags are those that TryRead allows.
        a = a[(next.Transport - next.Network)..];
        b = b[(next.Transport - next.Network)..];
        return isSameNetwork && a[..4].SequenceEqual(b[..4]) && a.Slice(8, 5).SequenceEqual(b.Slice(8, 5)) && a.Slice(14, 2).SequenceEqual(b.Slice(14, 2))
            && a[18..].SequenceEqual(b[18..]);
    }

    private void WriteHeaders(Span<byte> run)
    {
        ref readonly Segment s = ref _first;
        int tcpBytes = s.End - s.Transport;
        ulong pseudo;
        if (s.IsV4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(run[(s.Network + 2)..], (ushort)(s.End - s.Network));
            run.Slice(s.Network + 10, 2).Clear();
            BinaryPrimitives.WriteUInt16BigEndian(run[(s.Network + 10)..], Checksums.Finish(Checksums.Sum(run.Slice(s.Network, Ipv4Bytes))));
            pseudo = PseudoSum(run.Slice(s.Network + 12, 8), tcpBytes);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(run[(s.Network + 4)..], (ushort)tcpBytes);
            pseudo = PseudoSum(run.Slice(s.Network + 8, 32), tcpBytes);
        }

        run[s.Transport + 13] |= _isPushed ? FlagPush : (byte)0;
        BinaryPrimitives.WriteUInt16BigEndian(run[(s.Transport + ChecksumField)..], Checksums.Fold(pseudo));
        Span<byte> header = run[..HeaderBytes];
        header.Clear();
        header[0] = NeedsChecksum;
        header[1] = s.IsV4 ? GsoTcpV4 : GsoTcpV6;
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], (ushort)(s.Payload - HeaderBytes));
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], (ushort)_segmentBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], (ushort)(s.Transport - HeaderBytes));
        BinaryPrimitives.WriteUInt16LittleEndian(header[8..], ChecksumField);
    }

    /// <summary>The parts of a frame that may be in a run; false for every other frame.</summary>
    private static bool TryRead(ReadOnlySpan<byte> frame, out Segment segment)
    {
        segment = default;
        int at = TypeAt;
        if (frame.Length < at + 2 + Ipv4Bytes + TcpBytes + MinPayloadBytes || frame[1] != 0)
        {
            return false;
        }

        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[at..]);
        if (type is TypeTag or TypeServiceTag)
        {
            at += TagBytes;
            type = BinaryPrimitives.ReadUInt16BigEndian(frame[at..]);
        }

        segment.Network = at + 2;
        segment.End = frame.Length;
        segment.IsV4 = type == TypeIpv4;
        ReadOnlySpan<byte> packet = frame[segment.Network..];
        if (segment.IsV4)
        {
            segment.Transport = segment.Network + Ipv4Bytes;
            if (packet[0] != 0x45 || packet[9] != ProtocolTcp || BinaryPrimitives.ReadUInt16BigEndian(packet[2..]) != packet.Length
                || (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & FragmentBits) != 0)
            {
                return false;
            }
        }
        else
        {
            segment.Transport = segment.Network + Ipv6Bytes;
            if (type != TypeIpv6 || packet[0] >> 4 != 6 || packet[6] != ProtocolTcp
                || packet.Length < Ipv6Bytes + TcpBytes + MinPayloadBytes || BinaryPrimitives.ReadUInt16BigEndian(packet[4..]) != packet.Length - Ipv6Bytes)
            {
                return false;
            }
        }

        ReadOnlySpan<byte> tcp = frame[segment.Transport..];
        int tcpHeader = (tcp[12] >> 4) * 4;
        segment.Payload = segment.Transport + tcpHeader;
        return tcpHeader >= TcpBytes && (tcp[12] & 0x0F) == 0 && (tcp[13] & ~FlagPush) == FlagAck && segment.PayloadBytes >= MinPayloadBytes;
    }

    /// <summary>Whether the checksums are right: a wrong one must reach the receiver as it is, and a joined segment gets new ones.</summary>
    private static bool IsIntact(ReadOnlySpan<byte> frame, in Segment segment)
    {
        if (segment.IsV4 && Checksums.Fold(Checksums.Sum(frame.Slice(segment.Network, Ipv4Bytes))) != 0xFFFF)
        {
            return false;
        }

        byte flags = frame[0];
        if ((flags & NeedsChecksum) != 0)
        {
            return BinaryPrimitives.ReadUInt16LittleEndian(frame[6..]) == segment.Transport - HeaderBytes
                && BinaryPrimitives.ReadUInt16LittleEndian(frame[8..]) == ChecksumField;
        }

        int tcpBytes = segment.End - segment.Transport;
        ReadOnlySpan<byte> addresses = segment.IsV4 ? frame.Slice(segment.Network + 12, 8) : frame.Slice(segment.Network + 8, 32);
        return (flags & DataValid) != 0 || Checksums.Fold(Checksums.Sum(frame[segment.Transport..segment.End], PseudoSum(addresses, tcpBytes))) == 0xFFFF;
    }

    private static ulong PseudoSum(ReadOnlySpan<byte> addresses, int tcpBytes)
    {
        Span<byte> rest = stackalloc byte[4];
        BinaryPrimitives.WriteUInt16BigEndian(rest, ProtocolTcp);
        BinaryPrimitives.WriteUInt16BigEndian(rest[2..], (ushort)tcpBytes);
        return Checksums.Sum(rest, Checksums.Sum(addresses));
    }

    private static uint Sequence(ReadOnlySpan<byte> frame, in Segment segment) => BinaryPrimitives.ReadUInt32BigEndian(frame[(segment.Transport + 4)..]);

    private static ushort Id(ReadOnlySpan<byte> frame, in Segment segment) => BinaryPrimitives.ReadUInt16BigEndian(frame[(segment.Network + 4)..]);
}
