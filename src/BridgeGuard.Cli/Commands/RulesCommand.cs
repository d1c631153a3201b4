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
    private const int CostsShown = 30;

    public static Command Create() => new("rules", "Check and look at rules.")
    {
        RulesCompatCommand.Create(),
        RulesCompileCommand.Create(),
        CreateCost(),
        CreateExplain(),
        CreateLint(),
        RulesProfileCommand.CreateProfile(),
        RulesProfileCommand.CreateSearches(),
        CreateShow(),
        CreateValidate(),
    };

    /// <summary>Compiles files as the engine would; null after a report when the configuration cannot be used.</summary>
    internal static RuleLoadResult? Load(string[] files, string? configurationFile, RuleFilters? filters = null)
    {
        RuleLoadOptions? options = OptionsOf(files, configurationFile, filters);
        return options is null ? null : StartupHeap.Load(options);
    }

    internal static RuleLoadOptions? OptionsOf(string[] files, string? configurationFile, RuleFilters? filters = null)
    {
        try
        {
            SuricataConfiguration configuration = configurationFile is null
                ? SuricataConfigurationReader.ReadText(SuricataDefaults.Configuration, "built-in configuration", new SuricataOverrides())
                : SuricataConfigurationReader.ReadFile(configurationFile, new SuricataOverrides());
            return RuleOptions.From(configuration with { RuleFiles = files, FirewallRuleFiles = [] }, filters);
        }
        catch (ConfigException error)
        {
            Console.Error.WriteLine($"bridgeguard: {error.Message}");
            return null;
        }
    }

    internal static Argument<string[]> Files() => new("FILE") { Description = "rule files", Arity = ArgumentArity.OneOrMore };

    internal static Option<string?> Configuration() =>
        new("-c") { Description = "configuration file (suricata.yaml) with variables and class types" };

    private static Command CreateValidate()
    {
        Argument<string[]> files = Files();
        Option<string?> configuration = Configuration();
        Option<string> format = new("--format") { Description = "text, json or sarif", DefaultValueFactory = _ => "text" };
        Option<string?> disable = new("--disable-conf") { Description = "rules to leave out, as suricata-update reads it" };
        Option<string?> enable = new("--enable-conf") { Description = "commented rules to use" };
        Option<string?> drop = new("--drop-conf") { Description = "rules to turn from alert to drop" };
        Option<string?> modify = new("--modify-conf") { Description = "changes to the text of rules" };
        format.AcceptOnlyFromAmong("text", "json", "sarif");
        Command command = new("validate", "Compile rule files and report every problem with file, line and column.")
        {
            files, configuration, format, disable, enable, drop, modify,
        };
        command.SetAction(parsed =>
        {
            var diagnostics = new List<RuleDiagnostic>();
            string?[] lists = [parsed.GetValue(disable), parsed.GetValue(enable), parsed.GetValue(drop), parsed.GetValue(modify)];
            RuleFilters? filters = Array.Exists(lists, list => list is not null) ? RuleFilters.Read(lists[0], lists[1], lists[2], lists[3], diagnostics) : null;
            if (Load(parsed.GetValue(files)!, parsed.GetValue(configuration), filters) is not { } loaded)
            {
                return ExitCode.BadConfiguration;
            }

            diagnostics.AddRange(loaded.Diagnostics);
            Report(parsed.GetValue(format)!, diagnostics, loaded);
            return diagnostics.Exists(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error) ? ExitCode.BadRules : ExitCode.Ok;
        });
        return command;
    }

    private static void Report(string format, List<RuleDiagnostic> diagnostics, RuleLoadResult loaded)
    {
        switch (format)
        {
            case "json":
                Console.Out.WriteLine(DiagnosticReport.ToJson(diagnostics, loaded.Loaded, loaded.Failed, loaded.Skipped));
                return;
            case "sarif":
                Console.Out.WriteLine(DiagnosticReport.ToSarif(diagnostics, typeof(RulesCommand).Assembly.GetName().Version?.ToString(3) ?? "0"));
                return;
        }

        foreach (RuleDiagnostic diagnostic in diagnostics)
        {
            Console.Out.WriteLine(diagnostic);
        }

        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{loaded.Files} files, {loaded.Loaded} rules loaded, {loaded.Failed} failed, {loaded.Skipped} skipped"));
    }

    private static Command CreateLint()
    {
        Argument<string[]> files = Files();
        Option<string?> configuration = Configuration();
        Command command = new("lint", "Say what makes rules slow, noisy or hard to maintain.") { files, configuration };
        command.SetAction(parsed =>
        {
            if (Load(parsed.GetValue(files)!, parsed.GetValue(configuration)) is not { } loaded)
            {
                return ExitCode.BadConfiguration;
            }

            foreach (RuleDiagnostic diagnostic in loaded.Diagnostics)
            {
                Console.Out.WriteLine(diagnostic);
            }

            IReadOnlyList<RuleAdvice> advice = RuleLinter.Advise(loaded.Rules);
            foreach (RuleAdvice item in advice)
            {
                Console.Out.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{item.Rule.SourceFile}:{item.Rule.SourceLine}: {item.Code}: sid {item.Rule.Sid}: {item.Text}"));
            }

            return loaded.HasErrors ? ExitCode.BadRules : advice.Count > 0 ? ExitCode.ProblemsFound : ExitCode.Ok;
        });
        return command;
    }

    private static Command CreateCost()
    {
        Argument<string[]> files = Files();
        Option<string?> configuration = Configuration();
        Option<int> top = new("--top") { Description = "how many to show", DefaultValueFactory = _ => CostsShown };
        Command command = new("cost", "List the rules that cost most, judged by their text.") { files, configuration, top };
        command.SetAction(parsed =>
        {
            if (Load(parsed.GetValue(files)!, parsed.GetValue(configuration)) is not { } loaded)
            {
                return ExitCode.BadConfiguration;
            }

            foreach (StaticCost cost in RuleLinter.Costs(loaded.Rules).Take(parsed.GetValue(top)))
            {
                Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{cost.Score,10}  {cost.Rule.Gid}:{cost.Rule.Sid}  {cost.Why}  {cost.Rule.Message}"));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command CreateShow()
    {
        (Command command, Argument<uint> sid, Argument<string[]> files) = CreateOfOne("show", "Print what is known of one rule.");
        command.SetAction(parsed => WithRule(parsed.GetValue(sid), parsed.GetValue(files)!, (_, rule) =>
        {
            Console.WriteLine(rule.Text);
            Console.WriteLine($"from          {rule.SourceFile}:{rule.SourceLine}");
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
        }));
        return command;
    }

    private static Command CreateExplain()
    {
        (Command command, Argument<uint> sid, Argument<string[]> files) = CreateOfOne("explain", "Print how one rule was compiled: when it is looked at and its instructions.");
        command.SetAction(parsed => WithRule(parsed.GetValue(sid), parsed.GetValue(files)!, (rules, rule) =>
            Console.Write(RuleExplainer.Explain(rules, rule.Gid, rule.Sid))));
        return command;
    }

    private static (Command Command, Argument<uint> Sid, Argument<string[]> Files) CreateOfOne(string name, string description)
    {
        Argument<uint> sid = new("SID") { Description = "the rule's sid" };
        Argument<string[]> files = Files();
        return (new Command(name, description) { sid, files }, sid, files);
    }

    private static int WithRule(uint sid, string[] files, Action<RuleSet, RuleInfo> print)
    {
        if (Load(files, null) is not { } loaded)
        {
            return ExitCode.BadConfiguration;
        }

        RuleInfo? rule = loaded.Rules.Rules.FirstOrDefault(candidate => candidate.Sid == sid);
        if (rule is null)
        {
            Console.Error.WriteLine($"bridgeguard: no rule with sid {sid} in force");
            return ExitCode.Failure;
        }

        print(loaded.Rules, rule);
        return ExitCode.Ok;
    }
}
