using System.CommandLine;

namespace BridgeGuard.Cli.Commands;

/// <summary>The verbs, one line each.</summary>
internal static class CommandTree
{
    public static int Run(string[] args)
    {
        RootCommand root = new("BridgeGuard inspects the traffic of virtual machines on a Linux bridge.\nWithout a verb it takes Suricata's options; see 'bridgeguard --help'.")
        {
            ActionCommand.Create(),
            CacheCommand.Create(),
            ConfigCommand.Create(),
            CoverageCommand.Create(),
            DataPlaneCommand.Create(),
            DoctorCommand.Create(),
            ExplainCommand.Create(),
            GuestsCommand.Create(),
            ImportCommand.Create(),
            PolicyCommand.Create(),
            ReloadCommand.Create(),
            ReplayCommand.Create(),
            RulesCommand.Create(),
            RunCommand.Create(),
            ScanCommand.Create(),
            ScannerCommand.Create(),
            StopCommand.Create(),
            VersionCommand.Create(),
        };
        ParseResult parsed = root.Parse(args.Length == 0 || args is ["help"] ? ["--help"] : args);
        if (parsed.Errors.Count > 0)
        {
            return Usage(parsed);
        }

        // The library ends a process two seconds after SIGTERM; a daemon may need longer to write what it has accepted.
        return args is ["run" or "data-plane", ..]
            ? parsed.Invoke(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(60) })
            : parsed.Invoke();
    }

    private static int Usage(ParseResult parsed)
    {
        foreach (System.CommandLine.Parsing.ParseError error in parsed.Errors)
        {
            Console.Error.WriteLine($"bridgeguard: {error.Message}");
        }

        return ExitCode.Usage;
    }
}
