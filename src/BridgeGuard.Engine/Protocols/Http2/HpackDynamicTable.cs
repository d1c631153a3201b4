namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>The dynamic table of one direction (RFC 7541 §2.3.2): newest entry first, evicted from the oldest by size.</summary>
/// <remarks>Entries lie one behind the other in one array that is compacted now and then; nothing is allocated once it has grown.</remarks>
internal sealed class HpackDynamicTable
{
    /// <summary>What RFC 7541 §4.1 adds to the size of each entry.</summary>
    private const int EntryOverhead = 32;

    /// <summary>A larger array is given back on reset.</summary>
    private const int KeepBytes = 16 << 10;

    private byte[] _bytes = [];
    private int _end;

    /// <summary>What was removed from the front of <see cref="_bytes"/> so far: positions in entries count from the beginning of time.</summary>
    private long _origin;

    private Entry[] _entries = new Entry[16];
    private int _oldest;

    private struct Entry
    {
        public long Position;
        public int NameLength;
        public int ValueLength;
    }

    public int Count { get; private set; }

    /// <summary>As RFC 7541 §4.1 counts.</summary>
    public int Size { get; private set; }

    public int MaxSize { get; private set; }

    /// <summary>Changes the limit and evicts what no longer fits.</summary>
    public void Resize(int maxSize)
    {
        MaxSize = maxSize;
        Evict(0);
    }

    /// <param name="index">0 is the newest.</param>
    public ReadOnlySpan<byte> Name(int index)
    {
        ref readonly Entry entry = ref At(index);
        return _bytes.AsSpan((int)(entry.Position - _origin), entry.NameLength);
    }

    /// <inheritdoc cref="Name"/>
    public ReadOnlySpan<byte> Value(int index)
    {
        ref readonly Entry entry = ref At(index);
        return _bytes.AsSpan((int)(entry.Position - _origin) + entry.NameLength, entry.ValueLength);
    }

    /// <summary>Adds an entry; one larger than the table empties it (RFC 7541 §4.4).</summary>
    /// <param name="name">Not out of this table: it may move.</param>
    /// <param name="value">Likewise.</param>
    public void Insert(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        int size = name.Length + value.Length + EntryOverhead;
        Evict(size);
        if (size > MaxSize)
        {
            return;
        }

        MakeRoom(name.Length + value.Length);
        if (Count == _entries.Length)
        {
            Grow();
        }

        _entries[(_oldest + Count) & (_entries.Length - 1)] = new Entry
        {
            Position = _origin + _end,
            NameLength = name.Length,
            ValueLength = value.Length,
        };
        Count++;
        Size += size;
        name.CopyTo(_bytes.AsSpan(_end));
        value.CopyTo(_bytes.AsSpan(_end + name.Length));
        _end += name.Length + value.Length;
    }

    public void Reset(int maxSize)
    {
        Count = 0;
        Size = 0;
        _oldest = 0;
        _end = 0;
        _origin = 0;
        MaxSize = maxSize;
        if (_bytes.Length > KeepBytes)
        {
            _bytes = [];
        }
    }

    private ref readonly Entry At(int index) => ref _entries[(_oldest + Count - 1 - index) & (_entries.Length - 1)];

    private void Evict(int needed)
    {
        while (Count > 0 && Size + needed > MaxSize)
        {
            ref readonly Entry entry = ref _entries[_oldest];
            Size -= entry.NameLength + entry.ValueLength + EntryOverhead;
            _oldest = (_oldest + 1) & (_entries.Length - 1);
            Count--;
        }
    }

    private void MakeRoom(int bytes)
    {
        if (_end + bytes <= _bytes.Length)
        {
            return;
        }

        int start = Count == 0 ? _end : (int)(_entries[_oldest].Position - _origin);
        int live = _end - start;
        byte[] target = live + bytes <= _bytes.Length / 2 ? _bytes : new byte[Math.Max(256, 2 * (live + bytes))];
        _bytes.AsSpan(start, live).CopyTo(target);
        _bytes = target;
        _origin += start;
        _end = live;
    }

    private void Grow()
    {
        var larger = new Entry[_entries.Length * 2];
        for (int i = 0; i < Count; i++)
        {
            larger[i] = _entries[(_oldest + i) & (_entries.Length - 1)];
        }

        _entries = larger;
        _oldest = 0;
    }
}
