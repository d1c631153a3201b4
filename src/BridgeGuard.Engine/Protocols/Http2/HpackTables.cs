using System.Text;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>The static table and the Huffman decoder of HPACK (RFC 7541 appendices A and B, §5.2).</summary>
/// <remarks>
/// The code is canonical: within a length, codes rise with the symbol. So its lengths are all that need be written down. Codes up to
/// <see cref="QuickBits"/> bits, which is nearly all text, are found by one look-up; longer ones by comparing with the first code of each length.
/// </remarks>
internal static partial class HpackTables
{
    /// <summary>Entries of the static table; dynamic entries are numbered from one more.</summary>
    public const int StaticCount = 61;

    private const int QuickBits = 9;
    private const int MaxBits = 30;
    private const int EndOfString = 256;

    private static readonly byte[][] Names = new byte[StaticCount][];
    private static readonly byte[][] Values = new byte[StaticCount][];

    /// <summary>By the next <see cref="QuickBits"/> bits: symbol and, above bit 12, the length of its code; 0: longer.</summary>
    private static readonly ushort[] Quick = new ushort[1 << QuickBits];

    /// <summary>By length: the first code, left-aligned in 32 bits; where its symbols begin in <see cref="Symbols"/>; one above the last code.</summary>
    private static readonly uint[] FirstCode = new uint[MaxBits + 1];
    private static readonly int[] FirstSymbol = new int[MaxBits + 1];
    private static readonly ulong[] CodeEnd = new ulong[MaxBits + 1];
    private static readonly ushort[] Symbols = new ushort[CodeLengths.Length];

    static HpackTables()
    {
        for (int i = 0; i < StaticCount; i++)
        {
            Names[i] = Encoding.ASCII.GetBytes(StaticEntries[i].Name);
            Values[i] = Encoding.ASCII.GetBytes(StaticEntries[i].Value);
        }

        uint code = 0;
        int at = 0;
        for (int length = 1; length <= MaxBits; length++)
        {
            code <<= 1;
            FirstCode[length] = code << (32 - length);
            FirstSymbol[length] = at;
            for (int symbol = 0; symbol < CodeLengths.Length; symbol++)
            {
                if (CodeLengths[symbol] != length)
                {
                    continue;
                }

                Symbols[at++] = (ushort)symbol;
                if (length <= QuickBits)
                {
                    Quick.AsSpan((int)code << (QuickBits - length), 1 << (QuickBits - length)).Fill((ushort)(symbol | (length << 12)));
                }

                code++;
            }

            CodeEnd[length] = (ulong)code << (32 - length);
        }
    }

    /// <param name="index">From 1 to <see cref="StaticCount"/>.</param>
    public static ReadOnlySpan<byte> StaticName(int index) => Names[index - 1];

    /// <inheritdoc cref="StaticName"/>
    public static ReadOnlySpan<byte> StaticValue(int index) => Values[index - 1];

    /// <summary>Bytes that decoding <paramref name="encoded"/> bytes can give at most: the shortest code has five bits.</summary>
    public static int MaxDecodedBytes(int encoded) => (encoded * 8 / 5) + 1;

    /// <summary>Decodes a string.</summary>
    /// <param name="input">The whole encoded string.</param>
    /// <param name="output">At least <see cref="MaxDecodedBytes"/> of it.</param>
    /// <param name="length">Bytes decoded, also when the string is wrong somewhere.</param>
    /// <returns>False when it holds the end-of-string code or does not end with padding of ones shorter than a byte.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> input, Span<byte> output, out int length)
    {
        length = 0;
        ulong bits = 0;
        int available = 0;
        int at = 0;
        while (true)
        {
            while (available <= 32 && at < input.Length)
            {
                bits |= (ulong)input[at++] << (56 - available);
                available += 8;
            }

            if (available == 0)
            {
                return true;
            }

            ushort quick = Quick[bits >> (64 - QuickBits)];
            int size = quick >> 12;
            int symbol = quick & 0xfff;
            if (size == 0)
            {
                size = LongCode((uint)(bits >> 32), out symbol);
            }

            if (size > available)
            {
                // Only the padding is left: the beginning of the end-of-string code.
                return available < 8 && bits >> (64 - available) == (1UL << available) - 1;
            }

            if (symbol == EndOfString)
            {
                return false;
            }

            output[length++] = (byte)symbol;
            bits <<= size;
            available -= size;
        }
    }

    private static int LongCode(uint bits, out int symbol)
    {
        for (int size = QuickBits + 1; size <= MaxBits; size++)
        {
            if (bits < CodeEnd[size])
            {
                symbol = Symbols[FirstSymbol[size] + (int)((bits - FirstCode[size]) >> (32 - size))];
                return size;
            }
        }

        symbol = EndOfString;
        return MaxBits;
    }
}
