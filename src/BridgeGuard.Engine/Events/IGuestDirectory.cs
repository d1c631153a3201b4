using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Events;

/// <summary>What events say of a guest. Immutable; the directory swaps whole tables.</summary>
/// <param name="Name">The hypervisor's name of the guest.</param>
/// <param name="Uuid">Its identity across renames; empty when unknown.</param>
/// <param name="Role">Name of its role; empty: the default role.</param>
/// <param name="Tenant">Owner; empty when unknown.</param>
/// <param name="Port">Name of the bridge port it is behind.</param>
/// <param name="Mac">Its address, the six bytes in the low 48 bits; 0 unknown.</param>
public sealed record GuestInfo(string Name, string Uuid, string Role, string Tenant, string Port, ulong Mac)
{
    public string[] Tags { get; init; } = [];

    /// <summary>Name of its bridge; empty when unknown.</summary>
    public string Bridge { get; init; } = "";

    /// <summary>0: untagged.</summary>
    public ushort Vlan { get; init; }
}

/// <summary>Looks guests up by the index that flows carry. Read by workers without locks; entries may be exchanged at any time.</summary>
public interface IGuestDirectory
{
    /// <summary>The guest, or null for 0 and for numbers not in use.</summary>
    GuestInfo? Get(ushort index);

    /// <summary>Who is at an end of a packet without a flow, by port (0: not its sender's), Ethernet and IP address; 0: nobody we know.</summary>
    ushort Find(ushort portId, ulong mac, IpAddress address);
}

/// <summary>No guests are known (replay without a policy).</summary>
public sealed class EmptyGuestDirectory : IGuestDirectory
{
    public static readonly EmptyGuestDirectory Instance = new();

    public GuestInfo? Get(ushort index) => null;

    public ushort Find(ushort portId, ulong mac, IpAddress address) => 0;
}
