using System.Globalization;
using System.Text;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Daemon.Configuration.Suricata;

/// <summary>Turns a suricata.yaml into a <c>bridgeguard.yaml</c>: what both can say, with a note on what has no place there.</summary>
/// <remarks>The result is text for an operator to read and finish (bridges have no counterpart), and it loads as it is.</remarks>
public static class SuricataImporter
{
    // Sections that say something about inspection which a daemon decides by itself or per role.
    private static readonly (string Path, string Note)[] Unused =
    [
        ("af-packet", "capture: name the bridges instead"),
        ("nfq", "capture: name the bridges instead"),
        ("threading", "threads: see workers"),
        ("exception-policy", "failure is decided per bridge and role: fail, roles"),
        ("multi-detect", "tenants: use roles"),
    ];

    /// <summary>The text of a <c>bridgeguard.yaml</c>.</summary>
    /// <param name="from">The configuration as read.</param>
    /// <param name="source">Its name, for the heading.</param>
    public static string Convert(SuricataConfiguration from, string source)
    {
        var text = new StringBuilder();
        Line(text, $"# Made from {Path.GetFileName(source)} by 'bridgeguard import'. Name your bridges, then check it with 'bridgeguard config validate'.");
        Line(text, "bridges:");
        Line(text, "  - name: br0");
        Line(text, $"    mode: {(from.Engine.IsInline ? "inline" : "monitor")}");
        Line(text, "    fail: open");
        Line(text, $"log-directory: {Quote(from.LogFolder)}");
        Line(text, $"state-directory: {Quote(from.DataFolder)}");
        WriteRules(text, from);
        WriteVariables(text, from);
        WriteEve(text, from.Engine.Eve, from.Root);
        WriteProtocols(text, from.Root);
        WriteInspection(text, from.Root);
        foreach ((string path, string note) in Unused)
        {
            if (from.Root.Find(path) is { } node && (node.Children.Count > 0 || !string.IsNullOrEmpty(node.Value)))
            {
                Line(text, $"# not taken over: {path} ({note})");
            }
        }

        foreach (string name in from.Outputs.Enabled.Keys.Where(name => name != "eve-log").Order(StringComparer.Ordinal))
        {
            Line(text, $"# not taken over: the output {name} (events are EVE records; see file-store, tls-store and pcap-log in bridgeguard.yaml for what is kept beside)");
        }

        return text.ToString();
    }

    /// <summary>Streams, fragments, flows: the same sections, key for key, since all of these say what rules see.</summary>
    private static void WriteInspection(StringBuilder text, ConfigNode root)
    {
        foreach (string key in InspectionReader.Keys)
        {
            ConfigNode? node = root.Child(key);
            if (node is { Children.Count: > 0 })
            {
                Line(text, $"{key}:");
                WriteTree(text, node, 2);
            }
            else if (node?.Value is { Length: > 0 } value)
            {
                Line(text, $"{key}: {Quote(value)}");
            }
            else if (key == "stream")
            {
                // Without the section Suricata takes up no connection midway; here that is the default.
                Line(text, "stream:");
                Line(text, "  midstream: no");
            }
            else if (key == "flow-timeouts")
            {
                // As Suricata has it where nothing is written; the files it ships, and the daemon, have 60, 600 and 60 seconds.
                Line(text, "flow-timeouts:");
                Line(text, "  tcp:");
                Line(text, "    new: 30");
                Line(text, "    established: 300");
                Line(text, "    closed: 10");
            }
        }
    }

    private static void WriteRules(StringBuilder text, SuricataConfiguration from)
    {
        Line(text, "rules:");
        bool hasFiles = from.RuleFiles.Any(file => File.Exists(file) || file.AsSpan().ContainsAny('*', '?'));
        Line(text, hasFiles ? "  files:" : "  files: []");
        foreach (string file in from.RuleFiles)
        {
            // A file that is not there would stop the start; it is kept in sight.
            Line(text, File.Exists(file) || file.AsSpan().ContainsAny('*', '?') ? $"    - {Quote(file)}" : $"    # missing: {file}");
        }

        Optional(text, "classification", from.ClassificationFile);
        Optional(text, "references", from.ReferenceFile);
        Optional(text, "thresholds", from.ThresholdFile);
        Optional(text, "geoip", from.GeoIpDatabase);
        Optional(text, "reputation-categories", from.ReputationCategoriesFile);
        foreach (string file in from.ReputationFiles.Where(file => !File.Exists(file)))
        {
            Line(text, $"  # missing: reputation: {file}");
        }

        string[] lists = [.. from.ReputationFiles.Where(File.Exists)];
        if (lists.Length > 0)
        {
            Line(text, $"  reputation: [{string.Join(", ", lists.Select(Quote))}]");
        }
    }

    private static void Optional(StringBuilder text, string key, string? file)
    {
        if (file is not null)
        {
            Line(text, File.Exists(file) ? $"  {key}: {Quote(file)}" : $"  # missing: {key}: {file}");
        }
    }

    private static void WriteVariables(StringBuilder text, SuricataConfiguration from)
    {
        Line(text, "variables:");
        WritePairs(text, "addresses", from.AddressVariables);
        WritePairs(text, "ports", from.PortVariables);
    }

    private static void WritePairs(StringBuilder text, string key, IReadOnlyDictionary<string, string> pairs)
    {
        Line(text, pairs.Count == 0 ? $"  {key}: {{}}" : $"  {key}:");
        foreach ((string name, string value) in pairs.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            Line(text, $"    {name}: {Quote(value)}");
        }
    }

    /// <summary>The record types of the first EVE output that is on, each with its options.</summary>
    private static void WriteEve(StringBuilder text, EveSettings eve, ConfigNode root)
    {
        Line(text, "eve:");
        Line(text, $"  community-id: {(eve.CommunityId ? "yes" : "no")}");
        Line(text, string.Create(CultureInfo.InvariantCulture, $"  community-id-seed: {eve.CommunityIdSeed}"));
        Line(text, $"  ethernet: {(eve.Ethernet ? "yes" : "no")}");
        string[] all = [.. eve.Types.Where(type => type.Options.GetBool("enabled", true)).Select(type => type.Name).Distinct()];
        string[] types = Array.FindAll(all, name => EveTypeNames.All.Contains(name));
        if (types.Length > 0)
        {
            Line(text, $"  types: [{string.Join(", ", types)}]");
        }

        foreach (string name in all.Except(types))
        {
            Line(text, $"  # not taken over: type {name} (there is no such record)");
        }

        ConfigNode? output = root.Child("outputs")?.Children.SelectMany(item => item.Children).FirstOrDefault(node => node.Name == "eve-log" && node.GetBool("enabled", false));
        foreach (string name in types)
        {
            ConfigNode? own = output?.Child("types")?.Children.Select(type => type.Child(name)).FirstOrDefault(node => node is { Children.Count: > 0 });
            bool isExtendedHere = name is "http" or "tls" or "smtp" or "dhcp";
            if (own is null && !isExtendedHere)
            {
                continue;
            }

            Line(text, $"  {name}:");
            if (own is not null)
            {
                WriteTree(text, own, 4);
            }

            if (isExtendedHere && own?.Child("extended") is null)
            {
                // Suricata's default; ours, without options, is the longer form.
                Line(text, "    extended: no");
            }
        }
    }

    /// <summary>What is set of each protocol that there is here, under the same names.</summary>
    private static void WriteProtocols(StringBuilder text, ConfigNode root)
    {
        ConfigNode? all = root.Find("app-layer.protocols");
        var known = ProtocolCatalog.All.GroupBy(protocol => protocol.ConfigurationName).OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => (Name: group.Key, Node: all?.Child(group.Key), IsOffUnsaid: !group.First().EnabledByDefault))
            .Where(protocol => protocol.Node is { Children.Count: > 0 } || protocol.IsOffUnsaid)
            .ToList();
        Line(text, known.Count == 0 ? "protocols: {}" : "protocols:");
        foreach ((string name, ConfigNode? node, bool isOffUnsaid) in known)
        {
            Line(text, $"  {name}:");
            if (node is not null)
            {
                WriteTree(text, node, 4);
            }

            if (isOffUnsaid && node?.Child("enabled") is null)
            {
                // Suricata's default; ours is to look at every protocol there is.
                Line(text, "    enabled: no");
            }
        }
    }

    private static void WriteTree(StringBuilder text, ConfigNode node, int indent)
    {
        foreach (ConfigNode child in node.Children)
        {
            string start = new string(' ', indent) + (node.IsSequence ? "- " : $"{child.Name}:");
            if (child.Children.Count == 0 || node.IsSequence)
            {
                Line(text, $"{start}{(node.IsSequence ? "" : " ")}{Quote(child.Value ?? "")}");
                continue;
            }

            Line(text, start);
            WriteTree(text, child, indent + 2);
        }
    }

    private static string Quote(string value) => $"\"{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');
}
