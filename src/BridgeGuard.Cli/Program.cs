using BridgeGuard.Cli.Commands;
using BridgeGuard.Cli.Suricata;

namespace BridgeGuard.Cli;

internal static class Program
{
    /// <summary>With a verb: our own command line. Without: Suricata's, which scripts know.</summary>
    private static int Main(string[] args)
    {
        bool hasVerb = args.Length > 0 && !args[0].StartsWith('-');
        return args.Length == 0 || hasVerb ? CommandTree.Run(args) : SuricataCommand.Run(args);
    }
}
