using BridgeGuard.Attachments.Guests;

namespace BridgeGuard.Daemon.Guests;

/// <summary>Where guests are looked for, and who gets which role. Immutable.</summary>
public sealed record GuestsModel
{
    /// <summary>Guests that the configuration lists itself.</summary>
    public IReadOnlyList<GuestRecord> Configured { get; init; } = [];

    /// <summary>Folders; null: this source is not used. A folder that is not there has no guests.</summary>
    public string? Libvirt { get; init; }

    public string? LibvirtRunning { get; init; }

    /// <summary>Where libvirt's hook leaves the XML of guests that start.</summary>
    public string? LibvirtHook { get; init; }

    /// <summary>Proxmox VE's folder, with <c>qemu-server</c> and <c>lxc</c> in it.</summary>
    public string? Proxmox { get; init; }

    public string? VmFiles { get; init; }

    /// <summary>All sources are read again after so long even when nothing told of a change (a folder may be made later; a network file system tells nothing).</summary>
    public int RescanSeconds { get; init; } = 10;

    /// <summary>Who gets which role when nobody wrote one down.</summary>
    public IReadOnlyList<RoleSelector> Selectors { get; init; } = [];

    /// <summary>Bridges that are inspected; a guest elsewhere is uncovered. Empty: not known.</summary>
    public IReadOnlyList<string> Bridges { get; init; } = [];
}
