using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BridgeGuard.Engine.Events;

/// <summary>A bounded ring of events between one worker (producer) and the output pump (consumer).</summary>
/// <remarks>
/// <para>Shape: a byte array of a power of two. A record is an 8-byte length (of the JSON; <see cref="SkipMark"/> means "the rest of the
/// array is unused, go on at 0"), an <see cref="EventHeader"/> and the JSON, padded to 8. Records never wrap, so the consumer gets one
/// span.</para>
/// <para>Positions count bytes for ever (2^63 is never reached) and are masked on use. The producer publishes with one release
/// store, the consumer frees with one; neither waits for the other. Full: the event is dropped and counted, as no output may hold up
/// a packet.</para>
/// <para>No allocation after construction.</para>
/// </remarks>
public sealed class EventRing : IEventSink
{
    /// <summary>4 MiB: some 5,000 alerts of 800 bytes, a tenth of a second of a storm at 50,000 a second.</summary>
    public const int DefaultCapacityBytes = 4 << 20;

    /// <summary>Smallest ring: room for a few records.</summary>
    public const int MinCapacityBytes = 4096;

    private const int LengthBytes = 8;
    private const long SkipMark = -1;
    private static readonly int HeaderBytes = Unsafe.SizeOf<EventHeader>();

    private readonly byte[] _bytes;
    private readonly long _mask;
    private Positions _positions;

    /// <param name="capacityBytes">A power of two, at least <see cref="MinCapacityBytes"/>.</param>
    public EventRing(int capacityBytes = DefaultCapacityBytes)
    {
        if (capacityBytes < MinCapacityBytes || (capacityBytes & (capacityBytes - 1)) != 0)
        {
            ThrowCapacity(capacityBytes);
        }

        _bytes = new byte[capacityBytes];
        _mask = capacityBytes - 1;
    }

    /// <summary>The longest JSON that is accepted: a quarter of the ring less the record's head. Longer ones count as <see cref="TooLong"/>.</summary>
    public int MaxJsonBytes => (_bytes.Length / 4) - LengthBytes - HeaderBytes;

    /// <summary>Events accepted so far. Written by the producer only.</summary>
    public long Written => Volatile.Read(ref _positions.Written);

    /// <summary>Events lost because the ring was full.</summary>
    public long Dropped => Volatile.Read(ref _positions.Dropped);

    /// <summary>Events lost because one of them was longer than <see cref="MaxJsonBytes"/>.</summary>
    public long TooLong => Volatile.Read(ref _positions.TooLong);

    /// <summary>Bytes in use, for the queue depth metric; a moment old when read.</summary>
    public long UsedBytes => Volatile.Read(ref _positions.Head) - Volatile.Read(ref _positions.Tail);

    /// <inheritdoc/>
    public void Write(in EventHeader header, ReadOnlySpan<byte> json) => TryWrite(header, json);

    /// <summary>Appends one event. False when it was dropped. Thread: the producer's.</summary>
    public bool TryWrite(in EventHeader header, ReadOnlySpan<byte> json)
    {
        if (json.Length > MaxJsonBytes)
        {
            Volatile.Write(ref _positions.TooLong, _positions.TooLong + 1);
            return false;
        }

        int recordBytes = RecordBytes(json.Length);
        long head = _positions.Head;
        int offset = (int)(head & _mask);
        int toEnd = _bytes.Length - offset;
        int needed = recordBytes <= toEnd ? recordBytes : toEnd + recordBytes;
        if (head + needed - _positions.TailSeenByProducer > _bytes.Length)
        {
            // Reading the consumer's line costs a cache miss, so only when the last known value does not do.
            _positions.TailSeenByProducer = Volatile.Read(ref _positions.Tail);
            if (head + needed - _positions.TailSeenByProducer > _bytes.Length)
            {
                Volatile.Write(ref _positions.Dropped, _positions.Dropped + 1);
                return false;
            }
        }

        if (recordBytes > toEnd)
        {
            WriteLength(offset, SkipMark); // Records are multiples of 8, so 8 bytes are always left before the end.
            head += toEnd;
            offset = 0;
        }

        WriteLength(offset, json.Length);
        MemoryMarshal.Write(_bytes.AsSpan(offset + LengthBytes), in header);
        json.CopyTo(_bytes.AsSpan(offset + LengthBytes + HeaderBytes));
        _positions.Written++;
        Volatile.Write(ref _positions.Head, head + recordBytes);
        return true;
    }

    /// <summary>Looks at the oldest event. Thread: the consumer's.</summary>
    /// <param name="header">A copy.</param>
    /// <param name="json">In the ring itself: valid until <see cref="Advance"/>.</param>
    public bool TryPeek(out EventHeader header, out ReadOnlySpan<byte> json)
    {
        long tail = _positions.Tail;
        if (tail == Volatile.Read(ref _positions.Head))
        {
            header = default;
            json = default;
            return false;
        }

        int offset = (int)(tail & _mask);
        long length = MemoryMarshal.Read<long>(_bytes.AsSpan(offset));
        if (length == SkipMark)
        {
            // The skipped rest and the record behind it were published by the same store of Head.
            tail += _bytes.Length - offset;
            Volatile.Write(ref _positions.Tail, tail);
            offset = 0;
            length = MemoryMarshal.Read<long>(_bytes);
        }

        header = MemoryMarshal.Read<EventHeader>(_bytes.AsSpan(offset + LengthBytes));
        json = _bytes.AsSpan(offset + LengthBytes + HeaderBytes, (int)length);
        return true;
    }

    /// <summary>Frees the event that <see cref="TryPeek"/> showed last. Thread: the consumer's.</summary>
    public void Advance()
    {
        long tail = _positions.Tail;
        long length = MemoryMarshal.Read<long>(_bytes.AsSpan((int)(tail & _mask)));
        Volatile.Write(ref _positions.Tail, tail + RecordBytes((int)length));
    }

    private static int RecordBytes(int jsonBytes) => (LengthBytes + HeaderBytes + jsonBytes + 7) & ~7;

    private void WriteLength(int offset, long length) => MemoryMarshal.Write(_bytes.AsSpan(offset), in length);

    [DoesNotReturn]
    private static void ThrowCapacity(int capacityBytes) =>
        throw new ArgumentOutOfRangeException(nameof(capacityBytes), capacityBytes, "An event ring's size is a power of two of at least 4096 bytes.");

    /// <summary>Each side's words on their own pair of cache lines: the two threads would otherwise invalidate each other's on every event.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 384)]
    private struct Positions
    {
        [FieldOffset(128)]
        public long Head;

        [FieldOffset(136)]
        public long TailSeenByProducer;

        [FieldOffset(144)]
        public long Written;

        [FieldOffset(152)]
        public long Dropped;

        [FieldOffset(160)]
        public long TooLong;

        [FieldOffset(256)]
        public long Tail;
    }
}
