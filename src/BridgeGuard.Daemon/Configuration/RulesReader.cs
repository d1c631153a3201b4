namespace BridgeGuard.Daemon.Configuration;

/// <summary>The sections <c>rules</c> and <c>variables</c> of <c>bridgeguard.yaml</c>.</summary>
internal static class RulesReader
{
    public static RulesModel Read(YamlSection root, string folder)
    {
        YamlSection? rules = root.Section("rules");
        var addresses = DefaultAddresses();
        var ports = DefaultPorts();
        if (root.Section("variables") is { } variables)
        {
            foreach ((string key, string value) in variables.Section("addresses")?.Pairs() ?? [])
            {
                addresses[key] = value;
            }

            foreach ((string key, string value) in variables.Section("ports")?.Pairs() ?? [])
            {
                ports[key] = value;
            }

            variables.RejectUnknownKeys();
        }

        if (rules is null)
        {
            root.Error(root.Has("rules") ? "rules" : null, "no rules are named, expected 'rules:' with 'files:'");
            return new RulesModel();
        }

        var files = new List<string>();
        foreach (string pattern in rules.Texts("files"))
        {
            if (!DaemonConfigLoader.Expand(folder, pattern, "*.rules").Any())
            {
                rules.Error("files", $"no rule file fits '{pattern}', expected a file, a folder or a pattern");
            }

            files.Add(SourceTree.Of(DaemonConfigLoader.Resolve(folder, pattern)));
        }

        var model = new RulesModel
        {
            Files = files,
            Classification = Optional(rules, folder, "classification"),
            References = Optional(rules, folder, "references"),
            Thresholds = Optional(rules, folder, "thresholds"),
            ReputationCategories = Optional(rules, folder, "reputation-categories"),
            GeoIpDatabase = Optional(rules, folder, "geoip"),
            Reputation = [.. rules.Texts("reputation").SelectMany(path => DaemonConfigLoader.Existing(rules, "reputation", folder, path, "a list of address,category,score"))],
            Strict = rules.Bool("strict", false),
            CacheFolder = rules.Text("cache") switch
            {
                null or "yes" => RulesModel.DefaultCacheFolder,
                "no" => null,
                var path => DaemonConfigLoader.Resolve(folder, path),
            },
            AddressVariables = addresses,
            PortVariables = ports,
        };
        rules.RejectUnknownKeys();
        return model;
    }

    private static string? Optional(YamlSection section, string folder, string key)
    {
        if (section.Text(key) is not { } path)
        {
            return null;
        }

        string full = SourceTree.Of(DaemonConfigLoader.Resolve(folder, path));
        if (!File.Exists(full))
        {
            section.Error(key, $"'{path}' does not exist, expected a file");
        }

        return full;
    }

    /// <summary>The variables that public rule sets use, with Suricata's defaults.</summary>
    internal static Dictionary<string, string> DefaultAddresses() => new()
    {
        ["HOME_NET"] = "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]",
        ["EXTERNAL_NET"] = "!$HOME_NET",
        ["HTTP_SERVERS"] = "$HOME_NET",
        ["SMTP_SERVERS"] = "$HOME_NET",
        ["SQL_SERVERS"] = "$HOME_NET",
        ["DNS_SERVERS"] = "$HOME_NET",
        ["TELNET_SERVERS"] = "$HOME_NET",
        ["AIM_SERVERS"] = "$EXTERNAL_NET",
        ["DC_SERVERS"] = "$HOME_NET",
        ["DNP3_SERVER"] = "$HOME_NET",
        ["DNP3_CLIENT"] = "$HOME_NET",
        ["MODBUS_CLIENT"] = "$HOME_NET",
        ["MODBUS_SERVER"] = "$HOME_NET",
        ["ENIP_CLIENT"] = "$HOME_NET",
        ["ENIP_SERVER"] = "$HOME_NET",
    };

    internal static Dictionary<string, string> DefaultPorts() => new()
    {
        ["HTTP_PORTS"] = "80",
        ["SHELLCODE_PORTS"] = "!80",
        ["ORACLE_PORTS"] = "1521",
        ["SSH_PORTS"] = "22",
        ["DNP3_PORTS"] = "20000",
        ["MODBUS_PORTS"] = "502",
        ["FILE_DATA_PORTS"] = "[$HTTP_PORTS,110,143]",
        ["FTP_PORTS"] = "21",
        ["GENEVE_PORTS"] = "6081",
        ["VXLAN_PORTS"] = "4789",
        ["TEREDO_PORTS"] = "3544",
        ["SIP_PORTS"] = "[5060, 5061]",
    };
}
