using System.Numerics;

namespace BridgeGuard.Engine.Pools;

/// <summary>An object that serves one key after another.</summary>
internal interface IReusable
{
    /// <summary>Forgets what it held and gives back what it borrowed.</summary>
    void Reset();
}

/// <summary>A bounded table of reused objects by key: at the cap the entry that has been there longest makes room.</summary>
/// <remarks>
/// Arrays and objects are the worker's: taken as entries come and given back by <see cref="Clear"/>, so that they grow to what all flows hold at once and not to the most
/// that each parser has ever held. No allocation after that. One thread. An object given out by <see cref="Add"/> may hold what it held before: its owner clears it.
/// </remarks>
internal sealed class BoundedTable<TKey, TValue>(int capacity)
    where TKey : unmanaged, IEquatable<TKey>
    where TValue : class, IReusable, new()
{
    private const int FirstRoom = 8;

    /// <summary>Objects that wait for the next flow of this worker; four tables at Suricata's largest cap. More go to the collector.</summary>
    private const int MaxSpare = 4096;

    [ThreadStatic]
    private static Stack<TValue>? _spare;

    private Entry[] _entries = [];

    /// <summary>Twice as many as entries: the place of the first entry of a chain and one more, 0: none.</summary>
    private int[] _buckets = [];
    private int _places;
    private int _free;
    private int _oldest;

    public int Count { get; private set; }

    public bool TryFind(TKey key, out TValue value)
    {
        int place = PlaceOf(key);
        value = place >= 0 ? _entries[place].Value : null!;
        return place >= 0;
    }

    /// <summary>The object of a key, new or the one that is there.</summary>
    /// <param name="key">The key.</param>
    /// <param name="wasUsed">The object belonged to this or to an evicted key until now.</param>
    public TValue Add(TKey key, out bool wasUsed)
    {
        int place = PlaceOf(key);
        wasUsed = place >= 0;
        if (wasUsed)
        {
            return _entries[place].Value;
        }

        if (_free > 0)
        {
            place = _free - 1;
            _free = _entries[place].Next;
        }
        else if (_places < capacity)
        {
            place = NewPlace();
        }
        else
        {
            place = _oldest;
            _oldest = (_oldest + 1) % capacity;
            wasUsed = true;
            Unlink(_entries[place].Key);
        }

        ref Entry entry = ref _entries[place];
        ref int bucket = ref Bucket(key);
        entry.Key = key;
        entry.Next = bucket;
        bucket = place + 1;
        Count++;
        return entry.Value;
    }

    public bool Remove(TKey key, out TValue value)
    {
        int place = Unlink(key);
        if (place < 0)
        {
            value = null!;
            return false;
        }

        ref Entry entry = ref _entries[place];
        value = entry.Value;
        entry.Next = _free;
        _free = place + 1;
        return true;
    }

    public void Clear()
    {
        if (_places == 0)
        {
            return;
        }

        _spare ??= new Stack<TValue>();
        for (int i = 0; i < _places; i++)
        {
            _entries[i].Value.Reset();
            if (_spare.Count < MaxSpare)
            {
                _spare.Push(_entries[i].Value);
            }
        }

        ArrayCache<Entry>.Return(_entries);
        ArrayCache<int>.Return(_buckets);
        _entries = [];
        _buckets = [];
        _places = _free = _oldest = Count = 0;
    }

    /// <summary>By the upper bits of the product with 2^32 / φ: numbers in a row, and those whose low bits are equal, spread.</summary>
    private ref int Bucket(TKey key) => ref _buckets[((uint)key.GetHashCode() * 0x9e37_79b9u) >> (32 - BitOperations.Log2((uint)_buckets.Length))];

    private int PlaceOf(TKey key)
    {
        int place = Count == 0 ? -1 : Bucket(key) - 1;
        while (place >= 0 && !_entries[place].Key.Equals(key))
        {
            place = _entries[place].Next - 1;
        }

        return place;
    }

    /// <summary>Takes a key out of its chain; returns its place, -1 when it is not there.</summary>
    private int Unlink(TKey key)
    {
        if (Count == 0)
        {
            return -1;
        }

        ref int link = ref Bucket(key);
        while (link > 0)
        {
            int place = link - 1;
            if (_entries[place].Key.Equals(key))
            {
                link = _entries[place].Next;
                Count--;
                return place;
            }

            link = ref _entries[place].Next;
        }

        return -1;
    }

    private int NewPlace()
    {
        if (_places == _entries.Length)
        {
            Grow();
        }

        _entries[_places].Value = _spare is { } spare && spare.TryPop(out TValue? pooled) ? pooled : new TValue();
        return _places++;
    }

    /// <summary>Twice the room; there are no free places then, so every entry is in a chain.</summary>
    private void Grow()
    {
        Entry[] larger = ArrayCache<Entry>.Rent(Math.Max(FirstRoom, _entries.Length * 2));
        _entries.CopyTo(larger, 0);
        if (_entries.Length > 0)
        {
            ArrayCache<Entry>.Return(_entries);
            ArrayCache<int>.Return(_buckets);
        }

        _entries = larger;
        _buckets = ArrayCache<int>.Rent(larger.Length * 2);
        Array.Clear(_buckets);
        for (int i = 0; i < _places; i++)
        {
            ref int bucket = ref Bucket(_entries[i].Key);
            _entries[i].Next = bucket;
            bucket = i + 1;
        }
    }

    private struct Entry
    {
        public TKey Key;
        public TValue Value;

        /// <summary>The next of the chain, or of the free places, and one more; 0: none.</summary>
        public int Next;
    }
}
