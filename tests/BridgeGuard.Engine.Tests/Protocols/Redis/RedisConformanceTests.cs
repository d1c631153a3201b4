using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Redis;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Redis;

public sealed class RedisConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new RedisProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            Turn.Client("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n"),
            Turn.Server("+OK\r\n"),
            Turn.Client("*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n*2\r\n$4\r\nMGET\r\n$1\r\nk\r\n"),
            Turn.Server("$5\r\nvalue\r\n*2\r\n*1\r\n:1\r\n$-1\r\n"),
            Turn.Client("*3\r\n$4\r\nAUTH\r\n$5\r\nalice\r\n$2\r\npw\r\nGET none\r\n"),
            Turn.Server("-WRONGPASS invalid\r\n$-1\r\n"),
            Turn.Client("*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n"),
            Turn.Server("*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n"),
        ],
        [
            Turn.Client("*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"),
            Turn.Server("|1\r\n+ttl\r\n:3\r\n%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n+proto\r\n:3\r\n>2\r\n+invalidate\r\n_\r\n"),
            Turn.Client("*1\r\n$4\r\nPING\r\n"),
            Turn.Server("=7\r\ntxt:abc\r\n"),
        ],
    ];

    [Fact]
    public void PipelinedCommandsMeetTheirReplies()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[0]);
        Assert.Equal(
            """{"redis":{"command":"GET","arguments":["key"],"argument_count":1,"response":{"type":"string","value":"value"}}}""", bench.Eve(1));
        Assert.Equal(
            """{"redis":{"command":"MGET","arguments":["k"],"argument_count":1,"response":{"type":"array","elements":2,"value":"1"}}}""", bench.Eve(2));
    }

    [Fact]
    public void WhatLogsInIsHiddenUnlessAskedFor()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[0]);
        Assert.Contains("\"arguments\":[\"[hidden]\",\"[hidden]\"]", bench.Eve(3), StringComparison.Ordinal);
        Assert.Contains(
            "\"arguments\":[\"alice\",\"pw\"]", bench.Eve(3, new ProtocolSettings(new Dictionary<string, string> { ["passwords"] = "yes" })), StringComparison.Ordinal);
        Assert.Equal("WRONGPASS invalid", bench.Buffer("redis.error", Direction.ToClient, 3));
    }

    [Fact]
    public void MessagesNobodyAskedForAreTheServersOwn()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[0]);
        Assert.Equal(DirectionMask.ToClient, bench.Transaction(6).Directions);
        Assert.Equal("message", bench.Buffer("redis.response", Direction.ToClient, 6));
        Assert.Null(bench.Buffer("redis.command", Direction.ToServer, 6));
    }

    [Fact]
    public void AnAttributeStandsBeforeItsReply()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[1][..2]);
        Assert.Contains("\"type\":\"map\"", bench.Eve(0), StringComparison.Ordinal);
        Assert.Contains("\"type\":\"push\"", bench.Eve(1), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, "*1\r\n:5\r\n", "malformed_request")]
    [InlineData(true, "*9999999\r\n", "malformed_request")]
    [InlineData(false, "hello\r\n", "malformed_response")]
    [InlineData(false, "$99999999999\r\n", "malformed_response")]
    public void WhatIsNoMessageEndsParsing(bool toServer, string bytes, string anomaly)
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed([toServer ? Turn.Client(bytes) : Turn.Server(bytes)]);
        Assert.True(bench.HasStopped);
        Assert.Contains(anomaly, bench.Anomalies());
    }

    [Fact]
    public void LimitsAreNamed()
    {
        var bench = new ProtocolBench(Protocol, new Dictionary<string, string> { ["max-tx"] = "2" });
        bench.Feed([Turn.Client("PING\r\nPING\r\nPING\r\n"), Turn.Client("*70\r\n" + string.Concat(Enumerable.Repeat("$1\r\na\r\n", 70)))]);
        Assert.Contains("too_many_transactions", bench.Anomalies(0));
        Assert.Contains("too_many_arguments", bench.Anomalies(3));
        bench.Feed([Turn.Server(string.Concat(Enumerable.Repeat("*1\r\n", 40)))]);
        Assert.True(bench.HasStopped);
        Assert.Contains("nested_too_deep", Enumerable.Range(0, bench.State.Transactions.Count).SelectMany(i => bench.Anomalies(i)));
    }

    [Fact]
    public void AnExtensionIsOffUnlessConfigurationWantsIt() => Assert.False(Protocol.EnabledByDefault);
}
