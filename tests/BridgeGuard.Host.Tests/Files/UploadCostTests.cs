using System.Text;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Scanning.WireFiles;
using Xunit;

namespace BridgeGuard.Host.Tests.Files;

/// <summary>A writer that waits after each write: each beginning may be all, yet judging costs a bounded multiple of the file and not the square of its writes.</summary>
public sealed class UploadCostTests
{
    private const string Guest = "10.0.0.1";
    private const string Server = "10.0.0.100";
    private const int WriteBytes = 4096;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CostGrowsWithTheLengthAndNotWithItsSquare(bool isSmb)
    {
        long small = await CostAsync(isSmb, 80 * WriteBytes);
        long large = await CostAsync(isSmb, 240 * WriteBytes);

        // Eight lengths whole, and between them each write with 64 KiB before it: 17 lengths. Every beginning whole would be 40 and 120 lengths.
        Assert.InRange(small, 80 * WriteBytes, 26L * 80 * WriteBytes);
        Assert.InRange(large, 240 * WriteBytes, 26L * 240 * WriteBytes);
        Assert.InRange((double)large / small, 2, 4);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task MarkInTheNewBytesIsSeenAlsoBetweenWholeChecksAndAcrossTwoWrites(bool isSmb)
    {
        foreach (int at in (int[])[(133 * WriteBytes) + 700, (150 * WriteBytes) - 5, (199 * WriteBytes) + 900])
        {
            byte[] file = Content(200 * WriteBytes, at);
            Encoding.ASCII.GetBytes(StubScanner.Marker).CopyTo(file, at);
            await using GuardedWire wire = Wire();
            var coverage = new Coverage(file);
            Put(wire, isSmb, "up", file, coverage);
            Assert.False(coverage.IsWhole, $"with the mark at {at} the file arrives");
            Assert.True(wire.Worker.FileHolds.Stopped > 0);
            Assert.True(coverage.Missing >= file.Length - at - StubScanner.Marker.Length - WriteBytes, "it was not stopped at the write that has the mark");
            Assert.True(wire.Sink.Counters.PartialCheckpoints > 50, "this file was to be judged in parts");

            // What is known of it now holds for whoever wants it.
            coverage = new Coverage(file);
            Put(wire, isSmb, "again", file, coverage);
            Assert.False(coverage.IsWhole);
        }
    }

    /// <summary>What only shows when the whole is looked at (an archive, a hash) is not seen in a part; the file is judged whole soon after it stands still.</summary>
    [Fact]
    public async Task UploadThatStandsStillIsJudgedWhole()
    {
        byte[] file = Content(150 * WriteBytes, 7);
        var scanner = new StubScanner { OnlySize = file.Length };
        await using GuardedWire wire = Wire(scanner);
        var coverage = new Coverage(file);
        Transfers.SmbWrite(wire, Guest, Server, "up", file, isPipelined: false, coverage, withClose: false);
        for (int i = 0; i < 400 && wire.Cache.Find(StubScanner.KeyOf(file)) is null; i++)
        {
            await Task.Delay(25, TestContext.Current.CancellationToken);
        }

        Assert.Equal(BridgeGuard.Engine.Files.FileVerdictKind.Malicious, wire.Cache.Find(StubScanner.KeyOf(file))?.Kind);
        coverage = new Coverage(file);
        Transfers.HttpGet(wire, "10.0.0.2", Server, "/elsewhere", file, 0, file.Length, coverage);
        Assert.False(coverage.IsWhole, "what was found when it stood still is not known elsewhere");
        Assert.True(wire.Worker.FileHolds.Stopped > 0);
    }

    /// <summary>"Clean so far" is for the packet that waits: the same bytes as a whole file are judged.</summary>
    [Fact]
    public async Task CleanSoFarIsNoVerdictAboutAFile()
    {
        byte[] file = Content(150 * WriteBytes, 9);
        var scanner = new StubScanner { OnlySize = file.Length };
        await using GuardedWire wire = Wire(scanner, quietMs: 60_000);
        var coverage = new Coverage(file);
        Transfers.SmbWrite(wire, Guest, Server, "up", file, isPipelined: false, coverage, withClose: false);
        Assert.Null(wire.Cache.Find(StubScanner.KeyOf(file)));
        coverage = new Coverage(file);
        Transfers.HttpGet(wire, "10.0.0.2", Server, "/elsewhere", file, 0, file.Length, coverage);
        Assert.False(coverage.IsWhole, "the file went through on the word about its parts");
        Assert.Equal(1, wire.Worker.FileHolds.Stopped);
    }

    private static async Task<long> CostAsync(bool isSmb, int length)
    {
        byte[] file = Content(length, length);
        await using GuardedWire wire = Wire(quietMs: 60_000); // Where the machine is busy a writer seems to stand still, and is judged whole once more.
        var coverage = new Coverage(file);
        Put(wire, isSmb, "up", file, coverage);
        Assert.True(coverage.IsWhole, $"{coverage.Missing} bytes missing");
        Assert.True(wire.Sink.Counters.PartialCheckpoints > 20);
        return wire.Scanner.Bytes;
    }

    private static GuardedWire Wire(StubScanner? scanner = null, int quietMs = 50) =>
        new(GuardedWire.Tail, scanner, new WireFileOptions { WholeChecksBytes = 64 << 10, QuietTime = TimeSpan.FromMilliseconds(quietMs) });

    private static byte[] Content(int length, int seed)
    {
        byte[] file = new byte[length];
        new Random(seed).NextBytes(file);
        return file;
    }

    private static void Put(GuardedWire wire, bool isSmb, string name, byte[] file, Coverage coverage)
    {
        if (isSmb)
        {
            Transfers.SmbWrite(wire, Guest, Server, name, file, isPipelined: false, coverage);
        }
        else
        {
            Transfers.NfsWrite(wire, Guest, Server, name, file, isPipelined: false, coverage);
        }
    }
}
