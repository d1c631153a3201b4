using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Detection;

/// <summary>Runs a rule's instructions over one buffer: contents in order, each relative one after the match before it, with retries.</summary>
/// <remarks>One per worker, reused; no allocation once warm. Not re-entrant except by itself.</remarks>
internal sealed partial class BufferInspector : IDisposable
{
    /// <summary>Steps of one inspection before it is given up as no match; Suricata's <c>inspection-recursion-limit</c>.</summary>
    public const int MaxSteps = 3000;

    private const OpFlags AnyVariable =
        OpFlags.OffsetIsVariable | OpFlags.DepthIsVariable | OpFlags.DistanceIsVariable | OpFlags.WithinIsVariable;

    private readonly RegexScratch _regexScratch = new();
    private readonly ReplacementList _replacements = new();
    private readonly ulong[] _variables = new ulong[ByteOp.MaxVariables];
    private readonly byte[] _base64 = new byte[Base64Decode.MaxDecodedBytes];
    private RuleSet _rules = RuleSet.Empty;
    private Flow? _flow;
    private int _steps;
    private bool _isComplete;
    private long _bufferOffset;
    private int _freshFrom;
    private bool _isFutile;

    /// <summary>What expressions captured for this packet; emptied with the next.</summary>
    public FlowVariables PacketVariables { get; } = new();

    /// <summary>What the rule begun last wants rewritten of the bytes it was run over; meaningful when it matched.</summary>
    public ReplacementList Replacements => _replacements;

    public long RegexLimitHits => _regexScratch.LimitHits;

    public long StepLimitHits { get; private set; }

    public void Dispose() => _regexScratch.Dispose();

    /// <summary>Extracted variables belong to one evaluation of one rule: they carry over from buffer to buffer of it.</summary>
    public void BeginRule(RuleSet rules, Flow? flow)
    {
        _rules = rules;
        _flow = flow;
        Context = default;
    }

    /// <summary>The bytes are one of several windows of a frame, each judged once: what an earlier one had is not missed in this.</summary>
    public bool IsWindow { get; set; }

    /// <summary>Whether all instructions hold.</summary>
    /// <param name="section">The instructions.</param>
    /// <param name="buffer">What they are run over.</param>
    /// <param name="offset">Where <paramref name="buffer"/> begins in the whole value.</param>
    /// <param name="isComplete">The value ends where the buffer ends.</param>
    /// <param name="freshFrom">Bytes before this place of the buffer were shown before: a match has to reach beyond.</param>
    public bool Inspect(Span32 section, ReadOnlySpan<byte> buffer, long offset = 0, bool isComplete = true, int freshFrom = 0)
    {
        _steps = 0;
        _replacements.Cut(0);
        _isComplete = isComplete;
        _bufferOffset = offset;
        _freshFrom = freshFrom;
        return Run(section.Start, section.Start + section.Count, buffer, 0, 0);
    }

    /// <param name="index">The next instruction.</param>
    /// <param name="end">One past the last.</param>
    /// <param name="buffer">The bytes.</param>
    /// <param name="cursor">Just behind the last match.</param>
    /// <param name="reached">The highest end of a match so far.</param>
    private bool Run(int index, int end, ReadOnlySpan<byte> buffer, int cursor, int reached)
    {
        // After a jump or an extracted value, what follows hangs on more than the place of the last match.
        bool isFree = false;
        for (; index < end; index++)
        {
            if (++_steps > MaxSteps)
            {
                StepLimitHits += _steps == MaxSteps + 1 ? 1 : 0;
                return Fail(isFutile: true);
            }

            ref readonly BufferOp op = ref _rules.Ops[index];
            switch (op.Kind)
            {
                case BufferOpKind.Content:
                    bool isNegated = (op.Flags & OpFlags.Negated) != 0;
                    if (isNegated && IsWindow && IsBeforeWindow(op))
                    {
                        // Judged with the window that had the place; that it is not in this one says nothing.
                        return Fail(isFutile: true);
                    }


                    // In a stream window an old occurrence does not count, so a later one is looked for.
                    if (!isNegated && ((op.Flags & OpFlags.NextIsRelative) != 0 || _freshFrom > 0))
                    {
                        return RunContentWithRetries(op, index, end, buffer, cursor, reached) || Fail(_isFutile && !isFree);
                    }

                    if (FindContent(op, buffer, cursor, -1, out int found) == isNegated)
                    {
                        return Fail(!isFree && (IsAbsolute(op) || (!isNegated && IsOpenEnded(op))));
                    }

                    cursor = isNegated ? cursor : found + op.DataLength;
                    break;

                case BufferOpKind.Pcre:
                    if (((op.Flags & OpFlags.NextIsRelative) != 0 || _freshFrom > 0) && (op.Flags & OpFlags.Negated) == 0)
                    {
                        return RunRegexWithRetries(op, index, end, buffer, cursor, reached) || Fail(_isFutile && !isFree);
                    }

                    if (!MatchRegex(op, buffer, ref cursor))
                    {
                        return Fail(!isFree && IsAbsolute(op));
                    }

                    isFree = true;
                    break;

                default:
                    if (!RunOther(op, buffer, ref cursor))
                    {
                        return Fail(op.Kind == BufferOpKind.Length);
                    }

                    isFree |= op.Kind is not (BufferOpKind.IsDataAt or BufferOpKind.Length or BufferOpKind.ByteTest or BufferOpKind.Replace);
                    break;
            }

            reached = Math.Max(reached, cursor);
        }

        return reached == 0 || reached > _freshFrom || Fail(isFutile: false);
    }

    /// <summary>
    /// No match. Futile: another occurrence of the contents before, further on, cannot change that, so none is tried. Without this, a few
    /// contents that each occur often cost the product of their occurrences.
    /// </summary>
    private bool Fail(bool isFutile)
    {
        _isFutile = isFutile;
        return false;
    }

    /// <summary>Whether an element holds or not wherever the match before it was.</summary>
    private static bool IsAbsolute(in BufferOp op) => (op.Flags & (OpFlags.Relative | AnyVariable)) == 0;

    /// <summary>Whether a relative content may lie anywhere behind its start: then a later start can only find less.</summary>
    private bool IsOpenEnded(in BufferOp op) =>
        (op.Flags & (OpFlags.HasWithin | AnyVariable)) == 0 && (_freshFrom == 0 || op.Distance >= 0);

    /// <summary>Tries each occurrence until the relative elements behind it hold too.</summary>
    private bool RunContentWithRetries(in BufferOp op, int index, int end, ReadOnlySpan<byte> buffer, int cursor, int reached)
    {
        int from = -1;
        int replacements = _replacements.Count;
        while (FindContent(op, buffer, cursor, from, out int found))
        {
            int behind = found + op.DataLength;
            if (Run(index + 1, end, buffer, behind, Math.Max(reached, behind)))
            {
                return true;
            }

            _replacements.Cut(replacements);

            if (_isFutile || ++_steps > MaxSteps)
            {
                return Fail(isFutile: true);
            }

            from = found + 1;
        }

        return Fail(IsAbsolute(op) || IsOpenEnded(op));
    }

    /// <summary>Tries the matches of an expression, the next one from behind the begin of the one before: they may overlap, as occurrences of contents do.</summary>
    private bool RunRegexWithRetries(in BufferOp op, int index, int end, ReadOnlySpan<byte> buffer, int cursor, int reached)
    {
        int origin = (op.Flags & OpFlags.Relative) != 0 ? Math.Min(cursor, buffer.Length) : 0;
        ReadOnlySpan<byte> subject = buffer[origin..];
        PcreOp expression = _rules.Expressions[op.Data];
        RegexMatch match = default;
        int replacements = _replacements.Count;
        for (int from = 0; expression.Regex.TryMatch(subject, from, _regexScratch, ref match); from = match.Start + 1)
        {
            Capture(expression, subject, match);
            int behind = origin + match.End;
            if (Run(index + 1, end, buffer, behind, Math.Max(reached, behind)))
            {
                return true;
            }

            _replacements.Cut(replacements);
            if (++_steps > MaxSteps)
            {
                return Fail(isFutile: true);
            }
        }

        return Fail(IsAbsolute(op));
    }

    private bool MatchRegex(in BufferOp op, ReadOnlySpan<byte> buffer, ref int cursor)
    {
        int origin = (op.Flags & OpFlags.Relative) != 0 ? Math.Min(cursor, buffer.Length) : 0;
        PcreOp expression = _rules.Expressions[op.Data];
        RegexMatch match = default;
        bool found = expression.Regex.TryMatch(buffer[origin..], 0, _regexScratch, ref match);
        if ((op.Flags & OpFlags.Negated) != 0)
        {
            return !found;
        }

        if (!found)
        {
            return false;
        }

        Capture(expression, buffer[origin..], match);
        cursor = origin + match.End;
        return true;
    }

    private void Capture(PcreOp expression, ReadOnlySpan<byte> subject, in RegexMatch match)
    {
        for (int i = 0; i < expression.FlowCaptures.Length; i++)
        {
            if (expression.FlowCaptures[i] >= 0 && match.TryGetGroup(i + 1, out int start, out int end))
            {
                _flow?.Variables.SetCapture(expression.FlowCaptures[i], subject[start..end]);
            }

            if (expression.PacketCaptures[i] >= 0 && match.TryGetGroup(i + 1, out start, out end))
            {
                PacketVariables.SetCapture(expression.PacketCaptures[i], subject[start..end]);
            }
        }
    }

    /// <summary>The content may stand only at places that earlier windows had.</summary>
    private bool IsBeforeWindow(in BufferOp op) =>
        (op.Flags & (OpFlags.Relative | OpFlags.HasDepth | OpFlags.OffsetIsVariable | OpFlags.DepthIsVariable)) == OpFlags.HasDepth
        && op.Offset + op.Depth <= _bufferOffset;

    /// <summary>The first occurrence at or after <paramref name="from"/> (-1: from the content's own start) that its bounds allow.</summary>
    private bool FindContent(in BufferOp op, ReadOnlySpan<byte> buffer, int cursor, int from, out int found)
    {
        long start;
        long limit = buffer.Length;
        OpFlags flags = op.Flags;
        if ((flags & OpFlags.Relative) != 0)
        {
            start = cursor + Value(op.Distance, flags, OpFlags.DistanceIsVariable);
            if ((flags & OpFlags.HasWithin) != 0)
            {
                limit = Math.Min(limit, start + Value(op.Within, flags, OpFlags.WithinIsVariable));
            }
        }
        else
        {
            // Positions are of the whole value; a later window of a body begins at an offset of it.
            start = Length(op.Offset, flags, OpFlags.OffsetIsVariable);
            if ((flags & OpFlags.HasDepth) != 0)
            {
                limit = Math.Min(limit, start + Length(op.Depth, flags, OpFlags.DepthIsVariable) - _bufferOffset);
            }

            start -= _bufferOffset;
        }

        found = -1;
        start = Math.Max(Math.Max(start, 0), from);
        if (limit - start < op.DataLength)
        {
            return false;
        }

        ContentPattern pattern = _rules.Contents[op.Data];
        if ((flags & OpFlags.EndsWith) != 0)
        {
            int only = buffer.Length - op.DataLength;
            if (!_isComplete || only < start || buffer.Length > limit || !pattern.IsAt(buffer, only))
            {
                return false;
            }

            if ((flags & OpFlags.Negated) != 0 && pattern.IndexIn(buffer[(int)start..]) + start != only)
            {
                // What must not stand at the end is looked for once, as Suricata does: where it stands before too, that is the place that counts.
                return false;
            }

            found = only;
            return true;
        }

        int position = pattern.IndexIn(buffer[(int)start..(int)limit]);
        found = (int)start + position;
        return position >= 0;
    }

    /// <summary>A number that has no sign: what a subtraction left below zero is very large.</summary>
    private long Length(int value, OpFlags flags, OpFlags variable) => (flags & variable) != 0 ? (long)Math.Min(_variables[value], int.MaxValue) : value;

    private long Value(int value, OpFlags flags, OpFlags variable) => (flags & variable) != 0 ? (long)_variables[value] : value;
}
