namespace BridgeGuard.Engine.Flows;

/// <summary>Flows ordered by the second in which they may be over; driven by packet time, never by a clock.</summary>
/// <remarks>
/// A flow sits in one slot (a doubly linked list through the flows themselves). Packets do not move it: when its slot comes up, the true deadline is
/// computed and the flow is put further on if it lives. So the cost per packet is none and the cost per flow is one visit per time-out.
/// </remarks>
internal sealed class TimerWheel
{
    /// <summary>Slots of 2^20 µs (1.05 s). Longer timeouts go round: the flow is visited and put on again.</summary>
    private const int Slots = 2048;
    private const int SlotShift = 20;

    private readonly int[] _heads = new int[Slots];
    private long _nextTick;
    private bool _started;

    public TimerWheel() => Array.Fill(_heads, -1);

    /// <summary>Puts <paramref name="flow"/> where it comes up at or just after <paramref name="deadlineUs"/>.</summary>
    public void Add(Flow flow, long deadlineUs, Flow[] flows)
    {
        long tick = Math.Max(deadlineUs >> SlotShift, _nextTick);
        tick = Math.Min(tick, _nextTick + Slots - 1);
        int slot = (int)(tick & (Slots - 1));
        flow.ExpiresUs = deadlineUs;
        flow.WheelSlot = slot;
        flow.PreviousInWheel = -1;
        flow.NextInWheel = _heads[slot];
        if (flow.NextInWheel >= 0)
        {
            flows[flow.NextInWheel].PreviousInWheel = flow.TableIndex;
        }

        _heads[slot] = flow.TableIndex;
    }

    public void Remove(Flow flow, Flow[] flows)
    {
        if (flow.WheelSlot < 0)
        {
            return;
        }

        if (flow.PreviousInWheel >= 0)
        {
            flows[flow.PreviousInWheel].NextInWheel = flow.NextInWheel;
        }
        else
        {
            _heads[flow.WheelSlot] = flow.NextInWheel;
        }

        if (flow.NextInWheel >= 0)
        {
            flows[flow.NextInWheel].PreviousInWheel = flow.PreviousInWheel;
        }

        flow.WheelSlot = flow.NextInWheel = flow.PreviousInWheel = -1;
    }

    /// <summary>Sets where time begins; before the first packet the wheel does not know the year.</summary>
    public void Start(long nowUs)
    {
        if (!_started)
        {
            _started = true;
            _nextTick = nowUs >> SlotShift;
        }
    }

    /// <summary>False while <see cref="FindDue"/> can find nothing: the time has not left the slot that was looked at last.</summary>
    public bool MayBeDue(long nowUs) => nowUs >> SlotShift > _nextTick;

    /// <summary>The next flow whose slot has come up by <paramref name="nowUs"/>, or -1; it stays in the wheel until it is removed.</summary>
    /// <remarks>One at a time, so that the caller may stop: the slot of a second in which a flood began holds a million flows.</remarks>
    public int FindDue(long nowUs)
    {
        if (!_started)
        {
            return -1;
        }

        // A jump of years costs one turn, not years of slots.
        long nowTick = nowUs >> SlotShift;
        _nextTick = Math.Max(_nextTick, nowTick - Slots);
        while (_nextTick < nowTick)
        {
            int head = _heads[_nextTick & (Slots - 1)];
            if (head >= 0)
            {
                return head;
            }

            _nextTick++;
        }

        return -1;
    }
}
