using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Rfb;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Rfb;

public sealed class RfbConformanceTests : ProtocolConformanceTests
{
    private static readonly byte[] ServerInit =
        [4, 0, 3, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0, 0, 0, 0, 4, .. "desk"u8];

    protected override Protocol Protocol { get; } = new RfbProtocol();

    protected override IReadOnlyList<Turn[]> Samples => [Vnc("003.008", result: 0), Vnc("003.008", result: 1), None38(), Old()];

    [Fact]
    public void AnAuthenticatedSessionIsFollowedToTheDesktopsName()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Vnc("003.008", result: 0));
        Assert.Equal("desk", bench.Buffer("rfb.name", Direction.ToClient));
        Assert.Equal(2UL, bench.Field("rfb.sectype", Direction.ToServer));
        Assert.Equal(0UL, bench.Field("rfb.secresult", Direction.ToClient));
        Assert.Contains("\"width\":1024,\"height\":768,\"name\":\"desk\"", bench.Eve(), StringComparison.Ordinal);
    }

    [Fact]
    public void AResultWithoutAuthenticationIsOutOfTurnAsInSuricata()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(None38());
        Assert.Equal(["confused_state"], bench.Anomalies());
    }

    [Fact]
    public void ARefusedConnectionIsOverWhenSomethingMoreIsSaid()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Vnc("003.008", result: 1));
        Assert.Equal(0, bench.Transaction(0).ProgressToClient);
        bench.Feed([Turn.Client("x")]);
        Assert.Equal(["confused_state"], bench.Anomalies());
        Assert.Equal(1, bench.Transaction(0).ProgressToClient);
    }

    [Fact]
    public void ARefusalShowsItsReason()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Vnc("003.008", result: 1));
        Assert.Contains("\"server_security_failure_reason\":\"wrong\"", bench.Eve(), StringComparison.Ordinal);
    }

    [Fact]
    public void ASecurityTypeThatIsNotFollowedIsNamed()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed([.. Versions("003.008"), new Turn(Direction.ToClient, [1, 30]), new Turn(Direction.ToServer, [30])]);
        Assert.Equal(["unimplemented_security_type"], bench.Anomalies());
        Assert.Equal(0, bench.Transaction(0).ProgressToClient);
    }

    [Fact]
    public void AnUnknownResultIsNamed()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Vnc("003.008", result: 7));
        Assert.Equal(["unknown_security_result"], bench.Anomalies());
    }

    [Fact]
    public void AClientThatSpeaksOutOfTurnIsConfused()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed([.. Versions("003.008"), Turn.Client("x")]);
        Assert.Equal(["confused_state"], bench.Anomalies());
    }

    [Theory]
    [InlineData(4096, false)]
    [InlineData(4097, true)]
    public void ANameAboveTheLimitIsCutAndNamed(int length, bool isCut)
    {
        byte[] init = [.. ServerInit[..20], 0, 0, (byte)(length >> 8), (byte)length, .. new byte[length]];
        var bench = new ProtocolBench(Protocol);
        bench.Feed([.. Old()[..^1], new Turn(Direction.ToClient, init)]);
        Assert.Equal(isCut ? ["too_long_string"] : [], bench.Anomalies());
        Assert.Equal(4096, bench.Buffer("rfb.name", Direction.ToClient)!.Length);
    }

    private static Turn[] Versions(string version) => [Turn.Server($"RFB {version}\n"), Turn.Client($"RFB {version}\n")];

    private static Turn[] Vnc(string version, byte result) =>
    [
        .. Versions(version), new Turn(Direction.ToClient, [2, 1, 2]), new Turn(Direction.ToServer, [2]), new Turn(Direction.ToClient, new byte[16]),
        new Turn(Direction.ToServer, new byte[16]), new Turn(Direction.ToClient, [0, 0, 0, result]),
        .. result == 0
            ? (Turn[])[new Turn(Direction.ToServer, [1]), new Turn(Direction.ToClient, ServerInit), Turn.Client("session")]
            : [new Turn(Direction.ToClient, [0, 0, 0, 5, .. "wrong"u8])],
    ];

    private static Turn[] None38() =>
    [
        .. Versions("003.008"), new Turn(Direction.ToClient, [1, 1]), new Turn(Direction.ToServer, [1]), new Turn(Direction.ToClient, [0, 0, 0, 0]),
        new Turn(Direction.ToServer, [0]), new Turn(Direction.ToClient, ServerInit),
    ];

    private static Turn[] Old() =>
        [.. Versions("003.003"), new Turn(Direction.ToClient, [0, 0, 0, 1]), new Turn(Direction.ToServer, [1]), new Turn(Direction.ToClient, ServerInit)];
}
