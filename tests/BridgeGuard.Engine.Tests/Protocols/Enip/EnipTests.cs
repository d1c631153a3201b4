using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Enip;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Enip;

/// <summary>Buffers, keywords, records, anomalies and limits of EtherNet/IP.</summary>
public sealed class EnipTests
{
    [Fact]
    public void AnIdentityIsShown()
    {
        ProtocolBench bench = Run(EnipSamples.Client(EnipSamples.Pdu(0x63, [])), EnipSamples.Server(EnipSamples.Identity));
        Assert.Equal("NAME", bench.Buffer("enip.product_name", Direction.ToClient));
        Assert.Contains(
            "\"identity\":{\"protocol_version\":1,\"revision\":\"4.3\",\"vendor_id\":\"Rockwell Automation/Allen-Bradley\",\"device_type\":\"Communications Adapter\",\"product_code\":58,\"status\":48,\"serial\":5393806,\"product_name\":\"NAME\",\"state\":3}",
            bench.Eve(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void ServicesAreShown()
    {
        ProtocolBench bench = Run(EnipSamples.Client(EnipSamples.Pdu(4, [])), EnipSamples.Server(EnipSamples.Services));
        Assert.Equal("Communications\0\0", bench.Buffer("enip.service_name", Direction.ToClient));
        Assert.Contains("\"capabilities\":288", bench.Eve(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("enip_command", "send_r_r_data", Direction.ToServer, true)]
    [InlineData("enip_command", "99", Direction.ToServer, false)]
    [InlineData("enip.status", "success", Direction.ToClient, true)]
    [InlineData("cip_service", "14", Direction.ToServer, true)]
    [InlineData("cip_service", "14,1", Direction.ToServer, true)]
    [InlineData("cip_service", "14,1,5", Direction.ToServer, true)]
    [InlineData("cip_service", "14,1,6", Direction.ToServer, false)]
    [InlineData("cip_service", "1,1", Direction.ToServer, false)]
    [InlineData("cip_service", "14", Direction.ToClient, true)]
    [InlineData("enip.cip_class", "4", Direction.ToClient, true)]
    [InlineData("enip.cip_instance", "9", Direction.ToServer, true)]
    [InlineData("enip.cip_attribute", "5", Direction.ToServer, true)]
    [InlineData("enip.cip_status", "8", Direction.ToClient, true)]
    [InlineData("enip.cip_status", "9", Direction.ToClient, false)]
    public void KeywordsLookAtEveryService(string keyword, string argument, Direction direction, bool isMatch)
    {
        ProtocolBench bench = Run(EnipSamples.Client(EnipSamples.Cip(EnipSamples.Multiple)), EnipSamples.Server(EnipSamples.Cip(EnipSamples.MultipleAnswer)));
        TransactionMatcher matcher = bench.Protocol.Keywords.Single(k => k.Name == keyword).Parse(argument, out string error)!;
        Assert.Empty(error);
        Assert.Equal(isMatch, matcher.Match(bench.Transaction(0), direction, bench.Flow));
    }

    [Theory]
    [InlineData("cip_service", "256")]
    [InlineData("cip_service", "1,2,3,4")]
    [InlineData("enip_command", "65536")]
    [InlineData("enip.state", "256")]
    public void ArgumentsThatMeanNothingAreRefused(string keyword, string argument)
    {
        Assert.Null(new EnipProtocol().Keywords.Single(k => k.Name == keyword).Parse(argument, out string error));
        Assert.NotEmpty(error);
    }

    [Fact]
    public void CipIsShownWithPathAndStatus()
    {
        string eve = Run(EnipSamples.Client(EnipSamples.Connected(EnipSamples.GetSingle)), EnipSamples.Server(EnipSamples.Connected([0x8e, 0, 1, 2, 0, 1]))).Eve();
        Assert.Contains(
            "\"cip\":{\"service\":\"Get Attributes Single\",\"path\":[{\"segment_type\":\"class\",\"value\":1},{\"segment_type\":\"instance\",\"value\":1},{\"segment_type\":\"attribute\",\"value\":5}],\"class_name\":\"Identity\"}",
            eve,
            StringComparison.Ordinal);
        Assert.Contains(
            "\"status\":\"Connection Failure\",\"status_extended\":\"0001\",\"status_extended_meaning\":\"Connection in use or duplicate Forward Open\"", eve, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { 14, 9 })]
    [InlineData(new byte[] { 10, 2, 0x20, 2, 0x24, 1, 1, 0, 99, 0 })]
    public void DataWithoutItsFormIsNamed(byte[] cip)
    {
        ProtocolBench bench = Run(EnipSamples.Client(EnipSamples.Cip(cip)));
        Assert.Equal(["invalid_pdu"], bench.Anomalies());
        Assert.DoesNotContain("cip", bench.Eve(), StringComparison.Ordinal);
    }

    [Fact]
    public void AboveTheLimitTheOldestExchangeIsCompleted()
    {
        var bench = new ProtocolBench(new EnipProtocol(), new Dictionary<string, string> { ["max-tx"] = "2" });
        bench.Feed([.. Enumerable.Range(1, 3).Select(i => EnipSamples.Client(EnipSamples.Cip(EnipSamples.GetSingle, (byte)i)))]);
        Assert.Equal(["too_many_transactions"], bench.Anomalies());
        Assert.Empty(bench.Anomalies(1));
    }

    private static ProtocolBench Run(params Turn[] turns)
    {
        var bench = new ProtocolBench(new EnipProtocol());
        bench.Feed(turns);
        return bench;
    }
}
