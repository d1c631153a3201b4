using BridgeGuard.Attachments.Bridge.Decisions;
using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>Puts the port program on ports and takes it off, and keeps the maps that say how each port is treated.</summary>
/// <remarks>
/// Thread: any; nothing here is on the packets' way. To link a program or take it off makes the kernel wait for all its CPUs (RCU), tens of milliseconds on a
/// busy host, and ports come by the thousand: whoever does that holds <c>_linking</c>, and holds <c>_lock</c>, which guards the table and the maps and which
/// everybody else takes, only for moments. In this order.
/// </remarks>
internal sealed partial class PortAttacher(BridgeOptions options, KernelPrograms programs, PortTable table, PinStore pins) : IDisposable
{
    private const int AllClosed = KernelLayout.PortCrashClosed | KernelLayout.PortStaleClosed | KernelLayout.PortOverloadClosed;

    private readonly Lock _linking = new();
    private readonly Lock _lock = new();
    private readonly Lock _reading = new();
    private readonly Dictionary<int, FileDescriptor> _links = [];

    // Devices with filters instead of links; true: the queueing discipline is ours.
    private readonly Dictionary<int, bool> _filters = [];
    private readonly HashSet<(int IfIndex, PinKind Kind)> _left = [];
    private bool _isHandedOver;
    private bool _isStarting;
    private readonly KernelPortCounters[] _perCpu = new KernelPortCounters[PossibleCpus()];
    private readonly KernelPortCounters[] _noCounters = new KernelPortCounters[PossibleCpus()];

    /// <summary>Attaches to a port; the result is in the table, with its reason where it failed.</summary>
    public PortInfo? Attach(in LinkRecord link, string bridge, ushort bridgeId)
    {
        lock (_linking)
        {
            PortInfo port;
            lock (_lock)
            {
                ushort portId = table.NextId();
                if (portId == 0)
                {
                    return null;
                }

                port = Describe(link, portId, bridge, bridgeId);
                KernelTarget target = new() { IfIndex = port.IfIndex, IsHost = port.Role == PortRole.Host ? 1 : 0 };
                uint key = portId;
                Bpf.UpdateAll<uint, KernelPortCounters>(programs.Counters, in key, _noCounters);
                Bpf.Update(programs.Targets, in key, in target);
                WriteConfig(port);
            }

            string? uncovered = Link(port);
            lock (_lock)
            {
                port = Choose(port) with { Uncovered = uncovered };
                WriteConfig(port);
                table.Set(port);
            }

            if (HostOf(bridge) is { } host && host.PortId != port.PortId)
            {
                PinGate(host);
            }

            return port;
        }
    }

    /// <summary>A known port has a new name or address.</summary>
    public void Update(PortInfo port, in LinkRecord link)
    {
        lock (_lock)
        {
            PortInfo now = Describe(link, port.PortId, port.Bridge, port.BridgeId) with
            {
                Quarantined = port.Quarantined,
                Guard = port.Guard,
                Limit = port.Limit,
                Uncovered = port.Uncovered,
            };
            if (now != port)
            {
                WriteConfig(now);
                table.Set(now);
            }
        }
    }

    /// <summary>Forgets a port that has left its bridge or is gone.</summary>
    public void Detach(PortInfo port)
    {
        lock (_linking)
        {
            Unlink(port.IfIndex);
            lock (_lock)
            {
                KernelTarget nobody = default;
                uint key = port.PortId;
                int ifIndex = port.IfIndex;
                Bpf.Delete(programs.Ports, in ifIndex);
                Bpf.Update(programs.Targets, in key, in nobody);
                table.Remove(port);
            }
        }
    }

    /// <summary>Programs that stay although the data plane ends: of closed ports, or given to the next one.</summary>
    public IReadOnlyCollection<(int IfIndex, PinKind Kind)> Left => _left;

    /// <summary>While true only ports that are closed at the start are attached, and nothing they send goes on.</summary>
    public bool IsStarting
    {
        get => _isStarting;
        set
        {
            lock (_lock)
            {
                _isStarting = value;
                foreach (PortInfo port in table.All)
                {
                    WriteConfig(port);
                }
            }
        }
    }

    /// <summary>Takes the program off every port (no frame is punted after this), but leaves it on those that <paramref name="stayClosed"/> names, closed.</summary>
    public void DetachAll(Func<PortInfo, bool> stayClosed)
    {
        lock (_linking)
        {
            // The gates first: a port without a program beside one with a gate would have its frames taken for unseen.
            foreach (int ifIndex in _gates.Keys.ToArray())
            {
                LeaveGate(ifIndex, stayClosed);
            }

            foreach (int ifIndex in _links.Keys.Concat(_filters.Keys).ToArray())
            {
                PortInfo? port = table.FindByIfIndex(ifIndex);
                if (_filters.ContainsKey(ifIndex))
                {
                    LeaveFilter(ifIndex, port, stayClosed);
                }
                else if (_isHandedOver)
                {
                    _left.Add((ifIndex, PinKind.Link));
                    Drop(ifIndex);
                }
                else if (port is { Mode: PortMode.Inline } && stayClosed(port) && pins.TryPin(_links[ifIndex].Value, ifIndex))
                {
                    WriteConfig(port, AllClosed, _left.Contains((ifIndex, PinKind.Gate)) ? AllClosed : 0);
                    _left.Add((ifIndex, PinKind.Link));
                    Drop(ifIndex);
                }
                else
                {
                    Unlink(ifIndex);
                }
            }
        }
    }

    /// <summary>Pins every link, so that another data plane can take them over while this one still inspects; null on success.</summary>
    public AttachmentError? HandOver()
    {
        lock (_linking)
        {
            if (pins.Prepare() is { } error)
            {
                return error;
            }

            foreach ((int ifIndex, FileDescriptor link) in _links)
            {
                if (!pins.TryPin(link.Value, ifIndex))
                {
                    return new AttachmentError(AttachmentErrorKind.Failed, $"cannot pin a program for the next data plane: {Libc.LastMessage()}");
                }
            }

            _isHandedOver = true;
            return null;
        }
    }

    /// <summary>The next data plane did not come: everything is as before <see cref="HandOver"/>.</summary>
    public void TakeBack()
    {
        lock (_linking)
        {
            _isHandedOver = false;
            foreach ((int ifIndex, FileDescriptor link) in _links)
            {
                Bpf.UpdateLink(link.Value, programs.PortProgram);
                pins.RemoveOthers(ifIndex);
                if (table.FindByIfIndex(ifIndex) is { } port)
                {
                    PinByChoice(port);
                    PinGate(port);
                }
            }
        }
    }

    /// <summary>Reads anew what the configuration and the roles say of every port.</summary>
    public void Refresh()
    {
        List<PortInfo> changed = [];
        lock (_lock)
        {
            foreach (PortInfo port in table.All)
            {
                PortInfo now = Choose(port);
                if (now != port)
                {
                    WriteConfig(now);
                    table.Set(now);
                    changed.Add(now);
                }
            }
        }

        if (changed.Count > 0)
        {
            lock (_linking)
            {
                changed.ForEach(port => PinByChoice(port));
                foreach (PortInfo port in table.All)
                {
                    PinGate(port);
                }
            }
        }
    }

    /// <summary>Whether a port waits: until the data plane inspects, or for the next data plane (two programs on a port would hand frames to each other for ever).</summary>
    public bool Waits(in LinkRecord link, string bridge) => _isHandedOver
        || (IsStarting && Describe(link, 0, bridge, 0) is not { Mode: PortMode.Inline, WhenStarting: FailMode.Closed });

    public bool SetQuarantine(ushort portId, bool on) => Change(portId, port => port with { Quarantined = on });

    public bool SetGuard(ushort portId, GuardMode mode) => Change(portId, port => port with { Guard = mode });

    public bool SetLimit(ushort portId, uint limit) => Change(portId, port => port with { Limit = limit });

    public PortCounters Read(ushort portId)
    {
        lock (_reading)
        {
            uint key = portId;
            if (Bpf.LookupAll<uint, KernelPortCounters>(programs.Counters, in key, _perCpu) != 0)
            {
                return default;
            }

            return new PortCounters
            {
                Seen = Sum(cpu => cpu.Seen),
                Punted = Sum(cpu => cpu.Punted),
                Passed = Sum(cpu => cpu.Passed),
                Dropped = Sum(cpu => cpu.Dropped),
                Blocked = Sum(cpu => cpu.Blocked),
                Opened = Sum(cpu => cpu.Opened),
                Closed = Sum(cpu => cpu.Closed),
                Control = Sum(cpu => cpu.Control),
                Limited = Sum(cpu => cpu.Limited),
                Guarded = Sum(cpu => cpu.Guarded),
                Moved = Sum(cpu => cpu.Moved),
                Late = Sum(cpu => cpu.Late),
                Copies = Sum(cpu => cpu.Copies),
            };
        }
    }

    public void Dispose() => DetachAll(_ => false);

    private TrafficCount Sum(Func<KernelPortCounters, KernelCount> field) => _perCpu
        .Select(cpu => field(cpu))
        .Aggregate(default(TrafficCount), (sum, count) => sum + new TrafficCount((long)count.Packets, (long)count.Bytes));

    private bool Change(ushort portId, Func<PortInfo, PortInfo> change)
    {
        lock (_lock)
        {
            if (table.Find(portId) is not { } port)
            {
                return false;
            }

            PortInfo now = change(port);
            WriteConfig(now);
            table.Set(now);
            return true;
        }
    }

    private string? Link(PortInfo port)
    {
        if (options.Hook == KernelHook.Clsact)
        {
            return LinkByFilter(port);
        }

        // The link of a predecessor gets our program between two frames: no moment without one, and never two.
        FileDescriptor? link = pins.TryOpenOther(port.IfIndex);
        if (link is null || Bpf.UpdateLink(link.Value, programs.PortProgram) != 0)
        {
            link?.Dispose();
            int attachType = port.Role == PortRole.Host ? Bpf.AttachTcxEgress : Bpf.AttachTcxIngress;
            int fd = Bpf.CreateTcxLink(programs.PortProgram, port.IfIndex, attachType);
            if (fd < 0)
            {
                return options.Hook == KernelHook.Auto && Libc.LastError() == Libc.ErrorInvalid ? LinkByFilter(port) : LinkFailure();
            }

            link = new FileDescriptor(fd);
        }

        _links[port.IfIndex] = link;
        LinkGate(port);
        string? problem = PinByChoice(port);
        pins.RemoveOthers(port.IfIndex);
        return problem;
    }

    /// <summary>A port that may have to be closed without us keeps its program by a pin; others lose it with this process.</summary>
    private string? PinByChoice(PortInfo port)
    {
        if (!_links.TryGetValue(port.IfIndex, out FileDescriptor? link) || _isHandedOver)
        {
            return null;
        }

        if (port.Mode == PortMode.Inline && port.WhenCrashed == FailMode.Closed)
        {
            return pins.TryPin(link.Value, port.IfIndex)
                ? null
                : $"cannot pin the program, so the port would open if the data plane died: {Libc.LastMessage()}";
        }

        pins.Unpin(port.IfIndex);
        return null;
    }

    private string? LinkByFilter(PortInfo port)
    {
        bool isHost = port.Role == PortRole.Host;
        int error = TrafficFilter.Attach(port.IfIndex, isEgress: isHost, programs.PortProgram, out bool hasMade);
        if (error != 0)
        {
            return FilterFailure(error);
        }

        _filters[port.IfIndex] = hasMade || _filters.GetValueOrDefault(port.IfIndex);
        TrafficFilter.Attach(port.IfIndex, isEgress: !isHost, programs.GateProgram, out _);
        return null;
    }

    /// <summary>A filter stays by itself where it shall stay.</summary>
    private void LeaveFilter(int ifIndex, PortInfo? port, Func<PortInfo, bool> stayClosed)
    {
        bool isClosed = port is { Mode: PortMode.Inline } && stayClosed(port);
        if (!_isHandedOver && !isClosed)
        {
            Unlink(ifIndex);
            return;
        }

        if (isClosed && !_isHandedOver)
        {
            WriteConfig(port!, AllClosed);
        }

        _left.Add((ifIndex, PinKind.Link));
        _filters.Remove(ifIndex);
    }

    /// <summary>Why a filter could not be made.</summary>
    public static string FilterFailure(int error) => error switch
    {
        Libc.ErrorPermission => "CAP_NET_ADMIN is missing (run as root)",
        Libc.ErrorNoEntry => "this kernel has neither tcx (Linux 6.6) nor clsact (module sch_ingress)",
        _ => $"cannot attach the program by clsact (error {error})",
    };

    /// <summary>Why a program could not be attached, from the last error.</summary>
    public static string LinkFailure() => Libc.LastError() switch
    {
        Libc.ErrorInvalid => "this kernel has no tcx (Linux 6.6 or newer is needed; leave hook at auto for older ones)",
        Libc.ErrorPermission => "CAP_NET_ADMIN is missing (run as root)",
        _ => $"cannot attach the program: {Libc.LastMessage()}",
    };

    private void Unlink(int ifIndex)
    {
        pins.Unpin(ifIndex);
        Drop(ifIndex);
    }

    private void Drop(int ifIndex)
    {
        DropGate(ifIndex);
        if (_filters.Remove(ifIndex, out bool isOurs))
        {
            TrafficFilter.Detach(ifIndex, isOurs);
        }

        if (_links.Remove(ifIndex, out FileDescriptor? link))
        {
            link.Dispose();
        }
    }

    private void WriteConfig(PortInfo port) => WriteConfig(port, FailFlags(port));

    private byte FailFlags(PortInfo port)
    {
        if (_isStarting)
        {
            return port.WhenStarting == FailMode.Closed ? (byte)(KernelLayout.PortCrashClosed | KernelLayout.PortStaleClosed) : (byte)0;
        }

        return (byte)((port.WhenCrashed == FailMode.Closed ? KernelLayout.PortCrashClosed : 0)
            | (port.WhenStale == FailMode.Closed ? KernelLayout.PortStaleClosed : 0)
            | (port.WhenOverloaded == FailMode.Closed ? KernelLayout.PortOverloadClosed : 0));
    }

    private void WriteConfig(PortInfo port, int failFlags) => WriteConfig(port, failFlags, FailFlags(port with
    {
        WhenCrashed = OfBridge(port.Bridge, o => o.WhenCrashed ?? o.WhenStale, options.WhenCrashed ?? options.WhenStale),
        WhenStale = OfBridge(port.Bridge, o => o.WhenStale, options.WhenStale),
        WhenOverloaded = OfBridge(port.Bridge, o => o.WhenOverloaded, options.WhenOverloaded),
        WhenStarting = OfBridge(port.Bridge, o => o.WhenStarting, options.WhenStarting),
    }));

    private T OfBridge<T>(string bridge, Func<PortOptions, T?> choice, T otherwise) where T : struct =>
        options.BridgeDefaults.TryGetValue(bridge, out PortOptions? common) ? choice(common) ?? otherwise : otherwise;

    private void WriteConfig(PortInfo port, int failFlags, int unseenFlags)
    {
        KernelPort config = new()
        {
            PortId = port.PortId,
            BridgeId = port.BridgeId,
            Mode = (byte)port.Mode,
            Flags = (byte)(failFlags
                | (port.Quarantined ? KernelLayout.PortQuarantined : 0)
                | (port.Guard != GuardMode.Off ? KernelLayout.PortGuarded : 0)
                | (port.Guard == GuardMode.Report ? KernelLayout.PortGuardReports : 0)),
            // Who is not known yet soon is, and may be a guest whose role says closed: too much for the workers, its frames wait for their repetition.
            Unseen = (byte)(unseenFlags | KernelLayout.PortOverloadClosed | (InspectsUnknown(port.Bridge) ? KernelLayout.UnseenInspected : 0)),
            Limit = port.Limit,
        };
        int ifIndex = port.IfIndex;
        Bpf.Update(programs.Ports, in ifIndex, in config);
    }

    private PortInfo Describe(in LinkRecord link, ushort portId, string bridge, ushort bridgeId)
    {
        PortOptions? own = options.Ports.GetValueOrDefault(link.Name);
        PortRole role = link.Name == bridge ? PortRole.Host : own?.Role ?? RoleOf(link.Kind);
        return Choose(new PortInfo
        {
            PortId = portId,
            IfIndex = link.IfIndex,
            Name = link.Name,
            Mac = link.Mac,
            Bridge = bridge,
            BridgeId = bridgeId,
            Role = role,
            Mode = PortMode.Off,
            WhenStale = FailMode.Open,
            WhenOverloaded = FailMode.Open,
        });
    }

    /// <summary>The port with the modes that its own options, its guest's role, its bridge and the attachment give it, in this order.</summary>
    private PortInfo Choose(PortInfo port)
    {
        PortOptions? own = options.Ports.GetValueOrDefault(port.Name);
        PortOptions? guest = options.RoleOptions?.Invoke(port.Name);
        PortOptions? common = options.BridgeDefaults.GetValueOrDefault(port.Bridge);
        FailMode Of(Func<PortOptions, FailMode?> choice, FailMode otherwise) =>
            (own is null ? null : choice(own)) ?? (guest is null ? null : choice(guest)) ?? (common is null ? null : choice(common)) ?? otherwise;
        FailMode stale = Of(o => o.WhenStale, options.WhenStale);
        return port with
        {
            Mode = own?.Mode ?? (port.Role == PortRole.Host && !options.InspectHost ? PortMode.Off : guest?.Mode ?? common?.Mode ?? options.DefaultMode),
            WhenStale = stale,
            WhenCrashed = Of(o => o.WhenCrashed ?? o.WhenStale, options.WhenCrashed ?? options.WhenStale),
            WhenOverloaded = Of(o => o.WhenOverloaded, options.WhenOverloaded),
            WhenStarting = Of(o => o.WhenStarting, options.WhenStarting),
            WhenStopped = Of(o => o.WhenStopped, options.WhenStopped),
        };
    }

    /// <summary>TAPs and veths are how guests are plugged in; NICs (no kind), bonds, teams and VLAN devices lead outside.</summary>
    internal static PortRole RoleOf(string kind) => kind is "" or "bond" or "team" or "vlan" or "vxlan" or "gretap" or "geneve" ? PortRole.Uplink : PortRole.Guest;

    /// <summary>How many values a per-CPU map has: all CPUs that could ever be, not those that are on.</summary>
    private static int PossibleCpus()
    {
        // "0-7" or "0,2-3": the number after the last dash or comma is the highest.
        string possible = File.ReadAllText("/sys/devices/system/cpu/possible").Trim();
        return int.Parse(possible[(possible.LastIndexOfAny(['-', ',']) + 1)..], null) + 1;
    }
}
