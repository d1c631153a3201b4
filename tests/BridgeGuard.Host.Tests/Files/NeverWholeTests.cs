using System.Text;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Files;

/// <summary>A malicious file never arrives whole, however often and in whatever pieces it is asked for: 1,000 tries a protocol over the engine and the scan pipeline.</summary>
public sealed class NeverWholeTests
{
    private const int Tries = 1000;
    private const int FileBytes = 20_000;

    private static readonly string[] Guests = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];

    private static byte[] BadFile(int seed)
    {
        byte[] file = new byte[FileBytes + seed];
        new Random(seed).NextBytes(file);
        Encoding.ASCII.GetBytes(StubScanner.Marker).CopyTo(file, FileBytes / 2);
        return file;
    }

    [Fact]
    public Task Http1() => RunAsync(1, (wire, file, coverage, i, guest) =>
    {
        const string server = "10.0.0.100";
        const string path = "/files/bad.bin";
        switch (i % 8)
        {
            case 0 or 4:
                Transfers.HttpGet(wire, guest, server, path, file, 0, file.Length, coverage);
                break;
            case 1: // curl -C -
                Transfers.HttpGet(wire, guest, server, path, file, Math.Min(coverage.Prefix, file.Length - 1), file.Length, coverage);
                break;
            case 2: // From the middle, from a mirror with another address.
                Transfers.HttpGet(wire, guest, "10.0.0.101", "/mirror/" + i, file, i * 17 % file.Length, file.Length, coverage);
                break;
            case 3: // The last byte.
                Transfers.HttpGet(wire, guest, server, path, file, file.Length - 1, file.Length, coverage);
                break;
            case 5:
                Transfers.HttpGet(wire, guest, server, path, file, 0, file.Length, coverage, isChunked: true);
                break;
            case 6:
                Transfers.HttpGetToClose(wire, guest, server, path, file, coverage);
                break;
            default:
                Transfers.HttpGetRanges(wire, guest, "10.0.0.102", "/r" + i, file, [(0, 5000), (5000, 15_000), (15_000, file.Length)], coverage);
                break;
        }
    });

    [Fact]
    public Task Http1Upload() => RunAsync(2, (wire, file, coverage, i, guest) =>
        Transfers.HttpPut(wire, guest, "10.0.0.100", "/up/" + i, file, coverage));

    [Fact]
    public Task Http2() => RunAsync(3, (wire, file, coverage, i, guest) =>
    {
        int from = i % 3 == 0 ? 0 : i % 3 == 1 ? Math.Min(coverage.Prefix, file.Length - 1) : i * 31 % file.Length;
        Transfers.Http2Get(wire, guest, "10.0.0.100", i % 5 == 4 ? "/m" + i : "/bad.bin", file, from, file.Length, withLength: i % 2 == 0, coverage);
    });

    [Fact]
    public async Task Smtp()
    {
        byte[] file = BadFile(4);
        await using var wire = new GuardedWire(GuardedWire.Tail);
        int whole = 0;
        for (int i = 0; i < Tries; i++)
        {
            whole += Transfers.SmtpMail(wire, Guests[i % 3], "10.0.0.100", $"n{i}.bin", file) ? 1 : 0;
        }

        Assert.Equal(0, whole);
        Assert.Equal(1, wire.Scanner.Scans);
    }

    [Fact]
    public Task Ftp() => RunAsync(5, (wire, file, coverage, i, guest) =>
    {
        int from = i % 3 == 0 ? 0 : i % 3 == 1 ? Math.Min(coverage.Prefix, file.Length - 1) : file.Length - 1 - (i % 100);
        Transfers.FtpGet(wire, guest, "10.0.0.100", i % 4 == 3 ? "other" + i : "bad.bin", file, from, withSize: i % 2 == 0, coverage);
    });

    [Fact]
    public Task FtpUpload() => RunAsync(6, (wire, file, coverage, i, guest) => Transfers.FtpPut(wire, guest, "10.0.0.100", "up" + i, file, coverage));

    [Fact]
    public Task Smb() => RunAsync(7, (wire, file, coverage, i, guest) =>
    {
        int from = i % 3 == 0 ? 0 : i % 3 == 1 ? Math.Min(coverage.Prefix, file.Length - 1) : i * 13 % file.Length;
        Transfers.SmbRead(wire, guest, "10.0.0.100", i % 4 == 3 ? "copy" + i : "bad.bin", file, from, file.Length, coverage);
    });

    [Fact]
    public Task Nfs() => RunAsync(8, (wire, file, coverage, i, guest) =>
    {
        int from = i % 3 == 0 ? 0 : i % 3 == 1 ? Math.Min(coverage.Prefix, file.Length - 1) : i * 13 % file.Length;
        Transfers.NfsRead(wire, guest, "10.0.0.100", i % 4 == 3 ? "copy" + i : "bad.bin", file, from, file.Length, coverage);
    });

    [Fact]
    public Task Nfs4() => RunAsync(13, (wire, file, coverage, i, guest) =>
    {
        int from = i % 3 == 0 ? 0 : i % 3 == 1 ? Math.Min(coverage.Prefix, file.Length - 1) : i * 13 % file.Length;
        Transfers.Nfs4Read(wire, guest, "10.0.0.100", i % 4 == 3 ? "copy" + i : "bad.bin", file, from, file.Length, coverage);
    });

    [Fact]
    public Task SmbUpload() => RunAsync(
        11, (wire, file, coverage, i, guest) => Transfers.SmbWrite(wire, guest, "10.0.0.100", "up" + i, file, isPipelined: i % 2 == 0, coverage), maxScans: 64);

    [Fact]
    public Task NfsUpload() => RunAsync(
        12, (wire, file, coverage, i, guest) => Transfers.NfsWrite(wire, guest, "10.0.0.100", "up" + i, file, isPipelined: i % 2 == 0, coverage), maxScans: 64);

    /// <summary>Also with writes that go through to the disk, as a client without a cache of its own sends them: none of them says whether more will come.</summary>
    [Fact]
    public Task NfsUploadThroughToTheDisk() => RunAsync(
        14, (wire, file, coverage, i, guest) => Transfers.NfsWrite(wire, guest, "10.0.0.100", "up" + i, file, isPipelined: i % 2 == 0, coverage, isStable: true), maxScans: 64);

    [Fact]
    public Task Nfs4Upload() => RunAsync(
        15, (wire, file, coverage, i, guest) => Transfers.Nfs4Write(wire, guest, "10.0.0.100", "up" + i, file, isPipelined: i % 2 == 0, coverage, isStable: i % 3 == 0), maxScans: 64);

    /// <summary>Nobody has seen the file when its parts are fetched one by one, each over a connection of its own.</summary>
    [Theory]
    [InlineData("http2", true)]
    [InlineData("ftp", true)]
    [InlineData("smb", true)]
    [InlineData("nfs", true)]
    [InlineData("nfs4", true)]
    [InlineData("http2", false)]
    [InlineData("ftp", false)]
    [InlineData("smb", false)]
    [InlineData("nfs", false)]
    [InlineData("nfs4", false)]
    public async Task PartsOfAnUnknownFileDoNotAddUp(string protocol, bool lastPartFirst)
    {
        for (int seed = 100; seed < 106; seed++)
        {
            byte[] file = BadFile(seed);
            var coverage = new Coverage(file);
            await using var wire = new GuardedWire(GuardedWire.Tail) { Patience = TimeSpan.FromMilliseconds(300) };
            int border = 4096 * (1 + (seed % 4));
            foreach ((int from, int to) in lastPartFirst ? ((int, int)[])[(border, file.Length), (0, border), (0, border)] : [(0, border), (border, file.Length), (border, file.Length)])
            {
                Fetch(wire, protocol, Guests[seed % 3], file, from, to, coverage);
            }

            Assert.False(coverage.IsWhole, $"border {border}");
        }
    }

    private static void Fetch(GuardedWire wire, string protocol, string guest, byte[] file, int from, int to, Coverage coverage)
    {
        const string server = "10.0.0.100";
        switch (protocol)
        {
            case "http2":
                Transfers.Http2Get(wire, guest, server, "/bad.bin", file, from, to, withLength: true, coverage);
                break;
            case "ftp":
                Transfers.FtpGetPart(wire, guest, server, "bad.bin", file, from, to, coverage);
                break;
            case "smb":
                Transfers.SmbRead(wire, guest, server, "bad.bin", file, from, to, coverage);
                break;
            case "nfs":
                Transfers.NfsRead(wire, guest, server, "bad.bin", file, from, to, coverage);
                break;
            default:
                Transfers.Nfs4Read(wire, guest, server, "bad.bin", file, from, to, coverage);
                break;
        }
    }

    [Fact]
    public Task Tftp() => RunAsync(9, (wire, file, coverage, i, guest) =>
        Transfers.TftpGet(wire, guest, "10.0.0.100", i % 2 == 0 ? "bad.bin" : "copy" + i, file, coverage));

    /// <summary>Two halves over two protocols, after the file was seen once over a third.</summary>
    [Fact]
    public async Task PiecesOverDifferentProtocolsDoNotAddUp()
    {
        byte[] file = BadFile(10);
        var coverage = new Coverage(file);
        await using var wire = new GuardedWire(GuardedWire.Tail);
        Transfers.HttpGet(wire, Guests[0], "10.0.0.100", "/a", file, 0, file.Length, coverage);
        for (int i = 0; i < 50; i++)
        {
            int at = Math.Min(coverage.Prefix, file.Length - 1);
            Transfers.FtpGet(wire, Guests[1], "10.0.0.101", "f" + i, file, at, withSize: true, coverage);
            Transfers.SmbRead(wire, Guests[2], "10.0.0.102", "s" + i, file, at, file.Length, coverage);
            Transfers.NfsRead(wire, Guests[0], "10.0.0.103", "n" + i, file, at, file.Length, coverage);
            Transfers.Http2Get(wire, Guests[1], "10.0.0.104", "/h" + i, file, at, file.Length, true, coverage);
            Transfers.TftpGet(wire, Guests[2], "10.0.0.105", "t" + i, file, coverage);
        }

        Assert.False(coverage.IsWhole);
        Assert.Equal(1, wire.Scanner.Scans);
    }

    private static async Task RunAsync(int seed, Action<GuardedWire, byte[], Coverage, int, string> attempt, int maxScans = 1)
    {
        byte[] file = BadFile(seed);
        var coverage = new Coverage(file);
        await using var wire = new GuardedWire(GuardedWire.Tail);
        for (int i = 0; i < Tries; i++)
        {
            attempt(wire, file, coverage, i, Guests[i % Guests.Length]);
            Assert.False(coverage.IsWhole, $"try {i} completed the file");
        }

        Assert.True(coverage.Missing > 0);
        Assert.True(wire.Worker.FileHolds.Stopped > 0);
        Assert.InRange(wire.Scanner.Scans, 1, maxScans); // Each beginning that might have been the whole is one content.
    }
}
