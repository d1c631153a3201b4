namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary><c>isdataat:[!]N[,relative[,rawbytes]]</c>: whether the buffer reaches that far.</summary>
public readonly record struct IsDataAt
{
    /// <summary>0 to 65535 or a variable.</summary>
    public required NumberOrName Offset { get; init; }

    public bool Negated { get; init; }

    public bool Relative { get; init; }

    public bool RawBytes { get; init; }

    /// <summary>
    /// Absolute: a byte exists at that offset. Relative: at least that many bytes follow the cursor, so 0 always holds.
    /// </summary>
    /// <param name="bufferLength">The buffer's length.</param>
    /// <param name="cursor">Just behind the last match.</param>
    /// <param name="offset">The number, or the variable's value.</param>
    public bool Matches(int bufferLength, int cursor, ulong offset) =>
        (Relative ? offset <= (ulong)Math.Max(0, bufferLength - cursor) : offset < (ulong)bufferLength) != Negated;

    /// <summary>Parses the keyword's argument.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out IsDataAt keyword, out ArgumentError error)
    {
        keyword = default;
        var reader = new ArgumentReader(text);
        if (!reader.TryRequire("the offset", out ReadOnlySpan<char> item, out error))
        {
            return false;
        }
        bool negated = item[0] == '!';
        ReadOnlySpan<char> number = negated ? item[1..] : item;
        NumberOrName offset;
        if (!number.IsEmpty && (char.IsAsciiLetter(number[0]) || number[0] == '_'))
        {
            offset = new NumberOrName(0, number.ToString());
        }
        else if (!number.StartsWith("+") && ArgumentNumber.TryParseDecimal(number, 0, ushort.MaxValue, out long value))
        {
            offset = new NumberOrName(value, null);
        }
        else
        {
            error = new ArgumentError(reader.Offset, $"the offset is '{item}'; expected 0 to 65535 or a variable's name, with or without ! before it");
            return false;
        }
        bool relative = false;
        bool raw = false;
        while (reader.TryRead(out item))
        {
            if (item is "relative" && !relative)
            {
                relative = true;
            }
            else if (item is "rawbytes" && relative && !raw)
            {
                raw = true;
            }
            else
            {
                error = new ArgumentError(reader.Offset, $"'{item}' is unknown; expected relative, then rawbytes");
                return false;
            }
        }
        keyword = new IsDataAt { Offset = offset, Negated = negated, Relative = relative, RawBytes = raw };
        return true;
    }
}
