using System.Globalization;

namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>Numbers as keyword arguments write them.</summary>
internal static class ArgumentNumber
{
    /// <summary>A number as C writes it: decimal, 0x hexadecimal or 0 octal, with an optional sign; false when it is none.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Int128 value)
    {
        value = 0;
        bool negative = text.StartsWith("-");
        ReadOnlySpan<char> digits = negative || text.StartsWith("+") ? text[1..] : text;
        if (digits.IsEmpty || digits.Length > 24)
        {
            return false;
        }
        ulong magnitude;
        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            if (!ulong.TryParse(digits[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out magnitude))
            {
                return false;
            }
        }
        else if (digits[0] == '0' && digits.Length > 1)
        {
            if (!TryParseOctal(digits, out magnitude))
            {
                return false;
            }
        }
        else if (!ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out magnitude))
        {
            return false;
        }
        value = negative ? -(Int128)magnitude : magnitude;
        return true;
    }

    /// <summary>A number in a range.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, long min, long max, out long value)
    {
        bool valid = TryParse(text, out Int128 wide) && wide >= min && wide <= max;
        value = valid ? (long)wide : 0;
        return valid;
    }

    /// <summary>A decimal number in a range.</summary>
    public static bool TryParseDecimal(ReadOnlySpan<char> text, long min, long max, out long value) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value) && value >= min && value <= max;

    private static bool TryParseOctal(ReadOnlySpan<char> digits, out ulong value)
    {
        value = 0;
        foreach (char digit in digits)
        {
            if (digit is < '0' or > '7' || value > ulong.MaxValue >> 3)
            {
                return false;
            }
            value = (value << 3) | (uint)(digit - '0');
        }
        return true;
    }
}
