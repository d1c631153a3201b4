using System.Net;
using System.Net.Sockets;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Scanning.GuestApi;

namespace BridgeGuard.Daemon.Services;

/// <summary>Joins the ports that the attachment sees with the guests that policy knows, for the engine, for events and for the guest API.</summary>
/// <remarks>Written by the attachment's watcher thread, read by workers without locks: arrays are replaced, never changed.</remarks>
public sealed class GuestTable(DaemonModel model) : IGuestDirectory
{
    private readonly Lock _gate = new();
    private GuestInfo?[] _guests = [.. model.Policy.Guests.Select((g, i) => i == 0 ? null : Describe(model.Policy, g, ""))];

    /// <inheritdoc/>
    public GuestInfo? Get(ushort index)
    {
        GuestInfo?[] guests = Volatile.Read(ref _guests);
        return index < guests.Length ? guests[index] : null;
    }

    /// <summary>A port came, changed or went.</summary>
    public void OnPortChanged(PortChange change)
    {
        lock (_gate)
        {
            PolicyModel policy = model.Policy;
            ushort[] byPort = policy.GuestByPort;
            ushort portId = (change.After ?? change.Before)!.PortId;
            ushort guest = change.After is { } port ? policy.FindByPortName(port.Name) : (ushort)0;
            var next = new ushort[Math.Max(byPort.Length, portId + 1)];
            byPort.CopyTo(next, 0);
            next[portId] = guest;
            policy.GuestByPort = next;
            if (guest != 0)
            {
                GuestInfo?[] guests = [.. _guests];
                guests[guest] = Describe(policy, policy.Guests[guest], change.After!.Name);
                Volatile.Write(ref _guests, guests);
            }
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
        ushort guest = model.Policy.FindGuest(0, 0, ip);
        return guest == 0 ? new GuestIdentity(0, plain.ToString()) : new GuestIdentity(guest, model.Policy.Guests[guest].Name);
    }

    /// <summary>Ends of the names of a guest's own sockets.</summary>
    public const string HttpSuffix = ".http.sock";

    public const string ClamdSuffix = ".clamd.sock";

    /// <summary>Every configured guest's name.</summary>
    public IEnumerable<string> Names => model.Policy.Guests.Skip(1).Select(guest => guest.Name);

    private GuestIdentity? OfSocket(string name)
    {
        string guest = name.EndsWith(HttpSuffix, StringComparison.Ordinal) ? name[..^HttpSuffix.Length]
            : name.EndsWith(ClamdSuffix, StringComparison.Ordinal) ? name[..^ClamdSuffix.Length] : "";
        int index = Array.FindIndex(model.Policy.Guests, 1, g => g.Name == guest);
        return index > 0 ? new GuestIdentity((uint)index, guest) : null;
    }

    private static GuestInfo Describe(PolicyModel policy, GuestModel guest, string port) =>
        new(guest.Name, guest.Uuid ?? "", policy.Roles[guest.Role].Name, "", port, guest.Macs.Length > 0 ? guest.Macs[0] : 0);
}
