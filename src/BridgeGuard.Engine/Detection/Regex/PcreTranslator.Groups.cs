using System.Globalization;
using System.Text;

namespace BridgeGuard.Engine.Detection.Regex;

// Everything that begins with "(".
internal sealed partial class PcreTranslator
{
    private void TranslateOpen()
    {
        if (!TryTake("?"))
        {
            if (!AtEnd && _pattern[_position] == '*')
            {
                Fail("verbs are not supported without libpcre2");
                return;
            }
            OpenCapture(null);
            return;
        }
        if (TryTake("#"))
        {
            int length = _pattern.AsSpan(_position).IndexOf((byte)')');
            if (length < 0)
            {
                Fail("missing ) after (?# comment");
                return;
            }
            _position += length + 1;
            return;
        }
        foreach (string plain in (ReadOnlySpan<string>)[":", "=", "!", "<=", "<!", ">"])
        {
            if (TryTake(plain))
            {
                Open("(?" + plain);
                return;
            }
        }
        if (TryTake("P<") || TryTake("<"))
        {
            OpenNamed('>');
        }
        else if (TryTake("'"))
        {
            OpenNamed('\'');
        }
        else if (TryTake("P="))
        {
            AppendNamedReference(')');
        }
        else if (TryTake("("))
        {
            TranslateCondition();
        }
        else
        {
            TranslateOptions();
        }
    }

    private void Open(string text)
    {
        _open.Push((_options, _output.Length));
        _output.Append(text);
        _atom = NoAtom;
    }

    private void OpenCapture(string? name)
    {
        _groups++;
        if (name is not null && !_names.TryAdd(name, _groups))
        {
            Fail("two named subpatterns have the same name");
            return;
        }
        Open(string.Create(CultureInfo.InvariantCulture, $"(?<{_groups}>"));
    }

    private void OpenNamed(char end)
    {
        if (TryReadName(end, out string name))
        {
            OpenCapture(name);
        }
    }

    private bool TryReadName(char end, out string name)
    {
        int length = _pattern.AsSpan(_position).IndexOf((byte)end);
        name = length <= 0 ? "" : Encoding.Latin1.GetString(_pattern, _position, length);
        foreach (char c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c != '_')
            {
                name = "";
                break;
            }
        }
        if (name.Length == 0 || char.IsAsciiDigit(name[0]))
        {
            Fail("subpattern name expected");
            return false;
        }
        _position += length + 1;
        return true;
    }

    private void AppendNamedReference(char end)
    {
        if (!TryReadName(end, out string name))
        {
            return;
        }
        if (_names.TryGetValue(name, out int group))
        {
            AppendReference(group);
        }
        else
        {
            Fail("reference to non-existent subpattern");
        }
    }

    /// <summary>Behind "(?(": only a number or a known name.</summary>
    private void TranslateCondition()
    {
        int group;
        if (TryReadNumber(out int number) && TryTake(")"))
        {
            group = number;
        }
        else
        {
            char end = TryTake("<") ? '>' : TryTake("'") ? '\'' : ')';
            if (!TryReadName(end, out string name) || (end != ')' && !TryTake(")")) || !_names.TryGetValue(name, out group))
            {
                Fail("this condition is not supported without libpcre2");
                return;
            }
        }
        Open(string.Create(CultureInfo.InvariantCulture, $"(?({group})"));
    }

    /// <summary>Behind "(?": option letters up to ")" or ":".</summary>
    private void TranslateOptions()
    {
        PcreOptions changed = _options;
        bool on = true;
        if (TryTake("^"))
        {
            changed &= ~(PcreOptions.IgnoreCase | PcreOptions.Multiline | PcreOptions.DotAll | PcreOptions.Extended);
        }
        while (!AtEnd)
        {
            char letter = (char)_pattern[_position++];
            PcreOptions option = letter switch
            {
                'i' => PcreOptions.IgnoreCase,
                'm' => PcreOptions.Multiline,
                's' => PcreOptions.DotAll,
                'x' => PcreOptions.Extended,
                'U' => PcreOptions.Ungreedy,
                _ => PcreOptions.None,
            };
            if (option != PcreOptions.None)
            {
                changed = on ? changed | option : changed & ~option;
            }
            else if (letter == '-' && on)
            {
                on = false;
            }
            else if (letter == ')')
            {
                _options = changed; // Until the group around it ends.
                _atom = NoAtom;
                return;
            }
            else if (letter == ':')
            {
                Open("(?:");
                _options = changed;
                return;
            }
            else
            {
                _position--;
                break;
            }
        }
        Fail("this kind of group is unknown or not supported without libpcre2");
    }
}
