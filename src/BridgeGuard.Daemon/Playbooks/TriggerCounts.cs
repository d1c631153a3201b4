namespace BridgeGuard.Daemon.Playbooks;

/// <summary>Which events of the last while belong to a playbook's count. Bounded: the oldest keys make room. One thread.</summary>
internal sealed class TriggerCounts
{
    /// <summary>Guests, peers or rules counted apart for one playbook.</summary>
    private const int MaxKeys = 4096;

    private readonly Dictionary<string, Queue<(long AtUs, string Guest)>> _events = [];

    /// <summary>Notes an event; true when the count, and the number of different guests, is reached with it. A reached count begins anew.</summary>
    public bool Reaches(PlaybookTrigger trigger, string key, string guest, long nowUs)
    {
        if (trigger.Count == 1 && trigger.Guests == 1)
        {
            return true;
        }

        if (!_events.TryGetValue(key, out Queue<(long AtUs, string Guest)>? events))
        {
            if (_events.Count == MaxKeys)
            {
                _events.Remove(_events.MinBy(e => e.Value.Count == 0 ? 0 : e.Value.Peek().AtUs).Key);
            }

            _events[key] = events = new Queue<(long, string)>();
        }

        events.Enqueue((nowUs, guest));
        while (events.Count > 0 && (nowUs - events.Peek().AtUs > trigger.Seconds * 1_000_000L || events.Count > 1_000_000))
        {
            events.Dequeue();
        }

        if (events.Count < trigger.Count || events.Select(e => e.Guest).Distinct().Count() < trigger.Guests)
        {
            return false;
        }

        events.Clear();
        return true;
    }
}
