using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments.Nfqueue;

/// <summary>Inline through netfilter queues: for hosts where eBPF is not allowed, and where every byte must be inspected and nothing rewritten.</summary>
/// <remarks>
/// Sees IP packets that a bridge forwards between its ports; with br_netfilter neither ARP nor other protocols, nor (unless the host says so) tagged
/// frames, nor what the host itself sends. Works in the network namespace of the thread that calls it. See README.md.
/// </remarks>
public sealed class NfqueueAttachment(NfqueueOptions options) : IWireAttachment
{
    private const int WatchMs = 100;
    private const long RefreshEveryMs = 1000;

    private readonly List<QueueSocket> _sockets = [];
    private readonly List<NfqueueWorker> _workers = [];
    private QueueRules? _rules;
    private NfqueuePorts? _ports;

    public string Name => "nfqueue";

    public int WorkerCount { get; } = Math.Clamp(options.WorkerCount, 1, KernelLayout.MaxQueues);

    /// <inheritdoc/>
    public PortTable Ports { get; } = new();

    public AttachmentStats Stats => _workers.Aggregate(default(AttachmentStats), (sum, worker) => sum + worker.Stats);

    /// <inheritdoc/>
    public long Faults => _workers.Sum(worker => worker.Faults);

    /// <inheritdoc/>
    public long Lost => 0;

    /// <inheritdoc/>
    public long AllocatedBytes => _workers.Sum(worker => worker.AllocatedBytes);

    /// <summary>Rewritten large segments that were dropped because the kernel would not take them; see <see cref="NfqueueOptions.Gso"/>.</summary>
    public long ModifyRefused => _workers.Sum(worker => worker.ModifyRefused);

    /// <summary>The last exception that came out of a processor; null is well.</summary>
    public Exception? LastFault => _workers.Find(worker => worker.LastFault is not null)?.LastFault;

    /// <summary>How packets reach the queues.</summary>
    public NfqueueRules Way => _rules?.Way ?? NfqueueRules.None;

    public AttachmentError? Open()
    {
        _ports = new NfqueuePorts(options.Bridges, Ports, options.Fail);
        AttachmentError? error = _ports.Refresh() ?? CheckBridges();
        uint flags = (options.Fail == FailMode.Open ? QueueSocket.FlagFailOpen : 0) | (options.Gso ? QueueSocket.FlagGso : 0);
        for (int i = 0; i < WorkerCount && error is null; i++)
        {
            if (QueueSocket.TryBind((ushort)(options.FirstQueue + i), options.QueueLength, flags, out error) is { } socket)
            {
                _sockets.Add(socket);
            }
        }

        return error;
    }

    public AttachmentError? Run(Func<int, IFrameProcessor> processorOf, AttachmentHooks hooks, CancellationToken stop)
    {
        List<Thread> threads = [];
        for (int i = 0; i < WorkerCount; i++)
        {
            NfqueueWorker worker = new(i, _sockets[i], processorOf(i), _ports!, options);
            _workers.Add(worker);
            Thread thread = new(worker.Run) { IsBackground = true, Name = $"bg-queue-{options.FirstQueue + i}" };
            threads.Add(thread);
            thread.Start();
        }

        _rules = new QueueRules(options);
        AttachmentError? error = _rules.Make();
        if (error is null)
        {
            hooks.Ready?.Invoke();
            Watch(stop);
            error = _workers.Exists(worker => !worker.IsRunning) ? new AttachmentError(AttachmentErrorKind.Failed, "a queue's thread has ended") : null;
        }

        // The rules first: what is queued already still gets its verdict.
        _rules.Dispose();
        Thread.Sleep(WatchMs);
        _workers.ForEach(worker => worker.Stop());
        threads.ForEach(thread => thread.Join());
        return error;
    }

    /// <inheritdoc/>
    public PortCounters ReadCounters(ushort portId)
    {
        TrafficCount inspected = _ports?.Inspected(portId) ?? default;
        return new PortCounters { Seen = inspected, Punted = inspected };
    }

    public void Dispose()
    {
        _rules?.Dispose();
        _sockets.ForEach(socket => socket.Dispose());
    }

    private void Watch(CancellationToken stop)
    {
        long refreshed = Environment.TickCount64;
        while (!stop.WaitHandle.WaitOne(WatchMs) && _workers.TrueForAll(worker => worker.IsRunning))
        {
            if (Environment.TickCount64 - refreshed >= RefreshEveryMs)
            {
                refreshed = Environment.TickCount64;
                _ports!.Refresh();
            }
        }
    }

    private AttachmentError? CheckBridges()
    {
        List<LinkRecord> links = [];
        AttachmentError? error = PortWatcher.Snapshot(links);
        foreach (string name in options.Bridges)
        {
            error ??= links.Exists(link => link.Name == name && link.Kind == "bridge") ? null
                : links.Exists(link => link.Name == name) ? new AttachmentError(AttachmentErrorKind.BadArgument, $"{name} is not a bridge")
                : new AttachmentError(AttachmentErrorKind.NotFound, $"bridge {name} does not exist");
        }

        return error;
    }
}
