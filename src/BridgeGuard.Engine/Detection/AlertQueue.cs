namespace BridgeGuard.Engine.Detection;

/// <summary>The matches of one packet, in rule order after <see cref="Detector.Inspect"/>. Bounded; reused; owned by its worker.</summary>
/// <param name="capacity">Matches kept (<c>packet-alert-max</c>).</param>
public sealed class AlertQueue(int capacity)
{
    private readonly AlertEntry[] _entries = new AlertEntry[capacity];

    public int Count { get; private set; }

    /// <summary>Matches that found the queue full (<c>detect.alert_queue_overflow</c>).</summary>
    public long Overflowed { get; private set; }

    /// <summary>Matches without an alert: taken back by thresholds and suppressions, or of rules that have none (<c>detect.alerts_suppressed</c>).</summary>
    public long Suppressed { get; internal set; }

    public ref AlertEntry this[int index] => ref _entries[index];

    public ReadOnlySpan<AlertEntry> Entries => _entries.AsSpan(0, Count);

    public void Clear()
    {
        Array.Clear(_entries, 0, Count);
        Count = 0;
    }

    /// <summary>The rule has matched this packet already.</summary>
    internal bool Holds(RuleInfo rule)
    {
        for (int i = 0; i < Count; i++)
        {
            if (ReferenceEquals(_entries[i].Rule, rule))
            {
                return true;
            }
        }

        return false;
    }

    internal bool Add(in AlertEntry entry)
    {
        if (Count == _entries.Length)
        {
            Overflowed++;
            return false;
        }

        _entries[Count++] = entry;
        return true;
    }

    /// <summary>Orders by rule, then transaction; insertion sort, as entries come nearly sorted and are few.</summary>
    internal void Sort()
    {
        for (int i = 1; i < Count; i++)
        {
            AlertEntry entry = _entries[i];
            int j = i - 1;
            while (j >= 0 && Follows(_entries[j], entry))
            {
                _entries[j + 1] = _entries[j];
                j--;
            }

            _entries[j + 1] = entry;
        }
    }

    internal void Truncate(int count)
    {
        Array.Clear(_entries, count, Count - count);
        Count = count;
    }

    private static bool Follows(in AlertEntry left, in AlertEntry right)
    {
        int difference = left.Rule.Index - right.Rule.Index;
        return difference != 0
            ? difference > 0
            : left.Has(AlertFlags.Frame) && right.Has(AlertFlags.Frame) ? left.Frame.TransactionId < right.Frame.TransactionId
            : left.Transaction is { } a && right.Transaction is { } b && a.Id > b.Id;
    }
}
