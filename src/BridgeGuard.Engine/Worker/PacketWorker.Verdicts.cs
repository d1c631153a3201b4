using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Engine.Worker;

/// <summary>From matches and file verdicts to one verdict.</summary>
public sealed partial class PacketWorker
{
    private PolicyModel Model => _current.Policy.Model;

    /// <summary>What is decided about this packet is carried out.</summary>
    private bool Enforces(Packet packet) => _settings.IsInline && !packet.IsPassive;

    /// <summary>Carries out what detection alone cannot: moves and sinkholes. Drops and passes it has marked on packet and flow already.</summary>
    private void Resolve(Packet packet, Flow? flow)
    {
        for (int i = 0; i < _alerts.Count; i++)
        {
            ref AlertEntry alert = ref _alerts[i];
            switch (alert.Action)
            {
                case RuleAction.Redirect:
                    Redirect(packet, flow);
                    break;
                case RuleAction.Sinkhole:
                    Sinkhole(packet, flow);
                    break;
                case RuleAction.RateLimit or RuleAction.Tarpit or RuleAction.BlockPage or RuleAction.Bypass when flow is not null && Enforces(packet):
                    Hinder(packet, flow, in alert);
                    break;
            }
        }
    }

    private void Redirect(Packet packet, Flow? flow)
    {
        if (flow is null || packet.Has(PacketFlags.Pseudo) || packet.Action == VerdictAction.Drop || flow.RedirectIndex >= 0 || !Enforces(packet))
        {
            return;
        }

        int target = flow.Judgement is { RestrictionTarget: >= 0 } judgement ? judgement.RestrictionTarget : RoleOf(flow, static r => r.RedirectTarget >= 0).RedirectTarget;
        if (target < 0 || !_redirector.Move(packet, flow, target))
        {
            // A redirect that cannot be carried out must not let the attack through.
            packet.Drop(DropReason.Rules);
            flow.Flags |= FlowFlags.Dropped;
        }
    }

    /// <summary>Matches in the middle of a flow that make all of it slow, still, or trusted.</summary>
    private void Hinder(Packet packet, Flow flow, in AlertEntry alert)
    {
        if (packet.Has(PacketFlags.Pseudo) || packet.Action == VerdictAction.Drop || flow.Restriction >= CompiledPolicy.Rank(alert.Action))
        {
            return;
        }

        switch (alert.Action)
        {
            case RuleAction.Bypass:
                flow.Flags |= FlowFlags.Passed;
                break;
            case RuleAction.BlockPage:
                AnswerWithPage(packet, flow, alert.Rule);
                break;
            default:
                RoleAction action = alert.Action == RuleAction.Tarpit ? RoleAction.Tarpit : RoleAction.RateLimit;
                Decide(flow, action, alert.Rule, tells: false, RoleOf(flow, static r => r.Rules.Length > 0), null);
                Restrict(packet, flow);
                break;
        }
    }

    private void Sinkhole(Packet packet, Flow? flow)
    {
        if (flow is null || packet.Has(PacketFlags.Pseudo) || packet.Action == VerdictAction.Drop || !Enforces(packet))
        {
            return;
        }

        RoleModel role = RoleOf(flow, static r => r.Sinkhole is not null);
        if (packet.Direction == Direction.ToServer)
        {
            // Without room for the answer the client asks again; the query goes nowhere either way.
            DnsSinkhole.TryAnswer(packet, role.Sinkhole, Injector);
        }

        packet.Drop(DropReason.Redirect);
    }

    /// <summary>The role of the guest that is protected: the client's, or the server's when only that end is a guest or says something.</summary>
    private RoleModel RoleOf(Flow flow, Func<RoleModel, bool> speaks)
    {
        RoleModel client = Model.Roles[flow.ClientRole];
        RoleModel server = Model.Roles[flow.ServerRole];
        bool clientDecides = flow.ClientGuest != 0 || flow.ServerGuest == 0;
        return clientDecides && (speaks(client) || flow.ServerGuest == 0) ? client : server;
    }

    private RoleModel ReceiverRole(Flow flow, Direction direction) =>
        Model.Roles[direction == Direction.ToClient ? flow.ClientRole : flow.ServerRole];

    private void AddBuiltIn(RuleInfo rule) => _alerts.Add(new AlertEntry { Rule = rule, Action = rule.Action });
}
