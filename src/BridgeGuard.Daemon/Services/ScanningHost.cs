using System.Net;
using System.Net.Sockets;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Admin;
using BridgeGuard.Scanning.Fleet;
using BridgeGuard.Scanning.GuestApi;
using BridgeGuard.Scanning.Isolation;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.Scanners.HashLists;
using BridgeGuard.Scanning.VerdictCache;
using BridgeGuard.Scanning.WireFiles;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Services;

/// <summary>The verdict cache, the scanners, the guests' channels and the control socket, as configured; without scanning, files are only hashed.</summary>
public sealed partial class ScanningHost : IHostedService, IAsyncDisposable
{
    /// <summary>In the state folder; what <c>bridgeguard cache</c> talks to.</summary>
    public const string AdminSocketName = "scan.sock";

    private readonly ScanningModel _model;
    private readonly GuestTable _guests;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger<ScanningHost> _logger;
    private readonly string _stateDirectory;
    private readonly WireFileSink? _sink;
    private readonly HashListFiles? _lists;
    private readonly VerdictChangeReporter? _changes;
    private readonly OutputHost _outputs;
    private readonly RedisFleetCache? _fleet;
    private GuestApiServer? _api;
    private GuestHitReporter? _hits;
    private AnswerSigner? _signer;
    private AdminServer? _admin;
    private VsockRelay? _vsock;

    public ScanningHost(DaemonModel model, GuestTable guests, OutputHost outputs, ILoggerFactory loggers)
    {
        _model = model.Scanning;
        _guests = guests;
        _loggers = loggers;
        _logger = loggers.CreateLogger<ScanningHost>();
        _stateDirectory = model.StateDirectory;
        _outputs = outputs;
        if (!_model.Enabled)
        {
            return;
        }

        Cache = new FileVerdictCache(new CacheOptions { Path = Path.Combine(_stateDirectory, "verdicts.db") }, logger: _logger);
        if (_model.Fleet is { } fleet)
        {
            // Returns at once whether or not anybody answers: it connects in the background.
            var options = new FleetOptions { Redis = fleet.Redis, Trusted = fleet.Trusted };
            _fleet = RedisFleetCache.OpenAsync(options, Signer(), _logger).GetAwaiter().GetResult();
        }

        _lists = new HashListFiles(Cache, _model.BadHashLists, _model.GoodHashLists);
        Scans = new ScanService(Cache, Scanners(_model, _logger), OptionsOf(_model), logger: _logger, fleet: _fleet);
        _lists.TurnedBad += Scans.ReportListed;
        _changes = new VerdictChangeReporter(Scans, outputs.Shared);
        var wire = new WireFileOptions { MaxBufferedBytesPerFile = _model.MaxFileBytes, MaxBufferedBytes = Math.Max(256L << 20, 2 * _model.MaxFileBytes) };
        _sink = new WireFileSink(Scans, id => guests.Get((ushort)id)?.Name, wire, _logger);
    }

    /// <summary>Null when scanning is off.</summary>
    public FileVerdictCache? Cache { get; }

    public ScanService? Scans { get; }

    public IFileSink? Sink => _sink;

    public IFileVerdicts? Verdicts => _sink;

    /// <summary>What the sink took and refused; null when scanning is off.</summary>
    public WireFileCounters? WireFiles => _sink?.Counters;

    /// <summary>What came of the fleet; null without one.</summary>
    public FleetCounters? Fleet => _fleet?.Counters;

    /// <summary>The scanners that a configuration names, in a process of their own unless it says otherwise.</summary>
    public static IReadOnlyList<IScanner> Scanners(ScanningModel model, ILogger? logger = null)
    {
        var options = new List<ScannerOptions>();
        if (model.Clamd is { } address)
        {
            options.Add(new ScannerOptions { Kind = "clamd", Address = address, SignatureDirectory = model.ClamdSignatures, MaxBytes = model.MaxFileBytes });
        }

        if (model.Yara is { } rules)
        {
            options.Add(new ScannerOptions { Kind = "yara", Address = rules, MaxBytes = model.MaxFileBytes });
        }

        if (model.Icap is { } icap)
        {
            options.Add(new ScannerOptions { Kind = "icap", Address = icap, MaxBytes = model.MaxFileBytes });
        }

        if (options.Count > 0 && model.Isolate)
        {
            return new ScannerProcess(new ScannerProcessOptions { Scanners = options }, logger).Scanners();
        }

        return [.. options.Select(o => ScannerCatalog.Find(o.Kind)!.Create(o))];
    }

    /// <summary>Limits of scanning as configured.</summary>
    public static ScanOptions OptionsOf(ScanningModel model) => new() { MaxFileBytes = model.MaxFileBytes };

    /// <summary>Serves a data plane in another process until its stream ends.</summary>
    public Task ServeFilesAsync(Stream stream, CancellationToken cancellationToken) =>
        _sink is null ? Task.CompletedTask : new FileChannelServer(_sink, Scans!).RunAsync(stream, cancellationToken);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (Scans is null)
        {
            return;
        }

        foreach (HashListError error in _lists!.Load())
        {
            Log.BadLine(_logger, error.ToString());
        }

        _lists.Watch(TimeSpan.FromSeconds(5));
        await Scans.StartAsync(cancellationToken);
        await StartChannelsAsync(cancellationToken);
        _admin = new AdminServer(new CacheAdmin(Cache!, Scans), Path.Combine(_stateDirectory, AdminSocketName), _loggers);
        try
        {
            await _admin.StartAsync(cancellationToken);
        }
        catch (IOException e)
        {
            throw new StartupException(ExitCodes.Failure, $"state-directory: cannot listen on {_admin.SocketPath}: {e.InnerException?.Message ?? e.Message}");
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _vsock?.Dispose();
        _vsock = null;
        if (_api is not null)
        {
            await _api.StopAsync(cancellationToken);
        }

        if (_admin is not null)
        {
            await _admin.StopAsync(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _vsock?.Dispose();
        await DisposeAsync(_admin);
        await DisposeAsync(_api);
        _hits?.Dispose();
        _changes?.Dispose();
        _lists?.Dispose();
        await DisposeAsync(_sink);
        await DisposeAsync(Scans);
        await DisposeAsync(_fleet);
        await DisposeAsync(Cache);
        _signer?.Dispose();
    }

    private static ValueTask DisposeAsync(IAsyncDisposable? part) => part?.DisposeAsync() ?? ValueTask.CompletedTask;

    private AnswerSigner Signer() => _signer ??= AnswerSigner.LoadOrCreate(Path.Combine(_stateDirectory, "answers.key"));

    private async Task StartChannelsAsync(CancellationToken cancellationToken)
    {
        List<EndPoint> http = [.. Address("guest-api", _model.GuestApiListen)];
        List<EndPoint> clamd = [.. Address("guest-clamd", _model.GuestClamdListen)];
        AddGuestSockets(http, clamd);
        if (http.Count + clamd.Count == 0)
        {
            return;
        }

        _api = new GuestApiServer(Scans!, new GuestApiOptions { Http = http, Clamd = clamd }, _guests.Identify, Signer(), loggers: _loggers);
        _hits = new GuestHitReporter(_api, _outputs.Shared, ledger: hash => Cache!.FindExposures(hash, 100));
        try
        {
            await _api.StartAsync(cancellationToken);
        }
        catch (IOException e)
        {
            string where = string.Join(", ", http.Concat(clamd).Select(a => a.ToString()));
            throw new StartupException(ExitCodes.Failure, $"scanning: cannot listen on {where}: {e.InnerException?.Message ?? e.Message}");
        }

        if (_model.GuestVsockPort > 0 && _model.GuestSockets is { } folder)
        {
            _vsock = VsockRelay.TryStart(
                (uint)_model.GuestVsockPort, cid => _model.GuestCids.TryGetValue(cid, out string? name) ? Path.Combine(folder, name + GuestTable.HttpSuffix) : null,
                out int error);
            if (_vsock is null)
            {
                Log.NoVsock(_logger, error);
            }
        }
    }

    /// <summary>Two sockets for each guest, whose path is the guest's identity: a virtio-serial port of its machine is joined to one by QEMU.</summary>
    private void AddGuestSockets(List<EndPoint> http, List<EndPoint> clamd)
    {
        if (_model.GuestSockets is not { } folder)
        {
            return;
        }

        Directory.CreateDirectory(folder);
        foreach (string guest in _guests.Names)
        {
            http.Add(new UnixDomainSocketEndPoint(Path.Combine(folder, guest + GuestTable.HttpSuffix)));
            clamd.Add(new UnixDomainSocketEndPoint(Path.Combine(folder, guest + GuestTable.ClamdSuffix)));
        }
    }

    private static IEnumerable<EndPoint> Address(string key, string? text)
    {
        if (text is null)
        {
            return [];
        }

        return IPEndPoint.TryParse(text, out IPEndPoint? endPoint) && endPoint.Port != 0 ? [endPoint]
            : throw new StartupException(ExitCodes.BadConfiguration, $"scanning.{key}: '{text}' is no address with a port, expected the form 169.254.1.1:8642");
    }

    private static partial class Log
    {
        [LoggerMessage(300, LogLevel.Warning, "{Line}")]
        public static partial void BadLine(ILogger logger, string line);

        [LoggerMessage(301, LogLevel.Warning, "scanning.guest-vsock: this host has no vsock (error {Error}); guests are answered over their other channels")]
        public static partial void NoVsock(ILogger logger, int error);
    }
}
