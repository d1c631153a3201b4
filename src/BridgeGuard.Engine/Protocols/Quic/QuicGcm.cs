using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>AES-128-GCM, opening only (NIST SP 800-38D), with a 12-byte nonce and a 16-byte tag. Takes keys again and again; allocates nothing.</summary>
internal sealed class QuicGcm
{
    public const int NonceBytes = 12;
    public const int TagBytes = 16;

    private readonly QuicAes _aes = new();

    /// <summary>Multiples of the hash key by each four-bit polynomial (Shoup's tables).</summary>
    private readonly ulong[] _high = new ulong[16];
    private readonly ulong[] _low = new ulong[16];

    /// <summary>What the four bits shifted out come back as.</summary>
    private static ReadOnlySpan<ushort> Reduction =>
    [
        0x0000, 0x1c20, 0x3840, 0x2460, 0x7080, 0x6ca0, 0x48c0, 0x54e0, 0xe100, 0xfd20, 0xd940, 0xc560, 0x9180, 0x8da0, 0xa9c0, 0xb5e0,
    ];

    public void SetKey(ReadOnlySpan<byte> key)
    {
        _aes.SetKey(key);
        Span<byte> hashKey = stackalloc byte[QuicAes.BlockBytes];
        hashKey.Clear();
        _aes.Encrypt(hashKey, hashKey);
        ulong high = BinaryPrimitives.ReadUInt64BigEndian(hashKey);
        ulong low = BinaryPrimitives.ReadUInt64BigEndian(hashKey[8..]);
        _high[0] = _low[0] = 0;
        _high[8] = high;
        _low[8] = low;
        for (int i = 4; i > 0; i >>= 1)
        {
            ulong carry = (low & 1) * 0xe1;
            low = (high << 63) | (low >> 1);
            high = (high >> 1) ^ (carry << 56);
            _high[i] = high;
            _low[i] = low;
        }

        for (int i = 2; i <= 8; i *= 2)
        {
            for (int j = 1; j < i; j++)
            {
                _high[i + j] = _high[i] ^ _high[j];
                _low[i + j] = _low[i] ^ _low[j];
            }
        }
    }

    /// <summary>Decrypts and checks.</summary>
    /// <param name="nonce"><see cref="NonceBytes"/> bytes.</param>
    /// <param name="associated">Bytes that are checked, not encrypted.</param>
    /// <param name="sealedText">Encrypted text and tag.</param>
    /// <param name="output">Room for the text; what is there after a failure means nothing.</param>
    /// <returns>False when the tag does not fit or there is none.</returns>
    public bool TryOpen(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> sealedText, Span<byte> output)
    {
        if (sealedText.Length < TagBytes)
        {
            return false;
        }

        ReadOnlySpan<byte> text = sealedText[..^TagBytes];
        Span<byte> counter = stackalloc byte[QuicAes.BlockBytes];
        Span<byte> pad = stackalloc byte[QuicAes.BlockBytes];
        nonce[..NonceBytes].CopyTo(counter);
        BinaryPrimitives.WriteUInt32BigEndian(counter[NonceBytes..], 1);
        _aes.Encrypt(counter, pad);
        if (!IsTag(associated, text, pad, sealedText[^TagBytes..]))
        {
            return false;
        }

        for (int at = 0; at < text.Length; at += QuicAes.BlockBytes)
        {
            BinaryPrimitives.WriteUInt32BigEndian(counter[NonceBytes..], (uint)(2 + (at / QuicAes.BlockBytes)));
            _aes.Encrypt(counter, pad);
            int length = Math.Min(QuicAes.BlockBytes, text.Length - at);
            for (int i = 0; i < length; i++)
            {
                output[at + i] = (byte)(text[at + i] ^ pad[i]);
            }
        }

        return true;
    }

    private bool IsTag(ReadOnlySpan<byte> associated, ReadOnlySpan<byte> text, ReadOnlySpan<byte> pad, ReadOnlySpan<byte> tag)
    {
        ulong high = 0;
        ulong low = 0;
        Absorb(associated, ref high, ref low);
        Absorb(text, ref high, ref low);
        high ^= (ulong)associated.Length * 8;
        low ^= (ulong)text.Length * 8;
        Multiply(ref high, ref low);
        return (high ^ BinaryPrimitives.ReadUInt64BigEndian(pad)) == BinaryPrimitives.ReadUInt64BigEndian(tag)
            && (low ^ BinaryPrimitives.ReadUInt64BigEndian(pad[8..])) == BinaryPrimitives.ReadUInt64BigEndian(tag[8..]);
    }

    private void Absorb(ReadOnlySpan<byte> bytes, ref ulong high, ref ulong low)
    {
        Span<byte> last = stackalloc byte[QuicAes.BlockBytes];
        for (; bytes.Length >= QuicAes.BlockBytes; bytes = bytes[QuicAes.BlockBytes..])
        {
            high ^= BinaryPrimitives.ReadUInt64BigEndian(bytes);
            low ^= BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
            Multiply(ref high, ref low);
        }

        if (!bytes.IsEmpty)
        {
            last.Clear();
            bytes.CopyTo(last);
            high ^= BinaryPrimitives.ReadUInt64BigEndian(last);
            low ^= BinaryPrimitives.ReadUInt64BigEndian(last[8..]);
            Multiply(ref high, ref low);
        }
    }

    /// <summary>Times the hash key in GF(2^128), four bits at a time from the end.</summary>
    private void Multiply(ref ulong high, ref ulong low)
    {
        ulong h = 0;
        ulong l = 0;
        for (int i = 0; i < 32; i++)
        {
            if (i > 0)
            {
                int lost = (int)(l & 15);
                l = (h << 60) | (l >> 4);
                h = (h >> 4) ^ ((ulong)Reduction[lost] << 48);
            }

            int nibble = (int)((i < 16 ? low >> (4 * i) : high >> (4 * (i - 16))) & 15);
            h ^= _high[nibble];
            l ^= _low[nibble];
        }

        high = h;
        low = l;
    }
}
