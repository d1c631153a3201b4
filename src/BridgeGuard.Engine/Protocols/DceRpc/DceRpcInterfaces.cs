using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>The presentation contexts of one association: which interface a context number stands for.</summary>
/// <remarks>Grows to <see cref="DceRpcLimits.MaxInterfaces"/>; after that the oldest make room.</remarks>
internal sealed class DceRpcInterfaces
{
    private readonly PooledList<DceRpcInterface> _items = new(4);

    /// <summary>Remembers what a bind or alter-context offers; the same context offered again replaces the earlier one.</summary>
    public void Add(ReadOnlySpan<DceRpcInterface> offered)
    {
        foreach (ref readonly DceRpcInterface item in offered)
        {
            int at = IndexOf(item.ContextId);
            if (at >= 0)
            {
                _items[at] = item;
                continue;
            }

            if (_items.Count == DceRpcLimits.MaxInterfaces)
            {
                _items.RemoveFirst();
            }

            _items.Add(in item);
        }
    }

    /// <summary>Takes over the server's answers.</summary>
    public void Answer(ReadOnlySpan<DceRpcInterface> answered)
    {
        foreach (ref readonly DceRpcInterface item in answered)
        {
            int at = IndexOf(item.ContextId);
            if (at >= 0 && item.IsAnswered && _items[at].Uuid == item.Uuid)
            {
                _items[at] = item;
            }
        }
    }

    public bool TryFind(ushort contextId, out DceRpcInterface found)
    {
        int at = IndexOf(contextId);
        found = at < 0 ? default : _items[at];
        return at >= 0;
    }

    public void Reset() => _items.Clear();

    private int IndexOf(ushort contextId)
    {
        for (int i = 0; i < _items.Count; i++)
        {
            if (_items[i].ContextId == contextId)
            {
                return i;
            }
        }

        return -1;
    }
}
