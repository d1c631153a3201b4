using System.Globalization;

namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>The grammar of <see cref="IntegerRange"/>. Checked against Suricata 8.0.8 case by case (IntegerRangeTests).</summary>
internal ref struct IntegerRangeParser
{
    private const string Expected = "expected N, !N, <N, <=N, >N, >=N, A-B, !A-B, &MASK=N or &MASK!=N";

    private readonly ReadOnlySpan<char> _text;
    private readonly ulong _max;
    private readonly ReadOnlySpan<IntegerName> _names;
    private int _position;

    public IntegerRangeParser(ReadOnlySpan<char> text, ulong max, ReadOnlySpan<IntegerName> names)
    {
        _text = text.TrimEnd(' ');
        _max = max;
        _names = names;
    }

    public bool TryParse(out IntegerRange range, out ArgumentError error)
    {
        SkipBlanks();
        int start = _position;
        range = default;
        if (_position == _text.Length)
        {
            error = new ArgumentError(start, $"the number is missing; {Expected}");
            return false;
        }
        bool parsed = _text[_position] switch
        {
            '&' => TryMask(out range),
            '<' or '>' or '=' => TryComparison(out range),
            '!' => TryNegation(out range),
            _ => TryRange(IntegerComparison.Equal, IntegerComparison.Between, out range) || TryName(start, IntegerComparison.Equal, out range),
        };
        if (!parsed || _position != _text.Length)
        {
            error = new ArgumentError(
                Math.Min(_position, _text.Length), $"'{_text[start..]}' is not understood or beyond {_max}; {Expected}");
            return false;
        }
        if (!IsSensible(range))
        {
            error = new ArgumentError(start, $"'{_text[start..]}' holds for no value or for all from 0 to {_max}");
            return false;
        }
        error = default;
        return true;
    }

    private readonly bool IsSensible(IntegerRange range) => range.Comparison switch
    {
        IntegerComparison.Less or IntegerComparison.GreaterOrEqual => range.First != 0,
        IntegerComparison.Greater or IntegerComparison.LessOrEqual => range.First != _max,
        IntegerComparison.Between or IntegerComparison.NotBetween => range.First < range.Second && range.Second - range.First > 1,
        _ => true,
    };

    private bool TryMask(out IntegerRange range)
    {
        range = default;
        _position++;
        SkipBlanks();
        if (!TryNumber(out ulong mask))
        {
            return false;
        }
        SkipBlanks();
        bool negated = TryTake("!=");
        if (!negated && !TryTake("="))
        {
            return false;
        }
        SkipBlanks();
        if (!TryNumber(out ulong expected))
        {
            return false;
        }
        range = new IntegerRange(negated ? IntegerComparison.MaskNotEqual : IntegerComparison.MaskEqual, mask, expected);
        return true;
    }

    private bool TryComparison(out IntegerRange range)
    {
        IntegerComparison comparison =
            TryTake("<=") ? IntegerComparison.LessOrEqual
            : TryTake(">=") ? IntegerComparison.GreaterOrEqual
            : TryTake("<") ? IntegerComparison.Less
            : TryTake(">") ? IntegerComparison.Greater
            : IntegerComparison.Equal;
        if (comparison == IntegerComparison.Equal)
        {
            _position++; // The '='.
        }
        SkipBlanks();
        bool parsed = TryNumber(out ulong value);
        range = new IntegerRange(comparison, value, 0);
        return parsed;
    }

    private bool TryNegation(out IntegerRange range)
    {
        _position++;
        bool separated = TryTake("=") | SkipBlanks(); // "!=5" and "! 5" are fine, "!=5-10" and "! 5-10" are not.
        int start = _position;
        if (separated)
        {
            bool parsed = TryNumber(out ulong value);
            range = new IntegerRange(IntegerComparison.NotEqual, value, 0);
            return parsed;
        }
        return TryRange(IntegerComparison.NotEqual, IntegerComparison.NotBetween, out range)
            || TryName(start, IntegerComparison.NotEqual, out range);
    }

    /// <summary>A number, or two with a range sign between.</summary>
    private bool TryRange(IntegerComparison single, IntegerComparison pair, out IntegerRange range)
    {
        range = default;
        if (!TryNumber(out ulong first))
        {
            return false;
        }
        range = new IntegerRange(single, first, 0);
        int afterFirst = _position;
        SkipBlanks();
        if (!TryTake("-") && !TryTake("<>"))
        {
            _position = afterFirst;
            return true;
        }
        SkipBlanks();
        if (!TryNumber(out ulong second))
        {
            return false;
        }
        range = new IntegerRange(pair, first, second);
        return true;
    }

    private bool TryName(int start, IntegerComparison comparison, out IntegerRange range)
    {
        range = default;
        ReadOnlySpan<char> name = _text[Math.Min(start, _text.Length)..];
        if (_names.IsEmpty || !IntegerName.TryFind(_names, name, out ulong value))
        {
            return false;
        }
        _position = _text.Length;
        range = new IntegerRange(comparison, value, 0);
        return true;
    }

    private bool TryNumber(out ulong value)
    {
        ReadOnlySpan<char> rest = _text[_position..];
        bool hex = rest.StartsWith("0x");
        int length = hex ? 2 : 0;
        while (length < rest.Length && (hex ? char.IsAsciiHexDigit(rest[length]) : char.IsAsciiDigit(rest[length])))
        {
            length++;
        }
        ReadOnlySpan<char> digits = rest[(hex ? 2 : 0)..length];
        NumberStyles style = hex ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        if (!ulong.TryParse(digits, style, CultureInfo.InvariantCulture, out value))
        {
            return false;
        }
        _position += length;
        int shift = hex ? 0 : TakeUnit();
        if (value > _max >> shift)
        {
            return false;
        }
        value <<= shift;
        return true;
    }

    /// <summary>The power of two that the unit at the position stands for; 0 without one.</summary>
    private int TakeUnit()
    {
        ReadOnlySpan<char> rest = _text[_position..];
        int letters = 0;
        while (letters < rest.Length && char.IsAsciiLetter(rest[letters]))
        {
            letters++;
        }
        ReadOnlySpan<char> unit = rest[..letters];
        int shift =
            Is(unit, "kb") || Is(unit, "kib") ? 10
            : Is(unit, "mb") || Is(unit, "mib") ? 20
            : Is(unit, "gb") || Is(unit, "gib") ? 30
            : 0;
        _position += shift == 0 ? 0 : letters;
        return shift;
    }

    private static bool Is(ReadOnlySpan<char> text, string unit) => text.Equals(unit, StringComparison.OrdinalIgnoreCase);

    private bool TryTake(string token)
    {
        if (!_text[_position..].StartsWith(token))
        {
            return false;
        }
        _position += token.Length;
        return true;
    }

    private bool SkipBlanks()
    {
        int start = _position;
        while (_position < _text.Length && _text[_position] == ' ')
        {
            _position++;
        }
        return _position != start;
    }
}
