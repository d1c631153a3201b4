using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Engine.Policy.Behaviour;

/// <summary>A count within a window, and what happens when it is reached; <see cref="RoleAction.AsRule"/>: not looked for.</summary>
/// <param name="Count">As many, or more.</param>
/// <param name="Seconds">Length of the window.</param>
/// <param name="Action">What happens to the flow that reaches it.</param>
/// <param name="ForSeconds">And, for scans and floods, to all flows of the same source for so long.</param>
public readonly record struct BehaviourThreshold(int Count, int Seconds, RoleAction Action, int ForSeconds)
{
    public bool IsOn => Action != RoleAction.AsRule && Count > 0;
}

/// <summary>A role's behaviour thresholds. They hold for what others do to a guest of the role, and for what the guest does. Immutable.</summary>
public sealed record BehaviourModel
{
    public static readonly BehaviourModel None = new();

    /// <summary>Ports of one guest that one source tried.</summary>
    public BehaviourThreshold PortScan { get; init; }

    /// <summary>Hosts that one source tried.</summary>
    public BehaviourThreshold HostSweep { get; init; }

    /// <summary>New flows from one source.</summary>
    public BehaviourThreshold ConnectionFlood { get; init; }

    /// <summary>Connections of a guest to one service of one host at even times; the count is of connections, the window bounds their distance.</summary>
    public BehaviourThreshold Beacon { get; init; }

    /// <summary>How uneven a beacon's times may be, in percent of their mean distance.</summary>
    public int BeaconJitterPercent { get; init; } = 15;

    /// <summary>Different names below one domain that a guest asked for.</summary>
    public BehaviourThreshold DnsTunnel { get; init; }

    /// <summary>Echo packets with more payload than any ping has.</summary>
    public BehaviourThreshold IcmpTunnel { get; init; }

    /// <summary>All of them, those that are off too.</summary>
    public BehaviourThreshold[] All => [PortScan, HostSweep, ConnectionFlood, Beacon, DnsTunnel, IcmpTunnel];

    public bool IsOn => PortScan.IsOn || HostSweep.IsOn || ConnectionFlood.IsOn || Beacon.IsOn || DnsTunnel.IsOn || IcmpTunnel.IsOn;
}
