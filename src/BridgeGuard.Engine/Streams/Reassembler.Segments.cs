using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Streams;

/// <summary>The part that keeps bytes and settles overlaps.</summary>
public sealed partial class Reassembler
{
    /// <summary>Adds bytes right behind the contiguous ones. False when there is no memory.</summary>
    private bool AppendNext(TcpStream stream, long start, ReadOnlySpan<byte> bytes)
    {
        if (!Append(stream, bytes))
        {
            return false;
        }

        // Passive: the segment's borders matter until it is acknowledged. Inline the first copy wins whatever its borders.
        if (!_inline)
        {
            AddPlaced(stream, start, bytes.Length);
        }

        return true;
    }

    private void AddPlaced(TcpStream stream, long start, int length)
    {
        SegmentList list = stream.Segments ??= RentList();
        Segment segment = new() { Offset = start, Length = length, OriginalOffset = start, OriginalLength = length };
        if (list.TryInsert(stream.PlacedCount, in segment))
        {
            stream.PlacedCount++;
        }
        else if (stream.PlacedCount > 0)
        {
            // At the limit borders are forgotten rather than bytes.
            ref Segment last = ref list[stream.PlacedCount - 1];
            last.Length += length;
            last.OriginalLength = (int)(last.End - last.OriginalOffset);
        }
    }

    /// <summary>Copies behind the contiguous bytes; moves or grows the block when its end is reached.</summary>
    private bool Append(TcpStream stream, ReadOnlySpan<byte> bytes)
    {
        if (stream.Data is null)
        {
            stream.Data = _slabs.Rent(bytes.Length);
            if (stream.Data is null)
            {
                return false;
            }

            stream.DataStart = 0;
        }
        else if (stream.DataStart + stream.DataLength + bytes.Length > stream.Data.Length && !MakeRoom(stream, bytes.Length))
        {
            return false;
        }

        bytes.CopyTo(stream.Data.AsSpan(stream.DataStart + stream.DataLength));
        stream.DataLength += bytes.Length;
        CopiedAheadBytes += bytes.Length;
        return true;
    }

    private bool MakeRoom(TcpStream stream, int more)
    {
        byte[] old = stream.Data!;
        int needed = stream.DataLength + more;
        if (needed <= old.Length && stream.DataStart >= old.Length / 2)
        {
            old.AsSpan(stream.DataStart, stream.DataLength).CopyTo(old);
            stream.DataStart = 0;
            return true;
        }

        byte[]? larger = _slabs.Rent(Math.Max(needed, Math.Min(stream.DataLength * 2, SlabPool.LargestBytes))) ?? _slabs.Rent(needed);
        if (larger is null)
        {
            return false;
        }

        old.AsSpan(stream.DataStart, stream.DataLength).CopyTo(larger);
        _slabs.Return(old);
        stream.Data = larger;
        stream.DataStart = 0;
        return true;
    }

    /// <summary>The general case: some bytes are known, some are new, some wait for what is before them.</summary>
    private bool InsertOutOfOrder(TcpStream stream, Packet packet, long start, Span<byte> bytes)
    {
        long end = start + bytes.Length;
        long at = start;
        bool differs = false;
        bool overlaps = false;
        SegmentList list = stream.Segments ??= RentList();

        // Contiguous bytes whose segment borders are forgotten (inline, or acknowledged): they stand.
        long floor = stream.PlacedCount > 0 ? list[0].Offset : stream.EndOffset;
        if (at < floor)
        {
            long stop = Math.Min(end, floor);
            overlaps = true;
            differs |= KeepOld(packet, stream.Data.AsSpan(stream.DataStart + (int)(at - stream.Base), (int)(stop - at)), bytes[..(int)(stop - start)]);
            at = stop;
        }

        bool complete = true;
        int index = list.LowerBound(at);
        while (at < end)
        {
            if (index < list.Count && list[index].Offset <= at)
            {
                ref Segment old = ref list[index];
                long stop = Math.Min(end, old.End);
                overlaps = true;
                differs |= Settle(stream, packet, ref old, at, start, end, bytes.Slice((int)(at - start), (int)(stop - at)));
                at = stop;
                index++;
                continue;
            }

            long until = index < list.Count ? Math.Min(end, list[index].Offset) : end;
            if (!AddPiece(stream, list, index, at, start, end, bytes.Slice((int)(at - start), (int)(until - at))))
            {
                complete = false;
                break;
            }

            index++;
            at = until;
        }

        if (overlaps)
        {
            NoteOverlap(packet, differs);
        }

        JoinWaiting(stream);
        if (_inline && start > stream.EndOffset)
        {
            _lateInsert = stream;
            _lateOffset = start;
        }

        NoteRegions(stream);
        return complete;
    }

    private void NoteOverlap(Packet packet, bool differs)
    {
        _counters.Increment(Counter.TcpOverlap);
        if (differs && _settings.CheckOverlapDifferentData)
        {
            _counters.Increment(Counter.TcpOverlapDifferentData);
            packet.Events.Add(PacketEvent.StreamReassemblyOverlapDifferentData);
        }
    }

    /// <summary>A waiting piece with bytes of its own.</summary>
    private bool AddPiece(TcpStream stream, SegmentList list, int index, long at, long originalStart, long originalEnd, ReadOnlySpan<byte> bytes)
    {
        byte[]? slab = list.Count < SegmentList.Capacity ? _slabs.Rent(bytes.Length) : null;
        if (slab is null)
        {
            return false;
        }

        bytes.CopyTo(slab);
        return list.TryInsert(index, new Segment
        {
            Offset = at,
            Length = bytes.Length,
            OriginalOffset = originalStart,
            OriginalLength = (int)(originalEnd - originalStart),
            Slab = slab,
        });
    }

    /// <summary>Decides between old and new bytes of one overlap; true when they differ.</summary>
    private bool Settle(TcpStream stream, Packet packet, ref Segment old, long at, long newStart, long newEnd, Span<byte> bytes)
    {
        Span<byte> kept = old.Slab is { } slab
            ? slab.AsSpan((int)(at - old.Offset), bytes.Length)
            : stream.Data.AsSpan(stream.DataStart + (int)(at - stream.Base), bytes.Length);
        if (_inline)
        {
            return KeepOld(packet, kept, bytes);
        }

        if (kept.SequenceEqual(bytes))
        {
            return false;
        }

        if (OverlapPolicy.NewWins(stream.Policy, newStart, newEnd, old.OriginalOffset, old.OriginalEnd))
        {
            // What the application layer has consumed already is history.
            int done = (int)Math.Clamp(stream.AppOffset - at, 0, bytes.Length);
            bytes[done..].CopyTo(kept[done..]);
        }

        return true;
    }

    /// <summary>The old bytes stand. Inline the frame is rewritten so that the receiver cannot get others than were inspected.</summary>
    private bool KeepOld(Packet packet, ReadOnlySpan<byte> kept, Span<byte> bytes)
    {
        if (kept.SequenceEqual(bytes))
        {
            return false;
        }

        if (_inline)
        {
            SegmentRewriter.Rewrite(packet, bytes, kept);
        }

        return true;
    }

    /// <summary>Moves waiting segments that have become contiguous behind the contiguous bytes.</summary>
    private void JoinWaiting(TcpStream stream)
    {
        if (stream.Segments is not { } list)
        {
            return;
        }

        while (list.Count > stream.PlacedCount && list[stream.PlacedCount].Offset == stream.EndOffset)
        {
            ref Segment next = ref list[stream.PlacedCount];
            if (!Append(stream, next.Slab.AsSpan(0, next.Length)))
            {
                return;
            }

            _slabs.Return(next.Slab!);
            next.Slab = null;
            if (_inline)
            {
                list.RemoveFirst();
            }
            else
            {
                stream.PlacedCount++;
            }
        }
    }

    /// <summary>Forgets the borders of segments that end by <paramref name="offset"/>: acknowledged, so their bytes stand.</summary>
    private void DropPlaced(TcpStream stream, long offset)
    {
        if (stream.Segments is not { } list)
        {
            return;
        }

        while (stream.PlacedCount > 0 && list[0].End <= offset)
        {
            list.RemoveFirst();
            stream.PlacedCount--;
        }

        if (stream.PlacedCount > 0 && list[0].Offset < offset)
        {
            ref Segment first = ref list[0];
            first.Length = (int)(first.End - offset);
            first.Offset = offset;
        }

        if (list.Count == 0)
        {
            list.Clear();
            _lists.Push(list);
            stream.Segments = null;
        }
    }

    /// <summary>Holes smaller than this do not part regions: 256 KiB, as the peer sets its regions apart.</summary>
    private const int RegionGapBytes = 256 << 10;

    private static void NoteRegions(TcpStream stream)
    {
        if (stream.Segments is not { } list || list.Count == stream.PlacedCount)
        {
            return;
        }

        int regions = stream.DataLength > 0 ? 1 : 0;
        long end = stream.EndOffset;
        for (int i = stream.PlacedCount; i < list.Count && regions < ushort.MaxValue; i++)
        {
            if (list[i].Offset - end > RegionGapBytes || regions == 0)
            {
                regions++;
            }

            end = list[i].End;
        }

        stream.MaxRegions = (ushort)Math.Max(stream.MaxRegions, regions);
    }

    private SegmentList RentList() => _lists.TryPop(out SegmentList? list) ? list : new SegmentList(_segmentArrays);
}
