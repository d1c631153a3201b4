using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Daemon.Playbooks;
using BridgeGuard.Engine.Events;
using BridgeGuard.Outputs;
using BridgeGuard.Outputs.EveFile;
using BridgeGuard.Outputs.Webhook;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Services;

/// <summary>The rings that workers write to and the pump that empties them into EVE files and webhooks.</summary>
public sealed class OutputHost : IHostedService, IAsyncDisposable
{
    private readonly EventRing[] _rings;
    private readonly SharedEventSink _shared = new();
    private readonly OutputPump _pump;

    public OutputHost(DaemonModel model, GuestRegistry registry, GuestTable guests, PlaybookEngine playbooks, ILoggerFactory loggers)
    {
        // With two processes the workers' rings are shared memory, and come and go with the data planes.
        _rings = new EventRing[model.Processes == 1 ? model.AllWorkers : 0];
        for (int i = 0; i < _rings.Length; i++)
        {
            _rings[i] = new EventRing();
        }

        var outputs = new List<IOutput>
        {
            new EveFileOutput(
                new EveFileOptions { Name = "eve", Path = Path.Combine(model.LogDirectory, "eve.json"), FlushInterval = TimeSpan.FromMilliseconds(200) },
                loggers.CreateLogger<EveFileOutput>()),
        };
        if (model.Keeping.Files is { WriteFileInfo: true } files)
        {
            outputs.Add(new FileRecordOutput(files.Folder));
        }

        outputs.Add(new AddressLearner(registry, new StationBook(model.StateDirectory), guests.PortName));
        outputs.Add(playbooks);
        foreach (WebhookModel webhook in model.Webhooks)
        {
            outputs.Add(WebhookOutputs.Create(webhook, model.StateDirectory, loggers));
        }

        _pump = new OutputPump([.. _rings, _shared.Ring], outputs, loggers.CreateLogger<OutputPump>());
    }

    public OutputPump Pump => _pump;

    /// <summary>Where everybody but the workers writes events.</summary>
    public IEventSink Shared => _shared;

    /// <summary>Hands an event to one output by name, whatever its filter says; nothing when there is none of that name.</summary>
    public void SendTo(string name, in EventHeader header, ReadOnlySpan<byte> json)
    {
        foreach (IOutput output in _pump.Outputs)
        {
            if (output is WebhookOutput && output.Name == name)
            {
                output.Write(in header, json);
            }
        }
    }

    /// <summary>Where worker <paramref name="index"/> writes its events.</summary>
    public EventRing RingOf(int index) => _rings[index];

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _pump.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Empties the rings once more, then closes the outputs.</summary>
    public ValueTask DisposeAsync() => _pump.DisposeAsync();
}
