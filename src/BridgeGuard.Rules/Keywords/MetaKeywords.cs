using System.Globalization;
using System.Text;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Keywords;

/// <summary>What a rule says about itself.</summary>
internal static class MetaKeywords
{
    public static readonly Keyword Sid = Number("sid", "the rule's number", (rule, value) => rule.Sid = value);

    public static readonly Keyword Gid = Number("gid", "the rule's group", (rule, value) => rule.Gid = value);

    public static readonly Keyword Rev = Number("rev", "the rule's revision", (rule, value) => rule.Revision = value);

    public static readonly Keyword Message = new()
    {
        Name = "msg",
        TakesQuotes = true,
        Argument = ArgumentRule.Required,
        Help = "the alert's text",
        Apply = context =>
        {
            string text = context.Argument;
            if (context.Rule.Message.Length > 0)
            {
                context.Fail(DiagnosticCode.Duplicate, "msg is given twice");
                return;
            }

            if (text.Length < 2 || text[0] != '"' || text[^1] != '"')
            {
                context.FailArgument("\"text\"");
                return;
            }

            context.Rule.Message = FromUtf8(Unescape(text.AsSpan(1, text.Length - 2)));
        },
    };

    public static readonly Keyword ClassType = new()
    {
        Name = "classtype",
        Argument = ArgumentRule.Required,
        Help = "a class of classification.config",
        Apply = context =>
        {
            string name = context.Argument.Trim();
            if (!ConfigLines.IsName(name))
            {
                context.FailArgument("the short name of a class: a letter, then letters, digits, - and _");
                return;
            }

            if (context.Rule.ClassType.Length == 0)
            {
                context.Rule.ClassType = name;
            }
        },
    };

    public static readonly Keyword Priority = new()
    {
        Name = "priority",
        Argument = ArgumentRule.Required,
        Help = "1 (most severe) to 255; overrides the class's",
        Apply = context =>
        {
            if (!uint.TryParse(context.Argument, NumberStyles.None, CultureInfo.InvariantCulture, out uint value))
            {
                context.FailArgument("0 to 255");
                return;
            }

            context.Rule.Priority = (int)Math.Min(value, 255);
        },
    };

    public static readonly Keyword Reference = new()
    {
        Name = "reference",
        Argument = ArgumentRule.Required,
        Help = "where to read more: system,value",
        Apply = context =>
        {
            int comma = context.Argument.IndexOf(',');
            if (comma <= 0 || !TryReadReference(context.Argument.AsSpan(0, comma).Trim(), context.Argument.AsSpan(comma + 1), out string value))
            {
                context.FailArgument("system,value: letters and digits, then letters, digits and any of -_./?=");
                return;
            }

            context.Rule.References.Add((context.Argument[..comma].Trim(), value));
        },
    };

    /// <summary>
    /// A value ends, as in Suricata, before the first character that references do not have; it may begin with a scheme, which then
    /// replaces the address of the reference system.
    /// </summary>
    private static bool TryReadReference(ReadOnlySpan<char> system, ReadOnlySpan<char> argument, out string value)
    {
        value = "";
        if (system.IsEmpty || !char.IsAsciiLetter(system[0]))
        {
            return false; // reference.config cannot name it.
        }

        foreach (char letter in system)
        {
            if (!char.IsAsciiLetterOrDigit(letter))
            {
                return false;
            }
        }

        ReadOnlySpan<char> text = argument.TrimStart();
        if (text.StartsWith("\""))
        {
            text = text[1..].TrimStart();
        }

        int scheme = SchemeLength(text);
        int end = ReferenceEnd(text, scheme);
        if (end == scheme)
        {
            // Nothing behind the scheme: then it is a word like any other.
            end = ReferenceEnd(text, 0);
        }

        value = text[..end].ToString();
        return end > 0;
    }

    /// <summary>Letters and <c>://</c> at the beginning; 0 when there are none.</summary>
    internal static int SchemeLength(ReadOnlySpan<char> text)
    {
        int letters = 0;
        while (letters < text.Length && char.IsAsciiLetter(text[letters]))
        {
            letters++;
        }

        return letters > 0 && text[letters..].StartsWith("://") ? letters + 3 : 0;
    }

    private static int ReferenceEnd(ReadOnlySpan<char> text, int from)
    {
        int end = from;
        while (end < text.Length && (char.IsAsciiLetterOrDigit(text[end]) || text[end] is '-' or '_' or '.' or '/' or '?' or '='))
        {
            end++;
        }

        return end;
    }

    public static readonly Keyword Metadata = new()
    {
        Name = "metadata",
        Argument = ArgumentRule.Required,
        Help = "key value pairs, separated by commas",
        Apply = context =>
        {
            TextPool pool = context.Environment.Words;
            ReadOnlySpan<char> all = context.Argument;
            foreach (Range range in all.Split(','))
            {
                ReadOnlySpan<char> item = all[range].Trim();
                if (item.IsEmpty)
                {
                    continue;
                }

                int blank = item.IndexOf(' ');
                if (blank < 0)
                {
                    // A key that says nothing is nothing to tell of.
                    continue;
                }

                ReadOnlySpan<char> value = item[(blank + 1)..].Trim();
                context.Rule.Metadata.Add((FromUtf8(pool.Get(item[..blank])), FromUtf8(pool.Get(value))));
            }
        },
    };

    public static readonly Keyword Target = new()
    {
        Name = "target",
        Argument = ArgumentRule.Required,
        Help = "which end the attack is aimed at: src_ip or dest_ip",
        Apply = context =>
        {
            RuleTarget target = context.Argument switch
            {
                "src_ip" => RuleTarget.Source,
                "dest_ip" => RuleTarget.Destination,
                _ => RuleTarget.None,
            };
            if (target == RuleTarget.None)
            {
                context.FailArgument("src_ip or dest_ip");
            }
            else if (context.Rule.Target != RuleTarget.None && context.Rule.Target != target)
            {
                context.Fail(DiagnosticCode.Conflict, "target names both ends");
            }

            context.Rule.Target = target;
        },
    };

    public static readonly Keyword NoAlert = new()
    {
        Name = "noalert",
        Argument = ArgumentRule.None,
        Help = "the rule acts without an alert",
        Apply = context => context.Rule.NoAlert = true,
    };

    public static readonly Keyword Alert = new()
    {
        Name = "alert",
        Argument = ArgumentRule.None,
        Help = "the rule alerts whatever its action",
        Apply = context =>
        {
            context.Rule.NoAlert = false;
            context.Rule.HasAlertKeyword = true;
        },
    };

    /// <summary>Suricata's version whose rule language this is; <c>requires: version</c> is judged by it.</summary>
    public static readonly Version LanguageVersion = new(8, 0, 8);

    public static readonly Keyword Requires = new()
    {
        Name = "requires",
        Argument = ArgumentRule.Required,
        Help = "feature NAME, keyword NAME, version >= N.N.N: the rule is left out where one is missing",
        Apply = ApplyRequires,
    };

    public static readonly Keyword Redirect = new()
    {
        Name = "redirect",
        TakesQuotes = true,
        Argument = ArgumentRule.Required,
        Help = "the target of a redirect rule, as the policy names it (BridgeGuard only)",
        Apply = context =>
        {
            if (context.Rule.Action != RuleAction.Redirect)
            {
                context.Fail(DiagnosticCode.Conflict, "redirect names a target but the rule's action is another", "the action redirect");
                return;
            }

            context.Rule.RedirectTarget = context.Argument.Trim('"');
        },
    };

    /// <summary>Rule files are read byte by byte; texts for people are UTF-8.</summary>
    public static string FromUtf8(string latin1)
    {
        return Ascii.IsValid(latin1) ? latin1 : Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(latin1));
    }

    private static void ApplyRequires(BindContext context)
    {
        foreach (string item in context.Argument.Split(',', StringSplitOptions.TrimEntries))
        {
            int blank = item.IndexOf(' ');
            string kind = blank < 0 ? item : item[..blank];
            string rest = blank < 0 ? "" : item[(blank + 1)..].Trim();
            switch (kind)
            {
                case "version" when rest.Length > 0:
                    if (!TryJudgeVersion(rest, out bool isMet))
                    {
                        context.FailArgument("version and conditions such as >= 8.0.0 < 9");
                        return;
                    }

                    context.Rule.IsSkipped |= !isMet;
                    break;
                case "keyword" when rest.Length > 0:
                    context.Rule.IsSkipped |= !context.Environment.IsKeyword(rest);
                    break;
                case "feature" when rest.Length > 0:
                    if (rest is not ("file_store" or "output::file-store" or "pcre_jit" or "ja3" or "ja4") || context.Environment.DisabledFeatures.Contains(rest))
                    {
                        context.Warn(DiagnosticCode.MissingRequirement, $"the rule is left out: missing a required feature: feature {rest}");
                        context.Rule.IsSkipped = true;
                    }

                    break;
                case "version":
                    context.FailArgument("version with conditions, feature or keyword with a name");
                    return;
                default:
                    // Things that only a newer language knows are not there.
                    context.Rule.IsSkipped = true;
                    break;
            }
        }
    }

    /// <summary>Conditions are joined by blanks (and) and bars (or).</summary>
    private static bool TryJudgeVersion(string text, out bool isMet)
    {
        isMet = false;
        foreach (string alternative in text.Split('|', StringSplitOptions.TrimEntries))
        {
            bool all = true;
            string rest = alternative.Replace(">=", " G ").Replace("<=", " L ").Replace("<", " < ").Replace(">", " > ").Replace(" G ", " >= ").Replace(" L ", " <= ");
            string[] words = rest.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0 || words.Length % 2 != 0)
            {
                return false;
            }

            for (int i = 0; i < words.Length; i += 2)
            {
                string number = words[i + 1].Split('-')[0];
                if (!Version.TryParse(number.Contains('.') ? number : number + ".0", out Version? version))
                {
                    return false;
                }

                version = new Version(version.Major, version.Minor, Math.Max(version.Build, 0));
                switch (words[i])
                {
                    case ">=":
                        all &= LanguageVersion >= version;
                        break;
                    case ">":
                        all &= LanguageVersion > version;
                        break;
                    case "<=":
                        all &= LanguageVersion <= version;
                        break;
                    case "<":
                        all &= LanguageVersion < version;
                        break;
                    default:
                        return false;
                }
            }

            isMet |= all;
        }

        return true;
    }

    private static string Unescape(ReadOnlySpan<char> text)
    {
        if (!text.Contains('\\'))
        {
            return text.ToString();
        }

        var result = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 1 < text.Length && text[i + 1] is '\\' or '"' or ';' or ':')
            {
                i++;
            }

            result.Append(text[i]);
        }

        return result.ToString();
    }

    private static Keyword Number(string name, string help, Action<RuleModel, uint> set) => new()
    {
        Name = name,
        Argument = ArgumentRule.Required,
        Help = help,
        Apply = context =>
        {
            // Of a revision with a point Suricata reads what stands before it.
            string text = name == "rev" ? context.Argument.Split('.')[0] : context.Argument;
            if (!uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint value) || (value == 0 && name != "gid"))
            {
                context.FailArgument("a number from 1 to 4294967295");
                return;
            }

            for (int i = 0; name != "gid" && i < context.OptionIndex; i++)
            {
                if (context.Rule.Syntax.Options[i].Name.Text == name)
                {
                    context.Fail(DiagnosticCode.Duplicate, $"{name} is given twice");
                    return;
                }
            }

            set(context.Rule, value);
        },
    };
}
