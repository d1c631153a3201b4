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
    private readonly string _stateDirectory;
    private readonly ILoggerFactory _loggers;
    private IReadOnlyList<WebhookModel> _webhooks;

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
        _stateDirectory = model.StateDirectory;
        _loggers = loggers;
        _webhooks = model.Webhooks;
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

    /// <summary>Other webhooks from the next event on: those that are as they were go on undisturbed, what a changed one has in its journal is sent by the new one.</summary>
    public void Apply(IReadOnlyList<WebhookModel> next)
    {
        IReadOnlyList<WebhookModel> before = _webhooks;
        if (before.Count == next.Count && before.Zip(next).All(pair => pair.First.Says(pair.Second)))
        {
            return;
        }

        _pump.Change(outputs =>
        {
            var changed = new List<IOutput>();
            foreach (IOutput output in outputs)
            {
                if (output is not WebhookOutput || next.Any(model => model.Name == output.Name && before.Any(model.Says)))
                {
                    changed.Add(output);
                }
                else
                {
                    output.DisposeAsync().AsTask().GetAwaiter().GetResult();
                }
            }

            changed.AddRange(next.Where(model => !before.Any(model.Says)).Select(model => WebhookOutputs.Create(model, _stateDirectory, _loggers)));
            return changed;
        });
        _webhooks = next;
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
