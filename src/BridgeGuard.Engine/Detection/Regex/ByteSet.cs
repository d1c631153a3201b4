using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace BridgeGuard.Engine.Detection.Regex;

/// <summary>A set of byte values, as a character class is one.</summary>
internal struct ByteSet
{
    private Words _words;

    /// <summary>The bytes that a class escape stands for, as PCRE without UTF has them; null for another letter.</summary>
    public static ByteSet? OfEscape(byte letter)
    {
        ByteSet set = default;
        switch (letter | 0x20)
        {
            case 'd':
                set.AddRange('0', '9');
                break;
            case 'w':
                set.AddRange('0', '9');
                set.AddRange('A', 'Z');
                set.AddRange('a', 'z');
                set.Add('_');
                break;
            case 's':
                set.AddRange(9, 13);
                set.Add(' ');
                break;
            case 'h':
                set.Add(9);
                set.Add(' ');
                set.Add(0xA0);
                break;
            case 'v':
                set.AddRange(10, 13);
                set.Add(0x85);
                break;
            default:
                return null;
        }
        if (letter < 'a')
        {
            set.Invert();
        }
        return set;
    }

    /// <summary>The bytes of a POSIX class such as "alpha"; null for an unknown name.</summary>
    public static ByteSet? OfPosix(ReadOnlySpan<byte> name)
    {
        ByteSet set = default;
        for (int value = 0; value < 128; value++)
        {
            char c = (char)value;
            bool? inside = Encoding.Latin1.GetString(name) switch
            {
                "alpha" => char.IsAsciiLetter(c),
                "digit" => char.IsAsciiDigit(c),
                "alnum" => char.IsAsciiLetterOrDigit(c),
                "upper" => char.IsAsciiLetterUpper(c),
                "lower" => char.IsAsciiLetterLower(c),
                "space" => c is ' ' or (>= '\t' and <= '\r'),
                "blank" => c is ' ' or '\t',
                "cntrl" => c is < ' ' or '\x7f',
                "graph" => c is > ' ' and < '\x7f',
                "print" => c is >= ' ' and < '\x7f',
                "punct" => c is > ' ' and < '\x7f' && !char.IsAsciiLetterOrDigit(c),
                "xdigit" => char.IsAsciiHexDigit(c),
                "word" => char.IsAsciiLetterOrDigit(c) || c == '_',
                "ascii" => true,
                _ => null,
            };
            if (inside is null)
            {
                return null;
            }
            if (inside.Value)
            {
                set.Add(value);
            }
        }
        return set;
    }

    public readonly bool Contains(int value) => (_words[value >> 6] & (1UL << (value & 63))) != 0;

    public void Add(int value) => _words[value >> 6] |= 1UL << (value & 63);

    public void AddRange(int first, int last)
    {
        for (int value = first; value <= last; value++)
        {
            Add(value);
        }
    }

    public void Add(in ByteSet other)
    {
        for (int i = 0; i < 4; i++)
        {
            _words[i] |= other._words[i];
        }
    }

    public void Invert()
    {
        for (int i = 0; i < 4; i++)
        {
            _words[i] = ~_words[i];
        }
    }

    /// <summary>Adds the other case of each ASCII letter.</summary>
    public void FoldCase()
    {
        for (int letter = 'a'; letter <= 'z'; letter++)
        {
            if (Contains(letter) || Contains(letter ^ 0x20))
            {
                Add(letter);
                Add(letter ^ 0x20);
            }
        }
    }

    /// <summary>Appends the set as a .NET character class of escaped characters.</summary>
    public readonly void AppendTo(StringBuilder output)
    {
        output.Append('[');
        int start = output.Length;
        for (int value = 0; value < 256; value++)
        {
            if (!Contains(value))
            {
                continue;
            }
            int last = value;
            while (last < 255 && Contains(last + 1))
            {
                last++;
            }
            AppendCharacter(output, value);
            if (last > value)
            {
                output.Append('-');
                AppendCharacter(output, last);
            }
            value = last;
        }
        if (output.Length == start)
        {
            output.Length = start - 1;
            output.Append("(?!)"); // The empty set matches nothing.
            return;
        }
        output.Append(']');
    }

    /// <summary>A character that has no meaning of its own, wherever it stands.</summary>
    public static void AppendCharacter(StringBuilder output, int value)
    {
        if (char.IsAsciiLetterOrDigit((char)value))
        {
            output.Append((char)value);
        }
        else
        {
            output.Append(CultureInfo.InvariantCulture, $"\\x{value:x2}");
        }
    }

    [InlineArray(4)]
    private struct Words
    {
        private ulong _first;
    }
}
