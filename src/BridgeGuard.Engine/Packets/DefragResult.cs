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

    /// <summary>It overlaps what was kept and <see cref="Settings.DefragSettings.DropOverlaps"/> is set: the frame must not reach the host.</summary>
    Overlap,

    /// <summary>The memory cap or the limit of fragments is reached: <see cref="Settings.DefragSettings.MemcapPolicy"/> applies.</summary>
    NoMemory,
}
