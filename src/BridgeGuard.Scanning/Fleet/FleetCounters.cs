namespace BridgeGuard.Scanning.Fleet;

/// <summary>What came of sharing verdicts.</summary>
public sealed class FleetCounters
{
    internal long HitsValue;
    internal long MissesValue;
    internal long WaitedValue;
    internal long ToldValue;
    internal long ForgedValue;
    internal long FailuresValue;

    /// <summary>Scans that another host's verdict saved.</summary>
    public long Hits => Volatile.Read(ref HitsValue);

    public long Misses => Volatile.Read(ref MissesValue);

    /// <summary>Contents for which another host's scan was waited for.</summary>
    public long Waited => Volatile.Read(ref WaitedValue);

    public long Told => Volatile.Read(ref ToldValue);

    /// <summary>Entries without a signature of a trusted host; ignored.</summary>
    public long Forged => Volatile.Read(ref ForgedValue);

    /// <summary>Questions and answers that did not get through.</summary>
    public long Failures => Volatile.Read(ref FailuresValue);
}
