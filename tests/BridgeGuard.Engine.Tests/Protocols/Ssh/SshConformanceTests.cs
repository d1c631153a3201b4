using System.Buffers.Binary;
using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Ssh;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Ssh;

public sealed class SshConformanceTests : ProtocolConformanceTests
{
    private static readonly byte[] NewKeys = [0, 0, 0, 12, 10, 21, .. new byte[10]];

    protected override Protocol Protocol { get; } = new SshProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            Turn.Server("SSH-2.0-OpenSSH_9.6 Debian\r\n"),
            new Turn(Direction.ToServer, [.. "SSH-2.0-PuTTY_0.80\r\n"u8, .. KexInit("hmac-sha2-256")]),
            new Turn(Direction.ToClient, [.. KexInit("hmac-md5"), .. NewKeys, .. "opaque"u8]),
            new Turn(Direction.ToServer, [.. NewKeys, .. "opaque"u8]),
        ],
        [Turn.Client("SSH-2.0-" + new string('A', 300) + "\r\n")],
    ];

    [Fact]
    public void BannerAndFingerprintAreBuffers()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[0]);
        Assert.Equal("2.0", bench.Buffer("ssh.proto", Direction.ToServer));
        Assert.Equal("PuTTY_0.80", bench.Buffer("ssh.software", Direction.ToServer));
        Assert.Equal("OpenSSH_9.6", bench.Buffer("ssh.software", Direction.ToClient));
        Assert.Equal("curve25519-sha256,ecdh;aes128-ctr;hmac-sha2-256;zlib", bench.Buffer("ssh.hassh.string", Direction.ToServer));
        Assert.Equal("3090b9151736b6061e8e9e9d955ac10b", bench.Buffer("ssh.hassh", Direction.ToServer));
        Assert.Equal("curve25519-sha256,ecdh;aes256-ctr;hmac-sha1;none", bench.Buffer("ssh.hassh.server.string", Direction.ToClient));
        Assert.True(bench.State.IsEncrypted);
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void TheRecordWaitsForFingerprintsWhereTheyAreShown(bool showsHassh, bool isDue)
    {
        var transaction = new SshTransaction { ShowsHassh = showsHassh, ProgressToServer = SshProgress.BannerDone };
        var bench = new ProtocolBench(Protocol);
        Assert.False(Protocol.Loggers[0].IsDueEarly(transaction, bench.State));
        transaction.ProgressToClient = SshProgress.BannerDone;
        Assert.Equal(isDue, Protocol.Loggers[0].IsDueEarly(transaction, bench.State));
    }

    [Theory]
    [InlineData("Hello\r\n")]
    [InlineData("SSH-2.0\r\n")]
    [InlineData("SSH--x\r\n")]
    public void ALineOfAnotherFormEndsTheParsing(string line)
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Direction.ToServer, Encoding.ASCII.GetBytes(line));
        Assert.True(bench.HasStopped);
        Assert.Equal(["invalid_banner"], bench.Anomalies());
    }

    [Fact]
    public void ALongBannerIsCutAndNamed()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[1]);
        Assert.Equal(["long_banner"], bench.Anomalies());
        Assert.Equal(SshLimits.MaxBannerBytes - "SSH-2.0-".Length, bench.Buffer("ssh.software", Direction.ToServer)!.Length);
    }

    [Fact]
    public void ARecordWithoutRoomForItsCodeEndsTheParsing()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Direction.ToServer, [.. "SSH-2.0-x\r\n"u8, 0, 0, 0, 1, 4, 20]);
        Assert.True(bench.HasStopped);
        Assert.Equal(["invalid_record"], bench.Anomalies());
    }

    [Fact]
    public void AKeyExchangeAboveTheLimitIsPassedOver()
    {
        var bench = new ProtocolBench(Protocol);
        byte[] header = [0, 1, 0, 0, 4, 20];
        bench.Feed(Direction.ToServer, [.. "SSH-2.0-x\r\n"u8, .. header, .. new byte[0x10000 - 2], .. NewKeys]);
        Assert.Equal(["long_kex_record"], bench.Anomalies());
        Assert.Equal(SshProgress.Finished, bench.Transaction(0).ProgressToServer);
    }

    /// <summary>The lists differ by direction, so that a fingerprint of the wrong one shows.</summary>
    private static byte[] KexInit(string mac)
    {
        string[] lists = ["curve25519-sha256,ecdh", "ssh-rsa", "aes128-ctr", "aes256-ctr", mac, "hmac-sha1", "zlib", "none", "", ""];
        var payload = new List<byte> { 20 };
        payload.AddRange(new byte[16]);
        Span<byte> length = stackalloc byte[4];
        foreach (string list in lists)
        {
            BinaryPrimitives.WriteInt32BigEndian(length, list.Length);
            payload.AddRange(length);
            payload.AddRange(Encoding.ASCII.GetBytes(list));
        }

        payload.AddRange(new byte[5]);
        BinaryPrimitives.WriteInt32BigEndian(length, payload.Count + 1 + 8);
        return [.. length, 8, .. payload, .. new byte[8]];
    }
}
