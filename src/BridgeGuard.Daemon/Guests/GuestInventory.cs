using BridgeGuard.Attachments.Guests;
using BridgeGuard.Daemon.Configuration;

namespace BridgeGuard.Daemon.Guests;

/// <summary>Everything that the sources say at one moment.</summary>
/// <param name="Guests">One per guest.</param>
/// <param name="Problems">Files or lines that could not be read.</param>
public sealed record GuestInventory(IReadOnlyList<MergedGuest> Guests, IReadOnlyList<GuestFileProblem> Problems)
{
    /// <summary>Reads all sources. Never throws for what files say.</summary>
    public static GuestInventory Read(GuestsModel model)
    {
        var problems = new List<GuestFileProblem>();
        List<GuestRecord> records = [.. model.Configured];
        if (model.VmFiles is { } vms)
        {
            records.AddRange(ReadVmFiles(vms, problems));
        }

        if (model.LibvirtRunning is { } running)
        {
            records.AddRange(LibvirtDomains.Read(running, isRunning: true, problems));
        }

        if (model.LibvirtHook is { } hook)
        {
            records.AddRange(LibvirtDomains.Read(hook, isRunning: true, problems));
        }

        if (model.Libvirt is { } libvirt)
        {
            records.AddRange(LibvirtDomains.Read(libvirt, isRunning: false, problems));
        }

        if (model.Proxmox is { } proxmox)
        {
            records.AddRange(ProxmoxGuests.Read(Path.Combine(proxmox, "qemu-server"), isContainer: false, problems));
            records.AddRange(ProxmoxGuests.Read(Path.Combine(proxmox, "lxc"), isContainer: true, problems));
        }

        return new GuestInventory(MergedGuest.Merge(records), problems);
    }

    /// <summary>Folders whose changes matter.</summary>
    public static IEnumerable<string> FoldersOf(GuestsModel model)
    {
        foreach (string? folder in (string?[])[model.VmFiles, model.LibvirtRunning, model.LibvirtHook, model.Libvirt])
        {
            if (folder is not null)
            {
                yield return folder;
            }
        }

        if (model.Proxmox is { } proxmox)
        {
            yield return Path.Combine(proxmox, "qemu-server");
            yield return Path.Combine(proxmox, "lxc");
        }
    }

    private static IEnumerable<GuestRecord> ReadVmFiles(string folder, List<GuestFileProblem> problems)
    {
        foreach (string file in GuestFiles.In(folder, "*.yaml"))
        {
            var diagnostics = new List<ConfigDiagnostic>();
            GuestRecord? guest = YamlSection.Load(file, diagnostics) is { } section ? GuestReader.Read(section, GuestSource.VmFile, roles: null) : null;
            problems.AddRange(diagnostics.Select(d => new GuestFileProblem(d.File, (int)d.Line, (int)d.Column, d.Message)));
            if (guest is not null && diagnostics.Count == 0)
            {
                yield return guest;
            }
        }
    }
}
