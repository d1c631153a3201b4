using BridgeGuard.Engine.Detection.Prefilter;
using BridgeGuard.Engine.Detection.Shared;
using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Frames;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Detection;

/// <summary>Runs a rule set over the packets of one worker: packet, stream and transactions.</summary>
/// <remarks>
/// Owner: one worker. No allocation once warm (new header groups and growing tables apart). Order of work for a packet: address-only rules, rules
/// over packet and stream, rules over the live transactions of the packet's direction; then the matches are put in rule order, thresholds
/// applied, and actions carried out on packet and flow.
/// </remarks>
public sealed partial class Detector : IDisposable
{
    private readonly EngineSettings _settings;
    private readonly RuleGroupCache _groups = new();
    private readonly BufferInspector _inspector = new();
    private readonly Thresholds _thresholds;
    private readonly HostVariables _hostVariables;
    private readonly HostTags _hostTags;
    private readonly TransformScratch _transformScratch = new();
    private MatchSet _matches = new(0);
    private int[] _candidates = new int[256];
    private int _candidateCount;

    // Valid during one Inspect.
    private RuleSet _rules = RuleSet.Empty;
    private RuleGroup _group = null!;
    private Packet _packet = null!;
    private Flow? _flow;

    /// <summary>The transaction that the rule in hand is asked about; null for packets.</summary>
    private Transaction? _transaction;
    private AlertQueue _alerts = null!;
    private ProtocolId _app;
    private DirectionMask _directionMask;
    private bool _hasShownStream;

    /// <summary>
    /// The packet has a payload, or has made stream data due: then its payload is looked at, be it empty, and it does not count as one without.
    /// </summary>
    private bool _hasPayload;

    /// <summary>A pass rule has matched this packet: the rules behind it are spared.</summary>
    private bool _isPassed;

    /// <param name="settings">The engine's.</param>
    /// <param name="workerId">Whose.</param>
    /// <param name="shared">What rules remember of hosts; null: this detector's alone.</param>
    /// <param name="hash">Makes the keys under which they do; the same for all that share.</param>
    internal Detector(EngineSettings settings, int workerId, SharedDetection? shared = null, FlowHash hash = default)
    {
        _settings = settings;
        shared ??= new SharedDetection();
        _thresholds = new Thresholds(shared.Thresholds, hash);
        _hostVariables = new HostVariables(shared.Bits, hash);
        _hostTags = new HostTags(shared.Tags, hash);
        WorkerId = workerId;
    }

    public int WorkerId { get; }

    /// <summary>What roles make of the rules; exchanged together with the rule set.</summary>
    public CompiledPolicy Policy { get; set; } = CompiledPolicy.Empty;

    /// <summary>The guests in force; their roles are those of <see cref="Policy"/>.</summary>
    public GuestSet Guests { get; set; } = GuestSet.Empty;

    /// <summary>Where raw stream windows come from; without it stream rules look at packets.</summary>
    public Reassembler? Reassembler { get; set; }

    /// <summary>What rules captured of the last packet.</summary>
    public FlowVariables PacketVariables => _inspector.PacketVariables;

    /// <summary>Rules evaluated past their header, and among them those that matched.</summary>
    public long RulesEvaluated { get; private set; }

    public long RulesMatched { get; private set; }

    /// <summary>Counts of single rules; null: not kept.</summary>
    public RuleCosts? Costs { get; set; }

    public long RegexLimitHits => _inspector.RegexLimitHits;

    public long StepLimitHits => _inspector.StepLimitHits;

    public void Dispose()
    {
        _inspector.Dispose();
        _transformScratch.Dispose();
    }

    /// <summary>What rules decide about this packet is carried out.</summary>
    private bool Enforces => _settings.IsInline && !_packet.IsPassive;

    /// <summary>Inspects one packet and its flow's live transactions in the packet's direction.</summary>
    /// <param name="rules">The set in force.</param>
    /// <param name="packet">Decoded; its stream data and parser have been brought up to date.</param>
    /// <param name="flow">Null when the packet belongs to none.</param>
    /// <param name="alerts">Cleared, then filled in rule order.</param>
    public void Inspect(RuleSet rules, Packet packet, Flow? flow, AlertQueue alerts)
    {
        if (!_settings.FirewallMode)
        {
            alerts.Clear();
        }

        if (packet.Has(PacketFlags.NoInspection)
            || (flow is not null && flow.Has(FlowFlags.Passed) && !_settings.FirewallMode))
        {
            FinishTransactions(rules, packet, flow);
            return;
        }

        Begin(rules, packet, flow, alerts);
        MarkTagged();
        TriggerStream();
        if (packet.Has(PacketFlags.Invalid))
        {
            if (!_settings.FirewallMode || FilterPacket())
            {
                InspectEvents(decoderOnly: true);
            }
        }
        else if (_settings.FirewallMode)
        {
            InspectWithFirewall();
        }
        else
        {
            InspectAddresses();
            InspectPacket();
            if (_isPassed)
            {
                FinishTransactions(rules, packet, flow);
            }
            else if (_flow?.AppState is not null && _app > ProtocolId.Failed)
            {
                InspectFrames();
                InspectTransactions();
            }
        }

        if (_hasShownStream)
        {
            InspectFurtherStretches();
        }

        Finish();
    }

    private void Begin(RuleSet rules, Packet packet, Flow? flow, AlertQueue alerts)
    {
        if (!ReferenceEquals(_rules, rules))
        {
            _rules = rules;
            if (_matches.Capacity < rules.Count)
            {
                _matches = new MatchSet(rules.Count);
                _candidates = new int[rules.Count];
            }
        }

        if (Costs is { } costs && !ReferenceEquals(costs.Rules, rules))
        {
            costs.Attach(rules);
        }

        _packet = packet;
        _rewrites.Cut(0);
        _transaction = null;
        if (_inspector.PacketVariables.CaptureCount > 0)
        {
            _inspector.PacketVariables.Reset();
        }

        _flow = flow;
        flow?.AppState?.MeetRules(rules, flow);
        _alerts = alerts;
        _group = _groups.Find(rules, packet, flow);
        _hasShownStream = false;
        _hasPayload = false;
        _isPassed = false;
        _directionMask = packet.Direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;

        // As for Suricata, the protocol counts only on packets of an established session.
        _app = flow is null || (packet.Protocol == IpProtocols.Tcp && !packet.Has(PacketFlags.Established)) ? ProtocolId.Unknown : flow.App;
    }

    /// <summary>A message is complete: rules on the stream get to see it now, not when the chunk is full.</summary>
    private void TriggerStream()
    {
        Direction direction = _packet.Direction;
        if (_flow is not { Tcp: not null, AppState: { } state } flow || state.Protocol.ShowsStream(direction) == StreamShow.Never)
        {
            return;
        }

        TransactionList transactions = state.Transactions;
        TransactionMark mark = MarkFor(direction);
        for (int i = transactions.Next(mark, 0); i >= 0; i = transactions.Next(mark, i + 1))
        {
            Transaction transaction = transactions[i];
            if (!transaction.Detection(direction).IsFinished
                && flow.ProgressOf(transaction, direction) >= state.Protocol.CompletedProgress(direction))
            {
                Reassembler.TriggerRaw(flow, direction);
                return;
            }
        }
    }

    /// <summary>Address-only rules see the first packet of each direction of a flow; without a flow every packet that has addresses.</summary>
    private void InspectAddresses()
    {
        if (_packet.Has(PacketFlags.Pseudo) || _packet.IpVersion == 0)
        {
            return;
        }

        if (_flow is { } flow)
        {
            FlowFlags done = _packet.Direction == Direction.ToServer ? FlowFlags.IpOnlyToServerDone : FlowFlags.IpOnlyToClientDone;
            if (flow.Has(done))
            {
                return;
            }

            flow.Flags |= done;
        }

        foreach (int rule in _group.IpOnly)
        {
            _inspector.BeginRule(_rules, _flow);
            if (MatchConditions(rule))
            {
                OnMatch(rule, AlertFlags.None, null);
            }
        }
    }

    /// <summary>A rule has matched: its effects happen now, so that later rules of the same packet see them.</summary>
    private void OnMatch(int rule, AlertFlags flags, Transaction? transaction, in Frame frame = default)
    {
        ref readonly RuleEntry entry = ref _rules.Entries[rule];
        RuleAction action = entry.Action;
        string? decider = null;
        string? place = null;
        if (Policy.ChangesRules)
        {
            // Asked at the match, not before: matches are rare, so roles cost nothing on the way there.
            RoleAction role = Policy.ActionFor(rule, action, _flow, out byte decidingRole);
            if (role == RoleAction.Off)
            {
                return;
            }

            action = CompiledPolicy.Apply(role, action);
            if (role != RoleAction.AsRule)
            {
                decider = Policy.Model.Roles[decidingRole].Name;
                place = Policy.FindLine(decidingRole, _rules.Infos[rule])?.Place;
                flags |= action != entry.Action ? AlertFlags.DropFlow : AlertFlags.None;
            }
        }

        RulesMatched++;
        if (_flow is { } inspected && _rules.Infos[rule].ForcesInspection)
        {
            inspected.Flags |= FlowFlags.FullInspection;
        }

        if (entry.Effects.Count != 0)
        {
            ApplyEffects(entry, transaction);
        }

        if ((entry.Flags & RuleFlags.ActionOnFlow) != 0 || (flags & AlertFlags.Stream) != 0)
        {
            flags |= AlertFlags.DropFlow;
        }

        if ((entry.Flags & RuleFlags.NoAlert) != 0)
        {
            if (action is RuleAction.Alert or RuleAction.Config)
            {
                _rewrites.Approve(rule);
                _alerts.Suppressed++;
                return;
            }

            flags |= AlertFlags.Silent;
        }

        // A match on bytes alone belongs to the only exchange that is going on, where configuration wants such guesses.
        if (transaction is null && _settings.Detection.GuessTransaction && _flow?.AppState is { Transactions.Count: 1 } state)
        {
            transaction = state.Transactions[0];
            flags |= AlertFlags.TransactionGuessed;
        }

        AlertEntry alert = new()
        {
            Rule = _rules.Infos[rule],
            Action = action,
            Flags = flags,
            Transaction = transaction,
            Context = _inspector.Context,
            Frame = frame,
            Role = decider,
            Place = place,
        };
        if (_alerts.Add(alert))
        {
            // Where nothing is counted first, a pass rule's word is final: what comes after it cannot matter.
            _isPassed |= action == RuleAction.Pass && entry.Thresholds.Count == 0 && entry.Suppressions.Count == 0;
        }
        else if (action != RuleAction.Pass)
        {
            // There is no room to tell of it, but an attack is stopped all the same.
            _rewrites.Approve(rule);
            Act(alert);
        }

        if (_group.FitsBothWays(_rules.Headers[entry.Header]))
        {
            _alerts.Add(alert);
        }
    }

    private void AddCandidate(int rule)
    {
        if (_candidateCount == _candidates.Length)
        {
            Array.Resize(ref _candidates, _candidates.Length * 2);
        }

        _candidates[_candidateCount++] = rule;
    }

    private void ClearCandidates() => _candidateCount = 0;

    private void AddCandidates(ReadOnlySpan<int> rules)
    {
        if (_candidateCount + rules.Length > _candidates.Length)
        {
            Array.Resize(ref _candidates, Math.Max(_candidates.Length * 2, _candidateCount + rules.Length));
        }

        rules.CopyTo(_candidates.AsSpan(_candidateCount));
        _candidateCount += rules.Length;
    }

    /// <summary>The candidates ascending; duplicates stay next to each other.</summary>
    private Span<int> SortedCandidates()
    {
        Span<int> candidates = _candidates.AsSpan(0, _candidateCount);
        candidates.Sort();
        return candidates;
    }
}
