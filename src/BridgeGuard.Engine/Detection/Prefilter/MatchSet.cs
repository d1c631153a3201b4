using System.Runtime.CompilerServices;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>The distinct pattern ids that one or several scans found: a bitmap for "seen" and a list for "which".</summary>
/// <remarks>
/// Owner: one worker, for its lifetime; made once with room for the largest id and cleared between inspections. Bounded by
/// construction: an id enters the list once, so the list never outgrows the capacity. Ids at or over the capacity are counted
/// in <see cref="Rejected"/> and not stored. Thread: the owner's only.
/// </remarks>
public sealed class MatchSet
{
    private readonly ulong[] _seen;
    private readonly int[] _ids;
    private int _count;

    /// <param name="capacity">One more than the largest id that will be added.</param>
    public MatchSet(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        _seen = new ulong[(capacity + 63) >> 6];
        _ids = new int[capacity];
    }

    /// <summary>Working memory of the Hyperscan engine for the thread that owns this set; null until it is needed.</summary>
    internal Interop.HyperscanScratch? HyperscanScratch { get; set; }

    /// <summary>Ids below this can be stored.</summary>
    public int Capacity => _ids.Length;

    /// <summary>How many distinct ids are in the set.</summary>
    public int Count => _count;

    /// <summary>Ids offered that did not fit; stays 0 when the capacity was chosen rightly.</summary>
    public long Rejected { get; private set; }

    /// <summary>The ids, in order of discovery. Valid until the next <see cref="Add"/> or <see cref="Clear"/>.</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, _count);

    /// <summary>Puts an id into the set; false when it was there already or does not fit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per candidate; measured with the scan loop.
    public bool Add(int id)
    {
        if ((uint)id >= (uint)_ids.Length)
        {
            Rejected++;
            return false;
        }
        ref ulong word = ref _seen[id >> 6];
        ulong bit = 1UL << (id & 63);
        if ((word & bit) != 0)
        {
            return false;
        }
        word |= bit;
        _ids[_count++] = id;
        return true;
    }

    /// <summary>Whether the id is in the set.</summary>
    public bool Contains(int id) => (uint)id < (uint)_ids.Length && (_seen[id >> 6] & (1UL << (id & 63))) != 0;

    /// <summary>Empties the set in time proportional to what was found, not to the capacity.</summary>
    public void Clear()
    {
        for (int i = 0; i < _count; i++)
        {
            _seen[_ids[i] >> 6] = 0;
        }
        _count = 0;
    }
}
