using System.Text;

namespace BridgeGuard.Engine.Tests.Detection.Regex;

/// <summary>Texts that have a chance to match an expression: its own characters, classes replaced by a member, quantifiers played out.</summary>
internal static class RegexTextGenerator
{
    /// <summary>Even kinds follow the expression closely, odd ones are damaged or mixed with noise.</summary>
    public static byte[] Generate(Random random, string expression, int kind)
    {
        var text = new StringBuilder();
        if (kind % 3 == 2)
        {
            text.Append("GET /a.php?x=1 HTTP/1.1\r\nHost: example.com\r\n\r\n"[..random.Next(20)]);
        }
        int position = 0;
        AppendSequence(random, expression, ref position, text, depth: 0);
        if (kind % 2 == 1 && text.Length > 0)
        {
            for (int i = 0; i <= kind / 4; i++)
            {
                text[random.Next(text.Length)] = (char)random.Next(256);
            }
        }
        if (kind % 4 == 3)
        {
            text.Append("\r\n").Append((char)random.Next(256)).Append('\n');
        }
        return Encoding.Latin1.GetBytes(text.ToString());
    }

    private static void AppendSequence(Random random, string expression, ref int position, StringBuilder text, int depth)
    {
        var branch = new StringBuilder();
        bool keep = true;
        while (position < expression.Length)
        {
            char c = expression[position++];
            var atom = new StringBuilder();
            switch (c)
            {
                case ')' when depth > 0:
                    position--;
                    text.Append(keep ? branch : null);
                    return;
                case '|':
                    if (keep && random.Next(2) == 0)
                    {
                        text.Append(branch);
                        branch.Clear();
                        keep = false; // The other branches are read and thrown away.
                    }
                    else if (keep)
                    {
                        branch.Clear();
                    }
                    continue;
                case '(':
                    if (position < expression.Length && expression[position] == '?')
                    {
                        while (position < expression.Length && expression[position] is not (':' or '=' or '!' or '>' or ')'))
                        {
                            position++;
                        }
                        position += position < expression.Length && expression[position] != ')' ? 1 : 0;
                    }
                    AppendSequence(random, expression, ref position, atom, depth + 1);
                    position++;
                    break;
                case '[':
                    atom.Append(FromClass(random, expression, ref position));
                    break;
                case '\\' when position < expression.Length:
                    atom.Append(FromEscape(random, expression, ref position));
                    break;
                case '.':
                    atom.Append((char)random.Next(32, 127));
                    break;
                case '^' or '$':
                    break;
                default:
                    atom.Append(random.Next(8) == 0 && char.IsAsciiLetter(c) ? (char)(c ^ 0x20) : c);
                    break;
            }
            int count = Repetitions(random, expression, ref position);
            for (int i = 0; i < count && branch.Length < 400; i++)
            {
                branch.Append(atom);
            }
        }
        text.Append(keep ? branch : null);
    }

    private static int Repetitions(Random random, string expression, ref int position)
    {
        if (position >= expression.Length)
        {
            return 1;
        }
        int count = 1;
        switch (expression[position])
        {
            case '*':
                count = random.Next(4);
                break;
            case '+':
                count = random.Next(1, 4);
                break;
            case '?':
                count = random.Next(2);
                break;
            case '{':
                int end = expression.IndexOf('}', position);
                string[] parts = end < 0 ? [] : expression[(position + 1)..end].Split(',');
                if (parts.Length == 0 || !int.TryParse(parts[0], out count))
                {
                    return 1;
                }
                int most = parts.Length == 1 ? count : int.TryParse(parts[1], out int max) ? max : count + 3;
                count = random.Next(count, Math.Min(count + 5, Math.Max(count, most)) + 1);
                position = end;
                break;
            default:
                return 1;
        }
        position++;
        if (position < expression.Length && expression[position] is '?' or '+')
        {
            position++;
        }
        return Math.Min(count, 60);
    }

    private static char FromClass(Random random, string expression, ref int position)
    {
        var members = new List<char>();
        bool negated = position < expression.Length && expression[position] == '^';
        position += negated ? 1 : 0;
        bool first = true;
        while (position < expression.Length && (expression[position] != ']' || first))
        {
            first = false;
            char c = expression[position++];
            char member = c == '\\' && position < expression.Length ? FromEscape(random, expression, ref position) : c;
            if (position + 1 < expression.Length && expression[position] == '-' && expression[position + 1] is not ']' and not '\\')
            {
                member = (char)random.Next(member, Math.Max(member, expression[position + 1]) + 1);
                position += 2;
            }
            members.Add(member);
        }
        position++;
        char picked = members.Count == 0 ? 'x' : members[random.Next(members.Count)];
        return !negated ? picked : random.Next(4) == 0 ? picked : "abcXYZ019 /\n"[random.Next(12)];
    }

    private static char FromEscape(Random random, string expression, ref int position)
    {
        char letter = expression[position++];
        switch (letter)
        {
            case 'd':
                return (char)random.Next('0', '9' + 1);
            case 'w':
                return "abzAZ09_"[random.Next(8)];
            case 's':
                return " \t\r\n"[random.Next(4)];
            case 'S' or 'D' or 'W':
                return "a-\u00e9/"[random.Next(4)];
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'x' when position + 2 <= expression.Length
                && int.TryParse(expression.AsSpan(position, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out int value):
                position += 2;
                return (char)value;
            default:
                return letter;
        }
    }
}
