using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.DhcpV6;

/// <summary>What rules may look at. The names are ours, in the style of Suricata's for DHCP.</summary>
internal static class DhcpV6Buffers
{
    private const int HostName = 0;
    private const int ClientId = 1;
    private const int ServerId = 2;
    private const int VendorClass = 3;

    private const int MessageType = 0;
    private const int LeaseTime = 1;
    private const int RenewalTime = 2;
    private const int RebindingTime = 3;

    public static readonly BufferDescriptor[] All =
    [
        Buffer("dhcpv6.hostname", HostName, "the client's name with its dots"),
        Buffer("dhcpv6.client_id", ClientId, "the client's identifier (DUID)"),
        Buffer("dhcpv6.server_id", ServerId, "the server's identifier (DUID)"),
        Buffer("dhcpv6.vendor_class", VendorClass, "the vendor class's data"),
    ];

    public static readonly FieldDescriptor[] Fields =
    [
        Field("dhcpv6.type", MessageType, "the message's type"),
        Field("dhcpv6.leasetime", LeaseTime, "seconds for which the first address or prefix is valid"),
        Field("dhcpv6.renewal_time", RenewalTime, "seconds until the client asks its server (T1)"),
        Field("dhcpv6.rebinding_time", RebindingTime, "seconds until the client asks any server (T2)"),
    ];

    public static bool TryGet(DhcpV6Transaction dhcp, int buffer, Direction direction, int index, out BufferView view)
    {
        Slice value = buffer switch
        {
            HostName => dhcp.HostName,
            ClientId => dhcp.ClientId,
            ServerId => dhcp.ServerId,
            _ => dhcp.VendorClass,
        };
        bool exists = index == 0 && value.Exists && dhcp.ExistsIn(direction);
        view = exists ? new BufferView(dhcp.Bytes[value]) : default;
        return exists;
    }

    public static bool TryGet(DhcpV6Transaction dhcp, int field, Direction direction, int index, out ulong value)
    {
        long found = field switch
        {
            MessageType => dhcp.MessageType,
            LeaseTime => dhcp.LeaseCount > 0 ? dhcp.Lease(0).Valid : -1,
            RenewalTime => dhcp.RenewalTime,
            _ => dhcp.RebindingTime,
        };
        bool exists = index == 0 && found >= 0 && dhcp.ExistsIn(direction);
        value = exists ? (ulong)found : 0;
        return exists;
    }

    private static BufferDescriptor Buffer(string name, int id, string help) =>
        new() { Name = name, LocalId = id, Directions = DirectionMask.Both, ProgressToServer = 1, ProgressToClient = 1, Help = help };

    private static FieldDescriptor Field(string name, int id, string help) =>
        new() { Name = name, LocalId = id, Directions = DirectionMask.Both, ProgressToServer = 1, ProgressToClient = 1, Bits = 64, Help = help };
}
