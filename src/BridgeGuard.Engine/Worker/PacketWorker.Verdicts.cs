using System.Runtime.CompilerServices;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Answers;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Worker;

/// <summary>From matches and file verdicts to one verdict.</summary>
public sealed partial class PacketWorker
{
    /// <summary>Behind the kinds of lies in the memory of what was told.</summary>
    private const int LatencyTold = 7;

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
                case RuleAction.Mark when flow is not null:
                    (flow.Judgement ??= new FlowJudgement()).RuleMark = RoleOf(flow, static r => r.Mark != 0).Mark;
                    break;
            }
        }
    }

    private void Redirect(Packet packet, Flow? flow)
    {
        if (flow is null || packet.Has(PacketFlags.Pseudo) || packet.Action == VerdictAction.Drop || flow.Has(FlowFlags.Redirected) || !Enforces(packet))
        {
            return;
        }

        int target = flow.Judgement is { RestrictionTarget: >= 0 } judgement ? judgement.RestrictionTarget : RoleOf(flow, static r => r.RedirectTarget >= 0).RedirectTarget;
        if (target < 0 || !(Model.Targets[target].BridgePort.Length > 0 ? MoveToPort(packet, flow, target) : _redirector.Move(packet, flow, target)))
        {
            // A redirect that cannot be carried out must not let the attack through.
            packet.Drop(DropReason.Rules);
            flow.Flags |= FlowFlags.Dropped;
        }
    }

    /// <summary>The client's frames leave by the target's port from here on. A server that has begun to answer is let go: whoever is behind the port speaks in its name.</summary>
    private bool MoveToPort(Packet packet, Flow flow, int target)
    {
        ushort port = _ports.TargetPort(target);
        if (port == 0 || packet.TunnelDepth != 0)
        {
            return false;
        }

        FlowJudgement judgement = flow.Judgement ??= new FlowJudgement();
        judgement.ToPort = port;
        judgement.MovedTo = Model.Targets[target];
        flow.Flags |= FlowFlags.Redirected;
        if (packet.IsTcp && flow.PacketsToClient > 0 && packet.Direction == Direction.ToServer)
        {
            TcpAnswers.TryResetReceiver(packet, Injector);
        }

        return true;
    }

    /// <summary>A frame of a flow that was moved to a port: the client's go there, answers from there go to the client, and nobody else has a say.</summary>
    private static void SteerToPort(Packet packet, Flow flow, ushort port)
    {
        if (packet.Direction == Direction.ToServer)
        {
            packet.ToPort = port;
        }
        else if (packet.Info.PortId == port)
        {
            packet.ToPort = flow.ClientPortId;
        }
        else
        {
            packet.Drop(DropReason.Redirect);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private Verdict VerdictOf(Packet packet)
    {
        Flow? flow = packet.TunnelDepth == 0 ? packet.Flow : null;
        FlowOffload offload = flow is not null ? OffloadOf(flow, packet) : FlowOffload.None;
        FlowJudgement? judgement = flow?.Judgement;
        bool drops = packet.Action == VerdictAction.Drop;
        uint mark = judgement is null ? 0 : judgement.RuleMark != 0 ? judgement.RuleMark : judgement.Mark;
        if (packet.MarkMask != 0)
        {
            // This frame's alone: the kernel must not give it to all of the flow.
            mark = ((mark != 0 ? mark : packet.Info.Mark) & ~packet.MarkMask) | packet.Mark;
            offload = FlowOffload.None;
        }

        return new Verdict
        {
            Action = packet.Action,
            Reject = drops ? packet.Reject : RejectTarget.None,
            Modified = !drops && packet.Has(PacketFlags.Modified),
            Reason = packet.DropReason,
            Offload = offload,
            ToPort = packet.ToPort,
            Mark = mark,
        };
    }

    /// <summary>What the kernel may do alone from now on: nothing about these flows can change any more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private FlowOffload OffloadOf(Flow flow, Packet packet)
    {
        if (packet.Has(PacketFlags.Restored))
        {
            // The frame had another name on the wire; what its flow's name says there is the client's.
            return FlowOffload.None;
        }

        if (flow.Has(FlowFlags.Redirected) && !flow.Has(FlowFlags.Dropped))
        {
            return OffloadMoved(flow);
        }

        if (flow.Has(FlowFlags.Dropped) || (flow.Restriction == RoleAction.Drop && flow.Key.Protocol == IpProtocols.Tcp))
        {
            // A restriction may be lifted: the kernel sends us a connection's opening again, but knows no opening of other flows.
            return FlowOffload.Drop;
        }

        // What was bypassed and is restricted since is no longer the kernel's.
        return flow.Restriction is RoleAction.AsRule or RoleAction.Bypass && (flow.Has(FlowFlags.Passed) || flow.State is FlowState.LocalBypassed or FlowState.CaptureBypassed)
            ? FlowOffload.Pass
            : flow.Restriction == RoleAction.AsRule && IsCarried(flow, packet) ? FlowOffload.PassDirection : FlowOffload.None;
    }

    /// <summary>A moved flow about which the kernel can go on alone: when nothing more is to be seen in it, or nobody wants to see it.</summary>
    private FlowOffload OffloadMoved(Flow flow)
    {
        if (flow.Judgement is not { MovedTo: { } target } moved || flow.Key.Protocol is not (IpProtocols.Tcp or IpProtocols.Udp)
            || (target.IsInspected && flow.State is not (FlowState.LocalBypassed or FlowState.CaptureBypassed)))
        {
            return FlowOffload.None;
        }

        if (moved.ToPort != 0)
        {
            Redirector.Describe(flow, moved.ToPort, Injector.Move);
        }
        else if (flow.RedirectIndex < 0 || !_redirector.TryDescribe(flow, Injector.Move))
        {
            return FlowOffload.None;
        }

        Injector.Move.Mark = moved.RuleMark != 0 ? moved.RuleMark : moved.Mark;
        return FlowOffload.Move;
    }

    /// <summary>What the role allows a frame is over: it is counted and told (once a second for a guest), and the role's exception policy decides.</summary>
    private void CheckLatency(Packet packet)
    {
        if (packet.Flow is not { } flow || packet.Action == VerdictAction.Drop || packet.Has(PacketFlags.Pseudo))
        {
            return;
        }

        RoleModel client = Model.Roles[flow.ClientGuest != 0 ? flow.ClientRole : 0];
        RoleModel server = Model.Roles[flow.ServerGuest != 0 ? flow.ServerRole : 0];
        RoleModel role = server.LatencyBudgetUs == 0 || (client.LatencyBudgetUs != 0 && client.LatencyBudgetUs <= server.LatencyBudgetUs) ? client : server;
        if (role.LatencyBudgetUs == 0)
        {
            return;
        }

        long took = _clock!() - packet.TimeUs + packet.Info.WaitedUs;
        if (took <= role.LatencyBudgetUs)
        {
            return;
        }

        Counters.Increment(Counter.WorkerLatencyExceeded);
        ExceptionPolicies.Apply(
            packet, flow, ExceptionCause.LatencyBudget, role.Exceptions?[(int)ExceptionCause.LatencyBudget] ?? ExceptionPolicy.Ignore, Counters, _settings.IsInline);
        ushort guest = flow.ClientGuest != 0 ? flow.ClientGuest : flow.ServerGuest;
        ref long told = ref _guardToldUs[((guest << 3) | LatencyTold) & (_guardToldUs.Length - 1)];
        if (packet.TimeUs - told is < 0 or >= GuardQuietUs)
        {
            told = packet.TimeUs;
            ExceptionPolicies.TryGetApplied(flow, ExceptionCause.LatencyBudget, out ExceptionPolicy answer);
            _events.LatencyExceeded(packet, flow, took, role, answer);
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

    /// <summary>Of a frame that carries several packets the flow of the innermost is told, and whatever befell any.</summary>
    private void NoteOutcome(Packet packet, Flow? flow)
    {
        if (packet.Has(PacketFlags.Pseudo))
        {
            return;
        }

        FrameOutcome sofar = Outcome;
        RuleInfo? loud = FindLoudAlert();
        TcpStream? stream = flow?.Tcp?.StreamOf(packet.Direction);
        Outcome = new FrameOutcome(
            flow?.Id ?? sofar.FlowId,
            sofar.IsAlerted || flow is { } alerted && alerted.Has(FlowFlags.Alerted) || loud is not null,
            sofar.IsTagged || packet.Has(PacketFlags.Tagged) || flow is { Variables.Tag.Active: true },
            sofar.IsPassed || packet.Has(PacketFlags.NoInspection) || flow is { } passed && passed.Has(FlowFlags.Passed),
            sofar.IsBeyondDepth || stream is { } deep && deep.Has(TcpStreamFlags.DepthReached) && !packet.Has(PacketFlags.StreamAdded),
            sofar.IsStream || packet is { IsTcp: true, PayloadLength: > 0 })
        {
            Alert = sofar.Alert ?? loud,
            AlertNumber = sofar.Alert is not null ? sofar.AlertNumber : _events.AlertCount + 1,
            PortA = flow?.ClientPortId ?? sofar.PortA,
            PortB = flow?.ServerPortId ?? sofar.PortB,
        };
    }

    private RuleInfo? FindLoudAlert()
    {
        for (int i = 0; i < _alerts.Count; i++)
        {
            if (!_alerts[i].Has(AlertFlags.Silent))
            {
                return _alerts[i].Rule;
            }
        }

        return null;
    }
}
