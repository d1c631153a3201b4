using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy.Guests;

/// <summary>All guests of a moment, found by port, Ethernet address or IP address. Immutable; exchanged as a whole when guests come, go or change.</summary>
/// <remarks>
/// A guest keeps its index from one set to the next, so that flows and files that carry the index keep its name. Index 0 is "nobody we know".
/// Order of trust: the port a frame came in by, then the Ethernet address, then the IP address; so two guests that swap addresses keep their names.
/// </remarks>
public sealed class GuestSet
{
    /// <summary>Guests of one host; an index is a 16-bit number in flows.</summary>
    public const int MaxGuests = 4096;

    public static readonly GuestSet Empty = new([null], 0);

    private readonly Dictionary<ulong, ushort> _byMac = [];
    private readonly Dictionary<IpAddress, ushort> _byAddress = [];
    private readonly Dictionary<string, ushort> _byPort = [];
    private readonly List<(string Pattern, ushort Guest)> _patterns = [];

    /// <param name="guests">By index; element 0 is null, others may be where a guest has gone.</param>
    /// <param name="generation">Differs between sets; flows that carry another one are introduced anew.</param>
    public GuestSet(GuestModel?[] guests, uint generation)
    {
        All = guests;
        Generation = generation;
        for (int i = 1; i < guests.Length; i++)
        {
            if (guests[i] is { } guest)
            {
                Count++;
                Index(guest, (ushort)i);
            }
        }

        // What was only seen never takes away what was given.
        for (int i = 1; i < guests.Length; i++)
        {
            foreach (IpAddress address in guests[i]?.LearnedAddresses ?? [])
            {
                _byAddress.TryAdd(address, (ushort)i);
            }
        }
    }

    public GuestModel?[] All { get; }

    public uint Generation { get; }

    /// <summary>Guests that are there.</summary>
    public int Count { get; }

    public GuestModel? Get(ushort index) => index < All.Length ? All[index] : null;

    /// <summary>The role of a guest; 0, the default role, for nobody.</summary>
    public byte RoleOf(ushort index) => index < All.Length && All[index] is { } guest ? guest.Role : (byte)0;

    /// <summary>The guest behind a port name; 0 when none fits. Names go before patterns.</summary>
    public ushort FindByPortName(string portName)
    {
        if (_byPort.TryGetValue(portName, out ushort guest))
        {
            return guest;
        }

        foreach ((string pattern, ushort index) in _patterns)
        {
            if (System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, portName, ignoreCase: false))
            {
                return index;
            }
        }

        return 0;
    }

    public ushort FindByMac(ulong mac) => mac != 0 && _byMac.TryGetValue(mac, out ushort guest) ? guest : (ushort)0;

    public ushort FindByAddress(IpAddress address) => _byAddress.TryGetValue(address, out ushort guest) ? guest : (ushort)0;

    /// <summary>Who is at one end of a packet.</summary>
    /// <param name="ofPort">The guest of the port the frame came in by, when this end sent it; else 0.</param>
    /// <param name="mac">The end's Ethernet address; 0: unknown.</param>
    /// <param name="address">Its IP address.</param>
    public ushort Find(ushort ofPort, ulong mac, IpAddress address)
    {
        if (ofPort != 0)
        {
            return ofPort;
        }

        return mac != 0 && _byMac.TryGetValue(mac, out ushort guest) ? guest : FindByAddress(address);
    }

    private void Index(GuestModel guest, ushort index)
    {
        foreach (ulong mac in guest.Macs)
        {
            _byMac.TryAdd(mac, index);
        }

        foreach (IpAddress address in guest.Addresses)
        {
            _byAddress.TryAdd(address, index);
        }

        foreach (string port in guest.Ports)
        {
            if (port.AsSpan().ContainsAny('*', '?'))
            {
                _patterns.Add((port, index));
            }
            else
            {
                _byPort.TryAdd(port, index);
            }
        }
    }
}
