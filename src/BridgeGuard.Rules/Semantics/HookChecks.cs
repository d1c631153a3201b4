using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Keywords;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Semantics;

/// <summary>What a rule at a hook may look at.</summary>
internal static class HookChecks
{
    /// <summary>What a rule looks at has to be known at its hook; <c>alert</c> and <c>noalert</c> say of a firewall rule whether matches are written.</summary>
    public static void Run(BindContext context)
    {
        RuleModel rule = context.Rule;
        if (rule.Firewall is { } firewall)
        {
            rule.Firewall = firewall with { Alerts = (firewall.Alerts || rule.HasAlertKeyword) && !rule.NoAlert };
        }

        foreach (EngineModel hook in rule.Engines.Where(engine => engine.Kind == EngineKind.Progress))
        {
            // Of a hook that relatives have too the rule's own protocol is asked.
            bool isOwn = hook.Variants.Any(at => at.Protocol == rule.App);
            foreach (EngineVariant at in hook.Variants.Where(at => !isOwn || at.Protocol == rule.App))
            {
                foreach ((EngineVariant needed, string? name, Token token) in Needed(rule, at))
                {
                    Direction direction = (at.Directions & DirectionMask.ToServer) != 0 ? Direction.ToServer : Direction.ToClient;
                    int own = direction == Direction.ToServer ? needed.ProgressToServer : needed.ProgressToClient;
                    int offered = direction == Direction.ToServer ? at.ProgressToServer : at.ProgressToClient;
                    int place = HookPlaces.Find(at.Protocol, name, own);
                    if (place != offered)
                    {
                        context.FailAt(token, DiagnosticCode.Conflict, $"{token.Text} belongs to progress {place}, the hook to {offered}");
                        return;
                    }
                }
            }
        }
    }

    /// <summary>Buffers, fields and keywords of the hook's protocol and direction.</summary>
    private static IEnumerable<(EngineVariant Needed, string? Name, Token Token)> Needed(RuleModel rule, EngineVariant at)
    {
        foreach (SectionModel section in rule.Sections)
        {
            foreach ((Protocol protocol, BufferDescriptor buffer) in section.Buffer!.Variants)
            {
                if (protocol.Id == at.Protocol && (buffer.Directions & at.Directions) != 0)
                {
                    yield return (
                        new EngineVariant(protocol.Id, buffer.Directions, buffer.ProgressToServer, buffer.ProgressToClient, 0, false, null),
                        buffer.Name,
                        new Token(section.Keyword, section.Column));
                }
            }
        }

        foreach (EngineModel engine in rule.Engines)
        {
            foreach (EngineVariant variant in engine.Variants)
            {
                bool isAsked = engine.Kind is EngineKind.Field or EngineKind.File || (engine.Kind == EngineKind.Keyword && HookPlaces.Knows(at.Protocol, engine.Name));
                if (isAsked && variant.Protocol == at.Protocol && (variant.Directions & at.Directions) != 0)
                {
                    yield return (variant, engine.Name, rule.Syntax.Protocol);
                }
            }
        }
    }
}
