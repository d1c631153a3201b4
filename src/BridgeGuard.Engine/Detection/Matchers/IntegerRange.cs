using System.Globalization;

namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>How an <see cref="IntegerRange"/> compares.</summary>
public enum IntegerComparison : byte
{
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,

    /// <summary>Strictly between both bounds: Suricata's ranges leave the bounds out.</summary>
    Between,

    /// <summary>At or outside the bounds.</summary>
    NotBetween,

    /// <summary><c>(value &amp; mask) == expected</c>.</summary>
    MaskEqual,

    /// <summary><c>(value &amp; mask) != expected</c>.</summary>
    MaskNotEqual,
}

/// <summary>The argument of an integer keyword (<c>ttl</c>, <c>dsize</c>, <c>bsize</c>, <c>filesize</c> and many more).</summary>
/// <remarks>
/// Forms: <c>N</c>, <c>=N</c>, <c>!N</c>, <c>!=N</c>, <c>&lt;N</c>, <c>&lt;=N</c>, <c>&gt;N</c>, <c>&gt;=N</c>, <c>A-B</c> and
/// <c>A&lt;&gt;B</c> (bounds excluded), <c>!A-B</c>, <c>&amp;MASK=N</c>, <c>&amp;MASK!=N</c>. Numbers are decimal, or hexadecimal
/// with 0x, or decimal with a unit: kb, kib, mb, mib, gb, gib in any case, all powers of 1024. Like Suricata 8, conditions that
/// can never or always hold at the type's limits are refused (<c>&lt;0</c>, <c>&gt;=0</c>, <c>&gt;255</c> for a byte).
/// </remarks>
/// <param name="Comparison">What to do with the operands.</param>
/// <param name="First">The number, lower bound, or mask.</param>
/// <param name="Second">The upper bound or the expected masked value; else 0.</param>
public readonly record struct IntegerRange(IntegerComparison Comparison, ulong First, ulong Second)
{
    /// <summary>The largest values of the unsigned types that keywords have.</summary>
    public const ulong MaxU8 = byte.MaxValue, MaxU16 = ushort.MaxValue, MaxU32 = uint.MaxValue, MaxU64 = ulong.MaxValue;

    /// <summary>Whether the value satisfies the condition.</summary>
    public bool Matches(ulong value) => Comparison switch
    {
        IntegerComparison.Equal => value == First,
        IntegerComparison.NotEqual => value != First,
        IntegerComparison.Less => value < First,
        IntegerComparison.LessOrEqual => value <= First,
        IntegerComparison.Greater => value > First,
        IntegerComparison.GreaterOrEqual => value >= First,
        IntegerComparison.Between => value > First && value < Second,
        IntegerComparison.NotBetween => value <= First || value >= Second,
        IntegerComparison.MaskEqual => (value & First) == Second,
        _ => (value & First) != Second,
    };

    /// <summary>Parses the argument of an integer keyword.</summary>
    /// <param name="text">The argument; blanks around it are ignored.</param>
    /// <param name="max">The largest value of the keyword's type, such as <see cref="MaxU16"/>.</param>
    /// <param name="range">Set when true is returned.</param>
    /// <param name="error">Set when false is returned.</param>
    public static bool TryParse(ReadOnlySpan<char> text, ulong max, out IntegerRange range, out ArgumentError error) =>
        new IntegerRangeParser(text, max, default).TryParse(out range, out error);

    /// <summary>Parses the argument of a keyword whose values have names: also <c>name</c> and <c>!name</c>, in any case.</summary>
    /// <param name="text">The argument.</param>
    /// <param name="max">The largest value of the keyword's type.</param>
    /// <param name="names">The enumeration.</param>
    /// <param name="range">Set when true is returned.</param>
    /// <param name="error">Set when false is returned.</param>
    public static bool TryParse(
        ReadOnlySpan<char> text, ulong max, ReadOnlySpan<IntegerName> names, out IntegerRange range, out ArgumentError error) =>
        new IntegerRangeParser(text, max, names).TryParse(out range, out error);

    /// <summary>
    /// Parses the argument of a keyword whose bits have names: <c>fin,!comp</c> wants some set and some clear, by their names in small letters; else as
    /// <see cref="TryParse(ReadOnlySpan{char}, ulong, out IntegerRange, out ArgumentError)"/>.
    /// </summary>
    public static bool TryParseFlags(
        ReadOnlySpan<char> text, ulong max, ReadOnlySpan<IntegerName> bits, out IntegerRange range, out ArgumentError error)
    {
        if (TryParse(text, max, out range, out error))
        {
            return true;
        }
        ulong mask = 0;
        ulong expected = 0;
        var reader = new ArgumentReader(text);
        while (reader.TryRead(out ReadOnlySpan<char> item))
        {
            bool clear = item.StartsWith("!");
            if (!IntegerName.TryFind(bits, clear ? item[1..] : item, out ulong bit, StringComparison.Ordinal) || (mask & bit) != 0)
            {
                error = new ArgumentError(reader.Offset, $"'{item}' is no flag of this keyword, or is given twice");
                return false;
            }
            mask |= bit;
            expected |= clear ? 0 : bit;
        }
        range = new IntegerRange(IntegerComparison.MaskEqual, mask, expected);
        error = default;
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Comparison switch
    {
        IntegerComparison.Equal => Text(First),
        IntegerComparison.NotEqual => "!" + Text(First),
        IntegerComparison.Less => "<" + Text(First),
        IntegerComparison.LessOrEqual => "<=" + Text(First),
        IntegerComparison.Greater => ">" + Text(First),
        IntegerComparison.GreaterOrEqual => ">=" + Text(First),
        IntegerComparison.Between => $"{Text(First)}-{Text(Second)}",
        IntegerComparison.NotBetween => $"!{Text(First)}-{Text(Second)}",
        IntegerComparison.MaskEqual => $"&0x{First:x}=0x{Second:x}",
        _ => $"&0x{First:x}!=0x{Second:x}",
    };

    private static string Text(ulong value) => value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A name for a value or a bit of an integer keyword.</summary>
public readonly record struct IntegerName(string Name, ulong Value)
{
    internal static bool TryFind(ReadOnlySpan<IntegerName> names, ReadOnlySpan<char> name, out ulong value, StringComparison comparison = StringComparison.OrdinalIgnoreCase)
    {
        foreach (IntegerName candidate in names)
        {
            if (name.Equals(candidate.Name, comparison))
            {
                value = candidate.Value;
                return true;
            }
        }
        value = 0;
        return false;
    }
}
