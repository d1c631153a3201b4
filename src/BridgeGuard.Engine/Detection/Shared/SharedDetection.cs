using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Detection.Shared;

/// <summary>What rules remember of hosts, for all workers of a process. It outlives reloads.</summary>
internal sealed class SharedDetection
{
    /// <summary>Thresholds counted at once: 3 MiB. Suricata's default <c>threshold.memcap</c> of 16 MiB holds about as many.</summary>
    public const int MaxThresholds = 131_072;

    /// <summary>xbits and hostbits set at once: 1.5 MiB.</summary>
    public const int MaxBits = 65_536;

    /// <summary>Hosts tagged at once.</summary>
    public const int MaxTags = 4096;

    public SharedSlots Thresholds { get; } = new(MaxThresholds);

    public SharedSlots Bits { get; } = new(MaxBits);

    public SharedSlots Tags { get; } = new(MaxTags);

    /// <summary>Entries that found no room in any of the tables.</summary>
    public long Refused => Thresholds.Refused + Bits.Refused + Tags.Refused;
}
