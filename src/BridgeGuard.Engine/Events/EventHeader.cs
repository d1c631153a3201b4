namespace BridgeGuard.Engine.Events;

/// <summary>The kind of an event, for filters that need not read its JSON.</summary>
public enum EventKind : byte
{
    Alert,
    Anomaly,
    Drop,
    Flow,
    NetFlow,
    FileInfo,
    Transaction,
    Stats,
    Frame,

    /// <summary>A file verdict, hold or turn of a verdict.</summary>
    File,

    /// <summary>A guest, port or action event of BridgeGuard itself.</summary>
    Guard,

    /// <summary>The bytes of a packet that a tag rule asked for.</summary>
    Packet,
}

/// <summary>What stands before the JSON of every event.</summary>
public readonly struct EventHeader
{
    public long TimestampUs { get; init; }

    public ulong FlowId { get; init; }

    /// <summary>For alerts and drops; else 0.</summary>
    public uint SignatureId { get; init; }

    public EventKind Kind { get; init; }

    /// <summary>1 (highest) to 255; 0 where it has no meaning.</summary>
    public byte Severity { get; init; }

    /// <summary>The packet was (or would have been) dropped.</summary>
    public bool IsDropped { get; init; }

    public byte WorkerId { get; init; }

    /// <summary>Which configured EVE output the line is for; 0: the first and usual one.</summary>
    public byte OutputIndex { get; init; }
}

/// <summary>Where a worker's events go. Never blocks, never throws: a full sink counts and forgets.</summary>
public interface IEventSink
{
    /// <summary>Takes one event.</summary>
    /// <param name="header">Fixed part.</param>
    /// <param name="json">One EVE record in UTF-8 without line end; valid for the call.</param>
    void Write(in EventHeader header, ReadOnlySpan<byte> json);
}
