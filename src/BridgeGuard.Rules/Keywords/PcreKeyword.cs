using System.Text;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary><c>pcre:"[!]/expression/ismxAEGR…"</c> with buffer letters and captures.</summary>
internal static class PcreKeyword
{
    public static readonly Keyword Keyword = new()
    {
        Name = "pcre",
        TakesQuotes = true,
        Argument = ArgumentRule.Required,
        Help = "a Perl-compatible expression over the buffer",
        Apply = Apply,
    };

    /// <summary>The letters that choose a buffer, as Snort's rules use them.</summary>
    private static readonly Dictionary<char, string> BufferLetters = new()
    {
        ['U'] = "http.uri",
        ['I'] = "http.uri.raw",
        ['P'] = "http.request_body",
        ['Q'] = "http.response_body",
        ['H'] = "http.header",
        ['D'] = "http.header.raw",
        ['M'] = "http.method",
        ['C'] = "http.cookie",
        ['S'] = "http.stat_code",
        ['Y'] = "http.stat_msg",
        ['V'] = "http.user_agent",
        ['W'] = "http.host",
        ['Z'] = "http.host.raw",
    };

    private static void Apply(BindContext context)
    {
        string text = context.Argument;
        bool isNegated = text.StartsWith('!');
        int start = isNegated ? 1 : 0;
        while (start < text.Length && char.IsWhiteSpace(text[start]))
        {
            start++;
        }

        ReadOnlySpan<char> quoted = text.AsSpan(start);
        if (quoted.StartsWith("\""))
        {
            if (quoted.Length < 2 || quoted[^1] != '"')
            {
                context.Fail(DiagnosticCode.BadExpression, "the quotes around the expression do not match", "\"/…/flags\"", start);
                return;
            }

            quoted = quoted[1..^1];
            start++;
        }

        if (quoted.StartsWith("!"))
        {
            isNegated = true;
            quoted = quoted[1..];
        }

        if (quoted.StartsWith("m/"))
        {
            quoted = quoted[1..];
            start++;
        }

        int slash = quoted.LastIndexOf('/');
        if (quoted.IsEmpty || quoted[0] != '/' || slash <= 0)
        {
            context.Fail(DiagnosticCode.BadExpression, "the expression has no slashes around it", "/…/flags", start);
            return;
        }

        ReadOnlySpan<char> expression = quoted[1..slash];
        ReadOnlySpan<char> flagText = quoted[(slash + 1)..];
        int comma = flagText.IndexOf(',');
        string captures = comma < 0 ? "" : flagText[comma..].ToString();
        if (!TryReadFlags(context, comma < 0 ? flagText : flagText[..comma], out PcreOptions options, out bool isRelative, out string? bufferName))
        {
            return;
        }

        if (MissingDigits(expression) is >= 0 and var missing)
        {
            // PCRE2 took this for a zero byte until 10.45; later versions refuse it.
            context.Fail(DiagnosticCode.BadExpression, "pcre: digits are missing after \\x", "\\xHH or \\x{H…}", start + 1 + missing);
            return;
        }

        var limits = context.Environment.RegexLimits;
        byte[] bytes = Encoding.Latin1.GetBytes(expression.ToString());
        if (!context.Environment.TryCompile(bytes, options, limits, out CompiledRegex? regex, out RegexCompileError? error))
        {
            context.Fail(DiagnosticCode.BadExpression, $"pcre: {error!.Message}", "", start + 1 + error.Offset);
            return;
        }

        if (!TryReadCaptures(context, expression, captures, regex!.GroupCount, out int[] flowCaptures, out int[] packetCaptures))
        {
            return;
        }

        if (bufferName == "http.host" && (options & PcreOptions.IgnoreCase) == 0 && HasCapital(expression))
        {
            context.Fail(DiagnosticCode.CannotMatch, "pcre: the host is in small letters, the expression has capital ones", "small letters, or the flag i or Z", start + 1);
            return;
        }

        if (bufferName is not null && context.Rule.Active is { } sticky && sticky.Buffer?.Name != bufferName
            && (bufferName, sticky.Buffer?.Name) is not ("http.response_body", "file.data"))
        {
            context.Fail(DiagnosticCode.Conflict, $"pcre: a buffer letter does not go with {sticky.Keyword}", "pkt_data before it, or no letter");
            return;
        }

        SectionModel? section = FindSection(context, bufferName);
        if (section is null)
        {
            return;
        }

        if (isRelative && context.Rule.Active is null && !section.HasPattern)
        {
            context.Fail(DiagnosticCode.MissingRequirement, "pcre: the flag R needs a content or an expression before it in the same buffer");
            return;
        }

        context.Rule.NamesOldHttp |= bufferName is not null && context.Rule.Active is null;
        OpFlags flags = (isNegated ? OpFlags.Negated : OpFlags.None) | (isRelative ? OpFlags.Relative : OpFlags.None);
        context.Rule.AddOp(section, new OpModel
        {
            Kind = BufferOpKind.Pcre,
            Flags = flags,
            Column = context.Option.Name.Column,
            Data = new PcreOp { Regex = regex, FlowCaptures = flowCaptures, PacketCaptures = packetCaptures },
        });
    }

    /// <summary>Whether a capital letter stands outside of escapes.</summary>
    private static bool HasCapital(ReadOnlySpan<char> expression)
    {
        for (int i = 0; i < expression.Length; i++)
        {
            if (expression[i] == '\\')
            {
                i++;
                for (int digits = 0; digits < 2 && i < expression.Length - 1 && expression[i - digits] == 'x' && char.IsAsciiHexDigit(expression[i + 1]); digits++)
                {
                    i++;
                }
            }
            else if (char.IsAsciiLetterUpper(expression[i]))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Where a <c>\x</c> stands without digits; -1: nowhere.</summary>
    private static int MissingDigits(ReadOnlySpan<char> expression)
    {
        for (int i = 0; i + 1 < expression.Length; i++)
        {
            if (expression[i] != '\\')
            {
                continue;
            }

            i++;
            if (expression[i] == 'x' && (i + 1 == expression.Length || !(char.IsAsciiHexDigit(expression[i + 1]) || expression[i + 1] == '{')))
            {
                return i - 1;
            }
        }

        return -1;
    }

    private static SectionModel? FindSection(BindContext context, string? bufferName)
    {
        RuleModel rule = context.Rule;
        if (bufferName is null)
        {
            return rule.Current;
        }

        if (!context.Environment.Keywords.Buffers.TryGetValue(bufferName, out BufferDefinition? buffer))
        {
            context.Fail(DiagnosticCode.UnknownKeyword, $"pcre: there is no {bufferName} in this build");
            return null;
        }

        // A buffer with many values opens a new section each time it is named; an expression's letter does not name it anew.
        return rule.Sections.FindLast(section => section.Buffer == buffer && section.Transforms.Count == 0)
            ?? Sections.Of(rule, buffer, [], context.Option.Name);
    }

    private static bool TryReadFlags(
        BindContext context, ReadOnlySpan<char> letters, out PcreOptions options, out bool isRelative, out string? buffer)
    {
        options = PcreOptions.None;
        isRelative = false;
        buffer = null;
        foreach (char letter in letters)
        {
            switch (letter)
            {
                case 'i':
                    options |= PcreOptions.IgnoreCase;
                    break;
                case 's':
                    options |= PcreOptions.DotAll;
                    break;
                case 'm':
                    options |= PcreOptions.Multiline;
                    break;
                case 'x':
                    options |= PcreOptions.Extended;
                    break;
                case 'A':
                    options |= PcreOptions.Anchored;
                    break;
                case 'E':
                    options |= PcreOptions.DollarEndOnly;
                    break;
                case 'G':
                    options |= PcreOptions.Ungreedy;
                    break;
                case 'R':
                    isRelative = true;
                    break;
                case 'B' or 'O':
                    break;
                default:
                    if (!BufferLetters.TryGetValue(letter, out string? named))
                    {
                        context.Fail(DiagnosticCode.BadExpression, $"pcre: «{letter}» is not a flag", "ismxAEGRBO or a buffer letter UIPQHDMCSYVWZ");
                        return false;
                    }

                    if (buffer is not null)
                    {
                        context.Fail(DiagnosticCode.Conflict, "pcre: two buffer letters", "one of UIPQHDMCSYVWZ");
                        return false;
                    }

                    buffer = named;
                    break;
            }
        }

        return true;
    }

    /// <summary>Captures go to variables by group names (<c>(?P&lt;flow_x&gt;…)</c>) or by the list after the quotes (<c>flow:x,pkt:y</c>).</summary>
    private static bool TryReadCaptures(
        BindContext context, ReadOnlySpan<char> expression, string list, int groups, out int[] flowCaptures, out int[] packetCaptures)
    {
        var flow = new int[Math.Min(groups, RegexMatch.MaxGroups)];
        var packet = new int[flow.Length];
        Array.Fill(flow, -1);
        Array.Fill(packet, -1);
        flowCaptures = packetCaptures = [];
        var names = new List<string>();
        if (list.StartsWith(','))
        {
            names.AddRange(list[1..].Split(',', StringSplitOptions.TrimEntries));
        }
        else if (list.Length > 0)
        {
            context.Fail(DiagnosticCode.BadExpression, $"pcre: «{list}» follows the expression", ", flow:name or , pkt:name");
            return false;
        }

        int group = 0;
        bool any = false;
        foreach (string item in names.Count > 0 ? names : NamedGroups(expression))
        {
            int colon = item.IndexOfAny([':', '_']);
            string kind = colon < 0 ? "" : item[..colon];
            if (group >= flow.Length || kind is not ("flow" or "pkt" or "alert"))
            {
                if (names.Count == 0)
                {
                    group++;
                    continue;
                }

                context.Fail(DiagnosticCode.BadExpression, $"pcre: the capture «{item}» has no group or no kind", "flow:name or pkt:name, one per group");
                return false;
            }

            int number = context.Environment.Names.Intern(item[(colon + 1)..]);
            (kind == "flow" ? flow : packet)[group++] = number;
            any = true;
        }

        if (any)
        {
            flowCaptures = flow;
            packetCaptures = packet;
        }

        return true;
    }

    /// <summary>The names of the capturing groups in order; empty text for a group without a name.</summary>
    private static List<string> NamedGroups(ReadOnlySpan<char> expression)
    {
        var names = new List<string>();
        bool inClass = false;
        for (int i = 0; i < expression.Length; i++)
        {
            switch (expression[i])
            {
                case '\\':
                    i++;
                    break;
                case '[' when !inClass:
                    inClass = true;
                    break;
                case ']' when inClass:
                    inClass = false;
                    break;
                case '(' when !inClass:
                    ReadOnlySpan<char> rest = expression[(i + 1)..];
                    if (rest.StartsWith("?P<") || (rest.StartsWith("?<") && !rest.StartsWith("?<=") && !rest.StartsWith("?<!")))
                    {
                        ReadOnlySpan<char> name = rest[(rest[1] == 'P' ? 3 : 2)..];
                        int end = name.IndexOf('>');
                        names.Add(end < 0 ? "" : name[..end].ToString());
                    }
                    else if (!rest.StartsWith("?") && !rest.StartsWith("*"))
                    {
                        names.Add("");
                    }

                    break;
            }
        }

        return names;
    }
}
