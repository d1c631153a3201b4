using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary>Oddities that decoder, stream engine and parsers have seen, and the protocol itself.</summary>
internal static class EventKeywords
{
    public static readonly Keyword DecodeEvent = PacketEventKeyword("decode-event", "", "an oddity of the decoder");

    public static readonly Keyword EngineEvent = new()
    {
        Name = "engine-event",
        Argument = ArgumentRule.Required,
        Help = "an oddity by its full name: decoder.… or stream.…",
        Apply = context =>
        {
            string name = context.Argument;
            bool isDecoder = name.StartsWith("decoder.", StringComparison.Ordinal);
            if (!PacketEvents.TryFind(isDecoder ? name["decoder.".Length..] : name, out PacketEvent found) || isDecoder == PacketEvents.IsStreamEvent(found))
            {
                context.Fail(DiagnosticCode.BadArgument, $"engine-event: there is no event «{context.Argument}»", "the full name of a packet event");
                return;
            }

            context.Rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = ConditionKind.PacketEvent, A = (int)found }));
        },
    };

    public static readonly Keyword StreamEvent = PacketEventKeyword("stream-event", "stream.", "an oddity of the TCP engine");

    public static readonly Keyword AppLayerEvent = new()
    {
        Name = "app-layer-event",
        Argument = ArgumentRule.Required,
        Help = "an oddity of a protocol parser (protocol.name) or of protocol detection (applayer_…)",
        Apply = ApplyAppLayerEvent,
    };

    public static readonly Keyword AppLayerProtocol = new()
    {
        Name = "app-layer-protocol",
        TakesQuotes = true,
        Argument = ArgumentRule.Required,
        Help = "[!]protocol[,final|original|either|to_server|to_client]",
        Apply = ApplyAppLayerProtocol,
    };

    private static Keyword PacketEventKeyword(string name, string prefix, string help, params string[] aliases) => new()
    {
        Name = name,
        Aliases = aliases,
        Argument = ArgumentRule.Required,
        Help = help,
        Apply = context =>
        {
            string text = context.Argument.ToLowerInvariant();
            bool isKnown = PacketEvents.TryFind(prefix + text, out PacketEvent packetEvent);
            if (!isKnown || (prefix.Length == 0 && packetEvent >= PacketEvent.FirstStreamEvent))
            {
                context.Fail(DiagnosticCode.BadArgument, $"{name}: there is no event «{text}»", "the name of a packet event");
                return;
            }

            if (text == "udp.hlen_invalid")
            {
                // RFC 768 lengths are judged by other events since Suricata 7.0.4; rules of older sets still name this one.
                context.Warn(DiagnosticCode.BadArgument, $"{name}: the event «{text}» is no longer raised");
            }

            context.Rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = ConditionKind.PacketEvent, A = (int)packetEvent }));
        },
    };

    private static void ApplyAppLayerEvent(BindContext context)
    {
        string text = context.Argument;
        int generic = Array.IndexOf(AppLayerEventNames.All, text);
        if (generic >= 0)
        {
            context.Rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = ConditionKind.AppEvent, A = 1 << generic }));
            return;
        }

        int dot = text.IndexOf('.');
        string name = dot < 0 ? "" : text[..dot];
        string anomaly = dot < 0 ? "" : text[(dot + 1)..];
        if (context.Environment.AreOff(context.Environment.Keywords.Protocols.Where(protocol => Matches(protocol, name)), out string off))
        {
            context.Fail(DiagnosticCode.Unsupported, $"app-layer-event: the protocol {off} is switched off", $"app-layer.protocols.{off}.enabled: yes");
            return;
        }

        var variants = new List<EngineVariant>();
        foreach (Protocol protocol in context.Environment.Keywords.Protocols)
        {
            if (!Matches(protocol, name))
            {
                continue;
            }

            int index = Array.FindIndex(protocol.Anomalies, candidate => candidate.Name.Equals(anomaly, StringComparison.OrdinalIgnoreCase));
            if (index >= 0)
            {
                variants.Add(new EngineVariant(protocol.Id, DirectionMask.Both, 0, 0, index, false, null));
            }
        }

        if (variants.Count == 0)
        {
            if (name != "file" && !context.Environment.TryFindProtocol(name, out _))
            {
                context.Fail(DiagnosticCode.BadArgument, $"app-layer-event: there is no event «{text}»", "protocol.event");
                return;
            }

            // Event rules of other versions name events that this one does not have: they can never match and do no harm.
            context.Warn(DiagnosticCode.BadArgument, $"app-layer-event: {name} has no event «{anomaly}»; the rule is left out");
            context.Rule.IsSkipped = true;
            return;
        }

        context.Rule.Engines.Add(new EngineModel { Kind = EngineKind.Anomaly, Variants = variants });
    }

    private static bool Matches(Protocol protocol, string name) =>
        protocol.Name == name || protocol.Aliases.Contains(name) || (name == "http" && protocol.Id is ProtocolId.Http1)
        || (name == "http1" && protocol.Id is ProtocolId.Http1) || (name == "http2" && protocol.Id is ProtocolId.Doh2);

    private static void ApplyAppLayerProtocol(BindContext context)
    {
        string[] parts = context.Argument.Trim('"').Split(',');
        bool isNegated = parts[0].StartsWith('!');
        string name = parts[0].TrimStart('!').Trim();
        byte mode = 0;
        if (parts.Length == 2)
        {
            mode = parts[1] switch
            {
                "final" => 6,
                "original" => 5,
                "either" => 3,
                "to_server" => 1,
                "to_client" => 2,
                _ => 255,
            };
        }

        if (parts.Length > 2 || mode == 255)
        {
            context.FailArgument("[!]protocol, then optionally final, original, either, to_server or to_client");
            return;
        }

        if (!context.Environment.TryFindProtocol(name, out ProtocolId id))
        {
            context.Fail(DiagnosticCode.UnknownProtocol, $"app-layer-protocol: there is no protocol «{name}»");
            return;
        }

        if (isNegated && id == ProtocolId.Unknown)
        {
            context.Fail(DiagnosticCode.BadArgument, "app-layer-protocol: «unknown» is not negated", "the protocols that are meant");
            return;
        }

        if (context.Environment.IsOff(id))
        {
            context.Fail(DiagnosticCode.Unsupported, $"app-layer-protocol: the protocol {name} is switched off", $"app-layer.protocols.{name}.enabled: yes");
            return;
        }

        if (context.Rule.App != ProtocolId.Unknown || context.Rule.Conditions.Exists(condition =>
            condition.Condition.Kind == ConditionKind.AppProtocol && condition.Condition.Mode == mode
            && (!(condition.Condition.Negated && isNegated) || condition.Condition.A == (int)id))
            || RuleChecks.HasProtocol(context.Rule))
        {
            context.Fail(DiagnosticCode.ConflictingProtocol, "app-layer-protocol: the rule has a protocol already");
            return;
        }

        context.Rule.Conditions.Add(new ConditionModel(new PacketCondition
        {
            Kind = ConditionKind.AppProtocol,
            A = (int)id,
            Mode = mode,
            Negated = isNegated,
        }));
    }
}
