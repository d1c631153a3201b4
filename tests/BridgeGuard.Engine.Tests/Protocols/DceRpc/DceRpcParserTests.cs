using System.Text;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.DceRpc;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.DceRpc;

public sealed class DceRpcParserTests
{
    private static readonly DceRpcSamples Make = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ARequestIsShownWithItsInterfaceInEitherByteOrder(bool littleEndian)
    {
        var make = new DceRpcSamples(littleEndian);
        ProtocolBench bench = Bound(make);
        bench.Feed(Direction.ToServer, make.Request(0, 5, "abc"u8));
        bench.Feed(Direction.ToClient, make.Response(0, "defg"u8));
        Assert.Equal(
            """{"dcerpc":{"request":"REQUEST","req":{"opnum":5,"frag_cnt":1,"stub_data_size":3},"interfaces":[{"uuid":"12345778-1234-abcd-ef00-0123456789ac","version":"1.0","ack_result":0}],"response":"RESPONSE","res":{"frag_cnt":1,"stub_data_size":12},"call_id":2,"rpc_version":"5.0"}}""",
            bench.Eve(1));
        Assert.Equal("abc", bench.Buffer("dcerpc.stub_data", Direction.ToServer, 1));
        Assert.EndsWith("defg", bench.Buffer("dcerpc.stub_data", Direction.ToClient, 1));
    }

    [Theory]
    [InlineData("12345778-1234-abcd-ef00-0123456789ac", true)]
    [InlineData("12345778-1234-abcd-ef00-0123456789ac,=1", true)]
    [InlineData("12345778-1234-abcd-ef00-0123456789ac,>0,any_frag", true)]
    [InlineData("12345778-1234-abcd-ef00-0123456789ac,<2", true)]
    [InlineData("12345778-1234-abcd-ef00-0123456789ac,!1", false)]
    [InlineData("12345778-1234-abcd-ef00-0123456789ad", false)]
    public void InterfacesMatchByUuidAndVersion(string argument, bool expected)
    {
        ProtocolBench bench = Bound(Make);
        bench.Feed(Direction.ToServer, Make.Request(0, 5, "abc"u8));
        Assert.Equal(expected, Matches(bench, "dcerpc.iface", argument, 1));
        Assert.False(Matches(bench, "dcerpc.iface", argument, 0));
    }

    [Fact]
    public void AnInterfaceThatTheServerRefusedDoesNotMatch()
    {
        var bench = new ProtocolBench(new DceRpcProtocol());
        bench.Feed(Direction.ToServer, Make.Bind(0, DceRpcSamples.Samr));
        bench.Feed(Direction.ToClient, Make.Answer(2));
        bench.Feed(Direction.ToServer, Make.Request(0, 5, "abc"u8));
        Assert.False(Matches(bench, "dcerpc.iface", DceRpcSamples.Samr.ToString(), 1));
    }

    [Fact]
    public void ABindThatIsNoFirstFragmentNeedsAnyFrag()
    {
        var bench = new ProtocolBench(new DceRpcProtocol());
        bench.Feed(Direction.ToServer, Make.Bind(0, DceRpcSamples.Samr, flags: 0));
        bench.Feed(Direction.ToClient, Make.Answer(0));
        bench.Feed(Direction.ToServer, Make.Request(0, 5, "abc"u8));
        Assert.False(Matches(bench, "dcerpc.iface", DceRpcSamples.Samr.ToString(), 1));
        Assert.True(Matches(bench, "dcerpc.iface", DceRpcSamples.Samr + ",any_frag", 1));
    }

    [Theory]
    [InlineData("5", true)]
    [InlineData("1-4,5", true)]
    [InlineData("4-9", true)]
    [InlineData("6", false)]
    [InlineData("65536", false)]
    public void OperationsMatchListsAndRanges(string argument, bool expected)
    {
        ProtocolBench bench = Bound(Make);
        bench.Feed(Direction.ToServer, Make.Request(0, 5, "abc"u8));
        Assert.Equal(expected, Matches(bench, "dcerpc.opnum", argument, 1));
    }

    [Theory]
    [InlineData("dcerpc.opnum", "!5")]
    [InlineData("dcerpc.opnum", "5-3")]
    [InlineData("dcerpc.opnum", "5,")]
    [InlineData("dcerpc.opnum", "x")]
    [InlineData("dcerpc.iface", "12345778-1234-abcd-ef00-0123456789a")]
    [InlineData("dcerpc.iface", "12345778-1234-abcd-ef00-0123456789ac,=65536")]
    [InlineData("dcerpc.iface", "12345778-1234-abcd-ef00-0123456789ac,<0")]
    [InlineData("dcerpc.iface", "12345778-1234-abcd-ef00-0123456789ac,any_frag,=1")]
    public void WrongArgumentsAreRefusedWithAReason(string keyword, string argument)
    {
        Assert.Null(Keyword(keyword).Parse(argument, out string error));
        Assert.NotEmpty(error);
    }

    [Fact]
    public void AResponseWithoutRequestIsShownAsSuch()
    {
        var bench = new ProtocolBench(new DceRpcProtocol());
        bench.Feed(Direction.ToClient, Make.Answer(0));
        Assert.Contains("\"request\":\"REQUEST_LOST\"", bench.Eve());
        Assert.Equal(0, bench.Transaction(0).ProgressToServer);
        bench.Gap(Direction.ToServer, 100);
        Assert.Equal(1, bench.Transaction(0).ProgressToServer);
    }

    [Fact]
    public void AGapInsideAPduCostsThatPduOnly()
    {
        ProtocolBench bench = Bound(Make);
        byte[] lost = Make.Request(0, 5, new byte[100]);
        bench.Feed(Direction.ToServer, lost.AsSpan(0, 40));
        bench.Gap(Direction.ToServer, 50);
        bench.Feed(Direction.ToServer, [.. lost[90..], .. Make.Request(0, 6, "after"u8, call: 3)]);
        Assert.Equal("after", bench.Buffer("dcerpc.stub_data", Direction.ToServer, 1));
    }

    [Fact]
    public void StubDataIsKeptUpToTheLimit()
    {
        var bench = new ProtocolBench(new DceRpcProtocol(), new Dictionary<string, string> { ["max-stub-size"] = "4" });
        bench.Feed(Direction.ToServer, Make.Request(0, 6, "123456"u8));
        Assert.Equal("1234", bench.Buffer("dcerpc.stub_data", Direction.ToServer));
    }

    [Fact]
    public void TooManyOpenTransactionsEndTheParsing()
    {
        var bench = new ProtocolBench(new DceRpcProtocol(), new Dictionary<string, string> { ["max-tx"] = "2" });
        bench.Feed(Direction.ToServer, [.. Make.Request(0, 1, "a"u8), .. Make.Request(0, 1, "a"u8)]);
        Assert.False(bench.HasStopped);
        bench.Feed(Direction.ToServer, Make.Request(0, 1, "a"u8));
        Assert.True(bench.HasStopped);
    }

    [Theory]
    [InlineData("05000b0310000000740000001b000000", Direction.ToServer, ProbeStatus.Certain, false)]
    [InlineData("05000b0310000000740000001b000000", Direction.ToClient, ProbeStatus.Certain, true)]
    [InlineData("05000c0310000000740000001b000000", Direction.ToClient, ProbeStatus.Certain, false)]
    [InlineData("05000b03100000000f0000001b000000", Direction.ToServer, ProbeStatus.NotMine, false)]
    [InlineData("05001403100000007f0000001b000000", Direction.ToServer, ProbeStatus.NotMine, false)]
    [InlineData("0500", Direction.ToServer, ProbeStatus.Unsure, false)]
    public void StreamsAreRecognisedByTheirHeader(string hex, Direction direction, ProbeStatus status, bool reversed)
    {
        var flow = new Flow { Key = new FlowKey(default, default, 40000, 135, IpProtocols.Tcp, 4, 0, 0, 0, 0, 0) };
        Assert.Equal(new ProbeResult(status, reversed), new DceRpcProtocol().Probe(Convert.FromHexString(hex), direction, flow));
    }

    [Fact]
    public void FragmentsOfADatagramCallAreOneTransaction()
    {
        ProtocolState state = new DceRpcProtocol().CreateState(ProtocolSettings.Empty);
        var flow = new Flow { Key = new FlowKey(default, default, 40000, 1025, IpProtocols.Udp, 4, 0, 0, 0, 0, 0) };
        var bench = new ProtocolBench(new DceRpcProtocol());
        Feed(Direction.ToServer, Make.Datagram(0, 9, 0, 0x24, "one"u8));
        Feed(Direction.ToServer, Make.Datagram(0, 9, 1, 0x26, "two"u8));
        Feed(Direction.ToClient, Make.Datagram(2, 9, 0, 0x00, "reply"u8));
        Feed(Direction.ToClient, Make.Datagram(1, 10, 0, 0x00, "ping"u8));
        Assert.Equal(1, state.Transactions.Count);
        Transaction transaction = state.Transactions[0];
        Assert.Equal((1, 1), (transaction.ProgressToServer, transaction.ProgressToClient));
        Assert.True(transaction.TryGetBuffer(0, Direction.ToServer, 0, out BufferView view));
        Assert.Equal("onetwo", Encoding.ASCII.GetString(view.Data));
        Assert.True(Keyword("dcerpc.opnum").Parse("3", out _)!.Match(transaction, Direction.ToServer, flow));

        void Feed(Direction direction, byte[] bytes) => state.Parse(
            bytes, new ParseContext { Flow = flow, Direction = direction, TimeUs = 1, Files = bench.Files });
    }

    private static ProtocolBench Bound(DceRpcSamples make)
    {
        var bench = new ProtocolBench(new DceRpcProtocol());
        bench.Feed(Direction.ToServer, make.Bind(0, DceRpcSamples.Samr));
        bench.Feed(Direction.ToClient, make.Answer(0));
        return bench;
    }

    private static KeywordDescriptor Keyword(string name) => new DceRpcProtocol().Keywords.Single(k => k.Name == name);

    private static bool Matches(ProtocolBench bench, string keyword, string argument, int transaction) =>
        Keyword(keyword).Parse(argument, out _)!.Match(bench.Transaction(transaction), Direction.ToServer, bench.Flow);
}
