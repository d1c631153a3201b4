using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using BridgeGuard.Engine.Protocols.Quic;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Quic;

/// <summary>Packets sealed with published keys open with those that are derived: both appendices' connection id is 8394c8f03e515708.</summary>
public sealed class QuicKeysTests
{
    private static readonly byte[] ConnectionId = Convert.FromHexString("8394c8f03e515708");

    /// <summary>RFC 9001 appendix A.1, RFC 9369 appendix A.1, draft-ietf-quic-tls-29 appendix A.1: the client's key, IV and header key.</summary>
    [Theory]
    [InlineData(0x00000001u, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2")]
    [InlineData(0x6b3343cfu, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9")]
    [InlineData(0xff00001du, "175257a31eb09dea9366d8bb79ad80ba", "6b26114b9cba2b63a9e8dd4f", "9ddd12c994c0698b89374a9c077a3077")]
    public void KeysAreThoseOfTheAppendices(uint version, string key, string iv, string header) =>
        AssertOpens(version, Convert.FromHexString(key), Convert.FromHexString(iv), Convert.FromHexString(header));

    /// <summary>No appendix has Q050: its salt is the one that Chromium publishes (kQ050Salt), the derivation that of the drafts, done here by the framework.</summary>
    [Fact]
    public void KeysOfQ050AreDerivedFromItsPublishedSalt()
    {
        byte[] initial = HKDF.Extract(HashAlgorithmName.SHA256, ConnectionId, Convert.FromHexString("504574efd066fe2f9d945cfcdbd3a7f0d3b56b45"));
        byte[] secret = Expand(initial, "client in", 32);
        AssertOpens(QuicVersions.Q050, Expand(secret, "quic key", 16), Expand(secret, "quic iv", 12), Expand(secret, "quic hp", 16));
    }

    private static byte[] Expand(byte[] secret, string label, byte length)
    {
        byte[] name = Encoding.ASCII.GetBytes("tls13 " + label);
        return HKDF.Expand(HashAlgorithmName.SHA256, secret, length, [0, length, (byte)name.Length, .. name, 0]);
    }

    private static void AssertOpens(uint version, byte[] key, byte[] iv, byte[] header)
    {
        byte[] frames = Encoding.ASCII.GetBytes("frames of an Initial packet, long enough to be sampled");
        byte[] packet = Seal(version, key, iv, header, frames, out int numberAt);
        var client = new QuicKeys();
        Assert.True(QuicKeys.TryDerive(version, ConnectionId, client, new QuicKeys()));
        byte[] output = new byte[packet.Length];
        Assert.True(client.TryOpen(packet, numberAt, output, out Range range));
        Assert.Equal(frames, output[range]);

        packet[^1] ^= 1;
        Assert.False(client.TryOpen(packet, numberAt, output, out _));
    }

    private static byte[] Seal(uint version, byte[] key, byte[] iv, byte[] header, byte[] frames, out int numberAt)
    {
        const uint number = 2;
        const int numberBytes = 4;
        byte[] versionBytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(versionBytes, version);
        int length = numberBytes + frames.Length + 16;
        byte[] head = [0xc3, .. versionBytes, 8, .. ConnectionId, 0, 0, (byte)(0x40 | (length >> 8)), (byte)length, 0, 0, 0, (byte)number];
        numberAt = head.Length - numberBytes;
        byte[] nonce = [.. iv];
        nonce[^1] ^= (byte)number;
        byte[] sealedBytes = new byte[frames.Length];
        byte[] tag = new byte[16];
        using var gcm = new AesGcm(key, tag.Length);
        gcm.Encrypt(nonce, frames, sealedBytes, tag, head);
        byte[] packet = [.. head, .. sealedBytes, .. tag];
        using var aes = Aes.Create();
        aes.Key = header;
        byte[] mask = aes.EncryptEcb(packet.AsSpan(numberAt + numberBytes, 16), PaddingMode.None);
        packet[0] ^= (byte)(mask[0] & 0x0f);
        for (int i = 0; i < numberBytes; i++)
        {
            packet[numberAt + i] ^= mask[1 + i];
        }

        return packet;
    }
}
