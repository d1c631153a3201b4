using System.Buffers.Binary;
using System.Security.Cryptography;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ssh;

/// <summary>HASSH: MD5 over the key exchange, cipher, MAC and compression lists that a side offers for what it sends.</summary>
internal static class SshHassh
{
    private const int CookieBytes = 16;
    private const int ListCount = 10;

    /// <summary>Reads the name lists of a KEXINIT (RFC 4253 §7.1). One that is cut short gives no fingerprint.</summary>
    /// <param name="payload">What follows the message code, with the padding.</param>
    /// <param name="peer">The sender.</param>
    /// <param name="direction">Clients are known by their lists to the server, servers by theirs to the client.</param>
    public static void Read(ReadOnlySpan<byte> payload, SshTransaction.Peer peer, Direction direction)
    {
        if (payload.Length < CookieBytes || peer.HasHassh)
        {
            return;
        }

        // 0 kex, 1 host key, 2/3 ciphers to server and to client, 4/5 MACs, 6/7 compression, 8/9 languages
        int own = direction == Direction.ToServer ? 0 : 1;
        ReadOnlySpan<byte> rest = payload[CookieBytes..];
        peer.BeginHassh();
        for (int i = 0; i < ListCount; i++)
        {
            if (rest.Length < 4)
            {
                peer.DropHassh();
                return;
            }

            uint length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > (uint)(rest.Length - 4))
            {
                peer.DropHassh();
                return;
            }

            if (i == 0 || i == 2 + own || i == 4 + own || i == 6 + own)
            {
                peer.AddToHassh(rest.Slice(4, (int)length), isFirst: i == 0);
            }

            rest = rest[(4 + (int)length)..];
        }

        peer.EndHassh();
    }

    /// <summary>MD5 as 32 lower-case digits.</summary>
    public static void Digest(ReadOnlySpan<byte> text, Span<byte> digits)
    {
        Span<byte> hash = stackalloc byte[MD5.HashSizeInBytes];
        MD5.HashData(text, hash);
        for (int i = 0; i < hash.Length; i++)
        {
            digits[2 * i] = "0123456789abcdef"u8[hash[i] >> 4];
            digits[(2 * i) + 1] = "0123456789abcdef"u8[hash[i] & 15];
        }
    }
}
