namespace BridgeGuard.Scanning.WireFiles;

/// <summary>What the sink has taken and refused since start; read by metrics.</summary>
public sealed class WireFileCounters
{
    internal long CheckpointsValue;
    internal long PartialCheckpointsValue;
    internal long OverwritesValue;
    internal long OpenedValue;
    internal long RefusedOpensValue;
    internal long RefusedAppendsValue;
    internal long CompleteValue;
    internal long TruncatedValue;
    internal long StaleHandlesValue;

    public long Opened => Volatile.Read(ref OpenedValue);

    /// <summary>Files not taken because too many were open.</summary>
    public long RefusedOpens => Volatile.Read(ref RefusedOpensValue);

    /// <summary>Chunks not taken: back-pressure.</summary>
    public long RefusedAppends => Volatile.Read(ref RefusedAppendsValue);

    public long Complete => Volatile.Read(ref CompleteValue);

    public long Truncated => Volatile.Read(ref TruncatedValue);

    /// <summary>Calls with a handle that was closed before: a bug of the caller, harmless here.</summary>
    public long StaleHandles => Volatile.Read(ref StaleHandlesValue);

    /// <summary>Beginnings of open files that were judged by themselves, as they might have been all.</summary>
    public long Checkpoints => Volatile.Read(ref CheckpointsValue);

    /// <summary>Those of which only the new bytes were judged, as the upload had cost enough scans.</summary>
    public long PartialCheckpoints => Volatile.Read(ref PartialCheckpointsValue);

    /// <summary>Times that a writer went back and replaced bytes.</summary>
    public long Overwrites => Volatile.Read(ref OverwritesValue);
}
