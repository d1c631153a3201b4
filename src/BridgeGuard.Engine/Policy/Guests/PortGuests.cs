namespace BridgeGuard.Engine.Policy.Guests;

/// <summary>Which guest is behind which port id: the attachment knows port names, the guest set knows whose they are.</summary>
/// <remarks>
/// One per data plane; its writer (the attachment's side) makes a new table when a port appears, before its first frame, and when guests change.
/// Workers read it without a lock: the tables are replaced, never changed.
/// </remarks>
public sealed class PortGuests
{
    private ushort[] _guests = [];

    /// <summary>The guest behind the port; 0 when nobody we know.</summary>
    public ushort Find(ushort portId)
    {
        ushort[] guests = Volatile.Read(ref _guests);
        return portId < guests.Length ? guests[portId] : (ushort)0;
    }

    /// <summary>Exchanges the table: the guest of each port by port id.</summary>
    public void Replace(ushort[] guests) => Volatile.Write(ref _guests, guests);
}
