using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>The whole program, <c>bridgeguard run</c>, as a process in a lab's host namespace, with one rule file that tests rewrite.</summary>
internal sealed class RunningDaemon : IDisposable
{
    private readonly Process _process;
    private readonly List<string> _log = [];
    private readonly TemporaryFolder _folder = new();

    /// <param name="lab">Its bridge is inspected.</param>
    /// <param name="rules">The rules at the start.</param>
    /// <param name="logFolder">Where eve.json goes; null: a folder of its own.</param>
    public RunningDaemon(BridgeLab lab, string rules, string? logFolder = null)
    {
        LogFolder = logFolder ?? _folder.File("log");
        WriteRules(rules);
        // Heartbeat: a busy test machine must not make frames pass uninspected, the tests count alerts.
        File.WriteAllText(_folder.File("bridgeguard.yaml"), $"""
            bridges:
              - {"{"}name: br0, mode: inline, fail: open{"}"}
            heartbeat-ms: 10000
            log-directory: {LogFolder}
            state-directory: {_folder.File("state")}
            rules:
              files: [{RuleFile}]
              strict: yes
            eve:
              types: [alert]
              alert: {"{"}payload: no, payload-printable: yes, metadata: no{"}"}
            scanning:
              enabled: no

            """);
        string program = Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll");
        ProcessStartInfo start = new("nsenter", $"--net=/run/netns/{lab.Host} dotnet {program} run -c {_folder.File("bridgeguard.yaml")}")
        {
            RedirectStandardError = true,
        };
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
            {
                _log.Add(line.Data ?? "");
            }
        };
        _process.BeginErrorReadLine();
        Assert.True(WaitForLog("inspecting br0"), $"the daemon does not start: {LogText}");
    }

    public string RuleFile => _folder.File("test.rules");

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
        Assert.True(_process.WaitForExit(30_000), $"SIGTERM does not end it: {LogText}");
        _process.WaitForExit(); // The log to its end.
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
            if (record.RootElement.GetProperty("alert").GetProperty("signature_id").GetInt32() == sid)
            {
                string payload = record.RootElement.GetProperty("payload_printable").GetString()!;
                numbers.Add(int.Parse(payload.AsSpan(0, SteadyTraffic.DigitCount), CultureInfo.InvariantCulture));
            }
        }

        return numbers;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
        _folder.Dispose();
    }
}
