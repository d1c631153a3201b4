using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using BridgeGuard.Scanning.Pipeline;
using Xunit;

namespace BridgeGuard.Host.Tests.Agent;

/// <summary>The guest's program with real fanotify permission events, in mount and network namespaces of its own, on a file system of its own.</summary>
public sealed class AgentTests : IAsyncDisposable
{
    private readonly AnsweringHost _host = new();
    private Process? _guest;
    private readonly List<string> _log = [];

    private string Root => _host.Folder.File("guest");

    public async ValueTask DisposeAsync()
    {
        if (_guest is { HasExited: false } guest)
        {
            guest.Kill(entireProcessTree: true);
            await guest.WaitForExitAsync();
        }

        await _host.DisposeAsync();
    }

    [Fact]
    public async Task MaliciousFileIsNotOpenedCleanOneIsAndEachIsSubmittedOnce()
    {
        await StartHostAsync();
        byte[] seen = [.. RandomNumberGenerator.GetBytes(9000), .. "STUB-MARKER"u8];
        await _host.SeeAsync(seen, new FileProvenance
        {
            TimeUs = 1, Guest = "web", Protocol = "http", Peer = "10.0.0.9", Location = "http://evil/x", FlowId = 77,
        });
        await _host.Cache.FlushAsync(TestContext.Current.CancellationToken);
        Save("seen.bin", seen);
        Save("bad.bin", "new STUB-MARKER"u8.ToArray());
        Save("good.txt", "harmless\n"u8.ToArray());
        await StartAgentAsync("--fallback deny");

        Assert.Equal("harmless\n", (await InGuestAsync("cat good.txt")).Output);
        Assert.Equal(1, (await InGuestAsync("cat seen.bin")).Code); // The bridge has seen it: no scan for it.
        Assert.Equal(1, (await InGuestAsync("cat bad.bin")).Code);
        Assert.Equal(0, (await InGuestAsync("cat good.txt good.txt good.txt")).Code);
        Assert.Equal(3, _host.Scanner.Scans); // seen.bin off the wire, bad.bin, good.txt.

        // What the host tells: the guest's path and program beside what the wire showed.
        JsonElement hit = await _host.EventAsync(e => e.GetProperty("bridgeguard").TryGetProperty("action", out _) && e.GetProperty("fileinfo").GetProperty("size").GetInt64() == seen.Length);
        Assert.EndsWith("/seen.bin", hit.GetProperty("fileinfo").GetProperty("filename").GetString()!, StringComparison.Ordinal);
        Assert.EndsWith("/cat", hit.GetProperty("bridgeguard").GetProperty("program").GetString()!, StringComparison.Ordinal);
        JsonElement network = hit.GetProperty("bridgeguard").GetProperty("network")[0];
        Assert.Equal((77, "http://evil/x"), (network.GetProperty("flow_id").GetInt64(), network.GetProperty("location").GetString()));
    }

    [Fact]
    public async Task ExecutionIsDeniedAndManyOpensAtOnceCostOneScan()
    {
        _host.Scanner.Delay = TimeSpan.FromMilliseconds(300);
        await StartHostAsync();
        Save("tool.sh", "#!/bin/sh\necho ran # STUB-MARKER\n"u8.ToArray(), isProgram: true);
        Save("ok.sh", "#!/bin/sh\necho fine\n"u8.ToArray(), isProgram: true);
        await StartAgentAsync("--fallback allow");
        (int code, string output) = await InGuestAsync("./tool.sh");
        Assert.NotEqual(0, code);
        Assert.DoesNotContain("ran", output, StringComparison.Ordinal);
        Assert.Contains("fine", (await InGuestAsync("for i in 1 2 3 4 5 6 7 8; do ./ok.sh & done; wait")).Output, StringComparison.Ordinal);
        Assert.Equal(2, _host.Scanner.Scans);
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
        await _host.StopAsync();
        await StartAgentAsync("--fallback deny --timeout 5");
        Assert.Equal("known good\n", (await InGuestAsync("cat known-good.txt")).Output);
        Assert.Equal(1, (await InGuestAsync("cat known-bad.txt")).Code);
        Assert.Equal(1, (await InGuestAsync("cat never-seen.txt")).Code);
        await StopAgentAsync();

        // A kept answer that somebody has changed is worth nothing.
        string kept = _host.Folder.File("state/answers.jsonl");
        await File.WriteAllTextAsync(kept, (await File.ReadAllTextAsync(kept, TestContext.Current.CancellationToken)).Replace("malicious", "clean", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        await StartAgentAsync("--fallback deny --timeout 5");
        Assert.Equal(1, (await InGuestAsync("cat known-bad.txt")).Code);
        Assert.Equal(0, (await InGuestAsync("cat known-good.txt")).Code);
    }

    private void Save(string name, byte[] content, bool isProgram = false)
    {
        Directory.CreateDirectory(_host.Folder.File("files"));
        File.WriteAllBytes(_host.Folder.File("files/" + name), content);
        if (isProgram && !OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_host.Folder.File("files/" + name), (UnixFileMode)0b111_101_101);
        }
    }

    private async Task StartHostAsync()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Skip("needs root: fanotify permission events");
        }

        await _host.StartAsync();
    }

    /// <summary>The guest: namespaces with a file system of their own that holds the files, and the agent in them.</summary>
    private async Task StartAgentAsync(string options)
    {
        // A program that was compiled ahead of time may be tested too.
        string agent = Environment.GetEnvironmentVariable("BG_AGENT") ?? "dotnet " + Path.Combine(AppContext.BaseDirectory, "bridgeguard-agent.dll");
        Directory.CreateDirectory(Root);
        string script = $"mount -t tmpfs tmpfs {Root} && cp -a {_host.Folder.File("files")}/. {Root}/ && "
            + $"exec {agent} --host unix:{_host.Socket} --key {_host.PublicKey} --state {_host.Folder.File("state")} {options} {Root}";
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
}
