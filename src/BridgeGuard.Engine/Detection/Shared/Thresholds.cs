using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Detection.Shared;

/// <summary>The counters behind thresholds, the same for all workers: whichever of them sees the n-th match knows that it is the n-th.</summary>
/// <remarks>When their table is full a new one is not counted, and every match alerts.</remarks>
internal sealed class Thresholds(SharedSlots slots, FlowHash hash)
{
    /// <summary>A backoff counter knows no period; one that nothing matched for an hour may go.</summary>
    private const long BackoffIdleUs = 3_600_000_000;

    /// <summary>Judges one match.</summary>
    /// <param name="action">The rule's action; exchanged by a rate filter.</param>
    public ThresholdVerdict Check(RuleSet rules, int rule, Packet packet, Flow? flow, ref RuleAction action, out bool rateFiltered)
    {
        ref readonly RuleEntry entry = ref rules.Entries[rule];
        rateFiltered = false;
        for (int i = 0; i < entry.Suppressions.Count; i++)
        {
            if (IsSuppressed(rules, rules.Suppressions[entry.Suppressions.Start + i], packet))
            {
                return ThresholdVerdict.Silent;
            }
        }

        ThresholdVerdict result = ThresholdVerdict.Alert;
        RuleInfo info = rules.Infos[rule];
        for (int i = 0; i < entry.Thresholds.Count; i++)
        {
            // What is no IP packet belongs to nobody: Suricata counts it for no threshold.
            if (packet.IpVersion == 0)
            {
                break;
            }

            ref readonly ThresholdRule threshold = ref rules.Thresholds[entry.Thresholds.Start + i];
            if (!TryMakeKey(threshold.Track, threshold.Kind, info, packet, flow, out ulong key))
            {
                continue;
            }

            ThresholdVerdict verdict = Count(threshold, key, packet.TimeUs, ref action, out bool filtered);
            rateFiltered |= filtered;
            if (verdict != ThresholdVerdict.Alert)
            {
                result = verdict;
            }
        }

        return result;
    }

    private static bool IsSuppressed(RuleSet rules, in Suppression suppression, Packet packet)
    {
        if (suppression.Addresses == 0)
        {
            return true;
        }

        if (packet.IpVersion == 0)
        {
            return false;
        }

        bool source = suppression.Track is TrackBy.Source or TrackBy.Either
            && rules.Addresses.Contains(rules.Addresses.Classify(packet.SourceAddress, packet.IpVersion), suppression.Addresses);
        return source || (suppression.Track is TrackBy.Destination or TrackBy.Either
            && rules.Addresses.Contains(rules.Addresses.Classify(packet.DestinationAddress, packet.IpVersion), suppression.Addresses));
    }

    private bool TryMakeKey(TrackBy track, ThresholdKind kind, RuleInfo info, Packet packet, Flow? flow, out ulong key)
    {
        ulong rule = ((ulong)info.Gid << 32) | info.Sid;
        ulong how = ((ulong)kind << 16) | ((ulong)track << 8);
        key = 0;
        switch (track)
        {
            case TrackBy.Source:
                key = hash.Combine(rule, packet.SourceAddress, default, how | packet.IpVersion);
                return packet.IpVersion != 0;
            case TrackBy.Destination:
                key = hash.Combine(rule, packet.DestinationAddress, default, how | packet.IpVersion);
                return packet.IpVersion != 0;
            case TrackBy.Both:
                // Both orders are one pair.
                bool ordered = packet.SourceAddress < packet.DestinationAddress;
                key = hash.Combine(
                    rule,
                    ordered ? packet.SourceAddress : packet.DestinationAddress,
                    ordered ? packet.DestinationAddress : packet.SourceAddress,
                    how | packet.IpVersion);
                return packet.IpVersion != 0;
            case TrackBy.Flow:
                key = hash.Combine(rule, new IpAddress(0, flow?.Id ?? 0), default, how);
                if (flow is not null)
                {
                    flow.Variables.IsCounted = true;
                }

                return flow is not null;
            default:
                // As in Suricata, what has no addresses is not counted: of frames that nobody can read each is told.
                key = hash.Combine(rule, default, default, how);
                return packet.IpVersion != 0;
        }
    }

    private ThresholdVerdict Count(in ThresholdRule threshold, ulong key, long nowUs, ref RuleAction action, out bool rateFiltered)
    {
        rateFiltered = false;
        int slot = slots.FindOrAdd(key, nowUs);
        if (slot < 0)
        {
            return ThresholdVerdict.Alert;
        }

        if (threshold.Kind == ThresholdKind.Backoff)
        {
            return Backoff(threshold, slot, nowUs);
        }

        if (threshold.Kind == ThresholdKind.RateFilter)
        {
            rateFiltered = RateFilter(threshold, slot, nowUs);
            action = rateFiltered ? threshold.NewAction : action;
            return ThresholdVerdict.Alert;
        }

        long periodUs = Math.Min(threshold.Seconds * 1_000_000L, ThresholdWord.MaxPeriodUs);
        while (true)
        {
            long state = slots.Read(slot);
            ThresholdWord word = ThresholdWord.Unpack(state);
            if (!word.IsUsed || nowUs > slots.ExpiresUs(slot) || !word.IsWithin(nowUs, periodUs))
            {
                word = new ThresholdWord { StartUs = nowUs };
            }

            ThresholdVerdict verdict = threshold.Kind switch
            {
                ThresholdKind.Limit => Limit(threshold, ref word),
                ThresholdKind.Threshold => EveryNth(threshold, ref word),
                ThresholdKind.Both => Both(threshold, ref word),
                _ => Filter(threshold, ref word),
            };
            long next = word.Pack();
            if (next == state || slots.TryChange(slot, state, next))
            {
                slots.SetExpiry(slot, nowUs + periodUs);
                return verdict;
            }
        }
    }

    private static uint Bounded(uint count) => Math.Min(count, ThresholdWord.MaxCount - 1);

    private static ThresholdVerdict Limit(in ThresholdRule threshold, ref ThresholdWord word)
    {
        word.Count++;
        return word.Count <= Bounded(threshold.Count) ? ThresholdVerdict.Alert : ThresholdVerdict.Silent;
    }

    private static ThresholdVerdict EveryNth(in ThresholdRule threshold, ref ThresholdWord word)
    {
        word.Count++;
        if (word.Count < Bounded(threshold.Count))
        {
            return ThresholdVerdict.NoMatch;
        }

        word.Count = 0;
        return ThresholdVerdict.Alert;
    }

    private static ThresholdVerdict Both(in ThresholdRule threshold, ref ThresholdWord word)
    {
        word.Count++;
        uint wanted = Bounded(threshold.Count);
        if (word.Count == wanted)
        {
            return ThresholdVerdict.Alert;
        }

        return word.Count > wanted ? ThresholdVerdict.Silent : ThresholdVerdict.NoMatch;
    }

    private static ThresholdVerdict Filter(in ThresholdRule threshold, ref ThresholdWord word)
    {
        word.Count++;
        return word.Count > Bounded(threshold.Count) ? ThresholdVerdict.Alert : ThresholdVerdict.NoMatch;
    }

    /// <summary>
    /// The new action, from the match on that is one too many within the period until the timeout has passed. The first match after it goes with the rule's own
    /// action and is not counted; while the period of the count lasts, the next one is too many again. In whole seconds, as Suricata counts here.
    /// </summary>
    private bool RateFilter(in ThresholdRule threshold, int slot, long nowUs)
    {
        long periodUs = Math.Min(threshold.Seconds * 1_000_000L, ThresholdWord.MaxPeriodUs);
        long timeoutUs = Math.Min(threshold.TimeoutSeconds * 1_000_000L, ThresholdWord.MaxPeriodUs);
        long secondUs = nowUs - (nowUs % 1_000_000);
        while (true)
        {
            long state = slots.Read(slot);
            ThresholdWord word = ThresholdWord.Unpack(state);
            bool filtered = false;
            if (!word.IsUsed || nowUs > slots.ExpiresUs(slot))
            {
                word = new ThresholdWord { StartUs = nowUs, Count = 1 };
            }
            else if (word.IsBlocked)
            {
                filtered = secondUs - word.BlockedSinceUs(nowUs) <= timeoutUs;
                if (!filtered)
                {
                    word.IsBlocked = false;
                    word.Count = Bounded(threshold.Count) + 1;
                }
            }
            else if (!word.IsWithin(nowUs, periodUs))
            {
                word = new ThresholdWord { StartUs = nowUs, Count = 1 };
            }
            else if (++word.Count > Bounded(threshold.Count))
            {
                filtered = true;
                word.IsBlocked = true;
                word.Count = word.SecondsUntil(nowUs);
            }

            long next = word.Pack();
            if (next == state || slots.TryChange(slot, state, next))
            {
                slots.SetExpiry(slot, nowUs + periodUs + timeoutUs);
                return filtered;
            }
        }
    }

    /// <summary>At n, n·m, n·m² … matches.</summary>
    private ThresholdVerdict Backoff(in ThresholdRule threshold, int slot, long nowUs)
    {
        while (true)
        {
            long state = slots.Read(slot);
            uint count = (uint)state;
            ulong nextAlert = state == 0 ? threshold.Count : (ulong)(state >> 32) & int.MaxValue;
            count = count == uint.MaxValue ? count : count + 1;
            bool isDue = count == nextAlert;
            if (isDue)
            {
                nextAlert *= Math.Max(threshold.Multiplier, 2);
            }

            long next = long.MinValue | ((long)Math.Min(nextAlert, int.MaxValue) << 32) | count;
            if (slots.TryChange(slot, state, next))
            {
                slots.SetExpiry(slot, nowUs + BackoffIdleUs);
                return isDue ? ThresholdVerdict.Alert : ThresholdVerdict.Silent;
            }
        }
    }
}
