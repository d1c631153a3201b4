using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Worker;

/// <summary>The records that come with a packet: alerts, frames, transactions whose time has come, drops.</summary>
public sealed partial class PacketWorker
{
    private void WriteEvents(Packet packet, Flow? flow)
    {
        if (TracksOutcome)
        {
            NoteOutcome(packet, flow);
        }

        if (!packet.Events.IsEmpty)
        {
            Counters.Events(in packet.Events);
            _events.PacketAnomalies(packet, flow);
        }

        if (packet.ArpOffset >= 0)
        {
            _events.Arp(packet);
        }

        if (flow is not null && packet.AppEvents != AppLayerEvents.None)
        {
            _events.DetectionAnomalies(flow, packet, packet.AppEvents);
        }

        for (int i = 0; i < _alerts.Count; i++)
        {
            if (!_alerts[i].Has(AlertFlags.Silent))
            {
                Counters.Increment(Counter.DetectAlert);
                _events.Alert(packet, flow, in _alerts[i]);
            }
        }

        bool hasCaptures = _detector.PacketVariables.CaptureCount > 0;
        if (flow is not null && hasCaptures)
        {
            _events.PacketMetadata(packet, flow);
        }

        if (packet.Has(PacketFlags.Tagged))
        {
            _events.Tagged(packet, flow);
        }

        if (_streamLog is not null && flow?.Tcp is not null)
        {
            _streamLog.Write(_tcp.Reassembler, flow);
        }

        if (flow?.AppState is not null)
        {
            LogFrames(packet, flow);
            if (flow.TransactionsDue || packet.Has(PacketFlags.Pseudo))
            {
                LogTransactions(packet, flow);
            }
        }

        if (packet.Action == VerdictAction.Drop)
        {
            _events.Drop(packet, flow, Dropper());
        }

        if (hasCaptures)
        {
            // They are this packet's alone.
            _detector.PacketVariables.Reset();
        }
    }

    /// <summary>The match that dropped the packet; default when something else did.</summary>
    private AlertEntry Dropper()
    {
        for (int i = 0; i < _alerts.Count; i++)
        {
            if (_alerts[i].Action is RuleAction.Drop or RuleAction.Reject or RuleAction.RejectDestination or RuleAction.RejectBoth or RuleAction.Redirect)
            {
                return _alerts[i];
            }
        }

        return default;
    }

    /// <summary>Writes the frames of the packet's direction that are due and lets finished ones go.</summary>
    private void LogFrames(Packet packet, Flow flow)
    {
        if (flow.FramesOf(packet.Direction) is not { Count: > 0 } frames)
        {
            return;
        }

        // Where nothing is inspected nothing has to wait for it.
        bool isInspected = _detects && !Skips(flow) && !packet.Has(PacketFlags.NoInspection);
        _events.Frames(packet, flow, frames, isInspected);
        if (flow.Tcp is null)
        {
            frames.Clear();
        }
        else
        {
            frames.Prune();
        }
    }

    /// <summary>Writes the records of transactions that are far enough, then lets finished ones go.</summary>
    private void LogTransactions(Packet packet, Flow flow)
    {
        ProtocolState state = flow.AppState!;
        TransactionList transactions = state.Transactions;
        bool inspectionDone = !_detects || Skips(flow) || flow.Has(FlowFlags.Dropped);
        state.MeetLoggers(inspectionDone, flow);
        for (int i = transactions.Next(TransactionMark.Log, 0); i >= 0; i = transactions.Next(TransactionMark.Log, i + 1))
        {
            Transaction transaction = transactions[i];
            _events.AppLayerAnomalies(flow, packet, transaction);
            _events.Transactions(flow, packet, transaction, EndedFor(flow, transaction));
            if (_certificates is not null)
            {
                transaction.StoreCertificates(_certificates, packet, flow);
            }

            LogFiles(packet, flow, transaction, Direction.ToServer);
            LogFiles(packet, flow, transaction, Direction.ToClient);
        }

        uint all = state.Protocol.LoggerMask;
        flow.TransactionsDue = AppLayer.Retire(flow, all, inspectionDone);
    }

    private static DirectionMask EndedFor(Flow flow, Transaction transaction)
    {
        if (flow.State == FlowState.LocalBypassed)
        {
            // Nothing is parsed any more: what is not told now is told of a flow that nobody has looked at for long.
            return DirectionMask.Both;
        }

        DirectionMask ended = DirectionMask.None;
        if (flow.IsOver(Direction.ToServer) || !transaction.ExistsIn(Direction.ToServer))
        {
            ended |= DirectionMask.ToServer;
        }

        if (flow.IsOver(Direction.ToClient) || !transaction.ExistsIn(Direction.ToClient))
        {
            ended |= DirectionMask.ToClient;
        }

        return ended;
    }
}
