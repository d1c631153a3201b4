using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Pop3;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Pop3;

public sealed class Pop3ParserTests
{
    private static ProtocolBench Run(params Turn[] turns)
    {
        var bench = new ProtocolBench(new Pop3Protocol());
        bench.Feed(turns);
        return bench;
    }

    [Fact]
    public void LinesOfAResponseAreUnstuffed()
    {
        ProtocolBench bench = Run(Turn.Client("TOP 1 0\r\n"), Turn.Server("+OK x\r\na\r\n\r\n..b\r\n.\r\n"));
        Assert.Equal(
            "{\"pop3\":{\"request\":{\"command\":\"TOP\",\"args\":[\"1\",\"0\"]},\"response\":{\"success\":true,\"status\":\"OK\",\"header\":\"x\",\"data\":[\"a\",\"\",\".b\"]}}}",
            bench.Eve());
    }

    [Fact]
    public void ARefusedListHasNoLines()
    {
        ProtocolBench bench = Run(Turn.Client("LIST\r\nNOOP\r\n"), Turn.Server("-ERR no\r\n+OK\r\n"));
        Assert.Contains("\"status\":\"ERR\",\"header\":\"no\",\"data\":[]", bench.Eve());
        Assert.Contains("\"success\":true", bench.Eve(1));
    }

    [Fact]
    public void ALineOfAnAuthenticationIsNoCommand()
    {
        ProtocolBench bench = Run(Turn.Client("AUTH PLAIN\r\n"), Turn.Server("+ \r\n"), Turn.Client("QUIT\r\n"), Turn.Server("+OK\r\n"), Turn.Client("QUIT\r\n"));
        Assert.Contains("<SASL DATA>", bench.Eve(1));
        Assert.Contains("\"command\":\"QUIT\"", bench.Eve(2));
    }

    [Fact]
    public void AMailIsReadOverAndNotShown()
    {
        ProtocolBench bench = Run(Turn.Client("RETR 1\r\nNOOP\r\n"), Turn.Server("+OK\r\nSubject: x\r\n\r\nfoo\r\n.\r\n+OK y\r\n"));
        Assert.Equal("{\"pop3\":{\"request\":{\"command\":\"RETR\",\"args\":[\"1\"]}}}", bench.Eve());
        Assert.Contains("\"header\":\"y\"", bench.Eve(1));
    }

    [Theory]
    [InlineData("USER\r\n", "incorrect_argument_count")]
    [InlineData("NOOP x\r\n", "incorrect_argument_count")]
    [InlineData("XTND XMIT\r\n", "unknown_command")]
    public void OddCommandsAreReported(string line, string anomaly) => Assert.Equal([anomaly], Run(Turn.Client(line)).Anomalies());

    [Theory]
    [InlineData("XFOO\r\n", "+OK hi\r\nline\r\n.\r\n", false)]
    [InlineData("LIST 1\r\n", "+OK 1 120\r\n1 120\r\n.\r\n", false)]
    [InlineData("NOOP\r\n", "+OK\r\n.\r\n", false)]
    [InlineData("NOOP\r\n", "+OK\r\nno dot behind it\r\n", true)]
    [InlineData("NOOP\r\n", "neither yes nor no\r\n", true)]
    public void LinesThatOnlyThisServerSendsDoNotEndTheParsing(string command, string response, bool ends)
    {
        ProtocolBench bench = Run(Turn.Client(command), Turn.Server(response), Turn.Client("USER ann\r\n"));
        Assert.Equal(ends, bench.HasStopped);
        Assert.Equal(ends ? 1 : 2, bench.State.Transactions.Count);
    }

    [Fact]
    public void LongLinesAreReportedFromTheLimitOn()
    {
        Assert.Empty(Run(Turn.Client("USER " + new string('a', Pop3Limits.MaxCommandBytes - 7) + "\r\n")).Anomalies());
        Assert.Equal(["request_too_long"], Run(Turn.Client("USER " + new string('a', Pop3Limits.MaxCommandBytes - 6) + "\r\n")).Anomalies());
        Assert.Empty(Run(Turn.Server("+OK " + new string('a', Pop3Limits.MaxResponseBytes - 6) + "\r\n")).Anomalies());
        Assert.Equal(["response_too_long"], Run(Turn.Server("+OK " + new string('a', Pop3Limits.MaxResponseBytes - 5) + "\r\n")).Anomalies());
    }

    [Fact]
    public void CommandsWithoutResponseAboveTheLimitEndTheParsing()
    {
        var bench = new ProtocolBench(new Pop3Protocol(), new Dictionary<string, string> { ["max-tx"] = "2" });
        bench.Feed([Turn.Client("NOOP\r\nNOOP\r\nNOOP\r\n"), Turn.Server("+OK\r\n")]);
        Assert.False(bench.HasStopped);
        bench.Feed([Turn.Client("NOOP\r\n")]);
        Assert.True(bench.HasStopped);

        // The one that has its answer waits for nothing.
        Assert.Equal([[], ["too_many_transactions"], ["too_many_transactions"]], Enumerable.Range(0, bench.State.Transactions.Count).Select(bench.Anomalies));
    }

    [Fact]
    public void StlsChangesTheProtocol() =>
        Assert.Equal(new ProtocolChange(true, ProtocolId.Tls), Run(Turn.Client("STLS\r\n"), Turn.Server("+OK\r\n")).Change);
}
