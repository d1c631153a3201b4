namespace BridgeGuard.Engine.Protocols;

/// <summary>What of a protocol's messages makes stream bytes due for rules although no chunk is full.</summary>
public enum StreamShow : byte
{
    /// <summary>A transaction is complete in the direction.</summary>
    AtEnd,

    /// <summary>Nothing: chunks and the connection's end do, or the parser says when (<see cref="Streams.Reassembler.TriggerRaw"/>).</summary>
    Never,

    /// <summary>The newest transaction has come further in the direction.</summary>
    WithProgress,

    /// <summary>Anything was parsed for a transaction that was not complete before.</summary>
    WithEachPart,
}
