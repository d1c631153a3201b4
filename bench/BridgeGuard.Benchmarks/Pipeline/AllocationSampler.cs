using System.Collections.Concurrent;
using System.Diagnostics.Tracing;

namespace BridgeGuard.Benchmarks.Pipeline;

/// <summary>Which types are allocated: the runtime's sample of one object in every 100 KB.</summary>
internal sealed class AllocationSampler : EventListener
{
    private const EventKeywords Gc = (EventKeywords)1;

    private readonly ConcurrentDictionary<string, int> _types = new();

    public IEnumerable<(string Type, int Samples)> Types => _types.Select(entry => (entry.Key, entry.Value)).OrderByDescending(entry => entry.Value);

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == "Microsoft-Windows-DotNETRuntime")
        {
            EnableEvents(eventSource, EventLevel.Verbose, Gc);
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData.EventName?.StartsWith("GCAllocationTick", StringComparison.Ordinal) == true && eventData.Payload?[5] is string type)
        {
            _types.AddOrUpdate(type, 1, (_, count) => count + 1);
        }
    }
}
