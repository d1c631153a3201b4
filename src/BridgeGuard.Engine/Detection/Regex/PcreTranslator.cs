using System.Globalization;
using System.Text;

namespace BridgeGuard.Engine.Detection.Regex;

/// <summary>Rewrites a Perl-compatible expression over bytes into one that .NET runs over Latin-1 characters with the same matches.</summary>
/// <remarks>
/// Options are resolved here and not passed on: letters that ignore case become classes of two, dots and anchors become what they
/// mean (the .NET options differ in details: Unicode letters, <c>^</c> behind a last line end). Groups get explicit
/// numbers because .NET would number named ones last. Possessive quantifiers become atomic groups. Refused as unsupported:
/// recursion, verbs, <c>\K</c>, <c>\X</c>, <c>\p</c>, branch resets, conditions other than a group's number or name. Control plane only.
/// </remarks>
internal sealed partial class PcreTranslator
{
    private const int MaxRepeat = 65535;
    private const int NoAtom = -1;
    private const string WordBoundary = "(?:(?<=[0-9A-Z_a-z])(?![0-9A-Z_a-z])|(?<![0-9A-Z_a-z])(?=[0-9A-Z_a-z]))";
    private const string NoWordBoundary = "(?:(?<=[0-9A-Z_a-z])(?=[0-9A-Z_a-z])|(?<![0-9A-Z_a-z])(?![0-9A-Z_a-z]))";

    private readonly byte[] _pattern;
    private readonly StringBuilder _output = new();
    private readonly Stack<(PcreOptions Options, int Start)> _open = new();
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private PcreOptions _options;
    private int _position;
    private int _atom = NoAtom;
    private int _groups;
    private RegexCompileError? _error;

    private PcreTranslator(ReadOnlySpan<byte> pattern, PcreOptions options)
    {
        _pattern = pattern.ToArray();
        _options = options;
    }

    /// <summary>Translates; the text is null when the expression is wrong or unsupported.</summary>
    public static (string? Text, int GroupCount, RegexCompileError? Error) Translate(ReadOnlySpan<byte> pattern, PcreOptions options)
    {
        var translator = new PcreTranslator(pattern, options);
        bool anchored = (options & PcreOptions.Anchored) != 0;
        translator._output.Append(anchored ? "\\G(?:" : "");
        translator.TranslateAll();
        if (translator._error is null && translator._open.Count > 0)
        {
            translator.Fail("missing closing parenthesis");
        }
        translator._output.Append(anchored ? ")" : "");
        return translator._error is null
            ? (translator._output.ToString(), translator._groups, null)
            : (null, 0, translator._error);
    }

    private bool AtEnd => _position >= _pattern.Length;

    private bool Has(PcreOptions option) => (_options & option) != 0;

    private void Fail(string message) => _error ??= new RegexCompileError(message, Math.Min(_position, _pattern.Length));

    private bool TryTake(string text)
    {
        if (!_pattern.AsSpan(_position).StartsWith(Encoding.Latin1.GetBytes(text)))
        {
            return false;
        }
        _position += text.Length;
        return true;
    }

    private void TranslateAll()
    {
        while (!AtEnd && _error is null)
        {
            byte c = _pattern[_position++];
            switch ((char)c)
            {
                case '\\':
                    TranslateEscape();
                    break;
                case '[':
                    BeginAtom();
                    TranslateClass();
                    break;
                case '(':
                    TranslateOpen();
                    break;
                case ')':
                    TranslateClose();
                    break;
                case '|':
                    _output.Append('|');
                    _atom = NoAtom;
                    break;
                case '.':
                    BeginAtom();
                    _output.Append(Has(PcreOptions.DotAll) ? "[\\x00-\\xff]" : "[^\\n]");
                    break;
                case '^':
                    AppendAssertion(Has(PcreOptions.Multiline) ? "(?:\\A|(?<=\\n)(?!\\z))" : "\\A");
                    break;
                case '$':
                    AppendAssertion(
                        Has(PcreOptions.Multiline) ? "(?=\\n|\\z)" : Has(PcreOptions.DollarEndOnly) ? "\\z" : "(?=\\n?\\z)");
                    break;
                case '*' or '+' or '?':
                    TranslateQuantifier(c == '+' ? 1 : 0, c == '?' ? 1 : -1);
                    break;
                case '{' when TryReadBraces(out int min, out int max):
                    TranslateQuantifier(min, max);
                    break;
                case ' ' or '\t' or '\n' or '\r' or '\v' or '\f' when Has(PcreOptions.Extended):
                    break;
                case '#' when Has(PcreOptions.Extended):
                    SkipLine();
                    break;
                default:
                    AppendLiteral(c);
                    break;
            }
        }
    }

    private void SkipLine()
    {
        int length = _pattern.AsSpan(_position).IndexOf((byte)'\n');
        _position = length < 0 ? _pattern.Length : _position + length + 1;
    }

    private void BeginAtom() => _atom = _output.Length;

    private void AppendAssertion(string text)
    {
        _output.Append(text);
        _atom = NoAtom;
    }

    private void AppendLiteral(int value)
    {
        BeginAtom();
        if (Has(PcreOptions.IgnoreCase) && char.IsAsciiLetter((char)value))
        {
            _output.Append('[').Append((char)(value & ~0x20)).Append((char)(value | 0x20)).Append(']');
        }
        else
        {
            ByteSet.AppendCharacter(_output, value);
        }
    }

    private void AppendSet(ByteSet set)
    {
        BeginAtom();
        set.AppendTo(_output);
    }

    private void AppendReference(int group)
    {
        BeginAtom();
        _output.Append(
            CultureInfo.InvariantCulture, $"{(Has(PcreOptions.IgnoreCase) ? "(?i:" : "(?:")}\\k<{group}>)");
    }

    /// <summary>The rest of "{n}", "{n,}" or "{n,m}"; anything else is a literal brace. No maximum is -1.</summary>
    private bool TryReadBraces(out int min, out int max)
    {
        int start = _position;
        max = -1;
        if (TryReadNumber(out min))
        {
            if (TryTake("}"))
            {
                max = min;
                return true;
            }
            if (TryTake(",") && (TryTake("}") || (TryReadNumber(out max) && TryTake("}"))))
            {
                return true;
            }
        }
        _position = start;
        return false;
    }

    private bool TryReadNumber(out int value)
    {
        value = 0;
        int start = _position;
        while (!AtEnd && char.IsAsciiDigit((char)_pattern[_position]) && value <= MaxRepeat)
        {
            value = (value * 10) + _pattern[_position++] - '0';
        }
        return _position > start;
    }

    private void TranslateQuantifier(int min, int max)
    {
        if (_atom == NoAtom)
        {
            Fail("quantifier does not follow a repeatable item");
            return;
        }
        if (min > MaxRepeat || max > MaxRepeat || (max >= 0 && max < min))
        {
            Fail("number too big or numbers out of order in {} quantifier");
            return;
        }
        bool possessive = TryTake("+");
        bool lazy = !possessive && (TryTake("?") ^ Has(PcreOptions.Ungreedy));
        _output.Insert(_atom, possessive ? "(?>(?:" : "(?:").Append(')');
        _output.Append(CultureInfo.InvariantCulture, $"{{{min},");
        _output.Append(max < 0 ? "" : max.ToString(CultureInfo.InvariantCulture)).Append('}');
        _output.Append(possessive ? ")" : lazy ? "?" : "");
        _atom = NoAtom;
    }

    private void TranslateClose()
    {
        if (_open.Count == 0)
        {
            Fail("unmatched closing parenthesis");
            return;
        }
        (_options, _atom) = _open.Pop();
        _output.Append(')');
    }
}
