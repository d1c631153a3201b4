using System.Security.Cryptography;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Worker;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using FailMode = BridgeGuard.Daemon.Configuration.FailMode;
using PortMode = BridgeGuard.Daemon.Configuration.PortMode;

namespace BridgeGuard.Daemon.Services;

/// <summary>Attaches to the bridges, drives the workers, and detaches; traffic is touched only while this runs.</summary>
public sealed partial class DataPlane : IHostedService, IDisposable
{
    private readonly DaemonModel _model;
    private readonly ProgramSource _programs;
    private readonly OutputHost _outputs;
    private readonly ScanningHost _scanning;
    private readonly GuestTable _guests;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILogger<DataPlane> _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly BridgeAttachment _attachment;
    private readonly PacketWorker[] _workers;
    private Thread? _thread;

    public DataPlane(
        DaemonModel model,
        ProgramSource programs,
        OutputHost outputs,
        ScanningHost scanning,
        GuestTable guests,
        IHostApplicationLifetime lifetime,
        ILogger<DataPlane> logger)
    {
        _model = model;
        _programs = programs;
        _outputs = outputs;
        _scanning = scanning;
        _guests = guests;
        _lifetime = lifetime;
        _logger = logger;
        _attachment = new BridgeAttachment(OptionsOf(model));
        _workers = new PacketWorker[_attachment.WorkerCount];
    }

    /// <summary>Set when the run ended by itself with an error.</summary>
    public AttachmentError? Failure { get; private set; }

    public IReadOnlyList<PacketWorker> Workers => _workers;

    public BridgeAttachment Attachment => _attachment;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (_attachment.Open() is { } error)
        {
            throw new StartupException(ExitCodeOf(error.Kind), error.Message);
        }

        var protocols = new ProtocolDetector(_model.Engine.AppLayer);
        var redirects = new RedirectTable();
        var shared = new SharedState();
        var key = new FlowHash(RandomKey(), RandomKey());
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new PacketWorker(
                new WorkerEnvironment
                {
                    Settings = _model.Engine,
                    Events = _outputs.RingOf(i),
                    Guests = _guests,
                    FlowHash = key,
                    FileSink = _scanning.Sink,
                    FileVerdicts = _scanning.Verdicts,
                    Protocols = protocols,
                    Redirects = redirects,
                    Shared = shared,
                },
                i);
            _programs.Add(_workers[i]);
        }

        _attachment.Ports.Changed += _guests.OnPortChanged;
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _thread = new Thread(() => Run(ready)) { Name = "attachment", IsBackground = true };
        _thread.Start();
        return ready.Task.WaitAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _stop.Cancel();
        return Task.Run(() => _thread?.Join(), cancellationToken);
    }

    public void Dispose()
    {
        _attachment.Dispose();
        _stop.Dispose();
    }

    private static BridgeOptions OptionsOf(DaemonModel model)
    {
        // One attachment takes all bridges; options that differ between bridges go to their ports by name.
        var ports = new Dictionary<string, PortOptions>();
        foreach (BridgeModel bridge in model.Bridges)
        {
            foreach ((string name, PortMode mode) in bridge.PortModes)
            {
                ports[name] = new PortOptions { Mode = ModeOf(mode), WhenStale = FailOf(bridge.PortFails[name]), WhenOverloaded = FailOf(bridge.PortFails[name]) };
            }
        }

        BridgeModel first = model.Bridges[0];
        return new BridgeOptions
        {
            Bridges = [.. model.Bridges.Where(b => b.Mode != PortMode.Off).Select(b => b.Name)],
            WorkerCount = model.Workers,
            HeartbeatMs = model.HeartbeatMs,
            WhenStale = FailOf(first.Fail),
            WhenOverloaded = FailOf(first.Fail),
            DefaultMode = ModeOf(first.Mode),
            Ports = ports,
        };
    }

    private static Attachments.Bridge.PortMode ModeOf(PortMode mode) => mode switch
    {
        PortMode.Off => Attachments.Bridge.PortMode.Off,
        PortMode.Monitor => Attachments.Bridge.PortMode.Mirror,
        _ => Attachments.Bridge.PortMode.Inline,
    };

    private static Attachments.Bridge.FailMode FailOf(FailMode mode) =>
        mode == FailMode.Closed ? Attachments.Bridge.FailMode.Closed : Attachments.Bridge.FailMode.Open;

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

                ready.TrySetResult();
            },
            Warning = message => Log.Warning(_logger, message),
        };
        AttachmentError? error = _attachment.Run(i => _workers[i], hooks, _stop.Token);
        foreach (PacketWorker worker in _workers)
        {
            worker.Finish();
        }

        _programs.SaveDatasets();
        if (error is null)
        {
            return;
        }

        Failure = error;
        if (!ready.TrySetException(new StartupException(ExitCodeOf(error.Kind), error.Message)))
        {
            Log.Ended(_logger, error.Message);
            _lifetime.StopApplication();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(200, LogLevel.Information, "inspecting {Bridge}: {Ports} ports, {Workers} workers, fail-{Fail}")]
        public static partial void Inspecting(ILogger logger, string bridge, int ports, int workers, FailMode fail);

        [LoggerMessage(201, LogLevel.Warning, "{Message}")]
        public static partial void Warning(ILogger logger, string message);

        [LoggerMessage(202, LogLevel.Error, "the data plane ended: {Message}")]
        public static partial void Ended(ILogger logger, string message);
    }
}
