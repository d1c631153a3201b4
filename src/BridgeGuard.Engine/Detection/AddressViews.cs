using BridgeGuard.Engine.Detection.Image;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Engine.Detection;

/// <summary>The address expressions of a rule set, seen with several meanings of HOME_NET: one rule set serves every guest with a home of its own.</summary>
/// <remarks>
/// View 0 is as configured. View 1 is that of an outsider: in no HOME_NET. Then two for each distinct list of server groups: the guest as home, and
/// the guest as home and outsider at once, for traffic between two guests, where each is outside for the other. A class number carries its
/// view in the upper half. Immutable; shared by workers; no allocation.
/// </remarks>
internal sealed class AddressViews(AddressClassifier[] views)
{
    /// <summary>Views of a set; an image that claims more is not one.</summary>
    private const int MaxViews = 2 + (2 * 256);

    /// <summary>The view of an end that is in nobody's HOME_NET.</summary>
    public const ushort Outsider = 1;

    private const ushort FirstOfRoles = 2;

    public AddressViews(ImageReader image)
        : this(Read(image))
    {
    }

    public int Count => views.Length;

    public void Write(ImageWriter image)
    {
        image.Int(views.Length);
        foreach (AddressClassifier view in views)
        {
            view.Write(image);
        }
    }

    /// <summary>The class of an address as configured.</summary>
    public int Classify(IpAddress address, byte ipVersion) => views[0].Classify(address, ipVersion);

    /// <summary>The class of an address in a view; a view that the set was not compiled with is the configured one.</summary>
    public int Classify(ushort view, IpAddress address, byte ipVersion) =>
        view < views.Length ? (view << 16) | views[view].Classify(address, ipVersion) : views[0].Classify(address, ipVersion);

    /// <summary>Whether addresses of a class are in an expression.</summary>
    public bool Contains(int addressClass, int expression) => views[addressClass >> 16].Contains(addressClass & 0xffff, expression);

    /// <summary>The views of a flow's ends from those of their roles (0: the configured one, or no guest).</summary>
    public static (ushort Client, ushort Server) Pair(ushort client, ushort server) => (client, server) switch
    {
        (0, 0) => (0, 0),
        (_, 0) => (client, Outsider),
        (0, _) => (Outsider, server),
        _ => ((ushort)(client + 1), (ushort)(server + 1)),
    };

    /// <summary>The view of each role, by index; 0 where home is as configured.</summary>
    public static ushort[] OfRoles(RoleModel[] roles)
    {
        var views = new ushort[roles.Length];
        List<string[]> groups = GroupsOf(roles);
        for (int i = 0; i < roles.Length; i++)
        {
            if (roles[i].HomeIsGuest)
            {
                views[i] = (ushort)(FirstOfRoles + (2 * groups.FindIndex(g => AreEqual(g, roles[i].ServerGroups))));
            }
        }

        return views;
    }

    /// <summary>The distinct lists of server groups of roles whose home is the guest, in the order of their views.</summary>
    public static List<string[]> GroupsOf(RoleModel[] roles)
    {
        var groups = new List<string[]>();
        foreach (RoleModel role in roles)
        {
            if (role.HomeIsGuest && !groups.Exists(g => AreEqual(g, role.ServerGroups)))
            {
                groups.Add(role.ServerGroups);
            }
        }

        return groups;
    }

    private static AddressClassifier[] Read(ImageReader image)
    {
        var read = new AddressClassifier[Math.Clamp(image.Int(), 1, MaxViews)];
        for (int i = 0; i < read.Length; i++)
        {
            read[i] = new AddressClassifier(image);
        }

        return read;
    }

    private static bool AreEqual(string[] first, string[] second) => first.AsSpan().SequenceEqual(second);
}
