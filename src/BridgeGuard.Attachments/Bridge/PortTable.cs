using BridgeGuard.Attachments.Bridge.Decisions;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>What is behind a port.</summary>
public enum PortRole : byte
{
    /// <summary>A virtual machine or container.</summary>
    Guest,

    /// <summary>The network outside: a NIC, a bond, a VLAN device.</summary>
    Uplink,

    /// <summary>The bridge device itself: the host's own stack.</summary>
    Host,
}

/// <summary>One port of an inspected bridge. Immutable.</summary>
public sealed record PortInfo
{
    /// <summary>1 to 4094; not used again soon after the port has gone.</summary>
    public required ushort PortId { get; init; }

    public required int IfIndex { get; init; }

    public required string Name { get; init; }

    /// <summary>The device's own address as 12 hex digits with colons; a guest behind a TAP has another.</summary>
    public required string Mac { get; init; }

    public required string Bridge { get; init; }

    /// <summary>Numbers the bridge from 1; flows of equal addresses on two bridges are different flows.</summary>
    public required ushort BridgeId { get; init; }

    public required PortRole Role { get; init; }

    public required PortMode Mode { get; init; }

    public FailMode WhenCrashed { get; init; }

    public required FailMode WhenStale { get; init; }

    public required FailMode WhenOverloaded { get; init; }

    public FailMode WhenStarting { get; init; }

    public FailMode WhenStopped { get; init; }

    public bool Quarantined { get; init; }

    /// <summary>What happens to senders that are not bound to the port.</summary>
    public GuardMode Guard { get; init; }

    /// <summary>The limit of all that the port sends; 0: none.</summary>
    public uint Limit { get; init; }

    /// <summary>Why the port is not inspected although it should be; null when all is well.</summary>
    public string? Uncovered { get; init; }
}

/// <summary>A port came, changed or went.</summary>
/// <param name="Before">As it was; null when it is new.</param>
/// <param name="After">As it is; null when it has gone.</param>
public readonly record struct PortChange(PortInfo? Before, PortInfo? After);

/// <summary>The ports of the inspected bridges, as they are now.</summary>
/// <remarks>One writer (the attachment's watcher); readers take a snapshot, never a lock. <see cref="Changed"/> is raised on the writer's thread.</remarks>
public sealed class PortTable
{
    private const int FirstId = 1;
    private const int LastId = 4094;

    private readonly PortInfo?[] _byId = new PortInfo?[LastId + 1];
    private PortInfo[] _snapshot = [];
    private int _lastId;
    private bool _anyMonitored;

    public event Action<PortChange>? Changed;

    /// <summary>All ports, by id; immutable.</summary>
    public IReadOnlyList<PortInfo> All => Volatile.Read(ref _snapshot);

    /// <summary>The port with that id, or null. Any thread; no allocation.</summary>
    public PortInfo? Find(ushort portId) => portId <= LastId ? Volatile.Read(ref _byId[portId]) : null;

    internal PortInfo? FindByIfIndex(int ifIndex) => Array.Find(_snapshot, port => port.IfIndex == ifIndex);

    /// <summary>An id for a new port: the next one round the circle, so that late frames of a port that has gone find nobody. 0 when all are taken.</summary>
    internal ushort NextId()
    {
        for (int tried = 0; tried < LastId; tried++)
        {
            _lastId = _lastId == LastId ? FirstId : _lastId + 1;
            if (_byId[_lastId] is null)
            {
                return (ushort)_lastId;
            }
        }

        return 0;
    }

    internal void Set(PortInfo port)
    {
        PortInfo? before = _byId[port.PortId];
        if (port == before)
        {
            return;
        }

        Volatile.Write(ref _byId[port.PortId], port);
        Publish();
        Changed?.Invoke(new PortChange(before, port));
    }

    internal void Remove(PortInfo port)
    {
        Volatile.Write(ref _byId[port.PortId], null);
        Publish();
        Changed?.Invoke(new PortChange(port, null));
    }

    /// <summary>Whether there is a port whose verdicts are not carried out.</summary>
    internal bool AnyMonitored => Volatile.Read(ref _anyMonitored);

    private void Publish()
    {
        Volatile.Write(ref _snapshot, [.. _byId.OfType<PortInfo>()]);
        Volatile.Write(ref _anyMonitored, Array.Exists(_snapshot, port => port.Mode == PortMode.Monitor));
    }
}
