using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Keywords;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Semantics;

/// <summary>What a rule's options have to satisfy together, once all of them are known.</summary>
internal static class RuleChecks
{
    public static void Run(BindContext context)
    {
        RuleModel rule = context.Rule;
        if (rule.Sid == 0)
        {
            context.FailAt(rule.Syntax.Action, DiagnosticCode.MissingSid, "the rule has no sid", "sid:NUMBER;");
            return;
        }

        CheckSections(context);
        if (!context.HasFailed)
        {
            ResolveProtocol(context);
        }

        if (!context.HasFailed)
        {
            ResolveDirections(context);
        }
    }

    private static void CheckSections(BindContext context)
    {
        RuleModel rule = context.Rule;
        foreach (SectionModel section in rule.Sections)
        {
            if (section.Ops.Count == 0 && !section.Absent)
            {
                context.FailAt(
                    new Token(section.Keyword, section.Column),
                    DiagnosticCode.BufferWithoutContent,
                    $"nothing looks at the buffer {section.Keyword}",
                    "a content or another match after it");
                return;
            }

            CheckValidators(context, section);
        }

        foreach (ConditionModel condition in rule.Conditions)
        {
            if (condition.Section is { Ops.Count: 0 } empty)
            {
                context.FailAt(new Token(empty.Keyword, empty.Column), DiagnosticCode.BufferWithoutContent, $"nothing looks at the buffer {empty.Keyword}", "a content or another match after it");
                return;
            }
        }

        if (rule.Base64Data is { Ops.Count: 0 })
        {
            context.FailAt(new Token("base64_data", rule.Base64Data.Column), DiagnosticCode.BufferWithoutContent, "nothing looks at base64_data", "a content after it");
        }
    }

    private static void CheckValidators(BindContext context, SectionModel section)
    {
        if (section.Transforms.Count > 0)
        {
            return;
        }

        foreach ((_, BufferDescriptor descriptor) in section.Buffer!.Variants)
        {
            if (descriptor.ValidateContent is not { } validate)
            {
                continue;
            }

            foreach (OpModel op in section.Ops)
            {
                if (op.Kind == BufferOpKind.Content && !op.IsNegated && validate(op.Pattern, op.Has(OpFlags.IgnoreCase)) is { } message)
                {
                    context.FailAt(new Token(section.Keyword, op.Column), DiagnosticCode.CannotMatch, message);
                    return;
                }
            }
        }
    }

    /// <summary>A rule on tcp or ip that looks at one protocol's buffers belongs to that protocol.</summary>
    private static void ResolveProtocol(BindContext context)
    {
        RuleModel rule = context.Rule;
        foreach ((IEnumerable<ProtocolId> protocols, Token token) in Demands(rule))
        {
            var list = protocols.Distinct().ToList();
            if (rule.App != ProtocolId.Unknown)
            {
                if (!list.Exists(id => Detector.AppMatches(rule.App, id)))
                {
                    context.FailAt(
                        token,
                        DiagnosticCode.ConflictingProtocol,
                        $"{token.Text} does not belong to the rule's protocol",
                        string.Join(", ", list.Select(id => ProtocolCatalog.Get(id)?.Name ?? id.ToString())));
                    return;
                }

                continue;
            }

            ProtocolId only = list switch
            {
                [var single] => single,
                _ when list.TrueForAll(id => Detector.AppMatches(ProtocolId.Http, id)) => ProtocolId.Http,
                _ when list.TrueForAll(id => Detector.AppMatches(ProtocolId.Dns, id)) => ProtocolId.Dns,
                _ when list.TrueForAll(id => Detector.AppMatches(ProtocolId.DceRpc, id)) => ProtocolId.DceRpc,
                _ => ProtocolId.Unknown,
            };
            rule.App = only;
        }
    }

    private static IEnumerable<(IEnumerable<ProtocolId> Protocols, Token Token)> Demands(RuleModel rule)
    {
        foreach (SectionModel section in rule.Sections)
        {
            yield return (section.Buffer!.Variants.Select(variant => variant.Protocol.Id), new Token(section.Keyword, section.Column));
        }

        foreach (EngineModel engine in rule.Engines)
        {
            yield return (engine.Variants.Select(variant => variant.Protocol), rule.Syntax.Protocol);
        }
    }

    /// <summary>Buffers that exist in one direction restrict the rule to it.</summary>
    private static void ResolveDirections(BindContext context)
    {
        RuleModel rule = context.Rule;
        DirectionMask possible = rule.Directions;
        foreach (SectionModel section in rule.Sections)
        {
            DirectionMask directions = DirectionsOf(rule, section);
            if (rule.IsTwoWay)
            {
                continue;
            }

            if ((possible & directions) == 0)
            {
                context.FailAt(
                    new Token(section.Keyword, section.Column),
                    DiagnosticCode.ConflictingDirection,
                    $"{section.Keyword} exists only {(directions == DirectionMask.ToServer ? "to server" : "to client")}, the rule is for the other direction");
                return;
            }

            possible &= directions;
        }

        foreach (EngineModel engine in rule.Engines)
        {
            DirectionMask directions = engine.Variants
                .Where(variant => rule.App == ProtocolId.Unknown || Detector.AppMatches(rule.App, variant.Protocol))
                .Aggregate(DirectionMask.None, (mask, variant) => mask | variant.Directions);
            if (rule.IsTwoWay)
            {
                continue;
            }

            if ((possible & directions) == 0)
            {
                context.FailAt(rule.Syntax.Protocol, DiagnosticCode.ConflictingDirection, "a keyword exists only in the other direction");
                return;
            }

            possible &= directions;
        }

        rule.Directions = possible;
    }

    private static DirectionMask DirectionsOf(RuleModel rule, SectionModel section) => section.Buffer!.Variants
        .Where(variant => rule.App == ProtocolId.Unknown || Detector.AppMatches(rule.App, variant.Protocol.Id))
        .Aggregate(DirectionMask.None, (mask, variant) => mask | variant.Descriptor.Directions);
}
