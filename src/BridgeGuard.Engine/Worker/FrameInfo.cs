using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Worker;

/// <summary>How far the layer-4 checksum of a frame can be trusted before it is computed.</summary>
public enum ChecksumState : byte
{
    /// <summary>As read from a wire or a file: it must be computed to be known.</summary>
    Unknown,

    /// <summary>CHECKSUM_PARTIAL: the sender left it to hardware; the field holds the pseudo-header sum. Not an error.</summary>
    Partial,

    /// <summary>Somebody before us has verified it.</summary>
    Valid,
}

/// <summary>What is known of a frame besides its bytes: arrival time, number, port, link layer and offloads.</summary>
/// <remarks>A value; built by the attachment for each frame. Times are arguments so that a replay is exact.</remarks>
public readonly struct FrameInfo
{
    /// <summary>Arrival time in microseconds since the Unix epoch.</summary>
    public long TimestampUs { get; init; }

    /// <summary>1-based number of the frame in its capture (EVE <c>pcap_cnt</c>); 0 on live attachments.</summary>
    public ulong Number { get; init; }

    /// <summary>Length on the wire in bytes; larger than the frame's bytes when the capture was cut. 0 means equal.</summary>
    public int WireLength { get; init; }

    /// <summary>The bridge port that the frame entered by, as the attachment numbers ports; 0 when unknown.</summary>
    public ushort PortId { get; init; }

    /// <summary>The bridge that the port belongs to; 0 when there is only one. Part of the flow key.</summary>
    public ushort BridgeId { get; init; }

    /// <summary>Segment size when the frame is a GSO super-packet, else 0.</summary>
    public ushort GsoSize { get; init; }

    /// <summary>How long the frame has waited before <see cref="TimestampUs"/>, microseconds, as far as it is known: at least so long. 0 where nobody asks (<see cref="FrameInjector.WantsWait"/>).</summary>
    public int WaitedUs { get; init; }

    /// <summary>The mark that the frame came with (<c>skb-&gt;mark</c>), where the attachment is told; rules may change parts of it.</summary>
    public uint Mark { get; init; }

    public LinkType LinkType { get; init; }

    /// <summary>Nothing is done with verdicts on it: a copy, or a frame of a port that is only watched. The engine then tells of matches, not of drops.</summary>
    public bool IsPassive { get; init; }

    public ChecksumState Checksum { get; init; }
}
