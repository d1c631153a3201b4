using System.CommandLine;
using BridgeGuard.Attachments.Guests;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Guests;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard guests</c>: who the guests are, which role each has, and who cannot be seen.</summary>
internal static class GuestsCommand
{
    public static Command Create()
    {
        Option<string> file = new("-c", "--config") { Description = "configuration file (bridgeguard.yaml)", Required = true };
        Option<bool> json = new("--json") { Description = "as JSON" };
        Command command = new("guests", "List the guests that hypervisor, files and wire show, with their roles; ports that cannot be seen are named.") { file, json };
        command.SetAction(parsed => List(parsed.GetValue(file)!, parsed.GetValue(json)));
        return command;
    }

    private static int List(string file, bool json)
    {
        if (RunCommand.LoadOrReport(file) is not { } model)
        {
            return ExitCode.BadConfiguration;
        }

        // The daemon's file has what the wire has shown; it is only read here.
        var registry = new GuestRegistry(model.Guests, model.Policy, Path.Combine(model.StateDirectory, GuestRegistry.StateFileName));
        foreach (GuestFileProblem problem in registry.Inventory.Problems)
        {
            Console.Error.WriteLine(problem);
        }

        var listing = GuestListing.Of(registry, BridgePorts.Read(), model.Guests.Bridges, new StationBook(model.StateDirectory).All);
        if (json)
        {
            Console.WriteLine(listing.ToJson());
        }
        else
        {
            listing.Print(Console.Out);
        }

        return listing.Guests.Any(g => g.Uncovered.Count > 0) ? ExitCode.ProblemsFound : ExitCode.Ok;
    }
}
