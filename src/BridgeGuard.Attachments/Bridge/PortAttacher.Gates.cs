using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>The gate programs: frames of ports that nobody has told of yet are inspected where they are about to leave.</summary>
internal sealed partial class PortAttacher
{
    private readonly Dictionary<int, FileDescriptor> _gates = [];

    /// <summary>Whether ports of a bridge of which nothing is known yet are inspected.</summary>
    public bool InspectsUnknown(string bridge) => OfBridge(bridge, o => o.Mode, options.DefaultMode) == PortMode.Inline;

    /// <summary>Whether such ports stay closed without a data plane.</summary>
    public bool ClosesUnknown(string bridge) => IsFenced(bridge, host => host.WhenCrashed == FailMode.Closed);

    private void LinkGate(PortInfo port)
    {
        FileDescriptor? gate = pins.TryOpenOther(port.IfIndex, PinKind.Gate);
        if (gate is null || Bpf.UpdateLink(gate.Value, programs.GateProgram) != 0)
        {
            gate?.Dispose();
            int fd = Bpf.CreateTcxLink(programs.GateProgram, port.IfIndex, port.Role == PortRole.Host ? Bpf.AttachTcxIngress : Bpf.AttachTcxEgress);
            if (fd < 0)
            {
                return;
            }

            gate = new FileDescriptor(fd);
        }

        if (_gates.Remove(port.IfIndex, out FileDescriptor? old))
        {
            old.Dispose();
        }

        _gates[port.IfIndex] = gate;
        PinGate(port);
        pins.RemoveOthers(port.IfIndex, PinKind.Gate);
    }

    /// <summary>Where a bridge is closed without us, its gates stay as well: a port that is plugged in meanwhile has no program of its own.</summary>
    /// <remarks>Only where the bridge device is closed too: what the host routes to a guest would otherwise come to the gates unseen.</remarks>
    private void PinGate(PortInfo port)
    {
        if (!_gates.TryGetValue(port.IfIndex, out FileDescriptor? gate) || _isHandedOver)
        {
            return;
        }

        if (GateStays(port, static other => other.WhenCrashed == FailMode.Closed))
        {
            pins.TryPin(gate.Value, port.IfIndex, PinKind.Gate);
        }
        else
        {
            pins.Unpin(port.IfIndex, PinKind.Gate);
        }
    }

    /// <summary>The host's gate cannot tell who sends: it stays only where no port of the bridge is open.</summary>
    private bool GateStays(PortInfo port, Func<PortInfo, bool> stayClosed) => IsFenced(port.Bridge, stayClosed)
        && (port.Role != PortRole.Host || table.All.All(other => other.Bridge != port.Bridge || (other.Mode == PortMode.Inline && stayClosed(other))));

    private bool IsFenced(string bridge, Func<PortInfo, bool> stayClosed) =>
        HostOf(bridge) is { Mode: PortMode.Inline } host && stayClosed(host);

    private PortInfo? HostOf(string bridge) => table.All.FirstOrDefault(port => port.Bridge == bridge && port.Role == PortRole.Host);

    private void LeaveGate(int ifIndex, Func<PortInfo, bool> stayClosed)
    {
        if (!_isHandedOver && table.FindByIfIndex(ifIndex) is { } port && GateStays(port, stayClosed) && pins.TryPin(_gates[ifIndex].Value, ifIndex, PinKind.Gate))
        {
            WriteConfig(port, FailFlags(port), AllClosed);
            _left.Add((ifIndex, PinKind.Gate));
            _gates.Remove(ifIndex, out FileDescriptor? gate);
            gate!.Dispose();
            return;
        }

        DropGate(ifIndex);
    }

    private void DropGate(int ifIndex)
    {
        if (_gates.Remove(ifIndex, out FileDescriptor? gate))
        {
            pins.Unpin(ifIndex, PinKind.Gate);
            gate.Dispose();
        }
    }
}
