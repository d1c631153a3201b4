using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Dnp3;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Dnp3;

/// <summary>Checksums, segments, objects, keywords, anomalies and limits of DNP3.</summary>
public sealed class Dnp3Tests
{
    [Fact]
    public void TheChecksumIsThatOfTheStandard() =>
        Assert.Equal(0x21e9, Dnp3Tables.Crc([0x05, 0x64, 0x05, 0xc0, 0x01, 0x00, 0x00, 0x04]));

    [Fact]
    public void SegmentsBecomeOneMessage()
    {
        byte[] application = Dnp3Samples.Request(2, [.. Enumerable.Repeat((byte[])[50, 1, 7, 1, 1, 2, 3, 4, 5, 6], 40).SelectMany(o => o)]);
        ProtocolBench bench = Run(Dnp3Samples.Client(application));
        Assert.Equal(1, bench.State.Transactions.Count);
        Assert.Equal(application.Length, bench.Buffer("dnp3.data", Direction.ToServer)!.Length);
        Assert.Contains("\"timestamp\":6618611909121", bench.Eve(), StringComparison.Ordinal);
        Assert.Contains("\"complete\":true", bench.Eve(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { 1, 2, 0, 7, 7, 0x81 }, "\"points\":[{\"prefix\":0,\"index\":7,\"online\":1,\"restart\":0,\"comm_lost\":0,\"remote_forced\":0,\"local_forced\":0,\"chatter_filter\":0,\"reserved\":0,\"state\":1}]")]
    [InlineData(new byte[] { 3, 1, 0, 0, 4, 0xe4, 2 }, "{\"prefix\":0,\"index\":3,\"state\":3},{\"prefix\":0,\"index\":4,\"state\":2}")]
    [InlineData(new byte[] { 30, 4, 0x28, 1, 0, 9, 0, 0xfe, 0xff }, "{\"prefix\":9,\"index\":9,\"value\":18446744073709551614}")]
    [InlineData(new byte[] { 30, 5, 7, 1, 1, 0, 0, 0x80, 0x3f }, "\"value\":1}")]
    [InlineData(new byte[] { 30, 5, 7, 1, 1, 0, 0, 0x80, 0x7f }, "\"value\":null}")]
    [InlineData(new byte[] { 120, 9, 0x5b, 1, 3, 0, 1, 2, 3 }, "{\"prefix\":3,\"index\":0,\"size\":3,\"data->mac_value\":\"AQID\"}")]
    [InlineData(new byte[] { 60, 2, 6 }, "\"objects\":[{\"group\":60,\"variation\":2,\"qualifier\":6,\"prefix_code\":0,\"range_code\":6,\"start\":0,\"stop\":0,\"count\":0}]")]
    public void ObjectsAreShownByTheirFields(byte[] objects, string expected)
    {
        string eve = Run(Dnp3Samples.Client(Dnp3Samples.Request(2, objects))).Eve();
        Assert.Contains(expected, eve, StringComparison.Ordinal);
        Assert.Contains("\"complete\":true", eve, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dnp3_func", "response", true)]
    [InlineData("dnp3_func", "129", true)]
    [InlineData("dnp3_func", "read", false)]
    [InlineData("dnp3_ind", "device_restart", true)]
    [InlineData("dnp3_ind", "need_time,device_restart", true)]
    [InlineData("dnp3_ind", "need_time", false)]
    [InlineData("dnp3_ind", "0x8000", true)]
    [InlineData("dnp3_obj", "1,2", true)]
    [InlineData("dnp3_obj", "1,1", false)]
    public void KeywordsMatch(string keyword, string argument, bool isMatch)
    {
        ProtocolBench bench = Run(Dnp3Samples.Server(Dnp3Samples.Response(0x80, 0, 1, 2, 7, 1, 0)));
        TransactionMatcher matcher = bench.Protocol.Keywords.Single(k => k.Name == keyword).Parse(argument, out _)!;
        Assert.Equal(isMatch, matcher.Match(bench.Transaction(0), Direction.ToClient, bench.Flow));
    }

    [Theory]
    [InlineData("dnp3_func", "300")]
    [InlineData("dnp3_ind", "reed")]
    [InlineData("dnp3_obj", "1")]
    [InlineData("dnp3_obj", "1,256")]
    public void ArgumentsThatMeanNothingAreRefused(string keyword, string argument)
    {
        Assert.Null(new Dnp3Protocol().Keywords.Single(k => k.Name == keyword).Parse(argument, out string error));
        Assert.NotEmpty(error);
    }

    [Fact]
    public void WrongChecksumsAreNamedAndPassedOver()
    {
        byte[] header = Dnp3Samples.Frames(Dnp3Samples.Request(1, 60, 2, 6), 0xc4);
        header[8] ^= 1;
        byte[] block = Dnp3Samples.Frames(Dnp3Samples.Request(1, 60, 2, 6), 0xc4);
        block[^1] ^= 1;
        ProtocolBench bench = Run(new Turn(Direction.ToServer, header), new Turn(Direction.ToServer, block), Dnp3Samples.Client(Dnp3Samples.Request(1, 60, 2, 6)));
        Assert.Equal(["bad_link_crc"], bench.Anomalies(0));
        Assert.Equal(["bad_transport_crc"], bench.Anomalies(1));
        Assert.Empty(bench.Anomalies(2));
    }

    [Theory]
    [InlineData(new byte[] { 99, 1, 7, 1, 0 }, "unknown_object")]
    [InlineData(new byte[] { 1, 77, 7, 1, 0 }, "unknown_object")]
    public void ObjectsThatAreNotKnownAreNamed(byte[] objects, string anomaly) =>
        Assert.Equal([anomaly], Run(Dnp3Samples.Client(Dnp3Samples.Request(2, objects))).Anomalies());

    [Fact]
    public void AShortFrameIsNamed() =>
        Assert.Equal(["len_too_small"], Run(new Turn(Direction.ToServer, Dnp3Samples.Frame([0xc0], 0xc4))).Anomalies());

    [Theory]
    [InlineData("max-points", "too_many_points")]
    [InlineData("max-objects", "too_many_objects")]
    public void LimitsHold(string setting, string anomaly)
    {
        byte[] two = [50, 1, 7, 1, 1, 2, 3, 4, 5, 6, 50, 1, 7, 1, 1, 2, 3, 4, 5, 6];
        byte[] three = [.. two, .. two[..10]];
        Assert.Empty(RunWith(setting, "2", Dnp3Samples.Client(Dnp3Samples.Request(2, two))).Anomalies());
        Assert.Equal([anomaly], RunWith(setting, "2", Dnp3Samples.Client(Dnp3Samples.Request(2, three))).Anomalies());
    }

    [Fact]
    public void MoreTransactionsThanTheLimitAreAFlood()
    {
        Turn turn = Dnp3Samples.Client(Dnp3Samples.Request(1, 60, 2, 6));
        ProtocolBench bench = RunWith("max-tx", "2", turn, turn, turn);
        Assert.Empty(bench.Anomalies(1));
        Assert.Equal(["flooded"], bench.Anomalies(2));
    }

    [Fact]
    public void AMessageAboveTheLimitIsGivenUp()
    {
        var bench = new ProtocolBench(new Dnp3Protocol());
        byte[] segment = new byte[249];
        for (int i = 0; i * 249 <= Dnp3Limits.MaxApplicationBytes; i++)
        {
            bench.Feed(Direction.ToServer, Dnp3Samples.Frame([(byte)((i & 0x3f) | (i == 0 ? 0x40 : 0)), .. i == 0 ? Dnp3Samples.Request(2, segment[2..]) : segment], 0xc4));
        }

        Assert.Equal(["too_long_reassembly"], bench.Anomalies());
    }

    private static ProtocolBench Run(params Turn[] turns) => RunWith("max-tx", "32", turns);

    private static ProtocolBench RunWith(string setting, string value, params Turn[] turns)
    {
        var bench = new ProtocolBench(new Dnp3Protocol(), new Dictionary<string, string> { [setting] = value });
        bench.Feed(turns);
        return bench;
    }
}
