using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Detection.Shared;

/// <summary>A bounded table of 64-bit states that all workers read and change, each change one compare-and-swap.</summary>
/// <remarks>
/// Sets of <see cref="Ways"/> slots; a key may be in either of two sets, so a look-up touches at most four cache lines. A slot is taken by writing its
/// key over 0, or over the key of an entry that has expired. A worker that meets a slot changing hands sees either entry, never half of one: the one that
/// goes has expired, so whatever is still done to it no longer matters. Two workers that add the same new key in the same instant while entries are
/// being taken over may use two slots once; from the next look-up on both find the first. Nothing waits. Thread: any.
/// </remarks>
/// <param name="capacity">Slots, a power of two of at least 2 × <see cref="Ways"/>; 24 bytes each, allocated with the first entry.</param>
internal sealed class SharedSlots(int capacity)
{
    /// <summary>Slots of one set: two or three cache lines.</summary>
    public const int Ways = 8;

    private readonly int _sets = capacity / Ways;
    private Slot[]? _slots;
    private long _refused;

    /// <summary>Nothing was ever added.</summary>
    public bool IsEmpty => Volatile.Read(ref _slots) is null;

    /// <summary>Entries that found no room.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>The slot of a key; -1 when it is not there.</summary>
    public int Find(ulong key)
    {
        Slot[]? slots = Volatile.Read(ref _slots);
        if (slots is null)
        {
            return -1;
        }

        key = Name(key);
        int slot = FindIn(slots, FirstSet(key), key);
        return slot >= 0 ? slot : FindIn(slots, SecondSet(key), key);
    }

    /// <summary>The slot of a key, which is added with state 0 when it is not there; -1 when there is no room.</summary>
    public int FindOrAdd(ulong key, long nowUs)
    {
        int found = Find(key);
        if (found >= 0)
        {
            return found;
        }

        Slot[] slots = Slots();
        key = Name(key);
        int slot = Take(slots, FirstSet(key), key, nowUs, onlyFree: true);
        slot = slot >= 0 ? slot : Take(slots, SecondSet(key), key, nowUs, onlyFree: true);
        slot = slot >= 0 ? slot : Take(slots, FirstSet(key), key, nowUs, onlyFree: false);
        slot = slot >= 0 ? slot : Take(slots, SecondSet(key), key, nowUs, onlyFree: false);
        if (slot < 0)
        {
            Interlocked.Increment(ref _refused);
        }

        return slot;
    }

    public long Read(int slot) => Volatile.Read(ref _slots![slot].State);

    /// <summary>Exchanges a state that is still the one that was read; false: look again.</summary>
    public bool TryChange(int slot, long from, long to) => Interlocked.CompareExchange(ref _slots![slot].State, to, from) == from;

    /// <summary>Until when the entry means something, in microseconds of packet time.</summary>
    public long ExpiresUs(int slot) => Volatile.Read(ref _slots![slot].ExpiresUs);

    /// <summary>Moves the expiry; of two workers either may be the last, which differs by the time between their packets.</summary>
    public void SetExpiry(int slot, long untilUs) => Volatile.Write(ref _slots![slot].ExpiresUs, untilUs);

    private Slot[] Slots()
    {
        Slot[]? slots = Volatile.Read(ref _slots);
        if (slots is not null)
        {
            return slots;
        }

        var made = new Slot[_sets * Ways];
        return Interlocked.CompareExchange(ref _slots, made, null) ?? made;
    }

    private static ulong Name(ulong key) => key == 0 ? 1 : key;

    private int FirstSet(ulong key) => (int)(key & (uint)(_sets - 1)) * Ways;

    private int SecondSet(ulong key) => (int)((key >> 32) & (uint)(_sets - 1)) * Ways;

    private static int FindIn(Slot[] slots, int start, ulong key)
    {
        for (int i = start; i < start + Ways; i++)
        {
            if (Volatile.Read(ref slots[i].Key) == key)
            {
                return i;
            }
        }

        return -1;
    }

    private static int Take(Slot[] slots, int start, ulong key, long nowUs, bool onlyFree)
    {
        for (int i = start; i < start + Ways; i++)
        {
            ulong holder = Volatile.Read(ref slots[i].Key);
            if (holder == key)
            {
                return i;
            }

            long expires = Volatile.Read(ref slots[i].ExpiresUs);
            if (holder != 0 && (onlyFree || expires >= nowUs))
            {
                continue;
            }

            long state = Volatile.Read(ref slots[i].State);
            ulong seen = Interlocked.CompareExchange(ref slots[i].Key, key, holder);
            if (seen == key)
            {
                return i;
            }

            if (seen == holder)
            {
                // What the old entry left is cleared, unless somebody has begun to count for the new one.
                Interlocked.CompareExchange(ref slots[i].State, 0, state);
                Interlocked.CompareExchange(ref slots[i].ExpiresUs, nowUs, expires);
                return i;
            }
        }

        return -1;
    }

    private struct Slot
    {
        public ulong Key;
        public long State;
        public long ExpiresUs;
    }
}
