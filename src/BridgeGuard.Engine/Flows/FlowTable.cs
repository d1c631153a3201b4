using System.Numerics;
using System.Runtime.CompilerServices;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Flows;

/// <summary>All live flows of one worker: found by either orientation of their key, ended by packet time, bounded in number.</summary>
/// <remarks>
/// Owner: one worker; thread: its. Flow objects are made on demand up to <see cref="Capacity"/> and reused for ever. No clock is read: time comes with
/// packets and <see cref="Expire"/>. Memory at capacity: <see cref="BytesPerFlow"/> each, TCP sessions apart (they count against the stream's cap).
/// </remarks>
public sealed partial class FlowTable
{
    /// <summary>Bytes of a flow with its variables, bucket and slot, as a test measures it; what <c>flow.memcap</c> is divided by.</summary>
    public const int BytesPerFlow = 520;

    /// <summary>Bits of a flow id: JavaScript keeps integers below 2^53 exact, the peer stays below 2^51.</summary>
    private const int IdBits = 51;

    /// <summary>How many flows are looked at to find one that may make room. Bounds the work an attacker can cause per packet.</summary>
    private const int EvictionScan = 64;

    /// <summary>Flows looked at per packet in an emergency: the whole of a million within 125,000 packets, at a tenth of a packet's cost.</summary>
    private const int EmergencySweep = 8;

    /// <summary>New flows after which the collector is asked to take them in: about 1 MiB with their sessions, some milliseconds at most (bench/README.md).</summary>
    private const int SettleEvery = 1024;

    private readonly FlowSettings _settings;
    private readonly FlowHash _hash;
    private readonly WorkerCounters _counters;
    private readonly FlowDeadlines _deadlines;
    private readonly Flow?[] _buckets;
    private readonly int _bucketMask;
    private readonly TimerWheel _wheel = new();
    private readonly ulong _workerIndex;
    private readonly Flow[] _flows;
    private readonly int[] _free;
    private int _freeCount;
    private int _made;
    private ulong _sequence;
    private int _hand;
    private int _sweep;
    private long _nowUs;

    /// <param name="settings">Caps and timeouts.</param>
    /// <param name="hash">With a random key on live traffic, a fixed one where a replay must be exact.</param>
    /// <param name="counters">Gets <c>flow.*</c>.</param>
    /// <param name="workerIndex">0 to 63: keeps flow ids of workers apart.</param>
    public FlowTable(EngineSettings settings, FlowHash hash, WorkerCounters counters, int workerIndex = 0)
    {
        _settings = settings.Flow;
        _hash = hash;
        _counters = counters;
        _deadlines = new FlowDeadlines(settings.Flow);
        _workerIndex = (ulong)workerIndex & 63;
        Capacity = (int)Math.Clamp(_settings.MemcapBytes / BytesPerFlow, 1, Math.Max(1, _settings.MaxFlows));
        _buckets = new Flow?[BitOperations.RoundUpToPowerOf2((uint)Math.Max(Capacity, 1024))];
        _bucketMask = _buckets.Length - 1;
        _flows = new Flow[Capacity];
        _free = new int[Capacity];
    }

    /// <summary>Flows at most.</summary>
    public int Capacity { get; }

    /// <summary>Flows live now.</summary>
    public int Count { get; private set; }

    /// <summary>Timeouts are shortened because the table is or was full.</summary>
    public bool IsEmergency { get; private set; }

    /// <summary>Told of flows that end inside <see cref="GetOrCreate"/> (timed out, reused five-tuple, room needed). Set it before the first packet.</summary>
    public IFlowEndHandler? EndHandler { get; set; }

    /// <summary>Takes sessions back when flows return to the pool; set by the tracker's constructor.</summary>
    internal TcpTracker? Tracker { get; set; }

    /// <summary>An IPv4 ICMP error that quotes no known flow is one of its own; false: it has none, as with Suricata.</summary>
    public bool OpensFlowsForErrors { get; set; }

    /// <summary>The packet's flow, made if new; sets <see cref="Packet.Flow"/> and <see cref="Packet.Direction"/>. Null without IP, or when the table is full.</summary>
    /// <remarks>An ICMP error whose quoted packet belongs to a live flow gets that flow and <see cref="PacketFlags.IcmpError"/>.</remarks>
    public Flow? GetOrCreate(Packet packet)
    {
        _nowUs = Math.Max(_nowUs, packet.TimeUs);
        _wheel.Start(packet.TimeUs);
        if (!FlowKeys.TryCreate(packet, _settings, out FlowKey key))
        {
            return null;
        }

        if (packet.Protocol is IpProtocols.Icmp or IpProtocols.IcmpV6)
        {
            if (TryMapError(packet) is { } quoted)
            {
                return quoted;
            }

            // An error about nothing that is known is no conversation: nobody answers it (RFC 1122 §3.2.2). As in Suricata only ICMPv4's are spared.
            if (packet.Protocol == IpProtocols.Icmp && IcmpTypes.IsErrorV4(packet.IcmpType))
            {
                return null;
            }
        }

        ulong hash = _hash.Compute(in key);
        Flow? flow = Find(in key, hash, out Direction direction);
        if (flow is not null)
        {
            FlowEndReason over = WhyOver(flow, packet, direction);
            if (over == FlowEndReason.None)
            {
                packet.Flow = flow;
                packet.Direction = FlowKeys.HasDirections(key.Protocol) ? direction : Direction.ToServer;
                return flow;
            }

            if (over == FlowEndReason.TcpReuse)
            {
                _counters.Increment(Counter.FlowTcpReuse);
            }

            End(flow, over, EndHandler);
        }

        if (packet.Protocol == IpProtocols.Icmp && !OpensFlowsForErrors && FlowKeys.IsIcmp4Error(packet.IcmpType))
        {
            return null;
        }

        flow = Create(packet, in key, hash);
        if (flow is null)
        {
            _counters.Increment(Counter.FlowMemcap);
            ExceptionPolicies.Apply(packet, null, ExceptionCause.FlowMemcap, _settings.MemcapPolicy, _counters);
            return null;
        }

        packet.Flow = flow;
        packet.Direction = Direction.ToServer;
        return flow;
    }

    /// <summary>Accounts the packet to its flow: counters, TTL range, first-in-direction, state of flows that are not TCP, elephants.</summary>
    public void Touch(Flow flow, Packet packet)
    {
        flow.LastUs = Math.Max(flow.LastUs, packet.TimeUs);
        int length = packet.Length;
        if (flow.State is FlowState.LocalBypassed or FlowState.CaptureBypassed)
        {
            CountBypassed(flow, packet, length);
        }

        if (packet.Has(PacketFlags.IcmpError))
        {
            // Counted, but an error is no answer: the other end has not been seen.
            CountOnly(flow, packet, length);
            return;
        }

        if (packet.Direction == Direction.ToServer)
        {
            if (!flow.Has(FlowFlags.ToServerSeen))
            {
                flow.Flags |= FlowFlags.ToServerSeen;
                flow.MinTtlToServer = packet.Ttl;
                packet.Flags |= PacketFlags.FirstInDirection;
            }

            flow.PacketsToServer++;
            flow.BytesToServer += (uint)length;
            flow.MinTtlToServer = Math.Min(flow.MinTtlToServer, packet.Ttl);
            flow.MaxTtlToServer = Math.Max(flow.MaxTtlToServer, packet.Ttl);
        }
        else
        {
            if (!flow.Has(FlowFlags.ToClientSeen))
            {
                SeeFirstToClient(flow, packet);
            }

            flow.PacketsToClient++;
            flow.BytesToClient += (uint)length;
            flow.MinTtlToClient = Math.Min(flow.MinTtlToClient, packet.Ttl);
            flow.MaxTtlToClient = Math.Max(flow.MaxTtlToClient, packet.Ttl);
        }

        if (flow.State == FlowState.New && flow.Key.Protocol != IpProtocols.Tcp
            && (flow.Flags & (FlowFlags.ToServerSeen | FlowFlags.ToClientSeen)) == (FlowFlags.ToServerSeen | FlowFlags.ToClientSeen))
        {
            SetState(flow, FlowState.Established);
        }

        if (_settings.ElephantBytes > 0)
        {
            MeasureRate(flow, packet.Direction, length);
        }
    }

    /// <summary>Changes a flow's state; brings its visit by the wheel forward when the new state's timeout is shorter.</summary>
    public void SetState(Flow flow, FlowState state)
    {
        if (flow.State == state)
        {
            return;
        }

        flow.State = state;
        long deadline = DeadlineOf(flow);
        if (deadline < flow.ExpiresUs)
        {
            _wheel.Remove(flow, _flows);
            _wheel.Add(flow, deadline, _flows);
        }
    }

    /// <summary>Ends flows that were silent for too long by <paramref name="nowUs"/>. Cheap when nothing is due; call it for each packet or tick.</summary>
    /// <remarks>With <see cref="FlowSettings.ExpireLazily"/> nothing happens before the table is half full.</remarks>
    /// <param name="nowUs">Packet time.</param>
    /// <param name="handler">Told of each end.</param>
    /// <param name="most">Flows looked at in this call, at most: what is left waits for the next one. A flow that is over is found out when its packet comes, too.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet, and mostly nothing is due; pipeline bench.
    public void Expire(long nowUs, IFlowEndHandler handler, int most = int.MaxValue)
    {
        _nowUs = Math.Max(_nowUs, nowUs);
        if (_wheel.MayBeDue(nowUs) || IsEmergency)
        {
            ExpireDue(nowUs, handler, most);
        }
    }

    private void ExpireDue(long nowUs, IFlowEndHandler handler, int most)
    {
        if (_settings.ExpireLazily && Count < Capacity / 2)
        {
            return;
        }

        for (int left = most; left > 0 && _wheel.FindDue(nowUs) is >= 0 and int index; left--)
        {
            Flow flow = _flows[index];
            _wheel.Remove(flow, _flows);
            long deadline = DeadlineOf(flow);
            if (deadline < nowUs)
            {
                End(flow, FlowEndReason.Timeout, handler);
            }
            else
            {
                _wheel.Add(flow, deadline, _flows);
            }
        }

        if (IsEmergency)
        {
            SweepInEmergency(nowUs, handler, Math.Min(most, EmergencySweep));
        }
    }

    /// <summary>Ends all flows, oldest slot first: the capture or the process is over.</summary>
    public void EndAll(IFlowEndHandler handler)
    {
        for (int i = 0; i < _made; i++)
        {
            if (_flows[i].Hash != 0)
            {
                End(_flows[i], FlowEndReason.Shutdown, handler);
            }
        }
    }

    private Flow? TryMapError(Packet packet)
    {
        if (!FlowKeys.TryCreateQuoted(packet, _settings, out FlowKey key)
            || Find(in key, _hash.Compute(in key), out Direction direction) is not { } flow)
        {
            return null;
        }

        // The error answers the quoted packet, so it travels the other way.
        packet.Flow = flow;
        packet.Direction = direction.Opposite();
        packet.Flags |= PacketFlags.IcmpError;
        return flow;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private Flow? Find(in FlowKey key, ulong hash, out Direction direction)
    {
        // The key itself is compared, not the hash: it has to be looked at anyway, and chains are short.
        for (Flow? flow = _buckets[(int)hash & _bucketMask]; flow is not null; flow = flow.NextInBucket)
        {
            if (Same(in flow.Key, in key))
            {
                direction = Direction.ToServer;
                return flow;
            }

            if (SameReversed(in flow.Key, in key))
            {
                direction = Direction.ToClient;
                return flow;
            }
        }

        direction = Direction.ToServer;
        return null;
    }

    // Sums of differences instead of conditions: nearly every comparison is of equal keys, so there is nothing to skip.
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private static bool Same(in FlowKey a, in FlowKey b) =>
        (Difference(a.Source, b.Source) | Difference(a.Destination, b.Destination) | (uint)(a.SourcePort ^ b.SourcePort)
            | (uint)(a.DestinationPort ^ b.DestinationPort)) == 0 && SameEnvironment(in a, in b);

    private static bool SameReversed(in FlowKey a, in FlowKey b) =>
        (Difference(a.Source, b.Destination) | Difference(a.Destination, b.Source) | (uint)(a.SourcePort ^ b.DestinationPort)
            | (uint)(a.DestinationPort ^ b.SourcePort)) == 0 && SameEnvironment(in a, in b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private static bool SameEnvironment(in FlowKey a, in FlowKey b) =>
        ((uint)(a.Protocol ^ b.Protocol) | (uint)(a.IpVersion ^ b.IpVersion) | (uint)(a.Vlan0 ^ b.Vlan0) | (uint)(a.Vlan1 ^ b.Vlan1)
            | (uint)(a.Vlan2 ^ b.Vlan2) | (a.TunnelId ^ b.TunnelId) | (uint)(a.BridgeId ^ b.BridgeId) | (uint)(a.TunnelDepth ^ b.TunnelDepth)) == 0;

    private static ulong Difference(IpAddress a, IpAddress b) => (a.High ^ b.High) | (a.Low ^ b.Low);

    /// <summary>Whether the found flow is over although nobody has noticed: silent too long, or its five-tuple begins a new connection.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private FlowEndReason WhyOver(Flow flow, Packet packet, Direction direction)
    {
        if (DeadlineOf(flow) < packet.TimeUs)
        {
            return FlowEndReason.Timeout;
        }

        return (packet.Tcp.Flags & TcpFlags.Syn) != 0 && packet.IsTcp && Tracker is { } tracker
            && (flow.Has(FlowFlags.Split) && packet.Has(PacketFlags.Restored)
                ? TcpTracker.IsOtherAnswer(flow.Tcp, packet)
                : tracker.IsReuse(flow.Tcp, packet, direction, isDone: flow.Has(FlowFlags.Rejected | FlowFlags.Split)))
            ? FlowEndReason.TcpReuse
            : FlowEndReason.None;
    }

    private Flow? Create(Packet packet, in FlowKey key, ulong hash)
    {
        if (_freeCount == 0 && _made == Capacity && !TryMakeRoom())
        {
            return null;
        }

        int index = _freeCount > 0 ? _free[--_freeCount] : MakeOne();
        Flow flow = _flows[index];
        flow.Key = key;
        flow.Hash = NonZero(hash);
        flow.Id = NextId();
        flow.StartUs = flow.LastUs = packet.TimeUs;
        flow.FirstPacketNumber = packet.Number;
        flow.IcmpTypeToServer = packet.IcmpType;
        flow.IcmpCodeToServer = packet.IcmpCode;
        flow.ClientPortId = packet.Info.PortId;
        ref Flow? bucket = ref _buckets[(int)hash & _bucketMask];
        flow.NextInBucket = bucket;
        bucket = flow;
        _wheel.Add(flow, DeadlineOf(flow), _flows);
        Count++;
        CountNew(key.Protocol);
        return flow;
    }

    private void End(Flow flow, FlowEndReason reason, IFlowEndHandler? handler)
    {
        flow.EndReason = reason;
        flow.Flags |= FlowFlags.Ended;
        CountEnd(flow);
        handler?.OnFlowEnd(flow, reason);
        Unlink(flow);
        Tracker?.Release(flow);
        int index = flow.TableIndex;
        flow.Reset();
        _free[_freeCount++] = index;
        Count--;
        _counters.Set(Counter.FlowActive, Count);
    }

    private void Unlink(Flow flow)
    {
        _wheel.Remove(flow, _flows);
        ref Flow? link = ref _buckets[(int)flow.Hash & _bucketMask];
        while (!ReferenceEquals(link, flow))
        {
            link = ref link!.NextInBucket;
        }

        link = flow.NextInBucket;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private long DeadlineOf(Flow flow) => _deadlines.Of(flow, IsEmergency);

    private ulong NextId()
    {
        // Multiplication by an odd constant is a bijection modulo 2^51: ids look random, never repeat within 2^45 flows of a worker, and 0 is avoided.
        ulong id;
        do
        {
            id = (((++_sequence << 6) | _workerIndex) * 0x9e37_79b9_7f4a_7c15 + _hash.IdSeed) & ((1UL << IdBits) - 1);
        }
        while (id == 0);
        return id;
    }

    private static ulong NonZero(ulong hash) => hash | (1UL << 63);
}
