using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Detection;

internal enum ThresholdKind : byte
{
    /// <summary>The first alerts of a period.</summary>
    Limit,

    /// <summary>Every n-th match.</summary>
    Threshold,

    /// <summary>Once a period, at the n-th match.</summary>
    Both,

    /// <summary>At n, n·m, n·m² … matches.</summary>
    Backoff,

    /// <summary>Matches beyond n within the period.</summary>
    DetectionFilter,

    /// <summary>Beyond n within the period the action changes for a while.</summary>
    RateFilter,
}

internal enum TrackBy : byte
{
    Source,
    Destination,
    Both,
    Rule,
    Flow,

    /// <summary>Source or destination (suppressions).</summary>
    Either,
}

/// <summary>One threshold of a rule.</summary>
internal struct ThresholdRule
{
    public ThresholdKind Kind;
    public TrackBy Track;
    public uint Count;
    public uint Seconds;
    public uint Multiplier;
    public uint TimeoutSeconds;
    public RuleAction NewAction;
}

/// <summary>Addresses for which a rule's alerts are suppressed.</summary>
internal struct Suppression
{
    public TrackBy Track;

    /// <summary>Expression of the set's address classifier; 0: any address.</summary>
    public int Addresses;
}

internal enum ThresholdVerdict : byte
{
    Alert,

    /// <summary>As if the rule had not matched.</summary>
    NoMatch,

    /// <summary>The action applies, nothing is reported.</summary>
    Silent,
}

/// <summary>The counters behind thresholds. One per worker; bounded.</summary>
internal sealed class Thresholds
{
    /// <summary>Counters kept; beyond it expired ones go, and then new ones are not counted (every match alerts).</summary>
    public const int MaxEntries = 65_536;

    private readonly Dictionary<Key, Entry> _entries = [];
    private readonly List<Key> _expired = [];

    /// <summary>Counters refused because the table was full.</summary>
    public long Refused { get; private set; }

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
            ref readonly ThresholdRule threshold = ref rules.Thresholds[entry.Thresholds.Start + i];
            if (!TryMakeKey(threshold.Track, threshold.Kind, info, packet, flow, out Key key))
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

    private static bool TryMakeKey(TrackBy track, ThresholdKind kind, RuleInfo info, Packet packet, Flow? flow, out Key key)
    {
        ulong id = ((ulong)info.Gid << 32) | info.Sid;
        switch (track)
        {
            case TrackBy.Source:
                key = new Key(id, kind, packet.SourceAddress, default, packet.IpVersion);
                return packet.IpVersion != 0;
            case TrackBy.Destination:
                key = new Key(id, kind, default, packet.DestinationAddress, packet.IpVersion);
                return packet.IpVersion != 0;
            case TrackBy.Both:
                // Both orders are one pair.
                key = packet.SourceAddress < packet.DestinationAddress
                    ? new Key(id, kind, packet.SourceAddress, packet.DestinationAddress, packet.IpVersion)
                    : new Key(id, kind, packet.DestinationAddress, packet.SourceAddress, packet.IpVersion);
                return packet.IpVersion != 0;
            case TrackBy.Flow:
                key = new Key(id, kind, new IpAddress(0, flow?.Id ?? 0), default, 1);
                return flow is not null;
            default:
                key = new Key(id, kind, default, default, 0);
                return true;
        }
    }

    private ThresholdVerdict Count(in ThresholdRule threshold, Key key, long nowUs, ref RuleAction action, out bool rateFiltered)
    {
        rateFiltered = false;
        if (!_entries.TryGetValue(key, out Entry entry))
        {
            if (_entries.Count >= MaxEntries && !MakeRoom(nowUs))
            {
                Refused++;
                return ThresholdVerdict.Alert;
            }

            entry = new Entry { StartUs = nowUs, PeriodUs = Math.Max(threshold.Seconds, threshold.TimeoutSeconds) * 1_000_000L };
        }

        bool isNew = entry.Count == 0 && entry.BlockedUntilUs == 0;
        bool within = !isNew && nowUs <= entry.StartUs + (threshold.Seconds * 1_000_000L);
        ThresholdVerdict verdict = threshold.Kind switch
        {
            ThresholdKind.Limit => Limit(threshold, ref entry, nowUs, within),
            ThresholdKind.Threshold => EveryNth(threshold, ref entry, nowUs, within || entry.IsCounting),
            ThresholdKind.Both => Both(threshold, ref entry, nowUs, within),
            ThresholdKind.Backoff => Backoff(threshold, ref entry),
            ThresholdKind.DetectionFilter => Filter(threshold, ref entry, nowUs, within),
            _ => RateFilter(threshold, ref entry, nowUs, within, ref action, out rateFiltered),
        };
        _entries[key] = entry;
        return verdict;
    }

    private static ThresholdVerdict Limit(in ThresholdRule threshold, ref Entry entry, long nowUs, bool within)
    {
        if (!within)
        {
            entry.StartUs = nowUs;
            entry.Count = 0;
        }

        entry.Count++;
        return entry.Count <= threshold.Count ? ThresholdVerdict.Alert : ThresholdVerdict.Silent;
    }

    private static ThresholdVerdict EveryNth(in ThresholdRule threshold, ref Entry entry, long nowUs, bool counting)
    {
        if (!counting || nowUs > entry.StartUs + (threshold.Seconds * 1_000_000L))
        {
            entry.StartUs = nowUs;
            entry.Count = 0;
        }

        entry.IsCounting = true;
        entry.Count++;
        if (entry.Count < threshold.Count)
        {
            return ThresholdVerdict.NoMatch;
        }

        entry.Count = 0;
        return ThresholdVerdict.Alert;
    }

    private static ThresholdVerdict Both(in ThresholdRule threshold, ref Entry entry, long nowUs, bool within)
    {
        if (!within)
        {
            entry.StartUs = nowUs;
            entry.Count = 0;
        }

        entry.Count++;
        if (entry.Count == threshold.Count)
        {
            return ThresholdVerdict.Alert;
        }

        return entry.Count > threshold.Count ? ThresholdVerdict.Silent : ThresholdVerdict.NoMatch;
    }

    private static ThresholdVerdict Backoff(in ThresholdRule threshold, ref Entry entry)
    {
        entry.Count++;
        if (entry.NextAlert == 0)
        {
            entry.NextAlert = threshold.Count;
        }

        if (entry.Count != entry.NextAlert)
        {
            return ThresholdVerdict.Silent;
        }

        entry.NextAlert = (uint)Math.Min(uint.MaxValue, (ulong)entry.NextAlert * Math.Max(threshold.Multiplier, 2));
        return ThresholdVerdict.Alert;
    }

    private static ThresholdVerdict Filter(in ThresholdRule threshold, ref Entry entry, long nowUs, bool within)
    {
        if (!within)
        {
            entry.StartUs = nowUs;
            entry.Count = 0;
        }

        entry.Count++;
        return entry.Count > threshold.Count ? ThresholdVerdict.Alert : ThresholdVerdict.NoMatch;
    }

    private static ThresholdVerdict RateFilter(
        in ThresholdRule threshold, ref Entry entry, long nowUs, bool within, ref RuleAction action, out bool rateFiltered)
    {
        rateFiltered = false;
        if (entry.BlockedUntilUs != 0)
        {
            if (nowUs <= entry.BlockedUntilUs)
            {
                action = threshold.NewAction;
                rateFiltered = true;
                return ThresholdVerdict.Alert;
            }

            entry.BlockedUntilUs = 0;
            entry.StartUs = nowUs;
            entry.Count = 1;
            return ThresholdVerdict.Alert;
        }

        if (!within)
        {
            entry.StartUs = nowUs;
            entry.Count = 1;
            return ThresholdVerdict.Alert;
        }

        entry.Count++;
        if (entry.Count > threshold.Count)
        {
            entry.BlockedUntilUs = nowUs + (threshold.TimeoutSeconds * 1_000_000L);
            action = threshold.NewAction;
            rateFiltered = true;
        }

        return ThresholdVerdict.Alert;
    }

    private bool MakeRoom(long nowUs)
    {
        _expired.Clear();
        foreach ((Key key, Entry entry) in _entries)
        {
            if (nowUs > entry.StartUs + entry.PeriodUs)
            {
                _expired.Add(key);
            }
        }

        foreach (Key key in _expired)
        {
            _entries.Remove(key);
        }

        return _entries.Count < MaxEntries;
    }

    private readonly record struct Key(ulong Rule, ThresholdKind Kind, IpAddress First, IpAddress Second, byte Family);

    private struct Entry
    {
        public long StartUs;
        public long PeriodUs;
        public long BlockedUntilUs;
        public uint Count;
        public uint NextAlert;
        public bool IsCounting;
    }
}
