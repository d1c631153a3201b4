using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Ftp;
using BridgeGuard.Engine.Settings;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Ftp;

public sealed class FtpParserTests
{
    private static readonly IpAddress Client = IpAddress.FromV4(0x0a000001);
    private static readonly IpAddress Server = IpAddress.FromV4(0x0a000002);

    private static ProtocolBench Run(params Turn[] turns)
    {
        var bench = new ProtocolBench(new FtpProtocol());
        bench.Feed(turns);
        return bench;
    }

    /// <summary>The expectation that a conversation leaves behind.</summary>
    private static Expectation? Expected(IpAddress initiator, IpAddress listener, ushort port, params Turn[] turns)
    {
        ProtocolState state = new FtpProtocol().CreateState(ProtocolSettings.Empty);
        var expectations = new Expectations();
        var flow = new Flow { Id = 7, Key = new FlowKey(Client, Server, 40000, 21, IpProtocols.Tcp, 4, 0, 0, 0, 0, 0) };
        foreach (Turn turn in turns)
        {
            state.Parse(turn.Bytes, new ParseContext
            {
                Flow = flow,
                Direction = turn.Direction,
                TimeUs = 1,
                Files = new FileTracker(new FileSettings()),
                Expectations = expectations,
            });
        }

        return expectations.Take(new ExpectationKey(initiator, listener, port, IpProtocols.Tcp, 0), 2);
    }

    [Fact]
    public void CommandsAndRepliesAreBuffersAndOneRecord()
    {
        ProtocolBench bench = Run(Turn.Server("220 hi\r\n"), Turn.Client("user bob\r\n"), Turn.Server("331-a\r\n331 pw\r\n"));
        Assert.Equal("USER", bench.Buffer("ftp.command", Direction.ToServer, 1));
        Assert.Equal("bob", bench.Buffer("ftp.command_data", Direction.ToServer, 1));
        Assert.Equal("331", bench.Buffer("ftp.completion_code", Direction.ToClient, 1));
        Assert.Equal("pw", bench.Buffer("ftp.reply", Direction.ToClient, 1, 1));
        Assert.Equal(
            "{\"ftp\":{\"command\":\"USER\",\"command_data\":\"bob\",\"command_truncated\":false,\"completion_code\":[\"331\"],\"reply\":[\"331-a\",\"pw\"],"
            + "\"reply_received\":\"yes\",\"reply_truncated\":false}}",
            bench.Eve(1));
        Assert.Equal("{\"ftp\":{\"completion_code\":[\"220\"],\"reply\":[\"hi\"],\"reply_received\":\"yes\",\"reply_truncated\":false}}", bench.Eve());
    }

    [Fact]
    public void WhatAnswersAPortThatCannotBeReadIsNotShown()
    {
        ProtocolBench bench = Run(Turn.Client("PORT 1,2\r\n"), Turn.Server("500 bad\r\n"));
        Assert.Contains("\"command_data\":\"1,2\",\"command_truncated\":false,\"mode\":\"passive\",\"reply_received\":\"yes\"", bench.Eve());
    }

    [Fact]
    public void RepliesThatNobodyAskedForShowThePortThatWasArranged()
    {
        ProtocolBench bench = Run(Turn.Client("PORT 10,0,0,1,4,5\r\n"), Turn.Server("200 ok  \r\n"), Turn.Server("226 done\r\n"), Turn.Client("NOOP\r\n"), Turn.Server("200 ok\r\n226 done\r\n"));
        Assert.Contains("\"reply\":[\"ok\"],\"dynamic_port\":1029", bench.Eve());
        Assert.Contains("\"reply\":[\"done\"],\"dynamic_port\":1029", bench.Eve(1));
        Assert.DoesNotContain("dynamic_port", bench.Eve(3), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PORT 10,0,0,1,200,10", "200 ok", 51210, "active", false)]
    [InlineData("PORT 10,0,0,9,200,10", "200 ok", 51210, "active", true)]
    [InlineData("EPRT |1|10.0.0.1|6275|", "200 ok", 6275, "active", false)]
    [InlineData("EPRT |2|::ffff:1|6275|", "200 ok", 6275, "active", true)]
    [InlineData("PASV", "227 =10,0,0,2,1,1", 257, "passive", false)]
    [InlineData("EPSV", "229 (|||58612|)", 58612, "passive", false)]
    public void DataConnectionsAreRead(string command, string reply, int port, string mode, bool isBounce)
    {
        var bench = new ProtocolBench(new FtpProtocol());
        bench.Flow.Key = new FlowKey(Client, Server, 40000, 21, IpProtocols.Tcp, 4, 0, 0, 0, 0, 0);
        bench.Feed([Turn.Client(command + "\r\n"), Turn.Server(reply + "\r\n")]);
        Assert.Equal((ulong)port, bench.Field("ftp.dynamic_port", Direction.ToServer));
        Assert.Contains($"\"mode\":\"{mode}\"", bench.Eve());
        KeywordDescriptor bounce = Assert.Single(bench.Protocol.Keywords, k => k.Name == "ftpbounce");
        Assert.Equal(isBounce, bounce.Parse(null, out _)!.Match(bench.Transaction(0), Direction.ToServer, bench.Flow));
    }

    /// <summary>The peer shows the port of PORT with the server's answer, whatever that says.</summary>
    [Theory]
    [InlineData("PORT 10,0,0,1,200,10")]
    [InlineData("EPRT |1|10.0.0.1|51210|")]
    public void AnOfferedPortIsShownWithItsAnswer(string command)
    {
        ProtocolBench bench = Run(Turn.Client(command + "\r\n"));
        Assert.Null(bench.Field("ftp.dynamic_port", Direction.ToServer));
        Assert.Contains("\"mode\":\"passive\"", bench.Eve());
        bench = Run(Turn.Client(command + "\r\n"), Turn.Server("500 no\r\n"));
        Assert.Equal(51210UL, bench.Field("ftp.dynamic_port", Direction.ToClient));
        Assert.Contains("\"mode\":\"active\"", bench.Eve());
    }

    /// <summary>A first command of a few bytes is read with the second: its answer came before it and was told by itself.</summary>
    [Theory]
    [InlineData("OPTS UTF8 ON")]
    [InlineData("AUTH TLS")]
    public void AFirstCommandThatWasAnsweredBeforeItWasReadLeavesTheOrderOfReplies(string command)
    {
        ProtocolBench bench = Run(Turn.Server("220 hi\r\n200 early\r\n"), Turn.Client(command + "\r\nUSER bob\r\n"), Turn.Server("331 please\r\n"));
        Assert.Contains("\"reply\":[\"early\"]", bench.Eve(1));
        Assert.Contains("\"command\":\"USER\",\"command_data\":\"bob\",\"command_truncated\":false,\"completion_code\":[\"331\"]", bench.Eve(2));
    }

    [Theory]
    [InlineData("PORT 10,0,0,1,300,10")]
    [InlineData("PORT 10,0,0,1,0,0")]
    [InlineData("PORT 10,0,0,1")]
    [InlineData("EPRT |1|10.0.0.1|0|")]
    [InlineData("EPRT |1|10.0.0|21|")]
    [InlineData("EPRT |2|1:2:3|21|")]
    [InlineData("EPRT |")]
    public void AddressesThatAreNoneArrangeNothing(string command) =>
        Assert.Null(Run(Turn.Client(command + "\r\n"), Turn.Server("500 no\r\n")).Field("ftp.dynamic_port", Direction.ToServer));

    [Fact]
    public void PassiveDataIsExpectedFromTheClient()
    {
        Expectation? expected = Expected(
            Client, Server, 51210, Turn.Client("PASV\r\n"), Turn.Server("227 (10,0,0,2,200,10)\r\n"), Turn.Client("RETR dir/a b.txt\r\n"));
        Assert.NotNull(expected);
        Assert.Equal(ProtocolId.FtpData, expected.Protocol);
        Assert.Equal(7UL, expected.ParentId);
        Assert.Equal("RETRdir/a b.txt", Encoding.ASCII.GetString(expected.Text.Span));
    }

    [Fact]
    public void ActiveDataIsExpectedFromTheServer() =>
        Assert.NotNull(Expected(Server, Client, 51210, Turn.Client("PORT 10,0,0,1,200,10\r\nSTOR x\r\n")));

    [Fact]
    public void ACommandSentAheadOfTheArrangedPortIsExpectedToo() =>
        Assert.NotNull(Expected(Client, Server, 51210, Turn.Client("EPSV\r\nSTOR x\r\n"), Turn.Server("229 (|||51210|)\r\n")));

    [Fact]
    public void OnePortServesOneCommand() =>
        Assert.Equal("LIST", Encoding.ASCII.GetString(Expected(Server, Client, 51210, Turn.Client("PORT 10,0,0,1,200,10\r\nLIST\r\nRETR x\r\n"))!.Text.Span));

    [Fact]
    public void ExpectationsEndAndAreBounded()
    {
        var expectations = new Expectations();
        for (int i = 0; i < 2 * ExpectationTable.MaxEntries; i++)
        {
            expectations.Add(new ExpectationKey(IpAddress.FromV4((uint)i), Server, 1, 6, 0), ProtocolId.FtpData, 1, nowUs: 0, 0, default);
        }

        Assert.InRange(expectations.Count, ExpectationTable.MaxEntries / 2, ExpectationTable.MaxEntries);
        Assert.Equal(2 * ExpectationTable.MaxEntries, expectations.Count + expectations.Refused);
        Assert.NotNull(expectations.Take(new ExpectationKey(IpAddress.FromV4(5), Server, 1, 6, 0), ExpectationTable.LifetimeUs - 1));
        Assert.Null(expectations.Take(new ExpectationKey(IpAddress.FromV4(6), Server, 1, 6, 0), ExpectationTable.LifetimeUs));
        long refused = expectations.Refused;
        expectations.Add(new ExpectationKey(IpAddress.FromV4(0), Server, 2, 6, 0), ProtocolId.FtpData, 1, ExpectationTable.LifetimeUs, 0, default);
        Assert.Equal(refused, expectations.Refused);
    }

    [Fact]
    public void ADataConnectionIsItsFile()
    {
        var bench = new ProtocolBench(new FtpDataProtocol());
        var expectations = new Expectations();
        var key = new ExpectationKey(Client, Server, 1, 6, 0);
        expectations.Add(in key, ProtocolId.FtpData, 1, 0, "STOR".Length, "STORa.txt"u8);
        bench.Flow.Expectation = expectations.Take(in key, 1);
        bench.Feed(Direction.ToServer, "hello "u8);
        bench.Feed(Direction.ToServer, "file"u8);
        bench.State.OnEnd(new ParseContext { Flow = bench.Flow, Direction = Direction.ToServer, TimeUs = 1, Files = bench.Files, IsEnd = true });
        TrackedFile file = bench.Transaction(0).FilesToServer![0];
        Assert.Equal("a.txt", Encoding.ASCII.GetString(file.Name));
        Assert.Equal(FileState.Closed, file.State);
        Assert.Equal("hello file", Encoding.ASCII.GetString(file.Content.Data));
        Assert.Equal("{\"ftp_data\":{\"filename\":\"a.txt\",\"command\":\"STOR\"}}", bench.Eve());
        TransactionMatcher? stor = bench.Protocol.Keywords[0].Parse("stor", out _);
        Assert.True(stor!.Match(bench.Transaction(0), Direction.ToServer, bench.Flow));
        Assert.Null(bench.Protocol.Keywords[0].Parse("abor", out string error));
        Assert.Contains("expected retr, stor", error);
    }

    [Fact]
    public void AFileDoesNotHideBehindAWordOfTheOtherSide()
    {
        var bench = new ProtocolBench(new FtpDataProtocol());
        var expectations = new Expectations();
        var key = new ExpectationKey(Client, Server, 1, 6, 0);
        expectations.Add(in key, ProtocolId.FtpData, 1, 0, "STOR".Length, "STORa.txt"u8, Direction.ToServer);
        bench.Flow.Expectation = expectations.Take(in key, 1);
        bench.Feed(Direction.ToClient, "decoy"u8);
        bench.Feed(Direction.ToServer, "the "u8);
        bench.Feed(Direction.ToClient, "more"u8);
        bench.Feed(Direction.ToServer, "file"u8);
        bench.State.OnEnd(new ParseContext { Flow = bench.Flow, Direction = Direction.ToServer, TimeUs = 1, Files = bench.Files, IsEnd = true });
        Assert.Equal(2, bench.State.Transactions.Count);
        TrackedFile file = bench.Transaction(1).FilesToServer![0];
        Assert.Equal("the file", Encoding.ASCII.GetString(file.Content.Data));
        Assert.Equal(FileState.Closed, file.State);
        Assert.Equal(FileState.Closed, bench.Transaction(0).FilesToClient![0].State);
    }

    [Fact]
    public void OddConversationsAreReported()
    {
        Assert.Equal(["file_before_port"], Run(Turn.Client("RETR x\r\n")).Anomalies());
        Assert.Equal(["file_before_port"], Run(Turn.Client("PORT 10,0,0,1,4,1\r\nLIST\r\nRETR x\r\n")).Anomalies(2));
        Assert.Empty(Run(Turn.Client("PORT 10,0,0,1,4,1\r\n"), Turn.Server("500 whatever\r\n"), Turn.Client("LIST\r\n")).Anomalies(1));
        Assert.Equal(["file_without_name"], Run(Turn.Client("PASV\r\nRETR\r\n")).Anomalies(1));
        Assert.Equal(["request_command_too_long"], Run(Turn.Client("USER " + new string('a', FtpLimits.MaxLineBytes) + "\r\n")).Anomalies());
        Assert.Empty(Run(Turn.Client("USER " + new string('a', FtpLimits.MaxLineBytes - 6) + "\r\n")).Anomalies());
        Assert.Equal(["response_command_too_long"], Run(Turn.Server("220 " + new string('a', FtpLimits.MaxLineBytes) + "\r\n")).Anomalies());
        Assert.Equal(
            ["too_many_preliminary_responses"],
            Run(Turn.Client("STAT\r\n"), Turn.Server(string.Concat(Enumerable.Repeat("150 x\r\n", 17)))).Anomalies());
    }

    [Fact]
    public void CommandsWithoutReplyAboveTheLimitEndTheParsing()
    {
        var bench = new ProtocolBench(new FtpProtocol(), new Dictionary<string, string> { ["max-tx"] = "2" });
        bench.Feed(Direction.ToServer, "NOOP\r\nNOOP\r\n"u8);
        Assert.False(bench.HasStopped);
        bench.Feed(Direction.ToServer, "NOOP\r\n"u8);
        Assert.True(bench.HasStopped);
        Assert.Equal(["too_many_transactions"], bench.Anomalies(1));
    }

    [Fact]
    public void AuthTlsChangesTheProtocol() =>
        Assert.Equal(new ProtocolChange(true, ProtocolId.Tls), Run(Turn.Client("AUTH TLS\r\n"), Turn.Server("234 go\r\n")).Change);

    [Fact]
    public void UserIsFtpUnlessTheServerGreetsAsPop3()
    {
        var ftp = new FtpProtocol();
        var flow = new Flow { Key = new FlowKey(Client, Server, 1, 2121, IpProtocols.Tcp, 4, 0, 0, 0, 0, 0) };
        Assert.Equal(ProbeStatus.Certain, ftp.Probe("USER x\r\n"u8, Direction.ToServer, flow).Status);
        flow.AppToClient = ProtocolId.Pop3;
        Assert.Equal(ProbeStatus.NotMine, ftp.Probe("USER x\r\n"u8, Direction.ToServer, flow).Status);
    }
}
