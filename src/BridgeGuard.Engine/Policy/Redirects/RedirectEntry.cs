using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy.Redirects;

/// <summary>How far the move of a flow is.</summary>
internal enum RedirectPhase
{
    Free,

    /// <summary>A slot somebody is filling.</summary>
    Claimed,

    /// <summary>An established TCP connection is being opened again with the target; the client's segments wait.</summary>
    Opening,

    /// <summary>Both ways are rewritten.</summary>
    Active,
}

/// <summary>One moved flow: who really talks to whom. Fixed once <see cref="Phase"/> is <see cref="RedirectPhase.Active"/>.</summary>
internal sealed class RedirectEntry
{
    /// <summary>Published last with release semantics: whoever reads it as Opening or Active may read the rest.</summary>
    public int Phase;

    /// <summary>The flow as its client began it.</summary>
    public FlowKey Key;

    /// <summary>The client's port as the target sees it: its own, unless another of its flows is there by that already.</summary>
    public ushort ClientPort;
    public IpAddress Target;
    public ushort TargetPort;

    /// <summary>The same target as it was configured.</summary>
    public RedirectTarget? Goal;

    /// <summary>The answers reach another worker than the client's packets. Written by that worker.</summary>
    public bool IsSplit;
    public ulong ClientMac;
    public ulong TargetMac;
    public ushort ClientPortId;
    public long ExpiresUs;

    // Splice of an established TCP connection (RFC 9293 sequence space)
    /// <summary>First byte of the client's stream that the target sees.</summary>
    public uint ClientSequence;

    /// <summary>What the client expects as the next byte of its server.</summary>
    public uint ServerSequence;

    /// <summary>Add to the target's sequence numbers, subtract from the client's acknowledgements.</summary>
    public uint SequenceDelta;

    /// <summary>Window scale the client believes its server to use, and the one the target uses.</summary>
    public byte ServerWindowScale;
    public byte TargetWindowScale;
    public ushort ClientWindow;

    /// <summary>The client's bytes from <see cref="ClientSequence"/> on: the request as far as it went, with the segment that triggered the move. Sent when the target has answered.</summary>
    public int PendingLength;

    /// <summary>Made with the first splice that the slot serves.</summary>
    public byte[] Pending = [];

    /// <summary>Whether it is the move of the flow with this key.</summary>
    public bool IsOf(in FlowKey key) =>
        Key.Source == key.Source && Key.SourcePort == key.SourcePort && Key.Destination == key.Destination && Key.DestinationPort == key.DestinationPort && Key.Protocol == key.Protocol;
}
