using System.Globalization;
using System.Text.RegularExpressions;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Loading;

/// <summary>
/// What operators change in rules they did not write: <c>disable.conf</c>, <c>enable.conf</c>, <c>drop.conf</c> and <c>modify.conf</c>, in the form that
/// suricata-update reads.
/// </summary>
/// <remarks>
/// A line selects rules: <c>2019401</c>, <c>1:2019401</c>, <c>re:heartbleed</c> (an expression anywhere in the rule), <c>group:emerging-icmp.rules</c> or
/// <c>filename:</c> (the file, with * and ?), <c>metadata:key value</c>. In <c>modify.conf</c> an expression and its replacement in quotes follow. Order as
/// there: disable, enable, drop, modify; rules that never alert are not turned to drop. The parts of a line of <c>modify.conf</c> are words, in quotes where they
/// have blanks (<c>re:. ^alert drop</c>); groups are <c>\1</c> or <c>${1}</c>; <c>metadata-add SELECTOR key value</c> adds to a rule's metadata, and Oinkmaster's
/// <c>modifysid 1,2 "from" | "to"</c> is read too. Immutable once read.
/// </remarks>
public sealed partial class RuleFilters
{
    /// <summary>An expression of a filter that runs longer on one rule selects nothing.</summary>
    private static readonly TimeSpan MostTime = TimeSpan.FromMilliseconds(200);

    private readonly List<Selector> _disable = [];
    private readonly List<Selector> _enable = [];
    private readonly List<Selector> _drop = [];
    private readonly List<(Selector Selector, Regex From, string To)> _modify = [];

    private enum SelectorKind : byte
    {
        Id,
        Expression,
        File,
        Metadata,
    }

    private sealed record Selector(SelectorKind Kind, uint Gid, uint Sid, Regex? Pattern, string Key, string Value);

    /// <summary>Reads the files; null paths are left out. Bad lines are reported and left out.</summary>
    public static RuleFilters Read(string? disable, string? enable, string? drop, string? modify, List<RuleDiagnostic> diagnostics)
    {
        var filters = new RuleFilters();
        filters.Add(filters._disable, disable, diagnostics);
        filters.Add(filters._enable, enable, diagnostics);
        filters.Add(filters._drop, drop, diagnostics);
        foreach ((string line, int number) in Lines(modify, diagnostics))
        {
            if (!filters.TryAddModification(Words(line)))
            {
                Bad(diagnostics, modify!, number, line, "selector \"expression\" \"replacement\"");
            }
        }

        return filters;
    }

    private bool TryAddModification(List<string> words)
    {
        if (words is ["metadata-add", var which, var key, var value] && Parse(which) is { } target)
        {
            _modify.Add((target, MetadataPlace(), $" metadata:{key} {value};)"));
            return true;
        }

        if (words is ["modifysid", var sids, var old, "|", var replacement])
        {
            if (Compile(old) is not { } pattern)
            {
                return false;
            }

            foreach (string sid in sids.Split(',', StringSplitOptions.TrimEntries))
            {
                if ((sid == "*" ? Parse("re:.") : Parse(sid)) is not { } one)
                {
                    return false;
                }

                _modify.Add((one, pattern, replacement));
            }

            return true;
        }

        if (words is not [var selector, var from, var to] || Parse(selector) is not { } selected || Compile(from) is not { } expression)
        {
            return false;
        }

        _modify.Add((selected, expression, to));
        return true;
    }

    /// <summary>Words as a shell cuts them: quotes keep blanks together and end within a word; within them a backslash takes a quote or a backslash.</summary>
    private static List<string> Words(string line)
    {
        var words = new List<string>();
        var word = new System.Text.StringBuilder();
        bool isQuoted = false;
        bool hasWord = false;
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            if (isQuoted && c == '\\' && i + 1 < line.Length && line[i + 1] is '"' or '\\')
            {
                word.Append(line[++i]);
            }
            else if (c == '"')
            {
                isQuoted = !isQuoted;
                hasWord = true;
            }
            else if (!isQuoted && char.IsWhiteSpace(c))
            {
                if (hasWord)
                {
                    words.Add(word.ToString());
                }

                word.Clear();
                hasWord = false;
            }
            else
            {
                word.Append(c);
                hasWord = true;
            }
        }

        if (hasWord)
        {
            words.Add(word.ToString());
        }

        return isQuoted ? [] : words;
    }

    /// <summary>The rules in force after all filters, with their lines.</summary>
    internal IEnumerable<(string Text, int Line)> Apply(IEnumerable<(string Text, int Line, bool IsComment)> rules, string file)
    {
        foreach ((string original, int line, bool isComment) in rules)
        {
            string text = original;
            bool isOn = !isComment;
            uint sid = RuleParser.FindSid(text);
            isOn &= !Selects(_disable, text, sid, file);
            isOn |= Selects(_enable, text, sid, file);
            if (!isOn)
            {
                continue;
            }

            if (text.StartsWith("alert", StringComparison.Ordinal) && !NoAlert().IsMatch(text) && Selects(_drop, text, sid, file))
            {
                text = "drop" + text["alert".Length..];
            }

            foreach ((Selector selector, Regex from, string to) in _modify)
            {
                if (Matches(selector, text, sid, file))
                {
                    text = Replace(from, text, to);
                }
            }

            yield return (text, line);
        }
    }

    private static string Replace(Regex from, string text, string to)
    {
        try
        {
            // Python writes groups as \1, Oinkmaster as ${1}, .NET as $1 or ${1}.
            string pattern = GroupReference().Replace(to.Replace("$", "$$", StringComparison.Ordinal), match => $"${{{match.Groups[1].Value}{match.Groups[2].Value}}}");
            return from.Replace(text, pattern);
        }
        catch (RegexMatchTimeoutException)
        {
            return text;
        }
    }

    private void Add(List<Selector> selectors, string? file, List<RuleDiagnostic> diagnostics)
    {
        foreach ((string line, int number) in Lines(file, diagnostics))
        {
            if (Parse(line) is { } selector)
            {
                selectors.Add(selector);
            }
            else
            {
                Bad(diagnostics, file!, number, line, "sid, gid:sid, re:expression, group:file, filename:file or metadata:key value");
            }
        }
    }

    private static bool Selects(List<Selector> selectors, string text, uint sid, string file) =>
        selectors.Exists(selector => Matches(selector, text, sid, file));

    private static bool Matches(Selector selector, string text, uint sid, string file)
    {
        switch (selector.Kind)
        {
            case SelectorKind.Id:
                return sid == selector.Sid && (selector.Gid == 1 || text.Contains(string.Create(CultureInfo.InvariantCulture, $"gid:{selector.Gid};"), StringComparison.Ordinal));
            case SelectorKind.File:
                return selector.Pattern!.IsMatch(Path.GetFileName(file)) || selector.Pattern.IsMatch(Path.GetFileNameWithoutExtension(file));
            case SelectorKind.Metadata:
                return Metadata().Matches(text).Any(metadata => metadata.Groups[1].Value.Split(',').Any(pair =>
                    pair.Trim().Split(' ', 2) is [var key, var value]
                    && key.Equals(selector.Key, StringComparison.OrdinalIgnoreCase)
                    && value.Trim().Equals(selector.Value, StringComparison.OrdinalIgnoreCase)));
            default:
                try
                {
                    return selector.Pattern!.IsMatch(text);
                }
                catch (RegexMatchTimeoutException)
                {
                    return false;
                }
        }
    }

    private static Selector? Parse(string line)
    {
        if (line.StartsWith("re:", StringComparison.Ordinal))
        {
            return Compile(line[3..].Trim()) is { } pattern ? new Selector(SelectorKind.Expression, 0, 0, pattern, "", "") : null;
        }

        if (line.StartsWith("group:", StringComparison.Ordinal) || line.StartsWith("filename:", StringComparison.Ordinal))
        {
            string name = line[(line.IndexOf(':') + 1)..].Trim();
            string pattern = "^" + Regex.Escape(name).Replace("\\*", ".*", StringComparison.Ordinal).Replace("\\?", ".", StringComparison.Ordinal) + "$";
            return new Selector(SelectorKind.File, 0, 0, new Regex(pattern, RegexOptions.CultureInvariant, MostTime), "", "");
        }

        if (line.StartsWith("metadata:", StringComparison.Ordinal))
        {
            return line[9..].Trim().Split(' ', 2) is [var key, var value] ? new Selector(SelectorKind.Metadata, 0, 0, null, key, value.Trim()) : null;
        }

        string[] parts = line.Split(':');
        uint gid = 1;
        return parts.Length is 1 or 2
            && uint.TryParse(parts[^1].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out uint sid)
            && (parts.Length == 1 || uint.TryParse(parts[0].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out gid))
            ? new Selector(SelectorKind.Id, gid, sid, null, "", "")
            : null;
    }

    private static Regex? Compile(string expression)
    {
        try
        {
            return new Regex(expression, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, MostTime);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static IEnumerable<(string Line, int Number)> Lines(string? file, List<RuleDiagnostic> diagnostics)
    {
        if (file is null)
        {
            yield break;
        }

        string[] lines;
        try
        {
            lines = File.ReadAllLines(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            diagnostics.Add(new RuleDiagnostic(DiagnosticSeverity.Error, DiagnosticCode.FileNotFound, file, 0, 0, 0, $"the file cannot be read: {error.Message}"));
            yield break;
        }

        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length > 0 && line[0] != '#')
            {
                yield return (line, i + 1);
            }
        }
    }

    private static void Bad(List<RuleDiagnostic> diagnostics, string file, int number, string line, string expected) => diagnostics.Add(
        new RuleDiagnostic(DiagnosticSeverity.Error, DiagnosticCode.BadLine, file, number, 1, 0, $"«{line}» is not understood", expected));

    [GeneratedRegex(@"\\(\d)|\$\$\{(\d)\}")]
    private static partial Regex GroupReference();

    [GeneratedRegex(@"\)\s*$")]
    private static partial Regex MetadataPlace();

    [GeneratedRegex(@"[;(]\s*(?:flowbits:\s*)?noalert\s*;")]
    private static partial Regex NoAlert();

    [GeneratedRegex(@"metadata:([^;]*);")]
    private static partial Regex Metadata();
}
