namespace BridgeGuard.Engine.Streams;

/// <summary>One stretch of stream bytes that may still be replaced or that waits for what is before it.</summary>
/// <remarks>Offsets count from the first data byte of the stream. <see cref="Slab"/> is null when the bytes stand in the contiguous buffer already.</remarks>
internal struct Segment
{
    public long Offset;
    public int Length;

    /// <summary>Length of the TCP segment that brought the bytes and its first byte: overlap policies compare whole segments.</summary>
    public int OriginalLength;
    public long OriginalOffset;
    public byte[]? Slab;

    public readonly long End => Offset + Length;

    public readonly long OriginalEnd => OriginalOffset + OriginalLength;
}

/// <summary>The segments of one stream direction, by offset, not overlapping.</summary>
/// <remarks>Pooled by the reassembler; owned by a stream while it has segments. Removing from the front is cheap.</remarks>
internal sealed class SegmentList(SegmentArrays arrays)
{
    /// <summary>Segments at most: bounds the cost of an insertion that an attacker can force (24 KiB moved per KiB of list).</summary>
    public const int Capacity = 8192;

    private Segment[] _items = arrays.Rent(SegmentArrays.SmallestLength);
    private int _head;

    public int Count { get; private set; }

    public ref Segment this[int index] => ref _items[_head + index];

    /// <summary>Index of the first segment that ends after <paramref name="offset"/>.</summary>
    public int LowerBound(long offset)
    {
        int low = 0;
        int high = Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (this[middle].End > offset)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }

    /// <summary>False when the list is at its capacity.</summary>
    public bool TryInsert(int index, in Segment segment)
    {
        if (Count == Capacity)
        {
            return false;
        }

        if (_head + Count == _items.Length)
        {
            MakeRoom();
        }

        Array.Copy(_items, _head + index, _items, _head + index + 1, Count - index);
        _items[_head + index] = segment;
        Count++;
        return true;
    }

    public void RemoveFirst()
    {
        _items[_head] = default;
        Count--;
        _head = Count == 0 ? 0 : _head + 1;
    }

    public void RemoveAt(int index)
    {
        Array.Copy(_items, _head + index + 1, _items, _head + index, Count - index - 1);
        Count--;
        _items[_head + Count] = default;
    }

    /// <summary>Empty, and as small as a new one: a list that grew once would otherwise wait in the pool for a stream that needs it.</summary>
    public void Clear()
    {
        Array.Clear(_items, _head, Count);
        _head = 0;
        Count = 0;
        if (_items.Length > SegmentArrays.SmallestLength)
        {
            arrays.Return(_items);
            _items = arrays.Rent(SegmentArrays.SmallestLength);
        }
    }

    private void MakeRoom()
    {
        if (_head > 0 && (_head >= _items.Length / 2 || _items.Length == Capacity))
        {
            Array.Copy(_items, _head, _items, 0, Count);
            Array.Clear(_items, Count, _head);
            _head = 0;
            return;
        }

        Segment[] larger = arrays.Rent(_items.Length * 2);
        Array.Copy(_items, _head, larger, 0, Count);
        Array.Clear(_items, _head, Count);
        arrays.Return(_items);
        _items = larger;
        _head = 0;
    }
}

/// <summary>Arrays of segment lists in powers of two, reused. Owner: one worker's reassembler. What is returned must be cleared.</summary>
internal sealed class SegmentArrays
{
    public const int SmallestLength = 16;
    private const int SmallestShift = 4;

    /// <summary>Up to <see cref="SegmentList.Capacity"/>.</summary>
    private readonly Stack<Segment[]>[] _free = [new(), new(), new(), new(), new(), new(), new(), new(), new(), new()];

    /// <summary>Arrays of each size above the smallest (which lists bring with them) and up to a thousand segments: for a few streams that lose many at once.</summary>
    private const int FilledArrays = 8;
    private const int LargestFilled = 1024;

    /// <summary>Makes arrays before they are asked for, and room for those that come back.</summary>
    public void Fill()
    {
        for (int length = SmallestLength; length <= LargestFilled; length *= 2)
        {
            Stack<Segment[]> free = _free[System.Numerics.BitOperations.Log2((uint)length) - SmallestShift];
            free.EnsureCapacity(4 * FilledArrays);
            while (length > SmallestLength && free.Count < FilledArrays)
            {
                free.Push(new Segment[length]);
            }
        }
    }

    public Segment[] Rent(int length) =>
        _free[System.Numerics.BitOperations.Log2((uint)length) - SmallestShift].TryPop(out Segment[]? array) ? array : new Segment[length];

    public void Return(Segment[] array) => _free[System.Numerics.BitOperations.Log2((uint)array.Length) - SmallestShift].Push(array);
}
