using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Compilation;

/// <summary>Evaluation order: action, then who writes a variable before who reads it, then priority, then sid.</summary>
internal static class RuleOrder
{
    /// <summary>The models with their priority: firewall rules as written, then the others sorted; stable.</summary>
    /// <param name="rules">In the order written.</param>
    /// <param name="actions">Which action comes first: <c>pass, drop, reject, alert</c> in the operator's order (<c>action-order</c>).</param>
    public static List<(RuleModel Rule, int Priority)> Sort(IReadOnlyList<(RuleModel Rule, int Priority)> rules, IReadOnlyList<RuleAction> actions) =>
    [
        .. rules.Where(rule => rule.Rule.Firewall is not null),
        .. rules.Where(rule => rule.Rule.Firewall is null).OrderBy(rule => ActionRank(rule.Rule.Action, actions))
            .ThenBy(rule => Rank(rule.Rule, IsFlowBitWrite, IsFlowBitRead))
            .ThenBy(rule => Rank(rule.Rule, IsFlowIntWrite, IsFlowIntRead))
            .ThenBy(rule => CaptureRank(rule.Rule))
            .ThenBy(rule => HostRank(rule.Rule))
            .ThenBy(rule => ReadsXBits(rule.Rule, ofPair: true) ? 0 : 1)
            .ThenBy(rule => rule.Priority)
            .ThenBy(rule => rule.Rule.Sid)
            .ThenBy(rule => rule.Rule.Gid),
    ];

    /// <summary>Actions the operator cannot name stand right behind the one they are a kind of.</summary>
    private static int ActionRank(RuleAction action, IReadOnlyList<RuleAction> actions) => action switch
    {
        RuleAction.Accept => 2 * Place(actions, RuleAction.Pass),
        RuleAction.RejectBoth or RuleAction.RejectDestination => 2 * Place(actions, RuleAction.Reject),
        RuleAction.Redirect => (2 * Place(actions, RuleAction.Reject)) + 1,
        RuleAction.Pass or RuleAction.Drop or RuleAction.Reject => 2 * Place(actions, action),
        RuleAction.Config => int.MaxValue,
        _ => 2 * Place(actions, RuleAction.Alert),
    };

    private static int Place(IReadOnlyList<RuleAction> actions, RuleAction action)
    {
        for (int i = 0; i < actions.Count; i++)
        {
            if (actions[i] == action)
            {
                return i;
            }
        }

        return actions.Count;
    }

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
