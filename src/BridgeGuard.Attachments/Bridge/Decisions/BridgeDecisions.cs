using System.Diagnostics;
using System.Net;
using System.Net.NetworkInformation;
using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge.Decisions;

/// <summary>
/// Decisions about whole flows, hosts, guests and ports that the kernel carries out from the next frame on, without the engine: the port programs look
/// them up in maps. Reached by <see cref="BridgeAttachment.Decisions"/>.
/// </summary>
/// <remarks>
/// Every call returns false when a map is full or the named thing does not exist; nothing throws. They are gone with the attachment: who wants
/// them to survive a restart makes them again. Order in the kernel: guard, quarantine, blocked MAC, blocked or limited address, the port's limit,
/// then flows (act, drop, pass), then the engine. Thread: any.
/// </remarks>
public sealed class BridgeDecisions
{
    private const long MinBytesPerSecond = 1000;
    private const int CostShift = 20;
    private const long NsPerSecond = 1_000_000_000;
    private const int MaxWindowShift = 14;
    private const ushort ArpType = 0x0806;
    private const ushort IcmpV6 = 58;

    private readonly KernelPrograms _programs;
    private readonly PortAttacher _ports;
    private readonly PortTable _table;
    private readonly FlowDecisions _flows;
    private readonly Lock _lock = new();
    private readonly Dictionary<ushort, (KernelRemedy[] Remedies, KernelMac[] Macs)> _quarantined = [];
    private readonly Dictionary<ushort, KernelBindingKey[]> _bindings = [];

    internal BridgeDecisions(KernelPrograms programs, PortAttacher ports, PortTable table, FlowDecisions flows)
    {
        (_programs, _ports, _table, _flows) = (programs, ports, table, flows);
    }

    /// <summary>Says what happens to the two directions of a flow. Frames that are with the engine are overtaken by none of the kernel's.</summary>
    /// <remarks>
    /// Fragments still come to the engine, and SYN, FIN and RST with <see cref="FlowVerb.Pass"/> and <see cref="FlowVerb.Drop"/>. A moved flow needs two: the client's (to server: rewritten to the target; to client: dropped)
    /// and the target's (to client: rewritten to the server's name).
    /// </remarks>
    public bool SetFlow(in FlowTuple flow, FlowSide toServer, FlowSide toClient)
    {
        if (!TryWrite(toServer, flow.Destination, out KernelFlowSide server) || !TryWrite(toClient, flow.Destination, out KernelFlowSide client))
        {
            return false;
        }

        FlowKey key = KeyOf(in flow, out bool isSwapped);
        ulong now = (ulong)Stopwatch.GetTimestamp();
        KernelFlowAct act = new() { FromA = isSwapped ? client : server, FromB = isSwapped ? server : client };
        act.Value.LastNs = now;

        // Which queue its frames are in is not known here: the first one that comes is punted still and says what to wait for.
        act.Value.WaitSequence = long.MaxValue;
        act.Value.DeadlineNs = now + FlowDecisions.OrderWaitNs;
        return _flows.TryAct(in key, in act);
    }

    /// <summary>Takes every decision about a flow back; its frames come to the engine again.</summary>
    public bool RemoveFlow(in FlowTuple flow)
    {
        FlowKey key = KeyOf(in flow, out _);
        return _flows.Forget(in key);
    }

    /// <summary>Takes back what was decided about flows of these hosts, drops left alone: whatever is new about them is for the engine to say. How many flows.</summary>
    /// <param name="hosts">Null: all flows.</param>
    public int Recall(IReadOnlySet<Engine.Packets.IpAddress>? hosts) => _flows.Recall(hosts);

    /// <summary>What the kernel has handled of a decided flow, to the server and to the client; null when there is no decision about it.</summary>
    public (TrafficCount ToServer, TrafficCount ToClient)? ReadFlow(in FlowTuple flow)
    {
        FlowKey key = KeyOf(in flow, out bool isSwapped);
        return _flows.TryRead(in key, out KernelFlow value)
            ? (CountOf(isSwapped ? value.FromB : value.FromA), CountOf(isSwapped ? value.FromA : value.FromB))
            : null;
    }

    /// <summary>Drops every IP packet from or to an address, for a time or until <see cref="Unblock(IPAddress)"/>.</summary>
    public bool Block(IPAddress address, TimeSpan? duration = null) =>
        PutHost(address, new KernelBlocked { Flags = KernelLayout.BlockDrop, ExpiresNs = ExpiryOf(duration) });

    /// <summary>Holds all IP packets from and to an address below a limit.</summary>
    public bool LimitHost(IPAddress address, uint limit, TimeSpan? duration = null) =>
        PutHost(address, new KernelBlocked { Flags = KernelLayout.BlockLimit, Limit = limit, ExpiresNs = ExpiryOf(duration) });

    public bool Unblock(IPAddress address)
    {
        KernelIp key = KeyOf(address);
        return Bpf.Delete(_programs.BlockedIps, in key) == 0;
    }

    /// <summary>Drops every frame from or to a MAC of one bridge.</summary>
    public bool Block(PhysicalAddress mac, ushort bridgeId, TimeSpan? duration = null) =>
        PutMac(KeyOf(mac, bridgeId), new KernelBlocked { Flags = KernelLayout.BlockDrop, ExpiresNs = ExpiryOf(duration) });

    public bool Unblock(PhysicalAddress mac, ushort bridgeId)
    {
        KernelMac key = KeyOf(mac, bridgeId);
        return Bpf.Delete(_programs.BlockedMacs, in key) == 0;
    }

    /// <summary>All hosts that are blocked or limited now, quarantined guests left out.</summary>
    public IReadOnlyList<BlockedHost> ListBlocked()
    {
        ulong now = (ulong)Stopwatch.GetTimestamp();
        List<BlockedHost> hosts = [];
        foreach ((KernelIp key, KernelBlocked value) in MapReader.All<KernelIp, KernelBlocked>(_programs.BlockedIps))
        {
            hosts.Add(HostOf(AddressOf(in key), null, 0, in value, now));
        }

        foreach ((KernelMac key, KernelBlocked value) in MapReader.All<KernelMac, KernelBlocked>(_programs.BlockedMacs))
        {
            if ((value.Flags & KernelLayout.BlockQuarantine) == 0)
            {
                hosts.Add(HostOf(null, new PhysicalAddress(((ReadOnlySpan<byte>)key.Mac).ToArray()), key.BridgeId, in value, now));
            }
        }

        return [.. hosts.Where(host => host.Remaining is not { Ticks: <= 0 })];
    }

    /// <summary>
    /// Quarantines the guest behind a port: nothing from the port passes but to what the remedies name, and nothing from elsewhere to the guest's MACs but
    /// from there. What passes is inspected as ever. Called again it replaces the remedies.
    /// </summary>
    /// <param name="portId">The guest's port.</param>
    /// <param name="macs">The guest's Ethernet addresses, so that frames to it are held too.</param>
    /// <param name="remedies">The remediation path; empty: nothing at all.</param>
    public bool Quarantine(ushort portId, IReadOnlyList<PhysicalAddress> macs, IReadOnlyList<Remedy> remedies)
    {
        lock (_lock)
        {
            if (_table.Find(portId) is not { } port)
            {
                return false;
            }

            KernelRemedy[] wanted = [.. remedies.Select(remedy => KeyOf(portId, remedy)), .. AddressResolution(portId, remedies)];
            KernelMac[] guest = [.. macs.Select(mac => KeyOf(mac, port.BridgeId))];
            (KernelRemedy[] Remedies, KernelMac[] Macs) before = _quarantined.GetValueOrDefault(portId, ([], []));

            // What is allowed goes in before the port closes, and what no longer is goes out after.
            bool isSet = Array.TrueForAll(wanted, key => Put(_programs.Remedies, key, default(KernelCount)))
                & Array.TrueForAll(guest, key => PutMac(key, new KernelBlocked { Flags = KernelLayout.BlockQuarantine, PortId = portId }))
                & _ports.SetQuarantine(portId, on: true);
            Remove(before.Remedies.Except(wanted, BitwiseComparer<KernelRemedy>.Instance), before.Macs.Except(guest, BitwiseComparer<KernelMac>.Instance));
            _quarantined[portId] = (wanted, guest);
            return isSet;
        }
    }

    /// <summary>Ends a quarantine.</summary>
    public bool Release(ushort portId)
    {
        lock (_lock)
        {
            bool isSet = _ports.SetQuarantine(portId, on: false);
            if (_quarantined.Remove(portId, out (KernelRemedy[] Remedies, KernelMac[] Macs) before))
            {
                Remove(before.Remedies, before.Macs);
            }

            return isSet;
        }
    }

    /// <summary>Makes or changes a token bucket; one bucket may hold many flows, hosts and ports together.</summary>
    /// <param name="id">Any number but 0.</param>
    /// <param name="limit">Its rate.</param>
    public bool SetLimit(uint id, RateLimit limit)
    {
        long rate = Math.Max(limit.PerSecond, limit.ByPackets ? 1 : MinBytesPerSecond);
        ulong cost = (ulong)(((UInt128)NsPerSecond << CostShift) / (ulong)rate);
        KernelLimit bucket = default;
        Bpf.Lookup(_programs.Limits, in id, ref bucket);
        bucket.Cost = cost;
        bucket.BurstNs = (ulong)(((UInt128)cost * (ulong)Math.Max(limit.Burst, 1)) >> CostShift);
        bucket.Flags = limit.ByPackets ? KernelLayout.LimitByPackets : 0;
        return id != 0 && Put(_programs.Limits, id, bucket);
    }

    /// <summary>Removes a bucket: what refers to it is unlimited.</summary>
    public bool RemoveLimit(uint id) => Bpf.Delete(_programs.Limits, in id) == 0;

    public LimitTraffic? ReadLimit(uint id)
    {
        KernelLimit bucket = default;
        return Bpf.Lookup(_programs.Limits, in id, ref bucket) == 0 ? new LimitTraffic(CountOf(bucket.Passed), CountOf(bucket.Dropped)) : null;
    }

    /// <summary>Holds what a port sends below a limit; 0 ends it.</summary>
    public bool LimitPort(ushort portId, uint limit) => _ports.SetLimit(portId, limit);

    /// <summary>The L2 guard of a port: only these senders, as MAC and addresses, in IP and in ARP. Replaces what was bound before.</summary>
    /// <remarks>DHCP's unspecified address and IPv6 link-local ones are every bound MAC's.</remarks>
    public bool Guard(ushort portId, GuardMode mode, IReadOnlyList<PortBinding> bindings)
    {
        lock (_lock)
        {
            if (_table.Find(portId) is null)
            {
                return false;
            }

            List<KernelBindingKey> keys = [];
            bool isSet = true;
            foreach (PortBinding binding in bindings)
            {
                KernelBindingKey any = KeyOf(portId, binding.Mac, null);
                keys.Add(any);
                isSet &= Put(_programs.Bindings, any, new KernelBinding { AnyAddress = binding.Addresses.Count == 0 ? 1u : 0 });
                foreach (IPAddress address in binding.Addresses)
                {
                    KernelBindingKey key = KeyOf(portId, binding.Mac, address);
                    keys.Add(key);
                    isSet &= Put(_programs.Bindings, key, default(KernelBinding));
                }
            }

            isSet &= _ports.SetGuard(portId, mode);
            foreach (KernelBindingKey gone in _bindings.GetValueOrDefault(portId, []).Except(keys, BitwiseComparer<KernelBindingKey>.Instance))
            {
                Bpf.Delete(_programs.Bindings, in gone);
            }

            _bindings[portId] = [.. keys];
            return isSet;
        }
    }

    /// <summary>Removes what has expired; called now and then by the attachment.</summary>
    internal void Age()
    {
        ulong now = (ulong)Stopwatch.GetTimestamp();
        foreach ((KernelIp key, KernelBlocked value) in MapReader.All<KernelIp, KernelBlocked>(_programs.BlockedIps))
        {
            if (value.ExpiresNs != 0 && value.ExpiresNs < now)
            {
                Bpf.Delete(_programs.BlockedIps, in key);
            }
        }

        foreach ((KernelMac key, KernelBlocked value) in MapReader.All<KernelMac, KernelBlocked>(_programs.BlockedMacs))
        {
            if (value.ExpiresNs != 0 && value.ExpiresNs < now)
            {
                Bpf.Delete(_programs.BlockedMacs, in key);
            }
        }
    }

    /// <summary>A port has gone: what was said about it goes too, so that the next port with its number starts free.</summary>
    internal void Forget(ushort portId)
    {
        lock (_lock)
        {
            if (_quarantined.Remove(portId, out (KernelRemedy[] Remedies, KernelMac[] Macs) before))
            {
                Remove(before.Remedies, before.Macs);
            }

            if (_bindings.Remove(portId, out KernelBindingKey[]? keys))
            {
                foreach (KernelBindingKey key in keys)
                {
                    Bpf.Delete(_programs.Bindings, in key);
                }
            }
        }
    }

    private bool TryWrite(FlowSide side, IPAddress family, out KernelFlowSide written)
    {
        written = new KernelFlowSide
        {
            Verb = (byte)side.Verb,
            Limit = side.Limit,
            Into = side.Into ? (byte)1 : (byte)0,
            Whole = side.Verb is FlowVerb.Redirect or FlowVerb.Rewrite ? (byte)1 : (byte)0,
        };
        if (side.PortId != 0 || side.Verb == FlowVerb.Redirect)
        {
            if (_table.Find(side.PortId) is not { } port)
            {
                return false;
            }

            written.IfIndex = port.IfIndex;
        }

        return side.Verb != FlowVerb.Rewrite
            || (side.Rewrite is { } rewrite && rewrite.Address.AddressFamily == family.AddressFamily && TryWrite(rewrite, side.PortId, ref written.Rewrite));
    }

    private static bool TryWrite(FlowRewrite rewrite, ushort portId, ref KernelRewrite written)
    {
        if (Math.Abs(rewrite.WindowShift) > MaxWindowShift)
        {
            return false;
        }

        Span<byte> address = written.Address.Address;
        if (rewrite.Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork)
        {
            rewrite.Address.TryWriteBytes(address[12..], out _);
        }
        else
        {
            rewrite.Address.TryWriteBytes(address, out _);
        }

        written.Port = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(rewrite.Port);
        written.SequenceAdd = rewrite.SequenceAdd;
        written.AcknowledgedAdd = rewrite.AcknowledgedAdd;
        written.WindowShift = (byte)(rewrite.WindowShift >= 0 ? rewrite.WindowShift : KernelLayout.WindowShiftRight - rewrite.WindowShift);
        bool numbers = (rewrite.SequenceAdd | rewrite.AcknowledgedAdd) != 0 || rewrite.WindowShift != 0;
        written.Flags = (byte)((rewrite.IsDestination ? KernelLayout.RewriteTo : 0) | (numbers ? KernelLayout.RewriteSequence : 0)
            | (rewrite.MacTo is null ? 0 : KernelLayout.RewriteMacTo) | (rewrite.MacFrom is null ? 0 : KernelLayout.RewriteMacFrom)
            | (portId == 0 ? 0 : KernelLayout.RewriteRedirect));
        rewrite.MacTo?.GetAddressBytes().AsSpan(0, 6).CopyTo(written.MacTo);
        rewrite.MacFrom?.GetAddressBytes().AsSpan(0, 6).CopyTo(written.MacFrom);
        return true;
    }

    private bool PutHost(IPAddress address, KernelBlocked value)
    {
        bool isSet = Put(_programs.BlockedIps, KeyOf(address), value);
        _programs.State.SetFlag(KernelLayout.StateBlockedIp);
        return isSet;
    }

    private bool PutMac(KernelMac key, KernelBlocked value)
    {
        bool isSet = Put(_programs.BlockedMacs, key, value);
        _programs.State.SetFlag(KernelLayout.StateBlockedMac);
        return isSet;
    }

    private void Remove(IEnumerable<KernelRemedy> remedies, IEnumerable<KernelMac> macs)
    {
        foreach (KernelRemedy remedy in remedies)
        {
            Bpf.Delete(_programs.Remedies, in remedy);
        }

        foreach (KernelMac mac in macs)
        {
            Bpf.Delete(_programs.BlockedMacs, in mac);
        }
    }

    private static bool Put<TKey, TValue>(int map, TKey key, TValue value)
        where TKey : unmanaged
        where TValue : unmanaged => Bpf.Update(map, in key, in value) == 0;

    private static BlockedHost HostOf(IPAddress? address, PhysicalAddress? mac, ushort bridgeId, in KernelBlocked value, ulong now)
    {
        TimeSpan? remaining = value.ExpiresNs == 0 ? null : TimeSpan.FromMicroseconds(((long)value.ExpiresNs - (long)now) / 1000);
        return new BlockedHost(address, mac, bridgeId, remaining, value.Limit, CountOf(value.Count));
    }

    private static TrafficCount CountOf(KernelCount count) => new((long)count.Packets, (long)count.Bytes);

    private static ulong ExpiryOf(TimeSpan? duration) =>
        duration is { } time ? (ulong)Stopwatch.GetTimestamp() + (ulong)Math.Max(1, time.TotalMicroseconds * 1000) : 0;

    private static FlowKey KeyOf(in FlowTuple flow, out bool isSwapped) => FlowKey.Of(
        flow.BridgeId, flow.Vlan, flow.InnerVlan, flow.Protocol, flow.Source, flow.SourcePort, flow.Destination, flow.DestinationPort, out isSwapped);

    private static KernelIp KeyOf(IPAddress address)
    {
        KernelIp key = default;
        address.MapToIPv6().TryWriteBytes(key.Address, out _);
        return key;
    }

    private static IPAddress AddressOf(ref readonly KernelIp key)
    {
        IPAddress address = new((ReadOnlySpan<byte>)key.Address);
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }

    private static KernelRemedy KeyOf(ushort portId, Remedy remedy) => new()
    {
        Address = KeyOf(remedy.Address),
        PortId = portId,
        Port = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(remedy.Port),
        Protocol = remedy.Protocol,
    };

    /// <summary>Who may be talked to may be found: ARP and neighbour discovery.</summary>
    private static IEnumerable<KernelRemedy> AddressResolution(ushort portId, IReadOnlyList<Remedy> remedies)
    {
        foreach (IPAddress address in remedies.Where(remedy => remedy.Protocol != 0).Select(remedy => remedy.Address).Distinct())
        {
            KernelRemedy key = KeyOf(portId, new Remedy(address));
            yield return key with { Protocol = ArpType };
            yield return key with { Protocol = IcmpV6 };
        }
    }

    private static KernelMac KeyOf(PhysicalAddress mac, ushort bridgeId)
    {
        KernelMac key = new() { BridgeId = bridgeId };
        mac.GetAddressBytes().AsSpan(0, 6).CopyTo(key.Mac);
        return key;
    }

    private static KernelBindingKey KeyOf(ushort portId, PhysicalAddress mac, IPAddress? address)
    {
        KernelBindingKey key = new() { PortId = portId, Address = address is null ? default : KeyOf(address) };
        mac.GetAddressBytes().AsSpan(0, 6).CopyTo(key.Mac);
        return key;
    }
}
