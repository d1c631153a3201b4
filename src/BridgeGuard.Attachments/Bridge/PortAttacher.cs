using BridgeGuard.Attachments.Bridge.Decisions;
using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>Puts the port program on ports and takes it off, and keeps the maps that say how each port is treated.</summary>
/// <remarks>Thread: any, under one lock; nothing here is on the packets' way.</remarks>
internal sealed class PortAttacher(BridgeOptions options, KernelPrograms programs, PortTable table, PinStore? pins) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, FileDescriptor> _links = [];
    private readonly KernelPortCounters[] _perCpu = new KernelPortCounters[PossibleCpus()];

    /// <summary>Attaches to a port; the result is in the table, with its reason where it failed.</summary>
    public PortInfo? Attach(in LinkRecord link, string bridge, ushort bridgeId)
    {
        lock (_lock)
        {
            ushort portId = table.NextId();
            if (portId == 0)
            {
                return null;
            }

            PortInfo port = Describe(link, portId, bridge, bridgeId);
            KernelTarget target = new() { IfIndex = port.IfIndex, IsHost = port.Role == PortRole.Host ? 1 : 0 };
            uint key = portId;
            Array.Clear(_perCpu);
            Bpf.UpdateAll<uint, KernelPortCounters>(programs.Counters, in key, _perCpu);
            Bpf.Update(programs.Targets, in key, in target);
            WriteConfig(port);
            port = port with { Uncovered = Link(port) };
            table.Set(port);
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
        lock (_lock)
        {
            Unlink(port.IfIndex);
            KernelTarget nobody = default;
            uint key = port.PortId;
            int ifIndex = port.IfIndex;
            Bpf.Delete(programs.Ports, in ifIndex);
            Bpf.Update(programs.Targets, in key, in nobody);
            table.Remove(port);
        }
    }

    /// <summary>Takes the program off every port: no frame is punted after this.</summary>
    public void DetachAll()
    {
        lock (_lock)
        {
            foreach (int ifIndex in _links.Keys.ToArray())
            {
                Unlink(ifIndex);
            }
        }
    }

    public bool SetQuarantine(ushort portId, bool on) => Change(portId, port => port with { Quarantined = on });

    public bool SetGuard(ushort portId, GuardMode mode) => Change(portId, port => port with { Guard = mode });

    public bool SetLimit(ushort portId, uint limit) => Change(portId, port => port with { Limit = limit });

    public PortCounters Read(ushort portId)
    {
        lock (_lock)
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
            };
        }
    }

    public void Dispose() => DetachAll();

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
        int attachType = port.Role == PortRole.Host ? Bpf.AttachTcxEgress : Bpf.AttachTcxIngress;
        int fd = Bpf.CreateTcxLink(programs.PortProgram, port.IfIndex, attachType);
        if (fd < 0)
        {
            return LinkFailure();
        }

        _links[port.IfIndex] = new FileDescriptor(fd);
        return port.WhenStale == FailMode.Closed && pins is not null && !pins.TryPin(fd, port.IfIndex)
            ? $"cannot pin the program, so the port would open if the daemon died: {Libc.LastMessage()}"
            : null;
    }

    /// <summary>Why a program could not be attached, from the last error.</summary>
    public static string LinkFailure() => Libc.LastError() switch
    {
        Libc.ErrorInvalid => "this kernel has no tcx (Linux 6.6 or newer is needed; the clsact way for older ones is not built yet)",
        Libc.ErrorPermission => "CAP_NET_ADMIN is missing (run as root)",
        _ => $"cannot attach the program: {Libc.LastMessage()}",
    };

    private void Unlink(int ifIndex)
    {
        pins?.Unpin(ifIndex);
        if (_links.Remove(ifIndex, out FileDescriptor? link))
        {
            link.Dispose();
        }
    }

    private void WriteConfig(PortInfo port)
    {
        KernelPort config = new()
        {
            PortId = port.PortId,
            BridgeId = port.BridgeId,
            Mode = (byte)port.Mode,
            Flags = (byte)((port.WhenStale == FailMode.Closed ? KernelLayout.PortStaleClosed : 0)
                | (port.WhenOverloaded == FailMode.Closed ? KernelLayout.PortOverloadClosed : 0)
                | (port.Quarantined ? KernelLayout.PortQuarantined : 0)
                | (port.Guard != GuardMode.Off ? KernelLayout.PortGuarded : 0)
                | (port.Guard == GuardMode.Report ? KernelLayout.PortGuardReports : 0)),
            Limit = port.Limit,
        };
        int ifIndex = port.IfIndex;
        Bpf.Update(programs.Ports, in ifIndex, in config);
    }

    private PortInfo Describe(in LinkRecord link, ushort portId, string bridge, ushort bridgeId)
    {
        PortOptions? own = options.Ports.GetValueOrDefault(link.Name);
        PortOptions? common = options.BridgeDefaults.GetValueOrDefault(bridge);
        PortRole role = link.Name == bridge ? PortRole.Host : own?.Role ?? RoleOf(link.Kind);
        return new PortInfo
        {
            PortId = portId,
            IfIndex = link.IfIndex,
            Name = link.Name,
            Mac = link.Mac,
            Bridge = bridge,
            BridgeId = bridgeId,
            Role = role,
            Mode = own?.Mode ?? (role == PortRole.Host && !options.InspectHost ? PortMode.Off : common?.Mode ?? options.DefaultMode),
            WhenStale = own?.WhenStale ?? common?.WhenStale ?? options.WhenStale,
            WhenOverloaded = own?.WhenOverloaded ?? common?.WhenOverloaded ?? options.WhenOverloaded,
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
