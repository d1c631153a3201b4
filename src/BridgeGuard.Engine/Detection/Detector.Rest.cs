using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Detection;

/// <content>Whether any rule is left that could match the rest of a flow.</content>
/// <remarks>
/// Asked rarely: when a flow enters a stage in which it may settle. The rest consists of data packets of an established flow: SYN, FIN, RST and fragments
/// come to the engine still. Beyond the stream's depth, and once encrypted, contents are not looked for, as with Suricata's <c>stream.bypass</c>.
/// Rules on packet and stream events that only alert do not hold a flow: they tell of oddities and change no verdict.
/// </remarks>
public sealed partial class Detector
{
    /// <summary>Answers kept for kinds of flows; beyond it they are worked out anew.</summary>
    private const int MaxRestAnswers = 4096;

    private const byte FinSynRst = 0x07;

    private readonly Dictionary<RestKey, bool> _restPatterns = [];
    private RuleSet _restRules = RuleSet.Empty;
    private CompiledPolicy _restPolicy = CompiledPolicy.Empty;

    /// <summary>True when a rule might match a later data packet of the flow, or when that is not known.</summary>
    public bool MayStillMatch(RuleSet rules, Flow flow) => MayStillMatch(rules, flow, toServer: true, toClient: true);

    /// <summary>True when a rule might match a later data packet of one direction of the flow, or when that is not known.</summary>
    public bool MayStillMatch(RuleSet rules, Flow flow, Direction direction) =>
        MayStillMatch(rules, flow, direction == Direction.ToServer, direction == Direction.ToClient);

    private bool MayStillMatch(RuleSet rules, Flow flow, bool toServer, bool toClient)
    {
        if (rules.Count == 0)
        {
            return false;
        }

        if (flow.Group is not { } group || group.Opposite is not { } opposite || !ReferenceEquals(group.RuleSet, rules))
        {
            return true;
        }

        if (!ReferenceEquals(_restRules, rules) || !ReferenceEquals(_restPolicy, Policy) || _restPatterns.Count >= MaxRestAnswers)
        {
            _restPatterns.Clear();
            (_restRules, _restPolicy) = (rules, Policy);
        }

        return IsAsked(group, toServer, toClient) && MayStillMatch(rules, flow, group)
            || IsAsked(opposite, toServer, toClient) && MayStillMatch(rules, flow, opposite);
    }

    private static bool IsAsked(RuleGroup group, bool toServer, bool toClient) => group.Direction == Direction.ToServer ? toServer : toClient;

    private bool MayStillMatch(RuleSet rules, Flow flow, RuleGroup group)
    {
        Direction direction = group.Direction;
        bool hasPayload = !flow.Has(FlowFlags.NoPayloadInspection)
            && !(flow.Tcp is { } session && (session.StreamOf(direction).Flags & (TcpStreamFlags.DepthReached | TcpStreamFlags.NoRaw)) != 0);
        foreach (int rule in group.Always)
        {
            if (Stays(rules, rule, flow, hasPayload))
            {
                return true;
            }
        }

        foreach (int rule in group.Events)
        {
            if (rules.Entries[rule].Action is not (RuleAction.Alert or RuleAction.Pass) && IsWanted(rules, rule, flow))
            {
                return true;
            }
        }

        if (flow.AppState is not null && !(flow.Has(FlowFlags.Encrypted) && flow.Has(FlowFlags.NoPayloadInspection))
            && (group.Transactions[(int)flow.App].Length > 0 || group.Anomalies[(int)flow.App].Length > 0 || rules.BufferPrefilters[((int)flow.App * 2) + (int)direction].All.Length > 0)
            && !flow.Has(direction == Direction.ToServer ? FlowFlags.NoAppLayerToServer : FlowFlags.NoAppLayerToClient) && hasPayload)
        {
            return true;
        }

        return hasPayload && group.PayloadPatterns != 0 && HasPatterns(rules, flow, group);
    }

    /// <summary>Whether a rule of the group with a pattern in the payload concerns flows of this protocol and these roles.</summary>
    private bool HasPatterns(RuleSet rules, Flow flow, RuleGroup group)
    {
        RestKey key = new(group, flow.App, flow.ClientRole, flow.ServerRole);
        if (_restPatterns.TryGetValue(key, out bool known))
        {
            return known;
        }

        bool found = false;
        foreach (PrefilterTable[] slot in rules.PayloadPrefilters)
        {
            found |= Array.Exists(slot, table => Array.Exists(
                table.Rules, rule => group.HasHeader(rules.HeaderOfRule[rule]) && Concerns(rules.Entries[rule].App, flow.App) && IsWanted(rules, rule, flow)));
        }

        _restPatterns[key] = found;
        return found;
    }

    private bool IsWanted(RuleSet rules, int rule, Flow flow) =>
        !Policy.ChangesRules || Policy.ActionFor(rule, rules.Entries[rule].Action, flow, out _) != RoleAction.Off;

    private static bool Concerns(ProtocolId rule, ProtocolId flow) => rule == ProtocolId.Unknown || AppMatches(rule, flow);

    /// <summary>Whether a rule without a fast pattern may match what comes yet.</summary>
    private bool Stays(RuleSet rules, int rule, Flow flow, bool hasPayload)
    {
        ref readonly RuleEntry entry = ref rules.Entries[rule];
        if (!Concerns(entry.App, flow.App) || (entry.Payload.Count > 0 && !hasPayload) || !IsWanted(rules, rule, flow))
        {
            return false;
        }

        foreach (PacketCondition condition in rules.Conditions.AsSpan(entry.Conditions.Start, entry.Conditions.Count))
        {
            if (IsRuledOut(condition, rules, flow))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A condition that no later data packet of this flow can meet.</summary>
    private static bool IsRuledOut(in PacketCondition condition, RuleSet rules, Flow flow) => condition.Kind switch
    {
        ConditionKind.Never or ConditionKind.NotEstablished or ConditionKind.FlowStart => true,
        ConditionKind.TcpFlags => condition.Mode != 3 && condition.Mode != 2 && ((uint)condition.A & FinSynRst & ~(uint)condition.B) != 0,
        ConditionKind.IcmpType or ConditionKind.IcmpCode or ConditionKind.IcmpId or ConditionKind.IcmpSequence or ConditionKind.IcmpV6Mtu => true,
        ConditionKind.FragmentOffset => condition.Test.Matches(0) == condition.Negated,

        // A bit that is not set can be set by a rule only, and if that rule is left the flow is held by it.
        ConditionKind.FlowBitSet => !AnyBit(condition, rules, flow, isSet: true),
        ConditionKind.FlowBitNotSet => !AnyBit(condition, rules, flow, isSet: false),
        _ => false,
    };

    private static bool AnyBit(in PacketCondition condition, RuleSet rules, Flow flow, bool isSet)
    {
        foreach (int bit in rules.Numbers.AsSpan(condition.A, condition.B))
        {
            if (flow.Variables.IsBitSet(bit) == isSet)
            {
                return true;
            }
        }

        return false;
    }

    private readonly record struct RestKey(RuleGroup Group, ProtocolId App, byte ClientRole, byte ServerRole);
}
