using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Detection;

/// <summary>xbits and hostbits: bits with an expiry on a host or a pair of hosts. One per worker; bounded.</summary>
/// <remarks>Kept per worker: with several workers a bit set by one flow is seen by flows of the same worker only.</remarks>
internal sealed class HostVariables
{
    /// <summary>Bits kept; expired ones go first, then new ones are refused.</summary>
    public const int MaxEntries = 65_536;

    private readonly Dictionary<Key, long> _untilUs = [];
    private readonly List<Key> _expired = [];

    public long Refused { get; private set; }

    public bool IsSet(int name, IpAddress first, IpAddress second, bool isHostBit, long nowUs) =>
        _untilUs.TryGetValue(new Key(name, first, second, isHostBit), out long until) && nowUs <= until;

    public void Set(int name, IpAddress first, IpAddress second, bool isHostBit, long untilUs, long nowUs)
    {
        if (_untilUs.Count >= MaxEntries && !MakeRoom(nowUs))
        {
            Refused++;
            return;
        }

        _untilUs[new Key(name, first, second, isHostBit)] = untilUs;
    }

    public void Unset(int name, IpAddress first, IpAddress second, bool isHostBit) =>
        _untilUs.Remove(new Key(name, first, second, isHostBit));

    private bool MakeRoom(long nowUs)
    {
        _expired.Clear();
        foreach ((Key key, long until) in _untilUs)
        {
            if (nowUs > until)
            {
                _expired.Add(key);
            }
        }

        foreach (Key key in _expired)
        {
            _untilUs.Remove(key);
        }

        return _untilUs.Count < MaxEntries;
    }

    private readonly record struct Key(int Name, IpAddress First, IpAddress Second, bool IsHostBit);
}
