using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.DhcpV6;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.DhcpV6;

public sealed class DhcpV6ConformanceTests : ProtocolConformanceTests
{
    private static readonly byte[] Address = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];

    protected override Protocol Protocol { get; } = new DhcpV6Protocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            new Turn(Direction.ToServer,
                [1, 1, 2, 3, .. Option(1, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1), .. Option(6, 0, 23, 0, 24), .. Option(39, [0, 2, .. "pc"u8, 3, .. "lan"u8, 0]), .. Option(16, [0, 0, 0, 9, 0, 3, .. "abc"u8])]),
            new Turn(Direction.ToClient,
                [7, 1, 2, 3, .. Option(2, 0, 1, 0, 1, 1, 2, 3, 4, 2, 0, 0, 0, 0, 2), .. Option(3, [0, 0, 0, 1, .. U32(100), .. U32(200), .. Option(5, [.. Address, .. U32(300), .. U32(400)])]),
                 .. Option(25, [0, 0, 0, 2, .. U32(100), .. U32(200), .. Option(26, [.. U32(300), .. U32(400), 56, .. Address])]), .. Option(23, Address), .. Option(13, [0, 0, .. "ok"u8])]),
        ],
        [
            new Turn(Direction.ToServer, [12, 0, .. Address, .. Address, .. Option(18, 1), .. Option(9, [3, 9, 9, 9, .. Option(1, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1)])]),
        ],
    ];

    [Fact]
    public void AReplyTellsWhoHasWhichAddress()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[0]);
        Assert.Equal("{}", bench.Eve(0));
        Assert.Equal(
            """{"dhcp":{"version":6,"type":"reply","id":66051,"dhcp_type":"reply","server_id":"00:01:00:01:01:02:03:04:02:00:00:00:00:02","assigned_ip":"fd00:0000:0000:0000:0000:0000:0000:0005","prefixes":["fd00:0000:0000:0000:0000:0000:0000:0005/56"],"renewal_time":100}}""",
            bench.Eve(1));
        Assert.Equal(400UL, bench.Field("dhcpv6.leasetime", Direction.ToClient, 1));
        Assert.Equal("pc.lan", bench.Buffer("dhcpv6.hostname", Direction.ToServer));
    }

    [Fact]
    public void ARelayedMessageIsWhatTheRelayCarries()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[1]);
        string eve = bench.Eve(0, new ProtocolSettings(new Dictionary<string, string> { ["extended"] = "yes" }));
        Assert.Contains("\"dhcp_type\":\"request\"", eve, StringComparison.Ordinal);
        Assert.Contains("\"client_mac\":\"02:00:00:00:00:01\"", eve, StringComparison.Ordinal);
        Assert.Contains("\"relays\":1", eve, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { 1, 0, 0, 1, 0, 8, 0, 0, 0, 1, 0, 9, 1 }, "truncated_options")]
    [InlineData(new byte[] { 1, 0, 0, 1, 0, 6, 0, 1, 5 }, "malformed_options")]
    [InlineData(new byte[] { 1, 0, 0, 1, 0, 3, 0, 2, 5, 5 }, "malformed_options")]
    public void OptionsThatCannotBeReadAreNamed(byte[] message, string anomaly)
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Direction.ToServer, message);
        Assert.Equal([anomaly], bench.Anomalies());
    }

    [Fact]
    public void NestingAndNumbersHaveLimits()
    {
        byte[] message = [1, 0, 0, 1];
        for (int i = 0; i < 40; i++)
        {
            message = [12, 0, .. Address, .. Address, .. Option(9, message)];
        }

        var bench = new ProtocolBench(Protocol);
        bench.Feed(Direction.ToServer, message);
        bench.Feed(Direction.ToServer, [1, 0, 0, 1, .. Enumerable.Range(0, 600).SelectMany(_ => Option(8, 0, 0))]);
        Assert.Equal(["nested_too_deep"], bench.Anomalies(0));
        Assert.Equal(["too_many_options"], bench.Anomalies(1));
    }

    private static byte[] U32(uint value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    private static byte[] Option(ushort code, params byte[] data) => [(byte)(code >> 8), (byte)code, (byte)(data.Length >> 8), (byte)data.Length, .. data];
}
