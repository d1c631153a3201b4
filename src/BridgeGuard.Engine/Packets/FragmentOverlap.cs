using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Packets;

/// <summary>Whose bytes survive where two fragments of a datagram overlap, by the system that reassembles them.</summary>
/// <remarks>
/// Systems differ only in how they compare where the fragments start and end (J. Novak, "Target-Based Fragmentation Reassembly", 2005).
/// The table was checked against Suricata 8 for every way two fragments can lie to one another. Streams have a table of their own, because the
/// same systems treat segments differently.
/// </remarks>
internal static class FragmentOverlap
{
    /// <summary>True when the fragment that came later wins the bytes they share. Ends are exclusive.</summary>
    public static bool NewWins(HostOs os, int newStart, int newEnd, int oldStart, int oldEnd) => os switch
    {
        HostOs.Bsd or HostOs.HpUx10 or HostOs.Irix => newStart < oldStart,
        HostOs.BsdRight => newStart >= oldStart,
        HostOs.Linux or HostOs.OldLinux => newStart <= oldStart,
        HostOs.Solaris => newStart < oldStart && newEnd >= oldEnd,
        HostOs.Windows or HostOs.Vista or HostOs.Windows2k3 => newStart < oldStart && newEnd > oldEnd,
        HostOs.Last => true,
        _ => false,
    };
}
