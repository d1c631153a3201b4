namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>
/// <c>byte_jump:COUNT,OFFSET[,relative][,big|little|dce][,string[,hex|dec|oct]][,multiplier N][,align][,from_beginning|from_end][,post_offset N]</c>.
/// </summary>
public readonly record struct ByteJump
{
    private const int MaxOffset = 65535;

    public required NumberOrName Count { get; init; }

    public required NumberOrName Offset { get; init; }

    public bool Relative { get; init; }

    public ByteFormat Format { get; init; }

    /// <summary>At least 1.</summary>
    public int Multiplier { get; init; }

    /// <summary>The distance is rounded up to a multiple of four.</summary>
    public bool Align { get; init; }

    public bool FromBeginning { get; init; }

    public bool FromEnd { get; init; }

    public int PostOffset { get; init; }

    /// <summary>Operands when no variable is named.</summary>
    public ByteValues Literals => new((ulong)Count.Value, Offset.Value, 0);

    /// <summary>Reads the number and moves the cursor.</summary>
    /// <remarks>
    /// The distance (number × multiplier, aligned) counts from behind the number, from the buffer's start or from its end. A goal
    /// behind the buffer's end is no match; the end itself is one; a goal before the start becomes the start.
    /// </remarks>
    /// <param name="buffer">The buffer.</param>
    /// <param name="cursor">Just behind the last match; moved when true is returned.</param>
    /// <param name="values">The operands.</param>
    public bool Matches(ReadOnlySpan<byte> buffer, ref int cursor, in ByteValues values)
    {
        if (!ByteField.TryRead(buffer, Relative ? cursor : 0, values, Format, out ulong number, out int end))
        {
            return false;
        }
        UInt128 distance = (UInt128)number * (uint)Multiplier;
        if (Align)
        {
            distance = (distance + 3) & ~(UInt128)3;
        }
        if (distance > int.MaxValue)
        {
            return false;
        }
        long origin = FromBeginning ? 0 : FromEnd ? buffer.Length : end;
        long goal = origin + (long)distance + PostOffset;
        if (goal > buffer.Length)
        {
            return false;
        }
        cursor = (int)Math.Max(0, goal);
        return true;
    }

    /// <summary>Parses the keyword's argument.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out ByteJump jump, out ArgumentError error)
    {
        jump = default;
        var reader = new ArgumentReader(text);
        if (!reader.TryRequire("the number of bytes", out ReadOnlySpan<char> item, out error)
            || !NumberOrName.TryParse(item, reader.Offset, 0, ByteNumber.MaxTextBytes, "the number of bytes", out NumberOrName count, out error)
            || !reader.TryRequire("the offset", out item, out error)
            || !NumberOrName.TryParse(item, reader.Offset, -MaxOffset, MaxOffset, "the offset", out NumberOrName offset, out error))
        {
            return false;
        }
        var format = default(ByteFormatOptions);
        var draft = new ByteJump { Count = count, Offset = offset, Multiplier = 1 };
        while (reader.TryRead(out item))
        {
            if (!format.TryTake(item, out _) && !TryOption(item, ref draft))
            {
                error = new ArgumentError(
                    reader.Offset,
                    $"'{item}' is unknown or out of range; expected relative, big, little, dce, string, hex, dec, oct, multiplier N, align, "
                    + "from_beginning, from_end or post_offset N");
                return false;
            }
        }
        if (!format.TryResolve(out ByteFormat resolved, out string problem))
        {
            error = new ArgumentError(text.Length, problem);
            return false;
        }
        if (draft.FromBeginning && draft.FromEnd)
        {
            error = new ArgumentError(text.Length, "from_beginning and from_end exclude each other");
            return false;
        }
        if (!count.IsName && count.Value > ByteNumber.MaxBinaryBytes && resolved < ByteFormat.Text)
        {
            error = new ArgumentError(0, $"a binary number has at most {ByteNumber.MaxBinaryBytes} bytes, not {count.Value}");
            return false;
        }
        jump = draft with { Format = resolved };
        return true;
    }

    private static bool TryOption(ReadOnlySpan<char> item, ref ByteJump draft)
    {
        ArgumentReader.Split(item, out ReadOnlySpan<char> name, out ReadOnlySpan<char> argument);
        switch (name)
        {
            case "relative" when argument.IsEmpty:
                draft = draft with { Relative = true };
                return true;
            case "align" when argument.IsEmpty:
                draft = draft with { Align = true };
                return true;
            case "from_beginning" when argument.IsEmpty:
                draft = draft with { FromBeginning = true };
                return true;
            case "from_end" when argument.IsEmpty:
                draft = draft with { FromEnd = true };
                return true;
            case "multiplier" when ArgumentNumber.TryParseDecimal(argument, 1, ushort.MaxValue, out long factor):
                draft = draft with { Multiplier = (int)factor };
                return true;
            case "post_offset" when ArgumentNumber.TryParseDecimal(argument, -MaxOffset, MaxOffset, out long distance):
                draft = draft with { PostOffset = (int)distance };
                return true;
            default:
                return false;
        }
    }
}
