using BridgeGuard.Attachments.Wrappers;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Engine.Events;
using BridgeGuard.Outputs;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Keeping;

/// <summary>The daemon's side of what is kept on disk: a pump of its own with the rings that files, certificates and frames come through.</summary>
public sealed class KeepingHost : IHostedService, IAsyncDisposable
{
    private readonly DaemonModel _model;
    private readonly KeepingOutput? _output;
    private readonly OutputPump? _pump;
    private readonly EventRing[] _files = [];
    private readonly EventRing[] _frames = [];

    public KeepingHost(DaemonModel model, ILoggerFactory loggers)
    {
        _model = model;
        if (model.Keeping.IsEmpty)
        {
            return;
        }

        _output = new KeepingOutput(model.Keeping, loggers.CreateLogger<KeepingHost>());
        if (model.Processes == 1)
        {
            _files = model.Keeping.HasFiles ? [.. Enumerable.Range(0, model.AllWorkers).Select(_ => new EventRing(model.Keeping.FileRingBytes))] : [];
            _frames = model.Keeping.Packets is null ? [] : [.. Enumerable.Range(0, model.AllWorkers).Select(_ => new EventRing(model.Keeping.FrameRingBytes))];
        }

        _pump = new OutputPump([.. _files, .. _frames], [_output], loggers.CreateLogger<OutputPump>());
    }

    /// <summary>Drains the rings; null when nothing is kept.</summary>
    public OutputPump? Pump => _pump;

    public long FilesStored => _output?.FilesStored ?? 0;

    /// <summary>Files and chains that the disk did not take.</summary>
    public long FileErrors => (_output?.FileErrors ?? 0) + (_output?.CertificateErrors ?? 0);

    public long FramesWritten => _output?.FramesWritten ?? 0;

    /// <summary>Frames that the disk did not take.</summary>
    public long FramesLost => _output?.FramesLost ?? 0;

    /// <summary>A worker's end, with one process.</summary>
    internal WorkerKeeping? FilesOf(int worker) => worker < _files.Length
        ? new WorkerKeeping(_files[worker], Environment.TickCount64, worker, _model.AllWorkers, _model.Keeping.Files?.MaxOpenFiles ?? 1) : null;

    /// <summary>A worker's end of the frames, with one process.</summary>
    internal IFrameLog? FramesOf(int worker) => worker < _frames.Length ? new FrameRingLog(_frames[worker], worker) : null;

    /// <summary>Data planes that have ended, and whose rings are empty. Any thread.</summary>
    internal void Forget(IReadOnlySet<uint> dead) => _output?.Forget(dead);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (_output is not null)
        {
            // Rings of data planes that go on, or whose last words nobody has read yet; all others' files will never be whole.
            var alive = new RunFolder(_model.RunDirectory).Files(RunFolder.KeptKind).Select(file => (uint)RunFolder.GenerationOf(file)).ToHashSet();
            _output.RemoveAllBut(alive);
            _pump!.Start();
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Empties the rings once more, then closes the files.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_pump is not null)
        {
            await _pump.DisposeAsync();
        }
    }
}
