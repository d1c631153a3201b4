namespace BridgeGuard.Attachments.Bridge;

/// <summary>Frames as the kernel sees them (a GSO super-frame is one) and their bytes.</summary>
public readonly record struct TrafficCount(long Frames, long Bytes)
{
    public static TrafficCount operator +(TrafficCount x, TrafficCount y) => new(x.Frames + y.Frames, x.Bytes + y.Bytes);
}

/// <summary>What the kernel program did with the frames that a port received. Punted, passed, dropped, blocked, opened, closed, control,
/// limited, moved and (where the guard drops) guarded add up to seen, save for mode off.</summary>
public readonly record struct PortCounters
{
    public TrafficCount Seen { get; init; }

    /// <summary>Given to the engine.</summary>
    public TrafficCount Punted { get; init; }

    /// <summary>Let through by a flow decision: not inspected any more.</summary>
    public TrafficCount Passed { get; init; }

    /// <summary>Dropped by a flow decision.</summary>
    public TrafficCount Dropped { get; init; }

    /// <summary>Dropped for an address or a quarantine.</summary>
    public TrafficCount Blocked { get; init; }

    /// <summary>Let through unseen, because the daemon was dead, hung or overloaded.</summary>
    public TrafficCount Opened { get; init; }

    /// <summary>Dropped for the same reasons.</summary>
    public TrafficCount Closed { get; init; }

    /// <summary>Link-local control frames (STP, LLDP, pause), never touched.</summary>
    public TrafficCount Control { get; init; }

    /// <summary>Dropped, over a rate limit.</summary>
    public TrafficCount Limited { get; init; }

    /// <summary>From a sender that is not bound to the port: dropped, or only counted where the guard reports.</summary>
    public TrafficCount Guarded { get; init; }

    /// <summary>Rewritten or sent to another port by a flow decision: not inspected any more.</summary>
    public TrafficCount Moved { get; init; }

    /// <summary>
    /// About to leave by the port and given to the engine there, because no program had seen them: their sender was plugged in a moment ago. In none of the others.
    /// </summary>
    public TrafficCount Late { get; init; }

    /// <summary>Further copies of such a frame, for this port: not sent, as the bridge makes them anew when the frame has come back. In none of the others.</summary>
    public TrafficCount Copies { get; init; }
}
