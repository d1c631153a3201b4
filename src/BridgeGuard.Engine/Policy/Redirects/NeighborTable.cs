using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy.Redirects;

/// <summary>Which Ethernet address speaks for a redirect target: learnt from its own frames. One slot per target, so it is bounded.</summary>
public sealed class NeighborTable(RedirectTarget[] targets)
{
    private readonly ulong[] _macs = new ulong[targets.Length];

    /// <summary>True when some target has this address; gives its index.</summary>
    public bool TryFind(IpAddress address, out int target)
    {
        for (int i = 0; i < targets.Length; i++)
        {
            if (targets[i].Address == address && targets[i].BridgePort.Length == 0)
            {
                target = i;
                return true;
            }
        }

        target = -1;
        return false;
    }

    /// <summary>The target has been seen to send from this Ethernet address.</summary>
    public void Learn(int target, ulong mac) => Volatile.Write(ref _macs[target], mac);

    /// <summary>The Ethernet address to use, 0 while unknown. What an operator wrote goes before what was learnt.</summary>
    public ulong MacOf(int target) => targets[target].Mac != 0 ? targets[target].Mac : Volatile.Read(ref _macs[target]);
}
