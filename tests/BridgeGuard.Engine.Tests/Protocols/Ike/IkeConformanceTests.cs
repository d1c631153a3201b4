using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Ike;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Ike;

public sealed class IkeConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new IkeProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            new Turn(Direction.ToServer, Message(2, 33, 8, Payload(34, Proposal(1, (1, 12), (2, 5), (3, 12), (4, 14))), Payload(0, [0, 14, 0, 0, 1, 2]))),
            new Turn(Direction.ToClient, Message(2, 33, 0x20, Payload(41, Proposal(1, (1, 12), (2, 5), (3, 12), (4, 14))), Payload(0, [0, 0, 0, 17]))),
        ],
        [
            new Turn(Direction.ToServer, Message(1, 1, 0, Payload(13, Association(5, 7)), Payload(0, [0x4a, 0x13]))),
            new Turn(Direction.ToClient, Message(1, 1, 0, Payload(0, Association(7)))),
            new Turn(Direction.ToServer, Message(1, 4, 0, Payload(10, [1, 2, 3]), Payload(0, [4, 5]))),
        ],
    ];

    [Fact]
    public void VersionTwoShowsWhatTheResponderChose()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[0]);
        Assert.Contains(
            "\"role\":\"responder\",\"alg_enc\":\"ENCR_AES_CBC\",\"alg_auth\":\"AUTH_HMAC_SHA2_256_128\",\"alg_prf\":\"PRF_HMAC_SHA2_256\",\"alg_dh\":\"Modp2048\",\"alg_esn\":\"NoESN\"",
            bench.Eve(1), StringComparison.Ordinal);
        Assert.Contains("\"ikev2\":{\"errors\":1,\"notify\":[\"INVALID_KE_PAYLOAD\"]}", bench.Eve(1), StringComparison.Ordinal);
        Assert.Empty(bench.Anomalies(0));
    }

    [Theory]
    [InlineData(1, 3, "weak_crypto_enc")]
    [InlineData(2, 1, "weak_crypto_prf")]
    [InlineData(2, 0, "invalid_proposal")]
    [InlineData(3, 1, "weak_crypto_auth")]
    [InlineData(3, 0, "weak_crypto_no_auth")]
    [InlineData(4, 2, "weak_crypto_dh")]
    [InlineData(9, 1, "unknown_proposal")]
    public void AWeakTransformIsNamed(byte type, ushort id, string anomaly)
    {
        var transforms = new List<(byte, ushort)> { (1, 12), (2, 5), (3, 12), (4, 14) };
        transforms.RemoveAll(t => t.Item1 == type);
        transforms.Add((type, id));
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Direction.ToServer, Message(2, 33, 8, Payload(0, Proposal(1, [.. transforms]))));
        Assert.Equal([anomaly], bench.Anomalies());
    }

    [Fact]
    public void AnAuthenticatingCipherNeedsNoIntegrityTransform()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Direction.ToServer, Message(2, 33, 8, Payload(0, Proposal(1, (1, 20), (2, 5), (4, 14)))));
        Assert.Empty(bench.Anomalies());
    }

    [Fact]
    public void AhDoesNotEncrypt()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Direction.ToServer, Message(2, 33, 8, Payload(0, Proposal(2, (3, 12), (4, 14)))));
        Assert.Equal(["no_encryption"], bench.Anomalies());
    }

    [Fact]
    public void VersionOneRemembersWhatWasAgreed()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[1]);
        Assert.Contains("\"alg_enc\":\"EncAesCbc\",\"alg_enc_raw\":7", bench.Eve(2), StringComparison.Ordinal);
        Assert.Equal("\u0001\u0002\u0003", bench.Buffer("ike.key_exchange_payload", Direction.ToServer, 2));
        Assert.Equal(2UL, bench.Field("ike.nonce_payload_length", Direction.ToServer, 2));
        Assert.Equal("4a13", bench.Buffer("ike.vendor", Direction.ToServer));
    }

    [Fact]
    public void TheChosenAttributeIsThatOfTheFirstTransform()
    {
        KeywordDescriptor keyword = Assert.Single(Protocol.Keywords);
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[1]);
        Assert.True(keyword.Parse("alg_enc=7", out _)!.Match(bench.Transaction(1), Direction.ToClient, bench.Flow));
        Assert.False(keyword.Parse("alg_enc=5", out _)!.Match(bench.Transaction(1), Direction.ToClient, bench.Flow));
        Assert.Null(keyword.Parse("alg_enc=>7", out string error));
        Assert.Contains("expected", error, StringComparison.Ordinal);
    }

    private static byte[] Message(byte major, byte first, byte flags, params byte[][] payloads)
    {
        byte[] body = [.. payloads.SelectMany(p => p)];
        int length = 28 + body.Length;
        return
        [
            .. "ISPIAAAA"u8, .. "RSPIBBBB"u8, first, (byte)(major << 4), (byte)(major == 1 ? 2 : 34), flags, 0, 0, 0, 0, 0, 0, (byte)(length >> 8), (byte)length,
            .. body,
        ];
    }

    private static byte[] Payload(byte next, byte[] content) => [next, 0, (byte)((content.Length + 4) >> 8), (byte)(content.Length + 4), .. content];

    private static byte[] Proposal(byte protocol, params (byte Type, ushort Id)[] transforms)
    {
        byte[] all = [.. transforms.SelectMany(t => (byte[])[3, 0, 0, 8, t.Type, 0, (byte)(t.Id >> 8), (byte)t.Id])];
        return [0, 0, 0, (byte)(8 + all.Length), 1, protocol, 0, (byte)transforms.Length, .. all];
    }

    /// <summary>One proposal with a transform for each encryption algorithm.</summary>
    private static byte[] Association(params byte[] ciphers)
    {
        byte[] transforms = [.. ciphers.SelectMany(c => (byte[])[3, 0, 0, 20, 1, 1, 0, 0, 0x80, 1, 0, c, 0, 12, 0, 4, 0, 1, 0x51, 0x80])];
        return [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, (byte)(8 + transforms.Length), 1, 1, 0, (byte)ciphers.Length, .. transforms];
    }
}
