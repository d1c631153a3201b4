using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Compilation;

/// <summary>Evaluation order: action, then who writes a variable before who reads it, then priority, then sid.</summary>
internal static class RuleOrder
{
    /// <summary>The models with their priority: firewall rules as written, then the others sorted; stable.</summary>
    /// <param name="rules">In the order written.</param>
    /// <param name="actions">Which action comes first: <c>pass, drop, reject, alert</c> in the operator's order (<c>action-order</c>).</param>
    public static List<(RuleModel Rule, int Priority)> Sort(IReadOnlyList<(RuleModel Rule, int Priority)> rules, IReadOnlyList<RuleAction> actions)
    {
        var sorted = new List<(RuleModel Rule, int Priority)>(rules.Count);
        var others = new List<(RuleModel Rule, int Priority)>(rules.Count);
        var keys = new List<SortKey>(rules.Count);
        foreach ((RuleModel rule, int priority) in rules)
        {
            if (rule.Firewall is not null)
            {
                sorted.Add((rule, priority));
                continue;
            }

            keys.Add(SortKey.Of(rule, priority, others.Count, actions));
            others.Add((rule, priority));
        }

        keys.Sort();
        foreach (SortKey key in keys)
        {
            sorted.Add(others[key.Place]);
        }

        return sorted;
    }

    /// <summary>Everything rules are ordered by, computed once for each.</summary>
    /// <param name="Ranks">Action, flowbits, flowints, captures, host variables and pair variables, the first in the highest bits.</param>
    /// <param name="Priority">Of the class or the rule.</param>
    /// <param name="Sid">Then the sid,</param>
    /// <param name="Gid">the gid,</param>
    /// <param name="Place">and as written.</param>
    private readonly record struct SortKey(ulong Ranks, int Priority, uint Sid, uint Gid, int Place) : IComparable<SortKey>
    {
        public static SortKey Of(RuleModel rule, int priority, int place, IReadOnlyList<RuleAction> actions)
        {
            ulong ranks = (uint)ActionRank(rule.Action, actions);
            if (rule.Effects.Count == 0 && rule.Conditions.Count == 0)
            {
                ranks = (((ranks << 2) | 3) << 2) | 3;
            }
            else
            {
                ranks = (ranks << 2) | (uint)Rank(rule, IsFlowBitWrite, IsFlowBitRead);
                ranks = (ranks << 2) | (uint)Rank(rule, IsFlowIntWrite, IsFlowIntRead);
            }

            ranks = (ranks << 1) | (uint)CaptureRank(rule);
            ranks = (ranks << 2) | (uint)HostRank(rule);
            ranks = (ranks << 1) | (ReadsXBits(rule, ofPair: true) ? 0U : 1U);
            return new SortKey(ranks, priority, rule.Sid, rule.Gid, place);
        }

        public int CompareTo(SortKey other)
        {
            int order = Ranks.CompareTo(other.Ranks);
            order = order != 0 ? order : Priority.CompareTo(other.Priority);
            order = order != 0 ? order : Sid.CompareTo(other.Sid);
            order = order != 0 ? order : Gid.CompareTo(other.Gid);
            return order != 0 ? order : Place.CompareTo(other.Place);
        }
    }

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

    private static int CaptureRank(RuleModel rule)
    {
        bool captures = Captures(rule.Payload) || rule.Sections.Exists(Captures) || rule.Frames.Exists(Captures)
            || (rule.Base64Data is { } data && Captures(data));
        return captures ? 0 : 1;
    }

    private static bool Captures(SectionModel section)
    {
        foreach (OpModel op in section.Ops)
        {
            if (op.Data is PcreOp { FlowCaptures.Length: > 0 })
            {
                return true;
            }
        }

        return false;
    }

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
