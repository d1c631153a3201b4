using System.Text.Json;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;

namespace BridgeGuard.Daemon.Plane;

/// <summary>Where a data plane is in its life.</summary>
public enum PlanePhase
{
    /// <summary>There is none.</summary>
    Absent,

    /// <summary>It loads rules; frames are handled by each port's choice for the start.</summary>
    Starting,

    /// <summary>Frames are inspected.</summary>
    Running,

    /// <summary>It detaches.</summary>
    Stopping,
}

/// <summary>How a data plane is, as one value that crosses the border between the processes as JSON.</summary>
public sealed record PlaneStatus
{
    public static readonly PlaneStatus None = new();

    /// <summary>How this record and its parts are written.</summary>
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public PlanePhase Phase { get; init; }

    public int ProcessId { get; init; }

    /// <summary>Numbers the data planes of a run directory; a later one has a larger number.</summary>
    public long Generation { get; init; }

    /// <summary>Which program with which configuration it is; a daemon replaces one that is not its own.</summary>
    public string Identity { get; init; } = "";

    /// <summary>Name of its punt device.</summary>
    public string Device { get; init; } = "";

    public AttachmentStats Stats { get; init; }

    /// <summary>Frames that vanished between a port and its worker.</summary>
    public long Lost { get; init; }

    /// <summary>Exceptions caught under the packet loop; each is a defect.</summary>
    public long Faults { get; init; }

    /// <summary>Flows that the engine follows.</summary>
    public long Flows { get; init; }

    public IReadOnlyList<PlanePort> Ports { get; init; } = [];

    public int RulesLoaded { get; init; }

    public int RulesFailed { get; init; }

    /// <summary>Unix seconds of the last load; 0: never.</summary>
    public long RulesLoadedAt { get; init; }

    public PlaneMemory Memory { get; init; } = new();

    /// <summary>Files for the scanner that the border had no room for.</summary>
    public long FilesRefused { get; init; }

    /// <summary>Files and chains of certificates that were to be kept, and for which their ring had no room.</summary>
    public long KeptLost { get; init; }

    /// <summary>Files not kept because too many were open.</summary>
    public long KeptRefused { get; init; }

    /// <summary>Frames that were to be kept, and for which their ring had no room.</summary>
    public long FramesLost { get; init; }

    /// <summary>Files of which a part waited for a verdict; those that went on, were stopped, or waited to their deadline.</summary>
    public long FilesHeld { get; init; }

    public long FilesReleased { get; init; }

    public long FilesStopped { get; init; }

    public long FileHoldTimeouts { get; init; }

    /// <summary>How long the released ones waited, microseconds in all and the longest.</summary>
    public long FileHeldUs { get; init; }

    public long FileLongestHoldUs { get; init; }

    /// <summary>Times a worker waited for room in its event ring, and for how long in all.</summary>
    public long RingWaits { get; init; }

    public long RingWaitedMs { get; init; }
}

/// <summary>A port and what the kernel did with its frames.</summary>
public sealed record PlanePort(PortInfo Port, PortCounters Counters);

/// <summary>What the garbage collector of the data plane's process has done since its start.</summary>
public sealed record PlaneMemory
{
    /// <summary>Collections of all generations.</summary>
    public int Collections { get; init; }

    public double PauseMs { get; init; }

    /// <summary>Bytes allocated by all threads.</summary>
    public long AllocatedBytes { get; init; }

    /// <summary>Bytes allocated by the workers' threads.</summary>
    public long WorkerAllocatedBytes { get; init; }
}
