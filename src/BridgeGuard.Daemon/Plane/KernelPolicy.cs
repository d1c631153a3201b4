using System.Net;
using System.Net.NetworkInformation;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Bridge.Decisions;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Policy.Standing;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Daemon.Plane;

/// <summary>Has the kernel carry out what is decided about whole hosts and guests, so that their frames do not come to the engine: blocks, rate limits, quarantine.</summary>
/// <remarks>
/// The engine goes on judging by the same actions and roles, so that what the kernel cannot express, refuses (a full map) or has lost is done all the
/// same. Called with all that holds whenever something changes, and after each start; it makes the difference. Thread: any; one call at a time.
/// </remarks>
internal sealed class KernelPolicy(BridgeDecisions decisions)
{
    private readonly Lock _gate = new();
    private readonly HashSet<IPAddress> _hosts = [];
    private readonly HashSet<(PhysicalAddress, ushort)> _macs = [];
    private readonly HashSet<uint> _limits = [];
    private readonly HashSet<ushort> _limitedPorts = [];
    private readonly HashSet<ushort> _quarantined = [];

    // By address: what holds for the host, as far as only the engine can do it.
    private Dictionary<IpAddress, int> _judged = [];

    /// <summary>Makes the kernel do what a program says.</summary>
    /// <param name="program">Guests, roles and actions in force.</param>
    /// <param name="ports">All ports with the guest behind each; 0: nobody known.</param>
    /// <param name="nowUs">Microseconds since the Unix epoch.</param>
    public void Enforce(EngineProgram program, IReadOnlyList<(PortInfo Port, ushort Guest)> ports, long nowUs)
    {
        lock (_gate)
        {
            StandingAction[] actions = [.. program.Actions.All.Where(a => a.ExpiresUs > nowUs)];
            RecallChanged(program, actions);
            BlockAndLimit(program, actions, ports, nowUs);
            Quarantine(program, ports);
        }
    }

    /// <summary>What of a role's contract the kernel can tell apart: everything else with the guest is dropped there. Null when that would drop what the contract allows.</summary>
    public static IReadOnlyList<Remedy>? RemediesOf(RoleModel role)
    {
        if (!IsClosed(role.Contract.DefaultIn) || !IsClosed(role.Contract.DefaultOut))
        {
            return null;
        }

        var remedies = new HashSet<Remedy>();
        foreach (ServiceLine line in role.Contract.Out.Select(l => new ServiceLine(l, IsOut: true)).Concat(role.Contract.In.Select(l => new ServiceLine(l, IsOut: false))))
        {
            if (!IsClosed(line.Rule.Action) && !line.AddTo(remedies))
            {
                return null;
            }
        }

        return [.. remedies];
    }

    /// <summary>Flows that the kernel carries are the engine's again where their hosts are to be treated otherwise than when they were let go.</summary>
    private void RecallChanged(EngineProgram program, StandingAction[] actions)
    {
        var judged = new Dictionary<IpAddress, int>();
        ILookup<ushort, StandingAction> byGuest = actions.Where(a => a.Peer is null).ToLookup(a => a.Guest);
        for (ushort i = 1; i < program.Guests.All.Length; i++)
        {
            if (program.Guests.Get(i) is not { } guest)
            {
                continue;
            }

            int state = HashCode.Combine(program.Policy.Model.Roles[guest.Role].Name, guest.IsQuarantined, Sum(byGuest[i]));
            foreach (IpAddress address in guest.Addresses.Union(guest.LearnedAddresses))
            {
                judged[address] = state;
            }
        }

        foreach (IGrouping<IpAddress, StandingAction> peer in actions.Where(a => a.Peer is not null).GroupBy(a => a.Peer!.Value))
        {
            judged[peer.Key] = HashCode.Combine(judged.GetValueOrDefault(peer.Key), Sum(peer));
        }

        // An address that nobody had and somebody has now may have had flows too.
        HashSet<IpAddress> changed = [.. judged.Where(j => _judged.GetValueOrDefault(j.Key) != j.Value).Select(j => j.Key), .. _judged.Keys.Where(a => !judged.ContainsKey(a))];
        _judged = judged;
        if (changed.Count > 0)
        {
            decisions.Recall(changed);
        }

        static int Sum(IEnumerable<StandingAction> actions) => actions.Aggregate(0, (sum, action) => sum + HashCode.Combine(action.Id, action.Action, action.Mark));
    }

    private static bool IsClosed(RoleAction action) => action is RoleAction.Drop or RoleAction.Reject;

    private void BlockAndLimit(EngineProgram program, StandingAction[] actions, IReadOnlyList<(PortInfo Port, ushort Guest)> ports, long nowUs)
    {
        var hosts = new HashSet<IPAddress>();
        var macs = new HashSet<(PhysicalAddress, ushort)>();
        var limits = new HashSet<uint>();
        var limitedPorts = new HashSet<ushort>();
        foreach (StandingAction action in actions.Where(a => a.Action == RoleAction.Drop))
        {
            TimeSpan? time = Remaining(action, nowUs);
            if (action is { Guest: 0, Peer: { } peer } && decisions.Block(AddressOf(peer), time))
            {
                hosts.Add(AddressOf(peer));
            }
            else if (action.Peer is null && program.Guests.Get(action.Guest) is { } guest)
            {
                macs.UnionWith(
                    from mac in guest.Macs
                    from bridge in ports.Where(p => p.Guest == action.Guest).Select(p => p.Port.BridgeId).Distinct()
                    where decisions.Block(MacOf(mac), bridge, time)
                    select (MacOf(mac), bridge));
            }
        }

        foreach (StandingAction action in actions.Where(a => a.Action == RoleAction.RateLimit))
        {
            Limit(program, action, ports, nowUs, new Limited(hosts, limits, limitedPorts));
        }

        Replace(_hosts, hosts, gone => decisions.Unblock(gone));
        Replace(_macs, macs, gone => decisions.Unblock(gone.Item1, gone.Item2));
        Replace(_limitedPorts, limitedPorts, gone => decisions.LimitPort(gone, 0));
        Replace(_limits, limits, gone => decisions.RemoveLimit(gone));
    }

    /// <summary>One bucket for the target, in both directions where its addresses are known, else of what it sends. A host that is blocked stays blocked.</summary>
    private void Limit(EngineProgram program, StandingAction action, IReadOnlyList<(PortInfo Port, ushort Guest)> ports, long nowUs, Limited into)
    {
        GuestModel? guest = program.Guests.Get(action.Guest);
        RateLimitModel rate = action.Rate ?? (guest is null ? RateLimitModel.Default : program.Policy.Model.Roles[guest.Role].RateLimit);
        uint id = (uint)(action.Id % uint.MaxValue) + 1;
        bool byPackets = rate.BytesPerSecond == 0;
        long perSecond = byPackets ? rate.PacketsPerSecond : rate.BytesPerSecond;
        IpAddress[] addresses = action.Peer is { } peer && action.Guest == 0 ? [peer] : action.Peer is null && guest is not null ? [.. guest.Addresses.Union(guest.LearnedAddresses)] : [];
        ushort[] own = guest is null || action.Peer is not null || addresses.Length > 0 ? [] : [.. ports.Where(p => p.Guest == action.Guest).Select(p => p.Port.PortId)];
        if (perSecond == 0 || addresses.Length + own.Length == 0 || !decisions.SetLimit(id, new RateLimit(perSecond, Math.Max(perSecond / 10, byPackets ? 1 : 2 << 16), byPackets)))
        {
            return;
        }

        into.Limits.Add(id);
        into.Hosts.UnionWith(addresses.Select(AddressOf).Where(a => !into.Hosts.Contains(a) && decisions.LimitHost(a, id, Remaining(action, nowUs))).ToArray());
        into.Ports.UnionWith(own.Where(port => decisions.LimitPort(port, id)));
    }

    private void Quarantine(EngineProgram program, IReadOnlyList<(PortInfo Port, ushort Guest)> ports)
    {
        var held = new HashSet<ushort>();
        foreach ((PortInfo port, ushort index) in ports)
        {
            if (program.Guests.Get(index) is { IsQuarantined: true } guest && RemediesOf(program.Policy.Model.Roles[guest.Role]) is { } remedies
                && decisions.Quarantine(port.PortId, [.. guest.Macs.Select(MacOf)], remedies))
            {
                held.Add(port.PortId);
            }
        }

        Replace(_quarantined, held, gone => decisions.Release(gone));
    }

    private static void Replace<T>(HashSet<T> current, HashSet<T> wanted, Action<T> remove)
    {
        foreach (T gone in current.Where(c => !wanted.Contains(c)).ToArray())
        {
            remove(gone);
        }

        current.Clear();
        current.UnionWith(wanted);
    }

    private static TimeSpan? Remaining(StandingAction action, long nowUs) => action.ExpiresUs == long.MaxValue ? null : TimeSpan.FromMicroseconds(action.ExpiresUs - nowUs);

    internal static IPAddress AddressOf(IpAddress address)
    {
        byte[] bytes = new byte[address.IsV4 ? 4 : 16];
        address.Write(bytes, address.IsV4);
        return new IPAddress(bytes);
    }

    internal static PhysicalAddress MacOf(ulong mac) => new([(byte)(mac >> 40), (byte)(mac >> 32), (byte)(mac >> 24), (byte)(mac >> 16), (byte)(mac >> 8), (byte)mac]);

    private readonly record struct Limited(HashSet<IPAddress> Hosts, HashSet<uint> Limits, HashSet<ushort> Ports);

    /// <summary>A line of a contract, seen from the kernel, which knows the other end's address and port but not who began.</summary>
    private readonly record struct ServiceLine(Engine.Policy.Contracts.ServiceRule Rule, bool IsOut)
    {
        /// <summary>More services than this are not listed one by one.</summary>
        private const int MaxPorts = 64;

        /// <summary>False when it cannot be said.</summary>
        public bool AddTo(HashSet<Remedy> remedies)
        {
            if (Rule.Protocol == 0)
            {
                return false;
            }

            // Roles and networks are for the engine to tell: to the kernel they are anybody.
            bool isNamed = Rule.PeerRoles.Length == 0 && Rule.Peers.Length > 0 && Array.TrueForAll(Rule.Peers, p => p.PrefixLength == 128);
            IPAddress[] peers = isNamed ? [.. Rule.Peers.Select(p => AddressOf(p.Network))] : [IPAddress.IPv6Any];
            bool hasPorts = Rule.Protocol is IpProtocols.Tcp or IpProtocols.Udp;
            int count = Rule.Ports.Sum(r => r.Last - r.First + 1);
            bool anyPort = !hasPorts || !IsOut || Rule.Ports.Length == 0 || count > MaxPorts;
            foreach (IPAddress peer in peers)
            {
                if (anyPort)
                {
                    bool isAnybody = !isNamed;
                    remedies.Add(isAnybody ? new Remedy(peer, Rule.Protocol) : new Remedy(peer));
                    if (isAnybody && Rule.Protocol == IpProtocols.Icmp)
                    {
                        remedies.Add(new Remedy(peer, IpProtocols.IcmpV6));
                    }

                    continue;
                }

                foreach ((ushort first, ushort last) in Rule.Ports)
                {
                    for (int port = first; port <= last; port++)
                    {
                        remedies.Add(new Remedy(peer, Rule.Protocol, (ushort)port));
                    }
                }
            }

            return true;
        }
    }
}
