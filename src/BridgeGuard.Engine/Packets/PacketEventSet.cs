using System.Runtime.CompilerServices;

namespace BridgeGuard.Engine.Packets;

/// <summary>The decoder and stream events of one packet: a set of <see cref="PacketEvent"/> and the list in the order met.</summary>
/// <remarks>
/// Rules ask the set. Anomaly records and counters go through the list, in which an event stands as often as it was met (two bad options
/// are two records), up to <see cref="MaxListed"/>.
/// </remarks>
public struct PacketEventSet
{
    /// <summary>Longest list; what Suricata keeps per packet. Later events are in the set only.</summary>
    public const int MaxListed = 15;

    private Words _words;
    private Listed _listed;
    private byte _count;

    /// <summary>Entries of the list, at most <see cref="MaxListed"/>.</summary>
    public readonly int Count => _count;

    /// <summary>The event at <paramref name="index"/> (below <see cref="Count"/>) in the order met.</summary>
    public readonly PacketEvent this[int index] => (PacketEvent)_listed[index];

    public readonly bool IsEmpty => _count == 0;

    public void Add(PacketEvent packetEvent)
    {
        _words[(int)packetEvent >> 6] |= 1UL << ((int)packetEvent & 63);
        if (_count < MaxListed)
        {
            _listed[_count++] = (ushort)packetEvent;
        }
    }

    public readonly bool Contains(PacketEvent packetEvent) => (_words[(int)packetEvent >> 6] & (1UL << ((int)packetEvent & 63))) != 0;

    /// <summary>The lowest event above <paramref name="after"/> (pass -1 to start); false at the end.</summary>
    public readonly bool TryGetNext(int after, out PacketEvent packetEvent)
    {
        for (int bit = after + 1; bit < 384; bit++)
        {
            ulong word = _words[bit >> 6] >> (bit & 63);
            if (word == 0)
            {
                bit |= 63;
                continue;
            }

            packetEvent = (PacketEvent)(bit + System.Numerics.BitOperations.TrailingZeroCount(word));
            return true;
        }

        packetEvent = default;
        return false;
    }

    public void Clear()
    {
        if (_count != 0)
        {
            _words = default;
            _count = 0;
        }
    }

    public void Union(in PacketEventSet other)
    {
        for (int i = 0; i < 6; i++)
        {
            _words[i] |= other._words[i];
        }

        for (int i = 0; i < other._count && _count < MaxListed; i++)
        {
            _listed[_count++] = other._listed[i];
        }
    }

    [InlineArray(6)]
    private struct Words
    {
        private ulong _first;
    }

    [InlineArray(MaxListed)]
    private struct Listed
    {
        private ushort _first;
    }
}
