using System.Net;
using System.Net.NetworkInformation;

namespace BridgeGuard.Attachments.Bridge.Decisions;

/// <summary>A TCP or UDP flow by its ends, as the engine numbers them: source is the client.</summary>
/// <param name="BridgeId">The bridge it is on (<see cref="PortInfo.BridgeId"/>).</param>
/// <param name="Protocol">6 or 17.</param>
/// <param name="Source">Same family as <paramref name="Destination"/>.</param>
/// <param name="SourcePort">Host byte order, as all ports here.</param>
/// <param name="Destination">The server.</param>
/// <param name="DestinationPort">Its port.</param>
/// <param name="Vlan">Outer VLAN id; 0: untagged.</param>
/// <param name="InnerVlan">Inner VLAN id of QinQ; 0: none.</param>
public readonly record struct FlowTuple(
    ushort BridgeId, byte Protocol, IPAddress Source, ushort SourcePort, IPAddress Destination, ushort DestinationPort, ushort Vlan = 0, ushort InnerVlan = 0);

/// <summary>What the kernel does with one direction of a flow. The numbers are those of Bpf/bridgeguard.h.</summary>
public enum FlowVerb : byte
{
    /// <summary>Nothing: its frames come to the engine.</summary>
    Inspect,

    Pass,

    Drop,

    /// <summary>The frame leaves by another port, as it is.</summary>
    Redirect,

    /// <summary>The frame goes on rewritten; checksums (full and partial) and segmentation stay right.</summary>
    Rewrite,
}

/// <summary>How a frame is rewritten. TCP numbers are added to; everything else is set.</summary>
public sealed record FlowRewrite
{
    /// <summary>The receiver's address and port are replaced; else the sender's.</summary>
    public required bool IsDestination { get; init; }

    /// <summary>Same family as the flow.</summary>
    public required IPAddress Address { get; init; }

    public required ushort Port { get; init; }

    public PhysicalAddress? MacTo { get; init; }

    public PhysicalAddress? MacFrom { get; init; }

    public uint SequenceAdd { get; init; }

    public uint AcknowledgedAdd { get; init; }

    /// <summary>The window field is shifted left by this, right when negative; −14 to 14 (RFC 7323 §2.3).</summary>
    public int WindowShift { get; init; }
}

/// <summary>One direction of a decided flow.</summary>
public sealed record FlowSide
{
    public static readonly FlowSide Inspect = new();
    public static readonly FlowSide Pass = new() { Verb = FlowVerb.Pass };
    public static readonly FlowSide Drop = new() { Verb = FlowVerb.Drop };

    public FlowVerb Verb { get; init; }

    /// <summary>With <see cref="FlowVerb.Redirect"/>: the port that the frame leaves by. With <see cref="FlowVerb.Rewrite"/>: the same, or 0 to let the bridge find it.</summary>
    public ushort PortId { get; init; }

    /// <summary>The frame enters the bridge by <see cref="PortId"/> instead of leaving by it.</summary>
    public bool Into { get; init; }

    /// <summary>A limit by <see cref="BridgeDecisions.SetLimit"/>; what is over it is dropped, the rest is treated by the verb. 0: none.</summary>
    public uint Limit { get; init; }

    public FlowRewrite? Rewrite { get; init; }
}

/// <summary>A token bucket.</summary>
/// <param name="PerSecond">Bytes (at least 1,000) or packets (at least 1) per second.</param>
/// <param name="Burst">Bytes or packets that may come at once; at least two 64-KiB super-frames are sensible for bytes.</param>
/// <param name="ByPackets">Counts packets instead of bytes. A GSO super-frame is one packet.</param>
public readonly record struct RateLimit(long PerSecond, long Burst, bool ByPackets = false);

/// <summary>What a bucket has let through and dropped.</summary>
public readonly record struct LimitTraffic(TrafficCount Passed, TrafficCount Dropped);

/// <summary>What a quarantined guest may still exchange frames with.</summary>
/// <param name="Address">The other end; ARP and neighbour discovery for it are allowed too. <see cref="IPAddress.IPv6Any"/> is anybody, of either family.</param>
/// <param name="Protocol">6, 17, or 0 for everything with that address. With anybody any protocol but 0.</param>
/// <param name="Port">The other end's port; 0 with protocol 0. With anybody 0 is any port.</param>
public readonly record struct Remedy(IPAddress Address, byte Protocol = 0, ushort Port = 0);

/// <summary>Who may send by a guarded port.</summary>
/// <param name="Mac">The sender's Ethernet address (in ARP too).</param>
/// <param name="Addresses">IP addresses it may use; empty allows all.</param>
public sealed record PortBinding(PhysicalAddress Mac, IReadOnlyList<IPAddress> Addresses);

/// <summary>What a guarded port does with other senders.</summary>
public enum GuardMode : byte
{
    Off,

    /// <summary>They are counted (<see cref="PortCounters.Guarded"/>) and go on.</summary>
    Report,

    Drop,
}

/// <summary>A host that is blocked or limited.</summary>
/// <param name="Address">Its IP address, or null.</param>
/// <param name="Mac">Its Ethernet address, or null.</param>
/// <param name="BridgeId">With <paramref name="Mac"/>: on which bridge.</param>
/// <param name="Remaining">How long yet; null: until it is released.</param>
/// <param name="Limit">Limited by this bucket instead of blocked; 0: blocked.</param>
/// <param name="Dropped">What it has cost so far.</param>
public sealed record BlockedHost(IPAddress? Address, PhysicalAddress? Mac, ushort BridgeId, TimeSpan? Remaining, uint Limit, TrafficCount Dropped);
