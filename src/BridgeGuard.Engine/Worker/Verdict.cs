namespace BridgeGuard.Engine.Worker;

/// <summary>What happens to this frame.</summary>
public enum VerdictAction : byte
{
    /// <summary>The frame goes on; with <see cref="Verdict.Modified"/> set, with the bytes now in the buffer.</summary>
    Pass,

    /// <summary>The frame goes no further.</summary>
    Drop,
}

/// <summary>To whom a rejected frame is answered: TCP with a reset, everything else with an ICMP error.</summary>
[Flags]
public enum RejectTarget : byte
{
    None = 0,
    Source = 1,
    Destination = 2,
    Both = 3,
}

/// <summary>What the kernel may do with the rest of the flow without asking again.</summary>
public enum FlowOffload : byte
{
    /// <summary>Keep sending this flow's frames to the engine.</summary>
    None,

    /// <summary>Nothing more can change the verdict: pass both directions.</summary>
    Pass,

    /// <summary>Drop both directions.</summary>
    Drop,

    /// <summary>The flow was moved, and nothing more is to be seen in it: carry out <see cref="FrameInjector.Move"/> from now on.</summary>
    Move,

    /// <summary>
    /// Pass this frame's direction: TCP segments with data that acknowledge what this one does and leave the window as it does. All others are sent on.
    /// </summary>
    PassDirection,
}

/// <summary>Why a frame was dropped; names are Suricata's <c>ips.drop_reason</c> counters and EVE <c>drop.reason</c>.</summary>
public enum DropReason : byte
{
    NotDropped,
    DecodeError,
    DefragError,
    DefragMemcap,
    FlowMemcap,
    FlowDrop,
    AppLayerError,
    AppLayerMemcap,
    Rules,
    RulesThreshold,
    StreamError,
    StreamMemcap,
    StreamMidstream,
    StreamReassembly,
    StreamUrgent,
    Nfq,
    TunnelPacketDrop,
    DefaultPacketPolicy,
    DefaultAppPolicy,
    StreamPreHook,
    FlowPreHook,
    FileVerdict,
    FileHold,
    Quarantine,
    Redirect,

    /// <summary>A later packet of a flow that an exception policy dropped.</summary>
    ExceptionPolicyFlowDrop,

    /// <summary>A later packet of a flow that a firewall rule dropped.</summary>
    FirewallFlowDrop,

    /// <summary>A firewall rule dropped this packet.</summary>
    FirewallRules,

    /// <summary>A lie on the link: spoofed Ethernet, IP, ARP, neighbour discovery, router or DHCP server messages.</summary>
    LinkGuard,

    /// <summary>The role's service contract does not allow it.</summary>
    Contract,

    /// <summary>Over the rate that was set for a guest, a peer or a rule.</summary>
    RateLimit,

    /// <summary>Held in a tarpit.</summary>
    Tarpit,

    /// <summary>An action in force on the guest or the peer: a block for a time.</summary>
    Blocked,

    /// <summary>A behaviour threshold of the role.</summary>
    Behaviour,

    /// <summary>The role's policy for encrypted traffic.</summary>
    EncryptedPolicy,

    /// <summary>Answered with a page in the server's name.</summary>
    BlockPage,

    /// <summary>It took longer than its role allows, and the role does not want it then.</summary>
    LatencyBudget,
}

/// <summary>The engine's answer for one frame. The attachment carries it out before it reads the next frame.</summary>
/// <remarks>Frames that the engine made itself (resets of a splice, a sinkhole answer) wait in <see cref="FrameInjector"/>.</remarks>
public readonly struct Verdict
{
    public static readonly Verdict Pass = default;

    public VerdictAction Action { get; init; }

    /// <summary>Set with <see cref="VerdictAction.Drop"/>: answer these ends.</summary>
    public RejectTarget Reject { get; init; }

    /// <summary>The engine rewrote the frame in place; checksums are right again (full or partial as they came).</summary>
    public bool Modified { get; init; }

    public FlowOffload Offload { get; init; }

    public DropReason Reason { get; init; }

    /// <summary>The port that the frame leaves by, whatever the bridge would do with it; 0: as the bridge forwards it.</summary>
    public ushort ToPort { get; init; }

    /// <summary>What the frame is marked with when it goes on (<c>skb-&gt;mark</c>, for tc and nftables), and its flow where the kernel carries it; 0: nothing.</summary>
    public uint Mark { get; init; }
}
