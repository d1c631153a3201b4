using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Nfqueue;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Daemon.Playbooks;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Daemon.Configuration;

/// <summary>What is done with the frames of a port.</summary>
public enum PortMode
{
    /// <summary>Not touched.</summary>
    Off,

    /// <summary>A copy is inspected; the frame itself has gone on.</summary>
    Tap,

    /// <summary>Inspected, verdicts are logged but not carried out.</summary>
    Monitor,

    /// <summary>Inspected, verdicts are carried out.</summary>
    Inline,
}

/// <summary>What the kernel does with undecided frames when the engine is gone or hangs.</summary>
public enum FailMode
{
    Open,
    Closed,
}

/// <summary>How the bridges are attached to.</summary>
public enum AttachWay
{
    /// <summary>eBPF programs on the ports.</summary>
    Bridge,

    /// <summary>Netfilter queues.</summary>
    Nfqueue,
}

/// <summary>A device that sees a copy of the traffic: a SPAN port, a mirror. Alerts only.</summary>
/// <param name="Device">Its name.</param>
/// <param name="Filter">A filter in tcpdump's language; null: everything.</param>
public sealed record TapModel(string Device, string? Filter);

/// <summary>A validated configuration of the daemon. Immutable.</summary>
public sealed record DaemonModel
{
    public IReadOnlyList<BridgeModel> Bridges { get; init; } = [];

    /// <summary>Devices that see a copy of the traffic, listened to beside the bridges.</summary>
    public IReadOnlyList<TapModel> Taps { get; init; } = [];

    public AttachWay Attach { get; init; }

    public KernelHook Hook { get; init; }

    /// <summary>With <see cref="AttachWay.Nfqueue"/>: what is its own of the options.</summary>
    public NfqueueOptions Nfqueue { get; init; } = new() { Bridges = [] };

    /// <summary>Queues of bridges, each with a thread of its own; 0 where there is no bridge.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>Workers of bridges and of taps, which have one each: as many rings are needed.</summary>
    public int AllWorkers => Workers + Taps.Count;

    public int HeartbeatMs { get; init; } = 100;

    /// <summary>Frames that may wait for a worker before the ports' choice for an overload applies.</summary>
    public int BacklogFrames { get; init; } = 1024;

    /// <summary>Passed TCP segments of guests without offloads go on as one large segment; the kernel cuts the same ones out of it.</summary>
    public bool JoinSegments { get; init; } = true;

    public string LogDirectory { get; init; } = "/var/log/bridgeguard";

    public string StateDirectory { get; init; } = "/var/lib/bridgeguard";

    /// <summary>A folder in memory where the daemon and its data plane meet.</summary>
    public string RunDirectory { get; init; } = RunFolder.SystemFolder;

    /// <summary>2: the data plane is a process of its own, which goes on while the daemon restarts; 1: all in one.</summary>
    public int Processes { get; init; } = 2;

    /// <summary>With two: the data plane has the capabilities that it needs and no others.</summary>
    public bool ReducesPrivileges { get; init; } = true;

    /// <summary>Command line options that give the same configuration in another process.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>The configuration file; null where the command line says everything.</summary>
    public string? File => Arguments is ["-c", { } file, ..] ? file : null;

    /// <summary>This with what a reload exchanges: rules, roles, targets, guests, playbooks, webhooks. All else is as at the start.</summary>
    public DaemonModel Reloaded(DaemonModel next) => this with
    {
        Rules = next.Rules with { CacheFolder = Rules.CacheFolder is null ? null : next.Rules.CacheFolder },
        Policy = next.Policy,
        Guests = next.Guests,
        Playbooks = next.Playbooks,
        RoleFails = next.RoleFails,
        Webhooks = next.Webhooks,
        Sources = next.Sources,
    };

    /// <summary>Every file that the configuration was read from.</summary>
    public IReadOnlyList<string> Sources { get; init; } = [];

    /// <summary>The options of the configuration file as they are written, by name: what has changed since can be told.</summary>
    public IReadOnlyDictionary<string, string> Written { get; init; } = new Dictionary<string, string>();

    public EventModel Events { get; init; } = new();

    /// <summary>What is kept on disk beside records.</summary>
    public KeepingModel Keeping { get; init; } = new();

    public RulesModel Rules { get; init; } = new();

    public EngineSettings Engine { get; init; } = new();

    public PolicyModel Policy { get; init; } = PolicyModel.Empty;

    public PlaybooksModel Playbooks { get; init; } = new();

    public RecorderModel Recorder { get; init; } = new();

    /// <summary>Who the guests are and where they are looked for.</summary>
    public GuestsModel Guests { get; init; } = new();

    /// <summary>By role name: what the ports of its guests do when nobody inspects, where the port itself says nothing.</summary>
    public IReadOnlyDictionary<string, FailChoice> RoleFails { get; init; } = new Dictionary<string, FailChoice>();

    public ScanningModel Scanning { get; init; } = new();

    public IReadOnlyList<WebhookModel> Webhooks { get; init; } = [];

    /// <summary>Address and port of the metrics server; null: none.</summary>
    public string? MetricsListen { get; init; }
}

/// <summary>What becomes of frames that nobody inspects, by the reason for it. Null: as the next wider setting says (port, role, bridge, open).</summary>
/// <param name="Crash">There is no data plane, although nobody stopped it.</param>
/// <param name="Hang">It does not give a sign of life.</param>
/// <param name="Overload">It is too slow.</param>
/// <param name="Start">It is starting, and loads rules.</param>
/// <param name="Stop">It was stopped, and not by <c>bridgeguard stop</c>, which always leaves a clean bridge.</param>
public sealed record FailChoice(FailMode? Crash = null, FailMode? Hang = null, FailMode? Overload = null, FailMode? Start = null, FailMode? Stop = null)
{
    public static readonly FailChoice Unset = new();

    /// <summary>What a single word stands for: starts and stops are open, or nobody could stop a daemon without stopping the guests.</summary>
    public static FailChoice Of(FailMode mode) => new(mode, mode, mode);

    /// <summary>For the log: one word where one says it all.</summary>
    public override string ToString() => this == Of(FailMode.Closed) ? "closed"
        : new[] { Crash, Hang, Overload, Start, Stop }.All(mode => mode is null or FailMode.Open) ? "open"
        : string.Join(", ", new[] { ("crash", Crash), ("hang", Hang), ("overload", Overload), ("start", Start), ("stop", Stop) }
            .Where(choice => choice.Item2 == FailMode.Closed).Select(choice => choice.Item1)) + " closed";
}

/// <summary>What a port wants differently from its bridge.</summary>
public sealed record PortModel(string Name, PortMode? Mode, FailChoice Fail);

public sealed record BridgeModel(string Name, PortMode Mode, FailChoice Fail, IReadOnlyList<PortModel> Ports);

/// <summary>The way of events from the workers to the outputs.</summary>
public sealed record EventModel
{
    /// <summary>Bytes of each worker's ring, a power of two.</summary>
    public int RingBytes { get; init; } = 16 << 20;

    public RingFull WhenFull { get; init; } = RingFull.Drop;

    /// <summary>Longest wait for one event, with <see cref="RingFull.Wait"/>.</summary>
    public int WaitMs { get; init; } = 20;
}

public sealed record RulesModel
{
    /// <summary>Files, folders and patterns, resolved against the configuration file's folder; which files they stand for is asked at each load.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>Where compiled sets are kept; null: nowhere.</summary>
    public string? CacheFolder { get; init; } = DefaultCacheFolder;

    public const string DefaultCacheFolder = "/var/cache/bridgeguard";

    public string? Classification { get; init; }

    public string? References { get; init; }

    public string? Thresholds { get; init; }

    /// <summary>The names of categories of <c>iprep</c>, as Suricata's <c>reputation-categories-file</c>.</summary>
    public string? ReputationCategories { get; init; }

    /// <summary>The database of countries (MaxMind's form) that <c>geoip</c> asks, as Suricata's <c>geoip-database</c>.</summary>
    public string? GeoIpDatabase { get; init; }

    /// <summary>Lists of <c>iprep</c>: an address or network, a category, a score.</summary>
    public IReadOnlyList<string> Reputation { get; init; } = [];

    public IReadOnlyDictionary<string, string> AddressVariables { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> PortVariables { get; init; } = new Dictionary<string, string>();

    /// <summary>A bad rule stops the start (or the reload) instead of being left out.</summary>
    public bool Strict { get; init; }
}

/// <summary>The flight recorder: frames from before an alert.</summary>
public sealed record RecorderModel
{
    public bool Enabled { get; init; }

    public int RingBytes { get; init; } = 256 << 10;

    public int SnapBytes { get; init; } = 9216;

    /// <summary>Frames that are still waited for after the alert.</summary>
    public int AfterFrames { get; init; } = 20;

    /// <summary>Recordings kept; the oldest go first.</summary>
    public int MaxFiles { get; init; } = 1000;
}

public sealed record ScanningModel
{
    public bool Enabled { get; init; }

    public IReadOnlyList<string> BadHashLists { get; init; } = [];

    public IReadOnlyList<string> GoodHashLists { get; init; } = [];

    /// <summary><c>unix:/path</c> or <c>host:port</c>; null: no clamd.</summary>
    public string? Clamd { get; init; }

    /// <summary>Folder of clamd's signatures on this host; part of the generation, as clamd's VERSION does not show own databases.</summary>
    public string? ClamdSignatures { get; init; }

    /// <summary>File or folder of YARA rules; null: none.</summary>
    public string? Yara { get; init; }

    /// <summary><c>icap://host:port/service</c>; null: none.</summary>
    public string? Icap { get; init; }

    /// <summary>Scanners run in a process of their own, without privileges and network.</summary>
    public bool Isolate { get; init; } = true;

    public long MaxFileBytes { get; init; } = 64L << 20;

    /// <summary>Verdicts shared with other hosts; null: none.</summary>
    public FleetModel? Fleet { get; init; }

    /// <summary>Where guests speak clamd's protocol: <c>address:port</c>; null: not offered.</summary>
    public string? GuestClamdListen { get; init; }

    /// <summary>Folder of unix sockets, two for each guest, for virtio-serial ports; null: none.</summary>
    public string? GuestSockets { get; init; }

    /// <summary>Port on which guests with a context id are answered over vsock; 0: none.</summary>
    public int GuestVsockPort { get; init; }

    /// <summary>Context ids of guests, by name.</summary>
    public IReadOnlyDictionary<uint, string> GuestCids { get; init; } = new Dictionary<uint, string>();

    /// <summary>Where guests ask: <c>address:port</c>; null: not offered.</summary>
    public string? GuestApiListen { get; init; }
}

/// <summary>The fleet's Redis or Valkey, and whose verdicts count.</summary>
/// <param name="Redis"><c>host:port,password=…</c>, as StackExchange.Redis reads it.</param>
/// <param name="Trusted">Public keys, 32 bytes each.</param>
public sealed record FleetModel(string Redis, IReadOnlyList<byte[]> Trusted);

public sealed record WebhookModel
{
    public required string Name { get; init; }

    public required string Url { get; init; }

    /// <summary><c>whsec_…</c> secrets, newest first; read from the files named in the configuration.</summary>
    public IReadOnlyList<string> Secrets { get; init; } = [];

    /// <summary>Event kinds that are sent.</summary>
    public IReadOnlyList<string> Events { get; init; } = ["alert"];

    /// <summary>Only alerts of this severity or a more severe one (1 is the most severe).</summary>
    public int MinimumSeverity { get; init; } = 255;

    public bool DroppedOnly { get; init; }

    /// <summary>Whether both say the same, member by member.</summary>
    public bool Says(WebhookModel other) => Name == other.Name && Url == other.Url && MinimumSeverity == other.MinimumSeverity && DroppedOnly == other.DroppedOnly
        && Secrets.SequenceEqual(other.Secrets) && Events.SequenceEqual(other.Events);
}
