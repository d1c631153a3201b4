using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Interop;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Engine.Worker;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Plane;

/// <summary>Starts and ends the data plane's process.</summary>
/// <remarks>Thread: one at a time.</remarks>
internal sealed partial class PlaneProcess(DaemonModel model, RunFolder folder, ILogger logger)
{
    /// <summary>The hidden verb.</summary>
    public const string Verb = "data-plane";

    /// <summary>Below the log directory: the flight recorder's.</summary>
    public const string RecordingsFolder = "recordings";

    private const int ConnectEveryMs = 20;

    /// <summary>The young generation is large enough that a data plane that allocates little never collects it.</summary>
    private const string Gen0Bytes = "4000000";

    private Process? _process;

    /// <summary>Attaching to ports that come, maps and programs (a reload changes none, the next start does), sockets for resets and taps, and its workers
    /// and their heartbeat before ordinary threads: late, they would open or close the ports of a host that is merely busy.</summary>
    private static readonly int[] s_kept = [ThreadPrivileges.NetAdmin, ThreadPrivileges.NetRaw, ThreadPrivileges.SysNice, ThreadPrivileges.PerfMon, ThreadPrivileges.Bpf];

    private long _generation;

    /// <summary>Which program with which configuration: a data plane with another one is replaced.</summary>
    public string Identity { get; set; } = IdentityOf(model);

    /// <summary>Starts one and waits until it inspects.</summary>
    /// <param name="device">Its punt device.</param>
    /// <param name="told">Hears of its events.</param>
    /// <param name="opened">Called with its number while it loads its rules: what it needs of others must be there before it inspects.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="StartupException">It ended before; its own lines are on standard error.</exception>
    /// <param name="lastGood">A copy of the configuration that it reads instead; null: the files where they are.</param>
    public (PlaneClient Client, PlaneStatus Status) Start(
        PuntDeviceName device, Action<string, JsonNode?> told, Action<long> opened, CancellationToken stop, string? lastGood = null)
    {
        _generation = Math.Max(_generation + 1, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        string socket = folder.SocketOf(_generation);
        using var ready = new ManualResetEventSlim();
        void Hear(string name, JsonNode? body)
        {
            if (name == "ready")
            {
                try
                {
                    ready.Set();
                }
                catch (ObjectDisposedException)
                {
                    // Its start was waited for by asking.
                }
            }

            told(name, body);
        }

        Process process = Launch(device, lastGood);
        Reap();
        _process = process;
        PlaneClient? client = null;
        while (!stop.IsCancellationRequested)
        {
            client ??= PlaneClient.TryConnect(socket, Hear);
            if (process.HasExited)
            {
                client?.Dispose();
                throw new StartupException(process.ExitCode, $"the data plane has ended with code {process.ExitCode}") { IsTold = true };
            }

            if (client is null)
            {
                Thread.Sleep(ConnectEveryMs);
                continue;
            }

            opened(_generation);
            try
            {
                ready.Wait(100, CancellationToken.None);
                if (client.Status(TimeSpan.FromSeconds(10)) is { Phase: PlanePhase.Running } status)
                {
                    return (client, status);
                }
            }
            catch (PlaneException)
            {
                Thread.Sleep(ConnectEveryMs); // It ends; its exit code will say why.
            }
        }

        client?.Dispose();
        Kill(process.Id);
        throw new OperationCanceledException(stop);
    }

    /// <summary>Asks it to end, and ends it when it does not.</summary>
    /// <param name="client">The connection to it.</param>
    /// <param name="patience">How long it may take to end by itself.</param>
    /// <param name="processId">Its process, where that is known; on a busy host it may be too slow to say so.</param>
    public void End(PlaneClient client, TimeSpan patience, int processId = 0)
    {
        try
        {
            processId = processId != 0 ? processId : client.Status(patience).ProcessId;
        }
        catch (PlaneException)
        {
            // It hangs, or ends already.
        }

        try
        {
            client.Ask("stop", null, TimeSpan.FromSeconds(3));
        }
        catch (PlaneException)
        {
            // The same; or it has heard, and ends before it answers.
        }

        if (!client.WaitForEnd(patience) && processId != 0)
        {
            Log.Killed(logger, processId);
            Kill(processId);
            client.WaitForEnd(patience);
        }

        client.Dispose();
        if (!WaitForExit(processId, patience))
        {
            // Its socket is closed and it is still there: nobody would end it later.
            Log.Killed(logger, processId);
            Kill(processId);
            WaitForExit(processId, patience);
        }

        if (processId == _process?.Id)
        {
            Reap();
        }
    }

    /// <summary>Waits for a process of ours that has ended.</summary>
    public void Reap()
    {
        _process?.WaitForExit(TimeSpan.FromSeconds(5));
        _process?.Dispose();
        _process = null;
    }

    /// <summary>The socket closes before the last of it is off the bridge: waits for the process itself, whoever's child it is. False when it is still there.</summary>
    public static bool WaitForExit(int processId, TimeSpan patience)
    {
        if (processId == 0)
        {
            return true; // Nobody knows which it is.
        }

        try
        {
            using Process process = Process.GetProcessById(processId);
            return process.WaitForExit(patience);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return true; // Gone already.
        }
    }

    public static void Kill(int processId)
    {
        try
        {
            using Process process = Process.GetProcessById(processId);
            process.Kill();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            // Gone already.
        }
    }

    private Process Launch(PuntDeviceName device, string? lastGood)
    {
        string program = Environment.ProcessPath!;
        ProcessStartInfo start = new(program) { UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            start.ArgumentList.Add(Assembly.GetEntryAssembly()!.Location);
        }

        string[] arguments =
        [
            Verb, "--generation", _generation.ToString(CultureInfo.InvariantCulture), "--identity", Identity, "--device", device.Name, .. device.TakesOver ? (string[])["--takes-over"] : [],
            .. lastGood is null ? [] : (string[])["--last-good", lastGood], "--run-directory", folder.Path, .. model.Arguments,
        ];
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["DOTNET_gcServer"] = "0";

        // While rules are compiled beside the traffic, collections must not stop the workers for long.
        start.Environment["DOTNET_gcConcurrent"] = "1";
        start.Environment["DOTNET_GCgen0size"] = Gen0Bytes;

        // Costs a second of CPU once and saves a quarter of each packet's time from then on (bench/README.md).
        start.Environment["DOTNET_TieredPGO"] = "1";
        // Its socket would be a file in a folder that everybody can write to.
        start.Environment["DOTNET_EnableDiagnostics_IPC"] = "0";
        return model.ReducesPrivileges ? StartReduced(start) : Process.Start(start)!;
    }

    /// <summary>Starts a program that may attach to devices and load programs into the kernel, and nothing else of what the superuser may.</summary>
    /// <remarks>From a thread that is used for nothing else: what it gives up is gone for good, and its child begins with what it has.</remarks>
    private Process StartReduced(ProcessStartInfo start)
    {
        if (model.Attach == AttachWay.Bridge && model.Bridges.Count > 0)
        {
            BridgeAttachment.PrepareHost(BridgeOptions.DefaultPinFolder);
        }

        Process? process = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                if (ThreadPrivileges.Keep(s_kept) is { } problem)
                {
                    Log.NotReduced(logger, problem);
                }

                // Netfilter's own tools write where they want.
                if (model.Attach == AttachWay.Bridge && Landlock.Restrict(WritableFor(model, folder), Programs(start.FileName)) is { } open)
                {
                    Log.NotReduced(logger, open);
                }

                process = Process.Start(start);
            }
            catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        return process ?? throw new StartupException(ExitCodes.Failure, $"the data plane cannot be started: {failure?.Message}");
    }

    /// <summary>Where a data plane changes files: where it meets the daemon, what it keeps, its links, its TAP, and settings of network devices.</summary>
    private static string[] WritableFor(DaemonModel model, RunFolder folder)
    {
        string recordings = Path.Combine(model.LogDirectory, RecordingsFolder);
        string[] kept = [folder.Path, model.StateDirectory, .. model.Rules.CacheFolder is { } cache ? [cache] : (string[])[], .. model.Recorder.Enabled ? [recordings] : (string[])[]];
        foreach (string path in kept.Where(path => !Path.Exists(path)))
        {
            try
            {
                if (!OperatingSystem.IsWindows())
                {
                    Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Whoever needs it says so when he finds that it is not there.
            }
        }

        return [.. kept, Path.GetDirectoryName(BridgeOptions.DefaultPinFolder)!, "/dev/net/tun", "/dev/null", "/dev/shm", "/proc/sys/net"];
    }

    /// <summary>The program itself and what loads it.</summary>
    private static string[] Programs(string program) => [program, "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-x86_64.so.1"];

    /// <summary>The assemblies that the data plane is made of, where they are, and what the configuration's files say.</summary>
    public static string IdentityOf(DaemonModel model)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Assembly part in (Assembly[])[typeof(PacketWorker).Assembly, typeof(BridgeAttachment).Assembly, typeof(RunFolder).Assembly])
        {
            hash.AppendData(part.ManifestModule.ModuleVersionId.ToByteArray());
            hash.AppendData(Encoding.UTF8.GetBytes(part.Location));
        }

        hash.AppendData(Encoding.UTF8.GetBytes(string.Join('\0', model.Arguments)));
        foreach (string file in model.Sources)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(file));
            hash.AppendData(File.Exists(file) ? File.ReadAllBytes(file) : []);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }

    private static partial class Log
    {
        [LoggerMessage(521, LogLevel.Warning, "the data plane runs with more privileges than it needs: {Reason}")]
        public static partial void NotReduced(ILogger logger, string reason);

        [LoggerMessage(520, LogLevel.Warning, "the data plane (process {ProcessId}) does not end when asked; it is ended")]
        public static partial void Killed(ILogger logger, int processId);
    }
}
