using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Engine.Policy;

/// <summary>Roles, guests and targets as configured. Immutable; swapped as a whole.</summary>
/// <remarks>Index 0 of <see cref="Guests"/> is "nobody we know", index 0 of <see cref="Roles"/> the role of such ends.</remarks>
public sealed class PolicyModel
{
    public static readonly PolicyModel Empty = new([new RoleModel { Name = "default" }], [new GuestModel { Name = "" }], []);

    private readonly Dictionary<ulong, ushort> _byMac = [];
    private readonly Dictionary<IpAddress, ushort> _byAddress = [];

    public PolicyModel(RoleModel[] roles, GuestModel[] guests, RedirectTarget[] targets)
    {
        Roles = roles;
        Guests = guests;
        Targets = targets;
        for (int i = 1; i < guests.Length; i++)
        {
            foreach (ulong mac in guests[i].Macs)
            {
                _byMac.TryAdd(mac, (ushort)i);
            }

            foreach (IpAddress address in guests[i].Addresses)
            {
                _byAddress.TryAdd(address, (ushort)i);
            }
        }
    }

    public RoleModel[] Roles { get; }

    public GuestModel[] Guests { get; }

    public RedirectTarget[] Targets { get; }

    /// <summary>Ports to guests, set by the attachment side when ports come and go: index is the port id, 0: unknown. Replaced as a whole.</summary>
    public ushort[] GuestByPort { get; set; } = [];

    /// <summary>The guest behind a port name, by its patterns; 0 when none fits.</summary>
    public ushort FindByPortName(string portName)
    {
        for (int i = 1; i < Guests.Length; i++)
        {
            foreach (string pattern in Guests[i].Ports)
            {
                if (System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, portName, ignoreCase: false))
                {
                    return (ushort)i;
                }
            }
        }

        return 0;
    }

    /// <summary>Who is at one end of a packet: the port decides, then the MAC, then the address.</summary>
    /// <param name="portId">Port the frame came in by when this is its sender; else 0.</param>
    /// <param name="mac">Its Ethernet address; 0: unknown.</param>
    /// <param name="address">Its IP address.</param>
    public ushort FindGuest(ushort portId, ulong mac, IpAddress address)
    {
        ushort[] byPort = GuestByPort;
        if (portId != 0 && portId < byPort.Length && byPort[portId] != 0)
        {
            return byPort[portId];
        }

        if (mac != 0 && _byMac.TryGetValue(mac, out ushort guest))
        {
            return guest;
        }

        return _byAddress.TryGetValue(address, out guest) ? guest : (ushort)0;
    }
}
