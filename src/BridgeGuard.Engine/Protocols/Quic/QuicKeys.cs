using System.Buffers.Binary;
using System.Security.Cryptography;

namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>The keys of one direction's Initial packets (RFC 9001 §5, RFC 9369 §3.3) and how they are taken off.</summary>
internal sealed class QuicKeys
{
    private const int SecretBytes = 32;
    private const int MaxPacketNumberBytes = 4;

    private readonly QuicGcm _payload = new();
    private readonly QuicAes _header = new();
    private readonly byte[] _iv = new byte[QuicGcm.NonceBytes];

    private static ReadOnlySpan<byte> SaltOfVersion1 =>
        [0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a];

    private static ReadOnlySpan<byte> SaltOfVersion2 =>
        [0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9];

    /// <summary>Drafts 29 to 32.</summary>
    private static ReadOnlySpan<byte> SaltOfDraft29 =>
        [0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99];

    /// <summary>Drafts 23 to 28.</summary>
    private static ReadOnlySpan<byte> SaltOfDraft23 =>
        [0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02];

    /// <summary>Google's Q050, as Chromium publishes it (kQ050Salt).</summary>
    private static ReadOnlySpan<byte> SaltOfQ050 =>
        [0x50, 0x45, 0x74, 0xef, 0xd0, 0x66, 0xfe, 0x2f, 0x9d, 0x94, 0x5c, 0xfc, 0xdb, 0xd3, 0xa7, 0xf0, 0xd3, 0xb5, 0x6b, 0x45];

    /// <summary>Whether Initial packets of a version can be opened.</summary>
    public static bool IsKnown(uint version) => !SaltOf(version).IsEmpty;

    /// <summary>Derives both directions' keys from the connection id that the client chose.</summary>
    public static bool TryDerive(uint version, ReadOnlySpan<byte> connectionId, QuicKeys client, QuicKeys server)
    {
        ReadOnlySpan<byte> salt = SaltOf(version);
        if (salt.IsEmpty)
        {
            return false;
        }

        Span<byte> initial = stackalloc byte[SecretBytes];
        Span<byte> secret = stackalloc byte[SecretBytes];
        HMACSHA256.HashData(salt, connectionId, initial);
        bool isVersion2 = version == QuicVersions.Version2;
        Expand(initial, "client in"u8, secret);
        client.Set(secret, isVersion2);
        Expand(initial, "server in"u8, secret);
        server.Set(secret, isVersion2);
        return true;
    }

    /// <summary>Takes header protection and encryption off one packet.</summary>
    /// <param name="packet">From its first byte to its end, no further.</param>
    /// <param name="numberAt">Where the packet number begins.</param>
    /// <param name="output">As long as the packet; gets the header, then the frames.</param>
    /// <param name="frames">The frames within <paramref name="output"/>.</param>
    public bool TryOpen(ReadOnlySpan<byte> packet, int numberAt, Span<byte> output, out Range frames)
    {
        frames = default;
        int sampleAt = numberAt + MaxPacketNumberBytes;
        if (packet.Length < sampleAt + QuicAes.BlockBytes)
        {
            return false;
        }

        Span<byte> mask = stackalloc byte[QuicAes.BlockBytes];
        _header.Encrypt(packet.Slice(sampleAt, QuicAes.BlockBytes), mask);
        packet[..sampleAt].CopyTo(output);
        output[0] ^= (byte)(mask[0] & 0x0f);
        int numberBytes = (output[0] & 3) + 1;
        uint number = 0;
        for (int i = 0; i < numberBytes; i++)
        {
            output[numberAt + i] ^= mask[1 + i];
            number = (number << 8) | output[numberAt + i];
        }

        // Packet numbers of Initial packets are small: what was sent is the whole number.
        Span<byte> nonce = stackalloc byte[QuicGcm.NonceBytes];
        _iv.CopyTo(nonce);
        Span<byte> end = nonce[(QuicGcm.NonceBytes - sizeof(uint))..];
        BinaryPrimitives.WriteUInt32BigEndian(end, BinaryPrimitives.ReadUInt32BigEndian(end) ^ number);
        int textAt = numberAt + numberBytes;
        frames = textAt..Math.Max(textAt, packet.Length - QuicGcm.TagBytes);
        return _payload.TryOpen(nonce, output[..textAt], packet[textAt..], output[textAt..]);
    }

    private static ReadOnlySpan<byte> SaltOf(uint version) => version switch
    {
        QuicVersions.Version1 or QuicVersions.Draft33 or QuicVersions.Draft34 => SaltOfVersion1,
        QuicVersions.Version2 => SaltOfVersion2,
        >= QuicVersions.Draft29 and <= QuicVersions.Draft32 => SaltOfDraft29,
        >= QuicVersions.Draft23 and < QuicVersions.Draft29 => SaltOfDraft23,
        QuicVersions.Q050 => SaltOfQ050,
        _ => default,
    };

    private void Set(ReadOnlySpan<byte> secret, bool isVersion2)
    {
        Span<byte> key = stackalloc byte[QuicAes.KeyBytes];
        Expand(secret, isVersion2 ? "quicv2 key"u8 : "quic key"u8, key);
        _payload.SetKey(key);
        Expand(secret, isVersion2 ? "quicv2 iv"u8 : "quic iv"u8, _iv);
        Expand(secret, isVersion2 ? "quicv2 hp"u8 : "quic hp"u8, key);
        _header.SetKey(key);
    }

    /// <summary>HKDF-Expand-Label (RFC 8446 §7.1) for outputs of one hash at most.</summary>
    private static void Expand(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> label, Span<byte> output)
    {
        Span<byte> info = stackalloc byte[64];
        BinaryPrimitives.WriteUInt16BigEndian(info, (ushort)output.Length);
        info[2] = (byte)(6 + label.Length);
        "tls13 "u8.CopyTo(info[3..]);
        label.CopyTo(info[9..]);
        int length = 9 + label.Length;
        info[length++] = 0;
        info[length++] = 1;
        Span<byte> block = stackalloc byte[SecretBytes];
        HMACSHA256.HashData(secret, info[..length], block);
        block[..output.Length].CopyTo(output);
    }
}
