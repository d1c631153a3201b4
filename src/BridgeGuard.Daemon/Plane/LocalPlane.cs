using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Nfqueue;
using BridgeGuard.Attachments.Wrappers;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Policy.Standing;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Worker;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Plane;

/// <summary>The data plane in this process: attaches to the bridges, drives the workers, and detaches; traffic is touched only while this runs.</summary>
public sealed partial class LocalPlane : IDataPlane, IHostedService, IDisposable
{
    private readonly DaemonModel _model;
    private readonly ProgramSource _programs;
    private readonly PlaneBorder _border;
    private readonly GuestTable _guests;
    private readonly ILogger<LocalPlane> _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly IWireAttachment _attachment;

    // The same where it is one: only it can be taken over, and leaves programs behind.
    private readonly BridgeAttachment? _bridge;
    private readonly PlaneTaps _taps;

    // Those of the bridges, then one for each tap.
    private readonly PacketWorker[] _workers;
    private readonly CoverageBoard _coverage;
    private readonly WorkerKeeping?[] _keeping;
    private readonly PacketLog?[] _packetLogs;
    private KernelSide? _kernel;
    private FlightRecorder[] _recorders = [];
    private RecordingWriter? _recordings;
    private Thread? _thread;
    private Timer? _costs;
    private bool _isOpen;
    private volatile PlanePhase _phase = PlanePhase.Starting;

    /// <param name="model">What to attach to and how.</param>
    /// <param name="programs">Gives the workers their rules.</param>
    /// <param name="border">Where their events and files go.</param>
    /// <param name="guests">Who is behind the ports.</param>
    /// <param name="logger">For the operator.</param>
    /// <param name="device">The punt device's name.</param>
    public LocalPlane(
        DaemonModel model, ProgramSource programs, PlaneBorder border, GuestTable guests, ILogger<LocalPlane> logger, PuntDeviceName? device = null)
    {
        _model = model;
        _programs = programs;
        _border = border;
        _guests = guests;
        _logger = logger;
        if (model.Bridges.Count == 0)
        {
            _attachment = new NoWire();
        }
        else if (model.Attach == AttachWay.Nfqueue)
        {
            _attachment = new NfqueueAttachment(BridgeOptionsReader.QueuesOf(model));
        }
        else
        {
            _attachment = _bridge = new BridgeAttachment(BridgeOptionsReader.Of(model, () => programs.Model, guests, device ?? PuntDeviceName.First));
        }

        _taps = new PlaneTaps(model.Taps);
        _workers = new PacketWorker[_attachment.WorkerCount + _taps.Count];
        _keeping = new WorkerKeeping?[_workers.Length];
        _packetLogs = new PacketLog?[_workers.Length];
        _coverage = new CoverageBoard(model, _attachment, guests, () => new RuleSetStats(
            (_programs.LastReload?.ToUnixTimeMilliseconds() ?? 0) * 1000, _programs.Program.Rules.Count, _programs.RulesFailed, 0));
        Commands.Add("status", _ => JsonSerializer.SerializeToNode(Status, PlaneStatus.Json));
        Commands.Add("reload", Reload);
        Commands.Add(PolicyMessage.Command, Apply);
        Commands.Add("capture", Capture);
        Commands.Add(PlaneCommands.VariableNames, _ => JsonSerializer.SerializeToNode(VariableNames.Shared.All()));

        // The hypervisor's guests are read here too, so that the first frame of the first port is judged before the daemon has said a word.
        GuestSet atStart = new GuestRegistry(model.Guests, model.Policy, Path.Combine(model.StateDirectory, GuestRegistry.StateFileName)).Current;

        // Ports first, so that no worker meets a guest whose port is not known.
        _programs.Publishing += program => _guests.Apply(program.Guests, program.Policy.Model);
        _programs.Apply(PolicyMessage.Of(atStart, model.Policy, []));
        Commands.Add("hand-over", _ => _bridge?.HandOver() is { } error ? throw new PlaneException(error.Message) : null);
        Commands.Add("take-back", _ =>
        {
            _bridge?.TakeBack();
            return null;
        });
    }

    /// <summary>Set when the run ended by itself with an error.</summary>
    public AttachmentError? Error { get; private set; }

    /// <inheritdoc/>
    public string? Failure => Error?.Message;

    /// <summary>Workers with a queue each; known before the start.</summary>
    public int WorkerCount => _workers.Length;

    /// <summary>What can be asked of it.</summary>
    public PlaneCommands Commands { get; } = new();

    /// <inheritdoc/>
    public event Action<PortChange>? PortChanged;

    /// <inheritdoc/>
    public event Action? Ended;

    /// <inheritdoc/>
    public event Action? Ready;

    /// <inheritdoc/>
    public PlaneStatus Status => new()
    {
        Phase = _phase,
        ProcessId = Environment.ProcessId,
        Stats = _attachment.Stats + _taps.Stats,
        Lost = _attachment.Lost + _taps.Lost,
        Faults = _workers.Sum(worker => worker?.Faults ?? 0) + _attachment.Faults,
        Flows = _workers.Sum(worker => worker?.Flows.Count ?? 0),
        Ports = [.. _attachment.Ports.All.Select(port => new PlanePort(port, _attachment.ReadCounters(port.PortId)))],
        FilesHeld = _workers.Sum(worker => worker?.FileHolds.Begun ?? 0),
        FilesReleased = _workers.Sum(worker => worker?.FileHolds.ReleasedCount ?? 0),
        FilesStopped = _workers.Sum(worker => worker?.FileHolds.Stopped ?? 0),
        FileHoldTimeouts = _workers.Sum(worker => worker?.FileHolds.TimedOut ?? 0),
        FileHeldUs = _workers.Sum(worker => worker?.FileHolds.HeldUs ?? 0),
        FileLongestHoldUs = _workers.Max(worker => worker?.FileHolds.LongestUs ?? 0),
        KeptLost = _keeping.Sum(keeping => keeping?.Lost ?? 0),
        KeptRefused = _keeping.Sum(keeping => keeping?.Refused ?? 0),
        FramesLost = _packetLogs.Sum(log => log?.Lost ?? 0),
        RulesLoaded = _programs.Program.Rules.Count,
        RulesFailed = _programs.RulesFailed,
        RulesLoadedAt = _programs.LastReload?.ToUnixTimeSeconds() ?? 0,
        Memory = new PlaneMemory
        {
            Collections = GC.CollectionCount(0),
            PauseMs = GC.GetTotalPauseDuration().TotalMilliseconds,
            AllocatedBytes = GC.GetTotalAllocatedBytes(),
            WorkerAllocatedBytes = _attachment.AllocatedBytes,
        },
    };

    /// <inheritdoc/>
    public bool TryReload(ReloadRequest? request, out IReadOnlyList<string> errors)
    {
        if (!_programs.TryLoad(request?.Model, request?.Policy, out errors))
        {
            return false;
        }

        if (request is not null)
        {
            // Whatever the kernel carries was decided by the roles before.
            _bridge?.Decisions?.Recall(null);
            _kernel?.Enforce();
            _bridge?.RefreshPorts();
        }

        return true;
    }

    /// <inheritdoc/>
    public JsonNode? Ask(string command, JsonNode? body = null) => Commands.Run(command, body);

    /// <summary>A stop leaves no trace, whatever is configured.</summary>
    public bool StopsClean
    {
        get => _bridge?.StopsClean ?? true;
        set
        {
            if (_bridge is not null)
            {
                _bridge.StopsClean = value;
            }
        }
    }

    /// <summary>Acquires what is needed; from here on ports that are closed at the start are closed. Before the rules are loaded.</summary>
    /// <exception cref="StartupException">The host lacks something.</exception>
    public void Open()
    {
        if (!_isOpen && (_attachment.Open() ?? _taps.Open()) is { } error)
        {
            throw new StartupException(ExitCodeOf(error.Kind), error.Message);
        }

        _isOpen = true;
        if (_bridge?.Decisions is { } decisions)
        {
            _kernel ??= new KernelSide(decisions, _attachment, _guests, () => _programs.Program, message => Log.Warning(_logger, message));
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        Open();
        var protocols = new ProtocolDetector(_model.Engine.AppLayer);
        var redirects = new RedirectTable();
        var shared = new SharedState();
        var key = new FlowHash(RandomKey(), RandomKey());
        for (int i = 0; i < _workers.Length; i++)
        {
            _keeping[i] = _border.KeepingOf(i);
            _workers[i] = new PacketWorker(
                new WorkerEnvironment
                {
                    Settings = i < _attachment.WorkerCount ? _model.Engine : _model.Engine.Passive,
                    Events = _border.EventsOf(i),
                    Guests = _guests,
                    FlowHash = key,
                    Ports = _guests.Ports,
                    FileSink = _border.Files,
                    FileVerdicts = _border.Verdicts,
                    FileStore = _model.Keeping.Files is null ? null : _keeping[i],
                    CertificateStore = _model.Keeping.CertificateFolder is null ? null : _keeping[i],
                    Protocols = protocols,
                    Redirects = redirects,
                    Shared = shared,
                    Clock = NowUs,
                    CostClock = _model.Engine.Detection.CountsCosts ? Stopwatch.GetTimestamp : null,
                    Stats = StatsIfDue,
                },
                i);
            _programs.Add(_workers[i]);
        }

        StartCosts();
        if (_model.Recorder.Enabled)
        {
            StartRecorders();
        }

        _attachment.Ports.Changed += _guests.OnPortChanged;
        _attachment.Ports.Changed += _ => _kernel?.EnforceSoon();
        _attachment.Ports.Changed += change => PortChanged?.Invoke(change);
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _coverage.Start([.. _workers.Select(worker => worker.Counters)]);
        _thread = new Thread(() => Run(ready)) { Name = "attachment", IsBackground = true };
        _thread.Start();
        return ready.Task.WaitAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _phase = PlanePhase.Stopping;
        _stop.Cancel();
        return Task.Run(() => _thread?.Join(), cancellationToken);
    }

    public void Dispose()
    {
        _costs?.Dispose();
        _kernel?.Dispose();
        _coverage.Dispose();
        _attachment.Dispose();
        _taps.Dispose();
        _stop.Dispose();
    }

    private void StartCosts()
    {
        if (_model.Engine.Detection.CountsCosts)
        {
            new RunFolder(_model.RunDirectory).Create();
            _costs = new Timer(_ => WriteCosts(), null, RuleCostFile.Every, RuleCostFile.Every);
        }
    }

    private void WriteCosts()
    {
        if (RuleCostFile.Sum(_workers.Select(worker => worker.RuleCosts)) is { } sum)
        {
            RuleCostFile.Write(_model.RunDirectory, sum.Rules, sum.Costs, _programs.LastReload ?? DateTimeOffset.UtcNow, _workers.Length);
        }
    }

    /// <summary>Other guests or actions.</summary>
    private JsonNode? Apply(JsonNode? body)
    {
        PolicyMessage message = PolicyMessage.From(body);
        _programs.Apply(message);
        _kernel?.Enforce();
        _bridge?.RefreshPorts(); // A guest's role may have a choice of its own for failures.
        return null;
    }

    /// <summary>The worker with what wraps it.</summary>
    private IFrameProcessor ProcessorOf(int worker)
    {
        IFrameProcessor processor = _recorders.Length > 0 ? _recorders[worker] : _workers[worker];
        if (_model.Keeping.Packets is { } packets && _border.FramesOf(worker) is { } log)
        {
            processor = _packetLogs[worker] = new PacketLog(_workers[worker], packets, log, processor);
        }

        return processor;
    }

    /// <summary>What is not the workers' own to count is put into their counters when a record is due.</summary>
    private StatsSnapshot? StatsIfDue(long nowUs)
    {
        if (_coverage.SnapshotIfDue(nowUs) is not { } snapshot)
        {
            return null;
        }

        for (int i = 0; i < _workers.Length; i++)
        {
            WorkerCounters counters = _workers[i].Counters;
            counters.Set(Counter.PcapLogWritten, _packetLogs[i]?.Written ?? 0);
            counters.Set(Counter.PcapLogFiltered, _packetLogs[i]?.Filtered ?? 0);
            counters.Set(Counter.FileStoreErrors, _keeping[i]?.Lost ?? 0);
            counters.Set(Counter.FileStoreOpenFilesMaxHit, _keeping[i]?.Refused ?? 0);
        }

        return snapshot;
    }

    private void StartRecorders()
    {
        RecorderModel recorder = _model.Recorder;
        var options = new FlightRecorderOptions { RingBytes = recorder.RingBytes, SnapBytes = recorder.SnapBytes, AfterFrames = recorder.AfterFrames };
        _recorders = [.. _workers.Select((worker, i) => new FlightRecorder(worker, (byte)i, options))];
        _recordings = new RecordingWriter(
            Path.Combine(_model.LogDirectory, PlaneProcess.RecordingsFolder), _recorders, id => _attachment.Ports.Find(id)?.Name ?? $"port{id}", message => Log.Warning(_logger, message), recorder.MaxFiles);
    }

    /// <summary>All captures that are in force from now on.</summary>
    private JsonNode? Capture(JsonNode? body)
    {
        if (_recorders.Length == 0)
        {
            throw new PlaneException("captures need the flight recorder, expected 'recorder: {enabled: yes}' in the configuration");
        }

        CaptureOrder[] orders =
        [
            .. (body?["captures"]?.AsArray() ?? []).Select(c => new CaptureOrder(
                c!["id"]!.GetValue<ulong>(),
                [.. c["macs"]!.AsArray().Select(m => m!.GetValue<ulong>())],
                IpAddress.TryParse(c["address"]!.GetValue<string>(), out IpAddress address) ? address : default)),
        ];
        foreach (FlightRecorder recorder in _recorders)
        {
            recorder.Captures = orders;
        }

        return null;
    }

    /// <summary>Asked by the daemon, which has read the configuration too: what it says of the guests is in the body.</summary>
    internal JsonObject Reload(JsonNode? body)
    {
        ReloadRequest? request = null;
        IReadOnlyList<string> errors = [];
        bool isRead = true;
        if (body?["policy"] is { } policy)
        {
            var diagnostics = new List<ConfigDiagnostic>();
            SourceTree.Copy = null;
            isRead = _model.File is { } file && DaemonConfigLoader.Load(file, diagnostics) is { } next && (request = new ReloadRequest(next, PolicyMessage.From(policy))) is not null;
            errors = [.. diagnostics.Select(d => d.ToString())];
        }

        bool isLoaded = isRead && TryReload(request, out errors);
        return new JsonObject { ["loaded"] = isLoaded, ["errors"] = new JsonArray([.. errors.Select(line => (JsonNode)line)]) };
    }

    private static long NowUs() => (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    private static ulong RandomKey() => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));

    private static int ExitCodeOf(AttachmentErrorKind kind) => kind switch
    {
        AttachmentErrorKind.Permission or AttachmentErrorKind.Unsupported => ExitCodes.MissingPrivilege,
        AttachmentErrorKind.BadArgument => ExitCodes.BadConfiguration,
        _ => ExitCodes.CannotAttach,
    };

    private void Run(TaskCompletionSource ready)
    {
        var hooks = new AttachmentHooks
        {
            Ready = () =>
            {
                foreach (BridgeModel bridge in _model.Bridges)
                {
                    Log.Inspecting(_logger, bridge.Name, _attachment.Ports.All.Count(p => p.Bridge == bridge.Name), _workers.Length, bridge.Fail);
                }

                _taps.Start(i => ProcessorOf(_attachment.WorkerCount + i), message => Log.Warning(_logger, message), _stop.Token);
                foreach (TapModel tap in _model.Taps)
                {
                    Log.Listening(_logger, tap.Device);
                }

                _phase = PlanePhase.Running;
                ready.TrySetResult();
                Ready?.Invoke();
            },
            Warning = message => Log.Warning(_logger, message),
        };
        AttachmentError? error = _attachment.Run(ProcessorOf, hooks, _stop.Token);
        _taps.Join();
        _recordings?.Dispose();
        foreach (PacketWorker worker in _workers)
        {
            worker.Finish();
        }

        foreach (PacketLog? log in _packetLogs)
        {
            log?.Dispose();
        }

        _programs.SaveDatasets();
        if (error is null)
        {
            return;
        }

        Error = error;
        if (!ready.TrySetException(new StartupException(ExitCodeOf(error.Kind), error.Message)))
        {
            Log.Ended(_logger, error.Message);
            Ended?.Invoke();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(200, LogLevel.Information, "inspecting {Bridge}: {Ports} ports, {Workers} workers, fail-{Fail}")]
        public static partial void Inspecting(ILogger logger, string bridge, int ports, int workers, FailChoice fail);

        [LoggerMessage(203, LogLevel.Information, "listening to {Device}")]
        public static partial void Listening(ILogger logger, string device);

        [LoggerMessage(201, LogLevel.Warning, "{Message}")]
        public static partial void Warning(ILogger logger, string message);

        [LoggerMessage(202, LogLevel.Error, "the data plane ended: {Message}")]
        public static partial void Ended(ILogger logger, string message);
    }
}
