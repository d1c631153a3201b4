using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Daemon.Configuration;

/// <summary>The <c>eve</c> section: which record types are written, and how. A type's options stand in a section of its name, with Suricata's names.</summary>
/// <remarks><c>eve: {types: [alert, tls, flow], tls: {custom: [sni, ja4]}, alert: {payload: yes}}</c>; a type that has options is written.</remarks>
internal static class EveReader
{
    /// <summary>What is written when the configuration names no type.</summary>
    private static readonly string[] DefaultTypes =
        ["alert", "anomaly", "drop", "http", "dns", "tls", "files", "smtp", "ftp", "ssh", "smb", "dhcp", "flow", "stats"];

    /// <summary>The records of a daemon that has no configuration file.</summary>
    public static EveSettings Default => Of([.. DefaultTypes.Select(TypeOf)]);

    public static EveSettings Read(YamlSection root)
    {
        if (root.Section("eve") is not { } section)
        {
            return Default;
        }

        var types = new List<EveTypeSettings>();
        foreach (string name in section.Texts("types"))
        {
            if (!EveTypeNames.All.Contains(name))
            {
                section.Error("types", $"'{name}' is no type of EVE records, {section.Hint(name, EveTypeNames.All)}");
            }
            else if (!types.Exists(type => type.Name == name))
            {
                types.Add(TypeOf(name));
            }
        }

        if (types.Count == 0)
        {
            types.AddRange(DefaultTypes.Select(TypeOf));
        }

        foreach (string name in EveTypeNames.All)
        {
            if (section.Has(name) && section.Section(name) is { } options)
            {
                var settings = new EveTypeSettings(name, new ProtocolSettings(options.Flatten()));
                int at = types.FindIndex(type => type.Name == name);
                if (at >= 0)
                {
                    types[at] = settings;
                }
                else
                {
                    types.Add(settings);
                }
            }
        }

        EveSettings eve = Of([.. types], section.Bool("community-id", true), (ushort)section.Integer("community-id-seed", 0, 0, ushort.MaxValue), section.Bool("ethernet", false));
        section.RejectUnknownKeys();
        return eve;
    }

    private static EveSettings Of(EveTypeSettings[] types, bool communityId = true, ushort seed = 0, bool ethernet = false) => new()
    {
        CommunityId = communityId,
        CommunityIdSeed = seed,
        Ethernet = ethernet,
        Types = types,
        HostName = Environment.MachineName,
        EventIds = true,
    };

    /// <summary>Records are written in their extended form, as Suricata's shipped configuration asks for.</summary>
    private static EveTypeSettings TypeOf(string name) =>
        new(name, name is "http" or "tls" or "dhcp" or "smtp" ? new ProtocolSettings(new Dictionary<string, string> { ["extended"] = "yes" }) : ProtocolSettings.Empty);
}
