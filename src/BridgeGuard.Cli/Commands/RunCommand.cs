using System.CommandLine;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Services;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard run</c>: the daemon, inline on bridges.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        Option<string?> file = new("-c", "--config") { Description = "configuration file (bridgeguard.yaml)" };
        Option<string[]> bridges = new("--bridge") { Description = "bridge to attach to, when there is no configuration file; may be repeated" };
        Option<string[]> rules = new("-S", "--rules") { Description = "rule file, folder or pattern, with --bridge" };
        Option<string> logs = new("-l", "--log-directory") { Description = "folder for eve.json and state, with --bridge", DefaultValueFactory = _ => "." };
        Command command = new("run", "Attach to the ports of Linux bridges and inspect inline until stopped.") { file, bridges, rules, logs };
        command.SetAction((parsed, stop) => RunAsync(
            parsed.GetValue(file), parsed.GetValue(bridges) ?? [], parsed.GetValue(rules) ?? [], parsed.GetValue(logs)!, stop));
        return command;
    }

    private static async Task<int> RunAsync(string? file, string[] bridges, string[] rules, string logs, CancellationToken stop)
    {
        if (file is null == (bridges.Length == 0))
        {
            await Console.Error.WriteLineAsync("bridgeguard: run needs either '-c FILE' or '--bridge NAME'");
            return ExitCodes.Usage;
        }

        if (file is not null)
        {
            return LoadOrReport(file) is { } model ? await DaemonHost.RunAsync(model, Console.Error, stop) : ExitCodes.BadConfiguration;
        }

        var files = new List<string>();
        foreach (string pattern in rules)
        {
            string[] found = [.. DaemonConfigLoader.Expand(Directory.GetCurrentDirectory(), pattern, "*.rules")];
            if (found.Length == 0)
            {
                await Console.Error.WriteLineAsync($"bridgeguard: -S {pattern}: no rule file fits, expected a file, a folder or a pattern");
                return ExitCodes.BadRules;
            }

            files.AddRange(found);
        }

        return await DaemonHost.RunAsync(DaemonConfigLoader.ForBridge(bridges, files, Path.GetFullPath(logs)), Console.Error, stop);
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
