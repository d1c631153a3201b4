using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Daemon.Configuration.Suricata;

/// <summary>Turns a suricata.yaml and its command line into a <see cref="SuricataConfiguration"/>.</summary>
/// <remarks>
/// What says nothing about inspection (capture methods, threads, run-as) is accepted and ignored, as are unknown sections: these files are
/// shared with the program they were written for. Wrong values of what is used stop the reading with their place.
/// </remarks>
public static class SuricataConfigurationReader
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="ConfigException">It cannot be read, is not YAML, or a value is wrong.</exception>
    public static SuricataConfiguration ReadFile(string path, SuricataOverrides overrides) => Finish(YamlTreeReader.ReadFile(path), overrides);

    /// <summary>Reads text; <paramref name="name"/> stands for the file.</summary>
    /// <exception cref="ConfigException">As for <see cref="ReadFile"/>.</exception>
    public static SuricataConfiguration ReadText(string text, string name, SuricataOverrides overrides) =>
        Finish(YamlTreeReader.ReadText(text, name), overrides);

    private static SuricataConfiguration Finish(ConfigNode root, SuricataOverrides overrides)
    {
        foreach (string include in overrides.Includes)
        {
            YamlTreeReader.MergeFile(root, include);
        }

        foreach (string setting in overrides.Settings)
        {
            if (!CommandLineOverrides.TryApply(root, setting))
            {
                throw new ConfigException(ConfigPosition.CommandLine, $"\"{setting}\" is not of the form name=value");
            }
        }

        List<ConfigMessage> messages = [];
        SectionReader section = new(root, messages);
        VariableReader variables = new(root);
        string logFolder = overrides.LogFolder ?? root.Get("default-log-dir") ?? ".";
        bool isInline = overrides.SimulateIps;
        OutputReader outputs = new(section, logFolder, overrides);
        EngineSettings engine = new EngineSettingsReader(section, variables, overrides).Read(isInline, outputs);
        return new SuricataConfiguration
        {
            Root = root,
            Engine = engine,
            Outputs = outputs.Settings,
            Logging = LogSettingsReader.Read(root, logFolder),
            AddressVariables = variables.Addresses,
            PortVariables = variables.Ports,
            RuleFiles = RuleFiles(root, overrides),
            FirewallRuleFiles = FirewallRuleFiles(root, overrides),
            ActionOrder = ActionOrder(root),
            ClassificationFile = root.Get("classification-file"),
            ReferenceFile = root.Get("reference-config-file"),
            ThresholdFile = root.Get("threshold-file"),
            DataFolder = overrides.DataFolder ?? root.Get("default-data-dir") ?? "/var/lib/suricata/data",
            DatasetsAllowAbsolutePaths = root.Find("datasets")?.Find("rules")?.GetBool("allow-absolute-filenames", false) ?? false,
            DatasetsAllowWriting = root.Find("datasets")?.Find("rules")?.GetBool("allow-write", true) ?? true,
            ReputationCategoriesFile = root.Get("reputation-categories-file"),
            ReputationFiles = [.. Under(root.Find("reputation-files"), root.Get("default-reputation-path"))],
            GeoIpDatabase = root.Get("geoip-database"),
            LogFolder = logFolder,
            IgnoreUnknownRequirements = root.GetBool("ignore-unknown-requirements", false),
            Messages = messages,
        };
    }

    /// <summary><c>action-order</c>: all four actions, each once.</summary>
    private static RuleAction[] ActionOrder(ConfigNode root)
    {
        const string Advice = "Please, use \"pass\",\"drop\",\"alert\",\"reject\". "
            + "You have to specify all of them, without quotes and without capital letters";
        if (root.Child("action-order") is not { } node)
        {
            return [RuleAction.Pass, RuleAction.Drop, RuleAction.Reject, RuleAction.Alert];
        }

        List<RuleAction> order = [];
        foreach (string name in node.Values())
        {
            RuleAction action = name switch
            {
                "pass" => RuleAction.Pass,
                "drop" => RuleAction.Drop,
                "reject" => RuleAction.Reject,
                "alert" => RuleAction.Alert,
                _ => throw new ConfigException(node.Position, $"action-order, invalid action: \"{name}\". {Advice}"),
            };
            if (order.Contains(action))
            {
                throw new ConfigException(node.Position, $"action-order, action already set: \"{name}\". {Advice}");
            }

            order.Add(action);
        }

        return order.Count == 4
            ? [.. order]
            : throw new ConfigException(node.Position, $"action-order, the config didn't specify all of the actions. {Advice}");
    }

    private static List<string> RuleFiles(ConfigNode root, SuricataOverrides overrides)
    {
        if (overrides.DisableDetection)
        {
            return [];
        }

        if (overrides.ExclusiveRules is { } only)
        {
            return [only];
        }

        // Firewall rules given on the command line stand alone unless -S adds others.
        List<string> files = overrides.ExclusiveFirewallRules is null ? [.. Under(root.Find("rule-files"), root.Get("default-rule-path"))] : [];
        if (overrides.AdditionalRules is { } more)
        {
            files.Add(more);
        }

        return files;
    }

    private static List<string> FirewallRuleFiles(ConfigNode root, SuricataOverrides overrides)
    {
        if (overrides.DisableDetection)
        {
            return [];
        }

        if (overrides.ExclusiveFirewallRules is { } only)
        {
            return [only];
        }

        return root.GetBool("firewall.enabled", false) ? [.. Under(root.Find("firewall.rule-files"), root.Get("firewall.rule-path"))] : [];
    }

    private static IEnumerable<string> Under(ConfigNode? list, string? folder)
    {
        if (list is null)
        {
            yield break;
        }

        foreach (string file in list.Values())
        {
            yield return folder is null || Path.IsPathRooted(file) ? file : Path.Combine(folder, file);
        }
    }
}
