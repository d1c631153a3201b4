using System.Globalization;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Daemon.Configuration;

/// <summary>Reads role files, guests and redirect targets into a <see cref="PolicyModel"/>; reports everything that does not fit together.</summary>
public sealed class PolicyLoader(List<ConfigDiagnostic> diagnostics)
{
    private const int MaxRoles = 255;

    private readonly List<RoleModel> _roles = [new RoleModel { Name = "default" }];
    private readonly List<GuestModel> _guests = [new GuestModel { Name = "" }];
    private readonly List<RedirectTarget> _targets = [];

    /// <summary>Reads the <c>targets</c> list.</summary>
    public void AddTargets(YamlSection root)
    {
        foreach (YamlSection section in root.Sections("targets"))
        {
            string name = section.RequiredText("name");
            IpAddress address = Address(section, "address", section.RequiredText("address"));
            ulong mac = section.Text("mac") is { } text ? Mac(section, "mac", text) : 0;
            int port = section.Integer("port", 0, 0, ushort.MaxValue);
            section.RejectUnknownKeys();
            if (_targets.Exists(t => t.Name == name))
            {
                section.Error("name", $"target '{name}' is there already, expected a name of its own");
            }

            _targets.Add(new RedirectTarget(name, address, mac, (ushort)port));
        }
    }

    /// <summary>Reads one role file; gives the role's name, null when the file cannot be read.</summary>
    public string? AddRole(string file)
    {
        if (YamlSection.Load(file, diagnostics) is not { } section)
        {
            return null;
        }

        string name = section.RequiredText("name");
        section.Text("description");
        var rules = new List<RoleRule>();
        foreach (YamlSection line in section.Sections("rules"))
        {
            ReadRuleLines(line, rules);
        }

        IpAddress? sinkhole = section.Text("sinkhole") is { } text ? Address(section, "sinkhole", text) : null;
        YamlSection? files = section.Section("files");
        var role = new RoleModel
        {
            Name = name,
            Rules = [.. rules],
            RedirectTarget = Target(section),
            Sinkhole = sinkhole,
            Files = files?.Choice("delivery", FileDelivery.Observe) ?? FileDelivery.Observe,
            FileHoldMs = files?.Integer("hold-ms", 5000, 1, 600_000) ?? 5000,
            FileStallMs = files?.Integer("stall-ms", 200, 1, 600_000) ?? 200,
            FileHoldAllBytes = files?.Size("hold-all-bytes", 64 << 10) ?? 64 << 10,
            AllowsPieces = files?.Bool("pieces", true) ?? true,
            BlockPage = files?.Bool("block-page", true) ?? true,
            FilesFailOpen = files?.Choice("fail", FailMode.Open) != FailMode.Closed,
        };
        files?.RejectUnknownKeys();
        section.RejectUnknownKeys();
        int same = _roles.FindIndex(r => r.Name == name);
        if (name == "default" && same == 0)
        {
            _roles[0] = role;
        }
        else if (same >= 0)
        {
            section.Error("name", $"role '{name}' is defined twice, expected one file for each role");
        }
        else if (_roles.Count >= MaxRoles)
        {
            section.Error("name", $"more than {MaxRoles} roles, expected fewer");
        }
        else
        {
            _roles.Add(role);
        }

        return name;
    }

    /// <summary>Reads the <c>guests</c> list; roles must have been read.</summary>
    public void AddGuests(YamlSection root)
    {
        var macs = new Dictionary<ulong, string>();
        foreach (YamlSection section in root.Sections("guests"))
        {
            string name = section.RequiredText("name");
            string roleName = section.RequiredText("role");
            int role = _roles.FindIndex(r => r.Name == roleName);
            if (role < 0 && roleName.Length > 0)
            {
                section.Error("role", $"role '{roleName}' does not exist, expected one of: {string.Join(", ", _roles.Select(r => r.Name))}");
            }

            ulong[] own = [.. section.Texts("macs").Select(t => Mac(section, "macs", t))];
            foreach (ulong mac in own)
            {
                if (!macs.TryAdd(mac, name))
                {
                    section.Error("macs", $"a MAC of '{name}' belongs to '{macs[mac]}' already, expected each MAC once");
                }
            }

            var guest = new GuestModel
            {
                Name = name,
                Role = (byte)Math.Max(role, 0),
                Macs = own,
                Addresses = [.. section.Texts("addresses").Select(t => Address(section, "addresses", t))],
                Ports = [.. section.Texts("ports")],
                Uuid = section.Text("uuid"),
            };
            if (guest.Macs.Length + guest.Addresses.Length + guest.Ports.Length == 0)
            {
                section.Error(null, $"guest '{name}' cannot be recognised, expected at least one of: ports, macs, addresses");
            }

            section.RejectUnknownKeys();
            _guests.Add(guest);
        }
    }

    /// <summary>The role's number; -1 when there is none of that name.</summary>
    public int FindRole(string name) => _roles.FindIndex(r => r.Name == name);

    public PolicyModel Build() => new([.. _roles], [.. _guests], [.. _targets]);

    /// <summary>Every end is of this role: a replay with <c>--role</c>.</summary>
    public PolicyModel BuildForReplay(string role)
    {
        int index = Math.Max(FindRole(role), 0);
        RoleModel[] roles = [.. _roles];
        roles[0] = roles[index];
        return new PolicyModel(roles, [.. _guests], [.. _targets]);
    }

    private void ReadRuleLines(YamlSection line, List<RoleRule> rules)
    {
        RoleAction action = line.Choice("action", RoleAction.AsRule);
        if (!line.Has("action"))
        {
            line.Error(null, "'action' is missing, expected one of: as-rule, off, alert, sinkhole, redirect, reject, drop");
        }

        string? file = line.Text("file");
        string? from = line.Text("from");
        string? key = null;
        string? value = null;
        if (line.Text("metadata") is { } metadata)
        {
            string[] parts = metadata.Split([' ', '='], 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            key = parts[0];
            value = parts.Length > 1 ? parts[1] : null;
        }

        IReadOnlyList<string> classtypes = line.Texts("classtype");
        IReadOnlyList<string> sids = line.Texts("sid");
        line.RejectUnknownKeys();
        foreach (string sid in sids)
        {
            if (uint.TryParse(sid, NumberStyles.None, CultureInfo.InvariantCulture, out uint number))
            {
                rules.Add(new RoleRule(null, file, key, value, number, from, action));
            }
            else
            {
                line.Error("sid", $"'{sid}' is no signature id, expected a number");
            }
        }

        foreach (string classtype in classtypes)
        {
            rules.Add(new RoleRule(classtype, file, key, value, 0, from, action));
        }

        if (sids.Count == 0 && classtypes.Count == 0)
        {
            rules.Add(new RoleRule(null, file, key, value, 0, from, action));
        }
    }

    private int Target(YamlSection section)
    {
        if (section.Text("redirect-to") is not { } name)
        {
            // Shipped roles name no target: the first one configured is the site's honeypot.
            return _targets.Count > 0 ? 0 : -1;
        }

        int index = _targets.FindIndex(t => t.Name == name);
        if (index < 0)
        {
            string known = _targets.Count == 0 ? "a target of the configuration's 'targets' list" : $"one of: {string.Join(", ", _targets.Select(t => t.Name))}";
            section.Error("redirect-to", $"target '{name}' does not exist, expected {known}");
        }

        return index;
    }

    private static IpAddress Address(YamlSection section, string key, string text)
    {
        if (IpAddress.TryParse(text, out IpAddress address))
        {
            return address;
        }

        if (text.Length > 0)
        {
            section.Error(key, $"'{text}' is no IP address, expected IPv4 or IPv6");
        }

        return default;
    }

    private static ulong Mac(YamlSection section, string key, string text)
    {
        string[] parts = text.Split(':', '-');
        ulong mac = 0;
        if (parts.Length == 6)
        {
            foreach (string part in parts)
            {
                if (!byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte octet))
                {
                    mac = 0;
                    break;
                }

                mac = (mac << 8) | octet;
            }
        }

        if (mac == 0)
        {
            section.Error(key, $"'{text}' is no MAC address, expected the form 52:54:00:12:34:56");
        }

        return mac;
    }
}
