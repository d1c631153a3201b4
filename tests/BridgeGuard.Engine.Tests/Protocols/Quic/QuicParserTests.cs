using System.Security.Cryptography;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Quic;
using BridgeGuard.Engine.Tests.Protocols.Tls;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Quic;

public sealed class QuicParserTests
{
    private readonly ProtocolBench _bench = new(new QuicProtocol());

    private static readonly byte[] Hello = TlsSamples.ClientHello("www.example.com");

    [Theory]
    [InlineData(1u, "1")]
    [InlineData(0x6b3343cfu, "v2")]
    public void TheClientsHelloIsRead(uint version, string name)
    {
        _bench.Feed(Direction.ToServer, QuicSamples.Initial(true, QuicSamples.Crypto(0, Hello), version));
        Assert.Equal("www.example.com", _bench.Buffer("quic.sni", Direction.ToServer));
        Assert.StartsWith("771,", _bench.Buffer("ja3.string", Direction.ToServer), StringComparison.Ordinal);
        Assert.StartsWith("q00d", _bench.Buffer("ja4.hash", Direction.ToServer), StringComparison.Ordinal);
        Assert.Contains($"\"version\":\"{name}\"", _bench.Eve(), StringComparison.Ordinal);
        Assert.Contains("{\"name\":\"server_name\",\"type\":0,\"values\":[\"www.example.com\"]}", _bench.Eve(), StringComparison.Ordinal);
    }

    [Fact]
    public void PiecesMayComeInAnyOrderAndOverlap()
    {
        byte[] last = QuicSamples.Initial(true, QuicSamples.Crypto(60, Hello.AsSpan(60)));
        byte[] first = QuicSamples.Initial(true, QuicSamples.Crypto(0, Hello.AsSpan(0, 20)), number: 3);
        byte[] middle = QuicSamples.Initial(true, QuicSamples.Crypto(10, Hello.AsSpan(10, 60)), number: 4);
        _bench.Feed(Direction.ToServer, last);
        _bench.Feed(Direction.ToServer, first);
        Assert.Null(_bench.Buffer("quic.sni", Direction.ToServer, 1));
        _bench.Feed(Direction.ToServer, middle);
        Assert.Equal("www.example.com", _bench.Buffer("quic.sni", Direction.ToServer, 2));
    }

    [Fact]
    public void PacketsBehindOneAnotherInADatagramAreAllRead()
    {
        byte[] first = QuicSamples.Initial(true, QuicSamples.Crypto(0, Hello.AsSpan(0, 50)), padTo: 60);
        byte[] second = QuicSamples.Initial(true, QuicSamples.Crypto(50, Hello.AsSpan(50)), number: 3);
        _bench.Feed(Direction.ToServer, [.. first, .. second]);
        Assert.Equal("www.example.com", _bench.Buffer("quic.sni", Direction.ToServer, 1));
    }

    [Fact]
    public void AfterARetryKeysAreMadeAnew()
    {
        byte[] other = [9, 8, 7, 6, 5, 4, 3, 2];
        _bench.Feed(Direction.ToServer, QuicSamples.Initial(true, QuicSamples.Crypto(0, Hello)));
        _bench.Feed(Direction.ToClient, [0xf0, 0, 0, 0, 1, 0, 8, .. other, .. new byte[40]]);
        _bench.Feed(Direction.ToServer, QuicSamples.Initial(true, QuicSamples.Crypto(0, Hello), connectionId: other));
        Assert.Equal("www.example.com", _bench.Buffer("quic.sni", Direction.ToServer, 2));
        Assert.Empty(_bench.Anomalies(2));
    }

    [Fact]
    public void APacketThatCannotBeOpenedIsNamed()
    {
        byte[] packet = QuicSamples.Initial(true, QuicSamples.Crypto(0, Hello));
        packet[^1] ^= 1;
        _bench.Feed(Direction.ToServer, packet);
        Assert.Equal(["failed_decrypt"], _bench.Anomalies());
    }

    [Fact]
    public void FramesThatInitialPacketsDoNotCarryAreNamed()
    {
        _bench.Feed(Direction.ToServer, QuicSamples.Initial(true, [0x1e]));
        Assert.Equal(["error_on_data"], _bench.Anomalies());
    }

    [Fact]
    public void PiecesBeyondTheLimitAreNamed()
    {
        _bench.Feed(Direction.ToServer, QuicSamples.Initial(true, QuicSamples.Crypto(QuicLimits.MaxCryptoBytes, Hello.AsSpan(0, 10))));
        Assert.Equal(["crypto_frag_too_long"], _bench.Anomalies());
    }

    [Fact]
    public void GooglesHelloHasAFingerprint()
    {
        byte[] chlo = QuicSamples.Chlo(("PAD", "--"), ("SNI", "a.example"), ("VER", "Q046"), ("UAID", "agent/1"));
        _bench.Feed(Direction.ToServer, [0xc3, .. "Q046"u8, 0x50, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, .. new byte[12], 0x80, 1, .. chlo]);
        Assert.Equal("a.example", _bench.Buffer("quic.sni", Direction.ToServer));
        Assert.Equal("agent/1", _bench.Buffer("quic.ua", Direction.ToServer));
        Assert.Equal("46,PAD-SNI-VER-UAID", _bench.Buffer("quic.cyu.string", Direction.ToServer));
        Assert.Equal(32, _bench.Buffer("quic.cyu.hash", Direction.ToServer)!.Length);
        Assert.Equal("Q046", _bench.Buffer("quic.version", Direction.ToServer));
    }

    [Fact]
    public void BothFormsOfAesAgreeWithThePlatform()
    {
        var random = new Random(1);
        var cipher = new QuicAes();
        using var platform = Aes.Create();
        for (int round = 0; round < 200; round++)
        {
            var key = new byte[16];
            var block = new byte[16];
            random.NextBytes(key);
            random.NextBytes(block);
            platform.Key = key;
            byte[] expected = platform.EncryptEcb(block, PaddingMode.None);
            cipher.SetKey(key);
            var output = new byte[16];
            cipher.Encrypt(block, output);
            Assert.Equal(expected, output);
            cipher.EncryptPlain(block, output);
            Assert.Equal(expected, output);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(1183)]
    public void GcmOpensWhatThePlatformSealed(int length)
    {
        var random = new Random(length);
        byte[] key = new byte[16], nonce = new byte[12], associated = new byte[21], text = new byte[length], sealedText = new byte[length], tag = new byte[16];
        random.NextBytes(key);
        random.NextBytes(nonce);
        random.NextBytes(associated);
        random.NextBytes(text);
        using (var platform = new AesGcm(key, 16))
        {
            platform.Encrypt(nonce, text, sealedText, tag, associated);
        }

        var gcm = new QuicGcm();
        gcm.SetKey(key);
        var output = new byte[length];
        Assert.True(gcm.TryOpen(nonce, associated, [.. sealedText, .. tag], output));
        Assert.Equal(text, output);
        tag[5] ^= 4;
        Assert.False(gcm.TryOpen(nonce, associated, [.. sealedText, .. tag], output));
    }
}
