using System.Text.Json;
using System.Text.Json.Nodes;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Rules.Loading;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Plane;

/// <summary>The data plane in a process of its own: adopts one that runs already, starts one otherwise, starts the next when it dies or hangs, and drains its rings.</summary>
/// <remarks>One thread supervises; questions may come from any.</remarks>
public sealed partial class PlaneSupervisor : IDataPlane, IHostedService, IDisposable
{
    private const int LookEveryMs = 250;
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan StatusAge = TimeSpan.FromSeconds(1);

    /// <summary>A load of 40,000 rules takes some ten seconds on a slow host; nothing takes so long.</summary>
    private static readonly TimeSpan ReloadTime = TimeSpan.FromMinutes(10);

    /// <summary>It gives no sign for so long: it hangs, and the kernel has applied each port's choice long since.</summary>
    private static readonly TimeSpan HangTime = TimeSpan.FromSeconds(10);

    /// <summary>
    /// It gives signs and no answers: it may be plugging in a thousand ports on a busy host, and inspects meanwhile; to end it would let frames by. After
    /// this long it will not answer any more.
    /// </summary>
    private static readonly TimeSpan SilenceTime = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan MaxBackoff = TimeSpan.FromSeconds(30);

    private readonly DaemonModel _model;
    private readonly RunFolder _folder;
    private readonly PlaneProcess _processes;
    private readonly KeepingHost _keeping;
    private readonly RingFiles _rings;
    private readonly FileJudge _judge;
    private readonly LastGood _lastGood;
    private readonly ILogger<PlaneSupervisor> _logger;
    private readonly ManualResetEventSlim _stop = new();
    private readonly Lock _asking = new();
    private FileStream? _lock;
    private PlaneClient? _client;
    private PlaneStatus _status = PlaneStatus.None;
    private long _statusAt;
    private long _answeredAt;
    private long _signAt;
    private Thread? _thread;
    private bool _hasEnded;

    public PlaneSupervisor(DaemonModel model, OutputHost outputs, ScanningHost scanning, KeepingHost keeping, ILogger<PlaneSupervisor> logger)
    {
        _model = model;
        _logger = logger;
        _folder = new RunFolder(model.RunDirectory);
        _keeping = keeping;
        _rings = new RingFiles(
            _folder,
            [(RunFolder.EventKind, outputs.Pump), (RunFolder.KeptKind, keeping.Pump), (RunFolder.FrameKind, keeping.Pump)],
            logger);
        _judge = new FileJudge(_folder, scanning);
        _lastGood = new LastGood(model, logger);
        _processes = new PlaneProcess(model, _folder, logger);
    }

    /// <inheritdoc/>
    public string? Failure { get; private set; }

    /// <summary>The daemon ends and the data plane stays: for a restart or an upgrade of the daemon.</summary>
    public bool LeavesPlane { get; set; }

    /// <inheritdoc/>
    public event Action<PortChange>? PortChanged;

    /// <summary>Never: a data plane that ends is started again for as long as the daemon runs.</summary>
    public event Action? Ended
    {
        add { }
        remove { }
    }

    /// <inheritdoc/>
    public event Action? Ready;

    /// <inheritdoc/>
    public PlaneStatus Status
    {
        get
        {
            Refresh();
            return Volatile.Read(ref _status);
        }
    }

    /// <inheritdoc/>
    public bool TryReload(ReloadRequest? request, out IReadOnlyList<string> errors)
    {
        try
        {
            Compile(request?.Model ?? _model);

            // What waits for a restart must bring a new data plane with the restart.
            string identity = request is null or { IsWhole: false } ? _processes.Identity : PlaneProcess.IdentityOf(request.Model);
            JsonObject? body = request is null ? null : new JsonObject { ["policy"] = request.Policy.ToNode(), ["identity"] = identity };
            JsonNode answer = Require().Ask("reload", body, ReloadTime)!;
            errors = [.. answer["errors"]!.AsArray().Select(line => line!.GetValue<string>())];
            bool isLoaded = answer["loaded"]!.GetValue<bool>();
            if (isLoaded)
            {
                _processes.Identity = identity;
                if (request is not null)
                {
                    _lastGood.Save(request.Model);
                }
            }

            return isLoaded;
        }
        catch (PlaneException e)
        {
            errors = [e.Message];
            return false;
        }
    }

    /// <inheritdoc/>
    public JsonNode? Ask(string command, JsonNode? body = null) => Require().Ask(command, body, AnswerTime);

    /// <summary>Takes the run directory for this daemon: before anything opens a file that a running daemon may have.</summary>
    /// <exception cref="StartupException">Another daemon has it.</exception>
    public void Open()
    {
        _folder.Create();
        _lock = _folder.TryLock()
            ?? throw new StartupException(ExitCodes.CannotAttach, $"another daemon works in {_folder.Path}: one for each state directory");
        File.WriteAllText(_folder.PidFile, Environment.ProcessId.ToString(null as IFormatProvider));
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _rings.FindNew();
        return Task.Run(
            () =>
            {
                Begin(cancellationToken);
                _thread = new Thread(Supervise) { IsBackground = true, Name = "plane-supervisor" };
                _thread.Start();
            },
            cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.Run(End, cancellationToken);

    public void Dispose()
    {
        // Told to end while the daemon still starts, the host stops no service, it only disposes of them: nobody would end the data plane.
        if (!_hasEnded && _client is { } client && !LeavesPlane)
        {
            _stop.Set();
            _thread?.Join();
            _processes.End(client, StopTime, _status.ProcessId);
            File.Delete(_folder.PidFile);
        }

        _judge.Dispose();
        _client?.Dispose();
        _lock?.Dispose();
        _stop.Dispose();
    }

    /// <summary>Adopts the data plane that runs, or starts one.</summary>
    private void Begin(CancellationToken stop)
    {
        PlaneClient? other = null;
        foreach (string socket in _folder.Sockets())
        {
            PlaneClient? client = PlaneClient.TryConnect(socket, Told);
            if (client is null)
            {
                File.Delete(socket);
                File.Delete(_folder.FileSocketOf(RunFolder.GenerationOf(socket)));
            }
            else if (_client is null && other is null && TryStatus(client) is { Phase: PlanePhase.Running } status)
            {
                if (status.Identity == _processes.Identity)
                {
                    Log.Adopted(_logger, status.ProcessId);
                    Use(client, status);
                    _lastGood.Save(_model);
                }
                else
                {
                    other = client;
                }
            }
            else
            {
                _processes.End(client, StopTime);
            }
        }

        if (_client is null)
        {
            Start(other, stop);
        }
    }

    /// <summary>Starts a data plane, in the place of another one where there is one.</summary>
    /// <param name="other">The one that runs.</param>
    /// <param name="stop">Gives up.</param>
    /// <param name="lastGood">A copy of the configuration that is read instead of the files.</param>
    private void Start(PlaneClient? other, CancellationToken stop, string? lastGood = null)
    {
        PuntDeviceName device = PuntDeviceName.First;
        if (other is not null && TryHandOver(other, out PlaneStatus before))
        {
            device = PuntDeviceName.NextTo(before.Device);
        }
        else if (other is not null)
        {
            _processes.End(other, StopTime);
            other = null;
        }

        try
        {
            (PlaneClient client, PlaneStatus status) = _processes.Start(
                device,
                Told,
                generation =>
                {
                    _rings.FindNew();
                    _judge.Serve(generation);
                },
                stop,
                lastGood);
            Use(client, status);
            if (lastGood is null)
            {
                _lastGood.Save(_model);
            }
        }
        catch (StartupException e) when (other is not null)
        {
            // The one that runs is better than none, whatever the operator has changed.
            Log.KeptOther(_logger, e.Message);
            other.Ask("take-back", null, AnswerTime);
            Use(other, other.Status(AnswerTime));
            other = null;
        }

        if (other is not null)
        {
            _processes.End(other, StopTime);
            _rings.FindNew();
        }

        _judge.KeepOnly(_status.Generation);
    }

    /// <summary>Asks a data plane to let the next one take its ports over while it inspects.</summary>
    private bool TryHandOver(PlaneClient other, out PlaneStatus status)
    {
        status = PlaneStatus.None;
        try
        {
            status = other.Status(AnswerTime);
            Log.Replacing(_logger, status.ProcessId);
            other.Ask("hand-over", null, AnswerTime);
            return true;
        }
        catch (PlaneException e)
        {
            Log.NoHandOver(_logger, e.Message);
            return false;
        }
    }

    private void Use(PlaneClient client, PlaneStatus status)
    {
        _rings.FindNew();
        _judge.Serve(status.Generation);
        _client = client;
        Failure = null;
        Volatile.Write(ref _status, status);
        _statusAt = _answeredAt = _signAt = Environment.TickCount64;
        foreach (PlanePort port in status.Ports)
        {
            PortChanged?.Invoke(new PortChange(null, port.Port));
        }

        foreach (string bridge in _model.Bridges.Select(bridge => bridge.Name))
        {
            Log.Watching(_logger, bridge, status.Ports.Count(port => port.Port.Bridge == bridge), status.ProcessId);
        }

        foreach (TapModel tap in _model.Taps)
        {
            Log.Listening(_logger, tap.Device, status.ProcessId);
        }

        Ready?.Invoke();
    }

    private void Supervise()
    {
        TimeSpan backoff = TimeSpan.Zero;
        long failedAt = 0;
        while (!_stop.Wait(LookEveryMs))
        {
            _rings.FindNew();
            RemoveDrained(generation => generation == _status.Generation && _client is { IsEnded: false });
            if (_client is { IsEnded: false })
            {
                Refresh();
                EndIfHung();
                continue;
            }

            if (_client is not null)
            {
                Log.Died(_logger, _status.ProcessId);
                _processes.Reap();
                _client.Dispose();
                _client = null;
                Volatile.Write(ref _status, PlaneStatus.None);
                backoff = Environment.TickCount64 - failedAt > MaxBackoff.TotalMilliseconds ? TimeSpan.Zero : backoff;
            }

            if (Environment.TickCount64 - failedAt < backoff.TotalMilliseconds)
            {
                continue;
            }

            // The first try is at once, further ones wait longer and longer: a fault at the start must not become a storm of starts.
            backoff = backoff == TimeSpan.Zero ? TimeSpan.FromSeconds(1) : TimeSpan.FromSeconds(Math.Min(2 * backoff.TotalSeconds, MaxBackoff.TotalSeconds));
            failedAt = Environment.TickCount64;
            Restart();
        }
    }

    private void Restart()
    {
        try
        {
            try
            {
                Start(null, CancellationToken.None);
            }
            catch (StartupException e) when (e.ExitCode is ExitCodes.BadConfiguration or ExitCodes.BadRules && _lastGood.Folder is not null)
            {
                Log.UsesLastGood(_logger);
                Start(null, CancellationToken.None, _lastGood.Folder);
            }
        }
        catch (Exception e) when (e is StartupException or IOException or PlaneException)
        {
            Failure = e.Message;
            Log.NotRestarted(_logger, e.Message);
        }
    }

    private void EndIfHung()
    {
        long now = Environment.TickCount64;
        double silentMs = now - Volatile.Read(ref _answeredAt);
        if (silentMs > SilenceTime.TotalMilliseconds || Math.Min(silentMs, now - Volatile.Read(ref _signAt)) > HangTime.TotalMilliseconds)
        {
            Log.Hung(_logger, _status.ProcessId, Math.Floor(silentMs / 1000));
            PlaneProcess.Kill(_status.ProcessId);
            _client?.WaitForEnd(AnswerTime);
        }
    }

    private void Refresh()
    {
        PlaneClient? client = _client;
        if (client is null or { IsEnded: true })
        {
            return;
        }

        lock (_asking)
        {
            if (Environment.TickCount64 - _statusAt < StatusAge.TotalMilliseconds)
            {
                return;
            }

            if (TryStatus(client) is { } status)
            {
                Volatile.Write(ref _status, status);
                Volatile.Write(ref _answeredAt, Environment.TickCount64);
            }

            _statusAt = Environment.TickCount64;
        }
    }

    private void End()
    {
        _hasEnded = true;
        _stop.Set();
        _thread?.Join();
        PlaneClient? client = _client;
        if (client is not null && !LeavesPlane)
        {
            _processes.End(client, StopTime, _status.ProcessId);
            _rings.FindNew();
            for (int i = 0; i < StopTime.TotalSeconds * 10 && _rings.Count > 0; i++)
            {
                RemoveDrained(_ => false);
                Thread.Sleep(_rings.Count > 0 ? 100 : 0);
            }
        }

        File.Delete(_folder.PidFile);
    }

    private void RemoveDrained(Func<long, bool> isAlive)
    {
        if (_rings.RemoveDrained(isAlive) is { Count: > 0 } dead)
        {
            _keeping.Forget(dead);
        }
    }

    /// <summary>Compiles a large set into the cache, where the data plane finds it: it cannot start a program, and would be held up by compiling itself.</summary>
    private void Compile(DaemonModel model)
    {
        if (model.Rules.CacheFolder is null || model.Arguments.Count == 0 || RuleFiles.SizeOf(model.Rules.Files) < ProgramSource.LeastTextForChild
            || RuleLoader.IsCached(ProgramSource.OptionsOf(model)))
        {
            return;
        }

        string[] names = Require().Ask(PlaneCommands.VariableNames, null, AnswerTime).Deserialize<string[]>() ?? [];
        if (!CompilerProcess.TryRun(model, names, out string problem))
        {
            Log.NotCompiled(_logger, problem);
        }
    }

    private PlaneClient Require() => _client ?? throw new PlaneException("there is no data plane at the moment");

    private void Told(string name, JsonNode? body)
    {
        Volatile.Write(ref _signAt, Environment.TickCount64);
        if (name == "port")
        {
            PortChanged?.Invoke(body.Deserialize<PortChange>(PlaneStatus.Json));
        }
    }

    private static PlaneStatus? TryStatus(PlaneClient client)
    {
        try
        {
            return client.Status(AnswerTime);
        }
        catch (PlaneException)
        {
            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(500, LogLevel.Information, "the data plane (process {ProcessId}) has gone on inspecting; it is adopted")]
        public static partial void Adopted(ILogger logger, int processId);

        [LoggerMessage(501, LogLevel.Information, "the data plane (process {ProcessId}) is of another program or configuration; it is replaced")]
        public static partial void Replacing(ILogger logger, int processId);

        [LoggerMessage(506, LogLevel.Warning, "it cannot be replaced without a gap: {Reason}")]
        public static partial void NoHandOver(ILogger logger, string reason);

        [LoggerMessage(507, LogLevel.Error, "the new data plane does not start ({Reason}); the one that runs is kept, with the program and configuration it has")]
        public static partial void KeptOther(ILogger logger, string reason);

        [LoggerMessage(509, LogLevel.Error, "the configuration or the rules on disk are bad; the data plane starts with those that were in force, until a reload accepts them")]
        public static partial void UsesLastGood(ILogger logger);

        [LoggerMessage(502, LogLevel.Error, "the data plane (process {ProcessId}) has ended; the next one starts")]
        public static partial void Died(ILogger logger, int processId);

        [LoggerMessage(503, LogLevel.Error, "the data plane does not start: {Reason}")]
        public static partial void NotRestarted(ILogger logger, string reason);

        [LoggerMessage(504, LogLevel.Error, "the data plane (process {ProcessId}) has not answered for {Seconds} s; it is ended")]
        public static partial void Hung(ILogger logger, int processId, double seconds);

        [LoggerMessage(508, LogLevel.Information, "{Device}: listened to, data plane in process {ProcessId}")]
        public static partial void Listening(ILogger logger, string device, int processId);

        [LoggerMessage(510, LogLevel.Warning, "rules cannot be compiled beside the data plane: {Problem}; it compiles them itself")]
        public static partial void NotCompiled(ILogger logger, string problem);

        [LoggerMessage(505, LogLevel.Information, "{Bridge}: {Ports} ports, data plane in process {ProcessId}")]
        public static partial void Watching(ILogger logger, string bridge, int ports, int processId);
    }
}
