using System.Runtime.CompilerServices;

namespace BridgeGuard.Engine.Packets;

/// <summary>The decoder and stream events of one packet, as a set of <see cref="PacketEvent"/>.</summary>
public struct PacketEventSet
{
    private Words _words;

    public readonly bool IsEmpty => (_words[0] | _words[1] | _words[2] | _words[3] | _words[4] | _words[5]) == 0;

    public void Add(PacketEvent packetEvent) => _words[(int)packetEvent >> 6] |= 1UL << ((int)packetEvent & 63);

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

    public void Clear() => _words = default;

    public void Union(in PacketEventSet other)
    {
        for (int i = 0; i < 6; i++)
        {
            _words[i] |= other._words[i];
        }
    }

    [InlineArray(6)]
    private struct Words
    {
        private ulong _first;
    }
}
