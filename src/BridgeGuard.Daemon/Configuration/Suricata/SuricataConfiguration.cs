using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Daemon.Configuration.Suricata;

/// <summary>What a suricata.yaml with its command line means for us: settings of the engine, outputs, and where rules and lists are.</summary>
public sealed record SuricataConfiguration
{
    public required EngineSettings Engine { get; init; }

    public required OutputSettings Outputs { get; init; }

    public required LogSettings Logging { get; init; }

    /// <summary>Name (without <c>$</c>) to text, as rules write lists.</summary>
    public IReadOnlyDictionary<string, string> AddressVariables { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> PortVariables { get; init; } = new Dictionary<string, string>();

    /// <summary>Rule files in order, paths complete; may hold wildcards.</summary>
    public IReadOnlyList<string> RuleFiles { get; init; } = [];

    /// <summary>Firewall rule files, evaluated in order before all others; none: no firewall.</summary>
    public IReadOnlyList<string> FirewallRuleFiles { get; init; } = [];

    /// <summary>Rules of the first action are evaluated first.</summary>
    public IReadOnlyList<RuleAction> ActionOrder { get; init; } = [RuleAction.Pass, RuleAction.Drop, RuleAction.Reject, RuleAction.Alert];

    public string? ClassificationFile { get; init; }

    public string? ReferenceFile { get; init; }

    public string? ThresholdFile { get; init; }

    /// <summary>Where data sets are loaded from and saved to when their paths are relative.</summary>
    public string DataFolder { get; init; } = "/var/lib/suricata/data";

    /// <summary><c>datasets.rules.allow-absolute-filenames</c>: rules may have sets written outside the data folder.</summary>
    public bool DatasetsAllowAbsolutePaths { get; init; }

    /// <summary><c>datasets.rules.allow-write</c>.</summary>
    public bool DatasetsAllowWriting { get; init; } = true;

    public string? ReputationCategoriesFile { get; init; }

    public IReadOnlyList<string> ReputationFiles { get; init; } = [];

    public string? GeoIpDatabase { get; init; }

    public string LogFolder { get; init; } = ".";

    /// <summary>Requirements of rules that we do not know are taken as met (<c>ignore-unknown-requirements</c>).</summary>
    public bool IgnoreUnknownRequirements { get; init; }

    /// <summary>The tree that all this was read from, for readers of sections not listed here.</summary>
    public required ConfigNode Root { get; init; }

    /// <summary>Things to tell the operator that do not stop the start.</summary>
    public IReadOnlyList<ConfigMessage> Messages { get; init; } = [];
}

/// <summary>How serious a message of configuration is.</summary>
public enum ConfigSeverity
{
    Config,
    Info,
    Warning,
    Error,
}

/// <summary>A message with the part of the program that it is about, as logs name it.</summary>
public readonly record struct ConfigMessage(ConfigSeverity Severity, string Module, string Text);

/// <summary>What the command line adds to a configuration file.</summary>
public sealed record SuricataOverrides
{
    public IReadOnlyList<string> Settings { get; init; } = [];

    public IReadOnlyList<string> Includes { get; init; } = [];

    public string? LogFolder { get; init; }

    public string? DataFolder { get; init; }

    /// <summary><c>-S</c>: these rules and no others.</summary>
    public string? ExclusiveRules { get; init; }

    /// <summary><c>-s</c>: these as well.</summary>
    public string? AdditionalRules { get; init; }

    public string? ExclusiveFirewallRules { get; init; }

    public bool SimulateIps { get; init; }

    public bool DisableDetection { get; init; }

    /// <summary><c>-k</c>: all, none or null.</summary>
    public string? Checksums { get; init; }

    /// <summary>Frames come from a file: <c>pcap-file</c> settings apply.</summary>
    public bool IsOffline { get; init; } = true;

    /// <summary>The capture read, for <c>pcap-file: true</c>.</summary>
    public string? CapturePath { get; init; }
}

/// <summary>The configured outputs.</summary>
public sealed record OutputSettings
{
    /// <summary>In the order of the engine's EVE settings.</summary>
    public IReadOnlyList<EveFileSettings> Eve { get; init; } = [];

    /// <summary>One line per alert; null: off.</summary>
    public FileSettings? Fast { get; init; }

    /// <summary>Counters as a table.</summary>
    public FileSettings? Stats { get; init; }

    public FileStoreSettings? FileStore { get; init; }

    /// <summary>Where certificates go that <c>tls.store</c> asks for (<c>tls-store</c>); null: off.</summary>
    public string? CertificateFolder { get; init; }

    /// <summary>Streams as reassembled (<c>tcp-data</c>); null: off.</summary>
    public DataLogSettings? TcpData { get; init; }

    /// <summary>Bodies of HTTP messages as decoded (<c>http-body-data</c>); null: off.</summary>
    public DataLogSettings? HttpBodyData { get; init; }

    /// <summary>Sections of <c>outputs</c> that are switched on, by name, for outputs that read their own options.</summary>
    public IReadOnlyDictionary<string, ConfigNode> Enabled { get; init; } = new Dictionary<string, ConfigNode>();

    public sealed record FileSettings(string Path, bool Append, ConfigNode Node);
}

/// <summary>Where one EVE output goes.</summary>
/// <param name="FileType"><c>regular</c>, <c>syslog</c>, <c>unix_dgram</c>, <c>unix_stream</c>, <c>redis</c> …</param>
/// <param name="Path">File or socket.</param>
/// <param name="Append">Keep what is there.</param>
/// <param name="Prefix">Put in front of each line.</param>
public sealed record EveFileSettings(string FileType, string Path, bool Append, string Prefix)
{
    /// <summary>A new file is begun after so many seconds (<c>rotate-interval</c>), with the time in its name; 0: one file.</summary>
    public long RotateSeconds { get; init; }

    /// <summary>Rights of a new file (<c>filemode</c>); null: those of the process.</summary>
    public UnixFileMode? FileMode { get; init; }

    /// <summary>With <c>syslog</c>: facility and level as one number, and the name of the program, separated by a line feed.</summary>
    public string SyslogHead { get; init; } = "";
}

/// <summary>Where extracted files go (<c>file-store</c>, version 2).</summary>
public sealed record FileStoreSettings
{
    public required string Folder { get; init; }

    /// <summary>A JSON file beside each stored one.</summary>
    public bool WriteFileInfo { get; init; }

    /// <summary>Every file is stored, not only those that rules ask for.</summary>
    public bool StoreAll { get; init; }

    public long StreamDepthBytes { get; init; }

    public int MaxOpenFiles { get; init; } = 1000;
}

/// <summary>Where messages of the program itself go.</summary>
public sealed record LogSettings
{
    /// <summary>The file had a logging section: messages on the console are then short.</summary>
    public bool IsConfigured { get; init; }

    public string DefaultLevel { get; init; } = "notice";

    public bool ConsoleEnabled { get; init; } = true;

    public string? ConsoleLevel { get; init; }

    public IReadOnlyList<LogFileSettings> Files { get; init; } = [];
}

/// <param name="Path">Complete path.</param>
/// <param name="Level">Least serious level written; null: the default level.</param>
/// <param name="IsJson">One JSON object per line.</param>
public sealed record LogFileSettings(string Path, string? Level, bool IsJson);
