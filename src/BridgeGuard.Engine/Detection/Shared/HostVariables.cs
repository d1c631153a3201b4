using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Detection.Shared;

/// <summary>xbits and hostbits: bits with an expiry on a host or a pair of hosts, the same for all workers.</summary>
/// <remarks>The state is the time until which the bit is set, in microseconds; 0: not set.</remarks>
internal sealed class HostVariables(SharedSlots slots, FlowHash hash)
{
    /// <summary>Keeps the keys of bits apart from those of other tables with the same words.</summary>
    private const ulong Domain = 0x7862_6974_0000_0000;

    public bool IsSet(int name, IpAddress first, IpAddress second, bool isHostBit, long nowUs)
    {
        if (slots.IsEmpty)
        {
            return false;
        }

        int slot = slots.Find(Key(name, first, second, isHostBit));
        return slot >= 0 && slots.Read(slot) is not 0 and var until && nowUs <= until;
    }

    public void Set(int name, IpAddress first, IpAddress second, bool isHostBit, long untilUs, long nowUs)
    {
        int slot = slots.FindOrAdd(Key(name, first, second, isHostBit), nowUs);
        if (slot >= 0)
        {
            slots.SetExpiry(slot, untilUs);
            while (!slots.TryChange(slot, slots.Read(slot), untilUs))
            {
            }
        }
    }

    public void Unset(int name, IpAddress first, IpAddress second, bool isHostBit)
    {
        int slot = slots.Find(Key(name, first, second, isHostBit));
        if (slot >= 0)
        {
            while (!slots.TryChange(slot, slots.Read(slot), 0))
            {
            }

            slots.SetExpiry(slot, 0);
        }
    }

    /// <summary>Sets a bit that is not set and unsets one that is, in one step.</summary>
    public void Toggle(int name, IpAddress first, IpAddress second, bool isHostBit, long untilUs, long nowUs)
    {
        int slot = slots.FindOrAdd(Key(name, first, second, isHostBit), nowUs);
        if (slot < 0)
        {
            return;
        }

        while (true)
        {
            long state = slots.Read(slot);
            long next = state != 0 && nowUs <= state ? 0 : untilUs;
            slots.SetExpiry(slot, untilUs);
            if (slots.TryChange(slot, state, next))
            {
                return;
            }
        }
    }

    private ulong Key(int name, IpAddress first, IpAddress second, bool isHostBit) =>
        hash.Combine(Domain | (uint)name, first, second, isHostBit ? 1UL : 0);
}
