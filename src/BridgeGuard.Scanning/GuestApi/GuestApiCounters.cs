namespace BridgeGuard.Scanning.GuestApi;

/// <summary>What guests asked since start; read by metrics.</summary>
public sealed class GuestApiCounters
{
    internal long QueriesValue;
    internal long HashesValue;
    internal long SubmissionsValue;
    internal long LimitedValue;
    internal long RefusedValue;
    internal long BadRequestsValue;
    internal long ClamdCommandsValue;

    public long Queries => Volatile.Read(ref QueriesValue);

    /// <summary>Hashes asked for, batches included.</summary>
    public long Hashes => Volatile.Read(ref HashesValue);

    public long Submissions => Volatile.Read(ref SubmissionsValue);

    /// <summary>Requests over a guest's limit.</summary>
    public long Limited => Volatile.Read(ref LimitedValue);

    /// <summary>Connections from nobody we know.</summary>
    public long Refused => Volatile.Read(ref RefusedValue);

    public long BadRequests => Volatile.Read(ref BadRequestsValue);

    public long ClamdCommands => Volatile.Read(ref ClamdCommandsValue);
}
