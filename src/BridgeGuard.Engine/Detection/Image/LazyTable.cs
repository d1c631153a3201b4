using System.Collections;

namespace BridgeGuard.Engine.Detection.Image;

/// <summary>An array whose elements may be made when they are first asked for.</summary>
/// <remarks>
/// Thread: any. Elements are immutable and made from immutable bytes: two threads that ask at once may make one each, and either serves. Of a rule set's tens
/// of thousands of contents, expressions and descriptions traffic asks for some hundreds.
/// </remarks>
internal sealed class LazyTable<T> : IReadOnlyList<T>
    where T : class
{
    private readonly T?[] _items;
    private readonly Func<int, T>? _make;

    /// <param name="items">All of them; owned by the table.</param>
    public LazyTable(T[] items) => _items = items;

    /// <param name="count">How many.</param>
    /// <param name="make">Makes one by its index; called at least once for each that is asked for.</param>
    public LazyTable(int count, Func<int, T> make)
    {
        _items = new T?[count];
        _make = make;
    }

    public int Count => _items.Length;

    public int Length => _items.Length;

    public T this[int index] => _items[index] ?? Make(index);

    public IEnumerator<T> GetEnumerator()
    {
        for (int i = 0; i < _items.Length; i++)
        {
            yield return this[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private T Make(int index)
    {
        T made = _make!(index);
        _items[index] = made;
        return made;
    }
}
