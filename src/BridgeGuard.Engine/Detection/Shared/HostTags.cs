using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Detection.Shared;

/// <summary>Hosts whose packets are logged for a while (<c>tag:host</c>), the same for all workers.</summary>
/// <remarks>
/// The state is 1 plus the measure in its two highest bits, and below them what is left of it: packets, bytes, or the time until which the tag holds. 0:
/// not tagged.
/// </remarks>
internal sealed class HostTags(SharedSlots slots, FlowHash hash)
{
    /// <summary>A tag by packets or bytes of a host that says nothing more is let go after this time: an hour.</summary>
    private const long IdleUs = 3_600_000_000;

    private const ulong Domain = 0x7461_6700_0000_0000;
    private const int MetricShift = 61;
    private const long ValueMask = (1L << MetricShift) - 1;

    /// <summary>No host was ever tagged: nothing to look up.</summary>
    public bool IsEmpty => slots.IsEmpty;

    /// <summary>Tags a host that is not tagged.</summary>
    public void Add(IpAddress host, in TagState tag, long nowUs)
    {
        int slot = slots.FindOrAdd(Key(host), nowUs);
        if (slot >= 0 && slots.TryChange(slot, 0, tag.Active ? Pack(tag) : 0))
        {
            slots.SetExpiry(slot, tag.Metric == TagMetric.Seconds ? tag.UntilUs : nowUs + IdleUs);
        }
    }

    /// <summary>Takes a packet from what is left of the host's tag; true when it is to be logged.</summary>
    public bool Consume(IpAddress host, int packetBytes, long nowUs)
    {
        int slot = slots.Find(Key(host));
        while (slot >= 0)
        {
            long state = slots.Read(slot);
            if (state == 0)
            {
                return false;
            }

            TagState tag = Unpack(state);
            bool isLogged = tag.Consume(packetBytes, nowUs);
            if (slots.TryChange(slot, state, tag.Active ? Pack(tag) : 0))
            {
                slots.SetExpiry(slot, !tag.Active ? 0 : tag.Metric == TagMetric.Seconds ? tag.UntilUs : nowUs + IdleUs);
                return isLogged;
            }
        }

        return false;
    }

    private ulong Key(IpAddress host) => hash.Combine(Domain, host, default, 0);

    private static long Pack(in TagState tag)
    {
        long value = Math.Clamp(tag.Metric == TagMetric.Seconds ? tag.UntilUs : tag.Remaining, 0, ValueMask);
        return ((long)(tag.Metric + 1) << MetricShift) | value;
    }

    private static TagState Unpack(long state)
    {
        var metric = (TagMetric)((state >> MetricShift) - 1);
        long value = state & ValueMask;
        return new TagState
        {
            Active = true,
            Metric = metric,
            Remaining = metric == TagMetric.Seconds ? 0 : value,
            UntilUs = metric == TagMetric.Seconds ? value : long.MaxValue,
        };
    }
}
