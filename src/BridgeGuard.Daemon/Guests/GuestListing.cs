using System.Text.Json;
using BridgeGuard.Attachments.Guests;

namespace BridgeGuard.Daemon.Guests;

/// <summary>A line of <c>bridgeguard guests</c>.</summary>
/// <param name="Uncovered">Why (some of) its traffic is not inspected; empty when all of it is.</param>
public sealed record GuestLine(
    string Name, string Uuid, string Role, IReadOnlyList<string> Tags, string Os, string Tenant, string Bridge, ushort Vlan, string Port,
    IReadOnlyList<string> Macs, IReadOnlyList<string> Addresses, bool Quarantined, IReadOnlyList<string> Sources, IReadOnlyList<string> Uncovered)
{
    /// <summary>What it says of itself by LLDP; null when it says nothing.</summary>
    public Station? Station { get; init; }
}

/// <summary>All guests, and all ports that nobody can see, as people and programs read them.</summary>
/// <param name="Guests">By name.</param>
/// <param name="UnknownPorts">Ports of inspected bridges that belong to no known guest.</param>
/// <param name="Stations">What is behind those, by LLDP, where it says so.</param>
public sealed record GuestListing(IReadOnlyList<GuestLine> Guests, IReadOnlyList<string> UnknownPorts, IReadOnlyList<Station> Stations)
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>Joins the registry with the kernel's ports.</summary>
    public static GuestListing Of(GuestRegistry registry, IReadOnlyList<BridgePort> ports, IReadOnlyList<string> bridges, IReadOnlyList<Station> stations)
    {
        var lines = new List<GuestLine>();
        var taken = new HashSet<string>();
        for (ushort i = 1; i < registry.Current.All.Length; i++)
        {
            if (registry.Current.Get(i) is not { } guest || registry.Inventory.Guests.FirstOrDefault(g => g.Name == guest.Name && g.Uuid == guest.Uuid) is not { } merged)
            {
                continue;
            }

            BridgePort? port = ports.FirstOrDefault(p => registry.Current.FindByPortName(p.Name) == i);
            if (port is not null)
            {
                taken.Add(port.Name);
            }

            lines.Add(new GuestLine(
                guest.Name,
                guest.Uuid,
                registry.Policy.Roles[guest.Role].Name,
                guest.Tags,
                guest.Os,
                guest.Tenant,
                port?.Bridge ?? guest.Bridge,
                guest.Vlan,
                port?.Name ?? "",
                [.. guest.Macs.Select(GuestText.FormatMac)],
                [.. guest.Addresses.Concat(guest.LearnedAddresses).Select(a => a.ToString())],
                guest.IsQuarantined,
                [.. merged.Sources.Select(s => s.ToString())],
                [.. Uncovered(merged, port, bridges)])
            {
                Station = stations.FirstOrDefault(s => s.Guest == guest.Name && (port is null || s.Port == port.Name)),
            });
        }

        string[] unknown = [.. ports.Where(p => bridges.Contains(p.Bridge) && registry.Current.FindByPortName(p.Name) == 0).Select(p => p.Name)];
        return new GuestListing([.. lines.OrderBy(l => l.Name, StringComparer.Ordinal)], unknown, [.. stations.Where(s => unknown.Contains(s.Port))]);
    }

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    public void Print(TextWriter output)
    {
        string[][] rows =
        [
            ["NAME", "ROLE", "BRIDGE", "VLAN", "PORT", "MAC", "ADDRESSES", "TAGS", "OS"],
            .. Guests.Select(g => (string[])[
                g.Name, g.Role + (g.Quarantined ? " (quarantine)" : ""), Dash(g.Bridge), g.Vlan == 0 ? "-" : g.Vlan.ToString(System.Globalization.CultureInfo.InvariantCulture),
                Dash(g.Port), Dash(string.Join(",", g.Macs)), Dash(string.Join(",", g.Addresses)), Dash(string.Join(",", g.Tags)), Dash(g.Os)]),
        ];
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(c => rows.Max(r => r[c].Length))];
        foreach (string[] row in rows)
        {
            output.WriteLine(string.Join("  ", row.Select((cell, c) => cell.PadRight(widths[c]))).TrimEnd());
        }

        foreach (GuestLine guest in Guests.Where(g => g.Uncovered.Count > 0))
        {
            foreach (string why in guest.Uncovered)
            {
                output.WriteLine($"UNCOVERED  {guest.Name}: {why}");
            }
        }

        foreach (GuestLine guest in Guests.Where(g => g.Station is not null))
        {
            output.WriteLine($"lldp       {guest.Name}: {Say(guest.Station!)}");
        }

        foreach (string port in UnknownPorts)
        {
            output.WriteLine($"unknown    port {port}: no source names its guest, the default role applies");
            if (Stations.FirstOrDefault(s => s.Port == port) is { } station)
            {
                output.WriteLine($"lldp       port {port}: {Say(station)}");
            }
        }
    }

    private static string Say(Station station) =>
        $"says it is '{station.SystemName}', chassis {station.ChassisId}, port {station.PortId}{(station.Addresses.Count > 0 ? ", managed at " + string.Join(", ", station.Addresses) : "")}";

    private static string Dash(string text) => text.Length == 0 ? "-" : text;

    private static IEnumerable<string> Uncovered(MergedGuest guest, BridgePort? port, IReadOnlyList<string> bridges)
    {
        foreach (GuestNic nic in guest.Nics)
        {
            if (nic.Uncovered is { } why)
            {
                yield return why;
            }
            else if (bridges.Count > 0 && nic.Bridge.Length > 0 && port is null && !bridges.Contains(nic.Bridge))
            {
                yield return $"its bridge {nic.Bridge} is not inspected";
            }
        }
    }
}
