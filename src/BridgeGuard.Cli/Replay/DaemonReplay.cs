using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Cli.Replay;

/// <summary>Replays with a <c>bridgeguard.yaml</c>: what the daemon would see of a capture, without a bridge.</summary>
/// <param name="Configuration">Settings and one EVE file in the log folder.</param>
/// <param name="Rules">What the daemon would load, or what the command line puts in its place.</param>
internal sealed record DaemonReplay(SuricataConfiguration Configuration, RuleLoadOptions Rules)
{
    /// <summary>Whether a file is ours: it names bridges or taps, which a suricata.yaml never does.</summary>
    public static bool IsDaemonFile(string file)
    {
        try
        {
            ConfigNode root = YamlTreeReader.ReadFile(file);
            return root.Child("bridges") is not null || root.Child("taps") is not null;
        }
        catch (ConfigException)
        {
            return false; // The reader of whichever kind says it with its place.
        }
    }

    /// <summary>Null with everything that is wrong in <paramref name="diagnostics"/>.</summary>
    public static DaemonReplay? Read(string file, SuricataOverrides overrides, List<ConfigDiagnostic> diagnostics)
    {
        if (DaemonConfigLoader.Load(file, diagnostics) is not { } model)
        {
            return null;
        }

        EngineSettings engine = model.Engine with
        {
            IsInline = overrides.SimulateIps,
            EarlyVerdicts = false, // There is no kernel that could take a decided flow over.
            ValidateChecksums = overrides.Checksums is { } checks ? checks == "all" : model.Engine.ValidateChecksums,
            Flow = model.Engine.Flow with { ExpireLazily = true }, // A capture's time runs faster than any timer.
            Files = new FileSettings { ForceSha256 = model.Engine.Files.ForceSha256 },
        };
        string logs = overrides.LogFolder ?? ".";
        RuleLoadOptions rules = ProgramSource.OptionsOf(model with { Engine = engine });
        string[] files = overrides.ExclusiveRules is { } only ? [only] : [.. rules.Files];
        return new DaemonReplay(
            new SuricataConfiguration
            {
                Engine = engine,
                Outputs = new OutputSettings { Eve = [new EveFileSettings("regular", Path.Combine(logs, "eve.json"), Append: false, Prefix: "")] },
                Logging = new LogSettings(),
                LogFolder = logs,
                Root = new ConfigNode("", new ConfigPosition(file, 1, 1)),
            },
            rules with { Files = overrides.AdditionalRules is { } more ? [.. files, more] : files });
    }
}
