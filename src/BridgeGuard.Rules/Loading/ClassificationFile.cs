using System.Globalization;
using System.Text.RegularExpressions;
using BridgeGuard.Rules.Diagnostics;

namespace BridgeGuard.Rules.Loading;

/// <param name="Name">The short name rules use.</param>
/// <param name="Description">EVE <c>alert.category</c>.</param>
/// <param name="Priority">The least is the most severe.</param>
public sealed record ClassType(string Name, string Description, int Priority);

/// <summary>Reads <c>classification.config</c>: <c>config classification: name,description,priority</c>.</summary>
internal static partial class ClassificationFile
{
    [GeneratedRegex(@"^config\s+classification\s*:\s*(?<name>[^,\s]+)\s*,\s*(?<description>.+),\s*(?<priority>\d+)\s*$")]
    private static partial Regex Line();

    public static Dictionary<string, ClassType> Parse(string content, string file, List<RuleDiagnostic> diagnostics)
    {
        var classes = new Dictionary<string, ClassType>(StringComparer.OrdinalIgnoreCase);
        foreach ((string line, int number) in ConfigLines.Read(content))
        {
            Match parts = Line().Match(line);
            string name = parts.Groups["name"].Value;
            if (!ConfigLines.IsName(name) || !int.TryParse(parts.Groups["priority"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int priority))
            {
                diagnostics.Add(ConfigLines.Bad(file, number, line, "config classification: name,description,priority"));
                continue;
            }

            // The description may have commas of its own.
            classes.TryAdd(name, new ClassType(name, parts.Groups["description"].Value, priority));
        }

        return classes;
    }
}

/// <summary>Reads <c>reference.config</c>: <c>config reference: name url-prefix</c>.</summary>
internal static class ReferenceFile
{
    private const string Prefix = "config reference:";

    public static Dictionary<string, string> Parse(string content, string file, List<RuleDiagnostic> diagnostics)
    {
        var systems = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach ((string line, int number) in ConfigLines.Read(content))
        {
            string[] words = line.StartsWith(Prefix, StringComparison.Ordinal)
                ? line[Prefix.Length..].Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)
                : [];
            if (words.Length < 2 || !char.IsAsciiLetter(words[0][0]))
            {
                diagnostics.Add(ConfigLines.Bad(file, number, line, "config reference: name prefix"));
                continue;
            }

            systems.TryAdd(words[0], words[1]);
        }

        return systems;
    }
}

/// <summary>Lines of the small files beside the rules.</summary>
internal static class ConfigLines
{
    /// <summary>Lines that say something, trimmed, with their number; a backslash at the end joins the next.</summary>
    public static IEnumerable<(string Line, int Number)> Read(string content)
    {
        int number = 0;
        string pending = "";
        int first = 0;
        foreach (string raw in content.Split('\n'))
        {
            number++;
            string line = raw.Trim();
            if (pending.Length == 0)
            {
                first = number;
                if (line.Length == 0 || line[0] == '#')
                {
                    continue;
                }
            }

            if (line.EndsWith('\\'))
            {
                pending += line[..^1] + " ";
                continue;
            }

            yield return (pending + line, first);
            pending = "";
        }
    }

    /// <summary>As Suricata takes names of classes: a letter, then letters, digits, <c>-</c> and <c>_</c>.</summary>
    public static bool IsName(string text) => text.Length > 0 && char.IsAsciiLetter(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');

    public static RuleDiagnostic Bad(string file, int line, string text, string expected) =>
        new(DiagnosticSeverity.Error, DiagnosticCode.BadLine, file, line, 1, 0, $"«{text}» is not understood", expected);
}
