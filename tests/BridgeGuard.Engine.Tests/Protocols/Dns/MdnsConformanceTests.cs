using System.Buffers.Binary;
using System.Text.Json;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Dns;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Dns;

/// <summary>Multicast DNS: datagrams of a service that announces itself and of one who asks for it.</summary>
public sealed class MdnsConformanceTests : ProtocolConformanceTests
{
    private const ushort Pointer = 12;
    private const ushort Text = 16;
    private const ushort Service = 33;

    protected override Protocol Protocol { get; } = new MdnsProtocol();

    protected override void Renumber(byte[] turn, uint number) => BinaryPrimitives.WriteUInt16BigEndian(turn, (ushort)number);

    private static byte[] Announcement => DnsSamples.Message(
        0x8400,
        [],
        [DnsSamples.Record(DnsSamples.Name("_http._tcp.local"), Pointer, 4500, DnsSamples.Name("web._http._tcp.local"))],
        [],
        [
            DnsSamples.Record(DnsSamples.Name("web._http._tcp.local"), Service, 120, [0, 1, 0, 2, 0, 80, .. DnsSamples.Name("host.local")]),
            DnsSamples.Record(DnsSamples.Name("web._http._tcp.local"), Text, 4500, [6, .. "path=/"u8, 3, .. "a=b"u8]),
            DnsSamples.Record(DnsSamples.Name("host.local"), 1, 120, [192, 0, 2, 7]),
        ]);

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [new Turn(Direction.ToServer, DnsSamples.Message(0, [DnsSamples.Question("_http._tcp.local", Pointer)])), new Turn(Direction.ToServer, Announcement)],

        // A probe (RFC 6762 §8.1): the records that are about to be claimed are in the authority section.
        [
            new Turn(Direction.ToServer, DnsSamples.Message(0, [DnsSamples.Question("host.local", 255)], [], [DnsSamples.Record(DnsSamples.Name("host.local"), 1, 120, [192, 0, 2, 7])])),
        ],
        [new Turn(Direction.ToClient, Announcement)],
    ];

    [Fact]
    public void AnAnnouncementIsAResponseWhicheverWayItGoes()
    {
        foreach (Direction direction in (Direction[])[Direction.ToServer, Direction.ToClient])
        {
            ProtocolBench bench = Bench(new Turn(direction, Announcement));
            Assert.Empty(bench.Anomalies());
            JsonElement mdns = Record(bench);
            Assert.Equal("response", mdns.GetProperty("type").GetString());
            Assert.Equal(["aa"], mdns.GetProperty("flags").EnumerateArray().Select(flag => flag.GetString()));
            Assert.Equal("web._http._tcp.local", mdns.GetProperty("answers")[0].GetProperty("ptr").GetString());
            JsonElement additionals = mdns.GetProperty("additionals");
            Assert.Equal(80, additionals[0].GetProperty("srv").GetProperty("port").GetInt32());
            Assert.Equal(["path=/", "a=b"], additionals[1].GetProperty("txt").EnumerateArray().Select(part => part.GetString()));
            Assert.Equal("192.0.2.7", additionals[2].GetProperty("a").GetString());
        }
    }

    [Fact]
    public void NamesAreBuffers()
    {
        ProtocolBench bench = Bench(new Turn(Direction.ToServer, DnsSamples.Message(0, [DnsSamples.Question("_http._tcp.local", Pointer), DnsSamples.Question("host.local", 1)])), new Turn(Direction.ToServer, Announcement));
        Assert.Equal("_http._tcp.local", bench.Buffer("mdns.queries.rrname", Direction.ToServer));
        Assert.Equal("host.local", bench.Buffer("mdns.queries.rrname", Direction.ToServer, index: 1));
        Assert.Equal("_http._tcp.local", bench.Buffer("mdns.answers.rrname", Direction.ToServer, transaction: 1));
        Assert.Equal("web._http._tcp.local", bench.Buffer("mdns.additionals.rrname", Direction.ToServer, transaction: 1));
    }

    [Fact]
    public void OnlyItsPortIsAsked()
    {
        ProbePort port = Assert.Single(Protocol.ProbePorts);
        Assert.Equal((IpProtocols.Udp, (ushort)5353), (port.Transport, port.First));
        Assert.Equal(ProbeResult.Certain, Protocol.Probe(Announcement, Direction.ToServer, new Flow()));
        Assert.Equal(ProbeResult.NotMine, Protocol.Probe("no message of DNS"u8, Direction.ToServer, new Flow()));
    }

    [Fact]
    public void AMessageThatCannotBeReadDoesNotEndTheFlow()
    {
        byte[] loop = DnsSamples.Message(0, [[0xc0, 12, 0, 1, 0, 1]]);
        ProtocolBench bench = Bench(new Turn(Direction.ToServer, loop), new Turn(Direction.ToServer, Announcement));
        Assert.Equal("response", JsonDocument.Parse(bench.Eve(bench.State.Transactions.Count - 1)).RootElement.GetProperty("mdns").GetProperty("type").GetString());
    }

    private ProtocolBench Bench(params Turn[] turns)
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(turns);
        return bench;
    }

    private static JsonElement Record(ProtocolBench bench) => JsonDocument.Parse(bench.Eve()).RootElement.GetProperty("mdns");
}
