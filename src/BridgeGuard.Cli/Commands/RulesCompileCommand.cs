using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard rules compile</c>: leaves the compiled set of a configuration in the cache, for the next start; the daemon runs it for reloads.</summary>
internal static class RulesCompileCommand
{
    public static Command Create()
    {
        Option<string?> file = new("-c", "--config") { Description = "configuration file (bridgeguard.yaml)" };
        Option<string[]> bridges = new("--bridge") { Description = "as for run" };
        Option<string[]> rules = new("-S", "--rules") { Description = "as for run" };
        Option<string> logs = new("-l", "--log-directory") { Description = "as for run", DefaultValueFactory = _ => "." };
        Option<bool> noCache = RunCommand.NoCache();
        Option<bool> names = new("--names-from-stdin") { Description = "flow variables that have numbers already, as a JSON array", Hidden = true };
        Command command = new("compile", "Compile the rules of a configuration and keep the compiled set for the next start.") { file, bridges, rules, logs, noCache, names };
        command.SetAction((parsed, _) => RunCommand.WithModelAsync(
            parsed.GetValue(file),
            parsed.GetValue(bridges) ?? [],
            parsed.GetValue(rules) ?? [],
            parsed.GetValue(logs)!,
            model => Task.FromResult(Compile(model, parsed.GetValue(names))),
            parsed.GetValue(noCache)));
        return command;
    }

    private static int Compile(DaemonModel model, bool takesNames)
    {
        CompilerProcess.BeNiceApart();
        if (takesNames)
        {
            using Stream input = Console.OpenStandardInput();
            VariableNames.Shared.Adopt(JsonSerializer.Deserialize<string[]>(input) ?? []);
        }

        RuleLoadResult loaded = StartupHeap.Load(ProgramSource.OptionsOf(model, refreshesCache: true));
        foreach (RuleDiagnostic diagnostic in loaded.Diagnostics)
        {
            Console.Error.WriteLine(diagnostic);
        }

        if (loaded.CacheProblem.Length > 0)
        {
            Console.Error.WriteLine($"bridgeguard: {loaded.CacheProblem}");
            return ExitCodes.Failure;
        }

        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{loaded.Loaded} rules compiled, {loaded.Failed} failed, {loaded.Skipped} skipped"));
        return loaded.HasErrors ? ExitCodes.BadRules : ExitCodes.Ok;
    }
}
