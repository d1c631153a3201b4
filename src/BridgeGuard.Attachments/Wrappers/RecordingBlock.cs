using BridgeGuard.Engine.Detection;

namespace BridgeGuard.Attachments.Wrappers;

/// <summary>Why frames were kept.</summary>
public enum RecordingKind : byte
{
    Alert,
    Capture,
}

/// <summary>Frames on their way from a worker to the writer's thread. Belongs to one of them at a time.</summary>
public sealed class RecordingBlock(int capacity, byte workerId)
{
    private const int Free = 0;
    private const int Taken = 1;
    private const int Filled = 2;

    private int _state;

    internal byte[] Bytes { get; } = new byte[capacity];

    internal int Used { get; set; }

    /// <summary>When it began.</summary>
    public long FirstUs { get; private set; }

    public RecordingKind Kind { get; private set; }

    public byte WorkerId { get; } = workerId;

    /// <summary>The alert that is the reason; null for captures.</summary>
    public RuleInfo? Alert { get; private set; }

    /// <summary>Number of that alert within its worker: a part of its event id.</summary>
    public ulong AlertNumber { get; private set; }

    internal bool TryTake() => Interlocked.CompareExchange(ref _state, Taken, Free) == Free;

    internal void Begin(RecordingKind kind, long nowUs, RuleInfo? alert, ulong number)
    {
        Kind = kind;
        FirstUs = nowUs;
        Alert = alert;
        AlertNumber = number;
        Used = 0;
    }

    /// <summary>The worker has filled it.</summary>
    internal void Publish() => Volatile.Write(ref _state, Filled);

    /// <summary>The writer may read it.</summary>
    public bool IsFilled => Volatile.Read(ref _state) == Filled;

    /// <summary>The writer is done with it.</summary>
    public void Release() => Volatile.Write(ref _state, Free);
}
