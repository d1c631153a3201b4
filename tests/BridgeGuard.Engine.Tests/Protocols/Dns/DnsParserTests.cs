using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Dns;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Dns;

public sealed class DnsParserTests
{
    private readonly ProtocolBench _bench = new(new DnsProtocol()) { IsDatagram = true };

    public DnsParserTests() => _bench.Flow.Key = _bench.Flow.Key with { Protocol = IpProtocols.Udp };

    [Fact]
    public void NamesOfAllSectionsCanBeMatched()
    {
        _bench.Feed(Direction.ToClient, DnsSamples.Message(
            0x8180,
            [DnsSamples.Question("q.example", 1)],
            [DnsSamples.Record([0xc0, 0x0c], 5, 1, DnsSamples.Name("c.example"))],
            [DnsSamples.Record(DnsSamples.Name("auth.example"), 2, 1, DnsSamples.Name("ns.example"))],
            [DnsSamples.Record(DnsSamples.Name("add.example"), 1, 1, [1, 2, 3, 4])]));
        Assert.Equal("q.example", _bench.Buffer("dns.queries.rrname", Direction.ToClient));
        Assert.Equal("q.example", _bench.Buffer("dns.answers.rrname", Direction.ToClient));
        Assert.Equal("auth.example", _bench.Buffer("dns.authorities.rrname", Direction.ToClient));
        Assert.Equal("add.example", _bench.Buffer("dns.additionals.rrname", Direction.ToClient));
        string?[] names = [.. Enumerable.Range(0, 6).Select(i => _bench.Buffer("dns.response.rrname", Direction.ToClient, index: i))];
        Assert.Equal(["q.example", "q.example", "c.example", "auth.example", "ns.example", "add.example"], names);
        Assert.Null(_bench.Buffer("dns.query", Direction.ToServer));
    }

    [Fact]
    public void PointersThatLoopAreRefused()
    {
        byte[] message = [.. DnsSamples.Message(0x0100, []).AsSpan(0, 4), 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 0x0c, 0, 1, 0, 1];
        _bench.Feed(Direction.ToServer, message);
        Assert.Equal(0, _bench.State.Transactions.Count);
    }

    [Fact]
    public void ANameOverTheLimitIsCutAndNamed()
    {
        string name = string.Join('.', Enumerable.Repeat(new string('a', 60), 20));
        _bench.Feed(Direction.ToServer, DnsSamples.Message(0x0100, [DnsSamples.Question(name, 1)]));
        Assert.Contains("name_too_long", _bench.Anomalies());
        Assert.InRange(_bench.Buffer("dns.query", Direction.ToServer)!.Length, 900, 1025);
    }

    [Theory]
    [InlineData(0x0140, "z_flag_set")]
    [InlineData(0x4900, "invalid_opcode")]
    [InlineData(0x8180, "not_request")]
    public void OddHeadersAreNamed(ushort flags, string anomaly)
    {
        _bench.Feed(Direction.ToServer, DnsSamples.Message(flags, [DnsSamples.Question("a.b", 1)]));
        Assert.Contains(anomaly, _bench.Anomalies());
    }

    [Fact]
    public void BrokenAdditionalsAreNamedAndTheRestIsShown()
    {
        byte[] message = DnsSamples.Message(0x0100, [DnsSamples.Question("a.b", 1)], null, null, [[0xff, 0xff]]);
        _bench.Feed(Direction.ToServer, message);
        Assert.Contains("invalid_additionals", _bench.Anomalies());
        Assert.Equal("a.b", _bench.Buffer("dns.query", Direction.ToServer));
    }

    [Fact]
    public void PointersThatMultiplyNamesAreBounded()
    {
        byte[][] records = [.. Enumerable.Range(0, 4000).Select(_ => DnsSamples.Record([0xc0, 0x0c], 1, 1, [1, 2, 3, 4]))];
        string name = string.Join('.', Enumerable.Repeat(new string('a', 60), 16));
        _bench.Feed(Direction.ToClient, DnsSamples.Message(0x8180, [DnsSamples.Question(name, 1)], records));
        var transaction = (DnsTransaction)_bench.Transaction(0);
        Assert.Equal(4001, transaction.RecordCount);
        Assert.InRange(transaction.Names.Length, 1, DnsLimits.MaxNamesBytes + (2 * DnsLimits.MaxNameBytes));
    }

    [Fact]
    public void EveHasVersion3sForm()
    {
        _bench.Feed(Direction.ToClient, DnsSamples.Message(0x8183, [DnsSamples.Question("a.b", 1)], [DnsSamples.Record([0xc0, 0x0c], 1, 7, [1, 2, 3, 4])]));
        Assert.Equal(
            """{"dns":{"version":3,"type":"response","tx_id":0,"id":4660,"flags":"8183","qr":true,"rd":true,"ra":true,"opcode":0,"rcode":"NXDOMAIN","queries":[{"rrname":"a.b","rrtype":"A"}],"answers":[{"rrname":"a.b","rrtype":"A","ttl":7,"rdata":"1.2.3.4"}],"grouped":{"A":["1.2.3.4"]}}}""",
            _bench.Eve());
    }

    [Theory]
    [InlineData(0x0100, Direction.ToServer, false)]
    [InlineData(0x8180, Direction.ToServer, true)]
    [InlineData(0x8180, Direction.ToClient, false)]
    public void ProbeTellsAReversedFlow(ushort flags, Direction direction, bool reversed)
    {
        byte[] message = DnsSamples.Message(flags, [DnsSamples.Question("a.b", 1)]);
        ProbeResult result = new DnsProtocol().Probe(message, direction, new Flow { Key = _bench.Flow.Key });
        Assert.Equal(new ProbeResult(ProbeStatus.Certain, reversed), result);
    }
}
