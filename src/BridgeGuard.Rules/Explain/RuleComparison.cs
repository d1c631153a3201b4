using System.Globalization;
using System.Text.RegularExpressions;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Explain;

/// <summary>One rule on which we and Suricata differ.</summary>
/// <param name="Sid">Its sid, 0 when unreadable.</param>
/// <param name="Line">Where it stands.</param>
/// <param name="IsAcceptedHere">Our verdict; Suricata's is the other.</param>
/// <param name="Reason">Why whoever refused it did.</param>
public sealed record VerdictDifference(uint Sid, int Line, bool IsAcceptedHere, string Reason);

/// <summary>Our verdicts on the rules of a file against Suricata's.</summary>
/// <param name="Rules">Rules in the file.</param>
/// <param name="Differences">Those with different verdicts, in order.</param>
public sealed record ComparisonReport(int Rules, IReadOnlyList<VerdictDifference> Differences)
{
    /// <summary>From 0 to 1; 1 for no rules.</summary>
    public double Agreement => Rules == 0 ? 1 : 1 - ((double)Differences.Count / Rules);
}

/// <summary>Compares what we make of a rule file with what Suricata's log says of it.</summary>
public static partial class RuleComparison
{
    /// <summary>Compares.</summary>
    /// <param name="file">The rule file both have read, by the name that Suricata was given.</param>
    /// <param name="options">How we load it; its files are replaced by <paramref name="file"/>.</param>
    /// <param name="log">What <c>suricata -T -S FILE</c> printed.</param>
    public static ComparisonReport Compare(string file, RuleLoadOptions options, string log)
    {
        Dictionary<int, string> theirs = RefusedBySuricata(log);
        RuleLoadResult ours = RuleLoader.Load(options);
        var refusedHere = ours.Diagnostics
            .Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error && diagnostic.File == file && diagnostic.Line > 0)
            .GroupBy(diagnostic => diagnostic.Line)
            .ToDictionary(group => group.Key, group => group.First().ToString());
        var differences = new List<VerdictDifference>();
        int rules = 0;
        foreach ((string text, int line) in RuleFileReader.Read(File.ReadAllText(file, System.Text.Encoding.Latin1)))
        {
            rules++;
            bool isRefusedHere = refusedHere.TryGetValue(line, out string? here);
            bool isRefusedThere = theirs.TryGetValue(line, out string? there);
            if (isRefusedHere != isRefusedThere)
            {
                differences.Add(new VerdictDifference(RuleParser.FindSid(text), line, !isRefusedHere, here ?? there ?? ""));
            }
        }

        return new ComparisonReport(rules, differences);
    }

    /// <summary>Lines of refused rules with the reason printed before.</summary>
    private static Dictionary<int, string> RefusedBySuricata(string log)
    {
        var refused = new Dictionary<int, string>();
        string reason = "";
        foreach (string line in log.Split('\n'))
        {
            Match rule = RefusedRule().Match(line);
            if (rule.Success)
            {
                refused[int.Parse(rule.Groups[1].Value, CultureInfo.InvariantCulture)] = reason;
            }
            else if (line.StartsWith("Error: ", StringComparison.Ordinal) || line.StartsWith("E: ", StringComparison.Ordinal))
            {
                reason = line.Trim();
            }
        }

        return refused;
    }

    [GeneratedRegex(@"error parsing signature "".*"" from file .* at line (\d+)")]
    private static partial Regex RefusedRule();
}
