using System.Buffers.Binary;
using System.Diagnostics;
using BridgeGuard.Attachments.Bridge.Decisions;
using BridgeGuard.Attachments.Interop;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>Takes what the kernel carried of a passed flow, for the worker that follows it; false when it has no room.</summary>
internal delegate bool BypassReport(in FlowKey key, int queue, KernelCount fromA, KernelCount fromB, long lastUs);

/// <summary>The verdict maps: flows about which the kernel decides by itself from now on.</summary>
/// <remarks>
/// Passes live in an LRU map (losing one only brings the flow back to the engine), drops in a plain one (losing one would open it). The kernel keeps
/// punting SYN, FIN, RST and fragments of decided flows. Thread: any worker for <see cref="TryDecide"/> and <see cref="Forget"/>; one for aging.
/// </remarks>
internal sealed class FlowDecisions(KernelPrograms programs)
{
    // Frames of the flow that already wait for the daemon go first; under a standing backlog that never ends, so it is bounded.
    public const ulong OrderWaitNs = 200_000_000;

    private const int ForgetBatch = 1024;

    // RFC 9293 §3.1.
    private const int TcpBytes = 20;
    private const int TcpAcknowledgementAt = 8;
    private const int TcpWindowAt = 14;

    private readonly FlowKey[] _idle = new FlowKey[ForgetBatch];
    private int _anyDecided;

    // What passed flows had carried when it was last told; the aging thread's alone.
    private Dictionary<FlowKey, (KernelCount FromA, KernelCount FromB)> _told = [];
    private Dictionary<FlowKey, (KernelCount FromA, KernelCount FromB)> _seen = [];

    /// <summary>Whether a decision was ever made; while not, nobody needs to look for outdated ones.</summary>
    public bool AnyDecided => Volatile.Read(ref _anyDecided) != 0;

    /// <summary>Flows in the maps when they were last aged.</summary>
    public int PassedFlows { get; private set; }

    public int DroppedFlows { get; private set; }

    public int ActedFlows { get; private set; }

    /// <summary>Gives the rest of the frame's flow to the kernel; false when the frame names no flow or the map is full.</summary>
    public bool TryDecide(FlowOffload decision, ReadOnlySpan<byte> frame, ushort bridgeId, int queue)
    {
        if (FlowKey.Read(frame, bridgeId, out FlowKey key, out bool isSwapped, out int transportAt) == FlowKeyKind.None)
        {
            return false;
        }

        ulong now = (ulong)Stopwatch.GetTimestamp();
        KernelFlow flow = new() { LastNs = now, Active = 1, Queue = (ushort)queue };
        int map = programs.DroppedFlows;
        if (decision == FlowOffload.PassDirection)
        {
            ReadOnlySpan<byte> transport = frame[transportAt..];
            if (transport.Length < TcpBytes)
            {
                return false;
            }

            flow.Only = isSwapped ? (ushort)2 : (ushort)1;
            flow.Acknowledgement = BinaryPrimitives.ReadUInt32LittleEndian(transport[TcpAcknowledgementAt..]);
            flow.Window = BinaryPrimitives.ReadUInt16LittleEndian(transport[TcpWindowAt..]);
        }

        if (decision is FlowOffload.Pass or FlowOffload.PassDirection)
        {
            map = programs.PassedFlows;
            flow.Active = 0;
            flow.WaitSequence = (ulong)programs.State.Punted(queue);
            flow.DeadlineNs = now + OrderWaitNs;
        }

        // A frame that was on its way when the decision fell asks for it again; what the kernel has counted since must stay.
        if (Bpf.Update(map, in key, in flow, Bpf.UpdateIfNew) != 0 && (Libc.LastError() != Libc.ErrorExists || !Renew(map, in key, in flow)))
        {
            return false;
        }

        SwitchOn(KernelLayout.StateFlows);
        return true;
    }

    /// <summary>A decision about one direction gives way to one about both, or to one for the next acknowledgement; the others stand.</summary>
    private static bool Renew(int map, in FlowKey key, in KernelFlow flow)
    {
        KernelFlow old = default;
        if (Bpf.Lookup(map, in key, ref old) != 0 || old.Only == 0
            || (old.Only == flow.Only && old.Acknowledgement == flow.Acknowledgement && old.Window == flow.Window))
        {
            return true;
        }

        KernelFlow renewed = flow;
        (renewed.FromA, renewed.FromB, renewed.LastNs) = (old.FromA, old.FromB, old.LastNs);
        return Bpf.Update(map, in key, in renewed) == 0;
    }

    /// <summary>Sets what happens to each direction of a flow; false when the map is full.</summary>
    public bool TryAct(in FlowKey key, in KernelFlowAct act)
    {
        if (Bpf.Update(programs.Acts, in key, in act) != 0)
        {
            return false;
        }

        SwitchOn(KernelLayout.StateFlows | KernelLayout.StateActs);
        return true;
    }

    /// <summary>What the kernel has counted for a decided flow.</summary>
    public bool TryRead(in FlowKey key, out KernelFlow flow)
    {
        flow = default;
        KernelFlowAct act = default;
        if (Bpf.Lookup(programs.Acts, in key, ref act) == 0)
        {
            flow = act.Value;
            return true;
        }

        return Bpf.Lookup(programs.PassedFlows, in key, ref flow) == 0 || Bpf.Lookup(programs.DroppedFlows, in key, ref flow) == 0;
    }

    /// <summary>A new connection with the key of a decided flow: it is judged afresh.</summary>
    public bool Forget(in FlowKey key) => (Bpf.Delete(programs.PassedFlows, in key) == 0)
        | (Bpf.Delete(programs.DroppedFlows, in key) == 0) | (Bpf.Delete(programs.Acts, in key) == 0);

    /// <summary>Forgets decisions about flows that have been silent for the time, and tells what passed flows have carried since the last call.</summary>
    /// <param name="idleNs">Silence after which a decision is forgotten.</param>
    /// <param name="report">Takes the traffic for a worker; false: it has no room now, tell it again.</param>
    public void Age(long idleNs, BypassReport report)
    {
        if (AnyDecided)
        {
            PassedFlows = AgePassed(idleNs, report);
            DroppedFlows = AgeMap<KernelFlow>(programs.DroppedFlows, idleNs, static flow => flow.LastNs);
            ActedFlows = AgeMap<KernelFlowAct>(programs.Acts, idleNs, static act => act.Value.LastNs);
        }
    }

    private int AgePassed(long idleNs, BypassReport report)
    {
        long now = Stopwatch.GetTimestamp();
        long nowUs = (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
        int kept = 0;
        _seen.Clear();
        foreach ((FlowKey key, KernelFlow flow) in MapReader.All<FlowKey, KernelFlow>(programs.PassedFlows))
        {
            long idle = now - (long)flow.LastNs;
            (KernelCount FromA, KernelCount FromB) told = _told.GetValueOrDefault(key);
            if (flow.FromA.Packets < told.FromA.Packets || flow.FromB.Packets < told.FromB.Packets)
            {
                told = default; // Forgotten and decided anew.
            }

            KernelCount fromA = Minus(flow.FromA, told.FromA);
            KernelCount fromB = Minus(flow.FromB, told.FromB);
            if ((fromA.Packets | fromB.Packets) != 0 && !report(in key, (int)flow.Queue, fromA, fromB, nowUs - (idle / 1000)))
            {
                _seen[key] = told;
                kept++;
                continue;
            }

            if (idle > idleNs)
            {
                Bpf.Delete(programs.PassedFlows, in key);
                continue;
            }

            _seen[key] = (flow.FromA, flow.FromB);
            kept++;
        }

        (_told, _seen) = (_seen, _told);
        return kept;
    }

    private static KernelCount Minus(KernelCount now, KernelCount before) =>
        new() { Packets = now.Packets - before.Packets, Bytes = now.Bytes - before.Bytes };

    private void SwitchOn(uint flags)
    {
        programs.State.SetFlag(flags);
        Volatile.Write(ref _anyDecided, 1);
    }

    private int AgeMap<TValue>(int map, long idleNs, Func<TValue, ulong> lastOf)
        where TValue : unmanaged
    {
        int kept = 0;
        int idle = 0;
        FlowKey key = default;
        FlowKey next = default;
        bool isFirst = true;
        while (Bpf.NextKey(map, isFirst, in key, ref next) == 0)
        {
            key = next;
            isFirst = false;
            TValue flow = default;
            if (Bpf.Lookup(map, in key, ref flow) != 0)
            {
                continue;
            }

            if (Stopwatch.GetTimestamp() - (long)lastOf(flow) > idleNs && idle < ForgetBatch)
            {
                _idle[idle++] = key;
            }
            else
            {
                kept++;
            }
        }

        for (int i = 0; i < idle; i++)
        {
            Bpf.Delete(map, in _idle[i]);
        }

        return kept;
    }
}
