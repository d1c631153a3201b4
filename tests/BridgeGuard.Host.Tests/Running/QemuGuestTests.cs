using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>A real guest: QEMU with virtio-net on a TAP of the bridge, Debian's kernel, and a root file system of busybox made here.</summary>
/// <remarks>
/// Needs qemu-system-x86, busybox-static and a Debian kernel: in the folder that BRIDGEGUARD_TEST_KERNEL names (laid out as /), where
/// packaging/install-deps.sh has unpacked one, or this host's own in /boot. Where there is no /dev/kvm it runs only when that variable is set: emulated guests
/// are slow.
/// </remarks>
public sealed class QemuGuestTests : IDisposable
{
    // A guest under KVM is up within two seconds; where KVM is there but cannot run this kernel (some nested hosts), emulation is tried, which takes five to twenty.
    private const int KvmBootMs = 10_000;
    private const int EmulatedBootMs = 40_000;
    private const int PageBytes = 300_000;

    // As in packaging/install-deps.sh.
    private const string InstalledKernel = "/var/cache/bridgeguard-test/kernel";

    // In the order in which they need each other; what a kernel has built in is left out.
    private static readonly string[] s_modules =
        ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "failover", "net_failover", "virtio_net"];

    private readonly BridgeLab _lab = new();
    private readonly TemporaryFolder _folder = new();
    private readonly StringBuilder _console = new();
    private readonly byte[] _page = RandomNumberGenerator.GetBytes(PageBytes);
    private readonly CancellationTokenSource _stop = new();
    private Process? _qemu;

    public void Dispose()
    {
        _stop.Cancel();
        if (_qemu is { HasExited: false })
        {
            _qemu.Kill();
            _qemu.WaitForExit();
        }

        _lab.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void ARealGuestDownloadsIsBlockedAndOutlivesTheDaemon()
    {
        (string kernel, string modules) = FindKernel();
        string disk = _folder.File("initrd");
        MakeDisk(modules, disk);
        using Socket listener = BridgeLab.Listen(_lab.B, 8000);
        new Thread(() => Serve(listener)) { IsBackground = true }.Start();
        BridgeLab.Ip($"-n {_lab.Host} tuntap add tq mode tap vnet_hdr");
        BridgeLab.Ip($"-n {_lab.Host} link set tq master br0 up");
        using RunningDaemon daemon = new(
            _lab, """drop http any any -> any any (msg:"exploit"; flow:established,to_server; http.uri; content:"/ev1l"; sid:1;)""");
        Assert.SkipUnless(Boot(kernel, disk), $"the guest did not boot in time, neither under KVM nor emulated: {Console}");
        string good = $"GOOD {Convert.ToHexStringLower(MD5.HashData(_page))}";
        Assert.True(Until(good, 2, 20_000), $"the guest cannot download: {Console}");
        Assert.True(Until("EVIL blocked", 2, 20_000), $"the guest is not blocked: {Console}");
        Assert.DoesNotContain("EVIL passed", Console, StringComparison.Ordinal);
        Assert.True(BridgeLab.Until(() => daemon.Records("alert").Count > 0));

        daemon.KillDaemon();
        int before = Count(good);
        Assert.True(Until(good, before + 3, 20_000), $"the guest's traffic did not survive: {Console}");
        Assert.True(Until("EVIL passed", 1, 20_000), "with the daemon dead and the port open nothing is blocked");
    }

    private string Console
    {
        get
        {
            lock (_console)
            {
                return _console.ToString();
            }
        }
    }

    private bool Until(string line, int times, int timeoutMs) => BridgeLab.Until(() => Count(line) >= times || _qemu!.HasExited, timeoutMs) && Count(line) >= times;

    private int Count(string line) => Console.Split('\n').Count(text => text.Trim().EndsWith(line, StringComparison.Ordinal));

    private static (string Kernel, string Modules) FindKernel()
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
                    return (kernel, modules);
                }
            }
        }

        Assert.Skip("needs a Debian kernel for the guest: packaging/install-deps.sh downloads and unpacks one where it can");
        return default;
    }

    private void MakeDisk(string modules, string file)
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
            if (Directory.EnumerateFiles(modules, name + ".ko*", SearchOption.AllDirectories).FirstOrDefault() is { } module)
            {
                disk.AddProgram($"mod/{name}.ko", Unpacked(module));
            }
        }

        disk.AddProgram("init", Encoding.ASCII.GetBytes($$"""
            #!/bin/busybox sh
            export PATH=/bin
            /bin/busybox --install -s /bin
            mount -t proc proc /proc
            mount -t sysfs sys /sys
            for m in {{string.Join(' ', s_modules)}}; do [ -e /mod/$m.ko ] && insmod /mod/$m.ko; done
            ip link set lo up
            ip addr add 10.77.0.9/24 dev eth0
            ip link set eth0 up
            ask() { printf "GET $1 HTTP/1.0\r\nHost: b\r\n\r\n" | timeout 5 nc -w 3 {{BridgeLab.AddressB}} 8000; }
            echo READY
            while true; do
              echo "GOOD $(ask /good | tail -c {{PageBytes}} | md5sum | cut -c1-32)"
              if ask /ev1l | grep -q 200; then echo "EVIL passed"; else echo "EVIL blocked"; fi
            done

            """));
        disk.Save(file);
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

    private bool Boot(string kernel, string disk)
    {
        if (File.Exists("/dev/kvm"))
        {
            StartGuest(kernel, disk, "kvm");
            if (Until("READY", 1, KvmBootMs))
            {
                return true;
            }

            _qemu!.Kill();
            _qemu.WaitForExit();
        }

        StartGuest(kernel, disk, "tcg");
        return Until("READY", 1, EmulatedBootMs);
    }

    private void StartGuest(string kernel, string disk, string accelerator)
    {
        string[] arguments =
        [
            $"--net=/run/netns/{_lab.Host}", "qemu-system-x86_64", "-machine", $"accel={accelerator}", "-m", "256", "-nodefaults", "-no-user-config", "-display", "none",
            "-serial", "stdio", "-no-reboot", "-kernel", kernel, "-initrd", disk, "-append", "console=ttyS0 quiet panic=-1 tsc=reliable",
            "-netdev", "tap,id=n,ifname=tq,script=no,downscript=no", "-device", "virtio-net-pci,netdev=n,romfile=,mac=02:77:00:00:00:09",
        ];
        _qemu = Process.Start(new ProcessStartInfo("nsenter", arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true })!;
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

    private void Serve(Socket listener)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using Socket client = listener.Accept();
                client.ReceiveTimeout = client.SendTimeout = 3000;
                byte[] request = new byte[4096];
                int got = client.Receive(request);
                byte[] body = request.AsSpan(0, got).IndexOf("/good"u8) >= 0 ? _page : "x"u8.ToArray();
                client.Send(Encoding.ASCII.GetBytes($"HTTP/1.0 200 OK\r\nContent-Length: {body.Length}\r\n\r\n"));
                client.Send(body);
            }
            catch (SocketException)
            {
                // A blocked request never ends; the next one comes.
            }
            catch (ObjectDisposedException)
            {
                return;
            }
        }
    }
}
