namespace BridgeGuard.Engine.Policy.Guests;

/// <summary>Which guest is behind which port id: the attachment knows port names, the guest set knows whose they are.</summary>
/// <remarks>
/// One per data plane; its writer (the attachment's side) makes a new table when a port appears, before its first frame, and when guests change.
/// Workers read it without a lock: the tables are replaced, never changed.
/// </remarks>
public sealed class PortGuests
{
    private ushort[] _guests = [];

    /// <summary>The table before: workers take a new guest set a moment after it, and until then ports belong to those whom their set knows.</summary>
    private ushort[] _former = [];

    private ushort[] _targets = [];

    /// <summary>Another object than before says that ports may be others' now.</summary>
    internal object Version => Volatile.Read(ref _guests);

    /// <summary>The port that a redirect target names, by the target's number; 0 when the target is an address or there is no port of that name now.</summary>
    public ushort TargetPort(int target)
    {
        ushort[] targets = Volatile.Read(ref _targets);
        return target < targets.Length ? targets[target] : (ushort)0;
    }

    /// <summary>Exchanges the ports of redirect targets.</summary>
    public void ReplaceTargets(ushort[] ports) => Volatile.Write(ref _targets, ports);

    /// <summary>The guest behind the port; 0 when nobody we know.</summary>
    public ushort Find(ushort portId) => At(Volatile.Read(ref _guests), portId);

    /// <summary>The guest behind the port as the set has it: while guests are exchanged a worker's set may still be the one before.</summary>
    public ushort Find(ushort portId, GuestSet set)
    {
        ushort guest = At(Volatile.Read(ref _guests), portId);
        return guest == 0 || set.Get(guest) is not null ? guest : At(Volatile.Read(ref _former), portId);
    }

    /// <summary>Exchanges the table: the guest of each port by port id.</summary>
    public void Replace(ushort[] guests)
    {
        Volatile.Write(ref _former, _guests);
        Volatile.Write(ref _guests, guests);
    }

    private static ushort At(ushort[] guests, ushort portId) => portId < guests.Length ? guests[portId] : (ushort)0;
}
