namespace BridgeGuard.Engine.Pools;

/// <summary>A list of small values in a pooled object: with room for a few of its own, and the worker's arrays while it holds more.</summary>
/// <remarks>Its owner bounds what is added. No allocation once the worker's arrays have grown to what is held at once. One thread.</remarks>
/// <typeparam name="T">A value without references.</typeparam>
/// <param name="room">Values that most owners need, a power of two.</param>
internal sealed class PooledList<T>(int room)
    where T : unmanaged
{
    private readonly T[] _own = new T[room];
    private T[]? _borrowed;

    public int Count { get; private set; }

    public ref T this[int index] => ref Span[index];

    public Span<T> Span => (_borrowed ?? _own).AsSpan(0, Count);

    public void Add(in T value)
    {
        T[] items = _borrowed ?? _own;
        if (Count == items.Length)
        {
            T[] larger = ArrayCache<T>.Rent(Count * 2);
            items.CopyTo(larger, 0);
            GiveBack();
            items = _borrowed = larger;
        }

        items[Count++] = value;
    }

    /// <summary>Takes the first one out.</summary>
    public void RemoveFirst()
    {
        Span[1..].CopyTo(Span);
        Count--;
    }

    public void Clear()
    {
        Count = 0;
        GiveBack();
    }

    private void GiveBack()
    {
        if (_borrowed is { } borrowed)
        {
            _borrowed = null;
            ArrayCache<T>.Return(borrowed);
        }
    }
}
