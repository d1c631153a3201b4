using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.BitTorrentDht;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.BitTorrentDht;

public sealed class BitTorrentDhtConformanceTests : ProtocolConformanceTests
{
    private const string Id = "2:id20:abcdefghij0123456789";

    protected override Protocol Protocol { get; } = new BitTorrentDhtProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [Turn.Client($"d1:ad{Id}e1:q4:ping1:t2:aa1:y1:qe"), Turn.Server($"d1:rd{Id}e1:t2:aa1:y1:re")],
        [
            Turn.Client($"d1:ad{Id}12:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token3:xyze1:q13:announce_peer1:t2:aa1:v2:UT1:y1:qe"),
            Turn.Server("d1:eli201e5:Helloe1:t2:aa1:y1:ee"),
        ],
        [Turn.Server($"d1:rd{Id}5:token3:abc6:valuesl6:\u0001\u0002\u0003\u0004\u001a\u00e1ee1:t2:aa1:y1:re")],
    ];

    [Fact]
    public void PeersAreShownWithTheirAddresses()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[2]);
        Assert.Contains("\"values\":[{\"ip\":\"1.2.3.4\",\"port\":6881}]", bench.Eve(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("d1:ad2:id20:abcdefghij0123456789e1:q4:pin")]
    [InlineData("d1:ad2:id20:abcdefghij0123456789e1:t2:aa1:y1:qe")]
    [InlineData("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:xe")]
    [InlineData("d1:ad2:id20:abcdefghij01234567894:porti70000ee1:q4:ping1:t2:aa1:y1:qe")]
    public void AMessageThatCannotBeReadIsAnEmptyTransactionWithAnAnomaly(string message)
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Direction.ToServer, Encoding.Latin1.GetBytes(message));
        Assert.Equal(["malformed_packet"], bench.Anomalies());
        Assert.Equal("""{"bittorrent_dht":{"transaction_id":""}}""", bench.Eve());
    }

    [Fact]
    public void DeepNestingIsRefused()
    {
        string deep = new string('l', 5000) + new string('e', 5000);
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Direction.ToServer, Encoding.Latin1.GetBytes($"d1:ad{Id}1:z{deep}e1:q4:ping1:t2:aa1:y1:qe"));
        Assert.Equal(["malformed_packet"], bench.Anomalies());
    }
}
