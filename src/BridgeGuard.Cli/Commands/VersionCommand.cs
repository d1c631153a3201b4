using System.CommandLine;
using System.Reflection;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard version</c>.</summary>
internal static class VersionCommand
{
    public static Command Create()
    {
        Command command = new("version", "Print the version.");
        command.SetAction(_ =>
        {
            string version = Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
            Console.WriteLine($"BridgeGuard {version}, .NET {Environment.Version}, compatible with Suricata 8.0");
            return ExitCode.Ok;
        });
        return command;
    }
}
