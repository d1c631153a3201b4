using System.CommandLine;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Daemon.Services;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard doctor</c>: what this host lacks, a line each, and what a crash left behind.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        Option<bool> fix = new("--fix") { Description = "remove what a crashed daemon left; does nothing to one that runs" };
        Option<string?> file = new("-c", "--config") { Description = "the daemon's configuration; default: the system's daemon" };
        Command command = new("doctor", "Check what the host offers; find and remove leftovers.") { fix, file };
        command.SetAction(parsed => Run(parsed.GetValue(fix), parsed.GetValue(file)));
        return command;
    }

    private static int Run(bool fix, string? file)
    {
        RunFolder folder = new(file is null ? RunFolder.SystemFolder : DaemonConfigLoader.RunDirectoryOf(file, []) ?? RunFolder.SystemFolder);
        if (fix)
        {
            foreach (string removed in HostProbe.Fix().Concat(PlaneLeftovers.Fix(folder)))
            {
                Console.WriteLine($"removed  {removed}");
            }
        }

        HostFinding[] findings = [.. HostProbe.Look(), .. PlaneLeftovers.Find(folder)];
        foreach (HostFinding finding in findings)
        {
            Console.WriteLine(finding);
        }

        return Array.Exists(findings, finding => finding.Kind is HostFindingKind.Missing or HostFindingKind.Leftover) ? ExitCodes.ChecksFailed : ExitCodes.Ok;
    }
}
