using BridgeGuard.Engine.Detection.Firewall;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Detection;

/// <content>Firewall rules: what is allowed at all, before threat detection looks. See <c>Firewall/README.md</c>.</content>
public sealed partial class Detector
{
    private enum FilterResult : byte
    {
        /// <summary>No rule said anything.</summary>
        None,

        /// <summary>The hook is accepted.</summary>
        Hook,
        Transaction,
        Packet,
        Flow,
        Dropped,
    }

    private FirewallPlan? _firewall;
    private bool _skipsAppFilter;
    private bool _skipsThreats;
    private bool _asksPoliciesOnly;

    /// <summary>Some rule is asked before flows or streams see a packet.</summary>
    public static bool HasEarlyRules(RuleSet rules, FirewallTable table) => rules.Firewall.Packet[(int)table].Length > 0;

    /// <summary>Asks the rules of a table before the pipeline goes on. False: the packet is dropped and nothing else looks at it.</summary>
    /// <param name="rules">The set in force.</param>
    /// <param name="packet">The packet.</param>
    /// <param name="flow">Its flow; null before it is looked up.</param>
    /// <param name="alerts">Not cleared; matches are added.</param>
    /// <param name="table"><see cref="FirewallTable.PreFlow"/> or <see cref="FirewallTable.PreStream"/>.</param>
    public bool FilterEarly(RuleSet rules, Packet packet, Flow? flow, AlertQueue alerts, FirewallTable table)
    {
        Begin(rules, packet, flow, alerts);
        string hook = table == FirewallTable.PreFlow ? FirewallHooks.PreFlow : FirewallHooks.PreStream;
        DropReason reason = table == FirewallTable.PreFlow ? DropReason.FlowPreHook : DropReason.StreamPreHook;
        return RunTable(table, hook, reason) != FilterResult.Dropped;
    }

    /// <summary>The firewall's own evaluation of a packet with threat detection in between, as their stages alternate.</summary>
    private void InspectWithFirewall()
    {
        Firewall();
        _skipsAppFilter = _skipsThreats = false;
        bool isAccepted = _flow is not null && _flow.Has(FlowFlags.Accepted);
        if (!isAccepted && !FilterPacket())
        {
            return;
        }

        bool isPassed = _skipsThreats || (_flow is not null && _flow.Has(FlowFlags.Passed));
        if (!isPassed)
        {
            InspectAddresses();
            InspectPacket();
        }

        if (_flow?.AppState is null || _app <= ProtocolId.Failed)
        {
            return;
        }

        isAccepted = _skipsAppFilter || _flow.Has(FlowFlags.Accepted);
        if (!isAccepted && !FilterAfterThreats())
        {
            return;
        }

        if (_skipsThreats || isPassed || _flow.Has(FlowFlags.Passed))
        {
            FinishTransactions(_rules, _packet, _flow);
        }
        else
        {
            InspectFrames();
            InspectTransactions();
        }
    }

    /// <summary>
    /// As Suricata does: where threat detection has dropped the flow the hooks are not asked; where it has dropped the packet their rules are not,
    /// and the policies decide.
    /// </summary>
    private bool FilterAfterThreats()
    {
        _asksPoliciesOnly = false;
        for (int i = 0; i < _alerts.Count; i++)
        {
            ref AlertEntry alert = ref _alerts[i];
            if (!alert.Has(AlertFlags.Firewall)
                && alert.Action is RuleAction.Drop or RuleAction.Reject or RuleAction.RejectDestination or RuleAction.RejectBoth
                && _rules.Entries[alert.Rule.Index].Thresholds.Count == 0)
            {
                if (alert.Has(AlertFlags.DropFlow))
                {
                    return false;
                }

                _asksPoliciesOnly = true;
            }
        }

        return FilterTransactions();
    }

    private FirewallPlan Firewall() => _firewall ??= new FirewallPlan(_settings.Firewall);

    private bool FilterPacket()
    {
        FilterResult result = RunTable(FirewallTable.PacketFilter, FirewallHooks.Filter, DropReason.FirewallRules);
        if (result == FilterResult.None)
        {
            FirewallPlan plan = Firewall();
            result = Carry(plan.PacketFilter, DropReason.DefaultPacketPolicy);
            AddPolicyAlert(plan.PacketFilterAlert, plan.PacketFilter, FirewallHooks.Filter, null);
        }

        _skipsAppFilter |= result is FilterResult.Packet or FilterResult.Flow;
        return result != FilterResult.Dropped;
    }

    private FilterResult RunTable(FirewallTable table, string hook, DropReason reason)
    {
        foreach (FirewallRule rule in _rules.Firewall.Packet[(int)table])
        {
            ref readonly RuleEntry entry = ref _rules.Entries[rule.Rule];
            if (!_group.HasHeader(entry.Header) || (entry.App != ProtocolId.Unknown && !AppMatches(entry.App, _app)))
            {
                continue;
            }

            RulesEvaluated++;
            _inspector.BeginRule(_rules, _flow);
            if (!MatchConditions(rule.Rule)
                || ((entry.Flags & RuleFlags.HasPayload) != 0 && (_packet.Payload.IsEmpty || !_inspector.Inspect(entry.Payload, _packet.Payload))))
            {
                continue;
            }

            if (IsVisible(in entry) && (entry.Kind != RuleKind.ProtocolDetection || _packet.Source is not (PacketSource.FlowTimeout or PacketSource.FlowForced)))
            {
                // At a flow's end a rule on packets carries on with what it said of them, without being seen to match.
                OnFirewallMatch(rule, hook, null);
            }

            return Carry(rule.Action, reason);
        }

        return FilterResult.None;
    }

    /// <summary>Asks the hooks that the live transactions of the packet's direction stand at; false: dropped.</summary>
    private bool FilterTransactions()
    {
        TransactionList transactions = _flow!.AppState!.Transactions;
        ref AppDetection direction = ref _flow.DetectionOf(_packet.Direction);
        bool hasNews = direction.HasNews;
        direction.HasNews = false;
        for (int i = 0; i < transactions.Count; i++)
        {
            Transaction transaction = transactions[i];
            TransactionDetection detection = transaction.Detection(_packet.Direction);
            if (!transaction.ExistsIn(_packet.Direction) || detection.IsFinished || transaction.IsAccepted)
            {
                continue;
            }

            detection.Attach(_rules);
            if (!IsDue(transaction, detection, hasNews, direction.Parsed))
            {
                continue;
            }

            switch (FilterTransaction(transaction, detection))
            {
                case FilterResult.Dropped:
                    return false;
                case FilterResult.Transaction:
                    transaction.IsAccepted = true;
                    break;
                case FilterResult.Packet or FilterResult.Flow:
                    return true;
            }
        }

        return true;
    }

    /// <summary>A transaction is asked about with data of the direction that brought it into being, moved it, or was taken by its parser.</summary>
    private bool IsDue(Transaction transaction, TransactionDetection detection, bool hasNews, ulong parsed)
    {
        byte progress = _flow!.ProgressOf(transaction, _packet.Direction);
        bool isDue = hasNews && (progress != detection.FirewallProgress || (parsed != detection.FirewallParsed && !_flow.AppState!.Protocol.MovesOnlyWithProgress));
        if (isDue)
        {
            detection.FirewallProgress = progress;
            detection.FirewallParsed = parsed;
        }

        return isDue;
    }

    /// <summary>Each hook from where the last packet left off to the progress reached; that one is asked again with the next packet.</summary>
    private FilterResult FilterTransaction(Transaction transaction, TransactionDetection detection)
    {
        Protocol protocol = _flow!.AppState!.Protocol;
        byte progress = _flow.ProgressOf(transaction, _packet.Direction);
        byte last = Math.Min(progress, protocol.CompletedProgress(_packet.Direction));
        for (byte hook = detection.FirewallHook; hook <= last; hook++)
        {
            detection.FirewallHook = hook;
            FilterResult result = FilterHook(protocol, transaction, hook, progress);
            if (result != FilterResult.Hook)
            {
                return result;
            }
        }

        return FilterResult.Hook;
    }

    private bool HasBuffers(in RuleEntry entry)
    {
        for (int i = 0; i < entry.Engines.Count; i++)
        {
            if (_rules.Engines[entry.Engines.Start + i].Kind != EngineKind.Progress)
            {
                return true;
            }
        }

        return false;
    }

    private FilterResult FilterHook(Protocol protocol, Transaction transaction, byte hook, byte progress)
    {
        TransactionDetection detection = transaction.Detection(_packet.Direction);
        bool waits = false;
        bool wasAccepted = false;
        string? name = Firewall().HookName(protocol.Id, _packet.Direction, hook);
        foreach (FirewallRule rule in _asksPoliciesOnly ? [] : _rules.Firewall.At(protocol.Id, _packet.Direction, hook))
        {
            ref readonly RuleEntry entry = ref _rules.Entries[rule.Rule];
            if (!_group.HasHeader(entry.Header))
            {
                continue;
            }

            // What looks into buffers has had its say for the transaction once it matched; what does not is asked each time.
            bool hasBuffers = HasBuffers(entry);
            if (hasBuffers && detection.Find(rule.Rule) is >= 0 and var known && detection[known].IsOver)
            {
                bool accepts = rule.Action is { Action: RuleAction.Accept, Scope: FirewallScope.Hook };
                // While the transaction stands at the hook what was said holds, and the rules behind it are not asked; with the step to the next one they are, once more.
                if (accepts && progress == hook && !rule.IsUpTo)
                {
                    return FilterResult.Hook;
                }

                wasAccepted |= accepts;
                continue;
            }

            RulesEvaluated++;
            _inspector.BeginRule(_rules, _flow);
            _transaction = transaction;
            if (!MatchConditions(rule.Rule))
            {
                continue;
            }

            switch (MatchAtHook(entry, transaction, hook, progress > hook))
            {
                case EngineResult.Match:
                    if (hasBuffers)
                    {
                        detection[detection.Add(rule.Rule)].IsOver = true;
                    }

                    OnFirewallMatch(rule, name, transaction);
                    return Carry(rule.Action, DropReason.FirewallRules);
                case EngineResult.NotYet:
                    waits |= rule.IsUpTo;
                    break;
            }
        }

        if (waits || wasAccepted)
        {
            return FilterResult.Hook;
        }

        (FirewallAction policy, RuleInfo? alert) = Firewall().AppPolicy(protocol.Id, _packet.Direction, hook);
        FilterResult result = Carry(policy, DropReason.DefaultAppPolicy);
        AddPolicyAlert(alert, policy, name, transaction);
        return result;
    }

    /// <summary>Whether everything a rule asks holds with what is known at the hook; not yet: a buffer of a later hook is asked for.</summary>
    private EngineResult MatchAtHook(in RuleEntry entry, Transaction transaction, byte hook, bool isComplete)
    {
        ProtocolId protocol = _flow!.AppState!.Protocol.Id;
        for (int i = 0; i < entry.Engines.Count; i++)
        {
            ref readonly InspectionEngine engine = ref _rules.Engines[entry.Engines.Start + i];
            if (!engine.AppliesTo(protocol, _directionMask) || engine.Kind == EngineKind.Progress)
            {
                continue;
            }

            byte wanted = _packet.Direction == Direction.ToServer ? engine.ProgressToServer : engine.ProgressToClient;
            // A protocol's own keyword knows by itself when it can say something.
            if (wanted > hook && engine.Kind != EngineKind.Keyword)
            {
                return EngineResult.NotYet;
            }

            if (RunEngine(entry, engine, transaction, Math.Max(hook, wanted), isComplete) != EngineResult.Match)
            {
                return EngineResult.Never;
            }
        }

        return EngineResult.Match;
    }

    private void OnFirewallMatch(FirewallRule rule, string? hook, Transaction? transaction)
    {
        RulesMatched++;
        ref readonly RuleEntry entry = ref _rules.Entries[rule.Rule];
        if (entry.Effects.Count != 0)
        {
            ApplyEffects(entry, transaction);
        }

        if (rule.Action.Alerts && !(rule.IsUpTo && MovesAlert(_rules.Infos[rule.Rule], transaction, hook)))
        {
            _alerts.Add(new AlertEntry
            {
                Rule = _rules.Infos[rule.Rule],
                Action = rule.Action.Action,
                Flags = AlertFlags.Firewall | (transaction is null ? AlertFlags.None : AlertFlags.Transaction),
                Transaction = transaction,
                Context = _inspector.Context,
                Hook = hook,
            });
        }
    }

    /// <summary>A rule for all hooks up to one is written once a packet and transaction: for the last of the hooks that the packet reached.</summary>
    private bool MovesAlert(RuleInfo rule, Transaction? transaction, string? hook)
    {
        for (int i = 0; i < _alerts.Count; i++)
        {
            ref AlertEntry alert = ref _alerts[i];
            if (alert.Rule == rule && alert.Transaction == transaction && alert.Has(AlertFlags.Firewall))
            {
                alert.Hook = hook;
                return true;
            }
        }

        return false;
    }

    private void AddPolicyAlert(RuleInfo? rule, FirewallAction policy, string? hook, Transaction? transaction)
    {
        if (rule is null)
        {
            return;
        }

        _alerts.Add(new AlertEntry { Rule = rule, Action = policy.Action, Flags = AlertFlags.Firewall, Transaction = transaction, Hook = hook });
    }

    /// <summary>Carries an action out on packet and flow.</summary>
    private FilterResult Carry(FirewallAction action, DropReason reason)
    {
        switch (action.Pass)
        {
            case FirewallPass.Flow when _flow is not null:
                _flow.Flags |= FlowFlags.Passed;
                _skipsThreats = true;
                break;
            case FirewallPass.Packet:
                _skipsThreats = true;
                break;
        }

        if (action.Action != RuleAction.Accept)
        {
            _packet.Reject |= action.Action switch
            {
                _ when _packet.IsPassive => RejectTarget.None,
                RuleAction.Reject => RejectTarget.Source,
                RuleAction.RejectDestination => RejectTarget.Destination,
                RuleAction.RejectBoth => RejectTarget.Both,
                _ => RejectTarget.None,
            };
            if (Enforces && !(_packet.Has(PacketFlags.Pseudo) && reason == DropReason.DefaultPacketPolicy))
            {
                _packet.Drop(reason);
            }

            if (action.Scope == FirewallScope.Flow && _flow is not null && Enforces)
            {
                _flow.Flags |= FlowFlags.Dropped | FlowFlags.FirewallDropped;
            }

            return FilterResult.Dropped;
        }

        switch (action.Scope)
        {
            case FirewallScope.Hook:
                return FilterResult.Hook;
            case FirewallScope.Transaction:
                return FilterResult.Transaction;
            case FirewallScope.Flow when _flow is not null:
                _flow.Flags |= FlowFlags.Accepted;
                return FilterResult.Flow;
            default:
                return FilterResult.Packet;
        }
    }
}
