namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>How <c>byte_test</c> compares.</summary>
public enum ByteOperator : byte
{
    Less,
    LessOrEqual,
    Equal,
    Greater,
    GreaterOrEqual,

    /// <summary>Any bit in common.</summary>
    And,

    /// <summary>Any bit different.</summary>
    Xor,
}

/// <summary><c>byte_test:COUNT,[!]OPERATOR,VALUE,OFFSET[,relative][,big|little|dce][,string[,hex|dec|oct]][,bitmask M]</c>.</summary>
public readonly record struct ByteTest
{
    public required NumberOrName Count { get; init; }

    public required ByteOperator Operator { get; init; }

    /// <summary>The comparison's result is turned round.</summary>
    public bool Negated { get; init; }

    /// <summary>What to compare with, as an unsigned 64-bit number: a negative argument wraps.</summary>
    public required NumberOrName Value { get; init; }

    public required NumberOrName Offset { get; init; }

    /// <summary>The offset counts from the cursor behind the last match.</summary>
    public bool Relative { get; init; }

    public ByteFormat Format { get; init; }

    /// <summary>Null for none; the masked number is shifted right by the mask's trailing zeros.</summary>
    public ulong? Bitmask { get; init; }

    /// <summary>Operands when no variable is named.</summary>
    public ByteValues Literals => new((ulong)Count.Value, Offset.Value, (ulong)Value.Value);

    /// <summary>Evaluates with the operands given.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="cursor">Just behind the last match; only used with <see cref="Relative"/>.</param>
    /// <param name="values">The operands.</param>
    public bool Matches(ReadOnlySpan<byte> buffer, int cursor, in ByteValues values)
    {
        if (!ByteField.TryRead(buffer, Relative ? cursor : 0, values, Format, out ulong number, out _))
        {
            return false;
        }
        number = ByteField.Mask(number, Bitmask);
        ulong operand = values.Operand;
        bool holds = Operator switch
        {
            ByteOperator.Less => number < operand,
            ByteOperator.LessOrEqual => number <= operand,
            ByteOperator.Equal => number == operand,
            ByteOperator.Greater => number > operand,
            ByteOperator.GreaterOrEqual => number >= operand,
            ByteOperator.And => (number & operand) != 0,
            _ => (number ^ operand) != 0,
        };
        return holds != Negated;
    }

    /// <summary>Parses the keyword's argument.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out ByteTest test, out ArgumentError error)
    {
        test = default;
        var reader = new ArgumentReader(text);
        if (!reader.TryRequire("the number of bytes", out ReadOnlySpan<char> item, out error)
            || !NumberOrName.TryParse(item, reader.Offset, 0, ByteNumber.MaxTextBytes, "the number of bytes", out NumberOrName count, out error))
        {
            return false;
        }
        int countOffset = reader.Offset;
        if (!reader.TryRequire("the operator", out item, out error)
            || !TryOperator(item, reader.Offset, out ByteOperator comparison, out bool negated, out error)
            || !reader.TryRequire("the value", out item, out error)
            || !TryValue(item, reader.Offset, out NumberOrName value, out error)
            || !reader.TryRequire("the offset", out item, out error)
            || !NumberOrName.TryParse(item, reader.Offset, int.MinValue, int.MaxValue, "the offset", out NumberOrName offset, out error))
        {
            return false;
        }
        var format = default(ByteFormatOptions);
        bool relative = false;
        ulong? mask = null;
        while (reader.TryRead(out item))
        {
            ArgumentReader.Split(item, out ReadOnlySpan<char> name, out ReadOnlySpan<char> argument);
            if (item is "relative")
            {
                relative = true;
            }
            else if (name is "bitmask" && ArgumentNumber.TryParse(argument, 0, uint.MaxValue, out long bits))
            {
                mask = (ulong)bits;
            }
            else if (!format.TryTake(item, out _))
            {
                error = new ArgumentError(
                    reader.Offset, $"'{item}' is unknown; expected relative, big, little, dce, string, hex, dec, oct or bitmask with a number");
                return false;
            }
        }
        if (!format.TryResolve(out ByteFormat resolved, out string problem))
        {
            error = new ArgumentError(text.Length, problem);
            return false;
        }
        if (!count.IsName && count.Value > ByteNumber.MaxBinaryBytes && resolved < ByteFormat.Text)
        {
            error = new ArgumentError(countOffset, $"a binary number has at most {ByteNumber.MaxBinaryBytes} bytes, not {count.Value}");
            return false;
        }
        test = new ByteTest
        {
            Count = count,
            Operator = comparison,
            Negated = negated,
            Value = value,
            Offset = offset,
            Relative = relative,
            Format = resolved,
            Bitmask = mask,
        };
        return true;
    }

    private static bool TryOperator(ReadOnlySpan<char> item, int offset, out ByteOperator comparison, out bool negated, out ArgumentError error)
    {
        negated = item.StartsWith("!");
        ReadOnlySpan<char> sign = negated ? item[1..].TrimStart(' ') : item;
        error = default;
        ByteOperator? known = sign switch
        {
            "" when negated => ByteOperator.Equal,
            "<" => ByteOperator.Less,
            "<=" => ByteOperator.LessOrEqual,
            "=" => ByteOperator.Equal,
            ">" => ByteOperator.Greater,
            ">=" => ByteOperator.GreaterOrEqual,
            "&" => ByteOperator.And,
            "^" => ByteOperator.Xor,
            _ => null,
        };
        comparison = known ?? default;
        if (known is null)
        {
            error = new ArgumentError(offset, $"'{item}' is no operator; expected <, <=, =, >=, >, & or ^, with or without ! before it");
        }
        return known is not null;
    }

    private static bool TryValue(ReadOnlySpan<char> item, int offset, out NumberOrName value, out ArgumentError error)
    {
        error = default;
        value = default;
        if (char.IsAsciiLetter(item[0]) || item[0] == '_')
        {
            value = new NumberOrName(0, item.ToString());
            return true;
        }
        if (!ArgumentNumber.TryParse(item, out Int128 number) || number < -(Int128)ulong.MaxValue || number > ulong.MaxValue)
        {
            error = new ArgumentError(offset, $"the value is '{item}'; expected a number of at most 64 bits or a variable's name");
            return false;
        }
        value = new NumberOrName(unchecked((long)(ulong)(UInt128)number), null);
        return true;
    }
}
