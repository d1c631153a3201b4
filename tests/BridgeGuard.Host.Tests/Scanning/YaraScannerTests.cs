using System.Diagnostics;
using System.IO.Pipelines;
using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

public sealed class YaraScannerTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly FileVerdictCache _cache = new(new CacheOptions());
    private ScanService _scan = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(_folder.File("rules"));
        WriteRules("a.yar", "rule Marked { strings: $a = \"YARA-TEST-MARK\" condition: $a }");
        WriteRules("b.yara", "rule ByName { condition: filename matches /never/ } rule Big { condition: filesize > 400KB }");
        _scan = new ScanService(_cache, [ScannerCatalog.Find("yara")!.Create(new ScannerOptions { Kind = "yara", Address = _folder.File("rules") })]);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _scan.DisposeAsync();
        await _cache.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task MatchingRuleNamesTheVerdictAndOtherContentIsClean()
    {
        await StartAsync();
        FileVerdict bad = await SubmitAsync(Encoding.ASCII.GetBytes("xx YARA-TEST-MARK xx"));
        Assert.Equal((FileVerdictKind.Malicious, "YARA.Marked"), (bad.Kind, bad.Signature));
        Assert.StartsWith("yara 4.", bad.Generation, StringComparison.Ordinal);
        Assert.Equal(FileVerdictKind.Clean, (await SubmitAsync([1, 2, 3])).Kind);
        Assert.Equal("YARA.Big", (await SubmitAsync(new byte[500_000])).Signature); // Through the spool file.
    }

    [Fact]
    public async Task ChangedRulesAreANewGenerationAndBrokenOnesLeaveTheOldInForce()
    {
        await StartAsync();
        byte[] content = "something NEW-MARK"u8.ToArray();
        Assert.Equal(FileVerdictKind.Clean, (await SubmitAsync(content)).Kind);

        WriteRules("c.yar", "rule New { strings: $a = \"NEW-MARK\" condition: $a }");
        await _scan.RefreshGenerationAsync(Cancel);
        Assert.Equal("YARA.New", (await SubmitAsync(content)).Signature);

        string before = _cache.CurrentGeneration;
        WriteRules("c.yar", "rule Broken { condition: nonsense_identifier }");
        await _scan.RefreshGenerationAsync(Cancel);
        Assert.Equal(before, _cache.CurrentGeneration);
        Assert.Equal("YARA.New", (await SubmitAsync("another NEW-MARK"u8.ToArray())).Signature);
    }

    /// <summary>A scanner process that is killed leaves its folder with the contents it was scanning; the next one removes what belongs to nobody.</summary>
    [Fact]
    public async Task LeftoversOfAKilledScannerAreRemovedAndThoseOfARunningOneStay()
    {
        using (Process gone = Process.Start("true"))
        {
            await gone.WaitForExitAsync(Cancel);
            string left = Path.Combine(Path.GetTempPath(), $"bridgeguard-yara-{gone.Id}-abc123");
            string running = Path.Combine(Path.GetTempPath(), $"bridgeguard-yara-{Environment.ProcessId}-abc123");
            string strange = Path.Combine(Path.GetTempPath(), "bridgeguard-yara-not-ours");
            foreach (string folder in (string[])[left, running, strange])
            {
                Directory.CreateDirectory(folder);
                await File.WriteAllTextAsync(Path.Combine(folder, "content"), "x", Cancel);
            }

            await using (IScanner scanner = ScannerCatalog.Find("yara")!.Create(new ScannerOptions { Kind = "yara", Address = _folder.File("rules") }))
            {
                Assert.False(Directory.Exists(left));
                Assert.True(Directory.Exists(running));
                Assert.True(Directory.Exists(strange));
            }

            Directory.Delete(running, recursive: true);
            Directory.Delete(strange, recursive: true);
        }
    }

    private async Task StartAsync()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/yara") && File.Exists("/usr/bin/yarac"), "needs the package yara");
        await _scan.StartAsync(Cancel);
    }

    private void WriteRules(string name, string text) => File.WriteAllText(_folder.File("rules/" + name), text);

    private async Task<FileVerdict> SubmitAsync(byte[] content) =>
        (await _scan.SubmitAsync(PipeReader.Create(new MemoryStream(content)), null, null, Cancel)).Verdict;
}
