using System.Numerics;

namespace BridgeGuard.Engine.Policy.Behaviour;

/// <summary>About how many different values were seen, in 128 bytes: linear counting (Whang, Vander-Zanden, Taylor 1990). A value; no allocation.</summary>
/// <remarks>Bits: 1,024; up to about 500 values within some percent, beyond it the count saturates near 5,000. Deterministic.</remarks>
[System.Runtime.CompilerServices.InlineArray(Words)]
public struct DistinctCounter
{
    private const int Words = 16;
    private const int Bits = Words * 64;

    private ulong _first;

    /// <summary>Notes a value; true when its bit was new, so the count may have grown.</summary>
    public bool Add(ulong value)
    {
        int bit = BitOf(value);
        ulong mask = 1UL << (bit & 63);
        if ((this[bit >> 6] & mask) != 0)
        {
            return false;
        }

        this[bit >> 6] |= mask;
        return true;
    }

    /// <summary>The same where several threads add.</summary>
    public bool AddShared(ulong value)
    {
        int bit = BitOf(value);
        ulong mask = 1UL << (bit & 63);
        ref ulong word = ref this[bit >> 6];
        return (Volatile.Read(ref word) & mask) == 0 && (Interlocked.Or(ref word, mask) & mask) == 0;
    }

    public readonly int Estimate()
    {
        int set = 0;
        for (int i = 0; i < Words; i++)
        {
            set += BitOperations.PopCount(this[i]);
        }

        return set >= Bits ? Bits * 5 : (int)Math.Round(-Bits * Math.Log(1.0 - ((double)set / Bits)));
    }

    /// <summary>A multiplicative mix (SplitMix64's finaliser): neighbouring ports must not share bits.</summary>
    private static int BitOf(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return (int)((value ^ (value >> 31)) & (Bits - 1));
    }

    public void Clear()
    {
        for (int i = 0; i < Words; i++)
        {
            this[i] = 0;
        }
    }
}
