using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Engine.Events;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard coverage</c>: what a running daemon inspects of each guest's traffic, and what it does not.</summary>
internal static class CoverageCommand
{
    /// <summary>Figures older than this are of a data plane that has gone.</summary>
    private static readonly TimeSpan Stale = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        Option<string?> config = new("-c", "--config") { Description = "configuration of the daemon; without one the system's daemon is asked" };
        Option<string?> logs = new("-l", "--log-directory") { Description = "log directory of a daemon that was started with --bridge" };
        Option<bool> json = new("--json") { Description = "print JSON" };
        Command command = new("coverage", "What is inspected of each guest's traffic, what the kernel carries, and what nobody sees.") { config, logs, json };
        command.SetAction(parsed => Run(parsed.GetValue(config), parsed.GetValue(logs), parsed.GetValue(json)));
        return command;
    }

    private static int Run(string? config, string? logs, bool json)
    {
        string folder = logs is null ? RunFolder.SystemFolder : RunFolder.DefaultFor(Path.GetFullPath(logs));
        if (config is not null)
        {
            if (RunCommand.LoadOrReport(config) is not { } model)
            {
                return ExitCode.BadConfiguration;
            }

            folder = model.RunDirectory;
        }

        string file = CoverageBoard.FileIn(folder);
        if (!File.Exists(file) || DateTime.UtcNow - File.GetLastWriteTimeUtc(file) > Stale)
        {
            Console.Error.WriteLine($"bridgeguard: no data plane reports to {folder}; is the daemon running?");
            return ExitCode.Failure;
        }

        string text = File.ReadAllText(file);
        if (json)
        {
            Console.WriteLine(text);
            return ExitCode.Ok;
        }

        PortCoverage[] ports = JsonSerializer.Deserialize<PortCoverage[]>(text, PlaneStatus.Json) ?? [];
        Console.WriteLine($"{"port",-16} {"bridge",-16} {"guest",-20} {"seen",10} {"inspected",10} {"bypassed",10} {"stopped",10} {"unseen",10}");
        foreach (PortCoverage port in ports)
        {
            Console.WriteLine(
                $"{port.Port,-16} {port.Bridge,-16} {port.Guest,-20} {Size(port.SeenBytes),10} {Size(port.InspectedBytes),10} {Size(port.BypassedBytes),10} {Size(port.StoppedBytes),10} {Size(port.UnseenBytes),10}");
        }

        foreach (PortCoverage port in ports.Where(port => port.Uncovered is not null))
        {
            Console.WriteLine($"NOT INSPECTED: {port.Port} of {port.Bridge}: {port.Uncovered}");
        }

        return ExitCode.Ok;
    }

    private static string Size(long bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        double value = bytes;
        int unit = 0;
        for (; value >= 1024 && unit < units.Length - 1; unit++)
        {
            value /= 1024;
        }

        return value.ToString(unit == 0 ? "0" : "0.0", CultureInfo.InvariantCulture) + " " + units[unit];
    }
}
