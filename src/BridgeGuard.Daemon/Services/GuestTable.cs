using System.Net;
using System.Net.Sockets;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Guests;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Scanning.GuestApi;

namespace BridgeGuard.Daemon.Services;

/// <summary>Joins the ports that the attachment sees with the guests that are known, for the engine, for events and for the guest API.</summary>
/// <remarks>Written by the attachment's watcher and by whoever changes the guests; read by workers without locks: tables are replaced, never changed.</remarks>
public sealed class GuestTable : IGuestDirectory
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ushort, PortInfo> _ports = [];
    private GuestSet _set = GuestSet.Empty;
    private PolicyModel _policy = PolicyModel.Empty;
    private GuestInfo?[] _infos = [];

    private static readonly TimeSpan LearntSoon = TimeSpan.FromMilliseconds(200);

    /// <summary>What the bridges have learnt, by device; read apart from everything, as the kernel lets its reader wait while ports are plugged in.</summary>
    private ILookup<int, ForwardingEntry> _learnt = Array.Empty<ForwardingEntry>().ToLookup(e => e.IfIndex);
    private int _isReading;

    /// <summary>What <see cref="Ports"/> holds.</summary>
    private ushort[] _byPort = [];

    /// <summary>For the workers: which guest is behind a port id.</summary>
    public PortGuests Ports { get; } = new();

    /// <summary>The guests in force.</summary>
    public GuestSet Guests => Volatile.Read(ref _set);

    /// <inheritdoc/>
    public GuestInfo? Get(ushort index)
    {
        GuestInfo?[] guests = Volatile.Read(ref _infos);
        return index < guests.Length ? guests[index] : null;
    }

    /// <inheritdoc/>
    public ushort Find(ushort portId, ulong mac, IpAddress address) => Guests.Find(portId == 0 ? (ushort)0 : Ports.Find(portId), mac, address);

    /// <summary>The name of a port; null when there is none of that number.</summary>
    public string? PortName(ushort portId)
    {
        lock (_gate)
        {
            return _ports.GetValueOrDefault(portId)?.Name;
        }
    }

    /// <summary>A port came, changed or went. Ports come by the thousand: only what is of this one is made anew.</summary>
    public void OnPortChanged(PortChange change)
    {
        lock (_gate)
        {
            if (change.After is { } port)
            {
                _ports[port.PortId] = port;
                Place(port.PortId, GuestOf(port), port.Name);
            }
            else if (change.Before is { } gone)
            {
                _ports.Remove(gone.PortId);
                Place(gone.PortId, 0, "");
            }

            ReplaceTargets();
        }
    }

    /// <summary>Other guests, or guests with other roles.</summary>
    public void Apply(GuestSet set, PolicyModel policy)
    {
        lock (_gate)
        {
            if (ReferenceEquals(_policy, policy) && _set.Generation == set.Generation && _set.All.AsSpan().SequenceEqual(set.All))
            {
                return; // Other rules alone: ports belong to whom they belonged to.
            }

            Volatile.Write(ref _set, set);
            _policy = policy;
            Rebuild();
        }
    }

    /// <summary>Who asks over the guest API: known by its address; an unknown one is answered under its address, with limits of its own.</summary>
    public GuestIdentity? Identify(EndPoint? remote)
    {
        if (remote is UnixDomainSocketEndPoint own)
        {
            return OfSocket(Path.GetFileName(own.ToString()!));
        }

        if (remote is not IPEndPoint { Address: var address })
        {
            return null;
        }

        IPAddress plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        Span<byte> bytes = stackalloc byte[16];
        plain.TryWriteBytes(bytes, out _);
        IpAddress ip = plain.AddressFamily == AddressFamily.InterNetwork ? IpAddress.ReadV4(bytes) : IpAddress.ReadV6(bytes);
        GuestSet guests = Guests;
        ushort guest = guests.FindByAddress(ip);
        return guests.Get(guest) is { } known ? new GuestIdentity(guest, known.Name) : new GuestIdentity(0, plain.ToString());
    }

    /// <summary>Ends of the names of a guest's own sockets.</summary>
    public const string HttpSuffix = ".http.sock";

    public const string ClamdSuffix = ".clamd.sock";

    /// <summary>Every guest's name.</summary>
    public IEnumerable<string> Names => Guests.All.OfType<GuestModel>().Select(guest => guest.Name);

    private GuestIdentity? OfSocket(string name)
    {
        string guest = name.EndsWith(HttpSuffix, StringComparison.Ordinal) ? name[..^HttpSuffix.Length]
            : name.EndsWith(ClamdSuffix, StringComparison.Ordinal) ? name[..^ClamdSuffix.Length] : "";
        int index = Array.FindIndex(Guests.All, g => g?.Name == guest);
        return index > 0 ? new GuestIdentity((uint)index, guest) : null;
    }

    private void Rebuild()
    {
        GuestSet set = _set;
        int last = _ports.Count == 0 ? 0 : _ports.Keys.Max();
        var byPort = new ushort[last + 1];
        var portOf = new string?[set.All.Length];
        foreach ((ushort id, PortInfo port) in _ports)
        {
            ushort guest = GuestOf(port);
            byPort[id] = guest;
            if (guest != 0)
            {
                portOf[guest] = port.Name;
            }
        }

        // Who is gone keeps its name: flows of it end later, and a worker may still have the set before.
        Volatile.Write(ref _infos, [.. set.All.Select((g, i) => g is null ? Get((ushort)i) : Describe(g, portOf[i] ?? ""))]);
        Ports.Replace(byPort);
        _byPort = byPort;
        ReplaceTargets();
    }

    private void ReplaceTargets()
    {
        if (_policy.Targets.Length > 0)
        {
            Ports.ReplaceTargets([.. _policy.Targets.Select(t => t.BridgePort.Length == 0 ? (ushort)0 : _ports.Values.FirstOrDefault(p => p.Name == t.BridgePort)?.PortId ?? 0)]);
        }
    }

    /// <summary>The guest behind a port. One whose name nobody knows belongs to the guest whose address the bridge learnt behind it.</summary>
    private ushort GuestOf(PortInfo port)
    {
        if (port.Role != PortRole.Guest)
        {
            return 0;
        }

        ushort guest = _set.FindByPortName(port.Name);
        if (guest == 0 && _set.Count > 0)
        {
            ReadLearntSoon();
            ushort[] behind = [.. _learnt[port.IfIndex].Select(e => _set.FindByMac(e.Mac)).Distinct()];
            guest = behind.Length == 1 ? behind[0] : (ushort)0;
        }

        return guest;
    }

    private void Place(ushort portId, ushort guest, string port)
    {
        ushort before = portId < _byPort.Length ? _byPort[portId] : (ushort)0;
        if (before == guest && (guest == 0 || Get(guest)?.Port == port))
        {
            return;
        }

        GuestInfo?[] infos = [.. _infos];
        if (before != 0 && before != guest && _set.Get(before) is { } left)
        {
            infos[before] = Describe(left, "");
        }

        if (guest != 0)
        {
            infos[guest] = Describe(_set.Get(guest)!, port);
        }

        Volatile.Write(ref _infos, infos);
        var byPort = new ushort[Math.Max(_byPort.Length, portId + 1)];
        _byPort.CopyTo(byPort, 0);
        byPort[portId] = guest;
        Ports.Replace(byPort);
        _byPort = byPort;
    }

    /// <summary>Asks the kernel on another thread, once for all that ask within a moment; what comes of it is put in place then.</summary>
    private void ReadLearntSoon()
    {
        if (Interlocked.Exchange(ref _isReading, 1) == 0)
        {
            _ = ReadLearnt();
        }
    }

    private async Task ReadLearnt()
    {
        await Task.Delay(LearntSoon);
        Volatile.Write(ref _isReading, 0);
        ILookup<int, ForwardingEntry> learnt = ForwardingTable.Read().ToLookup(e => e.IfIndex);
        lock (_gate)
        {
            _learnt = learnt;
            bool isMore = false;
            foreach (PortInfo port in _ports.Values.Where(p => p.Role == PortRole.Guest && _set.FindByPortName(p.Name) == 0))
            {
                ushort[] behind = [.. learnt[port.IfIndex].Select(e => _set.FindByMac(e.Mac)).Distinct()];
                isMore |= behind.Length == 1 && behind[0] != (port.PortId < _byPort.Length ? _byPort[port.PortId] : (ushort)0);
            }

            if (isMore)
            {
                Interlocked.Exchange(ref _isReading, 1); // Not again because of this.
                Rebuild();
                Volatile.Write(ref _isReading, 0);
            }
        }
    }

    private GuestInfo Describe(GuestModel guest, string port) =>
        new(guest.Name, guest.Uuid, guest.Role < _policy.Roles.Length ? _policy.Roles[guest.Role].Name : _policy.Roles[0].Name, guest.Tenant, port, guest.Macs.Length > 0 ? guest.Macs[0] : 0)
        {
            Tags = guest.Tags,
            Bridge = guest.Bridge,
            Vlan = guest.Vlan,
        };
}
