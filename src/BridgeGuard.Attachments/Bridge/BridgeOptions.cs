namespace BridgeGuard.Attachments.Bridge;

/// <summary>What happens to frames that nobody can judge.</summary>
public enum FailMode : byte
{
    /// <summary>They go on, unseen.</summary>
    Open,

    /// <summary>They are dropped.</summary>
    Closed,
}

/// <summary>How a port is inspected.</summary>
public enum PortMode : byte
{
    /// <summary>Not at all; quarantine and blocked addresses still hold.</summary>
    Off,

    /// <summary>Every frame waits for its verdict.</summary>
    Inline,

    /// <summary>The engine sees copies; verdicts have no effect on the wire.</summary>
    Mirror,

    /// <summary>Every frame waits for the engine, and goes on as it came whatever the verdict is.</summary>
    Monitor,
}

/// <summary>How programs are attached to devices.</summary>
public enum KernelHook : byte
{
    /// <summary>tcx where the kernel has it (6.6), else clsact.</summary>
    Auto,

    Tcx,

    /// <summary>A filter of the clsact queueing discipline. It outlives a crash; the heartbeat then opens or closes the port.</summary>
    Clsact,
}

/// <summary>What one port wants differently.</summary>
public sealed record PortOptions
{
    /// <summary>Null takes the bridge's, then the attachment's default.</summary>
    public PortMode? Mode { get; init; }

    /// <summary>While the data plane is dead; null takes the role's, the bridge's, the attachment's default.</summary>
    public FailMode? WhenCrashed { get; init; }

    /// <summary>While it hangs; as above.</summary>
    public FailMode? WhenStale { get; init; }

    /// <summary>While more frames wait than the backlog limit; null takes the bridge's, then the attachment's default.</summary>
    public FailMode? WhenOverloaded { get; init; }

    /// <summary>From the attachment's opening until frames are inspected, for what was not inspected before; as above.</summary>
    public FailMode? WhenStarting { get; init; }

    /// <summary>After a stop that does not ask for a clean bridge; as above.</summary>
    public FailMode? WhenStopped { get; init; }

    /// <summary>Overrides what the kind of device suggests.</summary>
    public PortRole? Role { get; init; }
}

/// <summary>What to attach to and how.</summary>
public sealed record BridgeOptions
{
    public const string DefaultPuntDevice = "bgpunt0";

    public const string SecondPuntDevice = "bgpunt1";

    /// <summary>Different marks that frames can be given in the life of a data plane (bits of the tag with which they go back to the kernel).</summary>
    public const int MaxMarks = KernelLayout.MaxMarks;

    public const string DefaultPinFolder = "/sys/fs/bpf/bridgeguard";

    /// <summary>Names of existing Linux bridges.</summary>
    public required IReadOnlyList<string> Bridges { get; init; }

    /// <summary>Queues and threads; 0 means one for each CPU this process may use, at most 8.</summary>
    public int WorkerCount { get; init; }

    /// <summary>Null: as <see cref="WhenStale"/>.</summary>
    public FailMode? WhenCrashed { get; init; }

    public FailMode WhenStale { get; init; } = FailMode.Open;

    public FailMode WhenStarting { get; init; } = FailMode.Open;

    public FailMode WhenStopped { get; init; } = FailMode.Open;

    public FailMode WhenOverloaded { get; init; } = FailMode.Open;

    /// <summary>For ports that say nothing of their own.</summary>
    public PortMode DefaultMode { get; init; } = PortMode.Inline;

    /// <summary>By bridge name: what its ports have where <see cref="Ports"/> says nothing about them.</summary>
    public IReadOnlyDictionary<string, PortOptions> BridgeDefaults { get; init; } = new Dictionary<string, PortOptions>();

    /// <summary>By port name.</summary>
    public IReadOnlyDictionary<string, PortOptions> Ports { get; init; } = new Dictionary<string, PortOptions>();

    /// <summary>What the role of the guest behind a port (by the port's name) wants; comes after the port's own, before the bridge's.</summary>
    public Func<string, PortOptions?>? RoleOptions { get; init; }

    /// <summary>Frames that the host itself sends to its guests are inspected too.</summary>
    public bool InspectHost { get; init; } = true;

    /// <summary>After this long without a sign of life of a worker the kernel applies the fail mode to its frames.</summary>
    public int HeartbeatMs { get; init; } = 100;

    /// <summary>Frames that may wait for one worker before the kernel applies the fail mode to further ones.</summary>
    public int BacklogFrames { get; init; } = 1024;

    /// <summary>Niceness of workers: the guests' traffic waits for them, as it would for a softirq.</summary>
    public const int WorkerNice = -10;

    /// <summary>Passed TCP segments that follow one another go on as one large segment (guests without offloads).</summary>
    public bool JoinSegments { get; init; } = true;

    public KernelHook Hook { get; init; }

    /// <summary>Name of the TAP device through which frames come; at most 15 characters.</summary>
    public string PuntDevice { get; init; } = DefaultPuntDevice;

    /// <summary>Every name that a punt device of this attachment's predecessors and successors may have; two of them, so that one takes over from the other.</summary>
    public IReadOnlyList<string> PuntDevices { get; init; } = [DefaultPuntDevice, SecondPuntDevice];

    /// <summary>Another data plane inspects until this one does: nothing need be closed meanwhile.</summary>
    public bool TakesOver { get; init; }

    /// <summary>A folder below a mounted bpffs, for the links of ports that stay closed when the data plane dies, and of all while one takes over from another.</summary>
    public string PinFolder { get; init; } = DefaultPinFolder;

    /// <summary>
    /// Spreads the flows between two hosts over all workers. Off, all of them (their fragments too) come to one worker, which rules that
    /// look across flows and defragmentation need.
    /// </summary>
    public bool SteerByPorts { get; init; }

    /// <summary>Pins each worker to a CPU.</summary>
    public bool PinWorkers { get; init; } = true;

    /// <summary>Flows that the kernel may have decisions about; a pass beyond it pushes the oldest out, a drop beyond it stays with the engine.</summary>
    public int DecidedFlows { get; init; } = 65_536;

    /// <summary>A decision about a flow without traffic is forgotten after this long (Suricata's default for a bypassed TCP flow).</summary>
    public int DecidedFlowIdleSeconds { get; init; } = 100;
}
