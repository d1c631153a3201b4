using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Engine.Policy.Standing;

/// <summary>Sources that a behaviour threshold has marked: their next flows are treated as the one that reached it, for a time. Bounded; per worker.</summary>
public sealed class MarkedSources
{
    /// <summary>Sources marked at a time; the one that ends first makes room.</summary>
    public const int Capacity = 1024;

    private readonly Dictionary<IpAddress, (RoleAction Action, long UntilUs)> _marks = new(Capacity);

    public int Count => _marks.Count;

    public void Add(IpAddress source, RoleAction action, long nowUs, int seconds)
    {
        if (seconds <= 0)
        {
            return;
        }

        if (_marks.Count >= Capacity && !_marks.ContainsKey(source))
        {
            Evict(nowUs);
        }

        _marks[source] = (action, nowUs + (seconds * 1_000_000L));
    }

    /// <summary>What was decided about a source; <see cref="RoleAction.AsRule"/>: nothing.</summary>
    public RoleAction Find(IpAddress source, long nowUs)
    {
        if (_marks.Count == 0 || !_marks.TryGetValue(source, out (RoleAction Action, long UntilUs) mark))
        {
            return RoleAction.AsRule;
        }

        if (mark.UntilUs > nowUs)
        {
            return mark.Action;
        }

        _marks.Remove(source);
        return RoleAction.AsRule;
    }

    private void Evict(long nowUs)
    {
        IpAddress first = default;
        long soonest = long.MaxValue;
        foreach ((IpAddress source, (_, long untilUs)) in _marks)
        {
            if (untilUs < soonest)
            {
                (first, soonest) = (source, untilUs);
                if (soonest <= nowUs)
                {
                    break;
                }
            }
        }

        _marks.Remove(first);
    }
}
