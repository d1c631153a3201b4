using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace BridgeGuard.Engine.Tests.Protocols.Quic;

/// <summary>Makes Initial packets with the platform's cryptography (RFC 9001 §5), independently of the engine's.</summary>
internal static class QuicSamples
{
    public static readonly byte[] ConnectionId = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

    private static readonly byte[] Salt1 = Convert.FromHexString("38762cf7f55934b34d179ae6a4c80cadccbb7f0a");
    private static readonly byte[] Salt2 = Convert.FromHexString("0dede3def700a6db819381be6e269dcbf9bd2ed9");

    public static byte[] Crypto(int offset, ReadOnlySpan<byte> data) => [6, .. Number(offset), .. Number(data.Length), .. data];

    /// <summary>A CHLO as Google's versions have it.</summary>
    public static byte[] Chlo(params (string Tag, string Value)[] tags)
    {
        var head = new List<byte>([.. "CHLO"u8, (byte)tags.Length, 0, 0, 0]);
        var values = new List<byte>();
        foreach ((string tag, string value) in tags)
        {
            values.AddRange(Encoding.ASCII.GetBytes(value));
            head.AddRange([.. Encoding.ASCII.GetBytes(tag.PadRight(4, '\0')), (byte)values.Count, (byte)(values.Count >> 8), 0, 0]);
        }

        return [.. head, .. values];
    }

    public static byte[] Initial(bool fromClient, ReadOnlySpan<byte> frames, uint version = 1, byte number = 2, int padTo = 300, byte[]? connectionId = null)
    {
        bool isVersion2 = version == 0x6b3343cf;
        byte[] secret = Label(
            HKDF.Extract(HashAlgorithmName.SHA256, connectionId ?? ConnectionId, isVersion2 ? Salt2 : Salt1), fromClient ? "client in" : "server in", 32);
        string prefix = isVersion2 ? "quicv2 " : "quic ";
        byte[] key = Label(secret, prefix + "key", 16);
        byte[] iv = Label(secret, prefix + "iv", 12);
        byte[] protection = Label(secret, prefix + "hp", 16);
        byte[] text = [.. frames, .. new byte[Math.Max(0, padTo - frames.Length)]];
        var version4 = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(version4, version);
        byte[] id = fromClient ? connectionId ?? ConnectionId : [];
        byte[] header =
        [
            (byte)((isVersion2 ? 0xd0 : 0xc0) | 1), .. version4, (byte)id.Length, .. id, 0, 0, .. Number(2 + text.Length + 16), 0, number,
        ];
        iv[^1] ^= number;
        var sealedText = new byte[text.Length];
        var tag = new byte[16];
        using (var gcm = new AesGcm(key, 16))
        {
            gcm.Encrypt(iv, text, sealedText, tag, header);
        }

        byte[] packet = [.. header, .. sealedText, .. tag];
        using var aes = Aes.Create();
        aes.Key = protection;
        int numberAt = header.Length - 2;
        byte[] mask = aes.EncryptEcb(packet.AsSpan(numberAt + 4, 16), PaddingMode.None);
        packet[0] ^= (byte)(mask[0] & 0x0f);
        packet[numberAt] ^= mask[1];
        packet[numberAt + 1] ^= mask[2];
        return packet;
    }

    private static byte[] Number(int value) => [(byte)(0x80 | (value >> 24)), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    private static byte[] Label(byte[] secret, string label, int length) => HKDF.Expand(
        HashAlgorithmName.SHA256, secret, length, [0, (byte)length, (byte)(6 + label.Length), .. Encoding.ASCII.GetBytes("tls13 " + label), 0]);
}
