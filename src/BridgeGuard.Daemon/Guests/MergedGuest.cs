using BridgeGuard.Attachments.Guests;

namespace BridgeGuard.Daemon.Guests;

/// <summary>One guest, of all that its sources say. Immutable.</summary>
/// <param name="Key">Its identity: the UUID, or the name where no source has one.</param>
/// <param name="Name">As the most trusted source calls it.</param>
public sealed record MergedGuest(string Key, string Name)
{
    public string Uuid { get; init; } = "";

    public IReadOnlyList<string> Tags { get; init; } = [];

    public string Os { get; init; } = "";

    public string Tenant { get; init; } = "";

    /// <summary>The role that was written down for it; null: selectors decide.</summary>
    public string? Role { get; init; }

    public IReadOnlyList<GuestNic> Nics { get; init; } = [];

    public IReadOnlyList<GuestSource> Sources { get; init; } = [];

    /// <summary>The files it was read from.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>Makes guests of records: those of one UUID, one name or one Ethernet address are the same guest; earlier sources go before later ones.</summary>
    public static IReadOnlyList<MergedGuest> Merge(IEnumerable<GuestRecord> records)
    {
        var guests = new List<MergedGuest>();
        foreach (GuestRecord record in records.OrderBy(r => r.Source))
        {
            int known = guests.FindIndex(g => IsSame(g, record));
            if (known < 0)
            {
                guests.Add(Of(record));
            }
            else
            {
                guests[known] = guests[known].With(record);
            }
        }

        return guests;
    }

    private static bool IsSame(MergedGuest guest, GuestRecord record)
    {
        if (guest.Uuid.Length > 0 && record.Uuid.Length > 0)
        {
            return guest.Uuid == record.Uuid;
        }

        return guest.Name == record.Name || guest.Nics.Any(n => n.Mac != 0 && record.Nics.Any(o => o.Mac == n.Mac));
    }

    private static MergedGuest Of(GuestRecord record) => new(record.Uuid.Length > 0 ? record.Uuid : record.Name, record.Name)
    {
        Uuid = record.Uuid,
        Tags = record.Tags,
        Os = record.Os,
        Tenant = record.Tenant,
        Role = record.Role,
        Nics = record.Nics,
        Sources = [record.Source],
        Files = [record.File],
    };

    private MergedGuest With(GuestRecord record) => this with
    {
        Key = Uuid.Length > 0 ? Key : record.Uuid.Length > 0 ? record.Uuid : Key,
        Uuid = Uuid.Length > 0 ? Uuid : record.Uuid,
        Tags = [.. Tags.Concat(record.Tags).Distinct(StringComparer.OrdinalIgnoreCase)],
        Os = Os.Length > 0 ? Os : record.Os,
        Tenant = Tenant.Length > 0 ? Tenant : record.Tenant,
        Role = Role ?? record.Role,
        Nics = Join(Nics, record.Nics),
        Sources = [.. Sources, record.Source],
        Files = [.. Files, record.File],
    };

    private static List<GuestNic> Join(IReadOnlyList<GuestNic> first, IReadOnlyList<GuestNic> second)
    {
        List<GuestNic> nics = [.. first];
        foreach (GuestNic nic in second)
        {
            int same = nic.Mac == 0 ? -1 : nics.FindIndex(n => n.Mac == nic.Mac);
            if (same < 0)
            {
                nics.Add(nic);
                continue;
            }

            GuestNic known = nics[same];
            nics[same] = known with
            {
                Ports = [.. known.Ports.Concat(nic.Ports).Distinct()],
                Bridge = known.Bridge.Length > 0 ? known.Bridge : nic.Bridge,
                Vlan = known.Vlan != 0 ? known.Vlan : nic.Vlan,
                Addresses = [.. known.Addresses.Concat(nic.Addresses).Distinct()],
                Uncovered = known.Uncovered ?? nic.Uncovered,
            };
        }

        return nics;
    }
}
