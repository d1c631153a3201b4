namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>
/// <c>byte_extract:COUNT,OFFSET,NAME[,relative][,multiplier N][,big|little|dce][,string[,hex|dec|oct]][,align 2|4]</c>.
/// </summary>
public readonly record struct ByteExtract
{
    private const int MaxOffset = 65534;

    /// <summary>Bytes to read: Suricata takes no variable here.</summary>
    public required int Count { get; init; }

    public required int Offset { get; init; }

    /// <summary>The variable that is set.</summary>
    public required string Name { get; init; }

    public bool Relative { get; init; }

    public ByteFormat Format { get; init; }

    /// <summary>At least 1.</summary>
    public int Multiplier { get; init; }

    /// <summary>0 for none, else 2 or 4: the value is rounded up to a multiple.</summary>
    public int Align { get; init; }

    /// <summary>Reads the number and moves the cursor behind it.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="cursor">Just behind the last match; moved when true is returned.</param>
    /// <param name="dceLittleEndian">The byte order that a DCE/RPC header announced.</param>
    /// <param name="value">The variable's value; arithmetic wraps at 64 bits.</param>
    public bool Matches(ReadOnlySpan<byte> buffer, ref int cursor, bool dceLittleEndian, out ulong value)
    {
        var values = new ByteValues((ulong)Count, Offset, 0, dceLittleEndian);
        if (!ByteField.TryRead(buffer, Relative ? cursor : 0, values, Format, out value, out int end))
        {
            return false;
        }
        value *= (uint)Multiplier;
        if (Align != 0 && value % (uint)Align != 0)
        {
            value += (uint)Align - (value % (uint)Align);
        }
        cursor = end;
        return true;
    }

    /// <summary>Parses the keyword's argument.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out ByteExtract extract, out ArgumentError error)
    {
        extract = default;
        var reader = new ArgumentReader(text);
        if (!reader.TryRequire("the number of bytes", out ReadOnlySpan<char> item, out error))
        {
            return false;
        }
        if (!ArgumentNumber.TryParseDecimal(item, 0, ByteNumber.MaxTextBytes, out long count))
        {
            error = new ArgumentError(reader.Offset, $"the number of bytes is '{item}'; expected 0 to {ByteNumber.MaxTextBytes}");
            return false;
        }
        if (!reader.TryRequire("the offset", out item, out error))
        {
            return false;
        }
        if (!ArgumentNumber.TryParseDecimal(item, -MaxOffset, MaxOffset, out long offset))
        {
            error = new ArgumentError(reader.Offset, $"the offset is '{item}'; expected {-MaxOffset} to {MaxOffset}");
            return false;
        }
        if (!reader.TryRequire("the variable's name", out item, out error))
        {
            return false;
        }
        var format = default(ByteFormatOptions);
        var draft = new ByteExtract { Count = (int)count, Offset = (int)offset, Name = item.ToString(), Multiplier = 0 };
        while (reader.TryRead(out item))
        {
            bool isRadix = item is "hex" or "dec" or "oct";
            bool taken = item.IsEmpty
                || (format.TryTake(item, out bool repeated) ? !repeated && (!isRadix || format.IsText) : TryOption(item, ref draft));
            if (!taken)
            {
                error = new ArgumentError(
                    reader.Offset,
                    $"'{item}' is unknown, out of place or given twice; expected relative, multiplier N, big, little, dce, "
                    + "string followed by hex, dec or oct, or align 2 or 4");
                return false;
            }
        }
        if (!format.TryResolve(out ByteFormat resolved, out string problem))
        {
            error = new ArgumentError(text.Length, problem);
            return false;
        }
        if (format.IsText && format.HasEndian)
        {
            error = new ArgumentError(text.Length, "a number in text has no byte order");
            return false;
        }
        if (count > MaxCount(resolved))
        {
            error = new ArgumentError(0, $"such a number has at most {MaxCount(resolved)} bytes, not {count}");
            return false;
        }
        extract = draft with { Format = resolved, Multiplier = Math.Max(1, draft.Multiplier) };
        return true;
    }

    /// <summary>The characters that the largest 64-bit number needs.</summary>
    private static int MaxCount(ByteFormat format) => format switch
    {
        ByteFormat.Octal => 23,
        ByteFormat.Decimal or ByteFormat.Text => 20,
        ByteFormat.Hexadecimal => 14,
        _ => ByteNumber.MaxBinaryBytes,
    };

    private static bool TryOption(ReadOnlySpan<char> item, ref ByteExtract draft)
    {
        ArgumentReader.Split(item, out ReadOnlySpan<char> name, out ReadOnlySpan<char> argument);
        switch (name)
        {
            case "relative" when argument.IsEmpty && !draft.Relative:
                draft = draft with { Relative = true };
                return true;
            case "multiplier" when draft.Multiplier == 0 && ArgumentNumber.TryParseDecimal(argument, 1, ushort.MaxValue, out long factor):
                draft = draft with { Multiplier = (int)factor };
                return true;
            case "align" when draft.Align == 0 && argument is "2" or "4":
                draft = draft with { Align = argument[0] - '0' };
                return true;
            default:
                return false;
        }
    }
}
