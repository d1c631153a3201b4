using System.Numerics;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Flows;

/// <summary>Room for new flows: what ends when the table is full, and earlier in an emergency.</summary>
public sealed partial class FlowTable
{
    /// <summary>A further flow object, which happens only while the table grows to its highest use.</summary>
    /// <remarks>
    /// Flows live for ever, so the collector has to move each once. Left to itself it does so when hundreds of MiB have piled up, and all workers stand still for a
    /// third of a second; in small steps nobody notices.
    /// </remarks>
    private int MakeOne()
    {
        if (_made % SettleEvery == SettleEvery - 1)
        {
            GC.Collect(1, GCCollectionMode.Forced, blocking: true);
        }

        _flows[_made] = new Flow { TableIndex = _made };
        return _made++;
    }

    /// <summary>The table is full: emergency begins, and one of the next flows under the hand must go. Established ones stay: a flood cannot push them out.</summary>
    private bool TryMakeRoom()
    {
        if (!IsEmergency)
        {
            IsEmergency = true;
            _counters.Increment(Counter.FlowEmergencyEntered);
        }

        Flow? youngest = null;
        for (int i = 0; i < EvictionScan && i < _made; i++)
        {
            _hand = _hand + 1 < _made ? _hand + 1 : 0;
            Flow flow = _flows[_hand];
            if (flow.Hash == 0)
            {
                continue;
            }

            if (DeadlineOf(flow) < _nowUs)
            {
                flow.Flags |= FlowFlags.EmergencyEnded;
                End(flow, FlowEndReason.Timeout, EndHandler);
                return true;
            }

            if (flow.State is FlowState.New or FlowState.Closed && (youngest is null || flow.LastUs < youngest.LastUs))
            {
                youngest = flow;
            }
        }

        if (youngest is null)
        {
            return false;
        }

        youngest.Flags |= FlowFlags.EmergencyEnded;
        _counters.Increment(Counter.FlowGetUsed);
        End(youngest, FlowEndReason.Forced, EndHandler);
        return true;
    }

    private void LeaveEmergencyWhenQuiet()
    {
        if (IsEmergency && (long)Count * 100 <= (long)Capacity * (100 - _settings.EmergencyRecoveryPercent))
        {
            IsEmergency = false;
            _counters.Increment(Counter.FlowEmergencyOver);
        }
    }

    /// <summary>The wheel knows the long times only: in an emergency flows are looked at in turn whether they are over by the short ones.</summary>
    private void SweepInEmergency(long nowUs, IFlowEndHandler handler, int most)
    {
        for (int left = Math.Min(most, _made); left > 0; left--)
        {
            _sweep = _sweep + 1 < _made ? _sweep + 1 : 0;
            Flow flow = _flows[_sweep];
            if (flow.Hash != 0 && DeadlineOf(flow) < nowUs)
            {
                flow.Flags |= FlowFlags.EmergencyEnded;
                End(flow, FlowEndReason.Timeout, handler);
            }
        }

        LeaveEmergencyWhenQuiet();
    }
}
