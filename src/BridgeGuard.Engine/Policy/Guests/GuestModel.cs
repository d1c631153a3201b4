using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy.Guests;

/// <summary>A guest as the data plane knows it: who it is, what it may use, which role it has. Immutable plain data.</summary>
public sealed record GuestModel
{
    public required string Name { get; init; }

    /// <summary>Index of its role in the policy of the same program.</summary>
    public byte Role { get; init; }

    /// <summary>Its Ethernet addresses as the hypervisor set them, low 48 bits.</summary>
    public ulong[] Macs { get; init; } = [];

    /// <summary>Addresses that the hypervisor or an operator gave it: the ones it may use where the L2 guard is strict.</summary>
    public IpAddress[] Addresses { get; init; } = [];

    /// <summary>Addresses that the wire has shown (DHCP, ARP, ND, its own packets); they may move to another guest.</summary>
    public IpAddress[] LearnedAddresses { get; init; } = [];

    /// <summary>Names of its bridge ports; <c>*</c> and <c>?</c> match.</summary>
    public string[] Ports { get; init; } = [];

    /// <summary>The hypervisor's identity, kept over renames; empty when there is none.</summary>
    public string Uuid { get; init; } = "";

    public string[] Tags { get; init; } = [];

    /// <summary>Operating system as the hypervisor names it; empty when unknown.</summary>
    public string Os { get; init; } = "";

    public string Tenant { get; init; } = "";

    public string Bridge { get; init; } = "";

    /// <summary>VLAN that its port is in; 0: untagged.</summary>
    public ushort Vlan { get; init; }

    /// <summary>An operator or a playbook has put it there: traffic is judged by the quarantine role until it is let out.</summary>
    public bool IsQuarantined { get; init; }

    /// <summary>It has this address, whether given or seen.</summary>
    public bool Owns(IpAddress address) => Array.IndexOf(Addresses, address) >= 0 || Array.IndexOf(LearnedAddresses, address) >= 0;
}
