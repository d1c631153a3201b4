using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Interop;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>A bridge attachment in a process of its own, for tests that kill or stop it: this assembly, started with a variable set.</summary>
internal sealed class BridgeChild : IDisposable
{
    private const string Variable = "BRIDGEGUARD_TEST_CHILD";
    private const string Confined = "confined";

    private readonly Process _process;

    private BridgeChild(Process process) => _process = process;

    /// <summary>Starts the child in a namespace and waits until frames flow.</summary>
    public static BridgeChild Start(string space, string stale = "open", string pinFolder = "/sys/fs/bpf/bridgeguard")
    {
        // Not "ip netns exec": that puts a new /sys over a bpffs below it.
        string assembly = typeof(BridgeChild).Assembly.Location;
        ProcessStartInfo start = new("nsenter", $"--net=/run/netns/{space} dotnet {assembly}") { RedirectStandardOutput = true };
        start.Environment[Variable] = $"{stale};{pinFolder}";
        Process process = Process.Start(start)!;
        string? line = process.StandardOutput.ReadLine();
        if (line != "READY")
        {
            process.Kill();
            Assert.Fail($"the child said {line}");
        }

        return new BridgeChild(process);
    }

    /// <summary>What a child can still do that has put itself under the data plane's filter on system calls.</summary>
    public static string RunConfined()
    {
        ProcessStartInfo start = new("dotnet", typeof(BridgeChild).Assembly.Location) { RedirectStandardOutput = true };
        start.Environment[Variable] = Confined;
        using Process process = Process.Start(start)!;
        return process.StandardOutput.ReadToEnd().Trim();
    }

    /// <summary>Sends a signal by its name; nsenter has become the child itself.</summary>
    public void Signal(string name)
    {
        BridgeLab.Run("kill", $"-{name} {_process.Id}");
        if (name == "KILL")
        {
            _process.WaitForExit();
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Signal("KILL");
        }

        _process.Dispose();
    }

    /// <summary>Takes over before the test runner's Main when the variable is set.</summary>
    [ModuleInitializer]
    internal static void RunIfChild()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } arguments)
        {
            return;
        }

        // Until a module's initializer ends, other threads wait before they may use its types: the work is done by a second copy of the assembly.
        Environment.SetEnvironmentVariable(Variable, null);
        Assembly copy = new AssemblyLoadContext("child").LoadFromAssemblyPath(typeof(BridgeChild).Assembly.Location);
        copy.GetType(typeof(BridgeChild).FullName!)!.GetMethod(nameof(RunChild), BindingFlags.NonPublic | BindingFlags.Static)!.Invoke(null, [arguments]);
    }

    private static void RunChild(string arguments)
    {
        if (arguments == Confined)
        {
            TryConfined();
            Environment.Exit(0);
        }

        string[] parts = arguments.Split(';');
        BridgeOptions options = RunningBridge.Options() with
        {
            WhenStale = parts[0] == "closed" ? FailMode.Closed : FailMode.Open,
            WhenCrashed = parts[0] == "closed" ? FailMode.Closed : FailMode.Open,
            PinFolder = parts[1],
            Hook = parts.Contains("clsact") ? KernelHook.Clsact : KernelHook.Auto,
            HeartbeatMs = 100,
            PinWorkers = !parts.Contains("nopin"),
            WorkerCount = parts.Contains("one") ? 1 : 2,
        };
        using BridgeAttachment attachment = new(options);
        using CancellationTokenSource stop = new();
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }

        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        AttachmentError? error = attachment.Open() ?? attachment.Run(
            _ => new PassingProcessor(), new AttachmentHooks { Ready = () => Console.WriteLine("READY") }, stop.Token);
        foreach (PortInfo port in attachment.Ports.All)
        {
            Console.WriteLine($"{port.Name} {attachment.ReadCounters(port.PortId)}");
        }

        Console.WriteLine($"{attachment.Stats} Lost = {attachment.Lost}");
        attachment.Dispose();
        if (error is not null)
        {
            Console.WriteLine(error);
        }

        Environment.Exit(error is null ? 0 : 1);
    }

    private static void TryConfined()
    {
        using Barrier late = new(2);
        int lateError = 0;
        Thread before = new(() =>
        {
            late.SignalAndWait();
            lateError = Errno(() => Libc.SetNamespace(-1, 0));
        });
        before.Start();
        string filter = SystemCallFilter.Apply(startsPrograms: false) ?? "in force";
        string program = "started";
        try
        {
            Process.Start("/bin/true").WaitForExit();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            program = "refused";
        }

        // Without the filter these two fail for other reasons: there is no such descriptor, and no such folder.
        int namespaces = Errno(() => Libc.SetNamespace(-1, 0));
        int mount = Errno(() => Libc.Mount("none", "/nowhere/at/all", "tmpfs", 0, 0));
        int odd = Errno(() => Libc.Socket(38, 5, 0));
        string unix = Libc.Socket(1, 1, 0) >= 0 ? "made" : "refused";
        late.SignalAndWait();
        before.Join();
        Console.WriteLine($"filter: {filter}; execve: {program}; setns: {namespaces}; mount: {mount}; socket(AF_ALG): {odd}; socket(AF_UNIX): {unix}; late thread, setns: {lateError}");
    }

    private static int Errno(Func<int> call) => call() < 0 ? Libc.LastError() : 0;
}
