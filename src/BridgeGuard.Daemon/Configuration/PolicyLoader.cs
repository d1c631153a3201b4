using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Guests;
using BridgeGuard.Daemon.Guests;
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
    private readonly List<(RoleSelector Selector, YamlSection Section)> _selectors = [];
    private readonly List<RedirectTarget> _targets = [];
    private readonly RoleReader _reader = new();
    private readonly HashSet<uint> _marks = [];
    private readonly Dictionary<string, FailChoice> _fails = [];

    /// <summary>By role name: what its guests' ports do when nobody inspects.</summary>
    public IReadOnlyDictionary<string, FailChoice> Fails => _fails;

    /// <summary>Reads the <c>targets</c> list.</summary>
    public void AddTargets(YamlSection root)
    {
        foreach (YamlSection section in root.Sections("targets"))
        {
            string name = section.RequiredText("name");
            string bridgePort = section.Text("bridge-port") ?? "";
            if (bridgePort.Length > 0 && new[] { "address", "mac", "port" }.FirstOrDefault(section.Has) is { } other)
            {
                section.Error(other, $"'{other}' stands beside 'bridge-port', expected the one or the other: a frame that leaves by a port goes as it is");
            }

            if (bridgePort.Length > 0 && root.Text("attach") == "nfqueue")
            {
                section.Error("bridge-port", "a packet of a queue cannot be sent out by another port, expected 'attach: bridge' or a target with an address");
            }

            IpAddress address = bridgePort.Length > 0 ? default : GuestReader.Address(section, "address", section.RequiredText("address"));
            ulong mac = section.Text("mac") is { } text ? GuestReader.Mac(section, "mac", text) : 0;
            int port = section.Integer("port", 0, 0, ushort.MaxValue);
            bool isInspected = section.Bool("inspect", true);
            section.RejectUnknownKeys();
            if (_targets.Exists(t => t.Name == name))
            {
                section.Error("name", $"target '{name}' is there already, expected a name of its own");
            }

            _targets.Add(new RedirectTarget(name, address, mac, (ushort)port) { BridgePort = bridgePort, IsInspected = isInspected });
        }
    }

    /// <summary>Reads one role file; gives the role's name, null when the file cannot be read.</summary>
    public string? AddRole(string file)
    {
        if (YamlSection.Load(file, diagnostics) is not { } section)
        {
            return null;
        }

        RoleModel role = _reader.Read(section, _targets);
        string name = role.Name;
        if (role.Mark != 0 && _marks.Add(role.Mark) && _marks.Count > BridgeOptions.MaxMarks)
        {
            section.Error("mark", $"more than {BridgeOptions.MaxMarks} different marks, expected fewer: a frame has no room to say which of them it gets");
        }

        ReadSelector(section, name);
        if (BridgeReader.ReadFail(section) is var fail && fail != FailChoice.Unset)
        {
            _fails[name] = fail;
        }

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

    /// <summary>Reads the <c>guests</c> list and <c>guest-sources</c>; roles must have been read.</summary>
    public GuestsModel ReadGuests(YamlSection root, string folder, IReadOnlyList<string> bridges)
    {
        string[] roles = [.. _roles.Select(r => r.Name)];
        var macs = new Dictionary<ulong, string>();
        var records = new List<GuestRecord>();
        foreach (YamlSection section in root.Sections("guests"))
        {
            GuestRecord record = GuestReader.Read(section, GuestSource.Configuration, roles);
            foreach (GuestNic nic in record.Nics)
            {
                if (nic.Mac != 0 && !macs.TryAdd(nic.Mac, record.Name))
                {
                    section.Error("macs", $"a MAC of '{record.Name}' belongs to '{macs[nic.Mac]}' already, expected each MAC once");
                }
            }

            if (records.Exists(r => r.Name == record.Name))
            {
                section.Error("name", $"guest '{record.Name}' is there already, expected a name of its own");
            }

            records.Add(record);
        }

        YamlSection? sources = root.Section("guest-sources");
        string? Folder(string key, string? otherwise)
        {
            string? path = sources is not null && sources.Has(key) ? sources.Text(key) : otherwise;
            return path is { Length: > 0 } and not "no" ? Path.GetFullPath(path, folder) : null;
        }

        var model = new GuestsModel
        {
            Configured = records,
            Libvirt = Folder("libvirt", "/etc/libvirt/qemu"),
            LibvirtRunning = Folder("libvirt-running", "/run/libvirt/qemu"),
            LibvirtHook = Folder("libvirt-hook", "/run/bridgeguard/libvirt"),
            Proxmox = Folder("proxmox", "/etc/pve"),
            VmFiles = Folder("vms", null),
            RescanSeconds = sources?.Integer("rescan-seconds", 10, 1, 3600) ?? 10,
            Selectors = [.. _selectors.Select(s => s.Selector)],
            Bridges = bridges,
        };
        sources?.RejectUnknownKeys();
        CheckSelectors(model);
        return model;
    }

    /// <summary>Two roles must not claim the same guest: neither by what they say, nor for a guest that is there.</summary>
    private void CheckSelectors(GuestsModel model)
    {
        for (int i = 0; i < _selectors.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (_selectors[i].Selector.Shares(_selectors[j].Selector) is { } shared)
                {
                    _selectors[i].Section.Error("select", $"{shared} is selected by role '{_selectors[j].Selector.Role}' ({_selectors[j].Selector.Place}) too, expected selectors that do not overlap");
                }
            }
        }

        foreach (MergedGuest guest in GuestInventory.Read(model).Guests)
        {
            IReadOnlyList<string> roles = GuestRegistry.RolesFor(guest, model.Selectors);
            if (roles.Count > 1)
            {
                (RoleSelector selector, YamlSection section) = _selectors.First(s => s.Selector.Role == roles[1]);
                section.Error("select", $"guest '{guest.Name}' fits role '{roles[0]}' and role '{selector.Role}', expected selectors that do not overlap");
            }
        }
    }

    /// <summary>The role's number; -1 when there is none of that name.</summary>
    public int FindRole(string name) => _roles.FindIndex(r => r.Name == name);

    public PolicyModel Build()
    {
        _reader.Resolve(_roles);
        return new PolicyModel([.. _roles], [.. _targets]);
    }

    /// <summary>Every end is of this role: a replay with <c>--role</c>.</summary>
    public PolicyModel BuildForReplay(string role)
    {
        _reader.Resolve(_roles);
        int index = Math.Max(FindRole(role), 0);
        RoleModel[] roles = [.. _roles];
        roles[0] = roles[index];
        return new PolicyModel(roles, [.. _targets]);
    }

    private void ReadSelector(YamlSection role, string name)
    {
        if (role.Section("select") is not { } section)
        {
            return;
        }

        var selector = new RoleSelector(name, role.PlaceOf("select"))
        {
            Guests = section.Texts("guests"),
            Names = section.Texts("names"),
            Tags = section.Texts("tags"),
            Os = section.Texts("os"),
            Vlans = [.. GuestReader.Vlans(section, "vlans")],
        };
        section.RejectUnknownKeys();
        _selectors.Add((selector, role));
    }
}
