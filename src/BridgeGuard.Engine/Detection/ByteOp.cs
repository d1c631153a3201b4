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

    /// <summary>The operands with variables replaced.</summary>
    public ByteValues Values(ReadOnlySpan<ulong> variables, bool dceLittleEndian) => new(
        CountSlot >= 0 ? variables[CountSlot] : Literals.Count,
        OffsetSlot >= 0 ? (long)variables[OffsetSlot] : Literals.Offset,
        OperandSlot >= 0 ? variables[OperandSlot] : Literals.Operand,
        dceLittleEndian);
}
