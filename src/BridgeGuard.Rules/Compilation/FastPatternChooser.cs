using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Prefilter;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Compilation;

/// <summary>Which content of a rule the prefilter looks for.</summary>
internal static class FastPatternChooser
{
    /// <summary>Buffers with few distinct values: nearly every transaction would be a candidate.</summary>
    private static readonly HashSet<string> WeakBuffers = ["http.method", "http.stat_code", "http.stat_msg", "http.protocol"];

    /// <summary>The section and content; null when no content can be prefiltered by.</summary>
    public static (SectionModel Section, OpModel Content)? Choose(RuleModel rule)
    {
        if (rule.IsTwoWay)
        {
            // Half of the rule happens in the other direction, where the pattern is not seen.
            return null;
        }

        bool isTransaction = rule.Sections.Count > 0 || rule.Engines.Count > 0;
        (SectionModel Section, OpModel Content)? best = null;
        int bestScore = 0;
        foreach (SectionModel section in isTransaction ? rule.Sections : rule.Frames.Count > 0 ? rule.Frames : [rule.Payload])
        {
            if (section.Absent || section.AbsentOrElse)
            {
                continue;
            }

            foreach (OpModel op in section.Ops)
            {
                if (op.Kind != BufferOpKind.Content || op.IsNegated)
                {
                    continue;
                }

                int score = Score(section, op);
                if (score > bestScore)
                {
                    best = (section, op);
                    bestScore = score;
                }
            }
        }

        return best;
    }

    /// <summary>The bytes to look for: all, or the piece that <c>fast_pattern:offset,length</c> names.</summary>
    public static ReadOnlySpan<byte> BytesOf(OpModel content) => content.FastPatternLength > 0
        ? content.Pattern.AsSpan(content.FastPatternOffset, content.FastPatternLength)
        : content.Pattern;

    /// <summary>
    /// Where the bytes have to be; never narrower than what the rule allows. In a stream or body that is seen in windows, places count from its start,
    /// as they do for the rule.
    /// </summary>
    public static PatternPlacement PlacementOf(OpModel content)
    {
        const OpFlags variable = OpFlags.OffsetIsVariable | OpFlags.DepthIsVariable | OpFlags.DistanceIsVariable | OpFlags.WithinIsVariable;
        if (content.FastPatternLength > 0 || content.Has(variable))
        {
            return PatternPlacement.Anywhere;
        }

        bool atEnd = content.Has(OpFlags.EndsWith);
        if (content.Has(OpFlags.Relative))
        {
            return new PatternPlacement(0, int.MaxValue, atEnd);
        }

        int maxEnd = content.Has(OpFlags.HasDepth) ? content.Offset + content.Depth : int.MaxValue;
        return new PatternPlacement(content.Offset, maxEnd, atEnd);
    }

    private static int Score(SectionModel section, OpModel op)
    {
        if (op.IsFastPattern)
        {
            return int.MaxValue;
        }

        int distinct = 0;
        Span<bool> seen = stackalloc bool[256];
        foreach (byte value in op.Pattern)
        {
            distinct += seen[value] ? 0 : 1;
            seen[value] = true;
        }

        bool isWeak = section.Buffer is { } buffer && WeakBuffers.Contains(buffer.Name);
        return ((isWeak ? 0 : 1_000) + op.Pattern.Length + distinct) * 2;
    }
}
