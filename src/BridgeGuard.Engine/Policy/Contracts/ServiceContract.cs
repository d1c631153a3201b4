using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Engine.Policy.Contracts;

/// <summary>One service that a guest may (or may not) offer or use. What is empty is any.</summary>
public sealed record ServiceRule
{
    /// <summary>IP protocol; 0: any.</summary>
    public byte Protocol { get; init; }

    /// <summary>Ports of the serving end.</summary>
    public (ushort First, ushort Last)[] Ports { get; init; } = [];

    /// <summary>Roles that the other end may have, as indexes; -1 stands for "no guest".</summary>
    public short[] PeerRoles { get; init; } = [];

    /// <summary>Networks that the other end may be in.</summary>
    public (IpAddress Network, byte PrefixLength)[] Peers { get; init; } = [];

    /// <summary><see cref="RoleAction.AsRule"/> allows it; others are what happens when it is tried.</summary>
    public RoleAction Action { get; init; }

    /// <summary>Where it is written, <c>file:line:column</c>.</summary>
    public string Place { get; init; } = "";

    /// <summary>This line speaks of such a flow.</summary>
    /// <param name="protocol">IP protocol.</param>
    /// <param name="port">Port of the serving end.</param>
    /// <param name="peerRole">Role of the other end; -1: no guest.</param>
    /// <param name="peer">Address of the other end.</param>
    public bool Covers(byte protocol, ushort port, short peerRole, IpAddress peer) =>
        (Protocol == 0 || Protocol == protocol || (Protocol == IpProtocols.Icmp && protocol == IpProtocols.IcmpV6))
        && HasPort(port) && (PeerRoles.Length == 0 || Array.IndexOf(PeerRoles, peerRole) >= 0) && HasPeer(peer);

    private bool HasPort(ushort port)
    {
        foreach ((ushort first, ushort last) in Ports)
        {
            if (port >= first && port <= last)
            {
                return true;
            }
        }

        return Ports.Length == 0;
    }

    private bool HasPeer(IpAddress peer)
    {
        foreach ((IpAddress network, byte prefix) in Peers)
        {
            if (IsWithin(peer, network, prefix))
            {
                return true;
            }
        }

        return Peers.Length == 0;
    }

    private static bool IsWithin(IpAddress address, IpAddress network, byte prefixLength)
    {
        // The prefix counts 128 bits; IPv4 networks are stored with 96 more.
        ulong high = prefixLength >= 64 ? ulong.MaxValue : prefixLength == 0 ? 0 : ulong.MaxValue << (64 - prefixLength);
        ulong low = prefixLength <= 64 ? 0 : prefixLength >= 128 ? ulong.MaxValue : ulong.MaxValue << (128 - prefixLength);
        return ((address.High ^ network.High) & high) == 0 && ((address.Low ^ network.Low) & low) == 0;
    }
}

/// <summary>What guests of a role may offer and use. Immutable; the first line that covers a flow decides, else the default.</summary>
public sealed record ServiceContract
{
    /// <summary>Everything is allowed.</summary>
    public static readonly ServiceContract Open = new();

    /// <summary>Services that the guest may offer to others.</summary>
    public ServiceRule[] In { get; init; } = [];

    /// <summary>Services of others that the guest may use.</summary>
    public ServiceRule[] Out { get; init; } = [];

    /// <summary>What happens to what no line covers; <see cref="RoleAction.AsRule"/>: allowed.</summary>
    public RoleAction DefaultIn { get; init; }

    public RoleAction DefaultOut { get; init; }

    public string DefaultPlace { get; init; } = "";

    public bool IsOpen => In.Length == 0 && Out.Length == 0 && DefaultIn == RoleAction.AsRule && DefaultOut == RoleAction.AsRule;

    /// <summary>What the contract says of a flow; <see cref="RoleAction.AsRule"/>: allowed.</summary>
    /// <param name="isServer">The guest is the serving end.</param>
    /// <param name="line">The line that decided; null: the default.</param>
    public RoleAction Judge(bool isServer, byte protocol, ushort port, short peerRole, IpAddress peer, out ServiceRule? line)
    {
        foreach (ServiceRule rule in isServer ? In : Out)
        {
            if (rule.Covers(protocol, port, peerRole, peer))
            {
                line = rule;
                return rule.Action;
            }
        }

        line = null;
        return isServer ? DefaultIn : DefaultOut;
    }
}
