using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Ntp;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Ntp;

public sealed class NtpConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new NtpProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
        [[new Turn(Direction.ToServer, Message(4, 3, 0)), new Turn(Direction.ToClient, Message(4, 4, 2))], [new Turn(Direction.ToServer, Message(3, 3, 0))]];

    [Fact]
    public void FieldsAreThoseOfTheHeader()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Direction.ToClient, Message(4, 4, 2));
        Assert.Equal(4UL, bench.Field("ntp.version", Direction.ToClient));
        Assert.Equal(4UL, bench.Field("ntp.mode", Direction.ToClient));
        Assert.Equal(2UL, bench.Field("ntp.stratum", Direction.ToClient));
        Assert.Equal("LOCL", bench.Buffer("ntp.reference_id", Direction.ToClient));
        Assert.Null(bench.Field("ntp.version", Direction.ToServer));
        Assert.Equal("""{"ntp":{"version":4,"mode":4,"stratum":2,"reference_id":"4c:4f:43:4c"}}""", bench.Eve());
    }

    [Theory]
    [InlineData(4, 0, true)]
    [InlineData(4, 20, true)]
    [InlineData(4, 12, false)]
    [InlineData(3, 12, true)]
    [InlineData(2, 0, false)]
    public void OnlyVersionFourLooksAtWhatFollowsTheHeader(int version, int tail, bool isMessage)
    {
        ProbeResult result = Protocol.Probe([.. Message(version, 3, 0), .. new byte[tail]], Direction.ToServer, new ProtocolBench(Protocol).Flow);
        Assert.Equal(isMessage, result.Status == ProbeStatus.Certain);
    }

    [Fact]
    public void ExtensionFieldsAreWalkedOver()
    {
        byte[] field = [1, 4, 0, 16, .. new byte[12]];
        ProbeResult result = Protocol.Probe([.. Message(4, 3, 0), .. field, .. new byte[20]], Direction.ToServer, new ProtocolBench(Protocol).Flow);
        Assert.Equal(ProbeStatus.Certain, result.Status);
    }

    private static byte[] Message(int version, int mode, byte stratum)
    {
        byte[] message = new byte[48];
        message[0] = (byte)((version << 3) | mode);
        message[1] = stratum;
        "LOCL"u8.CopyTo(message.AsSpan(12));
        return message;
    }
}
