namespace BridgeGuard.Engine.Packets;

/// <summary>What became of a fragment.</summary>
public enum DefragResult : byte
{
    /// <summary>Kept; others are still missing.</summary>
    Waiting,

    /// <summary>It completed its datagram.</summary>
    Rebuilt,

    /// <summary>Of no use to any datagram (too large, a length that cannot be); an event says why.</summary>
    Refused,

    /// <summary>
    /// With <see cref="Settings.DefragSettings.DropOverlaps"/>: it overlaps what was kept, contradicts where the datagram ends, or is
    /// malformed. The frame must not reach the host, which might then hold other pieces than we do.
    /// </summary>
    Overlap,

    /// <summary>The memory cap or the limit of fragments is reached: <see cref="Settings.DefragSettings.MemcapPolicy"/> applies.</summary>
    NoMemory,
}
