namespace BridgeGuard.Engine.Packets;

/// <summary>What a defragmenter has done; the <c>defrag.*</c> counters of a <c>stats</c> record. Written by one worker.</summary>
public sealed class DefragCounters
{
    public long Ipv4Fragments;
    public long Ipv4Reassembled;
    public long Ipv6Fragments;
    public long Ipv6Reassembled;
    public long Overlaps;
    public long MaxTrackersReached;
    public long MaxFragmentsReached;
    public long MemcapReached;

    /// <summary>Datagrams given up for newer ones.</summary>
    public long HardReuse;
    public long Timeouts;
}
