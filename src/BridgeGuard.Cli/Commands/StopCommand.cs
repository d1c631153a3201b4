using System.CommandLine;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Daemon.Services;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard stop</c>: ends the daemon and its data plane and leaves a clean bridge, also where one of them has crashed.</summary>
internal static class StopCommand
{
    public static Command Create()
    {
        Option<string?> file = new("-c", "--config") { Description = "the daemon's configuration; default: the system's daemon" };
        Option<string?> folder = new("--run-directory") { Description = "the daemon's run directory, where its configuration cannot be read" };
        Command command = new("stop", "End the daemon and its data plane; no program, device or closed port is left on the bridges.") { file, folder };
        command.SetAction(parsed => Run(parsed.GetValue(file), parsed.GetValue(folder)));
        return command;
    }

    private static int Run(string? file, string? folder)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Console.Error.WriteLine("bridgeguard: stop needs root");
            return ExitCodes.MissingPrivilege;
        }

        if (folder is null && file is not null)
        {
            // A configuration that has been broken since the start must not keep the bridge closed.
            var diagnostics = new List<ConfigDiagnostic>();
            folder = DaemonConfigLoader.RunDirectoryOf(file, diagnostics);
            diagnostics.ForEach(diagnostic => Console.Error.WriteLine(diagnostic));
            if (folder is null)
            {
                return ExitCodes.BadConfiguration;
            }
        }

        IReadOnlyList<string> done = PlaneStop.Run(new RunFolder(folder ?? RunFolder.SystemFolder));
        foreach (string line in done.DefaultIfEmpty("nothing was running and nothing was left"))
        {
            Console.WriteLine(line);
        }

        return ExitCodes.Ok;
    }
}
