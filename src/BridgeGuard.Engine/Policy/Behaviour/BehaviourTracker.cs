using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy.Behaviour;

/// <summary>Counts what sources do over many flows: ports and hosts tried, new flows, even intervals, names below a domain, fat pings.</summary>
/// <remarks>
/// Every table is bounded and direct-mapped: a newcomer takes the place of what was there when that is older than a window, else it is not counted
/// and <see cref="Crowded"/> is. Asked once per flow (or DNS query, or echo packet), never per packet of a flow. One per worker; no allocation.
/// What a source does to many others reaches several workers: those counts are shared. A pair of hosts is one worker's, so beacons and tunnels are not.
/// </remarks>
/// <param name="sources">The counts of all workers.</param>
public sealed class BehaviourTracker(SourceCounts sources)
{
    /// <summary>(guest, service) pairs followed for beacons.</summary>
    public const int MaxBeacons = 8192;

    /// <summary>(guest, domain) pairs followed for tunnels.</summary>
    public const int MaxDomains = 2048;

    /// <summary>Places tried before a newcomer is not counted.</summary>
    private const int Ways = 4;

    /// <summary>Two connections closer than this are one visit (a browser opens several at once).</summary>
    private const long BeaconMinimumUs = 1_000_000;

    private readonly BeaconEntry[] _beacons = new BeaconEntry[MaxBeacons];
    private readonly Domain[] _domains = new Domain[MaxDomains];
    private readonly PingEntry[] _pings = new PingEntry[MaxDomains];
    private long _crowded;

    /// <summary>Newcomers that found no place.</summary>
    public long Crowded => _crowded + sources.Refused;

    /// <summary>A source begins a flow. Each threshold is told once a window.</summary>
    public BehaviourFinding OnFlow(IpAddress source, IpAddress destination, ushort port, byte protocol, long nowUs, BehaviourModel model) =>
        sources.OnFlow(source, destination, port, protocol, nowUs, model);

    /// <summary>A guest begins a flow to a service; true when the times of its visits are too even to be a person's.</summary>
    public bool OnVisit(ushort guest, IpAddress destination, ushort port, long nowUs, BehaviourModel model)
    {
        int at = Place(Mix(destination) ^ ((ulong)guest << 32) ^ port, MaxBeacons);
        ref BeaconEntry entry = ref _beacons[at];
        for (int way = 0; way < Ways; way++)
        {
            ref BeaconEntry candidate = ref _beacons[(at + way) & (MaxBeacons - 1)];
            if (candidate.Guest == guest && candidate.Port == port && candidate.Destination == destination)
            {
                return IsEven(ref candidate, nowUs, model);
            }

            entry = ref candidate.LastUs < entry.LastUs ? ref candidate : ref entry;
        }

        if (entry.Guest != 0 && nowUs - entry.LastUs < model.Beacon.Seconds * 1_000_000L)
        {
            _crowded++;
            return false;
        }

        entry = new BeaconEntry { Guest = guest, Port = port, Destination = destination, LastUs = nowUs };
        return false;
    }

    /// <summary>A guest asks for a name; true when it has asked for too many different ones below one domain.</summary>
    /// <param name="guest">The asking guest.</param>
    /// <param name="name">As asked, with dots, without the last one.</param>
    public bool OnQuery(ushort guest, ReadOnlySpan<byte> name, long nowUs, in BehaviourThreshold threshold)
    {
        ReadOnlySpan<byte> domain = RegisteredDomain(name);
        if (domain.Length == name.Length)
        {
            return false;
        }

        ulong hash = HashOf(domain) ^ ((ulong)guest << 48);
        ref Domain entry = ref _domains[(int)(hash & (MaxDomains - 1))];
        long windowUs = threshold.Seconds * 1_000_000L;
        if (entry.Hash != hash)
        {
            if (entry.Hash != 0 && nowUs - entry.StartUs < windowUs)
            {
                _crowded++;
                return false;
            }

            entry.Hash = hash;
            entry.StartUs = nowUs;
            entry.IsTold = false;
            entry.Names.Clear();
        }
        else if (nowUs - entry.StartUs >= windowUs)
        {
            entry.StartUs = nowUs;
            entry.IsTold = false;
            entry.Names.Clear();
        }

        if (!entry.Names.Add(HashOf(name)) || entry.IsTold || entry.Names.Estimate() < threshold.Count)
        {
            return false;
        }

        entry.IsTold = true;
        return true;
    }

    /// <summary>A guest sends or receives an echo packet with a large payload; true when there are too many.</summary>
    public bool OnFatPing(ushort guest, long nowUs, in BehaviourThreshold threshold)
    {
        ref PingEntry entry = ref _pings[guest & (MaxDomains - 1)];
        if (entry.Guest != guest || nowUs - entry.StartUs >= threshold.Seconds * 1_000_000L)
        {
            entry = new PingEntry { Guest = guest, StartUs = nowUs };
        }

        return ++entry.Count == threshold.Count;
    }

    private static bool IsEven(ref BeaconEntry entry, long nowUs, BehaviourModel model)
    {
        long gapUs = nowUs - entry.LastUs;
        if (gapUs < BeaconMinimumUs)
        {
            return false;
        }

        entry.LastUs = nowUs;
        if (gapUs > model.Beacon.Seconds * 1_000_000L)
        {
            entry.Count = 0;
            entry.MeanUs = entry.SquaresUs2 = 0;
            entry.IsTold = false;
            return false;
        }

        // Welford's running mean and variance: nothing to store but three numbers.
        entry.Count++;
        double delta = gapUs - entry.MeanUs;
        entry.MeanUs += delta / entry.Count;
        entry.SquaresUs2 += delta * (gapUs - entry.MeanUs);
        if (entry.IsTold || entry.Count < model.Beacon.Count - 1)
        {
            return false;
        }

        double deviation = Math.Sqrt(entry.SquaresUs2 / entry.Count);
        if (deviation * 100 > entry.MeanUs * model.BeaconJitterPercent)
        {
            return false;
        }

        entry.IsTold = true;
        return true;
    }

    /// <summary>The last two labels; three where the last is a country's with a short one before it (<c>co.uk</c>).</summary>
    private static ReadOnlySpan<byte> RegisteredDomain(ReadOnlySpan<byte> name)
    {
        int last = name.LastIndexOf((byte)'.');
        if (last < 0)
        {
            return name;
        }

        int second = name[..last].LastIndexOf((byte)'.');
        if (second < 0)
        {
            return name;
        }

        bool isCountry = name.Length - last - 1 == 2 && last - second - 1 <= 3;
        if (!isCountry)
        {
            return name[(second + 1)..];
        }

        int third = name[..second].LastIndexOf((byte)'.');
        return third < 0 ? name : name[(third + 1)..];
    }

    /// <summary>FNV-1a over lower-cased bytes.</summary>
    private static ulong HashOf(ReadOnlySpan<byte> text)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (byte b in text)
        {
            hash = (hash ^ (b is >= (byte)'A' and <= (byte)'Z' ? (byte)(b | 0x20) : b)) * 0x100000001b3;
        }

        return hash | 1;
    }

    private static ulong Mix(IpAddress address) => (address.High * 31) ^ address.Low;

    /// <summary>Fibonacci hashing; without a secret, so that a replay repeats itself: a crowded table costs findings, never memory.</summary>
    private static int Place(ulong hash, int size) => (int)((hash * 0x9e3779b97f4a7c15) >> 40) & (size - 1);

    private struct BeaconEntry
    {
        public IpAddress Destination;
        public long LastUs;
        public double MeanUs;
        public double SquaresUs2;
        public int Count;
        public ushort Guest;
        public ushort Port;
        public bool IsTold;
    }

    private struct Domain
    {
        public ulong Hash;
        public long StartUs;
        public bool IsTold;
        public DistinctCounter Names;
    }

    private struct PingEntry
    {
        public ushort Guest;
        public int Count;
        public long StartUs;
    }
}

/// <summary>What a source was found doing.</summary>
[Flags]
public enum BehaviourFinding : byte
{
    None = 0,
    PortScan = 1,
    HostSweep = 2,
    ConnectionFlood = 4,
}
