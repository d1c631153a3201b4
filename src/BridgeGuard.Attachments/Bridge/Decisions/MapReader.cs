using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge.Decisions;

/// <summary>Reads a whole eBPF hash map. Entries that come or go meanwhile may be missed or seen; each is seen once.</summary>
internal static class MapReader
{
    // A map that loses the key which the walk stands on begins anew: no walk may go on for ever.
    private const int MaxEntries = 1 << 20;

    public static IReadOnlyList<(TKey Key, TValue Value)> All<TKey, TValue>(int map)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        Dictionary<TKey, TValue> entries = new(BitwiseComparer<TKey>.Instance);
        TKey key = default;
        TKey next = default;
        bool isFirst = true;
        for (int i = 0; i < MaxEntries && Bpf.NextKey(map, isFirst, in key, ref next) == 0; i++)
        {
            key = next;
            isFirst = false;
            TValue value = default;
            if (Bpf.Lookup(map, in key, ref value) == 0)
            {
                entries[key] = value;
            }
        }

        return [.. entries.Select(entry => (entry.Key, entry.Value))];
    }
}
