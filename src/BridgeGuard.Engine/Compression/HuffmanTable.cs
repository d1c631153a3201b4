namespace BridgeGuard.Engine.Compression;

/// <summary>A canonical Huffman code (RFC 1951 §3.2.2): a direct table for short codes, the counting method for longer ones.</summary>
/// <remarks>Reused: <see cref="TryBuild"/> overwrites it. Bits are taken from the low end, the first bit of a code is its most significant.</remarks>
internal sealed class HuffmanTable(int symbols)
{
    public const int MaxBits = 15;

    /// <summary>Codes up to this length are found in one step; nine covers nearly all symbols of real streams.</summary>
    private const int DirectBits = 9;

    /// <summary>By the next nine bits: symbol &lt;&lt; 4 | length; 0: longer or no such code.</summary>
    private readonly ushort[] _direct = new ushort[1 << DirectBits];
    private readonly ushort[] _sorted = new ushort[symbols];
    private readonly ushort[] _count = new ushort[MaxBits + 1];

    /// <summary>Builds the code; false when the lengths over-subscribe it. Incomplete codes are allowed: unused ones decode as errors.</summary>
    public bool TryBuild(ReadOnlySpan<byte> lengths)
    {
        Array.Clear(_count);
        Array.Clear(_direct);
        foreach (byte length in lengths)
        {
            _count[length]++;
        }

        _count[0] = 0;
        int left = 1;
        for (int length = 1; length <= MaxBits; length++)
        {
            left = (left << 1) - _count[length];
            if (left < 0)
            {
                return false;
            }
        }

        Span<ushort> offsets = stackalloc ushort[MaxBits + 2];
        Span<ushort> codes = stackalloc ushort[MaxBits + 2];
        int code = 0;
        for (int length = 1; length <= MaxBits; length++)
        {
            offsets[length + 1] = (ushort)(offsets[length] + _count[length]);
            code = (code + _count[length - 1]) << 1;
            codes[length] = (ushort)code;
        }

        for (int symbol = 0; symbol < lengths.Length; symbol++)
        {
            int length = lengths[symbol];
            if (length != 0)
            {
                _sorted[offsets[length]++] = (ushort)symbol;
                FillDirect(symbol, length, codes[length]++);
            }
        }

        return true;
    }

    /// <summary>Decodes one symbol from the low bits of <paramref name="bits"/>.</summary>
    /// <returns>Symbol &lt;&lt; 4 | length; 0 when more than <paramref name="available"/> bits are needed; -1 when no code matches.</returns>
    public int Decode(ulong bits, int available)
    {
        int entry = _direct[(int)(bits & ((1 << DirectBits) - 1))];
        if (entry != 0)
        {
            return (entry & 15) <= available ? entry : 0;
        }

        int code = 0;
        int first = 0;
        int index = 0;
        for (int length = 1; length <= MaxBits; length++)
        {
            if (length > available)
            {
                return 0;
            }

            code |= (int)((bits >> (length - 1)) & 1);
            int count = _count[length];
            if (code - count < first)
            {
                return (_sorted[index + (code - first)] << 4) | length;
            }

            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }

        return -1;
    }

    private void FillDirect(int symbol, int length, int code)
    {
        if (length > DirectBits)
        {
            return;
        }

        int reversed = 0;
        for (int i = 0; i < length; i++)
        {
            reversed |= ((code >> i) & 1) << (length - 1 - i);
        }

        for (int entry = reversed; entry < _direct.Length; entry += 1 << length)
        {
            _direct[entry] = (ushort)((symbol << 4) | length);
        }
    }
}
