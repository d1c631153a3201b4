using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.WebSocket;
using Xunit;
using static BridgeGuard.Engine.Tests.Protocols.WebSocket.WebSocketSamples;

namespace BridgeGuard.Engine.Tests.Protocols.WebSocket;

public sealed class WebSocketParserTests
{
    private readonly ProtocolBench _bench = new(new WebSocketProtocol(), new Dictionary<string, string> { ["max-payload-size"] = "1000" });

    private string? Payload(int transaction, Direction direction = Direction.ToServer) => _bench.Buffer("websocket.payload", direction, transaction);

    [Fact]
    public void PayloadsAreUnmasked()
    {
        _bench.Feed(Direction.ToServer, Frame(0x81, "hello, world"u8, mask: 0xa1b2c3d4));
        Assert.Equal("hello, world", Payload(0));
        Assert.Equal(0xa1b2c3d4UL, _bench.Field("websocket.mask", Direction.ToServer));
        Assert.Equal(1UL, _bench.Field("websocket.opcode", Direction.ToServer));
        Assert.Equal(0x80UL, _bench.Field("websocket.flags", Direction.ToServer));
        Assert.Contains("{\"fin\":true,\"mask\":2712847316,\"opcode\":\"text\"}", _bench.Eve(), StringComparison.Ordinal);
    }

    [Fact]
    public void TheLastFragmentShowsTheWholeMessage()
    {
        _bench.Feed(Direction.ToServer, [.. Frame(0x01, "abc"u8), .. Frame(0x89, "ping"u8), .. Frame(0x00, "def"u8), .. Frame(0x80, "ghi"u8)]);
        Assert.Equal("abc", Payload(0));
        Assert.Equal("ping", Payload(1));
        Assert.Equal("def", Payload(2));
        Assert.Equal("abcdefghi", Payload(3));
    }

    [Fact]
    public void CompressedMessagesReferToEarlierOnes()
    {
        byte[] first = Deflate("a text that is long enough");
        _bench.Feed(Direction.ToClient, [.. Frame(0x41, first.AsSpan(0, 5)), .. Frame(0x80, first.AsSpan(5)), .. Frame(0xc1, Deflate("again"))]);
        Assert.Equal("a text that is long enough", Payload(1, Direction.ToClient));
        Assert.Equal("again", Payload(2, Direction.ToClient));
    }

    [Fact]
    public void WhatIsBeyondTheLimitIsSkippedAndNamed()
    {
        _bench.Feed(Direction.ToServer, [.. Frame(0x82, new byte[3000], mask: 7), .. Frame(0x81, "next"u8)]);
        Assert.Equal(1000, Payload(0)!.Length);
        Assert.Equal(["skip_end_of_payload"], _bench.Anomalies());
        Assert.Equal("next", Payload(1));
    }

    [Fact]
    public void AMessageIsPutTogetherUpToTheLimit()
    {
        _bench.Feed(Direction.ToServer, [.. Frame(0x02, new byte[800]), .. Frame(0x80, new byte[800])]);
        Assert.Equal(["reassembly_limit_reached"], _bench.Anomalies(1));
        Assert.Equal(1000, Payload(1)!.Length);
    }

    [Fact]
    public void ABombIsCutAtTheLimit()
    {
        _bench.Feed(Direction.ToServer, Frame(0xc2, Deflate(new string('z', 400_000))));
        Assert.Equal(1000, Payload(0)!.Length);
    }
}
