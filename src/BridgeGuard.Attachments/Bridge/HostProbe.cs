using System.Globalization;
using System.Runtime.InteropServices;
using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>How much a finding matters.</summary>
public enum HostFindingKind
{
    /// <summary>All is well.</summary>
    Ok,

    /// <summary>It works, but slower or with less.</summary>
    Note,

    /// <summary>Without it bridges cannot be inspected.</summary>
    Missing,

    /// <summary>Something that a crash left.</summary>
    Leftover,
}

/// <summary>One thing that was looked at.</summary>
/// <param name="Kind">How much it matters.</param>
/// <param name="What">What was looked at.</param>
/// <param name="Advice">What is wrong and what helps, one line; empty when all is well.</param>
public sealed record HostFinding(HostFindingKind Kind, string What, string Advice = "")
{
    public override string ToString() => Advice.Length == 0
        ? $"{Kind.ToString().ToLowerInvariant(),-8} {What}"
        : $"{Kind.ToString().ToLowerInvariant(),-8} {What}: {Advice}";
}

/// <summary>What this host offers to an inline bridge, asked of the kernel itself wherever that is possible, and what a crash has left on it.</summary>
/// <remarks>Touches no traffic. Looks at the network namespace of the calling thread.</remarks>
public static class HostProbe
{
    private const int CapabilityNetAdmin = 12;
    private const int CapabilityNetRaw = 13;
    private const int CapabilitySysAdmin = 21;
    private const int CapabilityBpf = 39;

    /// <summary>Everything, in the order in which an operator would mend it.</summary>
    /// <param name="pinFolder">Where links are pinned.</param>
    public static IReadOnlyList<HostFinding> Look(string pinFolder = BridgeOptions.DefaultPinFolder)
    {
        var findings = new List<HostFinding>();
        ulong capabilities = Capabilities();
        findings.Add(Of("privilege CAP_NET_ADMIN", Has(capabilities, CapabilityNetAdmin), "run as root, or give the service this capability"));
        findings.Add(Of(
            "privilege CAP_BPF", Has(capabilities, CapabilityBpf) || Has(capabilities, CapabilitySysAdmin), "run as root, or give the service this capability"));
        findings.Add(Of("privilege CAP_NET_RAW", Has(capabilities, CapabilityNetRaw), "passive capture (tap) needs it", HostFindingKind.Note));
        findings.Add(Of("/dev/net/tun", File.Exists("/dev/net/tun"), "load the kernel module: modprobe tun"));
        findings.Add(Programs());
        findings.Add(Attaching());
        findings.Add(Jit());
        findings.Add(Of(
            "bpffs at /sys/fs/bpf", PinStore.IsMounted("/sys/fs/bpf"),
            "ports that fail closed and upgrades without a gap need it: mount -t bpf bpf /sys/fs/bpf", HostFindingKind.Note));
        findings.Add(Of(
            "Landlock (Linux 5.13)", Landlock.Version > 0, "without it the data plane, if taken over, can change every file of the superuser", HostFindingKind.Note));
        findings.Add(Of("library libpcre2-8", CanLoad("libpcre2-8.so.0"), "install libpcre2-8-0; rules use the slower managed engine", HostFindingKind.Note));
        findings.Add(Of("library libpcap", CanLoad("libpcap.so.0.8"), "install libpcap0.8; captures and passive ports need it", HostFindingKind.Note));
        findings.Add(Of("library libmagic", CanLoad("libmagic.so.1"), "install libmagic1; types of files come from a short table", HostFindingKind.Note));
        findings.Add(Of("library libhs (Hyperscan or Vectorscan)", CanLoad("libhs.so.5"), "not needed: rules are searched by our own engine unless detect: engine asks for it", HostFindingKind.Note));
        AddPorts(findings);
        AddLeftovers(findings, pinFolder);
        return findings;
    }

    /// <summary>Removes what <see cref="Look"/> calls leftovers; a line for each thing.</summary>
    public static IReadOnlyList<string> Fix(string pinFolder = BridgeOptions.DefaultPinFolder)
    {
        List<string> removed = [.. BridgeAttachment.Cleanup(new BridgeOptions { Bridges = [], PinFolder = pinFolder })];
        int dead = PinStore.RemoveDead(pinFolder);
        if (dead > 0)
        {
            removed.Add($"{dead} pinned program links of devices that no longer exist, below {pinFolder}");
        }

        return removed;
    }

    private static void AddPorts(List<HostFinding> findings)
    {
        List<LinkRecord> links = [];
        if (PortWatcher.Snapshot(links) is { } error)
        {
            findings.Add(new HostFinding(HostFindingKind.Missing, "route netlink", error.Message));
            return;
        }

        LinkRecord[] bridges = [.. links.Where(link => link.Kind == "bridge")];
        if (bridges.Length == 0)
        {
            findings.Add(new HostFinding(HostFindingKind.Note, "bridges", "there is no Linux bridge in this network namespace"));
        }

        foreach (LinkRecord port in links.Where(link => bridges.Any(bridge => bridge.IfIndex == link.Master)))
        {
            // Each segment that arrives alone costs a system call of its own in the data plane; super-packets cost one for forty of them.
            if (Ethtool.IsOn(port.Name, Ethtool.GetGro) == false && Ethtool.IsOn(port.Name, Ethtool.GetGso) == false)
            {
                findings.Add(new HostFinding(
                    HostFindingKind.Note, $"offloads of {port.Name}", $"GSO and GRO are off, each segment is inspected by itself at several times the CPU: ethtool -K {port.Name} gso on gro on"));
            }

            if (port.Kind is "macvtap" or "macvlan" or "ipvlan")
            {
                findings.Add(new HostFinding(HostFindingKind.Note, $"port {port.Name}", $"traffic between {port.Kind} guests does not cross the bridge and is not inspected"));
            }
        }

        foreach (string device in SriovDevices())
        {
            findings.Add(new HostFinding(HostFindingKind.Note, $"SR-IOV on {device}", "guests that own a virtual function bypass every bridge and are not inspected"));
        }
    }

    private static void AddLeftovers(List<HostFinding> findings, string pinFolder)
    {
        List<LinkRecord> links = [];
        PortWatcher.Snapshot(links);
        bool isRunning = links.Exists(link => link.Name is BridgeOptions.DefaultPuntDevice or BridgeOptions.SecondPuntDevice);
        int pinned = PinStore.CountLeftovers(pinFolder, BridgeOptions.DefaultPuntDevice);
        if (pinned > 0 && !isRunning)
        {
            findings.Add(new HostFinding(
                HostFindingKind.Leftover, $"{pinned} pinned program links", "nobody inspects and ports that fail closed are closed: start the daemon, or bridgeguard doctor --fix"));
        }

        int dead = PinStore.CountDead(pinFolder);
        if (dead > 0)
        {
            findings.Add(new HostFinding(HostFindingKind.Leftover, $"{dead} pinned program links of devices that no longer exist", "harmless: bridgeguard doctor --fix removes them"));
        }
    }

    private static HostFinding Programs()
    {
        AttachmentError? error = KernelPrograms.TryLoad(1024, out KernelPrograms? programs);
        programs?.Dispose();
        return error is null
            ? new HostFinding(HostFindingKind.Ok, "the kernel takes the eBPF programs")
            : new HostFinding(HostFindingKind.Missing, "the kernel takes the eBPF programs", error.Message);
    }

    /// <summary>tcx is tried on a device of our own, which carries nothing.</summary>
    private static HostFinding Attaching()
    {
        const string What = "tcx (Linux 6.6)";
        const string Device = "bgdoctor0";
        AttachmentError? error = KernelPrograms.TryLoad(1024, out KernelPrograms? programs);
        PuntDevice? device = null;
        error ??= PuntDevice.TryCreate(Device, 1, queueLength: 16, out device);
        using (programs)
        using (device)
        {
            if (error is not null)
            {
                return new HostFinding(HostFindingKind.Missing, What, error.Message);
            }

            using FileDescriptor link = new(Bpf.CreateTcxLink(programs!.PuntProgram, device!.IfIndex, Bpf.AttachTcxIngress));
            return link.IsInvalid ? new HostFinding(HostFindingKind.Missing, What, PortAttacher.LinkFailure()) : new HostFinding(HostFindingKind.Ok, What);
        }
    }

    private static HostFinding Jit()
    {
        const string What = "the kernel compiles eBPF (JIT)";
        string path = "/proc/sys/net/core/bpf_jit_enable";
        return !File.Exists(path) || File.ReadAllText(path).Trim() != "0"
            ? new HostFinding(HostFindingKind.Ok, What)
            : new HostFinding(HostFindingKind.Note, What, "decided flows cost several times the CPU: sysctl net.core.bpf_jit_enable=1");
    }

    private static IEnumerable<string> SriovDevices() => !Directory.Exists("/sys/class/net")
        ? []
        : Directory.GetDirectories("/sys/class/net")
            .Where(device => File.Exists(device + "/device/sriov_numvfs") && File.ReadAllText(device + "/device/sriov_numvfs").Trim() != "0")
            .Select(device => Path.GetFileName(device));

    private static HostFinding Of(string what, bool isWell, string advice, HostFindingKind otherwise = HostFindingKind.Missing) =>
        isWell ? new HostFinding(HostFindingKind.Ok, what) : new HostFinding(otherwise, what, advice);

    private static bool Has(ulong capabilities, int capability) => (capabilities & (1ul << capability)) != 0;

    private static ulong Capabilities()
    {
        const string Line = "CapEff:";
        string? line = Array.Find(File.ReadAllLines("/proc/self/status"), line => line.StartsWith(Line, StringComparison.Ordinal));
        return line is not null && ulong.TryParse(line.AsSpan(Line.Length).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong set) ? set : 0;
    }

    private static bool CanLoad(string library)
    {
        bool isThere = NativeLibrary.TryLoad(library, out nint handle);
        if (isThere)
        {
            NativeLibrary.Free(handle);
        }

        return isThere;
    }
}
