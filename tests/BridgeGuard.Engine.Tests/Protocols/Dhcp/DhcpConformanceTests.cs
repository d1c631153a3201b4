using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Dhcp;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Dhcp;

public sealed class DhcpConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new DhcpProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            new Turn(Direction.ToServer, Message(1, [53, 1, 3, 55, 3, 1, 3, 6, 12, 2, (byte)'p', (byte)'c', 61, 3, 1, 0xaa, 0xbb, 255])),
            new Turn(Direction.ToClient, Message(2, [53, 1, 5, 51, 4, 0, 0, 14, 16, 58, 4, 0, 0, 7, 8, 3, 4, 10, 0, 0, 1, 1, 4, 255, 255, 255, 0, 255])),
        ],
    ];

    [Fact]
    public void TimesAreFields()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[0]);
        Assert.Equal(3600UL, bench.Field("dhcp.leasetime", Direction.ToClient, 1));
        Assert.Equal(1800UL, bench.Field("dhcp.renewal_time", Direction.ToClient, 1));
        Assert.Null(bench.Field("dhcp.rebinding_time", Direction.ToClient, 1));
    }

    [Fact]
    public void WithoutExtendedOnlyAcknowledgementsAreRecorded()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[0]);
        Assert.Equal("{}", bench.Eve(0));
        Assert.Equal(
            """{"dhcp":{"type":"reply","id":305419896,"client_mac":"02:00:00:00:00:01","assigned_ip":"10.0.0.5","dhcp_type":"ack","renewal_time":1800}}""",
            bench.Eve(1));
    }

    [Theory]
    [InlineData(new byte[] { 53, 1, 1 }, "truncated_options")]
    [InlineData(new byte[] { 53, 1, 1, 12, 5, 1 }, "truncated_options")]
    [InlineData(new byte[] { 53, 1, 1, 51, 2, 0, 1, 255 }, "malformed_options")]
    [InlineData(new byte[] { 53, 1, 1, 61, 1, 1, 255 }, "malformed_options")]
    public void OptionsThatCannotBeReadAreNamed(byte[] options, string anomaly)
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Direction.ToServer, Message(1, options));
        Assert.Equal([anomaly], bench.Anomalies());
    }

    private static byte[] Message(byte operation, byte[] options)
    {
        byte[] header = new byte[240];
        byte[] start = [operation, 1, 6, 0, 0x12, 0x34, 0x56, 0x78];
        start.CopyTo(header, 0);
        new byte[] { 10, 0, 0, 5 }.CopyTo(header, 16);
        new byte[] { 2, 0, 0, 0, 0, 1 }.CopyTo(header, 28);
        new byte[] { 0x63, 0x82, 0x53, 0x63 }.CopyTo(header, 236);
        return [.. header, .. options];
    }
}
