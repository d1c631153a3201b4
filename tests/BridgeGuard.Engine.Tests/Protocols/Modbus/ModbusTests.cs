using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Modbus;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Modbus;

/// <summary>The keyword, records, anomalies and limits of Modbus.</summary>
public sealed class ModbusTests
{
    /// <summary>Read 3 coils at wire address 2; write 1, 2, 3 to registers from wire address 4; a diagnostic.</summary>
    private static readonly byte[] ReadCoils = [1, 0, 2, 0, 3];
    private static readonly byte[] WriteRegisters = [16, 0, 4, 0, 3, 6, 0, 1, 0, 2, 0, 3];
    private static readonly byte[] Diagnostic = [8, 0, 4, 0, 0];

    [Theory]
    [InlineData("function 1", true, false, false)]
    [InlineData("function 8, subfunction 4", false, false, true)]
    [InlineData("function 8, subfunction 5", false, false, false)]
    [InlineData("function assigned", true, true, true)]
    [InlineData("function !public", false, false, false)]
    [InlineData("access read", true, false, false)]
    [InlineData("access read coils", true, false, false)]
    [InlineData("access read input", false, false, false)]
    [InlineData("access read coils, address 3", true, false, false)]
    [InlineData("access read coils, address 2", false, false, false)]
    [InlineData("access read coils, address >5", false, false, false)]
    [InlineData("access read coils, address 4<>6", true, false, false)]
    [InlineData("access write holding, address 6, value 2", false, true, false)]
    [InlineData("access write holding, address 6, value <2", false, false, false)]
    [InlineData("access write, address <6", false, true, false)]
    [InlineData("unit 10", true, true, true)]
    [InlineData("unit >10", false, false, false)]
    [InlineData("unit 9<>11, function 1", true, false, false)]
    public void TheKeywordMatchesRequests(string argument, bool coils, bool registers, bool diagnostic)
    {
        ProtocolBench bench = Run(
            ModbusConformanceTests.Client(1, ReadCoils), ModbusConformanceTests.Client(2, WriteRegisters), ModbusConformanceTests.Client(3, Diagnostic));
        TransactionMatcher matcher = ModbusBuffers.Keywords[0].Parse(argument, out string error)!;
        Assert.Empty(error);
        Assert.Equal(
            (coils, registers, diagnostic),
            (Matches(matcher, bench, 0), Matches(matcher, bench, 1), Matches(matcher, bench, 2)));
    }

    [Theory]
    [InlineData("function 0")]
    [InlineData("function 256")]
    [InlineData("access execute")]
    [InlineData("access write input")]
    [InlineData("access write discretes")]
    [InlineData("access read coils, value 5")]
    [InlineData("access write coils, address 1<>3, value >4")]
    [InlineData("address 5")]
    [InlineData("unit !5")]
    [InlineData("function 1, unit 2")]
    public void ArgumentsThatMeanNothingAreRefused(string argument)
    {
        Assert.Null(ModbusBuffers.Keywords[0].Parse(argument, out string error));
        Assert.NotEmpty(error);
    }

    [Fact]
    public void TheRecordShowsBothSides()
    {
        string eve = Run(ModbusConformanceTests.Client(1, 6, 0, 16, 0, 7), ModbusConformanceTests.Server(1, 6, 0, 16, 0, 7)).Eve();
        Assert.Contains(
            "\"id\":1,\"request\":{\"transaction_id\":1,\"protocol_id\":0,\"unit_id\":10,\"function_raw\":6,\"function_code\":\"WrSingleReg\","
            + "\"access_type\":\"WRITE | HOLDING | SINGLE | WRITE_SINGLE\",\"category\":\"PUBLIC_ASSIGNED\",\"error_flags\":\"NONE\",\"write\":{\"address\":16,\"data\":7}}",
            eve,
            StringComparison.Ordinal);
        Assert.Contains("\"response\":{\"transaction_id\":1,", eve, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { 1, 0, 2, 0, 0 }, "invalid_value")]
    [InlineData(new byte[] { 1, 0, 2, 7, 0xd0 }, null)]
    [InlineData(new byte[] { 1, 0, 2, 7, 0xd1 }, "invalid_value")]
    [InlineData(new byte[] { 3, 0, 2, 0, 125 }, null)]
    [InlineData(new byte[] { 3, 0, 2, 0, 126 }, "invalid_value")]
    [InlineData(new byte[] { 5, 0, 2, 0x12, 0x34 }, "invalid_value")]
    [InlineData(new byte[] { 8, 0, 2, 0, 1 }, "invalid_value")]
    [InlineData(new byte[] { 1, 0, 2 }, "invalid_length")]
    [InlineData(new byte[] { 1, 0, 2, 0, 3, 9 }, "invalid_length")]
    [InlineData(new byte[] { 0, 1 }, "invalid_function_code")]
    public void RequestsAreJudged(byte[] pdu, string? anomaly) =>
        Assert.Equal(anomaly is null ? [] : [anomaly], Run(ModbusConformanceTests.Client(1, pdu)).Anomalies());

    [Fact]
    public void ResponsesAreJudged()
    {
        Assert.Equal(["value_mismatch"], Run(ModbusConformanceTests.Client(1, 6, 0, 16, 0, 7), ModbusConformanceTests.Server(1, 6, 0, 16, 0, 8)).Anomalies());
        Assert.Equal(["unsolicited_response"], Run(ModbusConformanceTests.Server(1, 6, 0, 16, 0, 8)).Anomalies());
        Assert.Equal(["invalid_exception_code"], Run(ModbusConformanceTests.Client(1, ReadCoils), ModbusConformanceTests.Server(1, 0x81, 12)).Anomalies());
    }

    [Fact]
    public void HeadersAreJudged()
    {
        byte[] protocol = ModbusConformanceTests.Adu(1, ReadCoils);
        protocol[3] = 5;
        Assert.Equal(["invalid_protocol_id"], Run(new Turn(Direction.ToServer, protocol)).Anomalies());
        ProtocolBench bench = Run(new Turn(Direction.ToServer, [0, 1, 0, 0, 0, 1, 9]), ModbusConformanceTests.Client(2, ReadCoils));
        Assert.Equal(["invalid_length"], bench.Anomalies());
        Assert.Empty(bench.Anomalies(1));
    }

    [Fact]
    public void OneRequestMoreThanTheLimitIsTheLastThatIsRead()
    {
        var bench = new ProtocolBench(new ModbusProtocol(), new Dictionary<string, string> { ["request-flood"] = "2" });
        bench.Feed([.. Enumerable.Range(1, 2).Select(id => ModbusConformanceTests.Client((byte)id, ReadCoils))]);
        Assert.False(bench.HasStopped);
        bench.Feed([ModbusConformanceTests.Client(3, ReadCoils)]);
        Assert.True(bench.HasStopped);
        Assert.Equal([[], [], ["flooded"]], Enumerable.Range(0, bench.State.Transactions.Count).Select(bench.Anomalies));
    }

    private static bool Matches(TransactionMatcher matcher, ProtocolBench bench, int transaction) =>
        matcher.Match(bench.Transaction(transaction), Direction.ToServer, bench.Flow);

    private static ProtocolBench Run(params Turn[] turns)
    {
        var bench = new ProtocolBench(new ModbusProtocol());
        bench.Feed(turns);
        return bench;
    }
}
