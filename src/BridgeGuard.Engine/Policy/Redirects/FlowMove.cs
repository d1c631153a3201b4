using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy.Redirects;

/// <summary>How the frames of a moved flow are rewritten, for a kernel that goes on with it alone. One per worker, filled for one verdict.</summary>
/// <remarks>
/// With an address as target the flow has two keys: the client's frames name the server, the target's answers name the client. The client's get the
/// target's address, port and Ethernet address, the answers the server's address and port. With a port as target frames stay as they are.
/// </remarks>
public sealed class FlowMove
{
    /// <summary>The flow: client, server, protocol, VLANs.</summary>
    public FlowKey Key { get; internal set; }

    /// <summary>Where the flow goes; meaningless with a <see cref="ToPort"/>.</summary>
    public IpAddress Target { get; internal set; }

    public ushort TargetPort { get; internal set; }

    /// <summary>Low 48 bits.</summary>
    public ulong TargetMac { get; internal set; }

    /// <summary>TCP: to be added to the target's sequence numbers and taken from what the client acknowledges; 0 for a flow moved at its beginning.</summary>
    public uint SequenceDelta { get; internal set; }

    /// <summary>TCP: the answers' window is shifted to the left by this, to the right when negative.</summary>
    public int WindowShift { get; internal set; }

    /// <summary>The bridge port that the client's frames leave by, and the one that the client is behind; 0: the target is an address.</summary>
    public ushort ToPort { get; internal set; }

    public ushort ClientPortId { get; internal set; }

    /// <summary>What the flow's frames are marked with; 0: nothing.</summary>
    public uint Mark { get; internal set; }
}
