using System.CommandLine;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Plane;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard data-plane</c>: the process that <c>run</c> starts; not for operators.</summary>
internal static class DataPlaneCommand
{
    public static Command Create()
    {
        Option<string?> file = new("-c", "--config") { Description = "configuration file" };
        Option<string[]> bridges = new("--bridge") { Description = "as for run" };
        Option<string[]> rules = new("-S", "--rules") { Description = "as for run" };
        Option<string> logs = new("-l", "--log-directory") { Description = "as for run", DefaultValueFactory = _ => "." };
        Option<bool> noCache = RunCommand.NoCache();
        Option<string> folder = new("--run-directory") { Description = "where the daemon is met", Required = true };
        Option<long> generation = new("--generation") { Description = "number of this data plane", Required = true };
        Option<string> identity = new("--identity") { Description = "program and configuration", Required = true };
        Option<string> device = new("--device") { Description = "punt device", DefaultValueFactory = _ => BridgeOptions.DefaultPuntDevice };
        Option<bool> takesOver = new("--takes-over") { Description = "another one inspects until this one does" };
        Option<string?> lastGood = new("--last-good") { Description = "a copy of the configuration's files, read in their place" };
        Command command = new("data-plane", "The process of the daemon that inspects; started by 'run'.")
        {
            file, bridges, rules, logs, noCache, folder, generation, identity, device, takesOver, lastGood,
        };
        command.Hidden = true;
        command.SetAction((parsed, _) =>
        {
            SourceTree.Copy = parsed.GetValue(lastGood);
            return RunCommand.WithModelAsync(
                parsed.GetValue(file), parsed.GetValue(bridges) ?? [], parsed.GetValue(rules) ?? [], parsed.GetValue(logs)!, model => PlaneHost.RunAsync(
                    model with { RunDirectory = parsed.GetValue(folder)! },
                    new PlaneStart(parsed.GetValue(generation), parsed.GetValue(identity)!, new PuntDeviceName(parsed.GetValue(device)!, parsed.GetValue(takesOver))),
                    Console.Error),
                parsed.GetValue(noCache));
        });
        return command;
    }
}
