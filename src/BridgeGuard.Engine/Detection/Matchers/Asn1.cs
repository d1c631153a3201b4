namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>
/// <c>asn1:[bitstring_overflow][,double_overflow][,oversize_length N][,absolute_offset N|,relative_offset N]</c>: oddities of
/// BER-encoded elements (X.690) that overflowed old decoders.
/// </summary>
public readonly record struct Asn1
{
    /// <summary>Elements looked at per buffer: Suricata's <c>asn1-max-frames</c>.</summary>
    public const int MaxElements = 256;

    private const int MaxOffset = 65535;
    private const int RealOverflowBytes = 256;
    private const int MaxDepth = 32;

    /// <summary>A bit string says that it leaves more bits unused than it has.</summary>
    public bool BitStringOverflow { get; init; }

    /// <summary>A real number in characters is longer than 256 bytes.</summary>
    public bool DoubleOverflow { get; init; }

    /// <summary>An element is longer than this; null to not look.</summary>
    public uint? OversizeLength { get; init; }

    /// <summary>From the buffer's start; null when not given.</summary>
    public int? AbsoluteOffset { get; init; }

    /// <summary>From the cursor; only used without <see cref="AbsoluteOffset"/>.</summary>
    public int? RelativeOffset { get; init; }

    /// <summary>Walks over the elements from the offset on. An element that is not complete ends the walk.</summary>
    public bool Matches(ReadOnlySpan<byte> buffer, int cursor)
    {
        long start = AbsoluteOffset ?? (RelativeOffset is { } distance ? (long)cursor + distance : 0);
        if (start < 0 || start >= buffer.Length)
        {
            return false;
        }
        int budget = MaxElements;
        return Walk(buffer[(int)start..], 0, ref budget);
    }

    private bool Walk(ReadOnlySpan<byte> bytes, int depth, ref int budget)
    {
        while (!bytes.IsEmpty && budget-- > 0)
        {
            if (!BerElement.TryRead(bytes, out BerElement element))
            {
                return false;
            }
            if (IsOdd(element) || (element.IsConstructed && depth < MaxDepth && Walk(element.Content, depth + 1, ref budget)))
            {
                return true;
            }
            bytes = bytes[element.TotalLength..];
        }
        return false;
    }

    private bool IsOdd(in BerElement element)
    {
        if (OversizeLength is { } limit && (uint)element.Content.Length > limit)
        {
            return true;
        }
        if (!element.IsUniversalPrimitive || element.Content.IsEmpty)
        {
            return false;
        }
        const int BitString = 3;
        const int Real = 9;
        return (BitStringOverflow && element.Tag == BitString && element.Content[0] > element.Content.Length * 8)
            || (DoubleOverflow && element.Tag == Real && element.Content.Length > RealOverflowBytes && (element.Content[0] & 0xC0) == 0);
    }

    /// <summary>Parses the keyword's argument. Options are separated by a comma or a blank.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Asn1 keyword, out ArgumentError error)
    {
        keyword = default;
        ReadOnlySpan<char> rest = text.Trim(' ');
        int offset = text.Length - text.TrimStart(' ').Length;
        do
        {
            int nameLength = LengthOfToken(rest);
            ReadOnlySpan<char> name = rest[..nameLength];
            ReadOnlySpan<char> afterName = rest[nameLength..].TrimStart(' ');
            int numberLength = LengthOfToken(afterName);
            ReadOnlySpan<char> number = name is "bitstring_overflow" or "double_overflow" ? default : afterName[..numberLength];
            if (!TryTake(name, number, ref keyword))
            {
                error = new ArgumentError(
                    Math.Min(offset, text.Length),
                    $"'{name}' is unknown or its number is missing or out of range; expected bitstring_overflow, double_overflow, "
                    + "oversize_length N, absolute_offset N or relative_offset N");
                return false;
            }
            ReadOnlySpan<char> behind = number.IsEmpty ? rest[nameLength..] : afterName[numberLength..];
            behind = behind.StartsWith(",") ? behind[1..].TrimStart(' ') : behind.TrimStart(' ');
            offset += rest.Length - behind.Length;
            rest = behind;
        }
        while (!rest.IsEmpty);
        error = default;
        return true;
    }

    private static int LengthOfToken(ReadOnlySpan<char> text)
    {
        int end = text.IndexOfAny(' ', ',');
        return end < 0 ? text.Length : end;
    }

    private static bool TryTake(ReadOnlySpan<char> name, ReadOnlySpan<char> number, ref Asn1 keyword)
    {
        long value = 0;
        switch (name)
        {
            case "bitstring_overflow":
                keyword = keyword with { BitStringOverflow = true };
                return true;
            case "double_overflow":
                keyword = keyword with { DoubleOverflow = true };
                return true;
            case "oversize_length" when ArgumentNumber.TryParseDecimal(number, 0, uint.MaxValue, out value):
                keyword = keyword with { OversizeLength = (uint)value };
                return true;
            case "absolute_offset" when ArgumentNumber.TryParseDecimal(number, 0, MaxOffset, out value):
                keyword = keyword with { AbsoluteOffset = (int)value };
                return true;
            case "relative_offset" when ArgumentNumber.TryParseDecimal(number, -MaxOffset, MaxOffset, out value):
                keyword = keyword with { RelativeOffset = (int)value };
                return true;
            default:
                return false;
        }
    }
}
