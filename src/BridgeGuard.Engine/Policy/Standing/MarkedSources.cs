using BridgeGuard.Engine.Detection.Shared;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Behaviour;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Engine.Policy.Standing;

/// <summary>Sources that a behaviour threshold has marked: their next flows are treated as the one that reached it, for a time, whichever worker has them.</summary>
/// <remarks>Bounded; one that finds no room is not marked (<see cref="Refused"/>), the flow that was found is treated all the same. Thread: any.</remarks>
public sealed class MarkedSources
{
    /// <summary>Sources marked at a time.</summary>
    public const int Capacity = 4096;

    private readonly SharedSlots _slots = new(Capacity);

    /// <summary>Nobody was ever marked.</summary>
    public bool IsEmpty => _slots.IsEmpty;

    /// <summary>Marks that found no room.</summary>
    public long Refused => _slots.Refused;

    public void Add(IpAddress source, RoleAction action, long nowUs, int seconds)
    {
        int slot = seconds <= 0 ? -1 : _slots.FindOrAdd(SourceCounts.KeyOf(source), nowUs);
        if (slot < 0)
        {
            return;
        }

        // The expiry first: a mark that is seen has one.
        _slots.SetExpiry(slot, nowUs + (seconds * 1_000_000L));
        _slots.TryChange(slot, _slots.Read(slot), (long)action);
    }

    /// <summary>What was decided about a source; <see cref="RoleAction.AsRule"/>: nothing.</summary>
    public RoleAction Find(IpAddress source, long nowUs)
    {
        int slot = _slots.IsEmpty ? -1 : _slots.Find(SourceCounts.KeyOf(source));
        return slot >= 0 && _slots.ExpiresUs(slot) > nowUs ? (RoleAction)_slots.Read(slot) : RoleAction.AsRule;
    }
}
