namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary>How decompression ended.</summary>
internal enum InflateStatus : byte
{
    /// <summary>The last block ended.</summary>
    Done,

    /// <summary>The input ended before.</summary>
    Truncated,

    /// <summary>The output is full.</summary>
    Full,

    /// <summary>The input is not deflate.</summary>
    Damaged,
}

/// <summary>Decompresses deflate (RFC 1951) from one span into another, with no allocation after construction.</summary>
/// <remarks>
/// Owner: one <see cref="TransformScratch"/>. For buffers that are whole; streams of HTTP bodies have their own decoder. Work is
/// bounded by input plus output: each step consumes a bit or writes a byte.
/// </remarks>
internal sealed class Inflater
{
    private const int MaxCodeBits = 15;
    private const int EndOfBlock = 256;

    private readonly Huffman _literals = new(288);
    private readonly Huffman _distances = new(32);
    private readonly byte[] _lengths = new byte[288 + 32];

    // RFC 1951 §3.2.5.
    private static ReadOnlySpan<ushort> LengthBase =>
        [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];

    private static ReadOnlySpan<byte> LengthExtra =>
        [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

    private static ReadOnlySpan<ushort> DistanceBase =>
        [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];

    private static ReadOnlySpan<byte> DistanceExtra =>
        [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];

    // RFC 1951 §3.2.7.
    private static ReadOnlySpan<byte> CodeLengthOrder => [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

    /// <summary>Decompresses until the stream or one of the spans ends.</summary>
    /// <param name="input">Deflate blocks, perhaps with more behind them.</param>
    /// <param name="output">Receives the bytes; also the window for references.</param>
    /// <param name="consumed">Whole bytes of input used.</param>
    /// <param name="written">Bytes put out, also when the input is damaged.</param>
    public InflateStatus Inflate(ReadOnlySpan<byte> input, Span<byte> output, out int consumed, out int written)
    {
        var bits = new BitReader(input);
        written = 0;
        InflateStatus status;
        bool last;
        do
        {
            last = bits.Read(1) == 1;
            int type = bits.Read(2);
            status = bits.IsPastEnd ? InflateStatus.Truncated : type switch
            {
                0 => CopyStored(ref bits, output, ref written),
                1 => InflateFixed(ref bits, output, ref written),
                2 => InflateDynamic(ref bits, output, ref written),
                _ => InflateStatus.Damaged,
            };
        }
        while (!last && status == InflateStatus.Done);
        consumed = bits.ConsumedBytes;
        return status;
    }

    private static InflateStatus CopyStored(ref BitReader bits, Span<byte> output, ref int written)
    {
        bits.AlignToByte();
        int length = bits.Read(16);
        int check = bits.Read(16);
        if (bits.IsPastEnd)
        {
            return InflateStatus.Truncated;
        }
        if ((length ^ check) != 0xFFFF)
        {
            return InflateStatus.Damaged;
        }
        ReadOnlySpan<byte> stored = bits.Take(length);
        int copied = Math.Min(stored.Length, output.Length - written);
        stored[..copied].CopyTo(output[written..]);
        written += copied;
        return copied < stored.Length ? InflateStatus.Full : stored.Length < length ? InflateStatus.Truncated : InflateStatus.Done;
    }

    private InflateStatus InflateFixed(ref BitReader bits, Span<byte> output, ref int written)
    {
        Span<byte> lengths = _lengths;
        lengths[..144].Fill(8);
        lengths[144..256].Fill(9);
        lengths[256..280].Fill(7);
        lengths[280..288].Fill(8);
        _ = _literals.TryBuild(lengths[..288], allowIncomplete: true);
        lengths[..30].Fill(5);
        _ = _distances.TryBuild(lengths[..30], allowIncomplete: true);
        return InflateCodes(ref bits, output, ref written);
    }

    private InflateStatus InflateDynamic(ref BitReader bits, Span<byte> output, ref int written)
    {
        int literalCount = bits.Read(5) + 257;
        int distanceCount = bits.Read(5) + 1;
        int codeCount = bits.Read(4) + 4;
        if (literalCount > 286 || distanceCount > 30)
        {
            return bits.IsPastEnd ? InflateStatus.Truncated : InflateStatus.Damaged;
        }
        Span<byte> lengths = _lengths;
        lengths[..19].Clear();
        for (int i = 0; i < codeCount; i++)
        {
            lengths[CodeLengthOrder[i]] = (byte)bits.Read(3);
        }
        if (bits.IsPastEnd)
        {
            return InflateStatus.Truncated;
        }
        if (!_literals.TryBuild(lengths[..19], allowIncomplete: false))
        {
            return InflateStatus.Damaged;
        }
        InflateStatus status = ReadLengths(ref bits, lengths[..(literalCount + distanceCount)]);
        if (status != InflateStatus.Done)
        {
            return status;
        }
        if (lengths[EndOfBlock] == 0
            || !_literals.TryBuild(lengths[..literalCount], allowIncomplete: false)
            || !_distances.TryBuild(lengths.Slice(literalCount, distanceCount), allowIncomplete: false))
        {
            return InflateStatus.Damaged;
        }
        return InflateCodes(ref bits, output, ref written);
    }

    private InflateStatus ReadLengths(ref BitReader bits, Span<byte> lengths)
    {
        int index = 0;
        while (index < lengths.Length)
        {
            int symbol = _literals.Decode(ref bits);
            if (symbol < 0 || bits.IsPastEnd)
            {
                return bits.IsPastEnd ? InflateStatus.Truncated : InflateStatus.Damaged;
            }
            if (symbol < 16)
            {
                lengths[index++] = (byte)symbol;
                continue;
            }
            if (symbol == 16 && index == 0)
            {
                return InflateStatus.Damaged;
            }
            byte value = symbol == 16 ? lengths[index - 1] : (byte)0;
            int repeat = symbol switch { 16 => 3 + bits.Read(2), 17 => 3 + bits.Read(3), _ => 11 + bits.Read(7) };
            if (repeat > lengths.Length - index)
            {
                return bits.IsPastEnd ? InflateStatus.Truncated : InflateStatus.Damaged;
            }
            lengths.Slice(index, repeat).Fill(value);
            index += repeat;
        }
        return bits.IsPastEnd ? InflateStatus.Truncated : InflateStatus.Done;
    }

    private InflateStatus InflateCodes(ref BitReader bits, Span<byte> output, ref int written)
    {
        while (true)
        {
            int symbol = _literals.Decode(ref bits);
            if (bits.IsPastEnd)
            {
                return InflateStatus.Truncated;
            }
            if (symbol == EndOfBlock)
            {
                return InflateStatus.Done;
            }
            if (symbol is < 0 or > 285)
            {
                return InflateStatus.Damaged;
            }
            if (symbol < EndOfBlock)
            {
                if (written == output.Length)
                {
                    return InflateStatus.Full;
                }
                output[written++] = (byte)symbol;
                continue;
            }
            InflateStatus status = CopyReference(ref bits, symbol - 257, output, ref written);
            if (status != InflateStatus.Done)
            {
                return status;
            }
        }
    }

    private InflateStatus CopyReference(ref BitReader bits, int code, Span<byte> output, ref int written)
    {
        int length = LengthBase[code] + bits.Read(LengthExtra[code]);
        int symbol = _distances.Decode(ref bits);
        if (bits.IsPastEnd)
        {
            return InflateStatus.Truncated;
        }
        if (symbol is < 0 or > 29)
        {
            return InflateStatus.Damaged;
        }
        int distance = DistanceBase[symbol] + bits.Read(DistanceExtra[symbol]);
        if (bits.IsPastEnd)
        {
            return InflateStatus.Truncated;
        }
        if (distance > written)
        {
            return InflateStatus.Damaged;
        }
        int end = Math.Min(output.Length, written + length);
        bool full = end < written + length;
        for (; written < end; written++)
        {
            output[written] = output[written - distance]; // Byte by byte: source and goal may overlap, and then repeat.
        }
        return full ? InflateStatus.Full : InflateStatus.Done;
    }

    /// <summary>A canonical Huffman code (RFC 1951 §3.2.2): symbols in order of code, and how many codes each length has.</summary>
    private sealed class Huffman(int symbols)
    {
        private readonly ushort[] _symbols = new ushort[symbols];
        private readonly ushort[] _counts = new ushort[MaxCodeBits + 1];

        /// <summary>False for a set of lengths that is over-subscribed, or incomplete with more than one code.</summary>
        public bool TryBuild(ReadOnlySpan<byte> lengths, bool allowIncomplete)
        {
            Span<ushort> counts = _counts;
            counts.Clear();
            foreach (byte length in lengths)
            {
                counts[length]++;
            }
            int used = lengths.Length - counts[0];
            counts[0] = 0;
            int left = 1;
            Span<ushort> next = stackalloc ushort[MaxCodeBits + 2];
            next.Clear();
            for (int bits = 1; bits <= MaxCodeBits; bits++)
            {
                left = (left << 1) - counts[bits];
                if (left < 0)
                {
                    return false;
                }
                next[bits + 1] = (ushort)(next[bits] + counts[bits]);
            }
            for (int symbol = 0; symbol < lengths.Length; symbol++)
            {
                if (lengths[symbol] != 0)
                {
                    _symbols[next[lengths[symbol]]++] = (ushort)symbol;
                }
            }
            return left == 0 || allowIncomplete || used <= 1;
        }

        /// <summary>The next symbol, or -1 for bits that are no code.</summary>
        public int Decode(ref BitReader bits)
        {
            int code = 0;
            int first = 0;
            int index = 0;
            for (int length = 1; length <= MaxCodeBits; length++)
            {
                code |= bits.Read(1);
                int count = _counts[length];
                if (code - count < first)
                {
                    return _symbols[index + (code - first)];
                }
                index += count;
                first = (first + count) << 1;
                code <<= 1;
            }
            return -1;
        }
    }

    /// <summary>Bits of a span, lowest first. Behind the end come zeros, and <see cref="IsPastEnd"/> tells.</summary>
    private ref struct BitReader(ReadOnlySpan<byte> input)
    {
        private readonly ReadOnlySpan<byte> _input = input;
        private long _bit = 0;

        public readonly bool IsPastEnd => _bit > _input.Length * 8L;

        public readonly int ConsumedBytes => (int)Math.Min(_input.Length, (_bit + 7) >> 3);

        /// <summary>0 to 16 bits.</summary>
        public int Read(int count)
        {
            int value = 0;
            for (int i = 0; i < count; i++, _bit++)
            {
                int index = (int)(_bit >> 3);
                int bit = (uint)index < (uint)_input.Length ? (_input[index] >> (int)(_bit & 7)) & 1 : 0;
                value |= bit << i;
            }
            return value;
        }

        public void AlignToByte() => _bit = (_bit + 7) & ~7L;

        /// <summary>Whole bytes, fewer when the input ends. Only when aligned.</summary>
        public ReadOnlySpan<byte> Take(int count)
        {
            int start = (int)(_bit >> 3);
            ReadOnlySpan<byte> taken = _input.Slice(start, Math.Min(count, _input.Length - start));
            _bit += 8L * taken.Length;
            return taken;
        }
    }
}
