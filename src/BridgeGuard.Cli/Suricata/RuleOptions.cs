using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Daemon.GeoIp;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Cli.Suricata;

/// <summary>What the rule loader needs of a configuration.</summary>
internal static class RuleOptions
{
    private static readonly string[] Fingerprints = ["ja3", "ja4"];

    /// <summary>Fingerprints are made where a rule asks for them unless that is refused.</summary>
    private static bool IsOff(SuricataConfiguration configuration, string fingerprint) =>
        configuration.Engine.AppLayer.Protocols.TryGetValue("tls", out ProtocolSettings? tls) && !tls.GetBool(fingerprint + "-fingerprints", true);

    /// <param name="configuration">Where rules and what they need are.</param>
    /// <param name="filters">Which rules are disabled, enabled or changed.</param>
    /// <param name="rewrites">Whether packets can leave changed. Read from a capture as Suricata is called they cannot, and <c>replace</c> does nothing.</param>
    public static RuleLoadOptions From(SuricataConfiguration configuration, RuleFilters? filters = null, bool rewrites = true, string? cache = null)
    {
        VariableTable variables = new();
        foreach ((string name, string value) in configuration.AddressVariables)
        {
            variables.Addresses[name] = value;
        }

        foreach ((string name, string value) in configuration.PortVariables)
        {
            variables.Ports[name] = value;
        }

        return new RuleLoadOptions
        {
            Files = configuration.RuleFiles,
            Filters = filters,
            FirewallFiles = configuration.FirewallRuleFiles,
            Variables = variables,
            ClassificationFile = configuration.ClassificationFile,
            ReferenceFile = configuration.ReferenceFile,
            ThresholdFile = configuration.ThresholdFile,
            ReputationCategoriesFile = configuration.ReputationCategoriesFile,
            ReputationFiles = configuration.ReputationFiles,
            Datasets = new DatasetRegistry
            {
                Folders = [configuration.DataFolder],
                AllowsAbsolutePaths = configuration.DatasetsAllowAbsolutePaths,
                AllowsWriting = configuration.DatasetsAllowWriting,
            },
            DataFolders = [configuration.DataFolder],
            ActionOrder = configuration.ActionOrder,
            DisabledFeatures = Array.FindAll(Fingerprints, name => IsOff(configuration, name)),
            DisabledProtocols = RuleLoadOptions.DisabledIn(configuration.Engine.AppLayer),
            CacheFolder = cache is null ? null : Path.GetFullPath(cache),
            CountriesFile = configuration.GeoIpDatabase,
            Countries = configuration.GeoIpDatabase is { } database ? new CountryDatabase(database).RangesOf : null,
            IsInline = rewrites && configuration.Engine.IsInline,
            PcreMatchLimit = (uint)configuration.Engine.Detection.PcreMatchLimit,
            PcreRecursionLimit = (uint)configuration.Engine.Detection.PcreRecursionLimit,
        };
    }
}
