using System.CommandLine;
using System.Text.Json.Nodes;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Control;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Daemon.Services;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard reload</c>: rules, roles, targets, guests, playbooks and webhooks anew, in the daemon and its data plane; says what is wrong where it is refused.</summary>
internal static class ReloadCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    public static Command Create()
    {
        Option<string?> file = new("-c", "--config") { Description = "the daemon's configuration; default: the system's daemon" };
        Command command = new("reload", "Put rules, roles, guests, playbooks and webhooks in force as their files are now; a file with an error leaves everything as it was.") { file };
        command.SetAction(parsed => Run(parsed.GetValue(file)));
        return command;
    }

    private static int Run(string? file)
    {
        string? folder = RunFolder.SystemFolder;
        if (file is not null)
        {
            // The daemon says what is wrong with the rest of it.
            var diagnostics = new List<ConfigDiagnostic>();
            folder = DaemonConfigLoader.RunDirectoryOf(file, diagnostics);
            diagnostics.ForEach(diagnostic => Console.Error.WriteLine(diagnostic));
        }

        if (folder is null)
        {
            return ExitCodes.BadConfiguration;
        }

        try
        {
            JsonNode answer = ControlHost.Ask(new RunFolder(folder), "reload", null, Patience)!;
            foreach (JsonNode? line in answer["errors"]!.AsArray())
            {
                Console.Error.WriteLine(line!.GetValue<string>());
            }

            if (answer["restart"]?.AsArray() is { Count: > 0 } waiting)
            {
                Console.Error.WriteLine($"bridgeguard: changed too, but in force only after a restart: {string.Join(", ", waiting.Select(option => option!.GetValue<string>()))}");
            }

            bool isLoaded = answer["loaded"]!.GetValue<bool>();
            Console.WriteLine(isLoaded ? "reloaded" : "refused; what was in force stays in force");
            return isLoaded ? ExitCodes.Ok : ExitCodes.BadConfiguration;
        }
        catch (PlaneException e)
        {
            Console.Error.WriteLine($"bridgeguard: {e.Message}");
            return ExitCodes.Failure;
        }
    }
}
