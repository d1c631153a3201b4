using System.Globalization;

namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary><c>entropy:[bytes N,][offset N,] value [OPERATOR] N</c>: Shannon entropy of part of a buffer, in bits per byte.</summary>
public readonly record struct Entropy
{
    /// <summary>Bytes to measure; 0 or less for all behind the offset. A buffer with fewer does not match.</summary>
    public int Bytes { get; init; }

    /// <summary>Where to begin; negative counts as 0. Behind the buffer's end there is no match; at its end the entropy is 0.</summary>
    public int Offset { get; init; }

    /// <summary>Never a mask.</summary>
    public IntegerComparison Comparison { get; init; }

    public double First { get; init; }

    /// <summary>The upper bound of a range; both bounds are left out.</summary>
    public double Second { get; init; }

    /// <summary>Evaluates the keyword. The value is put out whenever it could be measured.</summary>
    public bool Matches(ReadOnlySpan<byte> buffer, out double value)
    {
        value = 0;
        int start = Math.Max(0, Offset);
        if (start > buffer.Length || Bytes > buffer.Length - start)
        {
            return false;
        }
        value = Measure(Bytes > 0 ? buffer.Slice(start, Bytes) : buffer[start..]);
        return Comparison switch
        {
            IntegerComparison.Equal => value == First,
            IntegerComparison.NotEqual => value != First,
            IntegerComparison.Less => value < First,
            IntegerComparison.LessOrEqual => value <= First,
            IntegerComparison.Greater => value > First,
            IntegerComparison.GreaterOrEqual => value >= First,
            IntegerComparison.Between => value > First && value < Second,
            _ => value <= First || value >= Second,
        };
    }

    /// <summary>0 for no bytes or one value only, 8 for all values equally often.</summary>
    public static double Measure(ReadOnlySpan<byte> bytes)
    {
        Span<int> counts = stackalloc int[128]; // Two passes of half the values each keep the stack small.
        double sum = 0;
        for (int half = 0; half < 256; half += 128)
        {
            counts.Clear();
            foreach (byte value in bytes)
            {
                int index = value - half;
                if ((uint)index < 128)
                {
                    counts[index]++;
                }
            }
            foreach (int count in counts)
            {
                if (count != 0)
                {
                    double share = (double)count / bytes.Length;
                    sum -= share * Math.Log2(share);
                }
            }
        }
        return sum;
    }

    /// <summary>Parses the keyword's argument.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Entropy keyword, out ArgumentError error)
    {
        keyword = default;
        error = default;
        bool hasBytes = false;
        bool hasOffset = false;
        bool hasValue = false;
        var reader = new ArgumentReader(text);
        while (reader.TryRead(out ReadOnlySpan<char> item))
        {
            if (item.IsEmpty && reader.Offset >= text.TrimEnd(' ').Length && hasValue)
            {
                break; // A comma at the end is fine.
            }
            ArgumentReader.Split(item, out ReadOnlySpan<char> name, out ReadOnlySpan<char> argument);
            bool taken = name switch
            {
                "bytes" => !hasBytes && (hasBytes = TryInteger(argument, out int bytes)) && Take(ref keyword, keyword with { Bytes = bytes }),
                "offset" => !hasOffset && (hasOffset = TryInteger(argument, out int offset)) && offset <= ushort.MaxValue && Take(ref keyword, keyword with { Offset = offset }),
                "value" => !hasValue && (hasValue = TryCondition(argument, ref keyword)),
                _ => false,
            };
            if (!taken)
            {
                error = new ArgumentError(
                    reader.Offset, $"'{item}' is unknown, out of range or given twice; expected bytes N, offset N or value with a condition such as >= 7.5");
                return false;
            }
        }
        if (!hasValue)
        {
            error = new ArgumentError(text.Length, "value is missing");
        }
        return hasValue;
    }

    private static bool Take(ref Entropy keyword, Entropy changed)
    {
        keyword = changed;
        return true;
    }

    private static bool TryInteger(ReadOnlySpan<char> text, out int value)
    {
        bool valid = ArgumentNumber.TryParseDecimal(text, int.MinValue, int.MaxValue, out long wide);
        value = (int)wide;
        return valid;
    }

    private static bool TryCondition(ReadOnlySpan<char> text, ref Entropy keyword)
    {
        (string Sign, IntegerComparison Comparison)[] signs =
        [
            (">=", IntegerComparison.GreaterOrEqual), ("<=", IntegerComparison.LessOrEqual), ("!=", IntegerComparison.NotEqual),
            (">", IntegerComparison.Greater), ("<", IntegerComparison.Less), ("=", IntegerComparison.Equal),
        ];
        foreach ((string sign, IntegerComparison comparison) in signs)
        {
            if (text.StartsWith(sign))
            {
                return TryNumber(text[sign.Length..].TrimStart(' '), out double bound)
                    && Take(ref keyword, keyword with { Comparison = comparison, First = bound });
            }
        }
        bool negated = text.StartsWith("!");
        text = negated ? text[1..] : text;
        if (!negated && TryNumber(text, out double single))
        {
            keyword = keyword with { Comparison = IntegerComparison.Equal, First = single };
            return true;
        }
        int separator = text.IndexOf("<>");
        int width = 2;
        if (separator < 0)
        {
            // A minus can also be a sign, at the start or behind an exponent.
            width = 1;
            separator = 1;
            while (separator < text.Length && (text[separator] != '-' || (text[separator - 1] | 0x20) == 'e'))
            {
                separator++;
            }
        }
        if (separator >= text.Length
            || !TryNumber(text[..separator].TrimEnd(' '), out double low)
            || !TryNumber(text[(separator + width)..].TrimStart(' '), out double high)
            || low >= high)
        {
            return false;
        }
        keyword = keyword with { Comparison = negated ? IntegerComparison.NotBetween : IntegerComparison.Between, First = low, Second = high };
        return true;
    }

    private static bool TryNumber(ReadOnlySpan<char> text, out double value)
    {
        if (text.Equals("inf", StringComparison.OrdinalIgnoreCase))
        {
            value = double.PositiveInfinity;
            return true;
        }
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        value = 0;
        return !text.IsEmpty && text[^1] != '.' && double.TryParse(text, Style, CultureInfo.InvariantCulture, out value);
    }
}
