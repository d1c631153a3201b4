using System.Numerics;
using BridgeGuard.Engine.Detection.Prefilter;
using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.DceRpc;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Detection;

/// <content>Rules over transactions.</content>
public sealed partial class Detector
{
    private enum EngineResult : byte
    {
        Match,

        /// <summary>Not now; a later packet may bring it.</summary>
        NotYet,

        /// <summary>Never for this transaction.</summary>
        Never,
    }

    private void InspectTransactions()
    {
        ProtocolState state = _flow!.AppState!;

        // Inline what the other side's packet changed was looked at with it: an answer's side waits for the answer. Of many, each packet cannot pass over all.
        bool waits = Reassembler is { IsInline: true } && _packet.IsTcp && !_packet.Has(PacketFlags.AppMoved | PacketFlags.Pseudo)
            && state.Transactions.Count <= TransactionList.MaxUnmarked;
        byte complete = state.Protocol.CompletedProgress(_packet.Direction);
        int[] hooks = _group.Hooks[(int)state.Protocol.Id];
        bool newsLast = state.MeetHooks(_packet.Direction, _packet.Has(PacketFlags.AppMoved));
        bool isEnd = _packet.Source is PacketSource.FlowTimeout or PacketSource.FlowForced;
        TransactionList transactions = state.Transactions;
        uint changes = _packet.Direction == Direction.ToServer ? state.ChangesToServer : state.ChangesToClient;
        TransactionMark mark = MarkFor(_packet.Direction);
        for (int i = transactions.Next(mark, 0); i >= 0; i = transactions.Next(mark, i + 1))
        {
            Transaction transaction = transactions[i];
            if (waits && _flow.ProgressOf(transaction, _packet.Direction) < complete)
            {
                continue;
            }

            TransactionDetection detection = transaction.Detection(_packet.Direction);
            if (!transaction.ExistsIn(_packet.Direction))
            {
                // As in Suricata it is passed over with a packet behind the one that made it.
                if (!_packet.Has(PacketFlags.AppMoved))
                {
                    detection.IsFinished = true;
                    transactions.Unmark(mark, i);
                }

                continue;
            }

            transactions.Unmark(mark, i);
            if (detection.IsFinished)
            {
                continue;
            }

            detection.Attach(_rules);
            byte reached = _flow.ProgressOf(transaction, _packet.Direction);

            // Nothing was parsed since: every buffer is what it was.
            bool isKnown = detection.InspectedProgress == reached && detection.InspectedChanges == changes;
            _asksHooks = hooks.Length > 0 && (isEnd || state.NewsOf(transaction, _packet.Direction) != detection.HookNews);
            if (isKnown && !_asksHooks)
            {
                continue;
            }

            if (isKnown)
            {
                LookAtHooks(hooks, transaction, detection);
            }
            else
            {
                detection.InspectedChanges = changes;

                // As in Suricata: that nothing more comes does not make a side complete that never began.
                bool isUnbegun = complete > 1 && transaction.Progress(_packet.Direction) == 0;
                InspectTransaction(transaction, detection, isUnbegun ? (byte)0 : reached);
                detection.InspectedProgress = reached;
            }

            if (_asksHooks)
            {
                RememberHooks(state, transaction, detection, i, newsLast);
            }

            // It may have been finished, or a file be wanted now.
            transactions.Mark(TransactionMark.Log, i);
        }
    }

    private static TransactionMark MarkFor(Direction direction) => direction == Direction.ToServer ? TransactionMark.ToServer : TransactionMark.ToClient;

    /// <summary>Marks what needs no inspection, so that transactions of passed flows can go.</summary>
    private static void FinishTransactions(RuleSet rules, Packet packet, Flow? flow)
    {
        if (flow?.AppState is not { } state)
        {
            return;
        }

        state.MeetRules(rules, flow);
        TransactionList transactions = state.Transactions;
        TransactionMark mark = MarkFor(packet.Direction);
        for (int i = transactions.Next(mark, 0); i >= 0; i = transactions.Next(mark, i + 1))
        {
            Transaction transaction = transactions[i];
            if (flow.ProgressOf(transaction, packet.Direction) >= state.Protocol.CompletedProgress(packet.Direction))
            {
                transaction.Detection(packet.Direction).Attach(rules);
                transaction.Detection(packet.Direction).IsFinished = true;
                transactions.Mark(TransactionMark.Log, i);
                transactions.Unmark(mark, i);
            }
            else if (flow.Has(FlowFlags.Passed))
            {
                transactions.Unmark(mark, i);
            }
        }
    }

    private void InspectTransaction(Transaction transaction, TransactionDetection detection, byte progress)
    {
        Protocol protocol = _flow!.AppState!.Protocol;
        Direction direction = _packet.Direction;
        bool isComplete = progress >= protocol.CompletedProgress(direction);
        _inspector.DceLittleEndian = transaction is not IDceRpcCarrier { DceRpc.IsLittleEndian: false };
        ClearCandidates();
        AddCandidates(_group.Transactions[(int)protocol.Id]);
        if (!transaction.Anomalies.IsEmpty)
        {
            AddCandidates(_group.Anomalies[(int)protocol.Id]);
        }

        PrefilterTransaction(transaction, detection, protocol.Id, progress, isComplete);
        foreach (RuleState state in detection.States)
        {
            if (!state.IsOver)
            {
                AddCandidate(state.Rule);
            }
        }

        int previous = -1;
        foreach (int rule in SortedCandidates())
        {
            if (rule != previous)
            {
                LookAtTransactionRule(rule, transaction, detection, progress, isComplete);
            }

            previous = rule;
        }

        detection.IsFinished = isComplete;
        MarkFilesInspected(transaction);
        transaction.OnInspected(direction);
    }

    private void LookAtTransactionRule(int rule, Transaction transaction, TransactionDetection detection, byte progress, bool isComplete)
    {
        if (Costs is not { } costs)
        {
            EvaluateTransactionRule(rule, transaction, detection, progress, isComplete);
            return;
        }

        long matched = RulesMatched;
        long begun = costs.Begin();
        EvaluateTransactionRule(rule, transaction, detection, progress, isComplete);
        costs.End(rule, begun, RulesMatched != matched);
    }

    private void PrefilterTransaction(Transaction transaction, TransactionDetection detection, ProtocolId protocol, byte progress, bool isComplete)
    {
        BufferPrefilters prefilters = _rules.BufferPrefilters[((int)protocol * 2) + (int)_packet.Direction];
        int reached = prefilters.Reached(progress);
        for (int word = 0; word * 64 < reached; word++)
        {
            int left = reached - (word * 64);
            ulong pending = detection.Pending(word) & (left >= 64 ? ulong.MaxValue : (1UL << left) - 1);
            for (; pending != 0; pending &= pending - 1)
            {
                int index = (word * 64) + BitOperations.TrailingZeroCount(pending);
                if (PrefilterBuffer(prefilters.All[index], transaction, detection, progress, isComplete))
                {
                    detection.SetPrefiltered(index);
                }
            }
        }
    }

    /// <summary>Looks for the fast patterns of one buffer; true when it need not be looked at again.</summary>
    private bool PrefilterBuffer(BufferPrefilter prefilter, Transaction transaction, TransactionDetection detection, byte progress, bool isComplete)
    {
        bool isFinal = progress > prefilter.Progress || isComplete;
        bool found = false;
        _matches.Clear();
        for (int index = 0; TryGetBuffer(transaction, prefilter.Buffer, prefilter.LocalId, index, out BufferView view); index++)
        {
            found = true;
            if (!_settings.Detection.Prefilter)
            {
                AddGroupMembers(prefilter.Table.Rules);
                break;
            }

            if (IsGrowing(prefilter, transaction))
            {
                ScanFresh(prefilter, view, ref MarkOf(prefilter, transaction, detection, index));
            }
            else
            {
                prefilter.Table.Set.ScanChunk(view.Data, view.Offset, view.IsComplete, _matches);
            }

            if (!prefilter.IsMulti)
            {
                break;
            }
        }

        AddGroupMembers(_matches.Ids);
        return isFinal || (found && !prefilter.IsMulti && !prefilter.IsStreaming);
    }

    /// <summary>
    /// Searches what was added to a body since the last time, with so many bytes before it that no pattern is missed at the seam. Rules found earlier
    /// that have not matched yet are remembered by the transaction.
    /// </summary>
    private void ScanFresh(BufferPrefilter prefilter, BufferView view, ref ScanMark mark)
    {
        PatternSet set = prefilter.Table.Set;
        long end = view.Offset + view.Data.Length;
        long known = ReferenceEquals(mark.Table, prefilter.Table) && mark.Searched <= end ? mark.Searched : 0;
        int skip = (int)Math.Clamp(known - set.MaxPatternLength - view.Offset, 0, view.Data.Length);
        set.ScanChunk(view.Data[skip..], view.Offset + skip, view.IsComplete, _matches);
        mark.Table = prefilter.Table;
        mark.Searched = end;
    }

    /// <summary>A body as it was sent, to which later packets only add: not one that a transform makes anew, nor several values at changing places.</summary>
    private bool IsGrowing(BufferPrefilter prefilter, Transaction transaction) =>
        prefilter.IsStreaming && _rules.BufferTransforms[prefilter.Buffer].Length == 0
        && (!prefilter.IsMulti || (prefilter.LocalId == FileBuffers.Data && transaction.Files(_packet.Direction) is not null));

    /// <summary>How far a body was searched is kept with the file, if it is one, else with the transaction.</summary>
    private ref ScanMark MarkOf(BufferPrefilter prefilter, Transaction transaction, TransactionDetection detection, int index)
    {
        if (prefilter.LocalId == FileBuffers.Data && transaction.Files(_packet.Direction) is { } files)
        {
            return ref files[index].Searched;
        }

        return ref detection.MarkOf(prefilter.Table);
    }

    private void EvaluateTransactionRule(int rule, Transaction transaction, TransactionDetection detection, byte progress, bool isComplete)
    {
        ref readonly RuleEntry entry = ref _rules.Entries[rule];
        if ((entry.Flags & RuleFlags.HookOnly) != 0)
        {
            EvaluateHook(rule, entry, transaction, detection);
            return;
        }

        int slot = detection.Find(rule);
        if (slot >= 0 && detection[slot].IsOver)
        {
            return;
        }

        _inspector.BeginRule(_rules, _flow);
        _transaction = transaction;
        if (slot < 0)
        {
            if (!IsVisible(entry))
            {
                return;
            }

            RulesEvaluated++;
            if (!MatchConditions(rule))
            {
                return;
            }
        }

        uint matched = slot < 0 ? 0 : detection[slot].Matched;
        uint needed = 0;
        bool isNever = false;
        int position = 0;
        ProtocolId protocol = _flow!.AppState!.Protocol.Id;
        for (int i = 0; i < entry.Engines.Count && !isNever; i++)
        {
            ref readonly InspectionEngine engine = ref _rules.Engines[entry.Engines.Start + i];
            if (!engine.AppliesTo(protocol, _directionMask))
            {
                continue;
            }

            uint bit = 1U << position++;
            needed |= bit;
            if ((matched & bit) != 0)
            {
                continue;
            }

            switch (RunEngine(entry, engine, transaction, progress, isComplete))
            {
                case EngineResult.Match:
                    matched |= bit;
                    break;
                case EngineResult.Never:
                    isNever = true;
                    break;
                default:
                    // Later engines have at least this progress; they wait too.
                    i = entry.Engines.Count;
                    needed |= 1U << 31;
                    break;
            }
        }

        bool isMatch = !isNever && needed != 0 && (matched & needed) == needed;
        if (isMatch && (entry.Flags & RuleFlags.TwoWay) != 0)
        {
            isMatch = MatchesOtherWay(rule, transaction, detection, slot, matched);
            if (!isMatch)
            {
                return;
            }
        }

        if (slot < 0)
        {
            // Nothing to remember of a rule that failed at once or that keeps being asked anyway with nothing found yet.
            bool isPrefiltered = (entry.Flags & RuleFlags.HasFastPattern) != 0;
            if (!isMatch && (isNever || isComplete || (matched == 0 && !isPrefiltered)))
            {
                return;
            }

            slot = detection.Add(rule);
        }

        ref RuleState state = ref detection[slot];
        state.Matched = matched;
        state.IsOver = isMatch || isNever || isComplete;
        if (isMatch)
        {
            OnMatch(rule, AlertFlags.Transaction, transaction);
        }
    }

    /// <summary>
    /// One half of a two-way rule has matched: true when the other half had already; otherwise it is remembered for the other direction.
    /// </summary>
    private bool MatchesOtherWay(int rule, Transaction transaction, TransactionDetection detection, int slot, uint matched)
    {
        TransactionDetection other = transaction.Detection(_packet.Direction.Opposite());
        int otherSlot = other.Find(rule);
        if (otherSlot >= 0 && other[otherSlot].IsHalfMatch)
        {
            return true;
        }

        slot = slot < 0 ? detection.Add(rule) : slot;
        detection[slot].Matched = matched;
        detection[slot].IsHalfMatch = true;
        detection[slot].IsOver = true;
        return false;
    }

    private EngineResult RunEngine(in RuleEntry entry, in InspectionEngine engine, Transaction transaction, byte progress, bool isComplete)
    {
        byte wanted = _packet.Direction == Direction.ToServer ? engine.ProgressToServer : engine.ProgressToClient;
        if (engine.Kind == EngineKind.State)
        {
            return CompareState(engine.Index, progress, wanted);
        }

        if (progress < wanted)
        {
            return EngineResult.NotYet;
        }

        EngineResult failure = progress > wanted || isComplete ? EngineResult.Never : EngineResult.NotYet;
        switch (engine.Kind)
        {
            case EngineKind.Buffer:
                return RunBufferEngine(engine, transaction, failure, isBehind: progress > wanted);

            case EngineKind.Field:
                return RunFieldEngine(engine, transaction) ? EngineResult.Match : failure;

            case EngineKind.Keyword:
                return _rules.Keywords[engine.Index].Match(transaction, _packet.Direction, _flow!) ? EngineResult.Match : failure;

            case EngineKind.Anomaly:
                // An oddity may be noticed at any time until the end.
                return transaction.Anomalies.Contains(engine.Index)
                    ? EngineResult.Match
                    : isComplete ? EngineResult.Never : EngineResult.NotYet;

            case EngineKind.Payload:
                bool hasStream = TryGetStream(out RawWindow stream);
                return InspectPayload(entry, hasStream, stream, InspectedPayload, out _)
                    ? EngineResult.Match
                    : isComplete ? EngineResult.Never : EngineResult.NotYet;

            case EngineKind.Progress:
                return EngineResult.Match;

            default:
                return RunFileEngine(engine, transaction, failure);
        }
    }

    private static EngineResult CompareState(int comparison, byte progress, byte wanted) => comparison switch
    {
        StateComparison.Before => progress < wanted ? EngineResult.Match : EngineResult.Never,
        StateComparison.Behind => progress > wanted ? EngineResult.Match : EngineResult.NotYet,
        _ => progress == wanted ? EngineResult.Match : progress < wanted ? EngineResult.NotYet : EngineResult.Never,
    };

    private EngineResult RunBufferEngine(in InspectionEngine engine, Transaction transaction, EngineResult failure, bool isBehind)
    {
        bool found = false;
        bool isFinal = false;
        for (int index = 0; TryGetBuffer(transaction, engine.Index, engine.LocalId, index, out BufferView view); index++)
        {
            found = true;
            isFinal = view.IsComplete && (engine.Flags & (EngineFlags.Multi | EngineFlags.Streaming)) == 0;
            if ((engine.Flags & EngineFlags.Absent) == 0 && _inspector.Inspect(engine.Ops, view.Data, view.Offset, view.IsComplete))
            {
                return EngineResult.Match;
            }

            if ((engine.Flags & EngineFlags.Multi) == 0)
            {
                break;
            }
        }

        if (!found && (engine.Flags & (EngineFlags.Absent | EngineFlags.AbsentOrElse)) != 0)
        {
            // As in Suricata a buffer is known to be absent only behind its step: never at the last one, as of a datagram's names.
            return failure == EngineResult.Never && isBehind && transaction.CanHave(engine.LocalId, _packet.Direction) ? EngineResult.Match : failure;
        }

        return isFinal ? EngineResult.Never : failure;
    }

    private bool RunFieldEngine(in InspectionEngine engine, Transaction transaction)
    {
        ref readonly FieldTest test = ref _rules.FieldTests[engine.Index];
        int count = 0;
        int hits = 0;
        bool isMulti = (engine.Flags & EngineFlags.Multi) != 0;
        while (transaction.TryGetField(engine.LocalId, _packet.Direction, count, out ulong value))
        {
            if (test.Matches(_rules, value))
            {
                hits++;
                if (test.Mode == FieldMode.AtIndex && count == test.Index)
                {
                    return true;
                }
            }

            count++;
            if (!isMulti)
            {
                break;
            }
        }

        return test.Mode switch
        {
            FieldMode.Any => hits > 0,
            FieldMode.All => hits == count,
            FieldMode.AllAtLeastOne => count > 0 && hits == count,
            FieldMode.Count => test.CountTest.Matches((ulong)count),
            FieldMode.MatchCount => test.CountTest.Matches((ulong)hits),
            _ => test.Index < 0 && count + test.Index >= 0
                && transaction.TryGetField(engine.LocalId, _packet.Direction, count + test.Index, out ulong last)
                && test.Matches(_rules, last),
        };
    }

    /// <summary>A buffer's bytes after its transforms; false when it does not exist (yet).</summary>
    private bool TryGetBuffer(Transaction transaction, int buffer, int localId, int index, out BufferView view)
    {
        bool exists = localId < 0
            ? TryGetFileBuffer(transaction, localId, index, out view)
            : transaction.TryGetBuffer(localId, _packet.Direction, index, out view);
        if (!exists)
        {
            return false;
        }

        Transform[] transforms = _rules.BufferTransforms[buffer];
        if (transforms.Length > 0)
        {
            ReadOnlySpan<byte> data = view.Data;
            foreach (Transform transform in transforms)
            {
                data = transform.Apply(data, _transformScratch);
            }

            view = new BufferView(data, 0, view.IsComplete);
        }

        return true;
    }

    private bool TryGetFileBuffer(Transaction transaction, int localId, int index, out BufferView view)
    {
        view = default;
        if (transaction.Files(_packet.Direction) is not { } files || index >= files.Count)
        {
            return false;
        }

        TrackedFile file = files[index];
        if (localId == FileBuffers.Data && !file.IsInspectable)
        {
            return false;
        }

        view = localId switch
        {
            FileBuffers.Data => file.Content,
            FileBuffers.Name => new BufferView(file.Name),
            _ => new BufferView(file.Magic),
        };
        return true;
    }

    private EngineResult RunFileEngine(in InspectionEngine engine, Transaction transaction, EngineResult failure)
    {
        if (transaction.Files(_packet.Direction) is not { } files)
        {
            return failure;
        }

        FileTest test = _rules.FileTests[engine.Index];
        bool anyOpen = files.Count == 0;
        for (int i = 0; i < files.Count; i++)
        {
            TrackedFile file = files[i];
            if (MatchesFile(test, file))
            {
                return EngineResult.Match;
            }

            anyOpen |= !file.IsEnded;
        }

        return anyOpen ? EngineResult.NotYet : failure;
    }

    private bool MatchesFile(FileTest test, TrackedFile file)
    {
        ReadOnlySpan<byte> digest;
        switch (test.Kind)
        {
            case FileTestKind.Exists:
                return true;
            case FileTestKind.Size:
                // Suricata waits for the end. While it grows a lower bound holds for good: inline the rest need not come.
                return (file.IsEnded || (Enforces && test.Size.Comparison is IntegerComparison.Greater or IntegerComparison.GreaterOrEqual))
                    && test.Size.Matches((ulong)file.Size);
            case FileTestKind.Md5:
                digest = file.Md5;
                break;
            case FileTestKind.Sha1:
                digest = file.Sha1;
                break;
            default:
                digest = file.Sha256;
                break;
        }

        return !digest.IsEmpty && test.Digests!.Contains(digest) != test.Negated;
    }

    private void MarkFilesInspected(Transaction transaction)
    {
        if (transaction.Files(_packet.Direction) is { } files)
        {
            for (int i = 0; i < files.Count; i++)
            {
                files[i].MarkInspected();
            }
        }
    }
}
