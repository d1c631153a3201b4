using System.CommandLine;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Services;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard run</c>: the daemon, inline on bridges.</summary>
internal static class RunCommand
{
    private const string NoCacheName = "--no-cache";

    public static Command Create()
    {
        Option<string?> file = new("-c", "--config") { Description = "configuration file (bridgeguard.yaml)" };
        Option<string[]> bridges = new("--bridge") { Description = "bridge to attach to, when there is no configuration file; may be repeated" };
        Option<string[]> rules = new("-S", "--rules") { Description = "rule file, folder or pattern, with --bridge" };
        Option<string> logs = new("-l", "--log-directory") { Description = "folder for eve.json and state, with --bridge", DefaultValueFactory = _ => "." };
        Option<bool> noCache = NoCache();
        Command command = new("run", "Attach to the ports of Linux bridges and inspect inline until stopped.") { file, bridges, rules, logs, noCache };
        command.SetAction((parsed, stop) => WithModelAsync(
            parsed.GetValue(file),
            parsed.GetValue(bridges) ?? [],
            parsed.GetValue(rules) ?? [],
            parsed.GetValue(logs)!,
            model => DaemonHost.RunAsync(model, Console.Error, stop),
            parsed.GetValue(noCache)));
        return command;
    }

    internal static Option<bool> NoCache() => new(NoCacheName) { Description = "compile the rules anew, and keep no compiled set" };

    /// <summary>The model that the options of <c>run</c> give, for every verb that takes the same ones; or the exit code after a line for each mistake.</summary>
    internal static async Task<int> WithModelAsync(
        string? file, string[] bridges, string[] rules, string logs, Func<DaemonModel, Task<int>> use, bool noCache = false)
    {
        if (noCache)
        {
            Func<DaemonModel, Task<int>> asBefore = use;
            use = model => asBefore(model with { Arguments = [.. model.Arguments, NoCacheName], Rules = model.Rules with { CacheFolder = null } });
        }

        if (file is null == (bridges.Length == 0))
        {
            await Console.Error.WriteLineAsync("bridgeguard: either '-c FILE' or '--bridge NAME' is needed");
            return ExitCodes.Usage;
        }

        if (file is not null)
        {
            return LoadOrReport(file) is { } model ? await use(model) : ExitCodes.BadConfiguration;
        }

        var files = new List<string>();
        foreach (string pattern in rules)
        {
            if (!DaemonConfigLoader.Expand(Directory.GetCurrentDirectory(), pattern, "*.rules").Any())
            {
                await Console.Error.WriteLineAsync($"bridgeguard: -S {pattern}: no rule file fits, expected a file, a folder or a pattern");
                return ExitCodes.BadRules;
            }

            files.Add(Path.GetFullPath(pattern));
        }

        string folder = Path.GetFullPath(logs);
        string[] arguments = [.. bridges.SelectMany(name => (string[])["--bridge", name]), .. files.SelectMany(name => (string[])["-S", name]), "-l", folder];
        return await use(DaemonConfigLoader.ForBridge(bridges, files, folder) with { Arguments = arguments });
    }

    /// <summary>The validated configuration, or null after a line for each mistake.</summary>
    internal static DaemonModel? LoadOrReport(string file)
    {
        var diagnostics = new List<ConfigDiagnostic>();
        DaemonModel? model = DaemonConfigLoader.Load(file, diagnostics);
        foreach (ConfigDiagnostic diagnostic in diagnostics)
        {
            Console.Error.WriteLine(diagnostic);
        }

        return model;
    }
}
