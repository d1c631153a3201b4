using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Streams;

/// <summary>Whose bytes a host keeps where two TCP segments overlap.</summary>
/// <remarks>
/// Nine relations of a new segment to an old one: it begins before, with or after it, and ends before, with or after it. Each policy is nine bits: set where
/// the new bytes win. Index: 3 × begin + end, each 0 before, 1 same, 2 after. The systems' behaviour: Novak and Sturges, "Target-Based TCP Stream Reassembly"
/// (2007); the names are those of <c>host-os-policy</c>.
/// </remarks>
internal static class OverlapPolicy
{
    /// <summary>True when the bytes of the new segment replace those of the old one.</summary>
    public static bool NewWins(HostOs policy, long newStart, long newEnd, long oldStart, long oldEnd)
    {
        int begin = newStart < oldStart ? 0 : newStart == oldStart ? 1 : 2;
        int end = newEnd < oldEnd ? 0 : newEnd == oldEnd ? 1 : 2;
        return ((MaskOf(policy) >> ((3 * begin) + end)) & 1) != 0;
    }

    // Groups from the right: the new one begins before, with, after the old one; bits within a group from the right: ends before, with, after.
    private static int MaskOf(HostOs policy) => policy switch
    {
        HostOs.First or HostOs.Vista => 0b000_000_000,
        HostOs.Last => 0b111_111_111,
        HostOs.Linux => 0b000_100_111,
        HostOs.OldLinux => 0b000_110_111,
        HostOs.Solaris or HostOs.OldSolaris or HostOs.HpUx11 => 0b100_110_110,

        // BSD, BSD-right, HP-UX 10, IRIX, Mac OS, Windows up to 2003.
        _ => 0b000_000_111,
    };
}
