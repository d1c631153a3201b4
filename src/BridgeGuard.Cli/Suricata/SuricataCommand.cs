using System.Globalization;
using BridgeGuard.Attachments;
using BridgeGuard.Cli.Logging;
using BridgeGuard.Cli.Replay;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Cli.Suricata;

/// <summary>An invocation in Suricata's form: read a configuration, load rules, read captures, write logs. Failure is 1.</summary>
internal sealed class SuricataCommand(SuricataArguments arguments)
{
    private const int Success = 0;
    private const int Failure = 1;

    /// <summary>The version whose command line, rules and records these are.</summary>
    private const string CompatibleVersion = "8.0.8";

    private DatasetRegistry? _datasets;
    private readonly EngineLog _log = new(arguments.Verbosity);

    public static int Run(IReadOnlyList<string> words)
    {
        SuricataArguments arguments = SuricataArguments.Parse(words);
        if (arguments.Error is { } problem)
        {
            Console.Error.WriteLine($"bridgeguard: {problem}");
            return Failure;
        }

        return new SuricataCommand(arguments).Run();
    }

    private int Run()
    {
        using EngineLog log = _log;
        switch (arguments.Action)
        {
            case SuricataAction.Version:
                Console.WriteLine($"This is BridgeGuard, compatible with Suricata version {CompatibleVersion} RELEASE");
                return Success;
            case SuricataAction.BuildInfo:
                Console.WriteLine($"This is BridgeGuard, compatible with Suricata version {CompatibleVersion} RELEASE");
                Console.WriteLine($"Runtime: .NET {Environment.Version}");
                return Success;
            case SuricataAction.Help:
                SuricataHelp.Write(Console.Out);
                return Success;
            case SuricataAction.ListKeywords:
                return Listings.Keywords(arguments.ListArgument, Console.Out) ? Success : Failure;
            case SuricataAction.ListProtocols:
                Listings.Protocols(Console.Out);
                return Success;
            case SuricataAction.ListHooks:
                Listings.Hooks(Console.Out);
                return Success;
            case SuricataAction.ListFrames:
                Listings.Frames(Console.Out);
                return Success;
            case SuricataAction.ListRunModes:
                Console.WriteLine("PCAP_FILE_MODE  single     Reads captures on one thread.");
                return Success;
            default:
                return RunEngine();
        }
    }

    private int RunEngine()
    {
        SuricataConfiguration configuration;
        try
        {
            configuration = ReadConfiguration();
        }
        catch (ConfigException error)
        {
            _log.Error("conf-yaml-loader", error.Message);
            return Failure;
        }

        if (arguments.Action == SuricataAction.DumpConfiguration)
        {
            foreach (string line in configuration.Root.Dump())
            {
                Console.WriteLine(line);
            }

            return Success;
        }

        _log.Configure(configuration.Logging);
        bool isUser = arguments.Action == SuricataAction.Run;
        _log.Notice("suricata", $"This is Suricata version {CompatibleVersion} RELEASE (BridgeGuard) running in {(isUser ? "USER" : "SYSTEM")} mode");
        if (!Report(configuration.Messages) && arguments.InitErrorsFatal)
        {
            return Failure;
        }

        if (!PrepareFolders(configuration) || !CheckCapture())
        {
            return Failure;
        }

        if (!TryLoadRules(configuration, out EngineProgram program, out RuleSetStats stats))
        {
            return Failure;
        }

        if (arguments.Action is SuricataAction.TestConfiguration or SuricataAction.EngineAnalysis)
        {
            _log.Notice("suricata", "Configuration provided was successfully loaded. Exiting.");
            return Success;
        }

        if (arguments.Capture is not { } capture)
        {
            _log.Error("suricata", "nothing to read: give a capture with -r, or use 'bridgeguard run' for live traffic");
            return Failure;
        }

        return Replay(configuration, program, stats, capture);
    }

    private SuricataConfiguration ReadConfiguration()
    {
        SuricataOverrides overrides = new()
        {
            Settings = arguments.Settings,
            Includes = arguments.Includes,
            LogFolder = arguments.LogFolder,
            DataFolder = arguments.DataFolder,
            ExclusiveRules = arguments.ExclusiveRules,
            AdditionalRules = arguments.AdditionalRules,
            ExclusiveFirewallRules = arguments.FirewallRules,
            SimulateIps = arguments.SimulateIps,
            DisableDetection = arguments.DisableDetection,
            Checksums = arguments.Checksums,
            CapturePath = arguments.Capture,
        };
        return arguments.ConfigurationFile is { } file
            ? SuricataConfigurationReader.ReadFile(file, overrides)
            : SuricataConfigurationReader.ReadText(SuricataDefaults.Configuration, "built-in configuration", overrides);
    }

    /// <summary>False when one of the messages is an error.</summary>
    private bool Report(IReadOnlyList<ConfigMessage> messages)
    {
        bool clean = true;
        foreach (ConfigMessage message in messages)
        {
            clean &= message.Severity != ConfigSeverity.Error;
            _log.Write(
                message.Severity switch
                {
                    ConfigSeverity.Error => LogLevel.Error,
                    ConfigSeverity.Warning => LogLevel.Warning,
                    ConfigSeverity.Info => LogLevel.Info,
                    _ => LogLevel.Config,
                },
                message.Module,
                message.Text);
        }

        return clean;
    }

    private bool PrepareFolders(SuricataConfiguration configuration)
    {
        if (!Directory.Exists(configuration.LogFolder))
        {
            _log.Error("suricata", $"The logging directory \"{configuration.LogFolder}\" supplied doesn't exist. Shutting down the engine");
            return false;
        }

        return true;
    }

    private bool CheckCapture()
    {
        if (arguments.Capture is not { } capture || capture is "-" or "/dev/stdin" || File.Exists(capture) || Directory.Exists(capture))
        {
            return true;
        }

        _log.Error("suricata", $"pcap file '{capture}': No such file or directory");
        return false;
    }

    private bool TryLoadRules(SuricataConfiguration configuration, out EngineProgram program, out RuleSetStats stats)
    {
        program = EngineProgram.Empty;
        stats = default;
        if (arguments.DisableDetection)
        {
            return true;
        }

        RuleLoadResult loaded = StartupHeap.Load(RuleOptions.From(configuration, rewrites: false));
        _datasets = loaded.Datasets;
        foreach (string path in configuration.DatasetsAllowAbsolutePaths ? _datasets.WrittenPaths : [])
        {
            _log.Notice("detect-dataset", $"Allowing absolute filename for dataset rule: {path}");
        }

        RuleDiagnosticLog reporter = new(_log, configuration, arguments.InitErrorsFatal);
        bool clean = reporter.Write(loaded.Diagnostics);
        ReportCounts(loaded);
        if (!clean && arguments.InitErrorsFatal)
        {
            _log.Error("suricata", "Loading signatures failed.");
            return false;
        }

        _log.Info("detect", string.Create(CultureInfo.InvariantCulture, $"{loaded.Loaded} signatures processed."));
        stats = new RuleSetStats(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1000, loaded.Loaded, loaded.Failed, loaded.Skipped);
        program = new EngineProgram(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules));
        return true;
    }

    private void ReportCounts(RuleLoadResult loaded)
    {
        CultureInfo plain = CultureInfo.InvariantCulture;
        if (loaded.Loaded == 0 && loaded.Files > 0)
        {
            _log.Warning("detect", string.Create(plain, $"{loaded.Files} rule files specified, but no rules were loaded!"));
        }
        else
        {
            _log.Info(
                "detect",
                string.Create(plain, $"{loaded.Files} rule files processed. {loaded.Loaded} rules successfully loaded, {loaded.Failed} rules failed, {loaded.Skipped} rules skipped"));
        }
    }

    private int Replay(SuricataConfiguration configuration, EngineProgram program, RuleSetStats stats, string capture)
    {
        using CancellationTokenSource stop = new();
        Console.CancelKeyPress += (_, pressed) =>
        {
            pressed.Cancel = true;
            stop.Cancel();
        };
        using ReplayEngine engine = new(configuration, program, stats);
        _log.Notice("threads", "Threads created -> W: 1   Engine started.");
        int files = 0;
        AttachmentHooks hooks = new()
        {
            FileStarted = path =>
            {
                files++;
                _log.Info("pcap", $"Starting file run for {path}");
            },
            Warning = text => _log.Warning("pcap", text),
        };
        ReplaySummary summary = engine.Run([capture], Filter(), hooks, stop.Token);
        foreach (string problem in _datasets?.SaveAll() ?? [])
        {
            _log.Warning("datasets", problem);
        }

        if (summary.Error is { } error)
        {
            _log.Write(IsFatal(summary, capture) ? LogLevel.Error : LogLevel.Warning, "pcap", error.Message);
        }

        if (summary.LastFault is { } fault)
        {
            _log.Error("engine", $"{summary.Faults} packets met a defect of the engine; the last: {fault.ToString().ReplaceLineEndings(" ")}");
        }

        _log.Notice(
            "pcap",
            string.Create(CultureInfo.InvariantCulture, $"read {files} file{(files == 1 ? "" : "s")}, {summary.Packets} packets, {summary.Bytes} bytes"));
        _log.Info("counters", string.Create(CultureInfo.InvariantCulture, $"Alerts: {summary.Alerts.Sum(a => a.Count)}"));
        return IsFatal(summary, capture) ? Failure : Success;
    }

    /// <summary>A damaged capture ends with what could be read; a folder without any is read to its end at once.</summary>
    private static bool IsFatal(ReplaySummary summary, string capture) => summary.Error switch
    {
        null => false,
        { Kind: AttachmentErrorKind.NotFound } => !Directory.Exists(capture),
        { Kind: AttachmentErrorKind.Truncated or AttachmentErrorKind.Corrupt } => summary.Packets == 0 && !Directory.Exists(capture),
        _ => true,
    };

    private string? Filter()
    {
        if (arguments.FilterFile is not { } file)
        {
            return arguments.Filter;
        }

        string text = File.ReadAllText(file).ReplaceLineEndings(" ").Trim();
        return arguments.Filter is { } more ? $"({text}) and ({more})" : text;
    }
}
