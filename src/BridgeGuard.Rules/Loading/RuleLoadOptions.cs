using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Loading;

/// <summary>What a rule set is made from.</summary>
public sealed record RuleLoadOptions
{
    /// <summary>Rule files in order; <c>*</c> and <c>?</c> in the last part match several.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>What <c>disable.conf</c> and its like change before rules are read; null: nothing.</summary>
    public RuleFilters? Filters { get; init; }

    /// <summary>Rules from memory: a name for diagnostics and the text.</summary>
    public IReadOnlyList<(string Name, string Text)> Texts { get; init; } = [];

    /// <summary>Verdicts are carried out: <c>replace</c> has a meaning.</summary>
    public bool IsInline { get; init; }

    /// <summary>Firewall rule files; their rules stay in the order written and come before all others.</summary>
    public IReadOnlyList<string> FirewallFiles { get; init; } = [];

    /// <summary>Rules of the first action are evaluated first (<c>action-order</c>); holds pass, drop, reject and alert once each.</summary>
    public IReadOnlyList<RuleAction> ActionOrder { get; init; } = DefaultActionOrder;

    /// <summary>What rules are ordered by where nobody says otherwise: exceptions first, then what protects most.</summary>
    public static IReadOnlyList<RuleAction> DefaultActionOrder { get; } = [RuleAction.Pass, RuleAction.Drop, RuleAction.Reject, RuleAction.Alert];

    public VariableTable Variables { get; init; } = VariableTable.CreateDefault();

    /// <summary>Server groups of each kind of guest whose HOME_NET is the guest itself (<c>PolicyModel.HomeGroups</c>); none: HOME_NET is as configured.</summary>
    public IReadOnlyList<string[]> HomeGroups { get; init; } = [];

    /// <summary>Null: <c>classification.config</c> beside the first rule file, where it is there.</summary>
    public string? ClassificationFile { get; init; }

    /// <summary>Null: <c>reference.config</c> beside the first rule file, where it is there.</summary>
    public string? ReferenceFile { get; init; }

    /// <summary>Where classes are read from; null: no classes are known.</summary>
    internal string? ClassificationPath => ClassificationFile ?? Beside("classification.config");

    internal string? ReferencePath => ReferenceFile ?? Beside("reference.config");

    public string? ThresholdFile { get; init; }

    public uint PcreMatchLimit { get; init; } = 3500;

    public uint PcreRecursionLimit { get; init; } = 1500;

    /// <summary>What <c>urilen</c> measures without <c>,norm</c> or <c>,raw</c>.</summary>
    public bool UriLengthIsRaw { get; init; }

    /// <summary>Kept by the caller over reloads, so that datasets keep what was learnt.</summary>
    public DatasetRegistry Datasets { get; init; } = new();

    public string? ReputationCategoriesFile { get; init; }

    public IReadOnlyList<string> ReputationFiles { get; init; } = [];

    /// <summary>The addresses of countries by their two-letter codes, for <c>geoip</c>; null without a database.</summary>
    public Func<IReadOnlyList<string>, IReadOnlyList<(Engine.Packets.IpAddress First, Engine.Packets.IpAddress Last)>>? Countries { get; init; }

    /// <summary>The database behind <see cref="Countries"/>; without it sets are not cached.</summary>
    public string? CountriesFile { get; init; }

    /// <summary>The folder in which compiled sets are kept and looked for; null: every load compiles.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>Compiles and writes the set to the cache also when it is there.</summary>
    public bool RefreshesCache { get; init; }

    /// <summary>Sets of less text are not kept: compiling them takes no longer than looking for them.</summary>
    public long LeastCachedBytes { get; init; } = 1 << 20;

    /// <summary>Where lists named by rules (<c>filemd5</c>, datasets) are looked for after the rule file's folder.</summary>
    public IReadOnlyList<string> DataFolders { get; init; } = [];

    /// <summary>Features that the configuration switches off (<c>ja3</c>, <c>ja4</c>): their keywords are errors, rules that require them are left out.</summary>
    public IReadOnlyList<string> DisabledFeatures { get; init; } = [];

    /// <summary>Protocols that the configuration switches off: rules about them, which could never match, are errors.</summary>
    public IReadOnlyList<ProtocolId> DisabledProtocols { get; init; } = [];

    /// <summary>The protocols that a configuration has off over TCP and UDP alike. Ours alone are off on Suricata's command line although nobody says so: rules about them stay right.</summary>
    public static IReadOnlyList<ProtocolId> DisabledIn(AppLayerSettings settings) =>
    [
        .. ProtocolCatalog.All
            .Where(protocol => !settings.IsEnabled(protocol) && (!protocol.IsExtension || settings.Protocols.ContainsKey(protocol.ConfigurationName)))
            .Select(protocol => protocol.Id),
    ];

    public VariableNames Names { get; init; } = VariableNames.Shared;

    /// <summary>A file that rule archives carry beside their rules.</summary>
    private string? Beside(string name)
    {
        if (Files.Count == 0 || RuleFiles.Expand(Files[0], out _) is not [var first, ..])
        {
            return null;
        }

        string path = Path.Combine(Path.GetDirectoryName(first) ?? "", name);
        return File.Exists(path) ? path : null;
    }
}

/// <summary>A rule set and what was found on the way to it.</summary>
/// <param name="Rules">All rules without an error; never null.</param>
/// <param name="Diagnostics">Everything of all files, in order.</param>
/// <param name="Loaded">Rules in the set.</param>
/// <param name="Failed">Rules left out because of an error.</param>
/// <param name="Skipped">Rules left out because a <c>requires</c> is not met.</param>
/// <param name="Files">Rule files that were read.</param>
/// <param name="Datasets">The sets that the rules use; to be saved when the engine ends.</param>
public sealed record RuleLoadResult(
    RuleSet Rules, IReadOnlyList<RuleDiagnostic> Diagnostics, int Loaded, int Failed, int Skipped, int Files, DatasetRegistry Datasets)
{
    /// <summary>The set was not compiled but came from the cache.</summary>
    public bool IsFromCache { get; init; }

    /// <summary>What is wrong with the cache of compiled sets; empty when nothing is. The set is right all the same.</summary>
    public string CacheProblem { get; init; } = "";

    public bool HasErrors => Diagnostics.Any(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
}
