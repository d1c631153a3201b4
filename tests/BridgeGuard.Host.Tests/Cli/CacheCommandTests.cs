using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Scanning.Admin;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Cli;

/// <summary>The commands as processes: on the database while no daemon runs, and over the daemon's socket.</summary>
public sealed class CacheCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public CacheCommandTests()
    {
        Directory.CreateDirectory(_folder.File("state"));
        File.WriteAllText(_folder.File("bridgeguard.yaml"), $"""
            bridges: [{"{"}name: br0{"}"}]
            state-directory: {_folder.File("state")}
            log-directory: {_folder.File("state")}
            rules: {"{"}files: [{_folder.File("none.rules")}]{"}"}
            scanning: {"{"}enabled: yes, isolate: no{"}"}

            """);
        File.WriteAllText(_folder.File("none.rules"), "");
        File.WriteAllText(_folder.File("a.bin"), "some content");
    }

    private string Hash => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_folder.File("a.bin"))));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task VerdictsAreSetShownExportedAndForgottenWithoutADaemon()
    {
        Assert.Equal(9, (await RunAsync("cache", "get", _folder.File("a.bin"))).Code);
        Assert.Equal(0, (await RunAsync("cache", "put", "--pin", "--signature", "Own.Name", _folder.File("a.bin"), "malicious")).Code);
        (int code, string output) = await RunAsync("cache", "get", Hash);
        Assert.Equal(0, code);
        JsonElement shown = JsonDocument.Parse(output).RootElement;
        Assert.Equal(("malicious", "Own.Name", true), (shown.GetProperty("verdict").GetString(), shown.GetProperty("signature").GetString(), shown.GetProperty("pinned").GetBoolean()));

        (code, output) = await RunAsync("scan", _folder.File("a.bin"));
        Assert.Equal(1, code);
        Assert.Equal($"{_folder.File("a.bin")}: Own.Name FOUND", output.Trim());

        string exported = (await RunAsync("cache", "export")).Output;
        Assert.Equal(0, (await RunAsync("cache", "rm", _folder.File("a.bin"))).Code);
        Assert.Equal(9, (await RunAsync("cache", "rm", _folder.File("a.bin"))).Code);
        await File.WriteAllTextAsync(_folder.File("export.jsonl"), exported + "not a line\n", TestContext.Current.CancellationToken);
        (code, output) = await RunAsync("cache", "import", _folder.File("export.jsonl"));
        Assert.Equal(9, code);
        Assert.Contains("\"imported\":1", output, StringComparison.Ordinal);
        Assert.Contains("line 2", output, StringComparison.Ordinal);
        JsonElement stats = JsonDocument.Parse((await RunAsync("cache", "stats")).Output).RootElement;
        Assert.Equal(1, stats.GetProperty("stored_entries").GetInt64());
    }

    [Fact]
    public async Task WrongArgumentsAreSaidInOneLine()
    {
        Assert.Equal(2, (await RunAsync("cache", "get", "neither-file-nor-hash")).Code);
        Assert.Equal(2, (await RunAsync("cache", "put", Hash, "clean")).Code); // A hash needs a size.
        Assert.NotEqual(0, (await RunAsync("cache", "put", Hash, "perhaps", "3")).Code);
    }

    [Fact]
    public async Task RunningDaemonIsAskedAndKnowsAtOnce()
    {
        var scanner = new StubScanner();
        await using var cache = new FileVerdictCache(new CacheOptions { Path = _folder.File("state/verdicts.db") });
        await using var scans = new ScanService(cache, [scanner]);
        await using var server = new AdminServer(new CacheAdmin(cache, scans), _folder.File("state/scan.sock"));
        await server.StartAsync(TestContext.Current.CancellationToken);
        var key = new FileKey(new Sha256(SHA256.HashData(File.ReadAllBytes(_folder.File("a.bin")))), 12);

        await File.WriteAllTextAsync(_folder.File("bad.bin"), StubScanner.Marker, TestContext.Current.CancellationToken);
        (int code, string output) = await RunAsync("scan", "--json", _folder.File("a.bin"), _folder.File("bad.bin"), _folder.File("absent"));
        Assert.Equal(1, code);
        string[] verdicts = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("verdict").GetString()!)];
        Assert.Equal(["clean", "malicious", "error"], verdicts);
        Assert.Equal(2, scanner.Scans);

        await RunAsync("cache", "put", _folder.File("a.bin"), "malicious");
        Assert.True(cache.TryGetCached(key.Hash, key.Size, out FileVerdict verdict));
        Assert.Equal("operator", verdict.Engine);

        // A folder before a boot storm, and a manifest of known-good files.
        Directory.CreateDirectory(_folder.File("image"));
        await File.WriteAllTextAsync(_folder.File("image/x"), "file x", TestContext.Current.CancellationToken);
        (code, output) = await RunAsync("cache", "warm", _folder.File("image"));
        Assert.Equal(0, code);
        Assert.Contains("\"files\":1", output, StringComparison.Ordinal);
        byte[] y = "file y"u8.ToArray();
        await File.WriteAllBytesAsync(_folder.File("image/y"), y, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(_folder.File("image/SHA256SUMS"), $"{Convert.ToHexStringLower(SHA256.HashData(y))}  y\n", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await RunAsync("cache", "warm", _folder.File("image/SHA256SUMS"))).Code);
        Assert.Equal("manifest", cache.Find(StubScanner.KeyOf(y))!.Engine);
    }

    private async Task<(int Code, string Output)> RunAsync(params string[] arguments)
    {
        string[] verb = arguments[0] == "cache" ? arguments[..2] : arguments[..1];
        using Process process = Process.Start(new ProcessStartInfo("dotnet",
            [Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll"), .. verb, "-c", _folder.File("bridgeguard.yaml"), .. arguments[verb.Length..]])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        TestContext.Current.TestOutputHelper?.WriteLine(await errors);
        return (process.ExitCode, output);
    }
}
