using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Scanning.GuestApi;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

/// <summary>Two whole programs on two hosts' bridges with a real Valkey or Redis between them (its unix socket stands for the network, as the hosts are namespaces).</summary>
public sealed class TwoDaemonsTests : IDisposable
{
    private const int Files = 30;

    private readonly TemporaryFolder _folder = new();
    private readonly List<Process> _processes = [];
    private readonly List<BridgeLab> _labs = [];

    private string RedisSocket => _folder.File("redis.sock");

    public void Dispose()
    {
        foreach (Process process in _processes)
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
                process.WaitForExit(5_000);
            }

            process.Dispose();
        }

        _labs.ForEach(lab => lab.Dispose());
        _folder.Dispose();
    }

    [Fact]
    public async Task EachFileIsScannedByOneOfThemAndBothGoOnWhenTheyAreCutOff()
    {
        RealRedis.SkipWithout();
        if (!Environment.IsPrivilegedProcess || !File.Exists("/usr/bin/yara"))
        {
            Assert.Skip("needs root and yara (packaging/install-deps.sh)");
        }

        Prepare();
        Process redis = Start(RealRedis.Program!, "--port", "0", "--unixsocket", RedisSocket, "--save", "", "--appendonly", "no", "--dir", _folder.Path);
        Assert.True(BridgeLab.Until(() => File.Exists(RedisSocket), 20_000), RealRedis.Program + " does not listen");
        await StartDaemonAsync("a");
        await StartDaemonAsync("b");

        Make("first");
        Process[] both = [Scan("a", "first"), Scan("b", "first")];
        await Task.WhenAll(both.Select(p => p.WaitForExitAsync(TestContext.Current.CancellationToken)));
        Assert.All(both, p => Assert.Equal(1, p.ExitCode)); // One of them is bad, for both.
        long scansA = await ScansAsync("a");
        long scansB = await ScansAsync("b");
        Assert.Equal(Files, scansA + scansB);

        redis.Kill();
        await redis.WaitForExitAsync(TestContext.Current.CancellationToken);
        Make("second");
        both = [Scan("a", "second"), Scan("b", "second")];
        await Task.WhenAll(both.Select(p => p.WaitForExitAsync(TestContext.Current.CancellationToken)));
        Assert.All(both, p => Assert.Equal(1, p.ExitCode));
        Assert.Equal((scansA + Files, scansB + Files), (await ScansAsync("a"), await ScansAsync("b"))); // Alone, each for itself.
    }

    private void Prepare()
    {
        File.WriteAllText(_folder.File("none.rules"), "");
        File.WriteAllText(_folder.File("mark.yar"), "rule Marked { strings: $a = \"EVIL-MARK\" condition: $a }");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_folder.Path, (UnixFileMode)0b111_101_101); // The scanner is another user.
            File.SetUnixFileMode(_folder.File("mark.yar"), (UnixFileMode)0b110_100_100);
        }

        string[] hosts = ["a", "b"];
        string[] keys = [.. hosts.Select(host =>
        {
            Directory.CreateDirectory(_folder.File($"state-{host}"));
            using AnswerSigner signer = AnswerSigner.LoadOrCreate(_folder.File($"state-{host}/answers.key"));
            return Convert.ToBase64String(signer.PublicKey);
        })];
        for (int i = 0; i < hosts.Length; i++)
        {
            File.WriteAllText(_folder.File($"{hosts[i]}.yaml"), $"""
                bridges:
                  - name: br0
                    mode: inline
                    fail: open
                heartbeat-ms: 10000
                run-directory: {_folder.File("run-" + hosts[i])}
                log-directory: {_folder.File("log-" + hosts[i])}
                state-directory: {_folder.File("state-" + hosts[i])}
                rules:
                  files: [{_folder.File("none.rules")}]
                scanning:
                  enabled: yes
                  yara: {_folder.File("mark.yar")}
                  fleet:
                    redis: "!{RedisSocket}"
                    trust: ["{keys[1 - i]}"]

                """);
        }
    }

    private async Task StartDaemonAsync(string host)
    {
        var lab = new BridgeLab();
        _labs.Add(lab);
        Start("nsenter", $"--net=/run/netns/{lab.Host}", "dotnet", Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll"), "run", "-c", _folder.File(host + ".yaml"));
        string socket = _folder.File($"state-{host}/scan.sock");
        Assert.True(BridgeLab.Until(() => Listens(socket), 60_000), $"daemon {host} does not start");
        await Task.Delay(1000, TestContext.Current.CancellationToken); // The connection to Redis is made in the background.
    }

    private static bool Listens(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Make(string name)
    {
        Directory.CreateDirectory(_folder.File(name));
        for (int i = 0; i < Files; i++)
        {
            byte[] content = RandomNumberGenerator.GetBytes(1_000 + (i * 20_000)); // Some of them go to the scanner while they arrive.
            if (i == 7)
            {
                "EVIL-MARK"u8.CopyTo(content);
            }

            File.WriteAllBytes(_folder.File($"{name}/{i}"), content);
        }
    }

    private Process Scan(string host, string folder) =>
        Start("dotnet", Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll"), "scan", "-c", _folder.File(host + ".yaml"), _folder.File(folder));

    private async Task<long> ScansAsync(string host)
    {
        Process stats = Start("dotnet", Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll"), "cache", "stats", "-c", _folder.File(host + ".yaml"));
        string text = await stats.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        return JsonDocument.Parse(text).RootElement.GetProperty("scans").GetInt64();
    }

    private Process Start(string program, params string[] arguments)
    {
        Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        _processes.Add(process);
        if (!arguments.Contains("stats"))
        {
            process.OutputDataReceived += (_, _) => { };
            process.BeginOutputReadLine();
        }

        return process;
    }
}
