using BridgeGuard.Engine.Detection;

namespace BridgeGuard.Rules.Explain;

/// <summary>Something about a good rule that its author may want to know.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Code">Stable name of the advice.</param>
/// <param name="Text">What is the matter, in one sentence.</param>
public sealed record RuleAdvice(RuleInfo Rule, string Code, string Text);

/// <summary>What a rule costs before any traffic: how often it is looked at and how long its instructions are.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Score">Higher is dearer; comparable within one set only.</param>
/// <param name="Why">What the score is made of.</param>
public sealed record StaticCost(RuleInfo Rule, long Score, string Why);

/// <summary>Advice on rules that load: what makes them slow or deaf.</summary>
public static class RuleLinter
{
    /// <summary>A shorter pattern occurs by chance in ordinary traffic so often that it hardly filters.</summary>
    private const int ShortPatternBytes = 4;

    // Relative costs of one evaluation, from the instruction benchmarks: a content is a search, an expression some thirty of them.
    private const int ContentCost = 1;
    private const int ExpressionCost = 30;
    private const int OtherCost = 1;
    private const int EveryPacketFactor = 1000;
    private const int EveryTransactionFactor = 100;

    /// <summary>Advice on all rules of a set, in evaluation order.</summary>
    public static IReadOnlyList<RuleAdvice> Advise(RuleSet rules)
    {
        var advice = new List<RuleAdvice>();
        for (int i = 0; i < rules.Count; i++)
        {
            Advise(rules, i, advice);
        }

        return advice;
    }

    /// <summary>The dearest rules first.</summary>
    public static IReadOnlyList<StaticCost> Costs(RuleSet rules)
    {
        var costs = new List<StaticCost>();
        for (int i = 0; i < rules.Count; i++)
        {
            ref readonly RuleEntry entry = ref rules.Entries[i];
            (int contents, int expressions, int others, int longest) = Count(rules, entry);
            bool isFiltered = (entry.Flags & RuleFlags.HasFastPattern) != 0;
            int factor = isFiltered ? Math.Max(1, 64 >> Math.Min(6, longest)) : entry.Kind switch
            {
                RuleKind.Transaction or RuleKind.Frame or RuleKind.AppLayer => EveryTransactionFactor,
                RuleKind.IpOnly or RuleKind.LikeIpOnly or RuleKind.ProtocolDetection or RuleKind.DecoderEvent => 1,
                _ => EveryPacketFactor,
            };
            long once = 1 + (contents * ContentCost) + (expressions * ExpressionCost) + (others * OtherCost) + entry.Conditions.Count;
            string how = isFiltered ? $"prefiltered by {longest} bytes" : $"asked of every {(factor == EveryPacketFactor ? "packet" : factor == 1 ? "flow" : "transaction")}";
            costs.Add(new StaticCost(rules.Infos[i], once * factor, $"{how}; {contents} contents, {expressions} expressions, {others + entry.Conditions.Count} others"));
        }

        return [.. costs.OrderByDescending(cost => cost.Score).ThenBy(cost => cost.Rule.Sid)];
    }

    private static void Advise(RuleSet rules, int index, List<RuleAdvice> advice)
    {
        ref readonly RuleEntry entry = ref rules.Entries[index];
        RuleInfo info = rules.Infos[index];
        (int contents, int expressions, _, int longest) = Count(rules, entry);
        bool isFiltered = (entry.Flags & RuleFlags.HasFastPattern) != 0;
        if (info.IsFirewall)
        {
            return;
        }

        if (!isFiltered && entry.Kind is RuleKind.Packet or RuleKind.Stream or RuleKind.PacketAndStream && (entry.Flags & RuleFlags.HasPayload) != 0)
        {
            advice.Add(new RuleAdvice(info, "no-prefilter", "no content can be searched for first: every packet of its header is evaluated"));
        }

        if (expressions > 0 && contents == 0)
        {
            advice.Add(new RuleAdvice(info, "pcre-alone", "an expression without a content beside it runs on everything its header selects"));
        }

        if (isFiltered && longest < ShortPatternBytes)
        {
            advice.Add(new RuleAdvice(info, "short-pattern", $"the longest content has {longest} bytes and occurs by chance"));
        }

        if (info.Message.Length == 0)
        {
            advice.Add(new RuleAdvice(info, "no-message", "the rule has no msg"));
        }

        if (info.Rev == 0)
        {
            advice.Add(new RuleAdvice(info, "no-revision", "the rule has no rev"));
        }

        if (info.ClassType.Length == 0)
        {
            advice.Add(new RuleAdvice(info, "no-class", "the rule has no classtype"));
        }
    }

    private static (int Contents, int Expressions, int Others, int Longest) Count(RuleSet rules, in RuleEntry entry)
    {
        int contents = 0;
        int expressions = 0;
        int others = 0;
        int longest = 0;
        Add(entry.Payload);
        foreach (InspectionEngine engine in rules.Engines.AsSpan(entry.Engines.Start, entry.Engines.Count))
        {
            others += engine.Kind == EngineKind.Buffer ? 0 : 1;
            Add(engine.Ops);
        }

        return (contents, expressions, others, longest);

        void Add(Span32 section)
        {
            foreach (BufferOp op in rules.OpsOf(section))
            {
                switch (op.Kind)
                {
                    case BufferOpKind.Content:
                        contents++;
                        longest = (op.Flags & OpFlags.Negated) == 0 ? Math.Max(longest, op.DataLength) : longest;
                        break;
                    case BufferOpKind.Pcre:
                        expressions++;
                        break;
                    default:
                        others++;
                        break;
                }
            }
        }
    }
}
