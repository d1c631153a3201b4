using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols;

/// <summary>For whom a transaction is still to be looked at.</summary>
internal enum TransactionMark : byte
{
    /// <summary>Rules on packets to the server.</summary>
    ToServer,

    /// <summary>Rules on packets to the client.</summary>
    ToClient,

    /// <summary>Loggers, and then leaving.</summary>
    Log,
}

/// <summary>The live transactions of a flow in order of their numbers. Grows to its cap and no further; removal in front is cheap.</summary>
/// <remarks>
/// Arrays with a moving front, which come from the worker's and go back there when the flow has needed many; no allocation once they have grown. A parser enforces its own cap before <see cref="Add"/>. What is looked for often
/// stands in arrays of its own (keys, marks), so that a packet of a flow with thousands of open transactions costs what one with a few costs: the
/// engine visits those with a mark, and a parser finds one by its key without touching the others.
/// </remarks>
public sealed class TransactionList
{
    /// <summary>Up to this many are all visited each time: cheaper than keeping marks.</summary>
    internal const int MaxUnmarked = 16;

    private const int Marks = 3;

    /// <summary>Room that every list begins with and goes back to: most flows never have more at once.</summary>
    private const int FirstRoom = 8;

    private readonly byte[][] _marks = [new byte[FirstRoom], new byte[FirstRoom], new byte[FirstRoom]];
    private Transaction?[] _items = new Transaction?[FirstRoom];
    private uint[] _keys = new uint[FirstRoom];
    private int _head;
    private bool _someUnmarked;

    public int Count { get; private set; }

    /// <summary>The number the next transaction gets: transactions ever made on this flow.</summary>
    public ulong NextId { get; private set; }

    public Transaction this[int index] => _items[_head + index]!;

    /// <summary>Appends and numbers a transaction.</summary>
    public void Add(Transaction transaction)
    {
        if (_head + Count == _items.Length)
        {
            MakeRoom();
        }

        int at = _head + Count;
        transaction.Id = NextId++;
        transaction.Home = this;
        _items[at] = transaction;
        _keys[at] = transaction.Key;
        for (int i = 0; i < Marks; i++)
        {
            _marks[i][at] = 1;
        }

        Count++;
    }

    /// <summary>Takes the transaction at <paramref name="index"/> out; those behind it keep their order.</summary>
    public void RemoveAt(int index)
    {
        this[index].Home = null;
        if (index < Count / 2)
        {
            Move(_head, _head + 1, index);
            _items[_head++] = null;
        }
        else
        {
            Move(_head + index + 1, _head + index, Count - index - 1);
            _items[_head + Count - 1] = null;
        }

        Count--;
        if (Count == 0)
        {
            _head = 0;
        }
    }

    /// <summary>The position of the first transaction with <see cref="Transaction.Key"/> from <paramref name="from"/> on; -1: none.</summary>
    public int IndexOfKey(uint key, int from = 0)
    {
        int found = _keys.AsSpan(_head + from, Count - from).IndexOf(key);
        return found < 0 ? -1 : from + found;
    }

    /// <summary>The position of the last transaction with <see cref="Transaction.Key"/>; -1: none.</summary>
    public int LastIndexOfKey(uint key) => _keys.AsSpan(_head, Count).LastIndexOf(key);

    /// <summary>The position of the first transaction whose number is at least <paramref name="id"/>; <see cref="Count"/>: none.</summary>
    public int IndexFrom(ulong id)
    {
        if (Count == 0 || id <= this[0].Id)
        {
            return 0;
        }

        // As long as none left from the middle the distance says it.
        ulong distance = id - this[0].Id;
        if (distance < (ulong)Count && this[(int)distance].Id == id)
        {
            return (int)distance;
        }

        int low = 1;
        int high = Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (this[middle].Id < id)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    /// <summary>The position of the transaction with this number; -1: it has left.</summary>
    public int IndexOfId(ulong id)
    {
        int index = IndexFrom(id);
        return index < Count && this[index].Id == id ? index : -1;
    }

    /// <summary>The next position from <paramref name="from"/> on that has the mark; -1: none.</summary>
    internal int Next(TransactionMark mark, int from)
    {
        if (from >= Count)
        {
            return -1;
        }

        int found = _someUnmarked ? _marks[(int)mark].AsSpan(_head + from, Count - from).IndexOf((byte)1) : 0;
        return found < 0 ? -1 : from + found;
    }

    /// <summary>It was looked at and nothing is due until it is touched. Does nothing while there are few.</summary>
    internal void Unmark(TransactionMark mark, int index)
    {
        if (Count > MaxUnmarked)
        {
            _marks[(int)mark][_head + index] = 0;
            _someUnmarked = true;
        }
    }

    internal void Mark(TransactionMark mark, int index) => _marks[(int)mark][_head + index] = 1;

    internal void MarkAll()
    {
        if (_someUnmarked)
        {
            _someUnmarked = false;
            for (int i = 0; i < Marks; i++)
            {
                _marks[i].AsSpan(_head, Count).Fill(1);
            }
        }
    }

    /// <summary>The transaction has changed: everyone looks at it again.</summary>
    internal void Touch(Transaction transaction)
    {
        if (!_someUnmarked)
        {
            return;
        }

        int index = IndexOfId(transaction.Id);
        for (int i = 0; i < Marks && index >= 0; i++)
        {
            _marks[i][_head + index] = 1;
        }
    }

    internal void SetKey(Transaction transaction, uint key)
    {
        int index = IndexOfId(transaction.Id);
        if (index >= 0)
        {
            _keys[_head + index] = key;
        }
    }

    internal void Reset()
    {
        Array.Clear(_items, _head, Count);
        _head = 0;
        Count = 0;
        NextId = 0;
        _someUnmarked = false;
        ArrayCache<Transaction?>.Shrink(ref _items, FirstRoom, FirstRoom);
        ArrayCache<uint>.Shrink(ref _keys, FirstRoom, FirstRoom);
        for (int i = 0; i < Marks; i++)
        {
            ArrayCache<byte>.Shrink(ref _marks[i], FirstRoom, FirstRoom);
        }
    }

    /// <summary>Behind the last there is no room: the front's is taken, or when that is little, twice as much.</summary>
    private void MakeRoom()
    {
        int head = _head;
        _head = 0;
        if (head > _items.Length / 2)
        {
            Move(head, 0, Count);
            Array.Clear(_items, Math.Max(head, Count), _items.Length - Math.Max(head, Count));
            return;
        }

        int capacity = _items.Length * 2;
        _items = Larger(_items, head, capacity);
        _keys = Larger(_keys, head, capacity);
        for (int i = 0; i < Marks; i++)
        {
            _marks[i] = Larger(_marks[i], head, capacity);
        }
    }

    private T[] Larger<T>(T[] values, int head, int capacity)
    {
        T[] larger = ArrayCache<T>.Rent(capacity);
        Array.Copy(values, head, larger, 0, Count);
        ArrayCache<T>.Return(values);
        return larger;
    }

    private void Move(int from, int to, int count)
    {
        if (count <= 0)
        {
            return;
        }

        Array.Copy(_items, from, _items, to, count);
        Array.Copy(_keys, from, _keys, to, count);
        for (int i = 0; i < Marks; i++)
        {
            Array.Copy(_marks[i], from, _marks[i], to, count);
        }
    }
}
