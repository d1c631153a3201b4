using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Prefilter;

namespace BridgeGuard.Rules.Explain;

/// <summary>What a rule will cost, guessed from how it was compiled; measure with <c>replay --profile</c>.</summary>
/// <param name="Rule">Which.</param>
/// <param name="Looks">How often it will be looked at, per packet or transaction that its header and protocol fit; 1 without a fast pattern.</param>
/// <param name="NanosecondsPerLook">A guess by its instructions.</param>
/// <param name="Why">What makes it dear.</param>
public sealed record RuleCostEstimate(RuleInfo Rule, double Looks, double NanosecondsPerLook, string Why)
{
    // Averages of replay --profile over mixed captures; they rank rules, they do not predict.
    private const double BaseNanoseconds = 60;
    private const double OpNanoseconds = 40;
    private const double PcreNanoseconds = 400;

    public double Nanoseconds => Looks * NanosecondsPerLook;

    /// <summary>All rules, the dearest first.</summary>
    public static IReadOnlyList<RuleCostEstimate> Of(RuleSet rules)
    {
        var all = new List<RuleCostEstimate>(rules.Count);
        for (int i = 0; i < rules.Count; i++)
        {
            all.Add(Estimate(rules, i));
        }

        return [.. all.OrderByDescending(estimate => estimate.Nanoseconds).ThenBy(estimate => estimate.Rule.Sid)];
    }

    private static RuleCostEstimate Estimate(RuleSet rules, int index)
    {
        ref readonly RuleEntry entry = ref rules.Entries[index];
        int ops = entry.Payload.Count;
        int expressions = Expressions(rules, entry.Payload);
        foreach (InspectionEngine engine in rules.Engines.AsSpan(entry.Engines.Start, entry.Engines.Count))
        {
            ops += Math.Max(1, engine.Ops.Count);
            expressions += Expressions(rules, engine.Ops);
        }

        double perLook = BaseNanoseconds + (OpNanoseconds * (ops + entry.Conditions.Count)) + (PcreNanoseconds * expressions);
        if (rules.FastPatterns[index] is not { } fast)
        {
            string reason = entry.Kind switch
            {
                RuleKind.IpOnly or RuleKind.LikeIpOnly or RuleKind.ProtocolDetection => "once per flow and direction",
                RuleKind.DecoderEvent => "packets with an event only",
                RuleKind.Transaction => "no fast pattern: every transaction of its protocol",
                _ => "no fast pattern: every packet that fits its header",
            };
            bool isRare = entry.Kind is RuleKind.IpOnly or RuleKind.LikeIpOnly or RuleKind.ProtocolDetection or RuleKind.DecoderEvent;
            return new RuleCostEstimate(rules.Infos[index], isRare ? 0.01 : 1, perLook, reason);
        }

        int surprise = 0;
        foreach (byte value in fast)
        {
            surprise += ByteRarity.Of(value);
        }

        // Places of a buffer times the chance at each; text is far from random, hence the halving.
        double looks = Math.Min(1, 500 * Math.Pow(2, -surprise / 2.0));
        return new RuleCostEstimate(
            rules.Infos[index], looks, perLook, $"fast pattern of {fast.Length} bytes{(expressions > 0 ? $", {expressions} pcre" : "")}");
    }

    private static int Expressions(RuleSet rules, Span32 ops)
    {
        int count = 0;
        foreach (BufferOp op in rules.OpsOf(ops))
        {
            count += op.Kind == BufferOpKind.Pcre ? 1 : 0;
        }

        return count;
    }
}
