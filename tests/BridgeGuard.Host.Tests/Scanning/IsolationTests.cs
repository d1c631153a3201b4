using System.Diagnostics;
using System.IO.Pipelines;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Isolation;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

/// <summary>The scanner process: what it may not do, and what its end costs.</summary>
public sealed class IsolationTests : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FileVerdictCache _cache = new(new CacheOptions());
    private ScannerProcess? _process;
    private ScanService? _scans;

    public async ValueTask DisposeAsync()
    {
        if (_scans is not null)
        {
            await _scans.DisposeAsync();
        }

        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        await _cache.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task ScannersInTheirOwnProcessJudgeAndItsEndCostsATry()
    {
        await StartAsync();
        Assert.Equal(FileVerdictKind.Malicious, (await SubmitAsync("xx EVIL-MARK xx"u8.ToArray())).Kind);
        Assert.Equal(FileVerdictKind.Clean, (await SubmitAsync(new byte[5_000_000])).Kind);
        int first = _process!.ProcessId;

        using (Process running = Process.GetProcessById(first))
        {
            running.Kill(entireProcessTree: true);
            running.WaitForExit();
        }

        Assert.Equal(FileVerdictKind.Malicious, (await SubmitAsync("another EVIL-MARK"u8.ToArray())).Kind);
        Assert.Equal(2, _process.Starts);

        // Stopped in the middle of everything it does not answer: killed, and the next one does.
        Signal(_process.ProcessId, "STOP");
        Assert.Equal(FileVerdictKind.Malicious, (await SubmitAsync("a third EVIL-MARK"u8.ToArray())).Kind);
        Assert.Equal(3, _process.Starts);
    }

    [Fact]
    public async Task ItHasNoPrivilegesNoNetworkAndAFilter()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Skip("needs root to give rights away");
        }

        await StartAsync();
        await SubmitAsync(new byte[10]);
        int id = _process!.ProcessId;
        string[] status = await File.ReadAllLinesAsync($"/proc/{id}/status", TestContext.Current.CancellationToken);
        string Value(string name) => status.First(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Split('\t', 2)[1].Trim();
        Assert.Equal("65534\t65534\t65534\t65534", Value("Uid"));
        Assert.Equal("65534\t65534\t65534\t65534", Value("Gid"));
        Assert.Equal("0000000000000000", Value("CapEff"));
        Assert.Equal("0000000000000000", Value("CapBnd"));
        Assert.Equal("1", Value("NoNewPrivs"));
        Assert.Equal("2", Value("Seccomp"));
        Assert.NotEqual(Namespace("self"), Namespace(id.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        string[] devices = await File.ReadAllLinesAsync($"/proc/{id}/net/dev", TestContext.Current.CancellationToken);
        Assert.Single(devices.Skip(2)); // lo alone, and that is down.
        string[] variables = (await File.ReadAllTextAsync($"/proc/{id}/environ", TestContext.Current.CancellationToken)).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(variables, v => Assert.Matches("^(PATH|HOME|DOTNET_|BRIDGEGUARD_SCANNERS)", v));
    }

    private static string? Namespace(string process) => new FileInfo($"/proc/{process}/ns/net").LinkTarget;

    private static void Signal(int id, string name) => Process.Start("kill", [$"-{name}", id.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExit();

    /// <summary>The packaged unit leaves the daemon a few capabilities of root's and no namespaces: with these the scanner's process must still lose all of its own, and scan.</summary>
    [Fact]
    public async Task WithTheRightsOfTheUnitScannersRunAsNobodyToo()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess && File.Exists("/usr/bin/yara"), "needs root and yara");
        string unit = await File.ReadAllTextAsync(Path.Combine(Repository(), "packaging/debian/bridgeguard.service"), TestContext.Current.CancellationToken);
        string bounding = unit.Split('\n').Single(line => line.StartsWith("CapabilityBoundingSet=", StringComparison.Ordinal))["CapabilityBoundingSet=".Length..];
        Assert.DoesNotContain("SYS_ADMIN", bounding, StringComparison.Ordinal);
        string set = "-all," + string.Join(',', bounding.Split(' ').Select(name => "+" + name.Trim()["CAP_".Length..].ToLowerInvariant()));
        await File.WriteAllTextAsync(_folder.File("mark.yar"), "rule Marked { strings: $a = \"EVIL-MARK\" condition: $a }", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(_folder.File("bad"), "xx EVIL-MARK xx", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(_folder.File("good"), "harmless", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(_folder.File("none.rules"), "", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(_folder.File("bg.yaml"), $"bridges: [{{name: br0}}]\nstate-directory: {_folder.File("state")}\nlog-directory: {_folder.File("state")}\n"
            + $"rules: {{files: [{_folder.File("none.rules")}]}}\nscanning: {{enabled: yes, yara: {_folder.File("mark.yar")}}}\n", TestContext.Current.CancellationToken);
        Directory.CreateDirectory(_folder.File("state"));
        OpenForOthers();
        string program = Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll");
        using Process process = Process.Start(new ProcessStartInfo(
            "setpriv", ["--inh-caps=-all", "--bounding-set=" + set, "--no-new-privs", "dotnet", program, "scan", "-c", _folder.File("bg.yaml"), _folder.File("bad"), _folder.File("good")])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 1 && output.Contains("bad: YARA.Marked FOUND", StringComparison.Ordinal) && output.Contains("good: OK", StringComparison.Ordinal), output + await errors);
    }

    private static string Repository()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "BridgeGuard.sln")))
        {
            root = root.Parent;
        }

        return root?.FullName ?? throw new InvalidOperationException("the tests are not in their repository");
    }

    private void OpenForOthers()
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_folder.Path, (UnixFileMode)0b111_101_101); // The other user has to read the rules.
            File.SetUnixFileMode(_folder.File("mark.yar"), (UnixFileMode)0b110_100_100);
        }
    }

    private async Task StartAsync()
    {
        if (!File.Exists("/usr/bin/yara"))
        {
            Assert.Skip("needs /usr/bin/yara (package yara)");
        }

        string rules = _folder.File("mark.yar");
        await File.WriteAllTextAsync(rules, "rule Marked { strings: $a = \"EVIL-MARK\" condition: $a }", TestContext.Current.CancellationToken);
        if (!OperatingSystem.IsWindows())
        {
            // The other user has to read them.
            File.SetUnixFileMode(_folder.Path, (UnixFileMode)0b111_101_101);
            File.SetUnixFileMode(rules, (UnixFileMode)0b110_100_100);
        }

        _process = new ScannerProcess(new ScannerProcessOptions
        {
            Scanners = [new ScannerOptions { Kind = "yara", Address = rules }],
            HangTime = TimeSpan.FromSeconds(4),
        });
        _scans = new ScanService(_cache, _process.Scanners(), new ScanOptions { Attempts = 2 });
        await _scans.StartAsync(TestContext.Current.CancellationToken);
    }

    private async Task<FileVerdict> SubmitAsync(byte[] content) =>
        (await _scans!.SubmitAsync(PipeReader.Create(new MemoryStream(content)), null, null, TestContext.Current.CancellationToken)).Verdict;
}
