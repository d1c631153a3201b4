using System.CommandLine;
using System.Globalization;
using BridgeGuard.Cli.Suricata;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Explain;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard rules …</c>: what the rule compiler says of rule files.</summary>
internal static class RulesCommand
{
    public static Command Create() => new("rules", "Check and look at rules.") { CreateValidate(), CreateShow(), CreateCost(), CreateProfile() };

    private static Command CreateValidate()
    {
        Argument<string[]> files = new("FILE") { Description = "rule files", Arity = ArgumentArity.OneOrMore };
        Option<string?> configuration = new("-c") { Description = "configuration file (suricata.yaml) with variables and class types" };
        Command command = new("validate", "Compile rule files and report every problem with file, line and column.") { files, configuration };
        command.SetAction(parsed =>
        {
            if (!TryLoad(parsed.GetValue(files)!, parsed.GetValue(configuration), out RuleLoadResult? loaded))
            {
                return ExitCode.BadConfiguration;
            }

            foreach (RuleDiagnostic diagnostic in loaded.Diagnostics)
            {
                Console.Out.WriteLine(diagnostic);
            }

            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{loaded.Files} files, {loaded.Loaded} rules loaded, {loaded.Failed} failed, {loaded.Skipped} skipped"));
            return loaded.HasErrors ? ExitCode.BadRules : ExitCode.Ok;
        });
        return command;
    }

    private static Command CreateShow()
    {
        Argument<uint> sid = new("SID") { Description = "the rule's sid" };
        Argument<string[]> files = new("FILE") { Description = "rule files", Arity = ArgumentArity.OneOrMore };
        Command command = new("show", "Print what is known of one rule.") { sid, files };
        command.SetAction(parsed =>
        {
            if (!TryLoad(parsed.GetValue(files)!, null, out RuleLoadResult? loaded))
            {
                return ExitCode.BadConfiguration;
            }

            RuleInfo? rule = loaded.Rules.Rules.FirstOrDefault(candidate => candidate.Sid == parsed.GetValue(sid));
            if (rule is null)
            {
                Console.Error.WriteLine($"bridgeguard: no rule with sid {parsed.GetValue(sid)} in force");
                return ExitCode.Failure;
            }

            Console.WriteLine(rule.Text);
            Console.WriteLine($"gid:sid:rev   {rule.Gid}:{rule.Sid}:{rule.Rev}");
            Console.WriteLine($"action        {rule.Action}");
            Console.WriteLine($"class         {rule.ClassType} ({rule.Category}), severity {rule.Severity}");
            foreach (string reference in rule.References)
            {
                Console.WriteLine($"reference     {reference}");
            }

            foreach (RuleMetadata metadata in rule.Metadata)
            {
                Console.WriteLine($"metadata      {metadata.Key} = {string.Join(", ", metadata.Values)}");
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command CreateCost()
    {
        Argument<string[]> files = new("FILE") { Description = "rule files", Arity = ArgumentArity.OneOrMore };
        Option<string?> configuration = new("-c") { Description = "configuration file (suricata.yaml) with variables and class types" };
        Option<int> most = new("-n") { Description = "so many rules", DefaultValueFactory = _ => 30 };
        Option<bool> searches = new("--searches") { Description = "print the prefilter's searches instead: how many patterns in which buffer" };
        Command command = new("cost", "Guess from how rules were compiled which will cost most; rules profile measures it.") { files, configuration, most, searches };
        command.SetAction(parsed =>
        {
            if (!TryLoad(parsed.GetValue(files)!, parsed.GetValue(configuration), out RuleLoadResult? loaded))
            {
                return ExitCode.BadConfiguration;
            }

            if (parsed.GetValue(searches))
            {
                Console.WriteLine("   rules  patterns        KB  where; filters");
                foreach (PrefilterOutline outline in PrefilterOutline.Of(loaded.Rules))
                {
                    Console.WriteLine(string.Create(
                        CultureInfo.InvariantCulture, $"{outline.Rules,8} {outline.Patterns,9} {outline.MemoryBytes / 1024,9:N0}  {outline.Where}; {outline.Filters}"));
                }

                return ExitCode.Ok;
            }

            Console.WriteLine("        sid    looks  ns/look  why; message");
            foreach (RuleCostEstimate estimate in RuleCostEstimate.Of(loaded.Rules).Take(parsed.GetValue(most)))
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{estimate.Rule.Sid,11} {estimate.Looks,8:P1} {estimate.NanosecondsPerLook,8:N0}  {estimate.Why}; {estimate.Rule.Message}"));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command CreateProfile()
    {
        Argument<string[]> captures = new("CAPTURE") { Description = "pcap or pcapng files", Arity = ArgumentArity.OneOrMore };
        Option<string> rules = new("-S") { Description = "rule file", Required = true };
        Option<string?> configuration = new("-c") { Description = "configuration file (suricata.yaml)" };
        Option<int> most = new("-n") { Description = "so many rules, those that cost most", DefaultValueFactory = _ => 30 };
        Option<bool> json = new("--json") { Description = "one JSON object per rule" };
        Command command = new("profile", "Run captures and print what each rule cost: checks, matches, time (a sample of evaluations is timed).") { captures, rules, configuration, most, json };
        command.SetAction((parsed, stop) => Task.FromResult(ReplayCommand.Profile(
            parsed.GetValue(captures)!, parsed.GetValue(rules)!, parsed.GetValue(configuration), parsed.GetValue(most), parsed.GetValue(json), stop)));
        return command;
    }

    private static bool TryLoad(string[] files, string? configurationFile, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out RuleLoadResult? loaded)
    {
        try
        {
            SuricataConfiguration configuration = configurationFile is null
                ? SuricataConfigurationReader.ReadText(SuricataDefaults.Configuration, "built-in configuration", new SuricataOverrides())
                : SuricataConfigurationReader.ReadFile(configurationFile, new SuricataOverrides());
            loaded = RuleLoader.Load(RuleOptions.From(configuration with { RuleFiles = files, FirewallRuleFiles = [] }));
            return true;
        }
        catch (ConfigException error)
        {
            Console.Error.WriteLine($"bridgeguard: {error.Message}");
            loaded = null;
            return false;
        }
    }
}
