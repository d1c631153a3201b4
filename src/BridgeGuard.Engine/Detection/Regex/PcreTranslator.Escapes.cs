namespace BridgeGuard.Engine.Detection.Regex;

// Everything that begins with a backslash, and character classes.
internal sealed partial class PcreTranslator
{
    private const int NoCharacter = -1;

    private void TranslateEscape()
    {
        if (AtEnd)
        {
            Fail("\\ at end of pattern");
            return;
        }
        byte letter = _pattern[_position];
        if (ByteSet.OfEscape(letter) is { } set)
        {
            _position++;
            AppendSet(set);
            return;
        }
        if (letter is >= (byte)'1' and <= (byte)'9' && TryReference())
        {
            return;
        }
        int value = ReadCharacterEscape();
        if (value != NoCharacter)
        {
            AppendLiteral(value);
            return;
        }
        _position++;
        switch ((char)letter)
        {
            case 'b':
                AppendAssertion(WordBoundary);
                break;
            case 'B':
                AppendAssertion(NoWordBoundary);
                break;
            case 'A':
                AppendAssertion("\\A");
                break;
            case 'Z':
                AppendAssertion("(?=\\n?\\z)");
                break;
            case 'z':
                AppendAssertion("\\z");
                break;
            case 'G':
                AppendAssertion("\\G");
                break;
            case 'N':
                BeginAtom();
                _output.Append("[^\\n]");
                break;
            case 'C':
                BeginAtom();
                _output.Append("[\\x00-\\xff]");
                break;
            case 'R':
                BeginAtom();
                _output.Append("(?>\\r\\n|[\\n\\x0b\\x0c\\r\\x85])");
                break;
            case 'Q':
                TranslateQuoted();
                break;
            case 'E':
                break; // Without \Q it is ignored.
            case 'g':
                TranslateGroupReference();
                break;
            case 'k':
                AppendNamedReference(TryTake("{") ? '}' : TryTake("<") ? '>' : TryTake("'") ? '\'' : '\0');
                break;
            default:
                _position--;
                Fail($"unrecognized or unsupported character '{(char)letter}' follows \\");
                break;
        }
    }

    private void TranslateQuoted()
    {
        int length = _pattern.AsSpan(_position).IndexOf("\\E"u8);
        int end = length < 0 ? _pattern.Length : _position + length;
        while (_position < end)
        {
            AppendLiteral(_pattern[_position++]);
        }
        _position = Math.Min(_pattern.Length, length < 0 ? end : end + 2);
    }

    /// <summary>"\1" to "\9", and longer numbers when there are that many groups already; else it is octal.</summary>
    private bool TryReference()
    {
        int start = _position;
        _ = TryReadNumber(out int group);
        if (group < 10 || group <= _groups)
        {
            AppendReference(group);
            return true;
        }
        _position = start;
        return false;
    }

    /// <summary>Behind "\g": n, {n}, {-n}, {name}.</summary>
    private void TranslateGroupReference()
    {
        bool braces = TryTake("{");
        bool backwards = TryTake("-");
        int number = 0;
        if (!AtEnd && char.IsAsciiDigit((char)_pattern[_position]) && TryReadNumber(out number) && (!braces || TryTake("}")))
        {
            int group = backwards ? _groups - number + 1 : number;
            if (group < 1)
            {
                Fail("reference to non-existent subpattern");
                return;
            }
            AppendReference(group);
        }
        else if (braces && !backwards)
        {
            AppendNamedReference('}');
        }
        else
        {
            Fail("this use of \\g is not supported without libpcre2");
        }
    }

    /// <summary>The byte that the escape at the position stands for, which is then consumed; or <see cref="NoCharacter"/>.</summary>
    private int ReadCharacterEscape()
    {
        int start = _position;
        char letter = (char)_pattern[_position++];
        switch (letter)
        {
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'f':
                return '\f';
            case 'e':
                return 0x1B;
            case 'a':
                return 7;
            case 'x':
                return ReadHex();
            case 'o' when TryTake("{"):
                return ReadOctal(3, braces: true);
            case >= '0' and <= '7':
                _position--;
                return ReadOctal(3, braces: false);
            case 'c' when !AtEnd && _pattern[_position] is >= 0x20 and < 0x7F:
                return char.ToUpperInvariant((char)_pattern[_position++]) ^ 0x40;
            default:
                if (!char.IsAsciiLetterOrDigit(letter))
                {
                    return letter;
                }
                _position = start;
                return NoCharacter;
        }
    }

    private int ReadHex()
    {
        bool braces = TryTake("{");
        int value = 0;
        int digits = 0;
        while (!AtEnd && (braces || digits < 2) && char.IsAsciiHexDigit((char)_pattern[_position]) && value < 0x100)
        {
            value = (value * 16) + Convert.ToInt32(((char)_pattern[_position++]).ToString(), 16);
            digits++;
        }
        if (value > 0xFF || (braces && (digits == 0 || !TryTake("}"))))
        {
            Fail("character code point value in \\x{} is too large or malformed");
            return 0;
        }
        return value;
    }

    private int ReadOctal(int maxDigits, bool braces)
    {
        int value = 0;
        for (int digits = 0; digits < maxDigits && !AtEnd && _pattern[_position] is >= (byte)'0' and <= (byte)'7'; digits++)
        {
            value = (value * 8) + _pattern[_position++] - '0';
        }
        if (value > 0xFF || (braces && !TryTake("}")))
        {
            Fail("octal value is greater than \\377 or malformed");
            return 0;
        }
        return value;
    }

    /// <summary>Behind "[".</summary>
    private void TranslateClass()
    {
        bool negated = TryTake("^");
        ByteSet set = default;
        bool first = true;
        while (_error is null)
        {
            if (AtEnd)
            {
                _position = _pattern.Length;
                Fail("missing terminating ] for character class");
                return;
            }
            if (_pattern[_position] == ']' && !first)
            {
                _position++;
                break;
            }
            first = false;
            ReadClassItem(ref set);
        }
        if (Has(PcreOptions.IgnoreCase))
        {
            set.FoldCase();
        }
        if (negated)
        {
            set.Invert();
        }
        set.AppendTo(_output);
    }

    private void ReadClassItem(ref ByteSet set)
    {
        if (TryTake("\\E"))
        {
            return;
        }
        if (TryTake("\\Q"))
        {
            int length = _pattern.AsSpan(_position).IndexOf("\\E"u8);
            int end = length < 0 ? _pattern.Length : _position + length;
            while (_position < end)
            {
                set.Add(_pattern[_position++]);
            }
            _position = Math.Min(_pattern.Length, end + 2);
            return;
        }
        if (TryReadPosix(ref set))
        {
            return;
        }
        int low = ReadClassCharacter(ref set);
        if (low == NoCharacter || _position + 1 >= _pattern.Length || _pattern[_position] != '-' || _pattern[_position + 1] == ']')
        {
            return; // A set, or a single character; a hyphen behind it is a literal.
        }
        _position++;
        ByteSet escape = default;
        int high = ReadClassCharacter(ref escape);
        if (high == NoCharacter)
        {
            Fail("invalid range in character class");
        }
        else if (high < low)
        {
            Fail("range out of order in character class");
        }
        else if (_error is null)
        {
            set.AddRange(low, high);
        }
    }

    /// <summary>A character, which is added and returned, or an escape for a set, which is added.</summary>
    private int ReadClassCharacter(ref ByteSet set)
    {
        byte c = _pattern[_position++];
        if (c != '\\')
        {
            set.Add(c);
            return c;
        }
        if (AtEnd)
        {
            Fail("\\ at end of pattern");
            return NoCharacter;
        }
        if (ByteSet.OfEscape(_pattern[_position]) is { } named)
        {
            _position++;
            set.Add(named);
            return NoCharacter;
        }
        if (TryTake("b"))
        {
            set.Add(8);
            return 8;
        }
        int value = ReadCharacterEscape();
        if (value == NoCharacter)
        {
            Fail("unrecognized character follows \\ in a class");
            return NoCharacter;
        }
        set.Add(value);
        return value;
    }

    /// <summary>"[:alpha:]" and "[:^alpha:]" inside a class.</summary>
    private bool TryReadPosix(ref ByteSet set)
    {
        ReadOnlySpan<byte> rest = _pattern.AsSpan(_position);
        int length = rest.StartsWith("[:"u8) ? rest.IndexOf(":]"u8) : -1;
        if (length < 0)
        {
            return false;
        }
        ReadOnlySpan<byte> name = rest[2..length];
        bool negated = name.StartsWith("^"u8);
        name = negated ? name[1..] : name;
        foreach (byte c in name)
        {
            if (!char.IsAsciiLetter((char)c))
            {
                return false;
            }
        }
        if (ByteSet.OfPosix(name) is not { } named)
        {
            Fail("unknown POSIX class name");
            return true;
        }
        if (Has(PcreOptions.IgnoreCase) && (name.SequenceEqual("upper"u8) || name.SequenceEqual("lower"u8)))
        {
            named.FoldCase(); // Before it is turned round.
        }
        if (negated)
        {
            named.Invert();
        }
        set.Add(named);
        _position += length + 2;
        return true;
    }
}
