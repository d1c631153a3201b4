using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Compilation;

/// <summary>Evaluation order: action, then who writes a variable before who reads it, then priority, then sid.</summary>
internal static class RuleOrder
{
    /// <summary>The models with their priority, sorted; stable.</summary>
    public static List<(RuleModel Rule, int Priority)> Sort(IEnumerable<(RuleModel Rule, int Priority)> rules) =>
    [
        .. rules.OrderBy(rule => ActionRank(rule.Rule.Action))
            .ThenBy(rule => Rank(rule.Rule, IsFlowBitWrite, IsFlowBitRead))
            .ThenBy(rule => Rank(rule.Rule, IsFlowIntWrite, IsFlowIntRead))
            .ThenBy(rule => CaptureRank(rule.Rule))
            .ThenBy(rule => HostRank(rule.Rule))
            .ThenBy(rule => ReadsXBits(rule.Rule, ofPair: true) ? 0 : 1)
            .ThenBy(rule => rule.Priority)
            .ThenBy(rule => rule.Rule.Sid)
            .ThenBy(rule => rule.Rule.Gid),
    ];

    private static int ActionRank(RuleAction action) => action switch
    {
        RuleAction.Pass => 0,
        RuleAction.Accept => 0,
        RuleAction.Drop => 1,
        RuleAction.Reject or RuleAction.RejectBoth or RuleAction.RejectDestination => 2,
        RuleAction.Redirect => 3,
        RuleAction.Config => 5,
        _ => 4,
    };

    private static int Rank(RuleModel rule, Func<RuleEffect, bool> isWrite, Func<ConditionModel, bool> isRead)
    {
        bool writes = rule.Effects.Exists(effect => isWrite(effect));
        bool reads = rule.Conditions.Exists(condition => isRead(condition));
        return (writes, reads) switch
        {
            (true, false) => 0,
            (true, true) => 1,
            (false, true) => 2,
            _ => 3,
        };
    }

    private static int CaptureRank(RuleModel rule) =>
        rule.AllSections.Any(section => section.Ops.Exists(op => op.Data is PcreOp { FlowCaptures.Length: > 0 })) ? 0 : 1;

    /// <summary>Observed of Suricata 8: who writes hostbits, then who tests xbits of one host, then all others.</summary>
    private static int HostRank(RuleModel rule) =>
        rule.Effects.Exists(effect => effect.Kind is EffectKind.HostBitSet or EffectKind.HostBitUnset or EffectKind.HostBitToggle) ? 0
        : ReadsXBits(rule, ofPair: false) ? 1
        : 2;

    private static bool ReadsXBits(RuleModel rule, bool ofPair) => rule.Conditions.Exists(condition =>
        condition.Condition.Kind is ConditionKind.XBitSet or ConditionKind.XBitNotSet
        && (condition.Condition.Mode == (byte)TrackBy.Both) == ofPair);

    private static bool IsFlowBitWrite(RuleEffect effect) =>
        effect.Kind is EffectKind.FlowBitSet or EffectKind.FlowBitUnset or EffectKind.FlowBitToggle;

    private static bool IsFlowBitRead(ConditionModel condition) =>
        condition.Condition.Kind is ConditionKind.FlowBitSet or ConditionKind.FlowBitNotSet;

    private static bool IsFlowIntWrite(RuleEffect effect) =>
        effect.Kind is EffectKind.FlowIntSet or EffectKind.FlowIntAdd or EffectKind.FlowIntSubtract;

    private static bool IsFlowIntRead(ConditionModel condition) =>
        condition.Condition.Kind is ConditionKind.FlowIntTest or ConditionKind.FlowIntIsSet or ConditionKind.FlowIntNotSet;
}
