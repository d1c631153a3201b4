using BridgeGuard.Engine.Detection.Firewall;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Settings;

/// <summary>Everything a worker is told at its start. Immutable once handed over; produced from our YAML or from a suricata.yaml.</summary>
/// <remarks>Defaults are Suricata 8's documented ones unless a comment says otherwise. Sizes in bytes, times in milliseconds or seconds as named.</remarks>
public sealed record EngineSettings
{
    /// <summary>Verdicts are carried out (or simulated): inline reassembly, drops are final.</summary>
    public bool IsInline { get; init; }

    /// <summary>Compute and judge checksums of packets whose state is unknown (<c>-k all</c>); off with <c>-k none</c>.</summary>
    public bool ValidateChecksums { get; init; } = true;

    /// <summary>The same for a worker that sees copies of frames.</summary>
    public EngineSettings Passive => this with { IsInline = false, EarlyVerdicts = false, Defrag = Defrag with { DropOverlaps = false } };

    public bool DetectionEnabled { get; init; } = true;

    /// <summary>
    /// A flow about which nothing more can change is said to be decided, so that an inline attachment may carry it without the engine. Off where every
    /// byte must be seen, and in replay.
    /// </summary>
    public bool EarlyVerdicts { get; init; }

    /// <summary>Firewall rules are loaded: ordered evaluation with default drop, and its own counters.</summary>
    public bool FirewallMode { get; init; }

    /// <summary>What the firewall does with what no rule accepts.</summary>
    public FirewallPolicies Firewall { get; init; } = new();

    public DecoderSettings Decoder { get; init; } = new();

    public DefragSettings Defrag { get; init; } = new();

    public FlowSettings Flow { get; init; } = new();

    public StreamSettings Stream { get; init; } = new();

    public AppLayerSettings AppLayer { get; init; } = new();

    public DetectionSettings Detection { get; init; } = new();

    public FileSettings Files { get; init; } = new();

    /// <summary>The first and usual EVE output.</summary>
    public EveSettings Eve { get; init; } = new();

    /// <summary>Further EVE outputs; the event's <c>OutputIndex</c> is the index here plus one.</summary>
    public EveSettings[] MoreEve { get; init; } = [];

    public StatsSettings Stats { get; init; } = new();

    /// <summary>Which host runs which operating system, for overlap policies (<c>host-os-policy</c>); first match by longest prefix.</summary>
    public HostOsEntry[] HostOs { get; init; } = [];
}

public sealed class DecoderSettings
{
    public bool TeredoEnabled { get; init; } = true;

    public ushort[] TeredoPorts { get; init; } = [];

    public bool VxlanEnabled { get; init; } = true;

    public ushort[] VxlanPorts { get; init; } = [4789];

    public bool GeneveEnabled { get; init; } = true;

    public ushort[] GenevePorts { get; init; } = [6081];

    public bool ErspanTypeIEnabled { get; init; } = true;

    /// <summary>Headers of all kinds in one packet before it is given up (<c>decoder.max-layers</c>).</summary>
    public int MaxLayers { get; init; } = 16;

    /// <summary>Look into GTP-U; not in Suricata, so off in its compatibility mode.</summary>
    public bool GtpUEnabled { get; init; }
}

/// <summary>How an end system resolves overlapping fragments and segments.</summary>
public enum HostOs : byte
{
    Bsd,
    BsdRight,
    OldLinux,
    Linux,
    OldSolaris,
    Solaris,
    HpUx10,
    HpUx11,
    Irix,
    MacOs,
    Windows,
    Vista,
    Windows2k3,
    First,
    Last,
}

/// <param name="Address">Network address.</param>
/// <param name="PrefixLength">Bits of the stored 128-bit form: 96 + n for IPv4.</param>
/// <param name="Os">The host's system.</param>
public readonly record struct HostOsEntry(IpAddress Address, byte PrefixLength, HostOs Os);

public sealed record DefragSettings
{
    public bool Enabled { get; init; } = true;

    public long MemcapBytes { get; init; } = 32L << 20;

    public int MaxTrackers { get; init; } = 65_535;

    public int MaxFragments { get; init; } = 65_535;

    public int TimeoutSeconds { get; init; } = 60;

    public ExceptionPolicy MemcapPolicy { get; init; }

    /// <summary>
    /// Inline: a fragment that overlaps one already passed on, or contradicts where the datagram ends, is dropped, so that the host reassembles exactly what was inspected, whatever
    /// system it runs. Not in Suricata, so off in its compatibility mode.
    /// </summary>
    public bool DropOverlaps { get; init; }
}

public sealed record FlowSettings
{
    public long MemcapBytes { get; init; } = 128L << 20;

    /// <summary>Flows at most per worker; beyond it <see cref="MemcapPolicy"/> decides.</summary>
    public int MaxFlows { get; init; } = 1_000_000;

    public ExceptionPolicy MemcapPolicy { get; init; }

    /// <summary>Share of the table still free, in percent, at which emergency timeouts begin.</summary>
    public int EmergencyRecoveryPercent { get; init; } = 30;

    public FlowTimeouts Default { get; init; } = new(30, 300, 0, 100, 10, 100, 0, 50);

    public FlowTimeouts Tcp { get; init; } = new(60, 600, 60, 100, 5, 100, 10, 50);

    public FlowTimeouts Udp { get; init; } = new(30, 300, 0, 100, 10, 100, 0, 50);

    public FlowTimeouts Icmp { get; init; } = new(30, 300, 0, 100, 10, 100, 0, 50);

    /// <summary>VLAN ids are part of the flow key (<c>vlan.use-for-tracking</c>).</summary>
    public bool VlanTracking { get; init; } = true;

    /// <summary>The capture device or bridge is part of the key (<c>livedev.use-for-tracking</c>).</summary>
    public bool DeviceTracking { get; init; } = true;

    /// <summary>
    /// For replays: flows that are silent for too long end only when their five-tuple is seen again, the table is half full or the capture is over, as
    /// the peer's do, which reads a capture faster than its flow manager runs.
    /// </summary>
    public bool ExpireLazily { get; init; }

    /// <summary>Packets of different tunnel depth are different flows (<c>decoder.recursion-level.use-for-tracking</c>).</summary>
    public bool RecursionTracking { get; init; } = true;

    /// <summary>Packets of different encapsulation depth are different flows (<c>decoder.recursion-level.use-for-tracking</c>).</summary>
    public bool TunnelDepthTracking { get; init; } = true;

    /// <summary>Bytes of rate-tracking for elephant flows per interval; 0 disables.</summary>
    public long ElephantBytes { get; init; }

    public int ElephantIntervalSeconds { get; init; } = 1;
}

/// <summary>Seconds of silence after which a flow in a state is over; the last four apply in emergency mode.</summary>
public readonly record struct FlowTimeouts(
    int New, int Established, int Closed, int Bypassed, int EmergencyNew, int EmergencyEstablished, int EmergencyClosed, int EmergencyBypassed);

public sealed record StreamSettings
{
    public long MemcapBytes { get; init; } = 64L << 20;

    public ExceptionPolicy MemcapPolicy { get; init; }

    /// <summary>Pick up sessions whose handshake was not seen.</summary>
    public bool Midstream { get; init; }

    public ExceptionPolicy MidstreamPolicy { get; init; }

    /// <summary>Only one direction of each session is seen.</summary>
    public bool AsyncOneside { get; init; }

    /// <summary>Data is judged when it arrives, not when it is acknowledged; null: as <see cref="EngineSettings.IsInline"/>.</summary>
    public bool? Inline { get; init; }

    public bool ChecksumValidation { get; init; } = true;

    public int MaxSynQueued { get; init; } = 10;

    public int MaxSynAckQueued { get; init; } = 5;

    public bool BypassAtDepth { get; init; }

    public bool DropInvalid { get; init; } = true;

    public UrgentPolicy Urgent { get; init; } = UrgentPolicy.OutOfBand;

    public int UrgentOobLimit { get; init; } = 32;

    public ReassemblySettings Reassembly { get; init; } = new();
}

/// <summary>What becomes of TCP urgent data (<c>stream.reassembly.urgent.policy</c>).</summary>
public enum UrgentPolicy : byte
{
    /// <summary>
    /// One byte at the urgent pointer is taken out of the stream, as most systems do. Inline nobody can know what the program will read: the flag is taken off the segment
    /// instead, as other gateways do, and every byte is data.
    /// </summary>
    OutOfBand,
    Inline,
    Drop,
    Gap,
}

public sealed record ReassemblySettings
{
    public long MemcapBytes { get; init; } = 256L << 20;

    public ExceptionPolicy MemcapPolicy { get; init; }

    /// <summary>Bytes of each direction that are reassembled; 0: no limit.</summary>
    public uint Depth { get; init; } = 1 << 20;

    /// <summary>Raw stream inspection works on chunks of this size, slightly varied so that nobody can aim at their borders.</summary>
    public uint ToServerChunkSize { get; init; } = 2560;

    public uint ToClientChunkSize { get; init; } = 2560;

    public bool RandomizeChunkSize { get; init; } = true;

    /// <summary>Reassembled bytes are inspected by rules without an application buffer.</summary>
    public bool Raw { get; init; } = true;

    public int MaxRegions { get; init; } = 8;

    /// <summary>Compare the bytes of retransmissions with what was seen (<c>check-overlap-different-data</c>).</summary>
    public bool CheckOverlapDifferentData { get; init; } = true;
}

public sealed class AppLayerSettings
{
    /// <summary>A parser gave up (<c>app-layer.error-policy</c>).</summary>
    public ExceptionPolicy ErrorPolicy { get; init; }

    /// <summary>Sections by protocol configuration name (<c>http</c>, <c>tls</c> …); <c>NAME.enabled</c> is <c>yes</c>, <c>no</c> or <c>detection-only</c>.</summary>
    public IReadOnlyDictionary<string, ProtocolSettings> Protocols { get; init; } = new Dictionary<string, ProtocolSettings>();

    /// <summary>The protocol is looked for over TCP or UDP (parsed, or at least named).</summary>
    public bool IsEnabled(Protocol protocol) =>
        (protocol.UsesTcp && IsEnabled(protocol, "tcp", out _)) || (protocol.UsesUdp && IsEnabled(protocol, "udp", out _));

    /// <summary>The protocol is looked for over one transport.</summary>
    /// <param name="protocol">One that uses it.</param>
    /// <param name="transport"><c>tcp</c> or <c>udp</c>: some protocols are switched for each (<c>dns.udp.enabled</c>).</param>
    /// <param name="detectionOnly">Named but not parsed.</param>
    internal bool IsEnabled(Protocol protocol, string transport, out bool detectionOnly)
    {
        string? value = SwitchOf(protocol, transport);
        detectionOnly = value == "detection-only" || protocol.IsNamedOnly;
        return value switch
        {
            null => protocol.EnabledByDefault,
            "yes" or "true" or "1" or "on" or "detection-only" => true,
            _ => false,
        };
    }

    /// <summary>Of a protocol over TCP that is only named: the flow is followed to its STARTTLS, unless configuration itself says <c>detection-only</c>.</summary>
    internal bool FollowsStartTls(Protocol protocol) => SwitchOf(protocol, "tcp") != "detection-only";

    private string? SwitchOf(Protocol protocol, string transport)
    {
        ProtocolSettings? own = Protocols.TryGetValue(protocol.ConfigurationName, out ProtocolSettings? found) ? found : null;
        return own?.Get(transport + ".enabled") ?? own?.Get("enabled");
    }
}

/// <summary>What searches for fast patterns. All find the same.</summary>
public enum SearchEngine : byte
{
    /// <summary>What measures best: the managed engine (bench/README.md).</summary>
    Auto,
    Managed,

    /// <summary>The Vectorscan or Hyperscan library where it is installed, built while the managed engine serves.</summary>
    Vectorscan,
}

public sealed record DetectionSettings
{
    /// <summary>Alerts of one packet that are kept (<c>packet-alert-max</c>).</summary>
    public int PacketAlertMax { get; init; } = 15;

    /// <summary>Off only for tests: every rule is evaluated without the prefilter and must give the same alerts.</summary>
    public bool Prefilter { get; init; } = true;

    /// <summary>What searches for fast patterns (<c>detect.engine</c>).</summary>
    public SearchEngine Engine { get; init; } = SearchEngine.Auto;

    /// <summary>Looks at rules are counted and some of them timed while the engine runs (<c>detect.rule-costs</c>).</summary>
    public bool CountsCosts { get; init; }

    /// <summary>A packet rule that matches while one transaction is live is reported with it (<c>detect.guess-applayer-tx</c>).</summary>
    public bool GuessTransaction { get; init; }

    public int PcreMatchLimit { get; init; } = 3500;

    public int PcreRecursionLimit { get; init; } = 1500;
}

public sealed class FileSettings
{
    public bool ForceMagic { get; init; }

    public bool ForceMd5 { get; init; }

    public bool ForceSha1 { get; init; }

    public bool ForceSha256 { get; init; }

    public bool StoreEnabled { get; init; }

    /// <summary>Every file is kept, not only those that rules ask for (<c>force-filestore</c>).</summary>
    public bool StoreAll { get; init; }

    /// <summary>Bytes of a stream that are reassembled where files are kept (<c>file-store.stream-depth</c>); 0: as for every stream.</summary>
    public long StoreStreamDepth { get; init; }

    /// <summary>Bytes of a file kept for inspection at once.</summary>
    public int InspectWindowBytes { get; init; } = 128 << 10;

    /// <summary>The host's own services to guests (the guest API): what passes there is asked or submitted and judged by them, so files in it are neither held nor handed to the scanner.</summary>
    public HostService[] OwnServices { get; init; } = [];
}

/// <summary>Where the host answers guests on its bridge.</summary>
public readonly record struct HostService(IpAddress Address, ushort Port);

public sealed class EveSettings
{
    public bool CommunityId { get; init; }

    public ushort CommunityIdSeed { get; init; }

    /// <summary>Ethernet addresses in each record (<c>ethernet: yes</c>).</summary>
    public bool Ethernet { get; init; }

    /// <summary>Path of the capture in each record (<c>pcap-file: true</c>); null: not written.</summary>
    public string? PcapFile { get; init; }

    public string? HostName { get; init; }

    /// <summary>Alerts carry <c>event_id</c>: time, worker and number in hexadecimal, unique on a host; recordings have the same name.</summary>
    public bool EventIds { get; init; }

    /// <summary>Flow bits, integers and variables at the top of each record (<c>metadata: yes</c>).</summary>
    public bool Metadata { get; init; } = true;

    /// <summary>The version whose record format this is, in flow-like and file records (<c>suricata-version: yes</c>).</summary>
    public bool FormatVersion { get; init; }

    public XffSettings Xff { get; init; } = new();

    /// <summary>One per configured EVE type in order; the emitter turns them into what it writes.</summary>
    public EveTypeSettings[] Types { get; init; } = [];
}

/// <summary>Which counters stats records carry (section <c>stats</c>).</summary>
public sealed class StatsSettings
{
    public bool Enabled { get; init; } = true;

    public int IntervalSeconds { get; init; } = 8;

    public bool DecoderEvents { get; init; } = true;

    /// <summary>First part of the names of decoder event counters.</summary>
    public string DecoderEventsPrefix { get; init; } = "decoder.event";

    public bool StreamEvents { get; init; }

    /// <summary>Exception policies applied by reason of parser errors are counted per protocol (<c>exception-policy.per-app-proto-errors</c>).</summary>
    public bool AppErrorPolicies { get; init; }
}

/// <summary>What is done with the address that a proxy names in an HTTP header (<c>xff</c>).</summary>
public sealed record XffSettings
{
    public bool Enabled { get; init; }

    /// <summary>Replace the record's own address; else add an <c>xff</c> field.</summary>
    public bool Overwrite { get; init; }

    /// <summary>A reverse proxy: the last address of the header counts; else (forward proxy) the first.</summary>
    public bool Reverse { get; init; } = true;

    public string Header { get; init; } = "X-Forwarded-For";
}

/// <summary>One entry of <c>outputs: eve-log: types</c>: its name and flattened options.</summary>
public sealed record EveTypeSettings(string Name, ProtocolSettings Options);
