namespace BridgeGuard.Engine.Pools;

/// <summary>A bounded table of reused objects by key: at the cap the entry that has been there longest makes room.</summary>
/// <remarks>Grows to its cap; no allocation after that. An object given out by <see cref="Add"/> may hold what it held before: its owner clears it.</remarks>
internal sealed class BoundedTable<TKey, TValue>(int capacity)
    where TKey : notnull, IEquatable<TKey>
    where TValue : class, new()
{
    private readonly Dictionary<TKey, int> _places = [];
    private readonly List<(bool IsUsed, TKey Key, TValue Value)> _entries = [];
    private readonly Stack<int> _free = new();
    private int _oldest;

    public int Count => _places.Count;

    public bool TryFind(TKey key, out TValue value)
    {
        bool isThere = _places.TryGetValue(key, out int place);
        value = isThere ? _entries[place].Value : null!;
        return isThere;
    }

    /// <summary>The object of a key, new or the one that is there.</summary>
    /// <param name="key">The key.</param>
    /// <param name="wasUsed">The object belonged to this or to an evicted key until now.</param>
    public TValue Add(TKey key, out bool wasUsed)
    {
        if (_places.TryGetValue(key, out int place))
        {
            wasUsed = true;
            return _entries[place].Value;
        }

        wasUsed = false;
        if (!_free.TryPop(out place))
        {
            if (_entries.Count < capacity)
            {
                place = _entries.Count;
                _entries.Add((false, key, new TValue()));
            }
            else
            {
                place = _oldest;
                _oldest = (_oldest + 1) % capacity;
                wasUsed = true;
                _places.Remove(_entries[place].Key);
            }
        }

        _places.Add(key, place);
        _entries[place] = (true, key, _entries[place].Value);
        return _entries[place].Value;
    }

    public bool Remove(TKey key, out TValue value)
    {
        if (!_places.Remove(key, out int place))
        {
            value = null!;
            return false;
        }

        value = _entries[place].Value;
        _entries[place] = (false, key, value);
        _free.Push(place);
        return true;
    }

    /// <summary>The objects in use, by place; false entries are free.</summary>
    public int Places => _entries.Count;

    public bool TryAt(int place, out TValue value)
    {
        value = _entries[place].Value;
        return _entries[place].IsUsed;
    }

    public void Clear()
    {
        if (_places.Count == 0)
        {
            return;
        }

        _places.Clear();
        _free.Clear();
        _oldest = 0;
        for (int i = _entries.Count - 1; i >= 0; i--)
        {
            _entries[i] = (false, _entries[i].Key, _entries[i].Value);
            _free.Push(i);
        }
    }
}
