using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Engine.Policy.Standing;

/// <summary>An action in force on traffic of a guest, of a peer, or between both. Immutable plain data, made by playbooks and operators.</summary>
public sealed record StandingAction
{
    /// <summary>As the ledger numbers it.</summary>
    public required ulong Id { get; init; }

    /// <summary>Index of the guest it is about; 0: any guest, or traffic without one.</summary>
    public ushort Guest { get; init; }

    /// <summary>The other end; null: any.</summary>
    public IpAddress? Peer { get; init; }

    /// <summary>What happens to the flows: drop (a block), reject, redirect, tarpit, rate limit, block page, bypass.</summary>
    public required RoleAction Action { get; init; }

    /// <summary>Index of a redirect's target; -1: the role's.</summary>
    public int Target { get; init; } = -1;

    /// <summary>With <see cref="RoleAction.Mark"/>: what the frames are marked with.</summary>
    public uint Mark { get; init; }

    /// <summary>Of a rate limit; null: the role's.</summary>
    public RateLimitModel? Rate { get; init; }

    /// <summary>Microseconds since the Unix epoch; it ends by itself then, whether or not anybody takes it out.</summary>
    public long ExpiresUs { get; init; } = long.MaxValue;

    /// <summary>Why: the playbook and the event, for alerts.</summary>
    public string Why { get; init; } = "";
}

/// <summary>All actions in force, found by the ends of a flow. Immutable; exchanged as a whole.</summary>
public sealed class StandingActions
{
    /// <summary>Actions at a time; the ledger refuses more.</summary>
    public const int MaxActions = 4096;

    public static readonly StandingActions Empty = new([]);

    private readonly Dictionary<IpAddress, List<StandingAction>> _byPeer = [];
    private readonly Dictionary<ushort, List<StandingAction>> _byGuest = [];

    public StandingActions(StandingAction[] all)
    {
        All = all;
        foreach (StandingAction action in all)
        {
            if (action.Peer is { } peer)
            {
                Add(_byPeer, peer, action);
            }
            else if (action.Guest != 0)
            {
                Add(_byGuest, action.Guest, action);
            }
        }
    }

    public StandingAction[] All { get; }

    /// <summary>The strictest action on a flow between these ends; null when there is none.</summary>
    /// <param name="mark">What its frames are marked with besides; null: nothing.</param>
    public StandingAction? Find(ushort clientGuest, IpAddress client, ushort serverGuest, IpAddress server, long nowUs, out StandingAction? mark)
    {
        mark = null;
        if (All.Length == 0)
        {
            return null;
        }

        StandingAction? found = null;
        OfPeer(client, serverGuest, nowUs, ref found, ref mark);
        OfPeer(server, clientGuest, nowUs, ref found, ref mark);
        OfGuest(clientGuest, nowUs, ref found, ref mark);
        OfGuest(serverGuest, nowUs, ref found, ref mark);
        return found;
    }

    private static void Add<TKey>(Dictionary<TKey, List<StandingAction>> index, TKey key, StandingAction action)
        where TKey : notnull
    {
        if (!index.TryGetValue(key, out List<StandingAction>? list))
        {
            index[key] = list = [];
        }

        list.Add(action);
    }

    private void OfPeer(IpAddress peer, ushort guest, long nowUs, ref StandingAction? found, ref StandingAction? mark)
    {
        if (_byPeer.TryGetValue(peer, out List<StandingAction>? list))
        {
            foreach (StandingAction action in list)
            {
                if (action.Guest == 0 || action.Guest == guest)
                {
                    Take(action, nowUs, ref found, ref mark);
                }
            }
        }
    }

    private void OfGuest(ushort guest, long nowUs, ref StandingAction? found, ref StandingAction? mark)
    {
        if (guest != 0 && _byGuest.TryGetValue(guest, out List<StandingAction>? list))
        {
            foreach (StandingAction action in list)
            {
                Take(action, nowUs, ref found, ref mark);
            }
        }
    }

    private static void Take(StandingAction action, long nowUs, ref StandingAction? found, ref StandingAction? mark)
    {
        if (action.Action == RoleAction.Mark)
        {
            mark = action.ExpiresUs > nowUs ? action : mark;
        }
        else if (action.ExpiresUs > nowUs && (found is null || action.Action > found.Action))
        {
            found = action;
        }
    }
}
