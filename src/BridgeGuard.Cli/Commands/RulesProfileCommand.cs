using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using BridgeGuard.Cli.Replay;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Rules.Explain;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard rules profile</c> and <c>rules searches</c>: what rules cost on captures, and what the prefilter looks for.</summary>
internal static class RulesProfileCommand
{
    private const int RulesShown = 30;

    public static Command CreateProfile()
    {
        Argument<string[]> captures = new("CAPTURE") { Description = "pcap or pcapng files; none: what the running daemon has counted", Arity = ArgumentArity.ZeroOrMore };
        Option<string?> rules = new("-S") { Description = "rule file, with captures" };
        Option<string> folder = new("--run-directory") { Description = "the running daemon's", DefaultValueFactory = _ => RunFolder.SystemFolder };
        Option<string?> configuration = RulesCommand.Configuration();
        Option<int> top = new("--top") { Description = "how many to show", DefaultValueFactory = _ => RulesShown };
        Option<bool> json = new("--json") { Description = "one JSON object per rule" };
        Command command = new("profile", "List the rules that cost most, in the running daemon or over captures: checks, matches, time (a sample of evaluations is timed).")
        {
            captures, rules, folder, configuration, top, json,
        };
        command.SetAction((parsed, stop) =>
        {
            string[] files = parsed.GetValue(captures) ?? [];
            string? ruleFile = parsed.GetValue(rules);
            if (files.Length > 0 == ruleFile is null)
            {
                Console.Error.WriteLine("bridgeguard: rules profile takes captures and their rules (-S), or neither for the running daemon's counts");
                return Task.FromResult(ExitCode.Usage);
            }

            return Task.FromResult(ruleFile is null
                ? ShowRunning(Path.Combine(parsed.GetValue(folder)!, RuleCostFile.Name), parsed.GetValue(top), parsed.GetValue(json))
                : ReplayCommand.Profile(files, ruleFile, parsed.GetValue(configuration), parsed.GetValue(top), parsed.GetValue(json), stop));
        });
        return command;
    }

    /// <summary>What the daemon's data plane has written last.</summary>
    private static int ShowRunning(string file, int most, bool json)
    {
        JsonNode? read;
        try
        {
            read = JsonNode.Parse(File.ReadAllText(file));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or System.Text.Json.JsonException)
        {
            Console.Error.WriteLine($"bridgeguard: {file}: {error.Message.ReplaceLineEndings(" ")} Is a daemon running with detect.rule-costs? (--run-directory names its folder)");
            return ExitCode.Failure;
        }

        JsonArray rules = read!["rules"]!.AsArray();
        if (json)
        {
            foreach (JsonNode? rule in rules.Take(most))
            {
                Console.Out.WriteLine(rule!.ToJsonString());
            }

            return ExitCode.Ok;
        }

        double all = rules.Sum(rule => rule!["ns_estimated"]!.GetValue<double>());
        var since = DateTimeOffset.FromUnixTimeSeconds(read["since"]!.GetValue<long>());
        var taken = DateTimeOffset.FromUnixTimeSeconds(read["taken_at"]!.GetValue<long>());
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"from {since:u} to {taken:u}, {read["workers"]!.GetValue<int>()} workers"));
        Console.Out.WriteLine(RuleCostTable.Heading);
        foreach (JsonNode? rule in rules.Take(most))
        {
            double estimated = rule!["ns_estimated"]!.GetValue<double>();
            Console.Out.WriteLine(RuleCostTable.Row(
                rule["signature_id"]!.GetValue<uint>(),
                rule["checks"]!.GetValue<long>(),
                rule["matches"]!.GetValue<long>(),
                rule["ns_average"]!.GetValue<double>(),
                rule["ns_max"]!.GetValue<double>(),
                estimated,
                estimated / Math.Max(1, all),
                rule["signature"]!.GetValue<string>()));
        }

        return ExitCode.Ok;
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
