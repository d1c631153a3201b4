namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>What <c>byte_math</c> computes.</summary>
public enum ByteMathOperator : byte
{
    Add,
    Subtract,
    Multiply,
    Divide,
    ShiftLeft,
    ShiftRight,
}

/// <summary>
/// <c>byte_math:bytes COUNT, offset N, oper + - * / &lt;&lt; &gt;&gt;, rvalue N, result NAME[, relative][, endian big|little][, string
/// hex|dec|oct][, dce][, bitmask M]</c>, in any order.
/// </summary>
public readonly record struct ByteMath
{
    private const int MaxCount = 10;

    /// <summary>What a binary number may have when it is read; Suricata takes more in the rule and then never matches.</summary>
    private const int MaxBinaryCount = 4;

    public NumberOrName Count { get; init; }

    public int Offset { get; init; }

    public ByteMathOperator Operator { get; init; }

    public NumberOrName RightValue { get; init; }

    /// <summary>The variable that is set.</summary>
    public string Result { get; init; }

    public bool Relative { get; init; }

    public ByteFormat Format { get; init; }

    /// <summary>Null for none; the masked result is shifted right by the mask's trailing zeros.</summary>
    public ulong? Bitmask { get; init; }

    /// <summary>Operands when no variable is named.</summary>
    public ByteValues Literals => new((ulong)Count.Value, Offset, (ulong)RightValue.Value);

    /// <summary>Reads the number, computes, and moves the cursor behind the number.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="cursor">Just behind the last match; moved when true is returned.</param>
    /// <param name="values">The operands.</param>
    /// <param name="result">The variable's value; arithmetic wraps at 64 bits, shifts of 64 and more give 0.</param>
    /// <returns>False when the number cannot be read, and for a division by zero.</returns>
    public bool Matches(ReadOnlySpan<byte> buffer, ref int cursor, in ByteValues values, out ulong result)
    {
        result = 0;
        if ((Format < ByteFormat.Text && values.Count > MaxBinaryCount)
            || !ByteField.TryRead(buffer, Relative ? cursor : 0, values, Format, out ulong number, out int end))
        {
            return false;
        }
        ulong right = values.Operand;
        if (Operator == ByteMathOperator.Divide && right == 0)
        {
            return false;
        }
        result = Operator switch
        {
            ByteMathOperator.Add => number + right,
            ByteMathOperator.Subtract => number - right,
            ByteMathOperator.Multiply => number * right,
            ByteMathOperator.Divide => number / right,
            ByteMathOperator.ShiftLeft => right < 64 ? number << (int)right : 0,
            _ => right < 64 ? number >> (int)right : 0,
        };

        // The mask is laid over what was computed, not over what was read.
        result = ByteField.Mask(result, Bitmask);
        cursor = end;
        return true;
    }

    /// <summary>Parses the keyword's argument.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out ByteMath math, out ArgumentError error) =>
        new ByteMathParser(text).TryParse(out math, out error);

    /// <summary>Collects the named arguments, each at most once.</summary>
    private ref struct ByteMathParser(ReadOnlySpan<char> text)
    {
        private readonly ReadOnlySpan<char> _text = text;
        private ByteMath _draft = default;
        private Given _given = Given.None;

        [Flags]
        private enum Given
        {
            None = 0,
            Bytes = 1,
            Offset = 2,
            Operator = 4,
            RightValue = 8,
            Result = 16,
            Required = 31,
            Relative = 32,
            Endian = 64,
            Text = 128,
            Dce = 256,
            Bitmask = 512,
        }

        public bool TryParse(out ByteMath math, out ArgumentError error)
        {
            math = default;
            var reader = new ArgumentReader(_text);
            while (reader.TryRead(out ReadOnlySpan<char> item))
            {
                if (item.IsEmpty)
                {
                    continue;
                }
                ArgumentReader.Split(item, out ReadOnlySpan<char> name, out ReadOnlySpan<char> argument);
                Given before = _given;
                if (!TryTake(name, argument) || before == _given)
                {
                    error = new ArgumentError(
                        reader.Offset,
                        $"'{item}' is unknown, out of range or given twice; expected bytes, offset, oper, rvalue, result, relative, "
                        + "endian big or little, string hex, dec or oct, dce or bitmask");
                    return false;
                }
            }
            if ((_given & Given.Required) != Given.Required)
            {
                error = new ArgumentError(_text.Length, $"{Given.Required & ~_given} is missing");
                return false;
            }
            if (_given.HasFlag(Given.Dce))
            {
                // Suricata 8 knows the word and refuses each rule that has it.
                error = new ArgumentError(_text.Length, "dce goes with none of the other modifiers");
                return false;
            }
            error = default;
            math = _draft;
            return true;
        }

        private bool TryTake(ReadOnlySpan<char> name, ReadOnlySpan<char> argument) => name switch
        {
            "bytes" => TryCount(argument),
            "offset" => TryOffset(argument),
            "oper" => TryOperator(argument),
            "rvalue" => TryRightValue(argument),
            "result" => !argument.IsEmpty && Take(Given.Result, _draft with { Result = argument.ToString() }),
            "relative" => argument.IsEmpty && Take(Given.Relative, _draft with { Relative = true }),
            "endian" => TryEndian(argument),
            "string" => TryText(argument),
            "dce" => argument.IsEmpty && Take(Given.Dce, _draft with { Format = ByteFormat.Dce }),
            "bitmask" => ArgumentNumber.TryParse(argument, 0, uint.MaxValue, out long bits)
                && Take(Given.Bitmask, _draft with { Bitmask = (ulong)bits }),
            _ => false,
        };

        private bool TryCount(ReadOnlySpan<char> text) =>
            NumberOrName.TryParse(text, 0, 1, MaxCount, "bytes", out NumberOrName count, out _) && Take(Given.Bytes, _draft with { Count = count });

        private bool TryOffset(ReadOnlySpan<char> text) =>
            ArgumentNumber.TryParseDecimal(text, -ushort.MaxValue, ushort.MaxValue, out long offset)
            && Take(Given.Offset, _draft with { Offset = (int)offset });

        private bool TryRightValue(ReadOnlySpan<char> text)
        {
            if (!text.IsEmpty && !char.IsAsciiDigit(text[0]))
            {
                return (char.IsAsciiLetter(text[0]) || text[0] == '_')
                    && Take(Given.RightValue, _draft with { RightValue = new NumberOrName(0, text.ToString()) });
            }
            return ArgumentNumber.TryParseDecimal(text, 0, uint.MaxValue, out long value)
                && Take(Given.RightValue, _draft with { RightValue = new NumberOrName(value, null) });
        }

        private bool TryOperator(ReadOnlySpan<char> text)
        {
            ByteMathOperator? known = text switch
            {
                "+" => ByteMathOperator.Add,
                "-" => ByteMathOperator.Subtract,
                "*" => ByteMathOperator.Multiply,
                "/" => ByteMathOperator.Divide,
                "<<" => ByteMathOperator.ShiftLeft,
                ">>" => ByteMathOperator.ShiftRight,
                _ => null,
            };
            return known is { } found && Take(Given.Operator, _draft with { Operator = found });
        }

        private bool TryEndian(ReadOnlySpan<char> text)
        {
            ByteFormat format = _draft.Format >= ByteFormat.Text ? _draft.Format
                : text is "little" ? ByteFormat.LittleEndian : ByteFormat.BigEndian;
            return text is "little" or "big" && Take(Given.Endian, _draft with { Format = format });
        }

        private bool TryText(ReadOnlySpan<char> text)
        {
            ByteFormat format = text is "hex" ? ByteFormat.Hexadecimal : text is "dec" ? ByteFormat.Decimal : ByteFormat.Octal;
            return text is "hex" or "dec" or "oct" && Take(Given.Text, _draft with { Format = format });
        }

        private bool Take(Given what, ByteMath draft)
        {
            if (_given.HasFlag(what))
            {
                return false;
            }
            _given |= what;
            _draft = draft;
            return true;
        }
    }
}
