using System.CommandLine;
using BridgeGuard.Scanning.Isolation;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard scanner</c>, hidden: the process in which the daemon has untrusted contents opened.</summary>
internal static class ScannerCommand
{
    public static Command Create()
    {
        Command command = new("scanner", "The daemon's scanner process.") { Hidden = true };
        command.SetAction(_ => ScannerChild.RunAsync(Console.OpenStandardInput(), Console.OpenStandardOutput()));
        return command;
    }
}
