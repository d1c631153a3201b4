using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using BridgeGuard.Attachments.Bridge.Decisions;
using BridgeGuard.Attachments.Interop;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>Takes what the kernel carried of a passed flow, for the worker that follows it; false when it has no room.</summary>
internal delegate bool BypassReport(in FlowKey key, int queue, KernelCount fromA, KernelCount fromB, long lastUs);

/// <summary>The verdict maps: flows about which the kernel decides by itself from now on.</summary>
/// <remarks>
/// Passes live in an LRU map (losing one only brings the flow back to the engine), drops in a plain one (losing one would open it). The kernel asks for
/// passes first, so a drop takes its flow's pass back before it is told, and a flow with a drop gets no pass. The kernel keeps punting
/// SYN, FIN, RST and fragments of decided flows. Thread: any worker for <see cref="TryDecide"/> and <see cref="Forget"/>; one for aging.
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
    private int _anyDropped;

    // What passed flows had carried when it was last told; the aging thread's alone.
    private Dictionary<FlowKey, (KernelCount FromA, KernelCount FromB)> _told = [];
    private Dictionary<FlowKey, (KernelCount FromA, KernelCount FromB)> _seen = [];
    private Dictionary<FlowKey, (KernelCount FromA, KernelCount FromB)> _toldActs = [];
    private Dictionary<FlowKey, (KernelCount FromA, KernelCount FromB)> _seenActs = [];

    /// <summary>Whether a decision was ever made; while not, nobody needs to look for outdated ones.</summary>
    public bool AnyDecided => Volatile.Read(ref _anyDecided) != 0;

    /// <summary>Flows in the maps when they were last aged.</summary>
    public int PassedFlows { get; private set; }

    public int DroppedFlows { get; private set; }

    public int ActedFlows { get; private set; }

    /// <summary>Gives the rest of the frame's flow to the kernel; false when the frame names no flow or the map is full.</summary>
    /// <param name="decision">What the kernel does with it.</param>
    /// <param name="frame">One of its frames, from the Ethernet header on.</param>
    /// <param name="bridgeId">The bridge it is on.</param>
    /// <param name="queue">Whose flow it is.</param>
    /// <param name="mark">Place of the mark that its frames get; 0: none.</param>
    public bool TryDecide(FlowOffload decision, ReadOnlySpan<byte> frame, ushort bridgeId, int queue, int mark = 0)
    {
        if (FlowKey.Read(frame, bridgeId, out FlowKey key, out bool isSwapped, out int transportAt) == FlowKeyKind.None)
        {
            return false;
        }

        ulong now = (ulong)Stopwatch.GetTimestamp();
        KernelFlow flow = new() { LastNs = now, Active = 1, Queue = (ushort)queue, Mark = (ushort)mark };
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
            if (Volatile.Read(ref _anyDropped) != 0)
            {
                // A drop stands until it is forgotten, and the kernel asks for passes first.
                KernelFlow dropped = default;
                if (Bpf.Lookup(programs.DroppedFlows, in key, ref dropped) == 0)
                {
                    return true;
                }
            }
        }
        else
        {
            Volatile.Write(ref _anyDropped, 1);
            TakeBack(in key);
        }

        // A frame that was on its way when the decision fell asks for it again; what the kernel has counted since must stay.
        if (Bpf.Update(map, in key, in flow, Bpf.UpdateIfNew) != 0 && (Libc.LastError() != Libc.ErrorExists || !Renew(map, in key, in flow)))
        {
            return false;
        }

        SwitchOn(KernelLayout.StateFlows);
        return true;
    }

    /// <summary>A pass of the flow carries nothing from now on; what it has carried is still to be told.</summary>
    private void TakeBack(in FlowKey key)
    {
        KernelFlow passed = default;
        if (Bpf.Lookup(programs.PassedFlows, in key, ref passed) == 0)
        {
            passed.Only = KernelLayout.CarriesNothing;
            if (Bpf.Update(programs.PassedFlows, in key, in passed) != 0)
            {
                Bpf.Delete(programs.PassedFlows, in key); // Better a record short of bytes than a drop that does not hold.
            }
        }
    }

    /// <summary>A decision about one direction gives way to one about both, or to one for the next acknowledgement; the others stand.</summary>
    private static bool Renew(int map, in FlowKey key, in KernelFlow flow)
    {
        KernelFlow old = default;
        if (Bpf.Lookup(map, in key, ref old) != 0 || (old.Only == 0 && old.Mark == flow.Mark)
            || (old.Only == flow.Only && old.Mark == flow.Mark && old.Acknowledgement == flow.Acknowledgement && old.Window == flow.Window))
        {
            return true;
        }

        KernelFlow renewed = flow;
        (renewed.A, renewed.B) = (old.A, old.B);
        return Bpf.Update(map, in key, in renewed) == 0;
    }

    /// <summary>Gives a moved flow to the kernel: the client's frames to the target, the target's to the client. SYN, FIN and RST stay the engine's.</summary>
    /// <param name="move">How its frames are rewritten.</param>
    /// <param name="bridgeId">The bridge it is on.</param>
    /// <param name="queue">Whose flow it is.</param>
    /// <param name="mark">Place of the mark that its frames get; 0: none.</param>
    /// <param name="ports">Where a target that is a port is found.</param>
    public bool TryMove(FlowMove move, ushort bridgeId, int queue, int mark, PortTable ports)
    {
        (IPAddress client, IPAddress server) = (AddressOf(move.Key.Source, move.Key.IpVersion), AddressOf(move.Key.Destination, move.Key.IpVersion));
        FlowKey key = FlowKey.Of(bridgeId, move.Key.Vlan0, move.Key.Vlan1, move.Key.Protocol, client, move.Key.SourcePort, server, move.Key.DestinationPort, out bool isSwapped);
        KernelFlowAct act = default;
        if (Bpf.Lookup(programs.Acts, in key, ref act) == 0)
        {
            // A frame that was on its way when the decision fell asks for it again.
            return true;
        }

        KernelFlowSide toServer = default;
        KernelFlowSide toClient = new() { Verb = (byte)FlowVerb.Drop };
        if (move.ToPort != 0)
        {
            if (ports.Find(move.ToPort) is not { } target || ports.Find(move.ClientPortId) is not { } own)
            {
                return false;
            }

            toServer = new KernelFlowSide { Verb = (byte)FlowVerb.Redirect, IfIndex = target.IfIndex };
            toClient = new KernelFlowSide { Verb = (byte)FlowVerb.Redirect, IfIndex = own.IfIndex };
        }
        else
        {
            IPAddress address = AddressOf(move.Target, move.Key.IpVersion);
            Span<byte> mac = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64BigEndian(mac, move.TargetMac);
            toServer.Verb = (byte)FlowVerb.Rewrite;
            Write(ref toServer.Rewrite, address, move.TargetPort, KernelLayout.RewriteTo | KernelLayout.RewriteMacTo);
            mac[2..].CopyTo(toServer.Rewrite.MacTo);
            KernelFlowSide back = new() { Verb = (byte)FlowVerb.Rewrite };
            Write(ref back.Rewrite, server, move.Key.DestinationPort, 0);
            if (move.SequenceDelta != 0)
            {
                toServer.Rewrite.Flags |= KernelLayout.RewriteSequence;
                toServer.Rewrite.AcknowledgedAdd = 0u - move.SequenceDelta;
                back.Rewrite.Flags |= KernelLayout.RewriteSequence;
                back.Rewrite.SequenceAdd = move.SequenceDelta;
                back.Rewrite.WindowShift = (byte)(move.WindowShift >= 0 ? move.WindowShift : KernelLayout.WindowShiftRight - move.WindowShift);
            }

            // The target's answers have a name of their own; what of that name is not an answer is the engine's.
            FlowKey answers = FlowKey.Of(bridgeId, move.Key.Vlan0, move.Key.Vlan1, move.Key.Protocol, client, move.Key.SourcePort, address, move.TargetPort, out bool areSwapped);
            if (!TryAct(in answers, ActOf(default, back, areSwapped, queue, mark)))
            {
                return false;
            }
        }

        return TryAct(in key, ActOf(toServer, toClient, isSwapped, queue, mark));
    }

    private static KernelFlowAct ActOf(KernelFlowSide toServer, KernelFlowSide toClient, bool isSwapped, int queue, int mark)
    {
        ulong now = (ulong)Stopwatch.GetTimestamp();
        KernelFlowAct act = new() { FromA = isSwapped ? toClient : toServer, FromB = isSwapped ? toServer : toClient };
        act.Value.LastNs = now;
        act.Value.Queue = (ushort)queue;
        act.Value.Mark = (ushort)mark;

        // Which queues its frames are in is the kernel's to say: the first one that comes is punted still and says what to wait for.
        act.Value.WaitSequence = long.MaxValue;
        act.Value.DeadlineNs = now + OrderWaitNs;
        return act;
    }

    private static void Write(ref KernelRewrite rewrite, IPAddress address, ushort port, int flags)
    {
        Span<byte> bytes = rewrite.Address.Address;
        address.TryWriteBytes(address.AddressFamily == AddressFamily.InterNetwork ? bytes[12..] : bytes, out _);
        rewrite.Port = BinaryPrimitives.ReverseEndianness(port);
        rewrite.Flags = (byte)flags;
    }

    private static IPAddress AddressOf(IpAddress address, byte version)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.Write(bytes, asV4: version == 4);
        return new IPAddress(version == 4 ? bytes[..4] : bytes);
    }

    /// <summary>Takes back what was decided about flows of these hosts, or about all: their frames come to the engine again.</summary>
    /// <param name="hosts">Null: all.</param>
    public int Recall(IReadOnlySet<IpAddress>? hosts)
    {
        return AnyDecided ? Recall<KernelFlow>(programs.PassedFlows, hosts) + Recall<KernelFlowAct>(programs.Acts, hosts) : 0;
    }

    private static int Recall<TValue>(int map, IReadOnlySet<IpAddress>? hosts)
        where TValue : unmanaged
    {
        int recalled = 0;
        foreach ((FlowKey key, _) in MapReader.All<FlowKey, TValue>(map))
        {
            Engine.Flows.FlowKey flow = key.ToEngine();
            if (hosts is null || hosts.Contains(flow.Source) || hosts.Contains(flow.Destination))
            {
                recalled += Bpf.Delete(map, in key) == 0 ? 1 : 0;
            }
        }

        return recalled;
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
            ActedFlows = AgeActs(idleNs, report);
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

    /// <summary>The same of moved flows. Answers of a target are told under the name that the client knows them by.</summary>
    private int AgeActs(long idleNs, BypassReport report)
    {
        long now = Stopwatch.GetTimestamp();
        long nowUs = (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
        int kept = 0;
        _seenActs.Clear();
        foreach ((FlowKey key, KernelFlowAct act) in MapReader.All<FlowKey, KernelFlowAct>(programs.Acts))
        {
            long idle = now - (long)act.Value.LastNs;
            (KernelCount FromA, KernelCount FromB) told = _toldActs.GetValueOrDefault(key);
            if (act.Value.FromA.Packets < told.FromA.Packets || act.Value.FromB.Packets < told.FromB.Packets)
            {
                told = default;
            }

            KernelCount fromA = Minus(act.Value.FromA, told.FromA);
            KernelCount fromB = Minus(act.Value.FromB, told.FromB);
            if ((fromA.Packets | fromB.Packets) != 0)
            {
                FlowKey known = KnownAs(in key, in act, out bool isTurned);
                if (!report(in known, act.Value.Queue, isTurned ? fromB : fromA, isTurned ? fromA : fromB, nowUs - (idle / 1000)))
                {
                    _seenActs[key] = told;
                    kept++;
                    continue;
                }
            }

            if (idle > idleNs)
            {
                Bpf.Delete(programs.Acts, in key);
                continue;
            }

            _seenActs[key] = (act.Value.FromA, act.Value.FromB);
            kept++;
        }

        (_toldActs, _seenActs) = (_seenActs, _toldActs);
        return kept;
    }

    /// <summary>A flow of which a sender is renamed is known by that other name; <paramref name="isTurned"/>: its ends then sort the other way round.</summary>
    private static FlowKey KnownAs(ref readonly FlowKey key, ref readonly KernelFlowAct act, out bool isTurned)
    {
        bool renamesA = IsRenaming(in act.FromA);
        isTurned = false;
        if (!renamesA && !IsRenaming(in act.FromB))
        {
            return key;
        }

        Engine.Flows.FlowKey flow = key.ToEngine();
        KernelRewrite rewrite = renamesA ? act.FromA.Rewrite : act.FromB.Rewrite;
        ReadOnlySpan<byte> bytes = rewrite.Address.Address;
        IPAddress renamed = new(flow.IpVersion == 4 ? bytes[12..16] : bytes[..16]);
        ushort port = BinaryPrimitives.ReverseEndianness(rewrite.Port);
        (IPAddress a, IPAddress b) = (AddressOf(flow.Source, flow.IpVersion), AddressOf(flow.Destination, flow.IpVersion));
        return renamesA
            ? FlowKey.Of(flow.BridgeId, flow.Vlan0, flow.Vlan1, flow.Protocol, renamed, port, b, flow.DestinationPort, out isTurned)
            : FlowKey.Of(flow.BridgeId, flow.Vlan0, flow.Vlan1, flow.Protocol, a, flow.SourcePort, renamed, port, out isTurned);
    }

    private static bool IsRenaming(ref readonly KernelFlowSide side) => side.Verb == (byte)FlowVerb.Rewrite && (side.Rewrite.Flags & KernelLayout.RewriteTo) == 0;

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
