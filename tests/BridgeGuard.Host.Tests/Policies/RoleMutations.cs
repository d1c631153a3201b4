using System.Text.RegularExpressions;

namespace BridgeGuard.Host.Tests.Policies;

/// <summary>Changes of a role file, one at a time: a line left out, a number moved, an action exchanged. Texts for people are left alone.</summary>
internal static partial class RoleMutations
{
    private static readonly (string Word, string Other)[] Words =
    [
        ("drop", "alert"), ("reject", "drop"), ("alert", "off"), ("redirect", "drop"), ("sinkhole", "drop"), ("tarpit", "drop"), ("rate-limit", "drop"), ("off", "drop"),
        ("guest", "configured"), ("tcp", "udp"), ("udp", "tcp"), ("icmp", "esp"), ("open", "closed"), ("closed", "open"), ("observe", "hold-tail"), ("hold-tail", "observe"),
        ("linux", "windows"), ("windows", "linux"), ("windows2k3", "linux"), ("old-linux", "linux"), ("seen", "given"), ("peer", "rule"), ("drop-flow", "ignore"), ("ignore", "drop-flow"),
    ];

    /// <summary>What was changed, and the file with the change.</summary>
    public static IEnumerable<(string What, string Text)> Of(string text)
    {
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i];
            string trimmed = line.Trim();
            bool isForPeople = trimmed.Length == 0 || trimmed.StartsWith('#') || trimmed.StartsWith("name:", StringComparison.Ordinal) || trimmed.StartsWith("description:", StringComparison.Ordinal);

            // Who has the role is the registry's affair, not that of traffic between roles; a key alone goes with what is below it.
            if (isForPeople || trimmed.StartsWith("tags:", StringComparison.Ordinal) || trimmed.EndsWith(':'))
            {
                continue;
            }

            yield return ($"line {i + 1} left out: {trimmed}", Replace(lines, i, null));
            foreach (Match match in NumberOrWord().Matches(line))
            {
                string? other = Other(match.Value, line, match.Index);
                if (other is not null)
                {
                    yield return ($"line {i + 1}: '{match.Value}' is '{other}': {trimmed}", Replace(lines, i, line[..match.Index] + other + line[(match.Index + match.Length)..]));
                }
            }
        }
    }

    private static string? Other(string value, string line, int at)
    {
        if (char.IsAsciiDigit(value[0]))
        {
            // A version or a part of a name is no number.
            return at > 0 && line[at - 1] is '.' or '_' or '"' || (at + value.Length < line.Length && line[at + value.Length] is '.' or '_') ? null
                : (int.Parse(value, System.Globalization.CultureInfo.InvariantCulture) + 1).ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        // A word before a colon is a key.
        bool isKey = at + value.Length < line.Length && line[at + value.Length] == ':';
        return isKey ? null : Words.FirstOrDefault(w => w.Word == value).Other;
    }

    private static string Replace(string[] lines, int index, string? line) =>
        string.Join('\n', lines.Where((_, i) => i != index || line is not null).Select((l, i) => i == index && line is not null ? line : l));

    [GeneratedRegex("[0-9]+|[a-z][a-z0-9-]*")]
    private static partial Regex NumberOrWord();
}
