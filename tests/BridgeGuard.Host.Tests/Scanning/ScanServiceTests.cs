using System.IO.Pipelines;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

public sealed class ScanServiceTests : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FileVerdictCache _cache;
    private readonly StubScanner _scanner = new();

    public ScanServiceTests() => _cache = new FileVerdictCache(new CacheOptions { Path = _folder.File("cache.db") });

    public async ValueTask DisposeAsync()
    {
        await _cache.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65_536)]
    [InlineData(65_537)]
    [InlineData(262_144)]
    [InlineData(262_145)] // One past the memory limit: goes through a file.
    [InlineData(3_000_000)]
    public async Task ContentOfAnySizeIsHashedAndScannedWhole(int size)
    {
        await using ScanService scan = await StartAsync();
        byte[] content = Bytes(size, 1);
        if (size > 100)
        {
            "STUB-MARKER"u8.CopyTo(content.AsSpan(size - 50)); // In the last bytes: nothing may be cut.
        }

        ScanOutcome outcome = await SubmitAsync(scan, content);
        Assert.Equal(StubScanner.KeyOf(content), outcome.Key);
        Assert.Equal(size > 100 ? FileVerdictKind.Malicious : FileVerdictKind.Clean, outcome.Verdict.Kind);
        Assert.Equal(0, scan.SpoolMemoryBytes);
        Assert.Equal(0, scan.SpoolDiskBytes);
    }

    [Fact]
    public async Task ManyRequestsForFewContentsCostOneScanEach()
    {
        const int Clients = 200;
        const int Files = 50;
        _scanner.Delay = TimeSpan.FromMilliseconds(5);
        await using ScanService scan = await StartAsync();
        byte[][] contents = [.. Enumerable.Range(0, Files).Select(i => Bytes(1000 + i, i))];
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            var random = new Random(client);
            foreach (byte[] content in contents.OrderBy(_ => random.Next()))
            {
                ScanOutcome outcome = await SubmitAsync(scan, content);
                Assert.Equal(FileVerdictKind.Clean, outcome.Verdict.Kind);
            }
        })));

        Assert.Equal(Files, _scanner.Scans);
        Assert.Equal(Files, scan.Counters.Scans);
        Assert.Equal((Clients * Files) - Files, scan.Counters.SavedByCache + scan.Counters.SavedByJoining);

        _scanner.Generation = "2";
        await scan.RefreshGenerationAsync(TestContext.Current.CancellationToken);
        await Task.WhenAll(Enumerable.Range(0, 20).SelectMany(_ => contents).Select(content => SubmitAsync(scan, content)));
        Assert.Equal(2 * Files, _scanner.Scans);
    }

    [Fact]
    public async Task ScanGoesOnWhenItsFirstClientLeaves()
    {
        _scanner.Delay = TimeSpan.FromMilliseconds(300);
        await using ScanService scan = await StartAsync();
        using var leaving = new CancellationTokenSource(50);
        byte[] content = Bytes(100, 3);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            scan.SubmitAsync(PipeReader.Create(new MemoryStream(content)), null, null, leaving.Token));
        ScanOutcome outcome = await SubmitAsync(scan, content);
        Assert.Equal(FileVerdictKind.Clean, outcome.Verdict.Kind);
        Assert.Equal(1, _scanner.Scans);
    }

    [Fact]
    public async Task TurnedVerdictNamesTheExposedGuestsOnce()
    {
        _scanner.IgnoresMarker = true;
        await using ScanService scan = await StartAsync();
        var changes = new List<VerdictChange>();
        scan.VerdictChanged += changes.Add;
        byte[] content = "xx STUB-MARKER xx"u8.ToArray();
        await SubmitAsync(scan, content, "vm-a");
        await SubmitAsync(scan, content, "vm-b");
        Assert.Equal(1, _scanner.Scans);

        _scanner.IgnoresMarker = false;
        _scanner.Generation = "2";
        await scan.RefreshGenerationAsync(TestContext.Current.CancellationToken);
        ScanOutcome outcome = await SubmitAsync(scan, content, "vm-c");
        await SubmitAsync(scan, content, "vm-d");

        Assert.Equal(FileVerdictKind.Malicious, outcome.Verdict.Kind);
        VerdictChange change = Assert.Single(changes);
        Assert.Equal(FileVerdictKind.Clean, change.Before.Kind);
        Assert.Equal(["vm-a", "vm-b", "vm-c"], change.Exposures.Select(exposure => exposure.Guest).Order());
    }

    [Fact]
    public async Task ListenerThatThrowsDoesNotTouchTheVerdict()
    {
        _scanner.IgnoresMarker = true;
        await using ScanService scan = await StartAsync();
        scan.VerdictChanged += _ => throw new InvalidOperationException("as the test wants");
        byte[] content = "STUB-MARKER"u8.ToArray();
        await SubmitAsync(scan, content);
        _scanner.IgnoresMarker = false;
        _scanner.Generation = "2";
        await scan.RefreshGenerationAsync(TestContext.Current.CancellationToken);
        Assert.Equal(FileVerdictKind.Malicious, (await SubmitAsync(scan, content)).Verdict.Kind);
        Assert.Equal(FileVerdictKind.Malicious, _cache.Find(StubScanner.KeyOf(content))!.Kind);
    }

    [Fact]
    public async Task PassingErrorIsTriedAgain()
    {
        _scanner.Answer = number => number == 1 ? ScanResult.Error("gone", isTransient: true) : ScanResult.Clean;
        await using ScanService scan = await StartAsync(new ScanOptions { RetryDelay = TimeSpan.FromMilliseconds(1) });
        Assert.Equal(FileVerdictKind.Clean, (await SubmitAsync(scan, Bytes(10, 1))).Verdict.Kind);
        Assert.Equal(1, scan.Counters.Retries);
    }

    [Fact]
    public async Task SlowScannerEndsAtTheDeadlineWithAnErrorThatIsSoonForgotten()
    {
        _scanner.Delay = TimeSpan.FromSeconds(30);
        await using ScanService scan = await StartAsync(new ScanOptions
        {
            Deadline = TimeSpan.FromMilliseconds(100),
            TransientErrorLifetime = TimeSpan.FromMilliseconds(200),
        });
        ScanOutcome outcome = await SubmitAsync(scan, Bytes(10, 1));
        Assert.Equal(FileVerdictKind.Error, outcome.Verdict.Kind);
        await Task.Delay(250, TestContext.Current.CancellationToken);
        _scanner.Delay = TimeSpan.Zero;
        Assert.Equal(FileVerdictKind.Clean, (await SubmitAsync(scan, Bytes(10, 1))).Verdict.Kind);
    }

    [Fact]
    public async Task ErrorDoesNotLiftABlock()
    {
        await using ScanService scan = await StartAsync();
        byte[] content = "STUB-MARKER"u8.ToArray();
        await SubmitAsync(scan, content);
        _scanner.Generation = "2";
        _scanner.Answer = _ => ScanResult.Error("gone", isTransient: false);
        await scan.RefreshGenerationAsync(TestContext.Current.CancellationToken);
        Assert.Equal(FileVerdictKind.Malicious, (await SubmitAsync(scan, content)).Verdict.Kind);
    }

    [Fact]
    public async Task FullQueueAnswersAtOnce()
    {
        _scanner.Delay = TimeSpan.FromMilliseconds(300);
        await using ScanService scan = await StartAsync(new ScanOptions { Concurrency = 1, MaxQueued = 1 });
        ScanOutcome[] outcomes = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => SubmitAsync(scan, Bytes(10, i))));
        Assert.Equal(2, outcomes.Count(outcome => outcome.Verdict.Kind == FileVerdictKind.Clean));
        Assert.Equal(2, scan.Counters.QueueFull);
        Assert.Equal(0, scan.Counters.Queued);
    }

    [Fact]
    public async Task TooLongContentIsHashedButNotScannedAndCostsNoSpool()
    {
        await using ScanService scan = await StartAsync(new ScanOptions { MaxFileBytes = 500_000 });
        byte[] content = Bytes(2_000_000, 5);
        ScanOutcome outcome = await SubmitAsync(scan, content);
        Assert.Equal(StubScanner.KeyOf(content), outcome.Key);
        Assert.Equal(FileVerdictKind.Error, outcome.Verdict.Kind);
        Assert.Contains("500000", outcome.Verdict.Signature, StringComparison.Ordinal);
        Assert.Equal(0, _scanner.Scans);
        Assert.Equal(0, scan.SpoolDiskBytes);
    }

    [Fact]
    public async Task SpoolLimitsHoldForAllContentsTogether()
    {
        await using ScanService scan = await StartAsync(new ScanOptions { SpoolMemoryBytes = 0, SpoolDiskBytes = 100_000, SpoolDirectory = _folder.Path });
        Assert.Equal(FileVerdictKind.Clean, (await SubmitAsync(scan, Bytes(90_000, 1))).Verdict.Kind); // Memory refused: a file.
        Assert.Equal(FileVerdictKind.Error, (await SubmitAsync(scan, Bytes(110_000, 2))).Verdict.Kind);
        Assert.Equal(0, scan.SpoolDiskBytes);
        Assert.DoesNotContain(Directory.GetFiles(_folder.Path), name => Path.GetFileName(name).StartsWith("bridgeguard-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task WithoutAScannerTheListsAreTheOnlyJudgesUntilOneIsAdded()
    {
        byte[] content = StubBytes();
        await using (var scan = new ScanService(_cache, []))
        {
            await scan.StartAsync(TestContext.Current.CancellationToken);
            ScanOutcome outcome = await SubmitAsync(scan, content);
            Assert.Equal((FileVerdictKind.Clean, "hash-lists"), (outcome.Verdict.Kind, outcome.Verdict.Engine));
            Assert.True((await SubmitAsync(scan, content)).IsFromCache);
            Assert.Equal(0, scan.Counters.Scans);
        }

        await using ScanService later = await StartAsync();
        Assert.Equal(FileVerdictKind.Malicious, (await SubmitAsync(later, content)).Verdict.Kind);

        static byte[] StubBytes() => System.Text.Encoding.ASCII.GetBytes(StubScanner.Marker);
    }

    [Fact]
    public async Task HashThatAListMakesBadNamesTheGuestsThatHaveTheContent()
    {
        await using ScanService scan = await StartAsync();
        var sink = new BridgeGuard.Outputs.SharedEventSink();
        using var reporter = new VerdictChangeReporter(scan, sink);
        byte[] content = Bytes(100, 9);
        await SubmitAsync(scan, content, "vm-a");
        await SubmitAsync(scan, content, "vm-b");
        await _cache.FlushAsync(TestContext.Current.CancellationToken);

        string list = _folder.File("bad");
        File.WriteAllText(list, "");
        using var lists = new BridgeGuard.Scanning.Scanners.HashLists.HashListFiles(_cache, [list], []);
        lists.TurnedBad += scan.ReportListed;
        lists.Load();
        File.WriteAllText(list, StubScanner.KeyOf(content).Hash + " Evil.Listed\n");
        Assert.True(lists.ReloadIfChanged());

        Assert.True(sink.Ring.TryPeek(out BridgeGuard.Engine.Events.EventHeader header, out ReadOnlySpan<byte> json));
        Assert.Equal((BridgeGuard.Engine.Events.EventKind.File, (byte)1), (header.Kind, header.Severity));
        System.Text.Json.JsonElement record = System.Text.Json.JsonDocument.Parse(json.ToArray()).RootElement;
        Assert.Equal("verdict_changed", record.GetProperty("event_type").GetString());
        System.Text.Json.JsonElement detail = record.GetProperty("bridgeguard");
        Assert.Equal("clean", detail.GetProperty("before").GetProperty("verdict").GetString());
        Assert.Equal("Evil.Listed", detail.GetProperty("after").GetProperty("signature").GetString());
        Assert.Equal(["vm-b", "vm-a"], detail.GetProperty("guests").EnumerateArray().Select(guest => guest.GetString()));
        sink.Ring.Advance();
        Assert.False(sink.Ring.TryPeek(out _, out _));
    }

    /// <summary>A content waits for the slowest scanner, not for their sum; and for none of them once one has found something.</summary>
    [Fact]
    public async Task ScannersAreAskedAllAtOnce()
    {
        var first = new MeetingScanner { Verdict = ScanResult.Malicious("First.Found") };
        var second = new MeetingScanner { Verdict = ScanResult.Clean };
        await using (var both = new ScanService(_cache, [first, second], new ScanOptions { Deadline = TimeSpan.FromSeconds(60) }))
        {
            await both.StartAsync(TestContext.Current.CancellationToken);
            Task<ScanOutcome> judging = SubmitAsync(both, Bytes(100, 21));
            await Task.WhenAll(first.Asked, second.Asked).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
            first.Go.SetResult();
            Assert.Equal("First.Found", (await judging.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)).Verdict.Signature);
            Assert.True(second.IsGivenUp);
        }
    }

    /// <summary>Answers when it is told to.</summary>
    private sealed class MeetingScanner : IScanner
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Asked => _asked.Task;

        public TaskCompletionSource Go { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ScanResult Verdict { get; init; }

        public bool IsGivenUp { get; private set; }

        public string Name => "meeting";

        public Task<string> GetGenerationAsync(CancellationToken cancellationToken) => Task.FromResult("1");

        public async Task<ScanResult> ScanAsync(IScanContent content, CancellationToken cancellationToken)
        {
            _asked.TrySetResult();
            try
            {
                await Go.Task.WaitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                IsGivenUp = true;
                throw;
            }

            return Verdict;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    /// <summary>However many there are, and however many more lines one of them has than are repeated.</summary>
    [Fact]
    public async Task EveryGuestOfATurnedVerdictIsNamed()
    {
        await using ScanService scan = await StartAsync();
        var sink = new BridgeGuard.Outputs.SharedEventSink();
        using var reporter = new VerdictChangeReporter(scan, sink);
        byte[] content = Bytes(100, 11);
        await SubmitAsync(scan, content, "first");
        string[] guests = ["first", .. Enumerable.Range(0, 449).Select(i => $"2001:db8:1234:5678:9abc:def0:1234:{i:x4}")];
        foreach (string guest in guests.Skip(1).Concat(Enumerable.Repeat(guests[1], 11_000)))
        {
            _cache.Record(new FileProvenance { TimeUs = 1, Guest = guest, Protocol = "http" }.ToExposure(StubScanner.KeyOf(content)));
        }

        await _cache.FlushAsync(TestContext.Current.CancellationToken);
        string list = _folder.File("bad");
        File.WriteAllText(list, "");
        using var lists = new BridgeGuard.Scanning.Scanners.HashLists.HashListFiles(_cache, [list], []);
        lists.TurnedBad += scan.ReportListed;
        lists.Load();
        File.WriteAllText(list, StubScanner.KeyOf(content).Hash + " Evil.Listed\n");
        Assert.True(lists.ReloadIfChanged());

        var named = new List<string>();
        for (int part = 1; sink.Ring.TryPeek(out _, out ReadOnlySpan<byte> json); part++)
        {
            Assert.InRange(json.Length, 1, 20_000);
            System.Text.Json.JsonElement detail = System.Text.Json.JsonDocument.Parse(json.ToArray()).RootElement.GetProperty("bridgeguard");
            Assert.Equal((part, 3, guests.Length), (detail.GetProperty("part").GetInt32(), detail.GetProperty("parts").GetInt32(), detail.GetProperty("guests_total").GetInt32()));
            named.AddRange(detail.GetProperty("guests").EnumerateArray().Select(guest => guest.GetString()!));
            sink.Ring.Advance();
        }

        Assert.Equal(guests.Order(), named.Order());
    }

    [Fact]
    public async Task WarmedFolderNeedsNoScanLater()
    {
        await using ScanService scan = await StartAsync();
        Directory.CreateDirectory(_folder.File("image/usr/bin"));
        byte[][] contents = [.. Enumerable.Range(0, 20).Select(i => Bytes(5000, i))];
        for (int i = 0; i < contents.Length; i++)
        {
            File.WriteAllBytes(_folder.File($"image/usr/bin/{i}"), contents[i]);
        }

        File.WriteAllText(_folder.File("image/bad"), StubScanner.Marker);
        File.WriteAllText(_folder.File("image/empty"), "");
        File.CreateSymbolicLink(_folder.File("image/link"), "/etc/passwd");
        var found = new List<string>();
        WarmUp warm = await CacheWarmer.RunAsync(scan, _folder.File("image"), (path, _) => found.Add(path), TestContext.Current.CancellationToken);
        Assert.Equal((21, 1), (warm.Files, warm.Malicious));
        Assert.Equal([_folder.File("image/bad")], found);

        await Task.WhenAll(Enumerable.Range(0, 50).SelectMany(_ => contents).Select(content => SubmitAsync(scan, content)));
        Assert.Equal(21, _scanner.Scans);
    }

    private async Task<ScanService> StartAsync(ScanOptions? options = null)
    {
        var scan = new ScanService(_cache, [_scanner], options);
        await scan.StartAsync(TestContext.Current.CancellationToken);
        return scan;
    }

    private static Task<ScanOutcome> SubmitAsync(ScanService scan, byte[] content, string guest = "vm")
    {
        var provenance = new FileProvenance { TimeUs = 1, Guest = guest, Protocol = "test" };
        return scan.SubmitAsync(PipeReader.Create(new MemoryStream(content)), provenance, null, TestContext.Current.CancellationToken);
    }

    private static byte[] Bytes(int size, int seed)
    {
        byte[] bytes = new byte[size];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
