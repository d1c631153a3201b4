using System.Diagnostics;
using System.IO.Pipelines;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Isolation;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

/// <summary>Contents that go to the scanner while they arrive: sooner there, never scanned more than once, and never before their end.</summary>
public sealed class ScanAheadTests : IAsyncDisposable
{
    private const int Length = 1_000_000;

    private readonly FileVerdictCache _cache = new(new CacheOptions());
    private readonly StubScanner _scanner = new();
    private readonly ScanService _scan;

    public ScanAheadTests()
    {
        _scan = new ScanService(_cache, [_scanner], new ScanOptions { MaxAhead = 3 });
    }

    public async ValueTask DisposeAsync()
    {
        await _scan.DisposeAsync();
        await _cache.DisposeAsync();
    }

    [Fact]
    public async Task ScannerHasTheBytesBeforeTheEndAndJudgesAfterIt()
    {
        byte[] content = Content(1);
        "STUB-MARKER"u8.CopyTo(content.AsSpan(Length - 11));
        var pipe = new Pipe(Unbounded);
        Task<ScanOutcome> judging = SubmitAsync(pipe);
        await pipe.Writer.WriteAsync(content.AsMemory(0, Length - 5), TestContext.Current.CancellationToken);
        await Until(() => _scanner.Bytes > Length - (128 << 10));
        Assert.Equal(0, _scanner.Scans);
        Assert.Equal(1, _scan.Counters.Ahead);

        await pipe.Writer.WriteAsync(content.AsMemory(Length - 5), TestContext.Current.CancellationToken);
        await pipe.Writer.CompleteAsync();
        ScanOutcome outcome = await judging;
        Assert.Equal(FileVerdictKind.Malicious, outcome.Verdict.Kind);
        Assert.Equal(StubScanner.KeyOf(content), outcome.Key);
        Assert.Equal((1, Length, 1L), (_scanner.Scans, _scanner.Bytes, _scan.Counters.Scans)); // Each byte went there once.
        Assert.Equal(0, _scan.SpoolMemoryBytes + _scan.SpoolDiskBytes);
    }

    [Fact]
    public async Task KnownBeginningIsNotSentAgainAndOtherContentBehindItIsScannedAllTheSame()
    {
        byte[] content = Content(2);
        await SubmitAsync(content);
        long bytes = _scanner.Bytes;
        Assert.True((await SubmitAsync(content)).IsFromCache);
        Assert.Equal((bytes, 1L), (_scanner.Bytes, _scan.Counters.Ahead));

        "STUB-MARKER"u8.CopyTo(content.AsSpan(Length - 11));
        Assert.Equal(FileVerdictKind.Malicious, (await SubmitAsync(content)).Verdict.Kind);
        Assert.Equal((2L, 1L, 0L), (_scan.Counters.Scans, _scan.Counters.Ahead, _scan.Counters.AheadInVain));

        _cache.CurrentGeneration = "new signatures";
        content.AsSpan(Length - 11).Clear();
        await SubmitAsync(content);
        Assert.Equal((3L, 2L), (_scan.Counters.Scans, _scan.Counters.Ahead));
    }

    [Fact]
    public async Task ContentThatTurnsOutToBeKnownOrBreaksOffIsNoScan()
    {
        byte[] known = Content(3);
        _cache.Put(StubScanner.KeyOf(known), new FileVerdict { Kind = FileVerdictKind.Clean, Engine = "elsewhere", Generation = _cache.CurrentGeneration, TimeUs = 1, ExpiresUs = FileVerdict.Never });
        Assert.True((await SubmitAsync(known)).IsFromCache);

        var pipe = new Pipe(Unbounded);
        Task<ScanOutcome> judging = SubmitAsync(pipe);
        await pipe.Writer.WriteAsync(Content(4), TestContext.Current.CancellationToken);
        await Until(() => _scan.Counters.Ahead == 2);
        await pipe.Writer.CompleteAsync(new IOException("broken off"));
        await Assert.ThrowsAsync<IOException>(() => judging);
        Assert.Equal((0, 0L, 2L), (_scanner.Scans, _scan.Counters.Scans, _scan.Counters.AheadInVain));
        Assert.Equal(0, _scan.SpoolMemoryBytes + _scan.SpoolDiskBytes);
    }

    [Fact]
    public async Task ScannerThatFailsOnTheWayGetsTheContentAnewFromTheSpool()
    {
        await using var breaking = new BreakingScanner();
        await using var scan = new ScanService(_cache, [breaking], new ScanOptions { Attempts = 1 });
        ScanOutcome outcome = await scan.SubmitAsync(PipeReader.Create(new MemoryStream(Content(5))), null, null, TestContext.Current.CancellationToken);
        Assert.Equal(FileVerdictKind.Clean, outcome.Verdict.Kind);
        Assert.Equal((1L, 1L, 0L), (scan.Counters.Scans, scan.Counters.AheadFailed, scan.Counters.Errors));
    }

    /// <summary>Many at once, with few beginnings, some broken off, over a change of signatures: one scan for each content and generation, no more.</summary>
    [Fact]
    public async Task HoweverTheyComeThereIsOneScanForEachContentAndGeneration()
    {
        const int Contents = 12;
        byte[][] contents = [.. Enumerable.Range(0, Contents).Select(i =>
        {
            byte[] content = Content(i % 4); // Four beginnings.
            content[Length - 1] = (byte)i;
            return content;
        })];
        foreach (string generation in (string[])["a", "b"])
        {
            _cache.CurrentGeneration = generation;
            await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(() => SendAsync(contents[i % Contents], i, isWhole: i % 7 != 0 || i < Contents), TestContext.Current.CancellationToken)));
        }

        Assert.Equal((2 * Contents, 2L * Contents), (_scanner.Scans, _scan.Counters.Scans));
        Assert.True(_scan.Counters.Ahead >= 2);
        Assert.Equal(0, _scan.SpoolMemoryBytes + _scan.SpoolDiskBytes);
        Assert.Equal(0, _scan.Counters.Errors);
    }

    [Fact]
    public async Task ScannerProcessForgetsWhatBreaksOff()
    {
        if (!File.Exists("/usr/bin/yara"))
        {
            Assert.Skip("needs /usr/bin/yara (package yara)");
        }

        using var folder = new TemporaryFolder();
        string rules = folder.File("mark.yar");
        await File.WriteAllTextAsync(rules, "rule Marked { strings: $a = \"EVIL-MARK\" condition: $a }", TestContext.Current.CancellationToken);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_101_101); // The other user has to read them.
            File.SetUnixFileMode(rules, (UnixFileMode)0b110_100_100);
        }

        await using var process = new ScannerProcess(new ScannerProcessOptions { Scanners = [new ScannerOptions { Kind = "yara", Address = rules }] });
        await using var scan = new ScanService(_cache, process.Scanners());
        await scan.StartAsync(TestContext.Current.CancellationToken);
        for (int i = 0; i < 100; i++)
        {
            var pipe = new Pipe(Unbounded);
            Task<ScanOutcome> judging = scan.SubmitAsync(pipe.Reader, null, null, TestContext.Current.CancellationToken);
            await pipe.Writer.WriteAsync(Content(i).AsMemory(0, 400_000), TestContext.Current.CancellationToken);
            await Until(() => scan.Counters.Ahead == i + 1);
            await pipe.Writer.CompleteAsync(new IOException("broken off"));
            await Assert.ThrowsAsync<IOException>(() => judging);
        }

        byte[] content = Content(100);
        "EVIL-MARK"u8.CopyTo(content.AsSpan(Length - 9));
        ScanOutcome outcome = await scan.SubmitAsync(PipeReader.Create(new MemoryStream(content)), null, null, TestContext.Current.CancellationToken);
        Assert.Equal("YARA.Marked", outcome.Verdict.Signature);
        Assert.Equal((1L, 101L, 100L, 0L, 1), (scan.Counters.Scans, scan.Counters.Ahead, scan.Counters.AheadInVain, scan.Counters.AheadFailed, process.Starts));
        if (Environment.IsPrivilegedProcess)
        {
            Assert.DoesNotContain(
                Directory.EnumerateDirectories(Path.GetTempPath(), $"bridgeguard-yara-{process.ProcessId}-*").SelectMany(Directory.EnumerateFiles),
                file => !Path.GetFileName(file).StartsWith("rules-", StringComparison.Ordinal));
        }
    }

    private static PipeOptions Unbounded => new(pauseWriterThreshold: 0);

    private static byte[] Content(int seed)
    {
        byte[] content = new byte[Length];
        new Random(seed).NextBytes(content);
        return content;
    }

    private static async Task Until(Func<bool> condition)
    {
        long begin = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(begin).TotalSeconds < 30, "it does not come");
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
    }

    private async Task SendAsync(byte[] content, int seed, bool isWhole)
    {
        var random = new Random(seed);
        var pipe = new Pipe(Unbounded);
        Task<ScanOutcome> judging = SubmitAsync(pipe);
        for (int at = 0; at < Length;)
        {
            int length = Math.Min(random.Next(1, 200_000), Length - at);
            await pipe.Writer.WriteAsync(content.AsMemory(at, length), TestContext.Current.CancellationToken);
            at += length;
            await Task.Yield();
        }

        await pipe.Writer.CompleteAsync(isWhole ? null : new IOException("broken off"));
        if (isWhole)
        {
            Assert.Equal(FileVerdictKind.Clean, (await judging).Verdict.Kind);
        }
        else
        {
            await Assert.ThrowsAsync<IOException>(() => judging);
        }
    }

    private Task<ScanOutcome> SubmitAsync(Pipe pipe) => _scan.SubmitAsync(pipe.Reader, null, null, TestContext.Current.CancellationToken);

    private Task<ScanOutcome> SubmitAsync(byte[] content) =>
        _scan.SubmitAsync(PipeReader.Create(new MemoryStream(content)), null, null, TestContext.Current.CancellationToken);

    /// <summary>Loses its connection with the first content's first block.</summary>
    private sealed class BreakingScanner : IScanner
    {
        private bool _hasBroken;

        public string Name => "breaking";

        public Task<string> GetGenerationAsync(CancellationToken cancellationToken) => Task.FromResult("1");

        public async Task<ScanResult> ScanAsync(IScanContent content, CancellationToken cancellationToken)
        {
            await foreach (ReadOnlyMemory<byte> block in content.ReadAsync(cancellationToken))
            {
                if (!_hasBroken)
                {
                    _hasBroken = true;
                    throw new IOException("connection lost");
                }
            }

            return ScanResult.Clean;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
