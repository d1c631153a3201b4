using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Running;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Outputs;
using BridgeGuard.Scanning.GuestApi;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Agent;

/// <summary>The agent as guests get it, compiled ahead of time, in a virtual machine without any network: it asks over a virtio-serial port that QEMU joins to the guest's socket.</summary>
public sealed class AgentInVirtualMachineTests : IAsyncDisposable
{
    private const int BootMs = 90_000;

    private static readonly string[] Modules =
        ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_console"];

    private readonly TemporaryFolder _folder = new();
    private readonly StubScanner _scanner = new();
    private readonly AnswerSigner _signer = AnswerSigner.Create();
    private readonly SharedEventSink _events = new();
    private readonly StringBuilder _console = new();
    private readonly FileVerdictCache _cache;
    private readonly ScanService _scans;
    private Process? _machine;

    public AgentInVirtualMachineTests()
    {
        _cache = new FileVerdictCache(new CacheOptions { Path = _folder.File("cache.db") });
        _scans = new ScanService(_cache, [_scanner]);
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

    public async ValueTask DisposeAsync()
    {
        if (_machine is { HasExited: false } machine)
        {
            machine.Kill();
            await machine.WaitForExitAsync();
        }

        await _scans.DisposeAsync();
        await _cache.DisposeAsync();
        _signer.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task FilesAreAskedAboutAndDeniedOverVirtioSerial()
    {
        string agent = Environment.GetEnvironmentVariable("BG_NATIVE_AGENT") ?? Path.Combine(Repository(), ".artifacts/publish-agent");
        Assert.SkipUnless(File.Exists(Path.Combine(agent, "libsodium.so")), "needs the agent compiled ahead of time (packaging/build-agent.sh)");
        (string kernel, string modules) = QemuGuestTests.FindKernel();
        Assert.SkipUnless(Directory.EnumerateFiles(modules, "virtio_console.ko*", SearchOption.AllDirectories).Any(), "the guest's kernel has no virtio_console");
        string socket = _folder.File("web.http.sock");
        await using var api = new GuestApiServer(
            _scans, new GuestApiOptions { Http = [new UnixDomainSocketEndPoint(socket)] }, end => Path.GetFileName(end!.ToString()!) == "web.http.sock" ? new GuestIdentity(1, "web") : null, _signer);
        using var hits = new GuestHitReporter(api, _events, ledger: hash => _cache.FindExposures(hash));
        await _scans.StartAsync(TestContext.Current.CancellationToken);
        await api.StartAsync(TestContext.Current.CancellationToken);
        string disk = _folder.File("initrd");
        MakeDisk(modules, agent, disk);
        Start(kernel, disk, socket, File.Exists("/dev/kvm") ? "kvm" : "tcg");
        if (!BridgeLab.Until(() => Console.Contains("UP", StringComparison.Ordinal) || _machine!.HasExited, 15_000) || !Console.Contains("UP", StringComparison.Ordinal))
        {
            _machine!.Kill(); // A KVM that is there and cannot run this kernel (some nested hosts).
            await _machine.WaitForExitAsync(TestContext.Current.CancellationToken);
            Start(kernel, disk, socket, "tcg");
        }

        Assert.True(BridgeLab.Until(() => Console.Contains("DONE", StringComparison.Ordinal) || _machine!.HasExited, BootMs), Console);
        Assert.Contains("GOOD OPENED", Console, StringComparison.Ordinal);
        Assert.True(Console.Contains("BAD DENIED", StringComparison.Ordinal), Console);
        Assert.Contains("PROGRAM DENIED", Console, StringComparison.Ordinal);
        Assert.DoesNotContain("it ran", Console, StringComparison.Ordinal);
        Assert.Equal(3, _scanner.Scans);
        await _cache.FlushAsync(TestContext.Current.CancellationToken);
        Assert.Contains(_cache.FindExposures(StubScanner.KeyOf(Encoding.ASCII.GetBytes(StubScanner.Marker + "\n")).Hash), line => line.Guest == "web");
        Assert.Contains(Hits(), hit => hit.GetProperty("fileinfo").GetProperty("filename").GetString() == "/files/bad.txt");
    }

    private List<JsonElement> Hits()
    {
        var records = new List<JsonElement>();
        BridgeLab.Until(() => _events.Ring.TryPeek(out _, out _));
        while (_events.Ring.TryPeek(out _, out ReadOnlySpan<byte> json))
        {
            records.Add(JsonDocument.Parse(json.ToArray()).RootElement);
            _events.Ring.Advance();
        }

        return [.. records.Where(record => record.TryGetProperty("fileinfo", out JsonElement file) && file.TryGetProperty("filename", out _))];
    }

    private void MakeDisk(string modules, string agent, string file)
    {
        InitialRamdisk disk = new();
        foreach (string folder in (string[])["bin", "dev", "proc", "sys", "mod", "tmp", "files", "agent", "lib64", "lib", "lib/x86_64-linux-gnu"])
        {
            disk.AddDirectory(folder);
        }

        disk.AddDevice("dev/console", 5, 1).AddDevice("dev/null", 1, 3);
        disk.AddProgram("bin/busybox", File.ReadAllBytes(File.Exists("/bin/busybox") ? "/bin/busybox" : "/usr/bin/busybox"));
        disk.AddProgram("agent/bridgeguard-agent", File.ReadAllBytes(Path.Combine(agent, "bridgeguard-agent")));
        disk.AddProgram("agent/libsodium.so", File.ReadAllBytes(Path.Combine(agent, "libsodium.so")));
        disk.AddProgram("lib64/ld-linux-x86-64.so.2", File.ReadAllBytes("/lib64/ld-linux-x86-64.so.2"));
        foreach (string library in (string[])["libc.so.6", "libm.so.6", "libgcc_s.so.1"])
        {
            disk.AddProgram("lib/x86_64-linux-gnu/" + library, File.ReadAllBytes("/lib/x86_64-linux-gnu/" + library));
        }

        foreach (string name in Modules)
        {
            if (Directory.EnumerateFiles(modules, name + ".ko*", SearchOption.AllDirectories).FirstOrDefault() is { } module)
            {
                disk.AddProgram($"mod/{name}.ko", QemuGuestTests.Unpacked(module));
            }
        }

        disk.AddProgram("init", Encoding.ASCII.GetBytes($$"""
            #!/bin/busybox sh
            export PATH=/bin
            /bin/busybox --install -s /bin
            mount -t proc proc /proc
            mount -t sysfs sys /sys
            mount -t devtmpfs dev /dev
            for m in {{string.Join(' ', Modules)}}; do [ -e /mod/$m.ko ] && insmod /mod/$m.ko; done
            echo UP
            mount -t tmpfs files /files
            echo harmless >/files/good.txt
            echo {{StubScanner.Marker}} >/files/bad.txt
            printf '#!/bin/sh\necho it ran # {{StubScanner.Marker}}\n' >/files/tool
            chmod +x /files/tool
            i=0; while [ ! -e /dev/vport0p1 ] && [ $i -lt 50 ]; do sleep 0.1; i=$((i + 1)); done
            ls -l /dev/vport0p1
            /agent/bridgeguard-agent --host device:/dev/vport0p1 --key {{Convert.ToBase64String(_signer.PublicKey)}} --state /tmp/state --fallback deny --timeout 60 /files 2>/tmp/log &
            i=0; while ! grep -q watching /tmp/log && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done
            if grep -q harmless /files/good.txt; then echo "GOOD OPENED"; else echo "GOOD DENIED"; fi
            if cat /files/bad.txt; then echo "BAD OPENED"; else echo "BAD DENIED"; fi
            if /files/tool; then echo "PROGRAM RAN"; else echo "PROGRAM DENIED"; fi
            cat /tmp/log
            echo DONE
            sleep 600

            """));
        disk.Save(file);
    }

    private void Start(string kernel, string disk, string socket, string accelerator)
    {
        string[] arguments =
        [
            "-machine", $"accel={accelerator}", "-m", "512", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel", kernel, "-initrd", disk,
            "-append", "console=ttyS0 quiet panic=-1 tsc=reliable", "-device", "virtio-serial-pci", "-chardev", $"socket,id=bg,path={socket},reconnect=1",
            "-device", "virtserialport,chardev=bg,name=org.bridgeguard.0",
        ];
        _machine = Process.Start(new ProcessStartInfo("qemu-system-x86_64", arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true })!;
        _machine.OutputDataReceived += (_, line) => Take(line.Data);
        _machine.ErrorDataReceived += (_, line) => Take(line.Data);
        _machine.BeginOutputReadLine();
        _machine.BeginErrorReadLine();
    }

    private void Take(string? line)
    {
        lock (_console)
        {
            _console.Append(line).Append('\n');
        }
    }

    private static string Repository()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "BridgeGuard.sln")))
        {
            root = root.Parent;
        }

        return root?.FullName ?? throw new InvalidOperationException("the tests are not in their repository");
    }
}
