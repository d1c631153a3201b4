using System.Runtime.CompilerServices;

namespace BridgeGuard.Engine.Compression;

/// <summary>The range decoder of LZMA over one piece of input, for one symbol.</summary>
/// <remarks>
/// Reads a byte only when the next bit needs it, so that a symbol is known as early as can be. When the bytes end it is starved: what it says from then on means
/// nothing, and <see cref="Undo"/> puts the probabilities back.
/// </remarks>
internal ref struct LzmaRangeCoder
{
    private const int ModelBits = 11;
    private const int MoveBits = 5;
    private const uint Top = 1u << 24;

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly Span<ushort> _probabilities;
    private readonly bool _mayStarve;
    private ChangeLog _changes;
    private int _changeCount;

    /// <param name="bytes">The input from the symbol's first byte.</param>
    /// <param name="probabilities">The model's.</param>
    /// <param name="range">As the last symbol left it.</param>
    /// <param name="code">The same.</param>
    /// <param name="mayStarve">The bytes may not be enough: changes are noted.</param>
    public LzmaRangeCoder(ReadOnlySpan<byte> bytes, Span<ushort> probabilities, uint range, uint code, bool mayStarve)
    {
        _bytes = bytes;
        _probabilities = probabilities;
        _mayStarve = mayStarve;
        Range = range;
        Code = code;
    }

    public uint Range { get; private set; }

    public uint Code { get; private set; }

    /// <summary>Bytes taken.</summary>
    public int Position { get; private set; }

    public bool IsStarved { get; private set; }

    /// <summary>One bit with the probability at <paramref name="at"/>, which learns from it.</summary>
    public uint Bit(int at)
    {
        if (!TryNormalize())
        {
            return 0;
        }

        ref ushort probability = ref _probabilities[at];
        if (_mayStarve)
        {
            _changes[_changeCount++] = (at, probability);
        }

        uint bound = (Range >> ModelBits) * probability;
        if (Code < bound)
        {
            Range = bound;
            probability += (ushort)(((1 << ModelBits) - probability) >> MoveBits);
            return 0;
        }

        Range -= bound;
        Code -= bound;
        probability -= (ushort)(probability >> MoveBits);
        return 1;
    }

    /// <summary>Bits that are equally likely, the highest first.</summary>
    public uint Direct(int count)
    {
        uint value = 0;
        while (count-- > 0 && TryNormalize())
        {
            Range >>= 1;
            Code -= Range;
            uint isZero = 0 - (Code >> 31);
            Code += Range & isZero;
            value = (value << 1) + isZero + 1;
        }

        return value;
    }

    /// <summary>A number of <paramref name="bits"/> bits, the highest first, with a probability for each prefix.</summary>
    public uint Tree(int at, int bits)
    {
        uint value = 1;
        for (int i = 0; i < bits; i++)
        {
            value = (value << 1) | Bit(at + (int)value);
        }

        return value - (1u << bits);
    }

    /// <summary>The same, the lowest first.</summary>
    public uint ReverseTree(int at, int bits)
    {
        uint node = 1;
        uint value = 0;
        for (int i = 0; i < bits; i++)
        {
            uint bit = Bit(at + (int)node);
            node = (node << 1) | bit;
            value |= bit << i;
        }

        return value;
    }

    /// <summary>Puts back what was changed.</summary>
    public void Undo()
    {
        while (_changeCount > 0)
        {
            (int at, ushort before) = _changes[--_changeCount];
            _probabilities[at] = before;
        }
    }

    private bool TryNormalize()
    {
        if (Range >= Top)
        {
            return !IsStarved;
        }

        if (IsStarved || Position == _bytes.Length)
        {
            IsStarved = true;
            return false;
        }

        Range <<= 8;
        Code = (Code << 8) | _bytes[Position++];
        return true;
    }

    /// <summary>The most that one symbol changes is 23: two flags, a length of ten bits, a slot of six, five bits of a distance.</summary>
    [InlineArray(24)]
    private struct ChangeLog
    {
        private (int At, ushort Before) _first;
    }
}
