using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>AES-128 in the forward direction (FIPS 197), which is all that counter mode and header protection need.</summary>
/// <remarks>
/// Ours because the platform's ciphers cannot be given another key without making new native objects, and each QUIC flow brings keys. Those keys
/// are no secret (RFC 9001 §5.2: they follow from a connection id in the clear), so nothing rests on how long an encryption takes.
/// </remarks>
internal sealed partial class QuicAes
{
    public const int BlockBytes = 16;
    public const int KeyBytes = 16;
    private const int Rounds = 10;

    private static readonly byte[] SBox = BuildSBox();

    private readonly byte[] _schedule = new byte[BlockBytes * (Rounds + 1)];

    /// <summary>Expands a key (FIPS 197 §5.2).</summary>
    public void SetKey(ReadOnlySpan<byte> key)
    {
        key[..KeyBytes].CopyTo(_schedule);
        byte rcon = 1;
        for (int at = KeyBytes; at < _schedule.Length; at += 4)
        {
            uint word = BinaryPrimitives.ReadUInt32BigEndian(_schedule.AsSpan(at - 4));
            if (at % KeyBytes == 0)
            {
                word = (word << 8) | (word >> 24);
                word = ((uint)SBox[word >> 24] << 24) | ((uint)SBox[(byte)(word >> 16)] << 16) | ((uint)SBox[(byte)(word >> 8)] << 8) | SBox[(byte)word];
                word ^= (uint)rcon << 24;
                rcon = Double(rcon);
            }

            BinaryPrimitives.WriteUInt32BigEndian(_schedule.AsSpan(at), word ^ BinaryPrimitives.ReadUInt32BigEndian(_schedule.AsSpan(at - KeyBytes)));
        }
    }

    /// <summary>Encrypts one block; input and output may be the same.</summary>
    public void Encrypt(ReadOnlySpan<byte> block, Span<byte> output)
    {
        if (IsAccelerated)
        {
            EncryptAccelerated(block, output);
        }
        else
        {
            EncryptPlain(block, output);
        }
    }

    /// <summary>The same without special instructions.</summary>
    internal void EncryptPlain(ReadOnlySpan<byte> block, Span<byte> output)
    {
        Span<byte> state = stackalloc byte[BlockBytes];
        Span<byte> next = stackalloc byte[BlockBytes];
        for (int i = 0; i < BlockBytes; i++)
        {
            state[i] = (byte)(block[i] ^ _schedule[i]);
        }

        for (int round = 1; round <= Rounds; round++)
        {
            for (int i = 0; i < BlockBytes; i++)
            {
                // Bytes are in columns; row r moves r columns to the left.
                next[i] = SBox[state[(i + (4 * (i & 3))) & 15]];
            }

            ReadOnlySpan<byte> key = _schedule.AsSpan(round * BlockBytes, BlockBytes);
            for (int column = 0; column < BlockBytes; column += 4)
            {
                (byte a, byte b, byte c, byte d) = (next[column], next[column + 1], next[column + 2], next[column + 3]);
                if (round < Rounds)
                {
                    byte all = (byte)(a ^ b ^ c ^ d);
                    (a, b, c, d) = (
                        (byte)(a ^ all ^ Double((byte)(a ^ b))),
                        (byte)(b ^ all ^ Double((byte)(b ^ c))),
                        (byte)(c ^ all ^ Double((byte)(c ^ d))),
                        (byte)(d ^ all ^ Double((byte)(d ^ a))));
                }

                state[column] = (byte)(a ^ key[column]);
                state[column + 1] = (byte)(b ^ key[column + 1]);
                state[column + 2] = (byte)(c ^ key[column + 2]);
                state[column + 3] = (byte)(d ^ key[column + 3]);
            }
        }

        state.CopyTo(output);
    }

    private static byte Double(byte value) => (byte)((value << 1) ^ ((value >> 7) * 0x1b));

    /// <summary>The inverse in GF(2^8), then an affine map (FIPS 197 §5.1.1).</summary>
    private static byte[] BuildSBox()
    {
        var box = new byte[256];
        byte p = 1;
        byte q = 1;
        do
        {
            p = (byte)(p ^ Double(p));
            q ^= (byte)(q << 1);
            q ^= (byte)(q << 2);
            q ^= (byte)(q << 4);
            q ^= (byte)((q >> 7) * 0x09);
            box[p] = (byte)(q ^ Rotate(q, 1) ^ Rotate(q, 2) ^ Rotate(q, 3) ^ Rotate(q, 4) ^ 0x63);
        }
        while (p != 1);

        box[0] = 0x63;
        return box;
    }

    private static byte Rotate(byte value, int bits) => (byte)((value << bits) | (value >> (8 - bits)));
}
