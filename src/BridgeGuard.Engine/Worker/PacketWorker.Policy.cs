using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Answers;
using BridgeGuard.Engine.Policy.Behaviour;
using BridgeGuard.Engine.Policy.Contracts;
using BridgeGuard.Engine.Policy.Encrypted;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Policy.Standing;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Worker;

/// <summary>What roles, actions and behaviour decide about whole flows: once per flow, and again when the program is exchanged.</summary>
public sealed partial class PacketWorker
{
    /// <summary>Findings of one packet; more are not told.</summary>
    private const int MaxFindings = 8;

    /// <summary>Payload of an echo packet that no usual ping has (Windows sends 32 bytes, Linux 56).</summary>
    private const int FatPingBytes = 128;

    private readonly AlertEntry[] _findings = new AlertEntry[MaxFindings];

    /// <summary>Some megabytes, so it is only made when a role asks for behaviour.</summary>
    private BehaviourTracker? _behaviour;
    private readonly RateLimiter _rates = new();
    private int _findingCount;

    /// <summary>What held for the flow in hand before it was judged anew.</summary>
    private RoleAction _restrictionBefore;

    /// <summary>Names the ends and works out what holds for the whole flow.</summary>
    private void Judge(Flow flow, Packet packet, bool isNew)
    {
        ushort clientBefore = flow.ClientGuest;
        ushort serverBefore = flow.ServerGuest;
        RoleAction before = flow.Restriction;
        _restrictionBefore = before;
        NameEnds(flow);
        if (flow.ClientGuest == 0 && flow.ServerGuest == 0 && _current.Actions.All.Length == 0 && _shared.Marks.IsEmpty)
        {
            flow.Restriction = RoleAction.AsRule;
            return;
        }

        flow.Restriction = RoleAction.AsRule;
        bool tells = isNew || flow.ClientGuest != clientBefore || flow.ServerGuest != serverBefore;
        JudgeByAction(flow, packet, tells);
        if (flow.Restriction != RoleAction.Redirect)
        {
            // What is moved away does not reach the guest, so that its contract has nothing to forbid.
            JudgeByContract(flow, packet, tells, before);
        }

        if (isNew && !packet.Has(PacketFlags.Pseudo))
        {
            JudgeByBehaviour(flow, packet, Model.Roles[flow.ClientRole], Model.Roles[flow.ServerRole]);
        }
    }

    /// <summary>Who the ends are, and what their roles say about how the flow is read.</summary>
    private void NameEnds(Flow flow)
    {
        Identify(flow);
        flow.PolicyGeneration = _policyGeneration;
        RoleModel client = Model.Roles[flow.ClientRole];
        RoleModel server = Model.Roles[flow.ServerRole];
        if (flow.Judgement is not null || (client.HostOs ?? server.HostOs) is not null || (client.Exceptions ?? server.Exceptions) is not null)
        {
            FlowJudgement judgement = flow.Judgement ??= new FlowJudgement();
            judgement.ClientOs = client.HostOs;
            judgement.ServerOs = server.HostOs;
            judgement.Exceptions = flow.ClientGuest != 0 ? client.Exceptions ?? server.Exceptions : server.Exceptions;
            judgement.RestrictionTarget = -1;
            judgement.Mark = 0;
        }

        ChooseViews(flow);
    }

    /// <summary>Whose HOME_NET rules see: a guest's whose role says that home is the guest itself.</summary>
    private void ChooseViews(Flow flow)
    {
        ushort client = flow.ClientGuest != 0 ? _current.Policy.ViewOf(flow.ClientRole) : (ushort)0;
        ushort server = flow.ServerGuest != 0 ? _current.Policy.ViewOf(flow.ServerRole) : (ushort)0;
        if (flow.Judgement is null && (client | server) == 0)
        {
            return;
        }

        FlowJudgement judgement = flow.Judgement ??= new FlowJudgement();
        (ushort clientBefore, ushort serverBefore) = (judgement.ClientView, judgement.ServerView);
        (judgement.ClientView, judgement.ServerView) = AddressViews.Pair(client, server);
        if (clientBefore != judgement.ClientView || serverBefore != judgement.ServerView)
        {
            flow.Group = null;
        }
    }

    private void JudgeByAction(Flow flow, Packet packet, bool tells)
    {
        StandingAction? action = _current.Actions.Find(flow.ClientGuest, flow.Key.Source, flow.ServerGuest, flow.Key.Destination, packet.TimeUs, out StandingAction? mark);
        if (mark is not null)
        {
            (flow.Judgement ??= new FlowJudgement()).Mark = mark.Mark;
        }

        if (action is not null)
        {
            Decide(flow, action.Action, PolicyRules.Blocked, tells, null, action.Why);
            if (flow.Judgement is { } judgement)
            {
                judgement.RestrictionTarget = action.Target;
                judgement.Rate = action.Rate ?? judgement.Rate;
            }
        }

        RoleAction marked = _shared.Marks.Find(flow.Key.Source, packet.TimeUs);
        if (marked != RoleAction.AsRule)
        {
            Decide(flow, marked, PolicyRules.MarkedPeer, tells, null, null);
        }
    }

    /// <summary>Both guests' contracts hold. A connection met in its middle may be seen the wrong way round: it is judged only when neither way is allowed.</summary>
    private void JudgeByContract(Flow flow, Packet packet, bool tells, RoleAction before)
    {
        bool mayBeReversed = packet.IsTcp && !flow.Has(FlowFlags.DirectionReversed)
            && (flow.Has(FlowFlags.Midstream) || (flow.Tcp is null && !packet.Tcp.Has(TcpFlags.Syn))) && before == RoleAction.AsRule;
        JudgeByContract(flow, isServer: false, mayBeReversed, tells);
        JudgeByContract(flow, isServer: true, mayBeReversed, tells);
    }

    private void JudgeByContract(Flow flow, bool isServer, bool mayBeReversed, bool tells)
    {
        GuestSet guests = _current.Guests;
        ushort self = isServer ? flow.ServerGuest : flow.ClientGuest;
        if (guests.Get(self) is not { } guest)
        {
            return;
        }

        RoleModel role = Model.Roles[guest.Role];
        ushort other = isServer ? flow.ClientGuest : flow.ServerGuest;
        short peerRole = other == 0 ? (short)-1 : guests.RoleOf(other);
        IpAddress peer = isServer ? flow.Key.Source : flow.Key.Destination;
        RoleAction action = role.Contract.Judge(isServer, flow.Key.Protocol, flow.Key.DestinationPort, peerRole, peer, out ServiceRule? line);
        if (action != RoleAction.AsRule && mayBeReversed
            && role.Contract.Judge(!isServer, flow.Key.Protocol, flow.Key.SourcePort, peerRole, peer, out _) == RoleAction.AsRule)
        {
            return;
        }

        if (action == RoleAction.AsRule && guest.IsQuarantined && role.Contract.IsOpen)
        {
            // No role says what quarantine leaves open, so nothing is.
            action = RoleAction.Drop;
        }

        if (action != RoleAction.AsRule)
        {
            RuleInfo why = guest.IsQuarantined ? PolicyRules.Quarantine : isServer ? PolicyRules.ContractIn : PolicyRules.ContractOut;
            Decide(flow, action, why, tells, role, line?.Place ?? role.Contract.DefaultPlace);
        }
    }

    private void JudgeByBehaviour(Flow flow, Packet packet, RoleModel client, RoleModel server)
    {
        // What a guest suffers is measured by its role; what it does, by its own. The stricter one counts, and a source is counted once.
        RoleModel role = flow.ServerGuest != 0 && server.Behaviour.IsOn ? server : client;
        BehaviourModel model = role.Behaviour;
        if (!model.IsOn)
        {
            return;
        }

        if (model.PortScan.IsOn || model.HostSweep.IsOn || model.ConnectionFlood.IsOn)
        {
            BehaviourFinding found = _behaviour!.OnFlow(flow.Key.Source, flow.Key.Destination, flow.Key.DestinationPort, flow.Key.Protocol, packet.TimeUs, model);
            if (found != BehaviourFinding.None)
            {
                (BehaviourThreshold threshold, RuleInfo rule) = found switch
                {
                    BehaviourFinding.PortScan => (model.PortScan, PolicyRules.PortScan),
                    BehaviourFinding.HostSweep => (model.HostSweep, PolicyRules.HostSweep),
                    _ => (model.ConnectionFlood, PolicyRules.ConnectionFlood),
                };
                if (threshold.Action > RoleAction.Alert)
                {
                    _shared.Marks.Add(flow.Key.Source, threshold.Action, packet.TimeUs, threshold.ForSeconds);
                }

                Decide(flow, threshold.Action, rule, tells: true, role, null);
            }
        }

        if (flow.ClientGuest != 0 && client.Behaviour.Beacon.IsOn && flow.Key.Protocol is IpProtocols.Tcp or IpProtocols.Udp
            && _behaviour!.OnVisit(flow.ClientGuest, flow.Key.Destination, flow.Key.DestinationPort, packet.TimeUs, client.Behaviour))
        {
            Decide(flow, client.Behaviour.Beacon.Action, PolicyRules.Beacon, tells: true, client, null);
        }
    }

    /// <summary>Keeps the strictest decision about a flow, and tells of every one.</summary>
    private void Decide(Flow flow, RoleAction action, RuleInfo why, bool tells, RoleModel? role, string? place)
    {
        // A flow that goes on hears of a restriction when it begins; what is only told of is told once.
        if (tells || (_restrictionBefore == RoleAction.AsRule && action > RoleAction.Alert))
        {
            AddFinding(why, action, role, place);
        }

        if (action == RoleAction.Mark)
        {
            // Beside whatever else holds: a marked flow may be slowed or moved as well.
            (flow.Judgement ??= new FlowJudgement()).Mark = role?.Mark ?? 0;
        }
        else if (action > flow.Restriction && action != RoleAction.Alert)
        {
            flow.Restriction = action;
            FlowJudgement judgement = flow.Judgement ??= new FlowJudgement();
            judgement.RestrictedBy = why;
            judgement.Rate = role?.RateLimit ?? judgement.Rate ?? RateLimitModel.Default;
            judgement.RateKey = judgement.Rate.By switch
            {
                RateLimitBy.Peer => (flow.ClientGuest != 0 ? flow.Key.Destination.Low : flow.Key.Source.Low) | (1UL << 63),
                RateLimitBy.Rule => why.Sid | ((ulong)why.Gid << 32) | (1UL << 62),
                _ => flow.ClientGuest != 0 ? flow.ClientGuest : flow.ServerGuest,
            };
        }
    }

    private void AddFinding(RuleInfo why, RoleAction action, RoleModel? role, string? place)
    {
        if (_findingCount < MaxFindings)
        {
            _findings[_findingCount++] = new AlertEntry { Rule = why, Action = CompiledPolicy.Apply(action, RuleAction.Alert), Role = role?.Name, Place = place ?? role?.File };
        }
    }

    /// <summary>Detection begins a packet with an empty queue, so what was found before it is added here.</summary>
    private void ReportFindings()
    {
        for (int i = 0; i < _findingCount; i++)
        {
            _alerts.Add(in _findings[i]);
            _findings[i] = default;
        }

        _findingCount = 0;
    }

    /// <summary>Carries out what holds for the whole flow; true when the packet needs no more inspection.</summary>
    private bool Restrict(Packet packet, Flow flow)
    {
        if (!Enforces(packet) || packet.Has(PacketFlags.Pseudo))
        {
            return false;
        }

        switch (flow.Restriction)
        {
            case RoleAction.Bypass:
                flow.Flags |= FlowFlags.Passed;
                return false;
            case RoleAction.RateLimit:
                if (flow.Judgement is not { Rate: { } rate } limited || _rates.Allows(limited.RateKey, packet.Length, rate, packet.TimeUs))
                {
                    return false;
                }

                packet.Drop(DropReason.RateLimit);
                return true;
            case RoleAction.Tarpit:
                HoldInTarpit(packet, flow);
                return true;
            case RoleAction.Redirect:
                // Once moved the flow is inspected on, and its packets go where it went.
                if (flow.RedirectIndex < 0)
                {
                    Redirect(packet, flow);
                }

                return packet.Action == VerdictAction.Drop;
            case RoleAction.BlockPage:
                return AnswerWithPage(packet, flow, flow.Judgement?.RestrictedBy ?? PolicyRules.Blocked);
            case RoleAction.Reject:
                packet.Reject = RejectTarget.Both;
                packet.Drop(ReasonOf(flow));
                return true;
            case RoleAction.Drop or RoleAction.Sinkhole:
                packet.Drop(ReasonOf(flow));
                return true;
            default:
                return false;
        }
    }

    private static DropReason ReasonOf(Flow flow) => flow.Judgement?.RestrictedBy?.Sid switch
    {
        20 or 21 => DropReason.Contract,
        22 => DropReason.Quarantine,
        23 => DropReason.Blocked,
        >= 30 and < 40 => DropReason.Behaviour,
        _ => DropReason.Blocked,
    };

    private void HoldInTarpit(Packet packet, Flow flow)
    {
        bool fromClient = packet.Direction == Direction.ToServer;
        if (fromClient)
        {
            Tarpit.Answer(packet, Injector);
            if (packet.IsTcp && flow.PacketsToClient > 0 && !flow.Has(FlowFlags.Rejected))
            {
                // The real server had begun; it need not wait for somebody who never comes.
                TcpAnswers.TryResetReceiver(packet, Injector);
                flow.Flags |= FlowFlags.Rejected;
            }
        }

        packet.Drop(DropReason.Tarpit);
    }

    /// <summary>The client's request is answered; what is no HTTP is rejected, handshakes go on until there is a request.</summary>
    private bool AnswerWithPage(Packet packet, Flow flow, RuleInfo why)
    {
        if (!packet.IsTcp || packet.PayloadLength == 0)
        {
            if (packet.IsTcp)
            {
                return false;
            }

            packet.Drop(DropReason.BlockPage);
            return true;
        }

        bool answered = packet.Direction == Direction.ToServer && HttpBlockPage.IsRequest(packet) && HttpBlockPage.TryAnswer(packet, why.Message, Injector);
        if (!answered)
        {
            packet.Reject = RejectTarget.Both;
        }

        packet.Drop(DropReason.BlockPage);
        flow.Flags |= FlowFlags.Dropped;
        return true;
    }

    /// <summary>What roles look for in flows that go on: handshakes, names asked for, fat pings.</summary>
    private void LookFurther(Packet packet, Flow flow)
    {
        if (flow.ClientGuest == 0 && flow.ServerGuest == 0)
        {
            return;
        }

        if (flow.EncryptedChecked != 3 && flow.App is ProtocolId.Tls or ProtocolId.Quic)
        {
            CheckHandshake(packet, flow);
        }
        else if (flow.App == ProtocolId.Dns && packet is { IsUdp: true, Direction: Direction.ToServer } && flow.ClientGuest != 0)
        {
            CheckQuery(packet, flow);
        }
        else if (flow.Key.Protocol is IpProtocols.Icmp or IpProtocols.IcmpV6 && packet.PayloadLength >= FatPingBytes
            && packet.IcmpType is IcmpTypes.Echo or IcmpTypes.EchoReply or IcmpTypes.V6Echo or IcmpTypes.V6EchoReply)
        {
            ushort guest = flow.ClientGuest != 0 ? flow.ClientGuest : flow.ServerGuest;
            RoleModel role = Model.Roles[_current.Guests.RoleOf(guest)];
            if (role.Behaviour.IcmpTunnel.IsOn && _behaviour!.OnFatPing(guest, packet.TimeUs, role.Behaviour.IcmpTunnel))
            {
                Enforce(packet, flow, role.Behaviour.IcmpTunnel.Action, PolicyRules.IcmpTunnel, role, DropReason.Behaviour);
            }
        }
    }

    private void CheckHandshake(Packet packet, Flow flow)
    {
        RoleModel client = Model.Roles[flow.ClientRole];
        RoleModel server = Model.Roles[flow.ServerRole];
        RoleModel role = client.Encrypted.IsOn ? client : server;
        if (!role.Encrypted.IsOn)
        {
            flow.EncryptedChecked = 3;
            return;
        }

        RuleInfo? broken = null;
        RoleAction action = RoleAction.AsRule;
        if ((flow.EncryptedChecked & 1) == 0)
        {
            broken = EncryptedTraffic.CheckClient(flow, role.Encrypted, out action, out bool isKnown);
            flow.EncryptedChecked |= isKnown ? (byte)1 : (byte)0;
        }

        if (broken is null && (flow.EncryptedChecked & 2) == 0)
        {
            broken = EncryptedTraffic.CheckServer(flow, role.Encrypted, out action, out bool isKnown);
            flow.EncryptedChecked |= isKnown ? (byte)2 : (byte)0;
        }

        if (broken is not null)
        {
            flow.EncryptedChecked = 3;
            Enforce(packet, flow, action, broken, role, DropReason.EncryptedPolicy);
        }
    }

    private void CheckQuery(Packet packet, Flow flow)
    {
        RoleModel role = Model.Roles[flow.ClientRole];
        Span<byte> name = stackalloc byte[256];
        if (role.Behaviour.DnsTunnel.IsOn && DnsSinkhole.TryReadName(packet.Payload, name, out int length)
            && _behaviour!.OnQuery(flow.ClientGuest, name[..length], packet.TimeUs, role.Behaviour.DnsTunnel))
        {
            Enforce(packet, flow, role.Behaviour.DnsTunnel.Action, PolicyRules.DnsTunnel, role, DropReason.Behaviour);
        }
    }

    /// <summary>Tells of a finding in the middle of a flow and does what the role wants, to this packet and those that follow.</summary>
    private void Enforce(Packet packet, Flow flow, RoleAction action, RuleInfo why, RoleModel role, DropReason reason)
    {
        AddFinding(why, action, role, null);
        if (!Enforces(packet) || action <= RoleAction.Alert || packet.Has(PacketFlags.Pseudo))
        {
            return;
        }

        if (action is RoleAction.Drop or RoleAction.Reject)
        {
            packet.Reject |= action == RoleAction.Reject ? RejectTarget.Both : RejectTarget.None;
            packet.Drop(reason);
            flow.Flags |= FlowFlags.Dropped;
        }
    }
}
