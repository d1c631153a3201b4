namespace BridgeGuard.Engine.Compression;

/// <summary>What a symbol says: a byte, or a match of so many bytes at the model's latest distance.</summary>
/// <param name="Literal">The byte, when there is no match.</param>
/// <param name="Length">Bytes of the match, at least 1; 0: a literal.</param>
internal readonly record struct LzmaSymbol(byte Literal, int Length);

/// <summary>The state of an LZMA stream (LZMA specification by I. Pavlov, in the public domain): properties, latest distances, and where its probabilities lie.</summary>
/// <remarks>A value: a symbol that turns out to be unfinished leaves the one before it as it was.</remarks>
internal struct LzmaModel
{
    /// <summary>Tables of the properties that encoders use (lc + lp of at most 4): allowed whatever the memory limit.</summary>
    public const long UsualBytes = sizeof(ushort) * (LiteralAt + (LiteralProbabilities << 4));

    private const int MaxProperties = 9 * 5 * 5;
    private const int States = 12;
    private const int MaxPositions = 16;
    private const int MinMatch = 2;

    /// <summary>From here on the last symbol was a match.</summary>
    private const byte FirstMatchState = 7;

    private const int IsMatchAt = 0;
    private const int IsRepAt = IsMatchAt + (States * MaxPositions);
    private const int IsRep0At = IsRepAt + States;
    private const int IsRep1At = IsRep0At + States;
    private const int IsRep2At = IsRep1At + States;
    private const int IsLongRep0At = IsRep2At + States;
    private const int SlotAt = IsLongRep0At + (States * MaxPositions);
    private const int SlotBits = 6;
    private const int LengthKinds = 4;
    private const int SpecialAt = SlotAt + (LengthKinds << SlotBits);
    private const int SpecialCount = 1 + 128 - FirstAlignedSlot;
    private const int FirstAlignedSlot = 14;
    private const int AlignAt = SpecialAt + SpecialCount;
    private const int AlignBits = 4;
    private const int LengthAt = AlignAt + (1 << AlignBits);

    /// <summary>Two choices, 16 tables of 8 low and of 8 middle lengths, 256 high ones.</summary>
    private const int LengthCount = 2 + (MaxPositions * 8 * 2) + 256;
    private const int RepLengthAt = LengthAt + LengthCount;
    private const int LiteralAt = RepLengthAt + LengthCount;
    private const int LiteralProbabilities = 0x300;
    private const ushort Even = 1 << 10;

    private byte _literalContext;
    private uint _literalMask;
    private uint _positionMask;
    private byte _state;
    private uint _rep1;
    private uint _rep2;
    private uint _rep3;

    /// <summary>Distance of the last match, less one.</summary>
    public uint Rep0 { get; private set; }

    /// <summary>Probabilities of this model.</summary>
    public int Count { get; private set; }

    /// <summary>Reads the properties byte; false when it is out of range.</summary>
    public static bool TryCreate(byte properties, out LzmaModel model)
    {
        model = default;
        if (properties >= MaxProperties)
        {
            return false;
        }

        int literalPosition = properties / 9 % 5;
        model._literalContext = (byte)(properties % 9);
        model._literalMask = (1u << literalPosition) - 1;
        model._positionMask = (1u << (properties / 45)) - 1;
        model.Count = LiteralAt + (LiteralProbabilities << (model._literalContext + literalPosition));
        return true;
    }

    /// <summary>All are even at first.</summary>
    public static void Fill(Span<ushort> probabilities) => probabilities.Fill(Even);

    /// <summary>Reads one symbol.</summary>
    /// <param name="coder">The bits.</param>
    /// <param name="produced">Bytes before it.</param>
    /// <param name="last">The byte before it.</param>
    /// <param name="match">The byte at the latest distance.</param>
    public LzmaSymbol Read(ref LzmaRangeCoder coder, ulong produced, byte last, byte match)
    {
        int position = (int)((uint)produced & _positionMask);
        if (coder.Bit(IsMatchAt + (_state * MaxPositions) + position) == 0)
        {
            return ReadLiteral(ref coder, produced, last, match);
        }

        bool afterMatch = _state >= FirstMatchState;
        if (coder.Bit(IsRepAt + _state) == 0)
        {
            (_rep3, _rep2, _rep1) = (_rep2, _rep1, Rep0);
            uint length = ReadLength(ref coder, LengthAt, position);
            Rep0 = ReadDistance(ref coder, length);
            _state = (byte)(afterMatch ? 10 : 7);
            return Match(length);
        }

        if (coder.Bit(IsRep0At + _state) == 0)
        {
            if (coder.Bit(IsLongRep0At + (_state * MaxPositions) + position) == 0)
            {
                _state = (byte)(afterMatch ? 11 : 9);
                return new LzmaSymbol(0, 1);
            }
        }
        else
        {
            TakeEarlierDistance(ref coder);
        }

        uint repeated = ReadLength(ref coder, RepLengthAt, position);
        _state = (byte)(afterMatch ? 11 : 8);
        return Match(repeated);
    }

    private static LzmaSymbol Match(uint length) => new(0, (int)length + MinMatch);

    private void TakeEarlierDistance(ref LzmaRangeCoder coder)
    {
        uint distance = _rep1;
        if (coder.Bit(IsRep1At + _state) != 0)
        {
            distance = _rep2;
            if (coder.Bit(IsRep2At + _state) != 0)
            {
                distance = _rep3;
                _rep3 = _rep2;
            }

            _rep2 = _rep1;
        }

        _rep1 = Rep0;
        Rep0 = distance;
    }

    private LzmaSymbol ReadLiteral(ref LzmaRangeCoder coder, ulong produced, byte last, byte match)
    {
        uint context = (((uint)produced & _literalMask) << _literalContext) + ((uint)last >> (8 - _literalContext));
        int at = LiteralAt + (LiteralProbabilities * (int)context);
        uint symbol = 1;
        if (_state >= FirstMatchState)
        {
            // What follows a match differs from what followed its original: as long as the bits agree, that bit is part of the context.
            uint original = match;
            while (symbol < 0x100)
            {
                uint expected = (original >> 7) & 1;
                original <<= 1;
                uint bit = coder.Bit(at + (int)((1 + expected) << 8) + (int)symbol);
                symbol = (symbol << 1) | bit;
                if (bit != expected)
                {
                    break;
                }
            }
        }

        while (symbol < 0x100)
        {
            symbol = (symbol << 1) | coder.Bit(at + (int)symbol);
        }

        _state = (byte)(_state < 4 ? 0 : _state < 10 ? _state - 3 : _state - 6);
        return new LzmaSymbol((byte)symbol, 0);
    }

    private static uint ReadLength(ref LzmaRangeCoder coder, int at, int position)
    {
        int low = at + 2;
        int middle = low + (MaxPositions * 8);
        int high = middle + (MaxPositions * 8);
        return coder.Bit(at) == 0 ? coder.Tree(low + (position * 8), 3)
            : coder.Bit(at + 1) == 0 ? 8 + coder.Tree(middle + (position * 8), 3)
            : 16 + coder.Tree(high, 8);
    }

    private static uint ReadDistance(ref LzmaRangeCoder coder, uint length)
    {
        uint slot = coder.Tree(SlotAt + (int)(Math.Min(length, LengthKinds - 1) << SlotBits), SlotBits);
        if (slot < 4)
        {
            return slot;
        }

        int bits = (int)(slot >> 1) - 1;
        uint distance = (2 | (slot & 1)) << bits;
        return slot < FirstAlignedSlot
            ? distance + coder.ReverseTree(SpecialAt + (int)(distance - slot), bits)
            : distance + (coder.Direct(bits - AlignBits) << AlignBits) + coder.ReverseTree(AlignAt, AlignBits);
    }
}
