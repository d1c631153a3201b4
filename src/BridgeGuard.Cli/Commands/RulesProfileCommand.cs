using System.CommandLine;
using System.Globalization;
using BridgeGuard.Rules.Explain;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard rules profile</c> and <c>rules searches</c>: what rules cost on captures, and what the prefilter looks for.</summary>
internal static class RulesProfileCommand
{
    private const int RulesShown = 30;

    public static Command CreateProfile()
    {
        Argument<string[]> captures = new("CAPTURE") { Description = "pcap or pcapng files", Arity = ArgumentArity.OneOrMore };
        Option<string> rules = new("-S") { Description = "rule file", Required = true };
        Option<string?> configuration = RulesCommand.Configuration();
        Option<int> top = new("--top") { Description = "how many to show", DefaultValueFactory = _ => RulesShown };
        Option<bool> json = new("--json") { Description = "one JSON object per rule" };
        Command command = new("profile", "Run captures and list the rules that cost most: checks, matches, time (a sample of evaluations is timed).")
        {
            captures, rules, configuration, top, json,
        };
        command.SetAction((parsed, stop) => Task.FromResult(ReplayCommand.Profile(
            parsed.GetValue(captures)!, parsed.GetValue(rules)!, parsed.GetValue(configuration), parsed.GetValue(top), parsed.GetValue(json), stop)));
        return command;
    }

    public static Command CreateSearches()
    {
        Argument<string[]> files = RulesCommand.Files();
        Option<string?> configuration = RulesCommand.Configuration();
        Command command = new("searches", "List the prefilter's searches: how many patterns in which buffer, and how they are found.") { files, configuration };
        command.SetAction(parsed =>
        {
            if (RulesCommand.Load(parsed.GetValue(files)!, parsed.GetValue(configuration)) is not { } loaded)
            {
                return ExitCode.BadConfiguration;
            }

            Console.Out.WriteLine("   rules  patterns        KB  where; filters");
            foreach (PrefilterOutline outline in PrefilterOutline.Of(loaded.Rules))
            {
                Console.Out.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{outline.Rules,8} {outline.Patterns,9} {outline.MemoryBytes / 1024,9:N0}  {outline.Where}; {outline.Filters}"));
            }

            return ExitCode.Ok;
        });
        return command;
    }
}
