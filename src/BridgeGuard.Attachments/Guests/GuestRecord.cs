using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Attachments.Guests;

/// <summary>Who says that a guest exists, in the order of trust for what two of them say differently.</summary>
public enum GuestSource : byte
{
    /// <summary>The <c>guests</c> list of the configuration.</summary>
    Configuration,

    /// <summary>A file of <c>vms.d</c>.</summary>
    VmFile,

    /// <summary>libvirt's status of a running domain.</summary>
    LibvirtRunning,

    /// <summary>libvirt's definition of a domain.</summary>
    Libvirt,

    /// <summary>Proxmox VE, virtual machine.</summary>
    ProxmoxVm,

    /// <summary>Proxmox VE, container.</summary>
    ProxmoxContainer,
}

/// <summary>One network interface of a guest as its hypervisor describes it. Immutable.</summary>
public sealed record GuestNic
{
    /// <summary>Low 48 bits; 0: unknown.</summary>
    public ulong Mac { get; init; }

    /// <summary>Names its bridge port has or may have; the first one is the usual one.</summary>
    public IReadOnlyList<string> Ports { get; init; } = [];

    public string Bridge { get; init; } = "";

    /// <summary>0: untagged.</summary>
    public ushort Vlan { get; init; }

    public IReadOnlyList<IpAddress> Addresses { get; init; } = [];

    /// <summary>Why its traffic passes no bridge port, so that nothing can inspect it; null when it does.</summary>
    public string? Uncovered { get; init; }
}

/// <summary>A guest as one source describes it. Immutable.</summary>
public sealed record GuestRecord
{
    public required string Name { get; init; }

    /// <summary>Lower case with hyphens; empty when the source has none.</summary>
    public string Uuid { get; init; } = "";

    public required GuestSource Source { get; init; }

    /// <summary>The file it was read from.</summary>
    public string File { get; init; } = "";

    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>As the source names it: <c>debian12</c>, <c>win11</c>, <c>l26</c>; empty when unknown.</summary>
    public string Os { get; init; } = "";

    public string Tenant { get; init; } = "";

    /// <summary>The role an operator wrote down; null: selectors decide.</summary>
    public string? Role { get; init; }

    public IReadOnlyList<GuestNic> Nics { get; init; } = [];
}

/// <summary>Something in a hypervisor's file that cannot be read; the rest of the file, or the other files, still count.</summary>
public sealed record GuestFileProblem(string File, int Line, int Column, string Message)
{
    public override string ToString() => $"{File}:{Line}:{Column}: {Message}";
}
