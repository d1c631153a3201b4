using System.CommandLine;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard config validate -c FILE</c>: says everything that is wrong with a configuration and its rules, and touches nothing.</summary>
internal static class ConfigCommand
{
    public static Command Create()
    {
        Option<string> file = new("-c", "--config") { Description = "configuration file (bridgeguard.yaml)", Required = true };
        Command validate = new("validate", "Check a configuration file, its roles and its rules.") { file };
        validate.SetAction(parsed => Validate(parsed.GetValue(file)!));
        return new Command("config", "Work with configuration files.") { validate };
    }

    private static int Validate(string file)
    {
        if (RunCommand.LoadOrReport(file) is not { } model)
        {
            return ExitCodes.BadConfiguration;
        }

        RuleLoadResult loaded = StartupHeap.Load(ProgramSource.OptionsOf(model));
        foreach (RuleDiagnostic diagnostic in loaded.Diagnostics)
        {
            Console.Error.WriteLine(diagnostic);
        }

        Console.WriteLine($"{file}: {model.Bridges.Count} bridges, {model.Policy.Roles.Length} roles, {GuestInventory.Read(model.Guests).Guests.Count} guests, "
            + $"{loaded.Loaded} rules ({loaded.Failed} bad)");
        return loaded.Failed == 0 ? ExitCodes.Ok : ExitCodes.BadRules;
    }
}
