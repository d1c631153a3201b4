using System.Globalization;
using System.Text;
using BridgeGuard.Engine.Detection;

namespace BridgeGuard.Rules.Explain;

/// <summary>Prints how a rule was compiled: when it is looked at, what the prefilter looks for, and its instructions.</summary>
public static class RuleExplainer
{
    /// <summary>The explanation as lines of plain text; null when no such rule is loaded.</summary>
    public static string? Explain(RuleSet rules, uint gid, uint sid)
    {
        int index = rules.Find(gid, sid);
        if (index < 0)
        {
            return null;
        }

        RuleInfo info = rules.Infos[index];
        ref readonly RuleEntry entry = ref rules.Entries[index];
        var text = new StringBuilder();
        Line(text, $"rule {info.Gid}:{info.Sid} rev {info.Rev}: {info.Message}");
        Line(text, $"from {info.SourceFile}:{info.SourceLine}");
        Line(text, $"header {info.Header}");
        Line(text, $"action {info.Action}{((entry.Flags & RuleFlags.ActionOnFlow) != 0 ? " on the flow" : " on the packet")}, severity {info.Severity}, place {index} of {rules.Count}");
        Line(text, $"kind {entry.Kind}; flags {entry.Flags}");
        foreach (PacketCondition condition in rules.Conditions.AsSpan(entry.Conditions.Start, entry.Conditions.Count))
        {
            Line(text, $"condition {condition.Kind}{(condition.Negated ? " (negated)" : "")} mode {condition.Mode} a {condition.A} b {condition.B} {condition.Test}");
        }

        Section(text, rules, "payload", entry.Payload);
        foreach (InspectionEngine engine in rules.Engines.AsSpan(entry.Engines.Start, entry.Engines.Count))
        {
            Section(
                text,
                rules,
                $"engine {engine.Kind} of {engine.Protocol}, {engine.Directions}, progress {engine.ProgressToServer}/{engine.ProgressToClient}, local {engine.LocalId}, flags {engine.Flags}",
                engine.Ops,
                always: true);
        }

        foreach (RuleEffect effect in rules.Effects.AsSpan(entry.Effects.Start, entry.Effects.Count))
        {
            Line(text, $"effect {effect.Kind} {effect.A} {effect.B} {effect.C}");
        }

        foreach (ThresholdRule threshold in rules.Thresholds.AsSpan(entry.Thresholds.Start, entry.Thresholds.Count))
        {
            Line(text, $"threshold {threshold.Kind} by {threshold.Track}: {threshold.Count} in {threshold.Seconds} s");
        }

        return text.ToString();
    }

    private static void Section(StringBuilder text, RuleSet rules, string title, Span32 ops, bool always = false)
    {
        if (ops.Count == 0 && !always)
        {
            return;
        }

        Line(text, title);
        foreach (BufferOp op in rules.OpsOf(ops))
        {
            string what = op.Kind == BufferOpKind.Content ? Printable(rules.Contents[op.Data].Bytes) : op.Test.ToString();
            Line(text, $"    {op.Kind} {op.Flags} {what} offset {op.Offset} depth {op.Depth} distance {op.Distance} within {op.Within}");
        }
    }

    private static string Printable(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder("\"");
        foreach (byte value in bytes)
        {
            if (value is >= 0x20 and < 0x7f and not (byte)'"' and not (byte)'|')
            {
                text.Append((char)value);
            }
            else
            {
                text.Append(CultureInfo.InvariantCulture, $"|{value:x2}|");
            }
        }

        return text.Append('"').ToString();
    }

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');
}
