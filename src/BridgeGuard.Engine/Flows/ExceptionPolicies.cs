using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Flows;

/// <summary>Applies the configured answer to one <see cref="ExceptionCause"/> to a packet and its flow.</summary>
public static class ExceptionPolicies
{
    private const int BitsPerCause = 4;
    private const uint CauseMask = (1u << BitsPerCause) - 1;

    /// <summary>Carries out <paramref name="policy"/>. Without a flow a flow policy falls back to its packet form.</summary>
    /// <param name="counters">Counts by cause and policy; null: not counted.</param>
    /// <param name="isInline">Verdicts are carried out; otherwise a reject answers and nothing is dropped.</param>
    public static void Apply(
        Packet packet, Flow? flow, ExceptionCause cause, ExceptionPolicy policy, WorkerCounters? counters = null, bool isInline = true)
    {
        if (flow?.Judgement?.Exceptions?[(int)cause] is { } ofRole)
        {
            policy = ofRole;
        }

        counters?.Policy(cause, policy);
        if (cause == ExceptionCause.AppLayerError && flow is not null)
        {
            counters?.AppPolicy(flow.App, flow.Key.Protocol, policy);
        }

        // Ignoring is remembered too: the flow's record says that something was missed.
        if (flow is not null)
        {
            int shift = (int)cause * BitsPerCause;
            flow.ExceptionMask = (flow.ExceptionMask & ~(CauseMask << shift)) | (((uint)policy + 1) << shift);
        }

        if (policy == ExceptionPolicy.Ignore)
        {
            return;
        }

        switch (policy)
        {
            case ExceptionPolicy.PassPacket:
                packet.Flags |= PacketFlags.NoInspection | PacketFlags.NoPayloadInspection;
                break;
            case ExceptionPolicy.PassFlow:
                packet.Flags |= PacketFlags.NoInspection | PacketFlags.NoPayloadInspection;
                if (flow is not null)
                {
                    flow.Flags |= FlowFlags.Passed | FlowFlags.NoPacketInspection | FlowFlags.NoPayloadInspection;
                }

                break;
            case ExceptionPolicy.Bypass:
                packet.Flags |= PacketFlags.NoInspection | PacketFlags.NoPayloadInspection;
                if (flow is not null)
                {
                    flow.State = FlowState.LocalBypassed;
                    flow.Flags |= FlowFlags.NoPacketInspection | FlowFlags.NoPayloadInspection;
                }

                break;
            case ExceptionPolicy.DropPacket:
                DropOne(packet, cause);
                break;
            case ExceptionPolicy.DropFlow:
                DropAll(packet, flow, cause);
                break;
            case ExceptionPolicy.Reject or ExceptionPolicy.RejectBoth when !isInline:
                packet.Reject |= policy == ExceptionPolicy.Reject ? RejectTarget.Source : RejectTarget.Both;
                packet.Flags |= PacketFlags.PolicyReject;
                return;
            case ExceptionPolicy.Reject:
                packet.Reject |= RejectTarget.Source;
                DropAll(packet, flow, cause);
                break;
            case ExceptionPolicy.RejectBoth:
                packet.Reject |= RejectTarget.Both;
                DropAll(packet, flow, cause);
                break;
        }

        if (flow is not null && policy is ExceptionPolicy.Reject or ExceptionPolicy.RejectBoth)
        {
            flow!.Flags |= FlowFlags.Rejected;
        }
    }

    /// <summary>The policy last applied for a cause; false when the cause never came up on this flow.</summary>
    public static bool TryGetApplied(Flow flow, ExceptionCause cause, out ExceptionPolicy policy)
    {
        uint value = (flow.ExceptionMask >> ((int)cause * BitsPerCause)) & CauseMask;
        policy = value == 0 ? ExceptionPolicy.Ignore : (ExceptionPolicy)(value - 1);
        return value != 0;
    }

    /// <summary>A policy has bypassed the flow: its record says that it was let pass.</summary>
    public static bool WasBypassed(Flow flow)
    {
        for (ExceptionCause cause = 0; flow.ExceptionMask != 0 && cause < ExceptionCause.Count; cause++)
        {
            if (TryGetApplied(flow, cause, out ExceptionPolicy policy) && policy == ExceptionPolicy.Bypass)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>EVE name of the place: <c>flow.exception_policy[].target</c>.</summary>
    public static string NameOf(ExceptionCause cause) => cause switch
    {
        ExceptionCause.DefragMemcap => "defrag_memcap",
        ExceptionCause.FlowMemcap => "flow_memcap",
        ExceptionCause.StreamSessionMemcap => "stream_memcap",
        ExceptionCause.StreamReassemblyMemcap => "stream_reassembly_memcap",
        ExceptionCause.StreamMidstream => "stream_midstream",
        ExceptionCause.LatencyBudget => "latency_budget",
        _ => "app_layer_error",
    };

    /// <summary>EVE name of the answer: <c>flow.exception_policy[].policy</c>.</summary>
    public static string NameOf(ExceptionPolicy policy) => policy switch
    {
        ExceptionPolicy.Ignore => "ignore",
        ExceptionPolicy.PassPacket => "pass_packet",
        ExceptionPolicy.PassFlow => "pass_flow",
        ExceptionPolicy.Bypass => "bypass",
        ExceptionPolicy.DropPacket => "drop_packet",
        ExceptionPolicy.DropFlow => "drop_flow",
        ExceptionPolicy.Reject => "reject",
        _ => "reject_both",
    };

    private static void DropOne(Packet packet, ExceptionCause cause)
    {
        packet.Flags |= PacketFlags.NoInspection | PacketFlags.NoPayloadInspection;
        packet.Drop(ReasonOf(cause));
    }

    private static void DropAll(Packet packet, Flow? flow, ExceptionCause cause)
    {
        DropOne(packet, cause);
        if (flow is not null && !packet.IsPassive)
        {
            flow.Flags |= FlowFlags.Dropped | FlowFlags.NoPacketInspection | FlowFlags.NoPayloadInspection | FlowFlags.ExceptionDropped;
        }
    }

    private static DropReason ReasonOf(ExceptionCause cause) => cause switch
    {
        ExceptionCause.DefragMemcap => DropReason.DefragMemcap,
        ExceptionCause.FlowMemcap => DropReason.FlowMemcap,
        ExceptionCause.StreamSessionMemcap => DropReason.StreamMemcap,
        ExceptionCause.StreamReassemblyMemcap => DropReason.StreamReassembly,
        ExceptionCause.StreamMidstream => DropReason.StreamMidstream,
        ExceptionCause.LatencyBudget => DropReason.LatencyBudget,
        _ => DropReason.AppLayerError,
    };
}
