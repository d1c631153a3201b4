using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Pgsql;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Pgsql;

/// <summary>Buffer, records, anomalies, limits and the change to TLS.</summary>
public sealed class PgsqlTests
{
    [Fact]
    public void AQueryIsABufferAndARecordWithItsAnswer()
    {
        ProtocolBench bench = Run(
            PgsqlConformanceTests.Client(PgsqlConformanceTests.Query("select 1")),
            PgsqlConformanceTests.Server([.. PgsqlConformanceTests.RowDescription, .. PgsqlConformanceTests.Row, .. PgsqlConformanceTests.Message('C', PgsqlConformanceTests.Zero("SELECT 1")), .. PgsqlConformanceTests.Ready]));
        Assert.Equal("select 1", bench.Buffer("pgsql.query", Direction.ToServer));
        Assert.Contains(
            "{\"tx_id\":1,\"request\":{\"simple_query\":\"select 1\"},\"response\":{\"row_description_malformed\":false,\"field_count\":1,\"data_rows\":1,\"data_size\":3,\"command_completed\":\"SELECT 1\"}}",
            bench.Eve(),
            StringComparison.Ordinal);
        Assert.Equal(1, bench.Transaction(0).ProgressToClient);
    }

    [Fact]
    public void StartupShowsItsParameters()
    {
        string eve = Run(PgsqlConformanceTests.Client(PgsqlConformanceTests.Startup("user", "u", "DateStyle", "ISO", "x", "y"))).Eve();
        Assert.Contains("\"protocol_version\":\"3.0\",\"startup_parameters\":{\"user\":\"u\",\"optional_parameters\":[{\"date_style\":\"ISO\"},{\"x\":\"y\"}]}", eve, StringComparison.Ordinal);
    }

    [Fact]
    public void APasswordIsNotShownUnlessAsked()
    {
        string eve = Run(PgsqlConformanceTests.Client(PgsqlConformanceTests.Message('p', PgsqlConformanceTests.Zero("secret")))).Eve();
        Assert.Contains("\"password_redacted\":true", eve, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", eve, StringComparison.Ordinal);
    }

    [Fact]
    public void AnAcceptedSslRequestChangesToTls()
    {
        ProtocolBench bench = Run(PgsqlConformanceTests.Client(PgsqlConformanceTests.Ssl), PgsqlConformanceTests.Server("S"u8));
        Assert.Equal(new ProtocolChange(true, ProtocolId.Tls), bench.Change);
        Assert.Contains("\"ssl_accepted\":true", bench.Eve(), StringComparison.Ordinal);
    }

    [Fact]
    public void ARowOfAnySizeIsCountedWithoutBeingKept()
    {
        ProtocolBench bench = Run(PgsqlConformanceTests.Client(PgsqlConformanceTests.Query("q")));
        bench.Feed(Direction.ToClient, [(byte)'D', 0x00, 0x10, 0x00, 0x00, 0, 1]);
        Assert.Equal(ParseStatusDone, bench.Feed(Direction.ToClient, new byte[100_000]).Status);
        bench.Feed(Direction.ToClient, new byte[0x100000 - 6 - 100_000]);
        bench.Feed([PgsqlConformanceTests.Server(PgsqlConformanceTests.Ready)]);
        Assert.Equal(1, bench.Transaction(0).ProgressToClient);
    }

    [Theory]
    [InlineData(new byte[] { (byte)'Q', 0, 0, 0, 3, 1, 2 }, "invalid_length")]
    [InlineData(new byte[] { 0, 0, 0, 8, 9, 9, 9, 9 }, "malformed_request")]
    public void RequestsThatCannotBeReadAreNamed(byte[] bytes, string anomaly) =>
        Assert.Equal([anomaly], Run(PgsqlConformanceTests.Client(bytes)).Anomalies());

    [Fact]
    public void AResponseThatCannotBeReadIsNamed()
    {
        ProtocolBench bench = Run(
            PgsqlConformanceTests.Client(PgsqlConformanceTests.Query("q")), PgsqlConformanceTests.Server(PgsqlConformanceTests.Message('T', [0, 5, 1, 1])));
        Assert.Equal(["malformed_response"], bench.Anomalies());
    }

    [Fact]
    public void ResponsesAboveTheLimitAreNotKept()
    {
        byte[] status = PgsqlConformanceTests.Message('S', [.. PgsqlConformanceTests.Zero("k"), .. PgsqlConformanceTests.Zero("v")]);
        byte[] atLimit = [.. Enumerable.Repeat(status, 64).SelectMany(b => b)];
        ProtocolBench bench = Run(PgsqlConformanceTests.Client(PgsqlConformanceTests.Query("q")), PgsqlConformanceTests.Server(atLimit));
        Assert.Empty(bench.Anomalies());
        bench.Feed([PgsqlConformanceTests.Server(status)]);
        Assert.Equal(["too_many_responses"], bench.Anomalies());
    }

    [Fact]
    public void AboveTheLimitTheOldestExchangeIsCompleted()
    {
        var bench = new ProtocolBench(new PgsqlProtocol(), new Dictionary<string, string> { ["max-tx"] = "2" });
        bench.Feed([.. Enumerable.Range(0, 3).Select(i => PgsqlConformanceTests.Client(PgsqlConformanceTests.Query("q" + i)))]);
        Assert.Empty(bench.Anomalies());
        bench.Feed([PgsqlConformanceTests.Client(PgsqlConformanceTests.Query("q3"))]);
        Assert.Equal(["too_many_transactions"], bench.Anomalies());
    }

    [Fact]
    public void ARequestIsCompleteWhenItIsThereButForCopiedData()
    {
        ProtocolBench bench = Run(PgsqlConformanceTests.Client(PgsqlConformanceTests.Query("q")), PgsqlConformanceTests.Client(PgsqlConformanceTests.Message('d', [1, 2])));
        Assert.Equal([1, 0], Enumerable.Range(0, 2).Select(i => (int)bench.Transaction(i).ProgressToServer));
        Assert.Equal([0, 0], Enumerable.Range(0, 2).Select(i => (int)bench.Transaction(i).ProgressToClient));
        bench.Feed([PgsqlConformanceTests.Client(PgsqlConformanceTests.Message('c', []))]);
        Assert.Equal(1, bench.Transaction(1).ProgressToServer);
    }

    [Theory]
    [InlineData('N', 2)]
    [InlineData('A', 2)]
    [InlineData('1', 2)]
    [InlineData('S', 1)]
    public void WhatComesUnaskedAheadOfTheAnswerTakesTheAnswer(char type, int exchanges)
    {
        byte[] body = [.. PgsqlConformanceTests.Zero("k"), .. PgsqlConformanceTests.Zero("v")];
        byte[] tag = PgsqlConformanceTests.Message('C', PgsqlConformanceTests.Zero("SELECT 1"));
        ProtocolBench bench = Run(
            PgsqlConformanceTests.Client(PgsqlConformanceTests.Query("q")), PgsqlConformanceTests.Server(PgsqlConformanceTests.Message(type, body)), PgsqlConformanceTests.Server(tag));
        Assert.Equal(exchanges, bench.State.Transactions.Count);
        Assert.Contains("SELECT 1", bench.Eve(exchanges - 1), StringComparison.Ordinal);
        bench.Feed([PgsqlConformanceTests.Server(PgsqlConformanceTests.Message(type, body))]);
        Assert.Equal(exchanges, bench.State.Transactions.Count);
    }

    private const ParseStatus ParseStatusDone = ParseStatus.Done;

    private static ProtocolBench Run(params Turn[] turns)
    {
        var bench = new ProtocolBench(new PgsqlProtocol());
        bench.Feed(turns);
        return bench;
    }
}
