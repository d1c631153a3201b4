using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Outputs;
using BridgeGuard.Scanning.GuestApi;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Agent;

/// <summary>The guest's program with real fanotify permission events, in mount and network namespaces of its own, on a file system of its own.</summary>
public sealed class AgentTests : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly StubScanner _scanner = new();
    private readonly AnswerSigner _signer = AnswerSigner.Create();
    private readonly FileVerdictCache _cache;
    private readonly ScanService _scans;
    private readonly SharedEventSink _events = new();
    private GuestApiServer? _api;
    private GuestHitReporter? _hits;
    private Process? _guest;
    private readonly List<string> _log = [];

    public AgentTests()
    {
        _cache = new FileVerdictCache(new CacheOptions { Path = _folder.File("cache.db") });
        _scans = new ScanService(_cache, [_scanner]);
    }

    private string Root => _folder.File("guest");

    public async ValueTask DisposeAsync()
    {
        if (_guest is { HasExited: false } guest)
        {
            guest.Kill(entireProcessTree: true);
            await guest.WaitForExitAsync();
        }

        _hits?.Dispose();
        if (_api is not null)
        {
            await _api.DisposeAsync();
        }

        await _scans.DisposeAsync();
        await _cache.DisposeAsync();
        _signer.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task MaliciousFileIsNotOpenedCleanOneIsAndEachIsSubmittedOnce()
    {
        await StartHostAsync();
        byte[] seen = [.. RandomNumberGenerator.GetBytes(9000), .. "STUB-MARKER"u8];
        await _scans.SubmitAsync(System.IO.Pipelines.PipeReader.Create(new MemoryStream(seen)), new FileProvenance
        {
            TimeUs = 1, Guest = "web", Protocol = "http", Peer = "10.0.0.9", Location = "http://evil/x", FlowId = 77,
        }, null, TestContext.Current.CancellationToken);
        await _cache.FlushAsync(TestContext.Current.CancellationToken);
        Save("seen.bin", seen);
        Save("bad.bin", "new STUB-MARKER"u8.ToArray());
        Save("good.txt", "harmless\n"u8.ToArray());
        await StartAgentAsync("--fallback deny");

        Assert.Equal("harmless\n", (await InGuestAsync("cat good.txt")).Output);
        Assert.Equal(1, (await InGuestAsync("cat seen.bin")).Code); // The bridge has seen it: no scan for it.
        Assert.Equal(1, (await InGuestAsync("cat bad.bin")).Code);
        Assert.Equal(0, (await InGuestAsync("cat good.txt good.txt good.txt")).Code);
        Assert.Equal(3, _scanner.Scans); // seen.bin off the wire, bad.bin, good.txt.

        // What the host tells: the guest's path and program beside what the wire showed.
        JsonElement hit = await EventAsync(e => e.GetProperty("bridgeguard").TryGetProperty("action", out _) && e.GetProperty("fileinfo").GetProperty("size").GetInt64() == seen.Length);
        Assert.EndsWith("/seen.bin", hit.GetProperty("fileinfo").GetProperty("filename").GetString()!, StringComparison.Ordinal);
        Assert.EndsWith("/cat", hit.GetProperty("bridgeguard").GetProperty("program").GetString()!, StringComparison.Ordinal);
        JsonElement network = hit.GetProperty("bridgeguard").GetProperty("network")[0];
        Assert.Equal((77, "http://evil/x"), (network.GetProperty("flow_id").GetInt64(), network.GetProperty("location").GetString()));
    }

    [Fact]
    public async Task ExecutionIsDeniedAndManyOpensAtOnceCostOneScan()
    {
        _scanner.Delay = TimeSpan.FromMilliseconds(300);
        await StartHostAsync();
        Save("tool.sh", "#!/bin/sh\necho ran # STUB-MARKER\n"u8.ToArray(), isProgram: true);
        Save("ok.sh", "#!/bin/sh\necho fine\n"u8.ToArray(), isProgram: true);
        await StartAgentAsync("--fallback allow");
        (int code, string output) = await InGuestAsync("./tool.sh");
        Assert.NotEqual(0, code);
        Assert.DoesNotContain("ran", output, StringComparison.Ordinal);
        Assert.Contains("fine", (await InGuestAsync("for i in 1 2 3 4 5 6 7 8; do ./ok.sh & done; wait")).Output, StringComparison.Ordinal);
        Assert.Equal(2, _scanner.Scans);
    }

    [Fact]
    public async Task WithoutTheHostSignedAnswersCountAndTheRestFollowsTheFallback()
    {
        await StartHostAsync();
        Save("known-good.txt", "known good\n"u8.ToArray());
        Save("known-bad.txt", "known STUB-MARKER\n"u8.ToArray());
        Save("never-seen.txt", "never seen\n"u8.ToArray());
        await StartAgentAsync("--fallback deny --timeout 5");
        Assert.Equal(0, (await InGuestAsync("cat known-good.txt")).Code);
        Assert.Equal(1, (await InGuestAsync("cat known-bad.txt")).Code);

        await StopAgentAsync();
        await _api!.DisposeAsync();
        _api = null;
        await StartAgentAsync("--fallback deny --timeout 5");
        Assert.Equal("known good\n", (await InGuestAsync("cat known-good.txt")).Output);
        Assert.Equal(1, (await InGuestAsync("cat known-bad.txt")).Code);
        Assert.Equal(1, (await InGuestAsync("cat never-seen.txt")).Code);
        await StopAgentAsync();

        // A kept answer that somebody has changed is worth nothing.
        string kept = _folder.File("state/answers.jsonl");
        await File.WriteAllTextAsync(kept, (await File.ReadAllTextAsync(kept, TestContext.Current.CancellationToken)).Replace("malicious", "clean", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        await StartAgentAsync("--fallback deny --timeout 5");
        Assert.Equal(1, (await InGuestAsync("cat known-bad.txt")).Code);
        Assert.Equal(0, (await InGuestAsync("cat known-good.txt")).Code);
    }

    private void Save(string name, byte[] content, bool isProgram = false)
    {
        Directory.CreateDirectory(_folder.File("files"));
        File.WriteAllBytes(_folder.File("files/" + name), content);
        if (isProgram && !OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_folder.File("files/" + name), (UnixFileMode)0b111_101_101);
        }
    }

    private async Task StartHostAsync()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Skip("needs root: fanotify permission events");
        }

        _api = new GuestApiServer(
            _scans,
            new GuestApiOptions { Http = [new UnixDomainSocketEndPoint(_folder.File("web.http.sock"))] },
            _ => new GuestIdentity(1, "web"),
            _signer);
        _hits = new GuestHitReporter(_api, _events, ledger: hash => _cache.FindExposures(hash));
        await _scans.StartAsync(TestContext.Current.CancellationToken);
        await _api.StartAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>The guest: namespaces with a file system of their own that holds the files, and the agent in them.</summary>
    private async Task StartAgentAsync(string options)
    {
        // A program that was compiled ahead of time may be tested too.
        string agent = Environment.GetEnvironmentVariable("BG_AGENT") ?? "dotnet " + Path.Combine(AppContext.BaseDirectory, "bridgeguard-agent.dll");
        Directory.CreateDirectory(Root);
        string script = $"mount -t tmpfs tmpfs {Root} && cp -a {_folder.File("files")}/. {Root}/ && "
            + $"exec {agent} --host unix:{_folder.File("web.http.sock")} --key {Convert.ToBase64String(_signer.PublicKey)} --state {_folder.File("state")} {options} {Root}";
        _guest = Process.Start(new ProcessStartInfo("unshare", ["--mount", "--net", "sh", "-c", script]) { RedirectStandardError = true })!;
        int before = LogCount("watching");
        _guest.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
            {
                _log.Add(line.Data ?? "");
            }
        };
        _guest.BeginErrorReadLine();
        for (int i = 0; LogCount("watching") == before; i++)
        {
            Assert.True(i < 600 && !_guest.HasExited, $"the agent does not start: {string.Join('\n', _log)}");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    private int LogCount(string part)
    {
        lock (_log)
        {
            return _log.Count(line => line.Contains(part, StringComparison.Ordinal));
        }
    }

    private async Task StopAgentAsync()
    {
        Process.Start("kill", ["-TERM", _guest!.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExit();
        await _guest.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }

    private async Task<(int Code, string Output)> InGuestAsync(string command)
    {
        using Process process = Process.Start(new ProcessStartInfo("nsenter", [$"--mount=/proc/{_guest!.Id}/ns/mnt", "sh", "-c", $"cd {Root} && {command}"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output);
    }

    private async Task<JsonElement> EventAsync(Func<JsonElement, bool> fits)
    {
        for (int i = 0; i < 200; i++)
        {
            while (_events.Ring.TryPeek(out _, out ReadOnlySpan<byte> json))
            {
                JsonElement record = JsonDocument.Parse(json.ToArray()).RootElement;
                _events.Ring.Advance();
                if (fits(record))
                {
                    return record;
                }
            }

            await Task.Delay(25, TestContext.Current.CancellationToken);
        }

        throw new Xunit.Sdk.XunitException("no such event");
    }
}
