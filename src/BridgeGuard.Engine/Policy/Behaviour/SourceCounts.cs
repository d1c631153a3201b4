using BridgeGuard.Engine.Detection.Shared;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy.Behaviour;

/// <summary>What sources do over many flows, counted by all workers together: a sweep reaches every worker, and each alone would see a part of it only.</summary>
/// <remarks>
/// Bounded; a newcomer that finds no room is not counted and <see cref="Refused"/> is. No locks: bits are set and numbers raised by atomic
/// operations, a window is begun anew by the worker that wins it; what others count in that instant is lost. Thread: any.
/// </remarks>
public sealed class SourceCounts
{
    /// <summary>Sources followed at a time; 2.5 MiB with their sketches.</summary>
    public const int MaxSources = 8192;

    /// <summary>State of a slot whose window a worker is beginning: nobody else counts until it is clean, or a threshold could be told twice.</summary>
    private const long Beginning = -1;

    private readonly SharedSlots _slots = new(MaxSources);
    private Source[]? _sources;

    /// <summary>Newcomers that found no place.</summary>
    public long Refused => _slots.Refused;

    /// <summary>Makes the table, so that no packet has to.</summary>
    public void Prepare()
    {
        if (Volatile.Read(ref _sources) is null)
        {
            Interlocked.CompareExchange(ref _sources, new Source[MaxSources], null);
        }
    }

    /// <summary>A source begins a flow. Each threshold is told once a window, by the worker whose flow reaches it.</summary>
    public BehaviourFinding OnFlow(IpAddress source, IpAddress destination, ushort port, byte protocol, long nowUs, BehaviourModel model)
    {
        nowUs = Math.Max(nowUs, 1); // 0 is a slot's state before its first window.
        int slot = _slots.FindOrAdd(KeyOf(source), nowUs);
        if (slot < 0)
        {
            return BehaviourFinding.None;
        }

        ref Source entry = ref _sources![slot];
        int scanSeconds = Math.Max(model.PortScan.Seconds, model.HostSweep.Seconds);
        _slots.SetExpiry(slot, nowUs + (Math.Max(Math.Max(scanSeconds, model.ConnectionFlood.Seconds), 1) * 1_000_000L));
        long start = _slots.Read(slot);
        bool isDue = start != Beginning && (start == 0 || nowUs - start >= scanSeconds * 1_000_000L);
        bool begins = isDue && _slots.TryChange(slot, start, Beginning);
        if (begins)
        {
            entry.Begin(isNew: start == 0, nowUs);
            _slots.TryChange(slot, Beginning, nowUs);
        }

        if (!begins && (start == Beginning || (isDue && _slots.Read(slot) == Beginning)))
        {
            return BehaviourFinding.None;
        }

        return model.ConnectionFlood.IsOn && IsFlood(ref entry, nowUs, model)
            ? BehaviourFinding.ConnectionFlood
            : OnTarget(ref entry, destination, port, protocol, model);
    }

    /// <summary>A 64-bit name; mixed, because slots are chosen by both its halves (SplitMix64's finaliser). Without a secret, so that a replay repeats itself.</summary>
    internal static ulong KeyOf(IpAddress address)
    {
        ulong key = (address.High * 0x9e3779b97f4a7c15) ^ address.Low;
        key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9;
        key = (key ^ (key >> 27)) * 0x94d049bb133111eb;
        return key ^ (key >> 31);
    }

    private static bool IsFlood(ref Source entry, long nowUs, BehaviourModel model)
    {
        long start = Volatile.Read(ref entry.FloodStartUs);
        if (nowUs - start >= model.ConnectionFlood.Seconds * 1_000_000L && Interlocked.CompareExchange(ref entry.FloodStartUs, nowUs, start) == start)
        {
            Volatile.Write(ref entry.Flows, 0);
        }

        return Interlocked.Increment(ref entry.Flows) == model.ConnectionFlood.Count;
    }

    private static BehaviourFinding OnTarget(ref Source entry, IpAddress destination, ushort port, byte protocol, BehaviourModel model)
    {
        ulong host = destination.High * 31 ^ destination.Low;
        bool isNewService = entry.Services.AddShared(host ^ ((ulong)port << 8) ^ protocol);
        bool isNewHost = entry.Hosts.AddShared(host);
        if (model.HostSweep.IsOn && isNewHost && entry.Hosts.Estimate() >= model.HostSweep.Count && entry.Tells(BehaviourFinding.HostSweep))
        {
            return BehaviourFinding.HostSweep;
        }

        // Services of all hosts together, less one per host: a visitor of a hundred web servers is a sweep and not a port scan.
        return model.PortScan.IsOn && isNewService && entry.Services.Estimate() - entry.Hosts.Estimate() + 1 >= model.PortScan.Count && entry.Tells(BehaviourFinding.PortScan)
            ? BehaviourFinding.PortScan
            : BehaviourFinding.None;
    }

    private struct Source
    {
        public long FloodStartUs;
        public int Flows;
        public DistinctCounter Services;
        public DistinctCounter Hosts;
        private int _told;

        /// <summary>This worker is the first that tells of it.</summary>
        public bool Tells(BehaviourFinding finding) => (Volatile.Read(ref _told) & (int)finding) == 0 && (Interlocked.Or(ref _told, (int)finding) & (int)finding) == 0;

        public void Begin(bool isNew, long nowUs)
        {
            Services.Clear();
            Hosts.Clear();
            Volatile.Write(ref _told, 0);
            if (isNew)
            {
                Volatile.Write(ref FloodStartUs, nowUs);
                Volatile.Write(ref Flows, 0);
            }
        }
    }
}
