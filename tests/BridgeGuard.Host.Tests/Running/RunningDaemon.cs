using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>The whole program, <c>bridgeguard run</c>, as a process in a lab's host namespace, with one rule file that tests rewrite.</summary>
internal sealed class RunningDaemon : IDisposable
{
    private Process _process;
    private readonly BridgeLab _lab;
    private readonly List<string> _log = [];
    private readonly TemporaryFolder _folder = new();

    /// <param name="lab">Its bridge is inspected.</param>
    /// <param name="rules">The rules at the start.</param>
    /// <param name="logFolder">Where eve.json goes; null: a folder of its own.</param>
    /// <param name="processes">1: all in one; 2: the data plane apart.</param>
    /// <param name="more">Further lines of the configuration.</param>
    /// <param name="bridge">The bridge's line; empty: no bridge is inspected.</param>
    /// <param name="eve">Types of records.</param>
    public RunningDaemon(
        BridgeLab lab, string rules, string? logFolder = null, int processes = 1, string more = "", string bridge = "{name: br0, mode: inline, fail: open}",
        string eve = "[alert]")
    {
        _lab = lab;
        LogFolder = logFolder ?? _folder.File("log");
        WriteRules(rules);
        // Heartbeat: a busy test machine must not make frames pass uninspected, the tests count alerts.
        File.WriteAllText(_folder.File("bridgeguard.yaml"), $"""
            bridges: [{bridge}]
            processes: {processes}
            run-directory: {RunFolder}
            log-directory: {LogFolder}
            state-directory: {_folder.File("state")}
            rules:
              files: ["{_folder.File("*.rules")}"]
              strict: yes
              cache: {CacheFolder}
            eve:
              types: {eve}
              alert: {"{"}payload: no, payload-printable: yes, metadata: no{"}"}
            scanning:
              enabled: no
            {(more.Contains("heartbeat-ms", StringComparison.Ordinal) ? "" : "heartbeat-ms: 10000")}
            metrics-listen: 127.0.0.1:9912
            {more}

            """);
        _process = Start();
        Assert.True(WaitForLog(bridge.Length > 0 ? "inspecting br0" : "listen"), $"the daemon does not start: {LogText}");
        Assert.True(processes == 1 || WaitForLog("data plane in process"), $"the daemon does not start: {LogText}");
    }

    private Process Start(string? folder = null)
    {
        string program = Path.Combine(folder ?? AppContext.BaseDirectory, "bridgeguard.dll");
        ProcessStartInfo start = new("nsenter", $"--net=/run/netns/{_lab.Host} dotnet {program} run -c {_folder.File("bridgeguard.yaml")}")
        {
            RedirectStandardError = true,
        };
        Process process = Process.Start(start)!;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
            {
                _log.Add(line.Data ?? "");
            }
        };
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>Where the two processes meet.</summary>
    public string RunFolder => _folder.File("run");

    public string ConfigFile => _folder.File("bridgeguard.yaml");

    /// <summary>Process ids of the data planes of this daemon, also of one that has died.</summary>
    public IReadOnlyList<int> Planes => [.. Directory.GetDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _)).Select(int.Parse!).Where(IsPlane)];

    /// <summary>SIGKILL for the daemon alone.</summary>
    public void KillDaemon()
    {
        _process.Kill();
        BridgeLab.Until(() => _process.HasExited);
    }

    /// <summary>Starts it again; waits until it has its data plane.</summary>
    /// <param name="folder">Another copy of the program.</param>
    public void StartAgain(string? folder = null)
    {
        int before = LogCount("data plane in process");
        _process = Start(folder);
        Assert.True(WaitForLog("data plane in process", before + 1), $"the daemon does not start again: {LogText}");
    }

    /// <summary>A signal for the data plane.</summary>
    public void SignalPlane(string name)
    {
        foreach (int plane in Planes)
        {
            BridgeLab.Run("kill", $"-{name} {plane}");
        }
    }

    /// <summary>A signal for the daemon itself; nsenter has become it.</summary>
    public void SignalDaemon(string name) => Signal(name);

    public int ExitCode => _process.ExitCode;

    /// <summary>What its data plane says of itself.</summary>
    public PlaneStatus Status()
    {
        using PlaneClient client = PlaneClient.TryConnect(new RunFolder(RunFolder).Sockets()[0], (_, _) => { })!;
        return client.Status(TimeSpan.FromSeconds(10));
    }

    /// <summary>The same; null where it does not answer.</summary>
    public PlaneStatus? TryStatus()
    {
        try
        {
            return Status();
        }
        catch (PlaneException)
        {
            return null;
        }
    }

    /// <summary>The value of a metric without labels; 0 where there is none.</summary>
    public double Metric(string name)
    {
        (_, string text) = BridgeLab.Run("nsenter", $"--net=/run/netns/{_lab.Host} curl -s -m 5 http://127.0.0.1:9912/metrics");
        string? line = text.Split('\n').FirstOrDefault(line => line.StartsWith(name + " ", StringComparison.Ordinal));
        return line is null ? 0 : double.Parse(line[name.Length..], CultureInfo.InvariantCulture);
    }

    public void WaitForExit() => Assert.True(BridgeLab.Until(() => _process.HasExited, 20_000), $"it does not end: {LogText}");

    /// <summary>The program once more, in another folder: to a daemon that is another version.</summary>
    public string CopyProgram()
    {
        string folder = Directory.CreateDirectory(_folder.File($"program-{Guid.NewGuid():N}")).FullName;
        (int code, string text) = BridgeLab.Run("cp", $"-a {AppContext.BaseDirectory}. {folder}");
        Assert.True(code == 0, text);
        return folder;
    }

    /// <summary>Another verb of the program with this daemon's configuration, in the lab's host.</summary>
    public (int Code, string Output) RunVerb(string verb) => BridgeLab.Run(
        "nsenter", $"--net=/run/netns/{_lab.Host} dotnet {Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll")} {verb} -c {ConfigFile}");

    private bool IsPlane(int process)
    {
        try
        {
            string line = File.ReadAllText($"/proc/{process}/cmdline");
            return line.Contains("data-plane", StringComparison.Ordinal) && line.Contains(RunFolder, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Waits until it takes operators' commands: the last thing that it does when it starts.</summary>
    public void WaitForControl() => Assert.True(BridgeLab.Until(() => File.Exists(Path.Combine(RunFolder, "control.sock")), 30_000), $"no control socket: {LogText}");

    public string RuleFile => _folder.File("test.rules");

    /// <summary>Where compiled sets go.</summary>
    public string CacheFolder => _folder.File("cache");

    public string LogFolder { get; }

    public string EveFile => Path.Combine(LogFolder, "eve.json");

    public string LogText
    {
        get
        {
            lock (_log)
            {
                return string.Join('\n', _log);
            }
        }
    }

    public bool HasExited => _process.HasExited;

    public void WriteRules(string rules)
    {
        File.WriteAllText(RuleFile + ".new", rules);
        File.Move(RuleFile + ".new", RuleFile, overwrite: true);
    }

    /// <summary>One more rule file beside the first, for the next reload.</summary>
    public void AddRuleFile(string name, string rules) => File.WriteAllText(_folder.File(name), rules);

    public int LogCount(string part)
    {
        lock (_log)
        {
            return _log.Count(line => line.Contains(part, StringComparison.Ordinal));
        }
    }

    /// <summary>Waits until a text was logged so many times.</summary>
    public bool WaitForLog(string part, int times = 1, int timeoutMs = 60_000) => BridgeLab.Until(() => LogCount(part) >= times || _process.HasExited, timeoutMs)
        && LogCount(part) >= times;

    /// <summary>New rules, the signal, and the wait until one more line of the log says that they are (or are not) in force.</summary>
    public void Reload(string rules, string outcome = "rules in force")
    {
        int before = LogCount(outcome);
        WriteRules(rules);
        Signal("USR2");
        Assert.True(WaitForLog(outcome, before + 1), $"no '{outcome}' in the log: {LogText}");
    }

    public void Signal(string name) => BridgeLab.Run("kill", $"-{name} {_process.Id}");

    /// <summary>Asks it to end; its exit code.</summary>
    public int Stop()
    {
        Signal("TERM");
        if (!_process.WaitForExit(30_000))
        {
            Assert.Fail($"SIGTERM does not end it: {LogText}\n{ThreadStates.Of(_process.Id)}\n{string.Join('\n', Planes.Select(ThreadStates.Of))}");
        }


        // The log to its end: whoever has it open beside the daemon must have ended too.
        using CancellationTokenSource patience = new(20_000);
        try
        {
            _process.WaitForExitAsync(patience.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"the daemon has ended, its data plane has not: {LogText}\n{string.Join('\n', Planes.Select(ThreadStates.Of))}");
        }

        return _process.ExitCode;
    }

    /// <summary>Numbers of the datagrams that a rule alerted on, in the order of the file; every line must be whole.</summary>
    public List<int> AlertedBy(int sid, string? eveFile = null)
    {
        var numbers = new List<int>();
        using FileStream file = new(eveFile ?? EveFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using StreamReader reader = new(file);
        string text = reader.ReadToEnd();
        foreach (string line in text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            using JsonDocument record = JsonDocument.Parse(line);
            if (record.RootElement.TryGetProperty("alert", out JsonElement alert) && alert.GetProperty("signature_id").GetInt32() == sid)
            {
                string payload = record.RootElement.GetProperty("payload_printable").GetString()!;
                numbers.Add(int.Parse(payload.AsSpan(0, SteadyTraffic.DigitCount), CultureInfo.InvariantCulture));
            }
        }

        return numbers;
    }

    /// <summary>The rules that have alerted so far.</summary>
    public IReadOnlyList<int> AlertedSids() => [.. Records("alert").Select(record => record.GetProperty("alert").GetProperty("signature_id").GetInt32())];

    /// <summary>All records of a type so far.</summary>
    public List<JsonElement> Records(string type)
    {
        using FileStream file = new(EveFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using StreamReader reader = new(file);
        string text = reader.ReadToEnd();
        return [.. text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonSerializer.Deserialize<JsonElement>(line))
            .Where(record => record.GetProperty("event_type").GetString() == type)];
    }

    /// <summary>What <c>bridgeguard coverage</c> says of a port.</summary>
    public JsonElement Coverage(string port)
    {
        // Written every second; the first time may be before the ports are there.
        JsonElement found = default;
        Assert.True(BridgeLab.Until(() =>
        {
            (int code, string output) = BridgeLab.Run("dotnet", $"{Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll")} coverage --json -c {ConfigFile}");
            found = code != 0 ? default : JsonSerializer.Deserialize<JsonElement>(output).EnumerateArray()
                .FirstOrDefault(entry => entry.GetProperty("port").GetString() == port);
            return found.ValueKind == JsonValueKind.Object;
        }, 10_000), $"no coverage of {port}");
        return found;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        foreach (int plane in Planes)
        {
            BridgeLab.Run("kill", $"-KILL {plane}");
        }

        _process.WaitForExit();
        BridgeLab.In(_lab.Host, () => BridgeAttachment.RemovePins(BridgeOptions.DefaultPinFolder, BridgeAttachment.NamespaceOf(0)));
        _process.Dispose();
        _folder.Dispose();
    }
}
