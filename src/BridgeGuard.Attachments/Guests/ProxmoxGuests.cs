using System.Globalization;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Attachments.Guests;

/// <summary>Reads Proxmox VE's guest configurations: <c>/etc/pve/qemu-server/ID.conf</c> and <c>/etc/pve/lxc/ID.conf</c>.</summary>
/// <remarks>
/// Lines of <c>key: value</c>; sections in brackets are snapshots and pending changes, which are not what runs. A VM's interface N is the port
/// <c>tapIDiN</c>, a container's <c>vethIDiN</c>; with <c>firewall=1</c> Proxmox puts a bridge of its own between, and the port on the real bridge
/// is <c>fwprIDpN</c>.
/// </remarks>
public static class ProxmoxGuests
{
    private const long MaxFileBytes = 1 << 20;

    public static IEnumerable<GuestRecord> Read(string folder, bool isContainer, List<GuestFileProblem> problems)
    {
        foreach (string file in GuestFiles.In(folder, "*.conf"))
        {
            if (!uint.TryParse(Path.GetFileNameWithoutExtension(file), NumberStyles.None, CultureInfo.InvariantCulture, out uint id))
            {
                continue;
            }

            if (Parse(file, id, isContainer, problems) is { } guest)
            {
                yield return guest;
            }
        }
    }

    private static GuestRecord? Parse(string file, uint id, bool isContainer, List<GuestFileProblem> problems)
    {
        string[] lines;
        try
        {
            if (new FileInfo(file).Length > MaxFileBytes)
            {
                problems.Add(new GuestFileProblem(file, 1, 1, "too large for a guest's configuration, expected less than 1 MiB"));
                return null;
            }

            lines = File.ReadAllLines(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(new GuestFileProblem(file, 0, 0, $"cannot be read: {e.Message}"));
            return null;
        }

        return Parse(file, id, isContainer, lines, problems);
    }

    private static GuestRecord? Parse(string file, uint id, bool isContainer, string[] lines, List<GuestFileProblem> problems)
    {
        var values = new Dictionary<string, string>();
        var nics = new SortedDictionary<int, GuestNic>();
        var addresses = new Dictionary<int, List<IpAddress>>();
        for (int i = 0; i < lines.Length && !lines[i].StartsWith('['); i++)
        {
            int colon = lines[i].IndexOf(':');
            if (lines[i].Length == 0 || lines[i][0] == '#')
            {
                continue;
            }

            if (colon <= 0)
            {
                problems.Add(new GuestFileProblem(file, i + 1, 1, $"'{lines[i]}' is no option, expected 'key: value'"));
                continue;
            }

            string key = lines[i][..colon];
            string value = lines[i][(colon + 1)..].Trim();
            if (TryNumber(key, "net", out int nic))
            {
                nics[nic] = Nic(id, nic, isContainer, value, file, i + 1, colon + 3, problems);
            }
            else if (TryNumber(key, "ipconfig", out nic))
            {
                addresses[nic] = [.. Addresses(value)];
            }
            else if (TryNumber(key, "hostpci", out nic))
            {
                nics[1000 + nic] = new GuestNic { Uncovered = $"a PCI device ({value.Split(',')[0]}) is passed through to the guest; if it is a NIC, its frames never see the host" };
            }
            else
            {
                values[key] = value;
            }
        }

        if (values.GetValueOrDefault("template") == "1")
        {
            return null;
        }

        return new GuestRecord
        {
            Name = values.GetValueOrDefault(isContainer ? "hostname" : "name") is { Length: > 0 } name ? name : id.ToString(CultureInfo.InvariantCulture),
            Uuid = GuestText.Uuid(Option(values.GetValueOrDefault("smbios1", ""), "uuid")),
            Source = isContainer ? GuestSource.ProxmoxContainer : GuestSource.ProxmoxVm,
            File = file,
            Tags = [.. values.GetValueOrDefault("tags", "").Split([';', ',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)],
            Os = values.GetValueOrDefault("ostype", ""),
            Tenant = values.GetValueOrDefault("pool", ""),
            Nics = [.. nics.Select(n => addresses.TryGetValue(n.Key, out List<IpAddress>? own) ? n.Value with { Addresses = [.. n.Value.Addresses, .. own] } : n.Value)],
        };
    }

    private static GuestNic Nic(uint id, int number, bool isContainer, string value, string file, int line, int column, List<GuestFileProblem> problems)
    {
        ulong mac = 0;
        string bridge = "";
        ushort vlan = 0;
        bool hasFirewall = false;
        var addresses = new List<IpAddress>();
        foreach (string part in value.Split(',', StringSplitOptions.TrimEntries))
        {
            int equals = part.IndexOf('=');
            string key = equals < 0 ? part : part[..equals];
            string text = equals < 0 ? "" : part[(equals + 1)..];
            switch (key)
            {
                case "bridge":
                    bridge = text;
                    break;
                case "tag":
                    _ = ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out vlan);
                    break;
                case "firewall":
                    hasFirewall = text == "1";
                    break;
                case "ip" or "ip6" when GuestText.TryParseAddress(text, out IpAddress address):
                    addresses.Add(address);
                    break;

                // The model of a VM's card is the key of its address: virtio=BC:24:11:…
                case "hwaddr" or "macaddr" or "virtio" or "e1000" or "e1000e" or "vmxnet3" or "rtl8139":
                    if (!GuestText.TryParseMac(text, out mac))
                    {
                        problems.Add(new GuestFileProblem(file, line, column, $"'{text}' is no MAC address, expected the form BC:24:11:00:00:01"));
                    }

                    break;
            }
        }

        string own = isContainer ? $"veth{id}i{number}" : $"tap{id}i{number}";
        return new GuestNic
        {
            Mac = mac,
            Ports = hasFirewall ? [$"fwpr{id}p{number}", own] : [own, $"fwpr{id}p{number}"],
            Bridge = bridge,
            Vlan = vlan,
            Addresses = addresses,
            Uncovered = bridge.Length == 0 ? "it is on no bridge: user-mode networking, its connections are the host's own" : null,
        };
    }

    private static IEnumerable<IpAddress> Addresses(string value)
    {
        foreach (string key in (string[])["ip", "ip6"])
        {
            if (GuestText.TryParseAddress(Option(value, key), out IpAddress address))
            {
                yield return address;
            }
        }
    }

    private static string? Option(string value, string name) => value.Split(',', StringSplitOptions.TrimEntries)
        .Where(p => p.StartsWith(name + "=", StringComparison.Ordinal)).Select(p => p[(name.Length + 1)..]).FirstOrDefault();

    private static bool TryNumber(string key, string prefix, out int number)
    {
        number = 0;
        return key.StartsWith(prefix, StringComparison.Ordinal) && int.TryParse(key.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out number) && number < 64;
    }
}
