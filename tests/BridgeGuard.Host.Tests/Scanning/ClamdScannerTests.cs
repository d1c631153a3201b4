using System.IO.Pipelines;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.Scanners.Clamd;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

public sealed class ClamdScannerTests : IDisposable
{
    private readonly FakeClamd _clamd = new();

    public void Dispose() => _clamd.Dispose();

    [Fact]
    public async Task ContentArrivesWholeAndTheNameComesBack()
    {
        byte[] content = new byte[300_000];
        new Random(1).NextBytes(content);
        _clamd.Answer = seen => seen.AsSpan().SequenceEqual(content) ? "stream: Win.Test.EICAR_HDB-1 FOUND" : "stream: OK";
        FileVerdict verdict = await ScanAsync(content);
        Assert.Equal(FileVerdictKind.Malicious, verdict.Kind);
        Assert.Equal("Win.Test.EICAR_HDB-1", verdict.Signature);
        Assert.Equal("clamd", verdict.Engine);
        Assert.Equal(_clamd.Version, verdict.Generation);
    }

    [Theory]
    [InlineData("")]
    [InlineData("stream: FOUND")]
    [InlineData("stream:  FOUND")]
    [InlineData("OK")]
    [InlineData("stream: OK OK")]
    [InlineData("1: stream: OK")]
    [InlineData("\u0001\u0002 rubbish")]
    [InlineData("stream: Heuristics.Limits ERROR")]
    public async Task AnswerThatIsNotUnderstoodIsAnErrorAndNeverClean(string answer)
    {
        _clamd.Answer = _ => answer;
        Assert.Equal(FileVerdictKind.Error, (await ScanAsync([1, 2, 3])).Kind);
    }

    [Fact]
    public async Task AnswerWithoutEndIsCut()
    {
        _clamd.Answer = _ => new string('x', 100_000);
        FileVerdict verdict = await ScanAsync([1]);
        Assert.Equal(FileVerdictKind.Error, verdict.Kind);
        Assert.InRange(verdict.Signature!.Length, 1, 300);
    }

    [Fact]
    public async Task ConnectionClosedWithoutAnAnswerIsAnError()
    {
        _clamd.Answer = _ => null;
        FileVerdict verdict = await ScanAsync([1]);
        Assert.Equal(FileVerdictKind.Error, verdict.Kind);
    }

    [Fact]
    public async Task SizeLimitOfClamdIsToldInItsWords()
    {
        _clamd.MaxBytes = 1000;
        FileVerdict verdict = await ScanAsync(new byte[50_000]);
        Assert.Equal(FileVerdictKind.Error, verdict.Kind);
        Assert.True(
            verdict.Signature!.Contains("size limit", StringComparison.Ordinal) || verdict.Signature.Contains("Reset", StringComparison.Ordinal)
            || verdict.Signature.Contains("without an answer", StringComparison.Ordinal), verdict.Signature);
    }

    [Fact]
    public async Task NobodyListeningIsAnErrorAfterRetries()
    {
        string address = _clamd.Address;
        _clamd.Dispose();
        await using var scanner = new ClamdScanner(new ScannerOptions { Kind = "clamd", Address = address });
        FileVerdict verdict = await ScanAsync([1], scanner);
        Assert.Equal(FileVerdictKind.Error, verdict.Kind);
        Assert.Contains("ConnectionRefused", verdict.Signature, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SilentClamdEndsAtTheDeadline()
    {
        _clamd.Delay = TimeSpan.FromSeconds(20);
        await using var scanner = new ClamdScanner(new ScannerOptions
        {
            Kind = "clamd",
            Address = _clamd.Address,
            ConnectTimeout = TimeSpan.FromMilliseconds(100),
        });
        long before = Environment.TickCount64;
        FileVerdict verdict = await ScanAsync([1], scanner);
        Assert.Equal(FileVerdictKind.Error, verdict.Kind);
        Assert.InRange(Environment.TickCount64 - before, 0, 5_000);
    }

    [Fact]
    public async Task NewDatabaseVersionIsANewGeneration()
    {
        await using var scanner = new ClamdScanner(new ScannerOptions { Kind = "clamd", Address = _clamd.Address });
        string before = await scanner.GetGenerationAsync(TestContext.Current.CancellationToken);
        _clamd.Version = "ClamAV 1.4.6/27801/Mon Nov 23 08:00:00 2026";
        Assert.NotEqual(before, await scanner.GetGenerationAsync(TestContext.Current.CancellationToken));
        _clamd.Version = "rubbish";
        await Assert.ThrowsAsync<ScannerException>(() => scanner.GetGenerationAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("unix:/run/clamav/clamd.ctl", true)]
    [InlineData("tcp:127.0.0.1:3310", true)]
    [InlineData("tcp:[::1]:3310", true)]
    [InlineData("tcp:clamd.example:3310", true)]
    [InlineData("tcp:127.0.0.1", false)]
    [InlineData("tcp:127.0.0.1:0", false)]
    [InlineData("127.0.0.1:3310", false)]
    [InlineData("unix:relative", false)]
    public void AddressesAreReadOrRefused(string text, bool isValid)
    {
        if (isValid)
        {
            Assert.NotNull(ClamdAddress.Parse(text));
        }
        else
        {
            Assert.Contains(text, Assert.Throws<FormatException>(() => ClamdAddress.Parse(text)).Message, StringComparison.Ordinal);
        }
    }

    private async Task<FileVerdict> ScanAsync(byte[] content, IScanner? scanner = null)
    {
        await using var cache = new FileVerdictCache(new CacheOptions());
        await using var scan = new ScanService(
            cache,
            [scanner ?? new ClamdScanner(new ScannerOptions { Kind = "clamd", Address = _clamd.Address })],
            new ScanOptions { Deadline = TimeSpan.FromMilliseconds(1500), RetryDelay = TimeSpan.FromMilliseconds(10) });
        await scan.StartAsync(TestContext.Current.CancellationToken);
        return (await scan.SubmitAsync(PipeReader.Create(new MemoryStream(content)), null)).Verdict;
    }
}
