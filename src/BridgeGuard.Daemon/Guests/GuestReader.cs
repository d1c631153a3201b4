using System.Globalization;
using BridgeGuard.Attachments.Guests;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Daemon.Guests;

/// <summary>Reads a guest from YAML: an item of the configuration's <c>guests</c> list, or a file of <c>vms.d</c>; the same keys in both.</summary>
internal static class GuestReader
{
    /// <param name="section">The mapping.</param>
    /// <param name="source">Where it is from.</param>
    /// <param name="roles">Names a role may have; null: not checked here (a file may come before its role).</param>
    public static GuestRecord Read(YamlSection section, GuestSource source, IReadOnlyList<string>? roles)
    {
        string name = section.RequiredText("name");
        string? role = section.Text("role");
        if (role is not null && roles is not null && !roles.Contains(role))
        {
            section.Error("role", $"role '{role}' does not exist, {section.Hint(role, roles)}");
        }

        string? uuidText = section.Text("uuid");
        string uuid = GuestText.Uuid(uuidText);
        if (uuidText is not null && uuid.Length == 0)
        {
            section.Error("uuid", $"'{uuidText}' is no UUID, expected the form 6f1c7f6e-3a4e-4f58-9d0b-0f6a2f4d9c11");
        }

        List<ulong> macs = [.. section.Texts("macs").Select(t => Mac(section, "macs", t))];
        List<IpAddress> addresses = [.. section.Texts("addresses").Select(t => Address(section, "addresses", t))];
        IReadOnlyList<string> ports = section.Texts("ports");
        int vlan = section.Integer("vlan", 0, 0, 4094);
        string bridge = section.Text("bridge") ?? "";
        if (macs.Count + addresses.Count + ports.Count == 0)
        {
            section.Error(null, $"guest '{name}' cannot be recognised, expected at least one of: ports, macs, addresses");
        }

        var record = new GuestRecord
        {
            Name = name,
            Uuid = uuid,
            Source = source,
            File = section.File,
            Role = role,
            Tags = section.Texts("tags"),
            Os = section.Text("os") ?? "",
            Tenant = section.Text("tenant") ?? "",
            Nics =
            [
                new GuestNic { Mac = macs.Count > 0 ? macs[0] : 0, Ports = ports, Addresses = addresses, Bridge = bridge, Vlan = (ushort)vlan },
                .. macs.Skip(1).Select(m => new GuestNic { Mac = m, Bridge = bridge, Vlan = (ushort)vlan }),
            ],
        };
        section.RejectUnknownKeys();
        return record;
    }

    public static IpAddress Address(YamlSection section, string key, string text)
    {
        if (!IpAddress.TryParse(text, out IpAddress address) && text.Length > 0)
        {
            section.Error(key, $"'{text}' is no IP address, expected IPv4 or IPv6");
        }

        return address;
    }

    public static ulong Mac(YamlSection section, string key, string text)
    {
        if (!GuestText.TryParseMac(text, out ulong mac))
        {
            section.Error(key, $"'{text}' is no MAC address, expected the form 52:54:00:12:34:56");
        }

        return mac;
    }

    /// <summary>VLAN numbers and ranges (<c>20</c>, <c>100-199</c>).</summary>
    public static IEnumerable<(ushort First, ushort Last)> Vlans(YamlSection section, string key)
    {
        foreach (string text in section.Texts(key))
        {
            string[] ends = text.Split('-', 2, StringSplitOptions.TrimEntries);
            if (ushort.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out ushort first)
                && ushort.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out ushort last) && first >= 1 && last <= 4094 && first <= last)
            {
                yield return (first, last);
            }
            else
            {
                section.Error(key, $"'{text}' is no VLAN, expected a number from 1 to 4094 or a range such as 100-199");
            }
        }
    }
}
