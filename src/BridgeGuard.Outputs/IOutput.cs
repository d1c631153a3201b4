using BridgeGuard.Engine.Events;

namespace BridgeGuard.Outputs;

/// <summary>Carries events to the outside. Driven by the pump's thread; an output that may wait for somebody has its own queue and task.</summary>
public interface IOutput : IAsyncDisposable
{
    /// <summary>As configured; unique within the process.</summary>
    string Name { get; }

    /// <summary>Which events it gets.</summary>
    EventFilter Filter { get; }

    OutputCounters Counters { get; }

    /// <summary>Takes one event that passed the filter. Never waits for the network; what does not fit is dropped and counted.</summary>
    /// <param name="header">Fixed part.</param>
    /// <param name="json">One EVE record without line end; valid for the call only.</param>
    void Write(in EventHeader header, ReadOnlySpan<byte> json);

    /// <summary>The pump has handed over what it had. Called at least every <see cref="OutputPump.MaxIdle"/>, so also a clock for retries.</summary>
    /// <param name="isIdle">Nothing more is waiting: time to push out what is buffered.</param>
    void EndBatch(bool isIdle);

    /// <summary>Whether everything it was given is where a kill of this process cannot take it away, or nothing more can be done for it (a failing disk).</summary>
    /// <remarks>While an output says no, the ring keeps the bytes of its events, so that the next daemon can write them. Thread: the pump's.</remarks>
    bool IsSettled => true;

    /// <summary>Opens its file again, for log rotation. Any thread; takes effect at the next batch. Nothing for outputs without one.</summary>
    void Reopen();
}
