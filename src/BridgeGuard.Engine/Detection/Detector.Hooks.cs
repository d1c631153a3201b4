using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Detection;

/// <content>Rules that ask of a transaction only how far it has come.</content>
/// <remarks>
/// As observed of Suricata 8.0.8: they are asked whenever something was taken for the transaction, and match at each step from where it stood then to where it stands, both included.
/// For how long news last, see <see cref="ProtocolState.MeetHooks"/>.
/// </remarks>
public sealed partial class Detector
{
    /// <summary>The transaction in hand has news for them.</summary>
    private bool _asksHooks;

    /// <summary>Nothing else is due.</summary>
    private void LookAtHooks(ReadOnlySpan<int> hooks, Transaction transaction, TransactionDetection detection)
    {
        foreach (int rule in hooks)
        {
            LookAtTransactionRule(rule, transaction, detection, progress: 0, isComplete: false);
        }
    }

    private void EvaluateHook(int rule, in RuleEntry entry, Transaction transaction, TransactionDetection detection)
    {
        if (!_asksHooks || !StandsAt(entry, transaction.Progress(_packet.Direction), detection.HookProgress) || !IsVisible(entry))
        {
            return;
        }

        RulesEvaluated++;
        _inspector.BeginRule(_rules, _flow);
        _transaction = transaction;
        if (MatchConditions(rule))
        {
            OnMatch(rule, AlertFlags.Transaction, transaction);
        }
    }

    private bool StandsAt(in RuleEntry entry, byte progress, byte from)
    {
        bool stands = false;
        for (int i = 0; i < entry.Engines.Count; i++)
        {
            ref readonly InspectionEngine engine = ref _rules.Engines[entry.Engines.Start + i];
            if (engine.AppliesTo(_flow!.AppState!.Protocol.Id, _directionMask))
            {
                byte wanted = _packet.Direction == Direction.ToServer ? engine.ProgressToServer : engine.ProgressToClient;
                stands = wanted >= from && wanted <= progress;
            }
        }

        return stands;
    }

    private void RememberHooks(ProtocolState state, Transaction transaction, TransactionDetection detection, int index, bool newsLast)
    {
        detection.HookProgress = transaction.Progress(_packet.Direction);
        if (newsLast)
        {
            // Among many open transactions it has to be found again.
            state.Transactions.Mark(MarkFor(_packet.Direction), index);
        }
        else
        {
            detection.HookNews = state.NewsOf(transaction, _packet.Direction);
        }
    }
}
