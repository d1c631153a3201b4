using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Irc;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Irc;

public sealed class IrcConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new IrcProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            Turn.Client("CAP LS 302\r\nPASS secret\r\nNICK bot\r\nUSER bot 0 * :A real name\r\n"),
            Turn.Server(":irc.example.net NOTICE * :*** Looking up\r\n:irc.example.net 001 bot :Welcome\r\n"),
            Turn.Client("JOIN #room\n@id=1;x=y :bot PRIVMSG #room :hello all\r\n\r\n"),
            Turn.Server("PING :irc.example.net\r\n:irc.example.net 353 bot = #room :bot alice\r\n"),
        ],
    ];

    [Fact]
    public void AMessageIsPrefixCommandAndParameters()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[0]);
        Assert.Equal("""{"irc":{"command":"PRIVMSG","prefix":"bot","parameters":["#room","hello all"]}}""", bench.Eve(7));
        Assert.Equal("hello all", bench.Buffer("irc.parameter", Direction.ToServer, 7, 1));
        Assert.Equal("""{"irc":{"command":"PASS","parameters":["[hidden]"]}}""", bench.Eve(1));
    }

    [Theory]
    [InlineData("NICK bot\r\n", ProbeStatus.Certain)]
    [InlineData("NICK two names\r\n", ProbeStatus.NotMine)]
    [InlineData("USER bot 0 * :Real\r\n", ProbeStatus.Certain)]
    [InlineData("USER anonymous\r\n", ProbeStatus.NotMine)]
    [InlineData("PASS x\r\n", ProbeStatus.Unsure)]
    [InlineData("PASS x\r\nNICK bot\r\n", ProbeStatus.Certain)]
    [InlineData("PASS x\r\nLIST\r\n", ProbeStatus.NotMine)]
    public void AClientIsKnownByHowItOpens(string bytes, ProbeStatus expected) =>
        Assert.Equal(expected, Protocol.Probe(Turn.Client(bytes).Bytes, Direction.ToServer, new ProtocolBench(Protocol).Flow).Status);

    [Theory]
    [InlineData("NOTICE AUTH :*** Checking\r\n", ProbeStatus.Certain)]
    [InlineData(":srv 001 bot :Welcome\r\n", ProbeStatus.Certain)]
    [InlineData(":) hello\r\n", ProbeStatus.NotMine)]
    public void AServerIsKnownByHowItGreets(string bytes, ProbeStatus expected) =>
        Assert.Equal(expected, Protocol.Probe(Turn.Server(bytes).Bytes, Direction.ToClient, new ProtocolBench(Protocol).Flow).Status);

    [Fact]
    public void OddLinesAreNamed()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed([Turn.Client("1234 x\r\n"), Turn.Client("PRIVMSG a :" + new string('x', 600) + "\r\n"), Turn.Client("MODE 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\r\n")]);
        Assert.Equal(["malformed_message"], bench.Anomalies(0));
        Assert.Equal(["line_too_long"], bench.Anomalies(1));
        Assert.Equal(["too_many_parameters"], bench.Anomalies(2));
    }

    [Fact]
    public void StartTlsIsFollowed()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed([Turn.Client("STARTTLS\r\n"), Turn.Server(":srv 670 bot :go on\r\n")]);
        Assert.Equal(ProtocolId.Tls, bench.Change.Expected);
    }
}
