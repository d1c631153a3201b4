using System.Globalization;
using BridgeGuard.Cli.Logging;
using BridgeGuard.Rules.Diagnostics;

namespace BridgeGuard.Cli.Suricata;

/// <summary>Puts what is wrong with rules into the log, in the two lines that scripts look for: the reason, then the rule with its place.</summary>
internal sealed class RuleDiagnosticLog(EngineLog log)
{
    private readonly Dictionary<string, string[]> _files = [];

    /// <summary>False when a rule was lost.</summary>
    public bool Write(IEnumerable<RuleDiagnostic> diagnostics)
    {
        bool clean = true;
        foreach (RuleDiagnostic diagnostic in diagnostics)
        {
            string expected = diagnostic.Expected.Length == 0 ? "" : $" (expected {diagnostic.Expected})";
            if (diagnostic.Severity != DiagnosticSeverity.Error)
            {
                log.Warning("detect", diagnostic.Message + expected);
                continue;
            }

            clean = false;
            log.Error("detect-parse", diagnostic.Message + expected);
            if (diagnostic.Line > 0 && RuleAt(diagnostic.File, diagnostic.Line) is { Length: > 0 } rule)
            {
                log.Error("detect", string.Create(CultureInfo.InvariantCulture, $"error parsing signature \"{rule}\" from file {diagnostic.File} at line {diagnostic.Line}"));
            }
        }

        return clean;
    }

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
