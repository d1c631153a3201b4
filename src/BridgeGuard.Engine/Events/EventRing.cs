using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BridgeGuard.Engine.Events;

/// <summary>A bounded ring of events between one worker (producer) and the output pump (consumer), in one process or in two.</summary>
/// <remarks>
/// <para>Shape: a head of <see cref="HeadBytes"/> with the positions, then a power of two of bytes. A record is an 8-byte length (of the JSON;
/// <see cref="SkipMark"/> means "the rest is unused, go on at 0"), an <see cref="EventHeader"/> and the JSON, padded to 8. Records never wrap,
/// so the consumer gets one span.</para>
/// <para>Positions count bytes for ever (2^63 is never reached) and are masked on use. The producer publishes with one release store, the
/// consumer frees with one; neither waits for the other. Everything that both sides need is in the memory itself, so either side may die: who
/// comes next goes on where the last position was published. Full: the event is dropped and counted; who would rather wait asks again.</para>
/// <para>The consumer reads (<see cref="TryPeek"/>, <see cref="Advance"/>) ahead of what it frees (<see cref="Commit"/>): a reader that frees only
/// what it has written to its files loses nothing when it is killed. Lengths are checked against what was published, as the producer may be a
/// process that hostile traffic has taken over.</para>
/// <para>No allocation after construction.</para>
/// </remarks>
public sealed class EventRing : IEventSink
{
    /// <summary>4 MiB: some 5,000 alerts of 800 bytes, a tenth of a second of a storm at 50,000 a second.</summary>
    public const int DefaultCapacityBytes = 4 << 20;

    /// <summary>Smallest ring: room for a few records.</summary>
    public const int MinCapacityBytes = 4096;

    /// <summary>A page before the records, for the positions.</summary>
    public const int HeadBytes = 4096;

    private const int LengthBytes = 8;
    private const long SkipMark = -1;

    // Places in the head, in units of 8 bytes. Each side's words are on their own pair of cache lines: the two threads would otherwise
    // invalidate each other's on every event.
    private const int MagicAt = 0;
    private const int CapacityAt = 1;
    private const int HeadAt = 16;
    private const int WrittenAt = 17;
    private const int DroppedAt = 18;
    private const int TooLongAt = 19;
    private const int TailAt = 32;
    private const int ConsumerBeatAt = 33;
    private const int CorruptAt = 34;

    private static readonly int HeaderBytes = Unsafe.SizeOf<EventHeader>();

    /// <summary>"BGRING" and the layout's number with the size of an event's header: another layout is another magic.</summary>
    private static readonly long Magic = 0x4247_5249_4E47_0000 | (1L << 8) | (long)HeaderBytes;

    private readonly Memory<byte> _memory;
    private readonly int _capacity;
    private readonly long _mask;
    private long _tailSeenByProducer;
    private long _cursor;

    /// <summary>A ring in this process's own memory.</summary>
    /// <param name="capacityBytes">A power of two, at least <see cref="MinCapacityBytes"/>.</param>
    public EventRing(int capacityBytes = DefaultCapacityBytes)
    {
        if (!IsCapacity(capacityBytes))
        {
            ThrowCapacity(capacityBytes);
        }

        _memory = GC.AllocateArray<byte>(HeadBytes + capacityBytes, pinned: true);
        _capacity = capacityBytes;
        _mask = capacityBytes - 1;
        Slot(CapacityAt) = capacityBytes;
        Slot(MagicAt) = Magic;
    }

    private EventRing(Memory<byte> memory, int capacityBytes)
    {
        _memory = memory;
        _capacity = capacityBytes;
        _mask = capacityBytes - 1;
        _tailSeenByProducer = Volatile.Read(ref Slot(TailAt));
        _cursor = _tailSeenByProducer;
    }

    /// <summary>Makes an empty ring in memory that is zero, <see cref="HeadBytes"/> longer than its capacity.</summary>
    public static EventRing Create(Memory<byte> memory)
    {
        int capacity = memory.Length - HeadBytes;
        if (!IsCapacity(capacity))
        {
            ThrowCapacity(capacity);
        }

        var ring = new EventRing(memory, capacity);
        ring.Slot(CapacityAt) = capacity;
        Volatile.Write(ref ring.Slot(MagicAt), Magic);
        return ring;
    }

    /// <summary>Opens a ring that somebody else has made; null when the memory holds none of this layout.</summary>
    public static EventRing? TryOpen(Memory<byte> memory)
    {
        if (memory.Length < HeadBytes + MinCapacityBytes || MemoryMarshal.Read<long>(memory.Span) != Magic)
        {
            return null;
        }

        long capacity = MemoryMarshal.Read<long>(memory.Span[(CapacityAt * sizeof(long))..]);
        return capacity == memory.Length - HeadBytes && IsCapacity((int)capacity) ? new EventRing(memory, (int)capacity) : null;
    }

    /// <summary>The longest JSON that is accepted: a quarter of the ring less the record's head. Longer ones count as <see cref="TooLong"/>.</summary>
    public int MaxJsonBytes => (_capacity / 4) - LengthBytes - HeaderBytes;

    public int CapacityBytes => _capacity;

    /// <summary>Events accepted so far. Written by the producer only.</summary>
    public long Written => Volatile.Read(ref Slot(WrittenAt));

    /// <summary>Events lost because the ring was full.</summary>
    public long Dropped => Volatile.Read(ref Slot(DroppedAt));

    /// <summary>Events lost because one of them was longer than <see cref="MaxJsonBytes"/>.</summary>
    public long TooLong => Volatile.Read(ref Slot(TooLongAt));

    /// <summary>Times the consumer found what no producer writes, and went on behind it.</summary>
    public long Corrupt => Volatile.Read(ref Slot(CorruptAt));

    /// <summary>Bytes in use, for the queue depth metric; a moment old when read.</summary>
    public long UsedBytes => Volatile.Read(ref Slot(HeadAt)) - Volatile.Read(ref Slot(TailAt));

    /// <summary>Bytes read and not yet freed. Thread: the consumer's.</summary>
    public long UncommittedBytes => _cursor - Slot(TailAt);

    /// <summary>When the consumer last said that it lives, in milliseconds of the system's clock since its start; 0: never.</summary>
    public long ConsumerBeatMs
    {
        get => Volatile.Read(ref Slot(ConsumerBeatAt));
        set => Volatile.Write(ref Slot(ConsumerBeatAt), value);
    }

    /// <inheritdoc/>
    public void Write(in EventHeader header, ReadOnlySpan<byte> json) => TryWrite(header, json);

    /// <summary>Appends one event. False when it was dropped and counted. Thread: the producer's.</summary>
    public bool TryWrite(in EventHeader header, ReadOnlySpan<byte> json)
    {
        bool isTaken = TryAppend(header, json);
        if (!isTaken)
        {
            CountDropped(json.Length);
        }

        return isTaken;
    }

    /// <summary>Appends one event. False when there is no room for it now (or ever, beyond <see cref="MaxJsonBytes"/>); nothing is counted. Thread: the producer's.</summary>
    public bool TryAppend(in EventHeader header, ReadOnlySpan<byte> json)
    {
        if (json.Length > MaxJsonBytes)
        {
            return false;
        }

        Span<byte> bytes = _memory.Span;
        Span<long> head = MemoryMarshal.Cast<byte, long>(bytes[..HeadBytes]);
        bytes = bytes[HeadBytes..];
        int recordBytes = RecordBytes(json.Length);
        long position = head[HeadAt];
        int offset = (int)(position & _mask);
        int toEnd = _capacity - offset;
        int needed = recordBytes <= toEnd ? recordBytes : toEnd + recordBytes;
        if (position + needed - _tailSeenByProducer > _capacity)
        {
            // Reading the consumer's line costs a cache miss, so only when the last known value does not do.
            _tailSeenByProducer = Volatile.Read(ref head[TailAt]);
            if (position + needed - _tailSeenByProducer > _capacity)
            {
                return false;
            }
        }

        if (recordBytes > toEnd)
        {
            MemoryMarshal.Write(bytes[offset..], SkipMark); // Records are multiples of 8, so 8 bytes are always left before the end.
            position += toEnd;
            offset = 0;
        }

        MemoryMarshal.Write(bytes[offset..], (long)json.Length);
        MemoryMarshal.Write(bytes[(offset + LengthBytes)..], in header);
        json.CopyTo(bytes[(offset + LengthBytes + HeaderBytes)..]);
        head[WrittenAt]++;
        Volatile.Write(ref head[HeadAt], position + recordBytes);
        return true;
    }

    /// <summary>An event that <see cref="TryAppend"/> refused is given up. Thread: the producer's.</summary>
    public void CountDropped(int jsonBytes)
    {
        ref long counter = ref Slot(jsonBytes > MaxJsonBytes ? TooLongAt : DroppedAt);
        Volatile.Write(ref counter, counter + 1);
    }

    /// <summary>Looks at the oldest event not yet read. Thread: the consumer's.</summary>
    /// <param name="header">A copy.</param>
    /// <param name="json">In the ring itself: valid until <see cref="Commit"/>.</param>
    public bool TryPeek(out EventHeader header, out ReadOnlySpan<byte> json)
    {
        header = default;
        json = default;
        long end = Volatile.Read(ref Slot(HeadAt));
        if (_cursor == end)
        {
            return false;
        }

        ReadOnlySpan<byte> bytes = _memory.Span[HeadBytes..];
        int offset = (int)(_cursor & _mask);
        long length = MemoryMarshal.Read<long>(bytes[offset..]);
        if (length == SkipMark)
        {
            // The skipped rest and the record behind it were published by the same store of the position.
            _cursor += _capacity - offset;
            offset = 0;
            length = MemoryMarshal.Read<long>(bytes);
        }

        if (length < 0 || length > MaxJsonBytes || end - _cursor < RecordBytes((int)length) || end - _cursor > _capacity
            || offset + RecordBytes((int)length) > _capacity)
        {
            _cursor = end;
            Slot(CorruptAt)++;
            return false;
        }

        header = MemoryMarshal.Read<EventHeader>(bytes[(offset + LengthBytes)..]);
        json = bytes.Slice(offset + LengthBytes + HeaderBytes, (int)length);
        return true;
    }

    /// <summary>Goes on behind the event that <see cref="TryPeek"/> showed last. Thread: the consumer's.</summary>
    /// <param name="free">Its bytes may be used again; otherwise they are kept until <see cref="Commit"/>.</param>
    public void Advance(bool free = true)
    {
        long length = MemoryMarshal.Read<long>(_memory.Span[(HeadBytes + (int)(_cursor & _mask))..]);
        _cursor += RecordBytes((int)Math.Clamp(length, 0, MaxJsonBytes));
        if (free)
        {
            Commit();
        }
    }

    /// <summary>Frees everything read so far: a consumer that is killed now is followed by one that begins here. Thread: the consumer's.</summary>
    public void Commit()
    {
        if (_cursor != Slot(TailAt))
        {
            Volatile.Write(ref Slot(TailAt), _cursor);
        }
    }

    private static int RecordBytes(int jsonBytes) => (LengthBytes + HeaderBytes + jsonBytes + 7) & ~7;

    private static bool IsCapacity(int bytes) => bytes >= MinCapacityBytes && (bytes & (bytes - 1)) == 0;

    private ref long Slot(int index) => ref MemoryMarshal.Cast<byte, long>(_memory.Span[..HeadBytes])[index];

    [DoesNotReturn]
    private static void ThrowCapacity(int capacityBytes) =>
        throw new ArgumentOutOfRangeException(nameof(capacityBytes), capacityBytes, "An event ring's size is a power of two of at least 4096 bytes.");
}
