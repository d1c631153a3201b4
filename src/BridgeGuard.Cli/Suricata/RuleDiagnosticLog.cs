using System.Globalization;
using BridgeGuard.Cli.Logging;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Rules.Diagnostics;

namespace BridgeGuard.Cli.Suricata;

/// <summary>Puts what is wrong with rules into the log, in the two lines that scripts look for: the reason, then the rule with its place.</summary>
/// <param name="areErrorsFatal">With <c>--init-errors-fatal</c> a bad line of a dataset ends the start, too; without, the set lacks it.</param>
internal sealed class RuleDiagnosticLog(EngineLog log, SuricataConfiguration configuration, bool areErrorsFatal)
{
    private readonly Dictionary<string, string[]> _files = [];
    private readonly HashSet<string> _summed = [];

    /// <summary>False when a rule was lost.</summary>
    public bool Write(IEnumerable<RuleDiagnostic> diagnostics)
    {
        bool clean = true;
        foreach (RuleDiagnostic diagnostic in diagnostics)
        {
            string text = diagnostic.Message + (diagnostic.Expected.Length == 0 ? "" : $" (expected {diagnostic.Expected})");
            if (ModuleOf(diagnostic) is { } beside)
            {
                clean &= diagnostic.Severity != DiagnosticSeverity.Error || diagnostic.Code == DiagnosticCode.FileNotFound;
                log.Write(diagnostic.Severity == DiagnosticSeverity.Error ? LogLevel.Error : LogLevel.Warning, beside, text);
                Sum(beside, diagnostic);
                continue;
            }

            string rule = diagnostic.Line > 0 ? RuleAt(diagnostic.File, diagnostic.Line) : "";
            (string module, string said) = KnownWording.Find(diagnostic.Message, rule) ?? ("detect-parse", text);
            if (diagnostic.Code == DiagnosticCode.BadLine && ((areErrorsFatal && module is "debug") || module is "datasets"))
            {
                log.Error(module, said);
                if (areErrorsFatal)
                {
                    return false;
                }

                log.Warning(module, "a dataset could not be processed");
                continue;
            }

            if (diagnostic.Severity != DiagnosticSeverity.Error)
            {
                log.Warning(module is "detect-parse" ? "detect" : module, said);
                continue;
            }

            clean = false;
            log.Error(module, said);
            if (rule.Length > 0)
            {
                log.Error("detect", string.Create(CultureInfo.InvariantCulture, $"error parsing signature \"{rule}\" from file {diagnostic.File} at line {diagnostic.Line}"));
            }
        }

        return clean;
    }

    /// <summary>One line per file that scripts wait for, after the first of its faults.</summary>
    private void Sum(string module, RuleDiagnostic diagnostic)
    {
        if (diagnostic.Code == DiagnosticCode.FileNotFound || diagnostic.Severity != DiagnosticSeverity.Error || !_summed.Add(module))
        {
            return;
        }

        if (module == "threshold-config")
        {
            log.Warning(module, $"Error loading threshold configuration from {diagnostic.File}");
        }
        else if (module == "reference-config")
        {
            log.Error(module, $"Invalid Reference Config in {Path.GetFileName(diagnostic.File)} file");
        }
    }

    /// <summary>The part of the program that reads the file a message is about, when that is no rule file.</summary>
    private string? ModuleOf(RuleDiagnostic diagnostic) => diagnostic.File switch
    {
        "" => null,
        _ when diagnostic.File == configuration.ClassificationFile => "classification-config",
        _ when diagnostic.File == configuration.ReferenceFile => "reference-config",
        _ when diagnostic.File == configuration.ThresholdFile => "threshold-config",
        _ when diagnostic.File == configuration.ReputationCategoriesFile || configuration.ReputationFiles.Contains(diagnostic.File) => "reputation",
        _ => null,
    };

    private string RuleAt(string file, int line)
    {
        if (!_files.TryGetValue(file, out string[]? lines))
        {
            lines = File.Exists(file) ? File.ReadAllLines(file) : [];
            _files.Add(file, lines);
        }

        return line <= lines.Length ? lines[line - 1].Trim() : "";
    }
}
