using BridgeGuard.Engine.Detection.Datasets;
using BridgeGuard.Engine.Detection.Matchers;

namespace BridgeGuard.Engine.Detection;

/// <content>Instructions other than <c>content</c> and <c>pcre</c>.</content>
internal sealed partial class BufferInspector
{
    private bool RunOther(in BufferOp op, ReadOnlySpan<byte> buffer, ref int cursor)
    {
        switch (op.Kind)
        {
            case BufferOpKind.Length:
                return _isComplete && op.Test.Matches((ulong)(_bufferOffset + buffer.Length)) != ((op.Flags & OpFlags.Negated) != 0);

            case BufferOpKind.IsDataAt:
                return RunIsDataAt(op, buffer, cursor);

            case BufferOpKind.ByteTest:
                ByteOp test = _rules.ByteOps[op.Data];
                return test.Test.Matches(buffer, cursor, test.Values(_variables, DceLittleEndian));

            case BufferOpKind.ByteJump:
                ByteOp jump = _rules.ByteOps[op.Data];
                return jump.Jump.Matches(buffer, ref cursor, jump.Values(_variables, DceLittleEndian));

            case BufferOpKind.ByteExtract:
                ByteOp extract = _rules.ByteOps[op.Data];
                if (!extract.Extract.Matches(buffer, ref cursor, DceLittleEndian, out ulong value))
                {
                    return false;
                }

                _variables[extract.ResultSlot] = value;
                return true;

            case BufferOpKind.ByteMath:
                ByteOp math = _rules.ByteOps[op.Data];
                if (!math.Math.Matches(buffer, ref cursor, math.Values(_variables, DceLittleEndian), out ulong result))
                {
                    return false;
                }

                _variables[math.ResultSlot] = result;
                return true;

            case BufferOpKind.Base64Decode:
                return RunBase64(_rules.Base64Ops[op.Data], buffer, cursor);

            case BufferOpKind.Entropy:
                bool isInRange = _rules.EntropyOps[op.Data].Matches(buffer, out double entropy);
                _flow?.Variables.SetEntropy(op.Offset, entropy);
                return isInRange;

            case BufferOpKind.Dataset:
                return RunDataset(_rules.DatasetOps[op.Data], buffer);

            case BufferOpKind.Replace:
                _replacements.Add(cursor - op.DataLength, op.Data);
                return true;

            case BufferOpKind.Asn1:
                return _rules.Asn1Ops[op.Data].Matches(buffer, cursor);

            default:
                return false;
        }
    }

    /// <summary>The byte order that the flow's DCE/RPC header announced; set by the caller of an inspection.</summary>
    public bool DceLittleEndian { get; set; }

    /// <summary>What data sets say for the alert, as a JSON object; empty without. Belongs to the rule begun last.</summary>
    public ReadOnlyMemory<byte> Context { get; private set; }

    private bool RunDataset(DatasetOp op, ReadOnlySpan<byte> buffer)
    {
        if (!op.Run(buffer, out byte[]? context))
        {
            return false;
        }

        if (context is not null)
        {
            // Rare: only rules over data sets with JSON, and only when they match.
            Context = Context.IsEmpty
                ? (byte[])[(byte)'{', .. context, (byte)'}']
                : (byte[])[.. Context.Span[..^1], (byte)',', .. context, (byte)'}'];
        }

        return true;
    }

    private bool RunIsDataAt(in BufferOp op, ReadOnlySpan<byte> buffer, int cursor)
    {
        long wanted = Length(op.Offset, op.Flags, OpFlags.OffsetIsVariable);
        bool there = (op.Flags & OpFlags.Relative) != 0 ? cursor + wanted <= buffer.Length : wanted < buffer.Length;
        return there != ((op.Flags & OpFlags.Negated) != 0);
    }

    /// <summary>Decodes up to the first byte that is not base64, then runs the contents of <c>base64_data</c> over the result.</summary>
    private bool RunBase64(Base64Op op, ReadOnlySpan<byte> buffer, int cursor)
    {
        if (!op.Decode.TryDecode(buffer, cursor, _base64, out int length))
        {
            return false;
        }

        if (op.Section.Count == 0)
        {
            return true;
        }

        // The section is over another buffer; positions of this one are kept.
        (bool isComplete, long offset, int freshFrom) = (_isComplete, _bufferOffset, _freshFrom);
        (_isComplete, _bufferOffset, _freshFrom) = (true, 0, 0);
        bool found = Run(op.Section.Start, op.Section.Start + op.Section.Count, _base64.AsSpan(0, length), 0, 0);
        (_isComplete, _bufferOffset, _freshFrom) = (isComplete, offset, freshFrom);
        return found;
    }
}
