using System.Diagnostics;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>A real guest: QEMU, Debian's kernel, and a root file system of busybox made here, whose init is a script that says on the console what it sees.</summary>
/// <remarks>
/// Needs qemu-system-x86, busybox-static and a Debian kernel: in the folder that BRIDGEGUARD_TEST_KERNEL names (laid out as /), where
/// packaging/install-deps.sh has unpacked one, or this host's own in /boot. Where there is no /dev/kvm it runs only when that variable is set: emulated guests
/// are slow.
/// </remarks>
internal sealed class QemuGuest : IDisposable
{
    // A guest under KVM is up within two seconds; where KVM is there but cannot run this kernel (some nested hosts), emulation is tried, which takes five to twenty.
    private const int KvmBootMs = 10_000;
    private const int EmulatedBootMs = 40_000;

    // As in packaging/install-deps.sh.
    private const string InstalledKernel = "/var/cache/bridgeguard-test/kernel";

    // In the order in which they need each other; what a kernel has built in is left out.
    private static readonly string[] s_modules =
        ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "failover", "net_failover", "virtio_net", "virtio_console"];

    private readonly StringBuilder _console = new();
    private readonly string _kernel;
    private readonly string _modules;
    private Process? _qemu;

    private QemuGuest(string kernel, string modules) => (_kernel, _modules) = (kernel, modules);

    /// <summary>Skips the test where something is missing.</summary>
    public static QemuGuest Find()
    {
        string? named = Environment.GetEnvironmentVariable("BRIDGEGUARD_TEST_KERNEL");
        Assert.SkipUnless(named is not null || File.Exists("/dev/kvm"), "needs /dev/kvm (or BRIDGEGUARD_TEST_KERNEL, for an emulated guest)");
        Assert.SkipUnless(File.Exists("/usr/bin/qemu-system-x86_64"), "needs qemu-system-x86_64 (Debian package qemu-system-x86)");
        Assert.SkipUnless(File.Exists("/bin/busybox") || File.Exists("/usr/bin/busybox"), "needs busybox (Debian package busybox-static)");
        foreach (string root in named is not null ? [named] : (string[])[InstalledKernel, "/"])
        {
            string boot = Path.Combine(root, "boot");
            foreach (string kernel in Directory.Exists(boot) ? Directory.GetFiles(boot, "vmlinuz-*") : [])
            {
                string version = Path.GetFileName(kernel)["vmlinuz-".Length..];
                string[] folders = [Path.Combine(root, "usr/lib/modules", version), Path.Combine(root, "lib/modules", version)];
                if (Array.Find(folders, folder => Directory.Exists(folder) && Directory.EnumerateFiles(folder, "virtio_net.ko*", SearchOption.AllDirectories).Any()) is { } modules)
                {
                    return new QemuGuest(kernel, modules);
                }
            }
        }

        Assert.Skip("needs a Debian kernel for the guest: packaging/install-deps.sh downloads and unpacks one where it can");
        return null;
    }

    public string Console
    {
        get
        {
            lock (_console)
            {
                return _console.ToString();
            }
        }
    }

    /// <summary>Its root file system, with an init that has loaded the modules when it comes to the script.</summary>
    public InitialRamdisk MakeDisk(string script)
    {
        string busybox = File.Exists("/bin/busybox") ? "/bin/busybox" : "/usr/bin/busybox";
        InitialRamdisk disk = new();
        foreach (string folder in (string[])["bin", "dev", "proc", "sys", "mod", "tmp"])
        {
            disk.AddDirectory(folder);
        }

        disk.AddDevice("dev/console", 5, 1).AddDevice("dev/null", 1, 3).AddProgram("bin/busybox", File.ReadAllBytes(busybox));
        foreach (string name in s_modules)
        {
            if (Directory.EnumerateFiles(_modules, name + ".ko*", SearchOption.AllDirectories).FirstOrDefault() is { } module)
            {
                disk.AddProgram($"mod/{name}.ko", Unpacked(module));
            }
        }

        disk.AddProgram("init", Encoding.ASCII.GetBytes($"""
            #!/bin/busybox sh
            export PATH=/bin
            /bin/busybox --install -s /bin
            mount -t proc proc /proc
            mount -t sysfs sys /sys
            mount -t devtmpfs dev /dev
            for m in {string.Join(' ', s_modules)}; do [ -e /mod/$m.ko ] && insmod /mod/$m.ko; done
            {script}

            """.ReplaceLineEndings("\n")));
        return disk;
    }

    /// <summary>Starts it and waits for READY on its console; skips the test when it does not come up.</summary>
    /// <param name="disk">File of its root file system.</param>
    /// <param name="memoryMb">Its memory.</param>
    /// <param name="space">The network namespace that it is run in; null for the one we are in.</param>
    /// <param name="devices">Further arguments for QEMU.</param>
    public void Boot(string disk, int memoryMb, string? space, params string[] devices)
    {
        if (File.Exists("/dev/kvm"))
        {
            Start(disk, memoryMb, space, "kvm", devices);
            if (Until("READY", 1, KvmBootMs))
            {
                return;
            }

            End();
        }

        Start(disk, memoryMb, space, "tcg", devices);
        Assert.SkipUnless(Until("READY", 1, EmulatedBootMs), $"the guest did not boot in time, neither under KVM nor emulated: {Console}");
    }

    /// <summary>Waits until a line that ends so was said so many times.</summary>
    public bool Until(string line, int times, int timeoutMs) => BridgeLab.Until(() => Count(line) >= times || _qemu!.HasExited, timeoutMs) && Count(line) >= times;

    public int Count(string line) => Console.Split('\n').Count(text => text.Trim().EndsWith(line, StringComparison.Ordinal));

    /// <summary>A line for its console, which the script may read.</summary>
    public void Say(string line) => _qemu!.StandardInput.WriteLine(line);

    public void Dispose() => End();

    private void End()
    {
        if (_qemu is { HasExited: false })
        {
            _qemu.Kill();
            _qemu.WaitForExit();
        }
    }

    private static byte[] Unpacked(string module)
    {
        if (!module.EndsWith(".xz", StringComparison.Ordinal))
        {
            return File.ReadAllBytes(module);
        }

        using Process xz = Process.Start(new ProcessStartInfo("xz", ["-dc", module]) { RedirectStandardOutput = true })!;
        using MemoryStream bytes = new();
        xz.StandardOutput.BaseStream.CopyTo(bytes);
        return bytes.ToArray();
    }

    private void Start(string disk, int memoryMb, string? space, string accelerator, string[] devices)
    {
        string[] arguments =
        [
            "-machine", $"accel={accelerator}", "-m", memoryMb.ToString(System.Globalization.CultureInfo.InvariantCulture), "-nodefaults", "-no-user-config", "-display", "none",
            "-serial", "stdio", "-no-reboot", "-kernel", _kernel, "-initrd", disk, "-append", "console=ttyS0 quiet panic=-1 tsc=reliable", .. devices,
        ];
        ProcessStartInfo start = space is null
            ? new ProcessStartInfo("qemu-system-x86_64", arguments)
            : new ProcessStartInfo("nsenter", [$"--net=/run/netns/{space}", "qemu-system-x86_64", .. arguments]);
        start.RedirectStandardOutput = start.RedirectStandardError = start.RedirectStandardInput = true;
        _qemu = Process.Start(start)!;
        _qemu.OutputDataReceived += (_, line) => Take(line.Data);
        _qemu.ErrorDataReceived += (_, line) => Take(line.Data);
        _qemu.BeginOutputReadLine();
        _qemu.BeginErrorReadLine();
    }

    private void Take(string? line)
    {
        lock (_console)
        {
            _console.Append(line).Append('\n');
        }
    }
}
