using System.Numerics;
using System.Security.Cryptography;
using BridgeGuard.Attachments.Bridge.Decisions;
using BridgeGuard.Attachments.Interop;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>Inline on existing Linux bridges: eBPF programs on the ports, undecided frames through a TAP, decided flows in the kernel. See README.md.</summary>
/// <remarks>Needs root (or CAP_BPF and CAP_NET_ADMIN), Linux 6.6 and /dev/net/tun. Works in the network namespace of the thread that calls it.</remarks>
public sealed class BridgeAttachment(BridgeOptions options) : IWireAttachment
{
    private const int MaxDefaultWorkers = 8;
    private const int WatchMs = 100;

    /// <summary>A busy host must not keep new ports waiting for their programs; it is little work.</summary>
    private const int WatcherNice = -20;
    private const int DrainMs = 250;
    private const long AgeEveryMs = 5_000;

    private readonly uint _mark = NewMark();
    private readonly List<BridgeWorker> _workers = [];
    private readonly List<Thread> _threads = [];
    private KernelPrograms? _programs;
    private PuntDevice? _device;
    private PinStore? _pins;
    private PortWatcher? _watcher;
    private bool _wasReady;
    private PortAttacher? _attacher;
    private FlowDecisions? _flows;
    private FileDescriptor? _puntLink;
    private readonly List<PortFence> _fences = [];

    /// <summary>The kernel could not be told of which bridges.</summary>
    private bool _fencesEveryBridge;

    public string Name => "bridge";

    public int WorkerCount { get; } = Math.Clamp(
        options.WorkerCount > 0 ? options.WorkerCount : Math.Min(MaxDefaultWorkers, Environment.ProcessorCount), 1, KernelLayout.MaxQueues);

    /// <summary>The ports now attached, and what is behind them.</summary>
    public PortTable Ports { get; } = new();

    /// <summary>What the kernel decides by itself; null before <see cref="Open"/> has succeeded.</summary>
    public BridgeDecisions? Decisions { get; private set; }

    /// <summary>A stop leaves no trace; otherwise ports stay closed that are to be closed after a stop.</summary>
    public bool StopsClean { get; set; }

    public AttachmentStats Stats => _workers.Aggregate(default(AttachmentStats), (sum, worker) => sum + worker.Stats);

    /// <summary>Frames whose processor threw an exception.</summary>
    public long Faults => _workers.Sum(worker => worker.Faults);

    /// <summary>Frames that vanished between a port and its worker's queue.</summary>
    public long Lost => _workers.Sum(worker => worker.Lost);

    /// <summary>Bytes that the workers' threads have allocated since they began; about a tick old.</summary>
    public long AllocatedBytes => _workers.Sum(worker => worker.AllocatedBytes);

    /// <summary>The last exception that came out of a processor; null is well.</summary>
    public Exception? LastFault => _workers.Find(worker => worker.LastFault is not null)?.LastFault;

    public AttachmentError? Open()
    {
        AttachmentError? error = CheckBridges();
        error ??= PuntDevice.TryCreate(options.PuntDevice, WorkerCount, queueLength: 2 * options.BacklogFrames, out _device);
        error ??= KernelPrograms.TryLoad(options.DecidedFlows, out _programs);
        error ??= PreparePins();
        if (error is not null)
        {
            return error;
        }

        uint flags = options.SteerByPorts ? KernelLayout.StateSteerTuple : 0;
        uint seed = (uint)RandomNumberGenerator.GetInt32(int.MaxValue);
        _programs!.State.Configure(_mark, _device!.IfIndex, WorkerCount, seed, options.HeartbeatMs * 1_000_000L, options.BacklogFrames, flags, Stamp());
        _flows = new FlowDecisions(_programs);
        _attacher = new PortAttacher(options, _programs, Ports, _pins!);
        _watcher = new PortWatcher(options.Bridges, _attacher, Ports);
        Decisions = new BridgeDecisions(_programs, _attacher, Ports, _flows);
        Ports.Changed += change =>
        {
            if (change is { Before: { } gone, After: null })
            {
                Decisions.Forget(gone.PortId);
            }
        };
        return _device.SetSteering(_programs.SteerProgram) ?? AttachPuntProgram() ?? _device.BringUp() ?? CloseUntilReady();
    }

    public AttachmentError? Run(Func<int, IFrameProcessor> processorOf, AttachmentHooks hooks, CancellationToken stop)
    {
        for (int i = 0; i < WorkerCount; i++)
        {
            _workers.Add(new BridgeWorker(i, _device!, processorOf(i), _programs!.State, _flows!, Ports, options));
        }

        StartThreads();
        Heartbeat heartbeat = new(_programs!.State, _workers, options.HeartbeatMs);
        heartbeat.Start();
        _watcher!.Warn = hooks.Warning;
        _attacher!.IsStarting = false;
        AttachmentError? error = _watcher.Start() ?? FirstUncoveredBridge();
        if (error is null)
        {
            _wasReady = true;
            _pins!.RemoveOthers();
            PutFences(hooks);
            hooks.Ready?.Invoke();
            Watch(_watcher, stop);
            bool isCrash = !stop.IsCancellationRequested;
            bool StaysClosed(PortInfo port) => !StopsClean && (isCrash ? port.WhenCrashed : port.WhenStopped) == FailMode.Closed;
            _attacher.DetachAll(StaysClosed);
            RemoveFences(StaysClosed);
        }

        WaitForDrain();
        _workers.ForEach(worker => worker.Stop());
        _threads.ForEach(thread => thread.Join());
        heartbeat.Dispose();
        return error ?? WorkerError(stop);
    }

    /// <summary>What the kernel did with the frames of a port; zeros for an unknown one.</summary>
    public PortCounters ReadCounters(ushort portId) => _attacher?.Read(portId) ?? default;

    /// <summary>How often the kernel had more news of devices than it could keep; all ports are looked at again then.</summary>
    internal int Overruns => _watcher?.Overruns ?? 0;

    /// <summary>Makes ready for another data plane to take the ports over; this one goes on until that one has them. Null on success.</summary>
    public AttachmentError? HandOver()
    {
        if (_attacher is null || !_wasReady)
        {
            return new AttachmentError(AttachmentErrorKind.Failed, "nothing is attached yet");
        }

        AttachmentError? error = _attacher.HandOver();
        LiftFences(error is null);
        return error;
    }

    /// <summary>The other one did not come.</summary>
    public void TakeBack()
    {
        _attacher?.TakeBack();
        LiftFences(_fencesEveryBridge && _watcher!.HasOtherBridges);
    }

    /// <summary>Reads anew what the options and roles say of the ports there are.</summary>
    public void RefreshPorts() => _attacher?.Refresh();

    public void Dispose()
    {
        // A start that failed leaves the ports closed that were to be closed until it inspects.
        _attacher?.DetachAll(port => !_wasReady && port.WhenStarting == FailMode.Closed);
        _pins?.RemoveOwn(_attacher?.Left ?? []);
        _watcher?.Dispose();
        _puntLink?.Dispose();
        _device?.Dispose();
        if (_threads.TrueForAll(thread => !thread.IsAlive))
        {
            _programs?.Dispose();
        }
    }

    /// <summary>
    /// Removes what a daemon that was killed left in this network namespace, unless one is running; one line for each thing removed.
    /// </summary>
    public static IReadOnlyList<string> Cleanup(BridgeOptions options)
    {
        List<LinkRecord> links = [];
        if (PortWatcher.Snapshot(links) is not null || links.Exists(link => options.PuntDevices.Contains(link.Name)))
        {
            return [];
        }

        List<string> done = [];
        int removed = PinStore.RemoveLeftovers(options.PinFolder, options.PuntDevices[0]);
        if (removed > 0)
        {
            done.Add($"{removed} pinned program links below {options.PinFolder}");
        }

        done.AddRange(options.PuntDevices.SelectMany(device => (string[])[PortFence.TableOf(device, false), PortFence.TableOf(device, true)])
            .Where(PortFence.Remove).Select(table => $"nftables table {table}"));

        // Only ports of bridges have ours, and only where they have no tcx links.
        done.AddRange(links.Where(link => (link.Master != 0 || link.Kind == "bridge") && TrafficFilter.Detach(link.IfIndex, removesDiscipline: true))
            .Select(link => $"filter of {link.Name}"));
        return done;
    }

    /// <summary>The network namespace of a process (0: the calling thread) as the folders of pins name it.</summary>
    public static string NamespaceOf(int processId) => PinStore.NamespaceOf(processId);

    /// <summary>Does what a process without the right to mount cannot: makes sure of a place for pins. What fails here is told by <see cref="Open"/>.</summary>
    public static void PrepareHost(string pinFolder) => PinStore.Mount(pinFolder);

    /// <summary>Removes every pinned link of a namespace, whoever's it is, and in the own one the fence of unknown ports; how many links.</summary>
    public static int RemovePins(string pinFolder, string space)
    {
        if (space == PinStore.NamespaceOf(0))
        {
            foreach (string device in (string[])[BridgeOptions.DefaultPuntDevice, BridgeOptions.SecondPuntDevice])
            {
                PortFence.Remove(PortFence.TableOf(device, stays: true));
            }
        }

        return PinStore.RemoveAll(pinFolder, space);
    }

    /// <summary>Asks a process to end (SIGTERM).</summary>
    public static void Terminate(int processId) => Libc.Kill(processId, 15);

    /// <summary>
    /// What the programs of this host put on frames that they have seen. The same for all data planes, so that one that takes over knows its predecessor's
    /// frames; from the boot's number, so that it is not everywhere the same.
    /// </summary>
    private static ushort Stamp()
    {
        uint mixed = 2166136261;
        foreach (char c in File.ReadAllText("/proc/sys/kernel/random/boot_id"))
        {
            mixed = (mixed ^ c) * 16777619;
        }

        return (ushort)(1 + (mixed % ushort.MaxValue));
    }

    private AttachmentError? CheckBridges()
    {
        List<LinkRecord> links = [];
        AttachmentError? error = PortWatcher.Snapshot(links);
        foreach (string name in options.Bridges)
        {
            if (error is not null)
            {
                return error;
            }

            int at = links.FindIndex(link => link.Name == name);
            error = at < 0 ? new AttachmentError(AttachmentErrorKind.NotFound, $"bridge {name} does not exist")
                : links[at].Kind != "bridge" ? new AttachmentError(AttachmentErrorKind.BadArgument, $"{name} is not a bridge")
                : null;
        }

        return error;
    }

    private AttachmentError? PreparePins()
    {
        bool anyClosed = (options.WhenCrashed ?? options.WhenStale) == FailMode.Closed
            || options.Ports.Values.Concat(options.BridgeDefaults.Values).Any(port => (port.WhenCrashed ?? port.WhenStale) == FailMode.Closed);
        _pins = new PinStore(options.PinFolder, options.PuntDevices[0], _mark);
        AttachmentError? error = anyClosed || options.RoleOptions is not null ? _pins.Prepare() : null;

        // That a role wants some guest's port closed is known only when there is one; without a place for pins it is told then.
        return anyClosed ? error : null;
    }

    /// <summary>Ports that are closed at the start are closed from here on: rules may take long to load.</summary>
    private AttachmentError? CloseUntilReady()
    {
        if (!_programs!.SetAlive(_device!.IfIndex))
        {
            return new AttachmentError(AttachmentErrorKind.Failed, $"punt device {options.PuntDevice}: the kernel does not watch it: {Libc.LastMessage()}");
        }

        bool anyClosed = options.WhenStarting == FailMode.Closed || options.RoleOptions is not null
            || options.Ports.Values.Concat(options.BridgeDefaults.Values).Any(port => port.WhenStarting == FailMode.Closed);
        if (!anyClosed || options.TakesOver)
        {
            return null;
        }

        _attacher!.IsStarting = true;
        return _watcher!.Start();
    }

    private AttachmentError? AttachPuntProgram()
    {
        int fd = options.Hook == KernelHook.Clsact ? -1 : Bpf.CreateTcxLink(_programs!.PuntProgram, _device!.IfIndex, Bpf.AttachTcxIngress);
        int error = fd < 0 && options.Hook != KernelHook.Clsact ? Libc.LastError() : 0;
        if (fd < 0 && options.Hook != KernelHook.Tcx && error is 0 or Libc.ErrorInvalid)
        {
            // The device goes with this process, and the filter with the device.
            error = TrafficFilter.Attach(_device!.IfIndex, isEgress: false, _programs!.PuntProgram, out _);
            return error == 0 ? null : new AttachmentError(AttachmentErrorKind.Unsupported, $"punt device {options.PuntDevice}: {PortAttacher.FilterFailure(error)}");
        }

        if (fd < 0)
        {
            AttachmentErrorKind kind = error == Libc.ErrorPermission ? AttachmentErrorKind.Permission : AttachmentErrorKind.Unsupported;
            return new AttachmentError(kind, $"punt device {options.PuntDevice}: {PortAttacher.LinkFailure()}");
        }

        _puntLink = new FileDescriptor(fd);
        return null;
    }

    /// <summary>From here on two ports that nobody has told of do not reach each other.</summary>
    private void PutFences(AttachmentHooks hooks)
    {
        foreach (string device in options.PuntDevices)
        {
            // A predecessor's, who is dead or has given its ports away.
            PortFence.Remove(PortFence.TableOf(device, stays: true));
        }

        ILookup<bool, string> kinds = options.Bridges.Where(_attacher!.InspectsUnknown).ToLookup(_attacher.ClosesUnknown);
        foreach (IGrouping<bool, string> bridges in kinds)
        {
            string table = PortFence.TableOf(options.PuntDevice, stays: bridges.Key);
            int[] known = [.. Ports.All.Select(port => port.IfIndex)];
            PortFence? fence = PortFence.TryPut(table, [.. bridges], _mark, bridges.Key, known, out int error);
            if (fence is null && error == Libc.ErrorNotSupported && kinds.Count == 1 && !_watcher!.HasOtherBridges)
            {
                // This kernel cannot tell bridges apart there; with no other one it need not.
                fence = PortFence.TryPut(table, [], _mark, bridges.Key, known, out error);
                _fencesEveryBridge = true;
                _watcher.OtherBridge = () => LiftFences(true);
            }

            if (fence is null)
            {
                hooks.Warning?.Invoke($"what two ports exchange that are plugged into {string.Join(", ", bridges)} at the same moment goes by unseen for that moment: "
                    + $"this kernel cannot filter between bridge ports (nftables family bridge, error {error})");
                continue;
            }

            lock (_fences)
            {
                _fences.Add(fence);
            }

            Ports.Changed += change => TellFence(fence, in change);
            _watcher!.Handled += fence.Flush;
        }
    }

    private static void TellFence(PortFence fence, in PortChange change)
    {
        if (change is { Before: null, After: { } added })
        {
            fence.Tell(added.IfIndex, true);
        }
        else if (change is { Before: { } gone, After: null })
        {
            fence.Tell(gone.IfIndex, false);
        }
    }

    private void LiftFences(bool isLifted)
    {
        lock (_fences)
        {
            _fences.ForEach(fence => fence.Lift(isLifted));
        }
    }

    private void RemoveFences(Func<PortInfo, bool> stayClosed)
    {
        lock (_fences)
        {
            foreach (PortFence fence in _fences)
            {
                if (fence.Stays && Ports.All.Any(port => port.Role == PortRole.Host && stayClosed(port)))
                {
                    fence.Leave();
                }

                fence.Dispose();
            }

            _fences.Clear();
        }
    }

    private void StartThreads()
    {
        int[] cpus = options.PinWorkers ? AllowedCpus() : [];
        foreach (BridgeWorker worker in _workers)
        {
            int cpu = cpus.Length == 0 ? -1 : cpus[worker.Queue % cpus.Length];
            Thread thread = new(() => worker.Run(cpu)) { IsBackground = true, Name = $"bg-worker-{worker.Queue}" };
            _threads.Add(thread);
            thread.Start();
        }
    }

    private void Watch(PortWatcher watcher, CancellationToken stop)
    {
        Libc.RaisePriority(WatcherNice);
        long lastAged = Environment.TickCount64;
        while (!stop.IsCancellationRequested && _workers.TrueForAll(worker => worker.IsRunning))
        {
            watcher.Poll(WatchMs);
            if (Environment.TickCount64 - lastAged >= AgeEveryMs)
            {
                lastAged = Environment.TickCount64;
                _flows!.Age(options.DecidedFlowIdleSeconds * 1_000_000_000L, Tell);
                Decisions!.Age();
            }
        }
    }

    private bool Tell(in BridgeGuard.Attachments.Bridge.FlowKey key, int queue, KernelCount fromA, KernelCount fromB, long lastUs) => _workers[queue % _workers.Count].TryTell(
        new BypassedTraffic(key.ToEngine(), (long)fromA.Packets, (long)fromA.Bytes, (long)fromB.Packets, (long)fromB.Bytes, lastUs));

    /// <summary>A bridge of which not one port could be attached is an error, not a warning.</summary>
    private AttachmentError? FirstUncoveredBridge()
    {
        foreach (string bridge in options.Bridges)
        {
            PortInfo[] ports = [.. Ports.All.Where(port => port.Bridge == bridge)];
            if (ports.Length > 0 && ports.All(port => port.Uncovered is not null))
            {
                return new AttachmentError(AttachmentErrorKind.Unsupported, $"bridge {bridge}: {ports[0].Uncovered}");
            }
        }

        return null;
    }

    /// <summary>What has been punted comes back before the way back is closed.</summary>
    private void WaitForDrain()
    {
        long until = Environment.TickCount64 + DrainMs;
        SharedState state = _programs!.State;
        while (Environment.TickCount64 < until && _workers.Exists(worker => state.Punted(worker.Queue) != state.Done(worker.Queue)))
        {
            Thread.Sleep(1);
        }
    }

    private AttachmentError? WorkerError(CancellationToken stop) => stop.IsCancellationRequested
        ? null
        : new AttachmentError(AttachmentErrorKind.Failed, $"punt device {options.PuntDevice} has gone");

    private static int[] AllowedCpus()
    {
        ulong mask = 0;
        return Libc.GetAffinity(0, sizeof(ulong), ref mask) != 0
            ? []
            : [.. Enumerable.Range(0, BitOperations.Log2(mask) + 1).Where(cpu => (mask & (1ul << cpu)) != 0)];
    }

    /// <summary>Never 0 and never a queue number: those are marks that frames carry without us. Its lowest bits say which mark the frame is to get.</summary>
    private static uint NewMark() => (0x8000_0000 | (uint)RandomNumberGenerator.GetInt32(KernelLayout.MaxQueues, int.MaxValue)) & ~KernelLayout.MarkPlaces;
}
