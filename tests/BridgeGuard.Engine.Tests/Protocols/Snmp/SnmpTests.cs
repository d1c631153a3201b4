using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Snmp;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Snmp;

/// <summary>Buffers, fields, anomalies, limits and records of SNMP.</summary>
public sealed class SnmpTests
{
    [Fact]
    public void VersionTwoShowsCommunityAndVariables()
    {
        ProtocolBench bench = Run(SnmpConformanceTests.Message(1, "public", 0xa1));
        Assert.Equal("public", bench.Buffer("snmp.community", Direction.ToServer));
        Assert.Equal(2UL, bench.Field("snmp.version", Direction.ToServer));
        Assert.Equal(1UL, bench.Field("snmp.pdu_type", Direction.ToServer));
        Assert.Contains(
            "{\"version\":2,\"pdu_type\":\"get_next_request\",\"vars\":[\"1.3.6.1.2.1.1.1.0\",\"1.3.6.1.4.1.8072\"],\"community\":\"public\"}", bench.Eve(), StringComparison.Ordinal);
    }

    [Fact]
    public void ATrapShowsWhereItComesFrom()
    {
        ProtocolBench bench = Run(SnmpConformanceTests.Trap(3));
        Assert.Equal(3UL, bench.Field("snmp.trap_type", Direction.ToServer));
        Assert.Contains("\"trap_type\":\"linkUp\",\"trap_oid\":\"1.3.6.1.4.1.8072\",\"trap_address\":\"10.1.2.3\"", bench.Eve(), StringComparison.Ordinal);
    }

    [Fact]
    public void VersionThreeShowsItsUserEvenWhenEncrypted()
    {
        ProtocolBench bench = Run(SnmpConformanceTests.Version3("admin", encrypted: true));
        Assert.Equal("admin", bench.Buffer("snmp.usm", Direction.ToServer));
        Assert.Null(bench.Field("snmp.pdu_type", Direction.ToServer));
        Assert.Contains("{\"version\":3,\"pdu_type\":\"encrypted\"}", bench.Eve(), StringComparison.Ordinal);
    }

    [Fact]
    public void OdditiesAreNamed()
    {
        Assert.Equal(["unknown_security_model"], Run(SnmpConformanceTests.Version3("x", encrypted: false, model: 9)).Anomalies());
        ProtocolBench mixed = Run(SnmpConformanceTests.Message(1, "a", 0xa0), SnmpConformanceTests.Message(0, "a", 0xa0));
        Assert.Equal(["version_mismatch"], mixed.Anomalies(1));
        Assert.Equal(2UL, mixed.Field("snmp.version", Direction.ToServer, transaction: 1));
        Assert.Equal(["malformed_data"], Run(SnmpConformanceTests.Message(1, "a", 0xa0), [0x30, 1, 2]).Anomalies());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(7)]
    public void OtherVersionsAreNoMessages(int version) => Assert.Equal(0, Run(SnmpConformanceTests.Message(version, "a", 0xa0)).State.Transactions.Count);

    private static ProtocolBench Run(params byte[][] datagrams)
    {
        var bench = new ProtocolBench(new SnmpProtocol());
        bench.Feed(datagrams.Select(bytes => new Turn(Direction.ToServer, bytes)));
        return bench;
    }
}
