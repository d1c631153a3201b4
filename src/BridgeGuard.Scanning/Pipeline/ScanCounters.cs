namespace BridgeGuard.Scanning.Pipeline;

/// <summary>What scanning has done since start; read by metrics.</summary>
public sealed class ScanCounters
{
    internal long FilesValue;
    internal long BytesValue;
    internal long ScansValue;
    internal long CleanValue;
    internal long MaliciousValue;
    internal long ErrorsValue;
    internal long RetriesValue;
    internal long SavedByCacheValue;
    internal long SavedByJoiningValue;
    internal long SavedByFleetValue;
    internal long QueueFullValue;
    internal long NotKeptValue;
    internal long TruncatedValue;
    internal long HashMismatchesValue;
    internal long QueuedValue;
    internal long RunningValue;
    internal long VerdictsChangedValue;
    internal long AheadValue;
    internal long AheadInVainValue;
    internal long AheadFailedValue;

    /// <summary>Contents taken in.</summary>
    public long Files => Volatile.Read(ref FilesValue);

    public long Bytes => Volatile.Read(ref BytesValue);

    /// <summary>Scans run: equals the number of different (content, generation) pairs, plus those repeated after an error.</summary>
    public long Scans => Volatile.Read(ref ScansValue);

    public long Clean => Volatile.Read(ref CleanValue);

    public long Malicious => Volatile.Read(ref MaliciousValue);

    public long Errors => Volatile.Read(ref ErrorsValue);

    public long Retries => Volatile.Read(ref RetriesValue);

    /// <summary>Contents that needed no scan because the verdict was known.</summary>
    public long SavedByCache => Volatile.Read(ref SavedByCacheValue);

    /// <summary>Contents that waited for a scan of the same content that was under way.</summary>
    public long SavedByJoining => Volatile.Read(ref SavedByJoiningValue);

    public long QueueFull => Volatile.Read(ref QueueFullValue);

    /// <summary>Contents that were hashed but not kept: too long, or no spool left.</summary>
    public long NotKept => Volatile.Read(ref NotKeptValue);

    /// <summary>Contents off the wire with missing bytes.</summary>
    public long Truncated => Volatile.Read(ref TruncatedValue);

    /// <summary>Contents whose bytes did not have the hash that was announced.</summary>
    public long HashMismatches => Volatile.Read(ref HashMismatchesValue);

    /// <summary>Scans waiting for their turn now.</summary>
    public long Queued => Volatile.Read(ref QueuedValue);

    /// <summary>Scans running now.</summary>
    public long Running => Volatile.Read(ref RunningValue);

    public long VerdictsChanged => Volatile.Read(ref VerdictsChangedValue);

    /// <summary>Scans that another host's verdict saved.</summary>
    public long SavedByFleet => Volatile.Read(ref SavedByFleetValue);

    /// <summary>Contents that went to the scanners while they arrived.</summary>
    public long Ahead => Volatile.Read(ref AheadValue);

    /// <summary>Those of which no scan was needed in the end: known, joined, broken off. They cost copies; they are no scans.</summary>
    public long AheadInVain => Volatile.Read(ref AheadInVainValue);

    /// <summary>Those that a scanner gave up on the way, so that they were scanned from the spool.</summary>
    public long AheadFailed => Volatile.Read(ref AheadFailedValue);
}
