using BridgeGuard.Rules.Diagnostics;

namespace BridgeGuard.Rules.Syntax;

/// <summary>Cuts the text of one rule into header tokens and options. Pure; never throws.</summary>
internal static class RuleParser
{
    /// <summary>Longest rule taken; Suricata's limit for a line is of the same order.</summary>
    public const int MaxRuleLength = 64 * 1024;

    /// <summary>Parses one rule; null with a diagnostic when its shape is wrong.</summary>
    /// <param name="text">The rule, on one line.</param>
    /// <param name="file">For diagnostics.</param>
    /// <param name="line">1-based.</param>
    /// <param name="diagnostics">Receives what is wrong.</param>
    /// <param name="pool">The words of all rules of a load; null: of this rule.</param>
    /// <param name="options">Receives the options, which the result then borrows; null: a list of its own.</param>
    public static RuleSyntax? Parse(
        string text, string file, int line, List<RuleDiagnostic> diagnostics, TextPool? pool = null, List<OptionSyntax>? options = null)
    {
        pool ??= new TextPool();
        if (text.Length > MaxRuleLength)
        {
            return Fail(DiagnosticCode.Syntax, 1, $"the rule is longer than {MaxRuleLength} characters");
        }

        int position = 0;
        var tokens = new Token[7];
        for (int i = 0; i < 7; i++)
        {
            if (!TryReadHeaderToken(text, ref position, pool, out tokens[i]))
            {
                return Fail(DiagnosticCode.Syntax, Math.Min(position, text.Length) + 1, $"the header ends before its {HeaderPart(i)}", HeaderPart(i));
            }
        }

        // Suricata takes all up to a blank for the port, and the options then miss their beginning.
        if (tokens[6].Text.Contains('('))
        {
            return Fail(DiagnosticCode.BadPort, tokens[6].Column, $"«{tokens[6].Text}» is not a port or range", "a blank between the port and the options");
        }

        SkipBlanks(text, ref position);
        if (position >= text.Length)
        {
            return Fail(DiagnosticCode.MissingOptions, Math.Min(position, text.Length) + 1, "no options follow the header", "( keyword:value; … )");
        }

        string header = pool.Get(text.AsSpan(0, position).Trim());
        int end = text.AsSpan().TrimEnd().Length;

        // As Suricata, a missing first or last parenthesis is forgiven.
        int last = end - 1 > position && text[end - 1] == ')' ? end - 1 : end;
        position += text[position] == '(' ? 1 : 0;
        options ??= new List<OptionSyntax>(24);
        options.Clear();
        if (!ReadOptions(text, position, last, pool, options, out int badColumn, out string message))
        {
            return Fail(DiagnosticCode.UnterminatedOption, badColumn, message, ";");
        }

        return new RuleSyntax
        {
            Text = text,
            File = file,
            Line = line,
            Action = tokens[0],
            Protocol = tokens[1],
            Source = tokens[2],
            SourcePort = tokens[3],
            Direction = tokens[4],
            Destination = tokens[5],
            DestinationPort = tokens[6],
            Options = options,
            Header = header,
        };

        RuleSyntax? Fail(DiagnosticCode code, int column, string what, string expected = "")
        {
            diagnostics.Add(new RuleDiagnostic(DiagnosticSeverity.Error, code, file, line, column, FindSid(text), what, expected));
            return null;
        }
    }

    /// <summary>The sid of a rule that may not parse, for its diagnostics; 0 when there is none.</summary>
    public static uint FindSid(string text)
    {
        int at = text.LastIndexOf("sid:", StringComparison.Ordinal);
        if (at < 0)
        {
            return 0;
        }

        ReadOnlySpan<char> rest = text.AsSpan(at + 4).TrimStart();
        int length = 0;
        while (length < rest.Length && char.IsAsciiDigit(rest[length]))
        {
            length++;
        }

        return uint.TryParse(rest[..length], out uint sid) ? sid : 0;
    }

    private static string HeaderPart(int index) => index switch
    {
        0 => "action",
        1 => "protocol",
        2 => "source address",
        3 => "source port",
        4 => "direction",
        5 => "destination address",
        _ => "destination port",
    };

    /// <summary>A token ends at a blank outside brackets.</summary>
    private static bool TryReadHeaderToken(string text, ref int position, TextPool pool, out Token token)
    {
        SkipBlanks(text, ref position);
        int start = position;
        int depth = 0;
        while (position < text.Length)
        {
            char c = text[position];
            if (c == '[')
            {
                depth++;
            }
            else if (c == ']')
            {
                depth--;
            }
            else if (depth <= 0 && char.IsWhiteSpace(c))
            {
                break;
            }

            position++;
        }

        token = new Token(pool.Get(text.AsSpan(start, position - start)), start + 1);
        return position > start;
    }

    private static bool ReadOptions(string text, int position, int end, TextPool pool, List<OptionSyntax> options, out int badColumn, out string message)
    {
        badColumn = 0;
        message = "";
        while (true)
        {
            while (position < end && char.IsWhiteSpace(text[position]))
            {
                position++;
            }

            if (position >= end)
            {
                return true;
            }

            int nameStart = position;
            while (position < end && text[position] is not (':' or ';'))
            {
                position++;
            }

            if (position >= end)
            {
                badColumn = nameStart + 1;
                message = $"the option «{text[nameStart..end].Trim()}» is not terminated";
                return false;
            }

            var name = new Token(pool.Get(text.AsSpan(nameStart, position - nameStart).TrimEnd()), nameStart + 1);
            if (name.Text.Length == 0)
            {
                badColumn = nameStart + 1;
                message = "an option is empty";
                return false;
            }

            if (text[position] == ';')
            {
                options.Add(new OptionSyntax(name, null));
                position++;
                continue;
            }

            int valueStart = ++position;
            while (position < end && text[position] != ';')
            {
                // A backslash takes the next character, whatever it is, into the value.
                position += text[position] == '\\' ? 2 : 1;
            }

            if (position >= end)
            {
                badColumn = nameStart + 1;
                message = $"the option «{name.Text}» is not terminated";
                return false;
            }

            int blanks = 0;
            while (valueStart + blanks < position && char.IsWhiteSpace(text[valueStart + blanks]))
            {
                blanks++;
            }

            options.Add(new OptionSyntax(name, new Token(pool.Get(text.AsSpan(valueStart + blanks, position - valueStart - blanks).TrimEnd()), valueStart + blanks + 1)));
            position++;
        }
    }

    private static void SkipBlanks(string text, ref int position)
    {
        while (position < text.Length && char.IsWhiteSpace(text[position]))
        {
            position++;
        }
    }
}
