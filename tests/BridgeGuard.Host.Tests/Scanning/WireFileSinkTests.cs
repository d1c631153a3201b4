using System.Security.Cryptography;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using BridgeGuard.Scanning.WireFiles;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

public sealed class WireFileSinkTests : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly StubScanner _scanner = new();
    private readonly FileVerdictCache _cache;
    private readonly ScanService _scan;

    public WireFileSinkTests()
    {
        _cache = new FileVerdictCache(new CacheOptions { Path = _folder.File("cache.db") });
        _scan = new ScanService(_cache, [_scanner]);
    }

    public async ValueTask DisposeAsync()
    {
        await _scan.DisposeAsync();
        await _cache.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task FileOnTheWireIsPendingThenJudgedAndInTheLedger()
    {
        _scanner.Delay = TimeSpan.FromMilliseconds(100);
        await using var sink = new WireFileSink(_scan, id => id == 7 ? "web-1" : null);
        byte[] content = [.. new byte[200_000], .. "STUB-MARKER"u8];
        byte[] hash = SHA256.HashData(content);

        Assert.Equal(FileVerdictKind.Unknown, sink.Lookup(hash, content.Length));
        Send(sink, content, hash);
        Assert.Equal(FileVerdictKind.Pending, sink.Lookup(hash, content.Length));
        Assert.Equal(FileVerdictKind.Malicious, await VerdictAsync(sink, hash, content.Length));

        await _cache.FlushAsync(TestContext.Current.CancellationToken);
        Exposure exposure = Assert.Single(_cache.FindExposures(new Sha256(hash)));
        Assert.Equal("web-1", exposure.Guest);
        Assert.Equal("10.0.0.9", exposure.Peer);
        Assert.Equal(("http", "http://a/b", "b"), (exposure.Protocol, exposure.Location, exposure.FileName));
        Assert.Equal(42UL, exposure.FlowId);
    }

    [Fact]
    public async Task ThousandFilesOverFewSlotsGiveOneScanPerContent()
    {
        await using var sink = new WireFileSink(_scan, null, new WireFileOptions { MaxOpenFiles = 4 });
        var contents = Enumerable.Range(0, 10).Select(i => Enumerable.Repeat((byte)i, 10_000 + i).ToArray()).ToArray();
        for (int i = 0; i < 1000; i++)
        {
            byte[] content = contents[i % 10];
            byte[] hash = SHA256.HashData(content);
            while (!Send(sink, content, hash))
            {
                await Task.Delay(1, TestContext.Current.CancellationToken); // All slots busy.
            }
        }

        foreach (byte[] content in contents)
        {
            Assert.Equal(FileVerdictKind.Clean, await VerdictAsync(sink, SHA256.HashData(content), content.Length));
        }

        await WaitAsync(() => sink.BufferedBytes == 0); // Later copies may still be on their way.
        Assert.Equal(10, _scanner.Scans);
    }

    [Fact]
    public async Task TruncatedFileIsNeverJudged()
    {
        await using var sink = new WireFileSink(_scan);
        FileHandle file = sink.Open(Origin());
        Assert.True(sink.Append(file, "STUB-MARKER"u8));
        sink.Close(file, FileEnd.Truncated, default, 11);
        await WaitAsync(() => _scan.Counters.Truncated == 1);
        Assert.Equal(0, _scanner.Scans);
        Assert.Equal(FileVerdictKind.Unknown, sink.Lookup(SHA256.HashData("STUB-MARKER"u8), 11));
    }

    [Fact]
    public async Task ChunkBeyondTheBufferIsRefusedAndMayBeOfferedAgain()
    {
        await using var sink = new WireFileSink(_scan, null, new WireFileOptions { MaxBufferedBytesPerFile = 10_000 });
        FileHandle file = sink.Open(Origin());
        byte[] content = new byte[100_000];
        int refused = 0;
        for (int at = 0; at < content.Length;)
        {
            if (sink.Append(file, content.AsSpan(at, 5_000)))
            {
                at += 5_000;
            }
            else
            {
                refused++;
                Thread.Sleep(1);
            }
        }

        byte[] hash = SHA256.HashData(content);
        sink.Close(file, FileEnd.Complete, hash, content.Length);
        Assert.Equal(FileVerdictKind.Clean, await VerdictAsync(sink, hash, content.Length));
        Assert.Equal(refused, sink.Counters.RefusedAppends);
        Assert.False(sink.Append(sink.Open(Origin()), new byte[10_001]));
    }

    [Fact]
    public async Task TotalBufferHoldsWhileNobodyReads()
    {
        await using var sink = new WireFileSink(_scan, null, new WireFileOptions { MaxBufferedBytes = 0 });
        FileHandle file = sink.Open(Origin());
        Assert.False(sink.Append(file, [1]));
        Assert.Equal(0, sink.BufferedBytes);
    }

    [Fact]
    public async Task OldHandleIsRefused()
    {
        await using var sink = new WireFileSink(_scan, null, new WireFileOptions { MaxOpenFiles = 1 });
        FileHandle file = sink.Open(Origin());
        Assert.True(sink.Open(Origin()).IsNone);
        sink.Close(file, FileEnd.Truncated, default, 0);
        Assert.False(sink.Append(file, "x"u8));
        sink.Close(file, FileEnd.Complete, default, 0);
        Assert.False(sink.Append(FileHandle.None, "x"u8));
        Assert.Equal(2, sink.Counters.StaleHandles);
    }

    [Fact]
    public async Task BytesWithAnotherHashThanAnnouncedDoNotGetItsVerdict()
    {
        await using var sink = new WireFileSink(_scan);
        byte[] claimed = SHA256.HashData("other"u8);
        FileHandle file = sink.Open(Origin());
        sink.Append(file, "real!"u8);
        sink.Close(file, FileEnd.Complete, claimed, 5);
        Assert.Equal(FileVerdictKind.Clean, await VerdictAsync(sink, SHA256.HashData("real!"u8), 5));
        await WaitAsync(() => sink.Lookup(claimed, 5) == FileVerdictKind.Unknown);
        Assert.Equal(1, _scan.Counters.HashMismatches);
    }

    private static FileOrigin Origin() => new()
    {
        FlowId = 42,
        TimestampUs = 1,
        ReceiverGuestId = 7,
        SenderAddress = new byte[] { 10, 0, 0, 9 },
        Protocol = "http"u8,
        Location = "http://a/b"u8,
        Name = "b"u8,
        AnnouncedSize = -1,
    };

    private static bool Send(WireFileSink sink, byte[] content, byte[] hash)
    {
        FileHandle file = sink.Open(Origin());
        if (file.IsNone)
        {
            return false;
        }

        for (int at = 0; at < content.Length; at += 1460)
        {
            Assert.True(sink.Append(file, content.AsSpan(at, Math.Min(1460, content.Length - at))));
        }

        sink.Close(file, FileEnd.Complete, hash, content.Length);
        return true;
    }

    private static async Task<FileVerdictKind> VerdictAsync(WireFileSink sink, byte[] hash, long size)
    {
        await WaitAsync(() => sink.Lookup(hash, size) is not (FileVerdictKind.Pending or FileVerdictKind.Unknown));
        return sink.Lookup(hash, size);
    }

    private static async Task WaitAsync(Func<bool> condition)
    {
        for (int i = 0; !condition(); i++)
        {
            Assert.True(i < 1000, "not within 10 s");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }
}
