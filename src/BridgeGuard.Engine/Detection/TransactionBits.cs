namespace BridgeGuard.Engine.Detection;

/// <summary>Bits that rules set on a transaction (<c>xbits:set,name,track tx</c>). Owned by the transaction; keeps its array.</summary>
internal struct TransactionBits
{
    /// <summary>Bits of one transaction; more are not kept. Rule sets use a handful.</summary>
    public const int MaxBits = 64;

    private int[]? _names;
    private int _count;

    public readonly bool IsSet(int name) => _names is { } names && names.AsSpan(0, _count).Contains(name);

    public void Set(int name)
    {
        if (_count == MaxBits || IsSet(name))
        {
            return;
        }

        _names ??= new int[4];
        if (_count == _names.Length)
        {
            Array.Resize(ref _names, _count * 2);
        }

        _names[_count++] = name;
    }

    public void Unset(int name)
    {
        int index = _names is { } names ? names.AsSpan(0, _count).IndexOf(name) : -1;
        if (index >= 0)
        {
            _names![index] = _names[--_count];
        }
    }

    public void Clear() => _count = 0;
}
