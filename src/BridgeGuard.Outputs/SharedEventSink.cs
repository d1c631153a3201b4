using BridgeGuard.Engine.Events;

namespace BridgeGuard.Outputs;

/// <summary>A ring that many threads of the control plane may write to: turned verdicts, blind ports, actions.</summary>
public sealed class SharedEventSink(int capacityBytes = 1 << 20) : IEventSink
{
    private readonly Lock _lock = new();

    /// <summary>To be drained by the pump like a worker's.</summary>
    public EventRing Ring { get; } = new(capacityBytes);

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        lock (_lock)
        {
            Ring.Write(header, json);
        }
    }
}
