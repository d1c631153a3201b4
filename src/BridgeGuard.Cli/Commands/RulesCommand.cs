using System.CommandLine;
using System.Globalization;
using BridgeGuard.Cli.Suricata;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard rules …</c>: what the rule compiler says of rule files.</summary>
internal static class RulesCommand
{
    public static Command Create() => new("rules", "Check and look at rules.") { CreateValidate(), CreateShow() };

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
