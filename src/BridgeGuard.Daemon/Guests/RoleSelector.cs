using System.IO.Enumeration;

namespace BridgeGuard.Daemon.Guests;

/// <summary>Which guests a role is for. A guest fits when it fits any line; a named guest goes before all patterns.</summary>
/// <param name="Role">Name of the role.</param>
/// <param name="Place">Where it was written, as <c>file:line:column</c>.</param>
public sealed record RoleSelector(string Role, string Place)
{
    /// <summary>Names or UUIDs, exactly.</summary>
    public IReadOnlyList<string> Guests { get; init; } = [];

    /// <summary>Patterns with <c>*</c> and <c>?</c>, without regard to case.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Patterns for the operating system as the hypervisor names it.</summary>
    public IReadOnlyList<string> Os { get; init; } = [];

    public IReadOnlyList<(ushort First, ushort Last)> Vlans { get; init; } = [];

    /// <summary>The guest is named one by one.</summary>
    public bool IsExplicit(string name, string uuid) => Guests.Contains(name, StringComparer.OrdinalIgnoreCase) || (uuid.Length > 0 && Guests.Contains(uuid, StringComparer.OrdinalIgnoreCase));

    /// <summary>A pattern, tag, system or VLAN fits.</summary>
    public bool Fits(MergedGuest guest) =>
        Names.Any(p => FileSystemName.MatchesSimpleExpression(p, guest.Name))
        || Tags.Any(t => guest.Tags.Contains(t, StringComparer.OrdinalIgnoreCase))
        || (guest.Os.Length > 0 && Os.Any(p => FileSystemName.MatchesSimpleExpression(p, guest.Os)))
        || Vlans.Any(v => guest.Nics.Any(n => n.Vlan != 0 && n.Vlan >= v.First && n.Vlan <= v.Last));

    /// <summary>What two selectors both claim, whatever guests there are: a tag, a name or a VLAN; null when nothing.</summary>
    public string? Shares(RoleSelector other)
    {
        foreach (string tag in Tags)
        {
            if (other.Tags.Contains(tag, StringComparer.OrdinalIgnoreCase))
            {
                return $"tag '{tag}'";
            }
        }

        foreach (string guest in Guests)
        {
            if (other.Guests.Contains(guest, StringComparer.OrdinalIgnoreCase))
            {
                return $"guest '{guest}'";
            }
        }

        foreach (string name in Names)
        {
            if (other.Names.Any(o => Overlap(name, o)))
            {
                return $"names '{name}'";
            }
        }

        foreach (string os in Os)
        {
            if (other.Os.Any(o => Overlap(os, o)))
            {
                return $"os '{os}'";
            }
        }

        foreach ((ushort first, ushort last) in Vlans)
        {
            foreach ((ushort otherFirst, ushort otherLast) in other.Vlans)
            {
                if (first <= otherLast && otherFirst <= last)
                {
                    return $"VLAN {Math.Max(first, otherFirst)}";
                }
            }
        }

        return null;
    }

    /// <summary>One is the other or is matched by it; two open patterns may still meet in some name, which then shows with that guest.</summary>
    private static bool Overlap(string first, string second) =>
        FileSystemName.MatchesSimpleExpression(first, second) || FileSystemName.MatchesSimpleExpression(second, first);
}
