using BridgeGuard.Attachments.Bridge;

namespace BridgeGuard.Attachments.Nfqueue;

/// <summary>How bridged packets are made to reach the queues.</summary>
public enum NfqueueRules : byte
{
    /// <summary><see cref="NftBridge"/> where the kernel has it, else <see cref="Iptables"/>.</summary>
    Auto,

    /// <summary>An nftables table of the bridge family, with <c>queue</c>.</summary>
    NftBridge,

    /// <summary>br_netfilter and a chain of our own in iptables and ip6tables.</summary>
    Iptables,

    /// <summary>None are made: the operator's own rules send packets to the queues.</summary>
    None,
}

/// <summary>Which packets are queued and how.</summary>
public sealed record NfqueueOptions
{
    /// <summary>Names of existing Linux bridges; what they forward is queued.</summary>
    public required IReadOnlyList<string> Bridges { get; init; }

    public NfqueueRules Rules { get; init; }

    /// <summary>Number of the first queue; the others follow it.</summary>
    public ushort FirstQueue { get; init; } = 40;

    /// <summary>Queues with a thread each. Both directions of a flow meet on one.</summary>
    public int WorkerCount { get; init; } = 1;

    /// <summary>Packets that may wait in one queue.</summary>
    public int QueueLength { get; init; } = 4096;

    /// <summary>Open: packets pass while nobody listens (queue bypass) and while the queue is full. Closed: they are dropped.</summary>
    public FailMode Fail { get; init; } = FailMode.Open;

    /// <summary>
    /// Large segments come whole. Rewriting one is not possible then (the kernel would take it for one packet): it is dropped and counted, so roles that
    /// move or rewrite traffic need this off.
    /// </summary>
    public bool Gso { get; init; } = true;

    /// <summary>Set on every accepted packet when not 0, so that later rules of the host can tell that it was inspected.</summary>
    public uint Mark { get; init; }
}
