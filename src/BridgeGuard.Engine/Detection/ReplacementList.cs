namespace BridgeGuard.Engine.Detection;

/// <summary>Stretches of a packet's payload that rules want rewritten, in the order in which the rules matched. Reused; grows to the largest use.</summary>
internal sealed class ReplacementList
{
    private Replacement[] _items = new Replacement[4];

    public int Count { get; private set; }

    public ref readonly Replacement this[int index] => ref _items[index];

    public void Add(int at, int content, int rule = -1)
    {
        if (Count == _items.Length)
        {
            Array.Resize(ref _items, 2 * Count);
        }

        _items[Count++] = new Replacement { At = at, Content = content, Rule = rule };
    }

    /// <summary>Takes back what came after the first <paramref name="count"/>.</summary>
    public void Cut(int count) => Count = count;

    /// <summary>The rule's stretches are to be written.</summary>
    public void Approve(int rule)
    {
        for (int i = 0; i < Count; i++)
        {
            _items[i].IsApproved |= _items[i].Rule == rule;
        }
    }
}

/// <summary>One stretch.</summary>
internal struct Replacement
{
    /// <summary>Where in the payload.</summary>
    public int At;

    /// <summary>The content whose bytes are written there.</summary>
    public int Content;

    /// <summary>The index of the rule that asks for it.</summary>
    public int Rule;

    /// <summary>The rule's match stands: no threshold took it back.</summary>
    public bool IsApproved;
}
