using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy.Redirects;

/// <summary>All moved flows of a process, bounded, found from the target's side.</summary>
/// <remarks>
/// Shared by the workers because the answers of a target hash to another queue than the client's packets do. Lock-free: a slot is claimed by one
/// compare-and-swap and its contents are published by a release store of the phase; entries are fixed afterwards. Lookups happen only for packets of a
/// known target, so the hash chain is short and cold.
/// </remarks>
public sealed class RedirectTable
{
    /// <summary>Flows that can be moved at a time; beyond it a redirect becomes a drop and is counted.</summary>
    public const int DefaultCapacity = 4096;

    private const int ProbeLimit = 32;

    private static readonly NeighborTable NoNeighbors = new([]);

    private readonly RedirectEntry[] _entries;
    private readonly int _mask;
    private long _full;
    private NeighborTable? _neighbors;

    public RedirectTable(int capacity = DefaultCapacity)
    {
        int size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(capacity, ProbeLimit));
        _entries = new RedirectEntry[size];
        _mask = size - 1;
        for (int i = 0; i < size; i++)
        {
            _entries[i] = new RedirectEntry();
        }
    }

    /// <summary>Redirects refused because no slot was free.</summary>
    public long Full => Volatile.Read(ref _full);

    /// <summary>Where the targets are; of others than the last ones it is made anew.</summary>
    internal NeighborTable NeighborsOf(RedirectTarget[] targets)
    {
        while (targets.Length > 0)
        {
            NeighborTable? known = Volatile.Read(ref _neighbors);
            if (known is not null && known.IsOf(targets))
            {
                return known;
            }

            NeighborTable made = new(targets, known);
            if (Interlocked.CompareExchange(ref _neighbors, made, known) == known)
            {
                return made;
            }
        }

        return NoNeighbors;
    }

    internal RedirectEntry this[int index] => _entries[index];

    /// <summary>Claims a slot for the target-side tuple; -1 when there is none. The caller fills it and calls <see cref="Publish"/>.</summary>
    /// <param name="key">The flow as its client began it.</param>
    /// <param name="clientPort">The client's port as the target is to see it.</param>
    /// <param name="target">Where it goes.</param>
    /// <param name="targetPort">Its port.</param>
    /// <param name="nowUs">Now.</param>
    /// <param name="isTaken">Another flow of the client is at the target by this very tuple: it needs another port there.</param>
    internal int Claim(in FlowKey key, ushort clientPort, IpAddress target, ushort targetPort, long nowUs, out bool isTaken)
    {
        int known = Find(key.Source, clientPort, target, targetPort, key.Protocol);
        isTaken = known >= 0 && _entries[known] is var other && other.ExpiresUs >= nowUs && !other.IsOf(in key);
        if (isTaken)
        {
            return -1;
        }

        int start = Hash(key.Source, clientPort, target, targetPort, key.Protocol);
        for (int i = 0; i < ProbeLimit; i++)
        {
            int index = (start + i) & _mask;
            RedirectEntry entry = _entries[index];
            int phase = Volatile.Read(ref entry.Phase);
            bool reusable = phase == (int)RedirectPhase.Free
                || (phase != (int)RedirectPhase.Claimed && (entry.ExpiresUs < nowUs || Matches(entry, key.Source, clientPort, target, targetPort, key.Protocol)));
            if (reusable && Interlocked.CompareExchange(ref entry.Phase, (int)RedirectPhase.Claimed, phase) == phase)
            {
                return index;
            }
        }

        Interlocked.Increment(ref _full);
        return -1;
    }

    internal void Publish(int index, RedirectPhase phase) => Volatile.Write(ref _entries[index].Phase, (int)phase);

    /// <summary>The entry whose target sent a packet with this tuple; -1 when there is none.</summary>
    internal int Find(IpAddress client, ushort clientPort, IpAddress target, ushort targetPort, byte protocol)
    {
        int start = Hash(client, clientPort, target, targetPort, protocol);
        for (int i = 0; i < ProbeLimit; i++)
        {
            int index = (start + i) & _mask;
            RedirectEntry entry = _entries[index];
            if (Volatile.Read(ref entry.Phase) >= (int)RedirectPhase.Opening && Matches(entry, client, clientPort, target, targetPort, protocol))
            {
                return index;
            }
        }

        return -1;
    }

    private static bool Matches(RedirectEntry entry, IpAddress client, ushort clientPort, IpAddress target, ushort targetPort, byte protocol) =>
        entry.ClientPort == clientPort && entry.TargetPort == targetPort && entry.Key.Protocol == protocol && entry.Key.Source == client && entry.Target == target;

    private int Hash(IpAddress client, ushort clientPort, IpAddress target, ushort targetPort, byte protocol) =>
        HashCode.Combine(client, clientPort, target, targetPort, protocol) & _mask;
}
