using System.Net;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.GuestApi;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.Scanners.HashLists;
using BridgeGuard.Scanning.VerdictCache;
using BridgeGuard.Scanning.WireFiles;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Services;

/// <summary>The verdict cache, the scanners and the guest API, as configured; without scanning, files are only hashed.</summary>
public sealed partial class ScanningHost : IHostedService, IAsyncDisposable
{
    private readonly ScanningModel _model;
    private readonly GuestTable _guests;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger<ScanningHost> _logger;
    private readonly string _stateDirectory;
    private readonly WireFileSink? _sink;
    private readonly HashListFiles? _lists;
    private GuestApiServer? _api;
    private readonly VerdictChangeReporter? _changes;
    private readonly OutputHost _outputs;
    private GuestHitReporter? _hits;
    private AnswerSigner? _signer;

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
        var scanners = new List<IScanner>();
        if (_model.Clamd is { } address)
        {
            scanners.Add(ScannerCatalog.Find("clamd")!.Create(new ScannerOptions { Kind = "clamd", Address = address, MaxBytes = _model.MaxFileBytes }));
        }

        _lists = new HashListFiles(Cache, _model.BadHashLists, _model.GoodHashLists);
        Scans = new ScanService(Cache, scanners, new ScanOptions { MaxFileBytes = _model.MaxFileBytes }, logger: _logger);
        _lists.TurnedBad += Scans.ReportListed;
        _changes = new VerdictChangeReporter(Scans, outputs.Shared);
        _sink = new WireFileSink(Scans, id => guests.Get((ushort)id)?.Name, logger: _logger);
    }

    /// <summary>Null when scanning is off.</summary>
    public FileVerdictCache? Cache { get; }

    public ScanService? Scans { get; }

    public IFileSink? Sink => _sink;

    public IFileVerdicts? Verdicts => _sink;

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
        if (_model.GuestApiListen is { } listen)
        {
            if (!IPEndPoint.TryParse(listen, out IPEndPoint? endPoint) || endPoint.Port == 0)
            {
                throw new StartupException(ExitCodes.BadConfiguration, $"scanning.guest-api: '{listen}' is no address with a port, expected the form 169.254.1.1:8642");
            }

            _signer = AnswerSigner.LoadOrCreate(Path.Combine(_stateDirectory, "answers.key"));
            _api = new GuestApiServer(Scans, new GuestApiOptions { Http = [endPoint] }, _guests.Identify, _signer, loggers: _loggers);
            _hits = new GuestHitReporter(_api, _outputs.Shared);
            try
            {
                await _api.StartAsync(cancellationToken);
            }
            catch (IOException e)
            {
                throw new StartupException(ExitCodes.Failure, $"scanning.guest-api: cannot listen on {listen}: {e.InnerException?.Message ?? e.Message}");
            }
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_api is not null)
        {
            await _api.StopAsync(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_api is not null)
        {
            await _api.DisposeAsync();
        }

        _hits?.Dispose();
        _changes?.Dispose();
        _lists?.Dispose();
        if (_sink is not null)
        {
            await _sink.DisposeAsync();
        }

        if (Scans is not null)
        {
            await Scans.DisposeAsync();
        }

        if (Cache is not null)
        {
            await Cache.DisposeAsync();
        }

        _signer?.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(300, LogLevel.Warning, "{Line}")]
        public static partial void BadLine(ILogger logger, string line);
    }
}
