namespace BridgeGuard.Engine.Protocols;

/// <summary>The live transactions of a flow in order of their numbers. Grows to its cap and no further; removal in front is cheap.</summary>
/// <remarks>Ring buffer of references; no allocation once it has grown. A parser enforces its own cap before <see cref="Add"/>.</remarks>
public sealed class TransactionList
{
    private Transaction?[] _ring = new Transaction?[4];
    private int _head;

    public int Count { get; private set; }

    /// <summary>The number the next transaction gets: transactions ever made on this flow.</summary>
    public ulong NextId { get; private set; }

    public Transaction this[int index] => _ring[(_head + index) & (_ring.Length - 1)]!;

    /// <summary>Appends and numbers a transaction.</summary>
    public void Add(Transaction transaction)
    {
        if (Count == _ring.Length)
        {
            Grow();
        }

        transaction.Id = NextId++;
        _ring[(_head + Count) & (_ring.Length - 1)] = transaction;
        Count++;
    }

    /// <summary>Takes the transaction at <paramref name="index"/> out; those behind it keep their order.</summary>
    public void RemoveAt(int index)
    {
        int mask = _ring.Length - 1;
        if (index == 0)
        {
            _ring[_head] = null;
            _head = (_head + 1) & mask;
        }
        else
        {
            for (int i = index; i < Count - 1; i++)
            {
                _ring[(_head + i) & mask] = _ring[(_head + i + 1) & mask];
            }

            _ring[(_head + Count - 1) & mask] = null;
        }

        Count--;
    }

    internal void Reset()
    {
        Array.Clear(_ring);
        _head = 0;
        Count = 0;
        NextId = 0;
    }

    private void Grow()
    {
        var larger = new Transaction?[_ring.Length * 2];
        for (int i = 0; i < Count; i++)
        {
            larger[i] = this[i];
        }

        _ring = larger;
        _head = 0;
    }
}
