using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Compilation;

/// <summary>What kind of rule a model is, and whether its payload contents look at packets, the stream or both.</summary>
internal static class RuleKinds
{
    /// <summary>Flags for the payload section, as Suricata chooses them.</summary>
    public static RuleFlags PayloadFlags(RuleModel rule)
    {
        if (rule.IsPacketOnly || rule.NoStream)
        {
            return RuleFlags.NeedPacket | RuleFlags.NoStream;
        }

        if (rule.IsStreamOnly || rule.OnlyStream)
        {
            return rule.OnlyStream ? RuleFlags.NeedStream | RuleFlags.OnlyStream : RuleFlags.NeedStream;
        }

        if (rule.RequiresPacket || rule.Conditions.Exists(condition => condition.NeedsPacket))
        {
            return RuleFlags.NeedPacket;
        }

        if (!IncludesTcp(rule) || rule.Payload.Ops.Count == 0)
        {
            return RuleFlags.None;
        }

        bool isAnchored = rule.Payload.Ops.Exists(op => op.Kind == BufferOpKind.Content && op.Has(OpFlags.HasDepth | OpFlags.HasOffset));
        return isAnchored ? RuleFlags.NeedStream | RuleFlags.NeedPacket : RuleFlags.NeedStream;
    }

    public static RuleKind KindOf(RuleModel rule, RuleFlags payload)
    {
        if (rule.Sections.Count > 0 || rule.Engines.Count > 0)
        {
            return RuleKind.Transaction;
        }

        if (rule.Frames.Count > 0)
        {
            return RuleKind.Frame;
        }

        if (rule.Payload.Ops.Count > 0)
        {
            return (payload & (RuleFlags.NeedPacket | RuleFlags.NeedStream)) switch
            {
                RuleFlags.NeedPacket => RuleKind.Packet,
                RuleFlags.NeedStream => RuleKind.Stream,
                _ => RuleKind.PacketAndStream,
            };
        }

        if (rule.Conditions.Count > 0)
        {
            if (rule.Conditions.TrueForAll(IsDecoderEvent) && !rule.HasFlowKeyword)
            {
                return RuleKind.DecoderEvent;
            }

            if (rule.Conditions.TrueForAll(condition => condition.Condition.Kind == ConditionKind.AppProtocol))
            {
                // With flow:stateless, too, the state is asked for, if only to say that any will do.
                return rule.FlowHasState ? RuleKind.Packet : RuleKind.ProtocolDetection;
            }

            if (!rule.Conditions.TrueForAll(condition => condition.IsIpOnlyCompatible))
            {
                return RuleKind.Packet;
            }
        }

        if (rule.App != ProtocolId.Unknown && !rule.HasFlowKeyword)
        {
            return RuleKind.AppLayer;
        }

        // What is said of stream and packets alone leaves a rule without contents one on addresses.
        bool hasFlow = rule.HasFlowKeyword && (rule.App != ProtocolId.Unknown || !rule.FlowIsOfStreamOnly);
        if (hasFlow || rule.Hook.Length > 0 || rule.Effects.Exists(IsOfPackets))
        {
            return RuleKind.Packet;
        }

        return IsNegated(rule.SourceText) || IsNegated(rule.DestinationText) ? RuleKind.LikeIpOnly : RuleKind.IpOnly;
    }

    /// <summary>
    /// Whether the rule's action is for the flow when no scope says so. Rules on the stream are not among them: found in one packet's own payload (a SYN with
    /// data, say) a pattern condemns that packet; found in the stream it condemns the flow, which the match itself says.
    /// </summary>
    public static bool ActsOnFlow(RuleModel rule, RuleKind kind) => kind is RuleKind.IpOnly or RuleKind.LikeIpOnly or RuleKind.ProtocolDetection
        or RuleKind.AppLayer or RuleKind.Transaction or RuleKind.Frame || (kind == RuleKind.Packet && IsOfProtocolAndDirection(rule));

    /// <summary>A protocol and which way its packets go is all that is asked for.</summary>
    public static bool IsOfProtocolAndDirection(RuleModel rule) => rule.App != ProtocolId.Unknown && rule.HasFlowKeyword && !rule.FlowHasState && rule.Hook.Length == 0
        && rule.Payload.Ops.Count == 0 && rule.Conditions.TrueForAll(condition => condition.IsIpOnlyCompatible);

    public static bool IncludesTcp(RuleModel rule) =>
        rule.Protocols is not { } bits || (bits[IpProtocols.Tcp >> 6] & (1UL << (IpProtocols.Tcp & 63))) != 0;

    /// <summary>What is done with each packet: a bit that is only set is set once, but one that is taken away or turned, and numbers, change again and again.</summary>
    private static bool IsOfPackets(RuleEffect effect) => effect.Kind is EffectKind.Bypass or EffectKind.FlowBitUnset or EffectKind.FlowBitToggle
        or EffectKind.FlowIntSet or EffectKind.FlowIntAdd or EffectKind.FlowIntSubtract;

    private static bool IsDecoderEvent(ConditionModel condition) =>
        condition.Condition.Kind == ConditionKind.PacketEvent && condition.Condition.A < (int)PacketEvent.FirstStreamEvent;

    private static bool IsNegated(string text) => text.Contains('!');
}
