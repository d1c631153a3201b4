using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.Scanners;
using Xunit;

namespace BridgeGuard.Host.Tests.Files;

/// <summary>What a role lets arrive before the verdict, and what comes after it.</summary>
public sealed class HoldModeTests
{
    private const string Guest = "10.0.0.1";
    private const string Server = "10.0.0.100";

    private static byte[] Clean(int length, int seed = 1)
    {
        byte[] file = new byte[length];
        new Random(seed).NextBytes(file);
        return file;
    }

    private static byte[] Bad(int length, int seed = 2)
    {
        byte[] file = Clean(length, seed);
        Encoding.ASCII.GetBytes(StubScanner.Marker).CopyTo(file, 10);
        return file;
    }

    private static RoleModel Role(FileDelivery files, bool failsOpen = false, int holdMs = GuardedWire.NoDeadlineMs, long holdAll = 64 << 10) =>
        new() { Name = "r", Files = files, FilesFailOpen = failsOpen, FileHoldMs = holdMs, FileHoldAllBytes = holdAll };

    private static (Conversation Talk, byte[] Answer) Ask(GuardedWire wire, byte[] file)
    {
        Conversation talk = wire.Connect(Guest, Server, 80);
        talk.ToServer("GET /f HTTP/1.1\r\nHost: s\r\n\r\n"u8);
        return (talk, [.. Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {file.Length}\r\n\r\n"), .. file]);
    }

    [Fact]
    public async Task TailWaitsAndGoesOnFromTheCopyWhenTheVerdictComes()
    {
        var scanner = new StubScanner { Delay = TimeSpan.FromMilliseconds(150) };
        await using var wire = new GuardedWire(Role(FileDelivery.HoldTail), scanner);
        (Conversation talk, byte[] answer) = Ask(wire, Clean(10_000));
        talk.ToClient(answer);
        Assert.InRange(talk.AtClient.Length, answer.Length - Conversation.SegmentBytes, answer.Length - 1);

        Assert.True(SpinUntil(wire, talk, () => talk.AtClient.Length == answer.Length));
        Assert.Equal(1, talk.SentOn); // No retransmission was needed.
        Assert.Equal(answer, talk.AtClient);
        Assert.Equal((1, 0), (wire.Worker.FileHolds.ReleasedCount, wire.Worker.FileHolds.Stopped));
    }

    [Fact]
    public async Task HeadWaitsSoThatNoProgramReadsAByteAndThenAllIsThere()
    {
        var scanner = new StubScanner { Delay = TimeSpan.FromMilliseconds(150) };
        await using var wire = new GuardedWire(Role(FileDelivery.HoldHead), scanner);
        (Conversation talk, byte[] answer) = Ask(wire, Clean(30_000));
        talk.ToClient(answer);
        Assert.Empty(talk.AtClient);

        Assert.True(SpinUntil(wire, talk, () => talk.AtClient.Length > 0));
        Assert.Equal(answer, talk.AtClient); // All the rest was in the receiver's reassembly.
    }

    [Theory]
    [InlineData(FileDelivery.HoldHead)]
    [InlineData(FileDelivery.HoldAll)]
    public async Task ClientOfAStoppedFileThatHasNothingYetGetsAPage(FileDelivery files)
    {
        await using var wire = new GuardedWire(Role(files));
        (Conversation talk, byte[] answer) = Ask(wire, Bad(30_000));
        talk.Burst(Direction.ToClient, answer);
        string got = Encoding.ASCII.GetString(talk.AtClient);
        Assert.StartsWith("HTTP/1.1 403 Forbidden\r\n", got, StringComparison.Ordinal);
        Assert.EndsWith("malicious or unjudged.\n", got, StringComparison.Ordinal);
        string[] parts = got.Split("\r\n\r\n");
        Assert.Contains($"Content-Length: {parts[1].Length}", parts[0], StringComparison.Ordinal);
        Assert.Contains(wire.Alerts, alert => alert.Contains("BRIDGEGUARD malicious file stopped", StringComparison.Ordinal));
    }

    [Fact]
    public async Task FileBeyondTheHoldAllLimitIsHeldAtItsTail()
    {
        var scanner = new StubScanner { Delay = TimeSpan.FromMilliseconds(100) };
        await using var wire = new GuardedWire(Role(FileDelivery.HoldAll, holdAll: 8_000), scanner);
        (Conversation talk, byte[] answer) = Ask(wire, Clean(30_000));
        talk.ToClient(answer);
        Assert.InRange(talk.AtClient.Length, answer.Length - Conversation.SegmentBytes, answer.Length - 1);
    }

    [Fact]
    public async Task ObservedFileArrivesAndIsTold()
    {
        await using var wire = new GuardedWire(Role(FileDelivery.Observe));
        for (int i = 0; i < 2; i++)
        {
            (Conversation talk, byte[] answer) = Ask(wire, Bad(5_000));
            talk.Burst(Direction.ToClient, answer);
            Assert.Equal(answer, talk.AtClient);
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }

        Assert.Contains(wire.Alerts, alert => alert.Contains("BRIDGEGUARD malicious file seen", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task WithoutAVerdictTheRolesPolicyDecides(bool failsOpen, bool scannerIsGone)
    {
        // Gone: an error at once. Else it does not answer within the role's deadline.
        var scanner = new StubScanner
        {
            Delay = scannerIsGone ? TimeSpan.Zero : TimeSpan.FromSeconds(20),
            Answer = scannerIsGone ? _ => ScanResult.Error("gone", isTransient: true) : null,
        };
        await using var wire = new GuardedWire(Role(FileDelivery.HoldTail, failsOpen, holdMs: 700), scanner, scans: new ScanOptions { RetryDelay = TimeSpan.FromMilliseconds(1), Deadline = TimeSpan.FromSeconds(2) });
        (Conversation talk, byte[] answer) = Ask(wire, Clean(10_000));
        talk.Burst(Direction.ToClient, answer);
        Assert.Equal(failsOpen, talk.AtClient.Length == answer.Length);
        Assert.Equal(!failsOpen, wire.Alerts.Exists(alert => alert.Contains("file without verdict stopped", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task BothEndsStayAliveWhileAFileWaits()
    {
        var scanner = new StubScanner { Delay = TimeSpan.FromSeconds(20) };
        await using var wire = new GuardedWire(Role(FileDelivery.HoldTail, holdMs: 600_000), scanner, scans: new ScanOptions { Deadline = TimeSpan.FromSeconds(4) });
        (Conversation talk, byte[] answer) = Ask(wire, Clean(10_000));
        talk.ToClient(answer);
        int before = talk.AtClient.Length;
        byte[] keepAlive = Testing.Packets.FrameBuilder.Tcp(Server, 80, Guest, talk.ClientPort, talk.NextAtClient - 1, 1, "A", []);
        byte[] acknowledgement = Testing.Packets.FrameBuilder.Tcp(Guest, talk.ClientPort, Server, 80, talk.NextAtServer, talk.NextAtClient, "A", []);
        for (int i = 0; i < 10; i++)
        {
            wire.NowUs += 30_000_000;
            Assert.Equal(Engine.Worker.VerdictAction.Pass, wire.Process(acknowledgement).Action);
            Assert.Equal(Engine.Worker.VerdictAction.Pass, wire.Process(keepAlive).Action);
        }

        Assert.Equal(before, talk.AtClient.Length);
        Assert.False(talk.IsDead);
    }

    [Theory]
    [InlineData("chunked")]
    [InlineData("to-close")]
    [InlineData("http2")]
    [InlineData("http2-length")]
    [InlineData("ftp-get")]
    [InlineData("ftp-put")]
    [InlineData("put")]
    [InlineData("tftp")]
    [InlineData("smb")]
    [InlineData("nfs")]
    [InlineData("ranges")]
    [InlineData("two-ranges")]
    [InlineData("broken-off")]
    [InlineData("rest-then-whole")]
    [InlineData("whole-meets-range")]
    [InlineData("segments")]
    public async Task ContentNobodyHasSeenBeforeIsStoppedToo(string how)
    {
        // The scan takes its time, and nothing is known of the content when its last byte comes.
        var scanner = new StubScanner { Delay = TimeSpan.FromMilliseconds(60) };
        await using var wire = new GuardedWire(GuardedWire.Tail, scanner);
        byte[] file = Bad(20_000, how.Length);
        var coverage = new Coverage(file);
        Try(wire, how, file, coverage);
        Assert.False(coverage.IsWhole, $"{coverage.Missing} bytes missing");
        Assert.True(wire.Worker.FileHolds.Stopped > 0, "nothing was stopped");
    }

    [Theory]
    [InlineData("chunked")]
    [InlineData("to-close")]
    [InlineData("http2")]
    [InlineData("http2-length")]
    [InlineData("ftp-get")]
    [InlineData("ftp-put")]
    [InlineData("put")]
    [InlineData("tftp")]
    [InlineData("smb")]
    [InlineData("nfs")]
    [InlineData("ranges")]
    [InlineData("two-ranges")]
    [InlineData("broken-off")]
    [InlineData("rest-then-whole")]
    [InlineData("whole-meets-range")]
    [InlineData("segments")]
    public async Task CleanContentArrivesTheSameWay(string how)
    {
        var scanner = new StubScanner { Delay = TimeSpan.FromMilliseconds(20) };
        await using var wire = new GuardedWire(GuardedWire.Tail, scanner);
        byte[] file = Clean(20_000, how.Length);
        var coverage = new Coverage(file);
        Try(wire, how, file, coverage);
        Assert.True(coverage.IsWhole, $"{coverage.Missing} bytes missing, {string.Join(' ', wire.Alerts)}");
        Assert.Equal(0, wire.Worker.FileHolds.Stopped);
        Assert.Equal(1, scanner.Scans);
    }

    /// <summary>A writer waits for the answer to its last write before it closes the file: by then the server would have it whole.</summary>
    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task UploadByWritesIsJudgedBeforeTheLastOneArrives(bool isSmb, bool isPipelined)
    {
        var scanner = new StubScanner { Delay = TimeSpan.FromMilliseconds(60) };
        await using var wire = new GuardedWire(GuardedWire.Tail, scanner);
        byte[] bad = Bad(20_000, 50);
        var coverage = new Coverage(bad);
        Put("bad", bad, coverage);
        Assert.False(coverage.IsWhole, "the bad file arrives");
        Assert.True(wire.Worker.FileHolds.Stopped > 0, "nothing was stopped");
        int scans = scanner.Scans;
        Assert.InRange(scans, 1, isPipelined ? 1 : 5);

        byte[] clean = Clean(20_000, 51);
        coverage = new Coverage(clean);
        Put("clean", clean, coverage);
        Assert.True(coverage.IsWhole, $"{coverage.Missing} bytes missing, {string.Join(' ', wire.Alerts)}");
        Assert.Equal(isPipelined ? 1 : 5, scanner.Scans - scans); // Five writes, each of which might have been the last.

        coverage = new Coverage(clean);
        Put("again", clean, coverage);
        Assert.True(coverage.IsWhole);
        Assert.Equal(isPipelined ? 1 : 5, scanner.Scans - scans);

        void Put(string name, byte[] file, Coverage seen)
        {
            if (isSmb)
            {
                Transfers.SmbWrite(wire, Guest, Server, name, file, isPipelined, seen);
            }
            else
            {
                Transfers.NfsWrite(wire, Guest, Server, name, file, isPipelined, seen);
            }
        }
    }

    /// <summary>What guests ask and submit crosses the bridge to the host's own address: it is judged there, and its answers are no files to scan. Any other port is.</summary>
    [Theory]
    [InlineData(8642, true)]
    [InlineData(8643, false)]
    public async Task WhatGuestsSubmitToTheHostItselfIsNeitherHeldNorScannedHere(ushort port, bool isOwn)
    {
        IpAddress.TryParse(Server, out IpAddress host);
        await using var wire = new GuardedWire(GuardedWire.Tail, own: [new HostService(host, 8642)]);
        byte[] bad = Bad(20_000, 60);
        Conversation talk = wire.Connect(Guest, Server, port);
        talk.Burst(Direction.ToServer, [.. Encoding.ASCII.GetBytes($"POST /v1/files HTTP/1.1\r\nHost: h\r\nContent-Length: {bad.Length}\r\n\r\n"), .. bad]);
        Assert.Equal(isOwn, !talk.IsDead && talk.AtServer.AsSpan().EndsWith(bad));
        if (isOwn)
        {
            talk.ToClient("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{a:1}\r\n0\r\n\r\n"u8);
            Assert.EndsWith("{a:1}\r\n0\r\n\r\n", Encoding.ASCII.GetString(talk.AtClient), StringComparison.Ordinal);
        }

        Assert.Equal(isOwn ? 0 : 1, wire.Scanner.Scans);
        Assert.Equal(isOwn ? 0 : 1, wire.Sink.Counters.Opened);
    }

    /// <summary>Stopped connections hold no memory until they time out: a guest that asks for a bad file for ever fills nothing.</summary>
    [Fact]
    public async Task ThousandStoppedFilesLeaveRoomForTheNextOne()
    {
        await using var wire = new GuardedWire(GuardedWire.Tail, reassemblyBytes: 2L << 20);
        byte[] bad = Bad(20_000, 70);
        var coverage = new Coverage(bad);
        for (int i = 0; i < 1000; i++)
        {
            Transfers.HttpPut(wire, Guest, Server, "/up" + i, bad, coverage);
            Assert.False(coverage.IsWhole, $"try {i} completed the file");
        }

        byte[] clean = Clean(20_000, 71);
        coverage = new Coverage(clean);
        Transfers.HttpPut(wire, Guest, Server, "/clean", clean, coverage);
        Assert.True(coverage.IsWhole);
    }

    /// <summary>Where a role fails closed, bytes for which there is no memory wait: what nobody could look at does not arrive.</summary>
    [Fact]
    public async Task WithoutMemoryForItsBytesAFileDoesNotArriveWhereTheRoleFailsClosed()
    {
        await using var wire = new GuardedWire(GuardedWire.Tail, reassemblyBytes: 1L << 20) { Patience = TimeSpan.FromSeconds(1) };
        var hoarders = new List<Conversation>();
        for (int i = 0; i < 80; i++)
        {
            Conversation hoarder = wire.Connect("10.0.0.7", Server, 80);
            hoarder.ToServer("POST /hoard HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"u8);
            hoarder.Ahead(Direction.ToServer, 100, new byte[30_000]);
            hoarders.Add(hoarder);
        }

        byte[] bad = Bad(200_000, 72);
        var coverage = new Coverage(bad);
        Transfers.SmbWrite(wire, Guest, Server, "up", bad, isPipelined: true, coverage); // Messages that a parser wants whole: they need memory.
        Assert.False(coverage.IsWhole);
    }

    /// <summary>NFS clients come back from the same port for ever: what was stopped there must not stop what comes later.</summary>
    [Fact]
    public async Task ConnectionThatComesBackFromTheSamePortIsANewOne()
    {
        await using var wire = new GuardedWire(GuardedWire.Tail);
        byte[] bad = Bad(20_000, 60);
        var coverage = new Coverage(bad);
        Transfers.NfsWrite(wire, Guest, Server, "bad", bad, isPipelined: true, coverage);
        Assert.False(coverage.IsWhole);
        ushort port = wire.LastPort;
        for (int i = 0; i < 2; i++)
        {
            wire.ReusePort(port);
            coverage = new Coverage(bad);
            Transfers.NfsWrite(wire, Guest, Server, "bad", bad, isPipelined: true, coverage);
            Assert.False(coverage.IsWhole, "the same connection is not judged any more");
        }

        wire.ReusePort(port);
        byte[] clean = Clean(20_000, 61);
        coverage = new Coverage(clean);
        Transfers.NfsWrite(wire, Guest, Server, "clean", clean, isPipelined: true, coverage);
        Assert.True(coverage.IsWhole, $"{coverage.Missing} bytes missing");
    }

    [Fact]
    public async Task NewestPacketOfAStreamWithoutAnEndGoesOnWhenNothingFollows()
    {
        RoleModel role = Role(FileDelivery.HoldTail, failsOpen: true);
        await using var wire = new GuardedWire(role);
        Conversation talk = wire.Connect(Guest, Server, 80);
        talk.ToServer("GET /f HTTP/1.1\r\nHost: s\r\n\r\n"u8);
        byte[] head = [.. "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"u8];
        talk.ToClient(head);
        talk.ToClient("5\r\nevent\r\n"u8);
        Assert.Equal(head.Length, talk.AtClient.Length); // It might be the last.
        wire.Tick((role.FileStallMs * 1000) + 1);
        talk.Collect();
        Assert.Equal(head.Length + 10, talk.AtClient.Length);
        talk.ToClient("5\r\nthere\r\n"u8);
        talk.ToClient("5\r\nagain\r\n"u8);
        Assert.Equal(head.Length + 20, talk.AtClient.Length); // The one before the newest.
    }

    /// <summary>
    /// A stream without an announced end holds its newest packet with a copy of it. Where that packet would complete what another connection has of the file, its
    /// copy must not go on when its hold becomes that of a piece.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task PacketThatCompletesAFileInPiecesIsNotSentWithItsOwnCopy(bool isBad)
    {
        const int border = 4 * Conversation.SegmentBytes;
        await using var wire = new GuardedWire(GuardedWire.Tail);
        byte[] file = isBad ? Bad(20_000, 80) : Clean(20_000, 81);
        Conversation rest = Transfers.FtpOpen(wire, "10.0.0.2", Server, "f", border, file.Length);
        rest.ToClient(file.AsSpan(border));
        Assert.InRange(rest.AtClient.Length, 1, file.Length - border - 1); // Its newest packet waits.

        Conversation talk = Transfers.FtpOpen(wire, Guest, Server, "f", 0, -1);
        talk.ToClient(file.AsSpan(0, border - Conversation.SegmentBytes));
        talk.ToClient(file.AsSpan(border - Conversation.SegmentBytes, Conversation.SegmentBytes));
        Assert.Equal(border - Conversation.SegmentBytes, talk.AtClient.Length);
        wire.Tick(60_000_000);
        talk.Collect();
        Assert.Equal(border - Conversation.SegmentBytes, talk.AtClient.Length);

        // Its sender goes on: what waits is seen nevertheless, and its whole decides.
        talk.Burst(Direction.ToClient, file.AsSpan(border), withFin: true);
        Assert.Equal(isBad, talk.IsDead);
        Assert.Equal(isBad ? border - Conversation.SegmentBytes : file.Length, talk.AtClient.Length);
        Assert.Equal(1, wire.Scanner.Scans);
    }

    /// <summary>
    /// What comes behind the newest packet of a stream without an announced end is lost. Its sender repeats that packet for ever, as nothing is acknowledged: it goes
    /// on when what is there was judged, and the file with it.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task SenderThatRepeatsWhatWaitsAfterALossGoesOn(bool isBad)
    {
        await using var wire = new GuardedWire(GuardedWire.Tail);
        byte[] file = isBad ? Bad(20_000, 90) : Clean(20_000, 91);
        int seen = 6 * Conversation.SegmentBytes;
        Conversation talk = Transfers.FtpOpen(wire, Guest, Server, "f", 0, -1);
        talk.ToClient(file.AsSpan(0, seen));
        Assert.Equal(seen - Conversation.SegmentBytes, talk.AtClient.Length);
        for (int i = 0; i < 2000 && !talk.IsDead && talk.AtClient.Length < seen; i++)
        {
            wire.Pause(i);
            talk.SayAgain(Direction.ToClient, file.AsSpan(0, seen));
            wire.Tick(1_000);
            talk.Collect();
        }

        Assert.Equal(isBad, talk.IsDead);
        Assert.Equal(isBad ? seen - Conversation.SegmentBytes : seen, talk.AtClient.Length);
        if (!isBad)
        {
            talk.Burst(Direction.ToClient, file.AsSpan(seen), withFin: true);
            Assert.Equal(file, talk.AtClient);
            Assert.Equal(2, wire.Scanner.Scans); // What was there, and the whole.
        }
    }

    [Fact]
    public async Task RoleThatForbidsPiecesStopsThoseThatCannotBeJoined()
    {
        await using var wire = new GuardedWire(Role(FileDelivery.HoldTail) with { AllowsPieces = false });
        byte[] file = Clean(20_000);
        var coverage = new Coverage(file);
        Transfers.HttpGet(wire, Guest, Server, "/f", file, 10_000, 20_000, coverage);
        Assert.Equal(20_000, coverage.Missing);
    }

    private static void Try(GuardedWire wire, string how, byte[] file, Coverage coverage)
    {
        switch (how)
        {
            case "chunked":
                Transfers.HttpGet(wire, Guest, Server, "/f", file, 0, file.Length, coverage, isChunked: true);
                break;
            case "to-close":
                Transfers.HttpGetToClose(wire, Guest, Server, "/f", file, coverage);
                break;
            case "http2" or "http2-length":
                Transfers.Http2Get(wire, Guest, Server, "/f", file, 0, file.Length, how == "http2-length", coverage);
                break;
            case "ftp-get":
                Transfers.FtpGet(wire, Guest, Server, "f", file, 0, withSize: false, coverage);
                break;
            case "ftp-put":
                Transfers.FtpPut(wire, Guest, Server, "f", file, coverage);
                break;
            case "put":
                Transfers.HttpPut(wire, Guest, Server, "/f", file, coverage);
                break;
            case "tftp":
                Transfers.TftpGet(wire, Guest, Server, "f", file, coverage);
                break;
            case "smb":
                Transfers.SmbRead(wire, Guest, Server, "f", file, 0, file.Length, coverage);
                break;
            case "nfs":
                Transfers.NfsRead(wire, Guest, Server, "f", file, 0, file.Length, coverage);
                break;
            case "ranges":
                Transfers.HttpGetRanges(wire, Guest, Server, "/f", file, [(0, 7_000), (7_000, 12_000), (12_000, file.Length)], coverage);
                break;
            case "two-ranges":
                Transfers.HttpGet(wire, Guest, Server, "/f", file, 10_000, file.Length, coverage);
                Transfers.HttpGet(wire, Guest, Server, "/f", file, 0, 10_000, coverage);
                break;
            case "rest-then-whole":
                Transfers.HttpGet(wire, Guest, Server, "/f", file, 8_000, file.Length, coverage);
                Transfers.HttpGet(wire, Guest, Server, "/f", file, 0, file.Length, coverage);
                break;
            case "whole-meets-range" or "segments": // A program with several connections: the first asks for all and is broken off where the second has begun.
                Transfers.HttpGetInterrupted(
                    wire, Guest, Server, "/f", file, 3_000, () => Transfers.HttpGet(wire, Guest, Server, "/f", file, 9_000, file.Length, coverage),
                    how == "segments" ? 9_000 : file.Length, coverage);
                break;
            default: // A download that its client breaks off, and its rest.
                Transfers.HttpGetBrokenOff(wire, Guest, Server, "/f", file, 12_000, coverage);
                Transfers.HttpGet(wire, Guest, Server, "/f", file, coverage.Prefix, file.Length, coverage);
                break;
        }
    }

    private static bool SpinUntil(GuardedWire wire, Conversation talk, Func<bool> condition)
    {
        for (int i = 0; i < 3000 && !condition(); i++)
        {
            Thread.Sleep(1);
            wire.Tick(1_000);
            talk.Collect();
        }

        return condition();
    }
}
