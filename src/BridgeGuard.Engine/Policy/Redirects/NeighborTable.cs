using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy.Redirects;

/// <summary>Which Ethernet address speaks for a redirect target: learnt from its own frames. One slot per target, so it is bounded.</summary>
/// <remarks>All workers of a process share one: a target's frames may reach a worker that moves nothing to it. Thread: any.</remarks>
public sealed class NeighborTable
{
    private readonly RedirectTarget[] _targets;
    private readonly ulong[] _macs;

    /// <param name="targets">The targets in force.</param>
    /// <param name="before">What was known of those before; who is still a target need not speak again.</param>
    public NeighborTable(RedirectTarget[] targets, NeighborTable? before = null)
    {
        _targets = targets;
        _macs = new ulong[targets.Length];
        for (int i = 0; before is not null && i < targets.Length; i++)
        {
            _macs[i] = before.TryFind(targets[i].Address, out int index) ? Volatile.Read(ref before._macs[index]) : 0;
        }
    }

    /// <summary>It is of these.</summary>
    internal bool IsOf(RedirectTarget[] targets) => ReferenceEquals(_targets, targets);

    /// <summary>True when some target has this address; gives its index.</summary>
    public bool TryFind(IpAddress address, out int target)
    {
        for (int i = 0; i < _targets.Length; i++)
        {
            if (_targets[i].Address == address && _targets[i].BridgePort.Length == 0)
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
    public ulong MacOf(int target) => _targets[target].Mac != 0 ? _targets[target].Mac : Volatile.Read(ref _macs[target]);
}
