using BridgeGuard.Engine.Detection.Image;
using BridgeGuard.Engine.Detection.Matchers;

namespace BridgeGuard.Engine.Detection;

/// <summary>A byte keyword with the variable slots of its operands; one table element of the rule set.</summary>
internal sealed class ByteOp
{
    /// <summary>Slots for <c>byte_extract</c> and <c>byte_math</c> results of one rule.</summary>
    public const int MaxVariables = 32;

    public ByteTest Test { get; private init; }

    public ByteJump Jump { get; private init; }

    public ByteExtract Extract { get; private init; }

    public ByteMath Math { get; private init; }

    /// <summary>Slots of operands, -1 for a literal.</summary>
    public int CountSlot { get; private init; }

    public int OffsetSlot { get; private init; }

    public int OperandSlot { get; private init; }

    /// <summary>Where the result goes, -1 without.</summary>
    public int ResultSlot { get; private init; }

    private ByteValues Literals { get; init; }

    public static ByteOp Create(object keyword, int countSlot, int offsetSlot, int operandSlot, int resultSlot) => new()
    {
        Test = keyword is ByteTest test ? test : default,
        Jump = keyword is ByteJump jump ? jump : default,
        Extract = keyword is ByteExtract extract ? extract : default,
        Math = keyword is ByteMath math ? math : default,
        Literals = keyword switch
        {
            ByteTest t => t.Literals,
            ByteJump j => j.Literals,
            ByteMath m => m.Literals,
            _ => default,
        },
        CountSlot = countSlot,
        OffsetSlot = offsetSlot,
        OperandSlot = operandSlot,
        ResultSlot = resultSlot,
    };

    /// <summary>Everything that <see cref="Read"/> reads, in its order.</summary>
    public void Write(ImageWriter image)
    {
        Write(image, Test.Count);
        image.Value(Test.Operator);
        image.Bool(Test.Negated);
        Write(image, Test.Value);
        Write(image, Test.Offset);
        image.Bool(Test.Relative);
        image.Value(Test.Format);
        image.Optional(Test.Bitmask);
        Write(image, Jump.Count);
        Write(image, Jump.Offset);
        image.Bool(Jump.Relative);
        image.Value(Jump.Format);
        image.Int(Jump.Multiplier);
        image.Bool(Jump.Align);
        image.Bool(Jump.FromBeginning);
        image.Bool(Jump.FromEnd);
        image.Int(Jump.PostOffset);
        image.Int(Extract.Count);
        image.Int(Extract.Offset);
        image.Text(Extract.Name);
        image.Bool(Extract.Relative);
        image.Value(Extract.Format);
        image.Int(Extract.Multiplier);
        image.Int(Extract.Align);
        Write(image, Math.Count);
        image.Int(Math.Offset);
        image.Value(Math.Operator);
        Write(image, Math.RightValue);
        image.Text(Math.Result);
        image.Bool(Math.Relative);
        image.Value(Math.Format);
        image.Optional(Math.Bitmask);
        image.Int(CountSlot);
        image.Int(OffsetSlot);
        image.Int(OperandSlot);
        image.Int(ResultSlot);
        image.Value(Literals);
    }

    public static ByteOp Read(ImageReader image) => new()
    {
        // Members are read in the order in which they are written here (C# evaluates initializers in their order).
        Test = new ByteTest
        {
            Count = ReadNumber(image),
            Operator = image.Value<ByteOperator>(),
            Negated = image.Bool(),
            Value = ReadNumber(image),
            Offset = ReadNumber(image),
            Relative = image.Bool(),
            Format = image.Value<ByteFormat>(),
            Bitmask = image.Optional<ulong>(),
        },
        Jump = new ByteJump
        {
            Count = ReadNumber(image),
            Offset = ReadNumber(image),
            Relative = image.Bool(),
            Format = image.Value<ByteFormat>(),
            Multiplier = image.Int(),
            Align = image.Bool(),
            FromBeginning = image.Bool(),
            FromEnd = image.Bool(),
            PostOffset = image.Int(),
        },
        Extract = new ByteExtract
        {
            Count = image.Int(),
            Offset = image.Int(),
            Name = image.TextOrNull()!,
            Relative = image.Bool(),
            Format = image.Value<ByteFormat>(),
            Multiplier = image.Int(),
            Align = image.Int(),
        },
        Math = new ByteMath
        {
            Count = ReadNumber(image),
            Offset = image.Int(),
            Operator = image.Value<ByteMathOperator>(),
            RightValue = ReadNumber(image),
            Result = image.TextOrNull()!,
            Relative = image.Bool(),
            Format = image.Value<ByteFormat>(),
            Bitmask = image.Optional<ulong>(),
        },
        CountSlot = image.Int(),
        OffsetSlot = image.Int(),
        OperandSlot = image.Int(),
        ResultSlot = image.Int(),
        Literals = image.Value<ByteValues>(),
    };

    private static void Write(ImageWriter image, NumberOrName number)
    {
        image.Value(number.Value);
        image.Text(number.Name);
    }

    private static NumberOrName ReadNumber(ImageReader image) => new(image.Value<long>(), image.TextOrNull());

    /// <summary>The operands with variables replaced.</summary>
    public ByteValues Values(ReadOnlySpan<ulong> variables, bool dceLittleEndian) => new(
        CountSlot >= 0 ? variables[CountSlot] : Literals.Count,
        OffsetSlot >= 0 ? (long)variables[OffsetSlot] : Literals.Offset,
        OperandSlot >= 0 ? variables[OperandSlot] : Literals.Operand,
        dceLittleEndian);
}
