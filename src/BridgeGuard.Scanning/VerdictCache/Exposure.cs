namespace BridgeGuard.Scanning.VerdictCache;

/// <summary>One line of the ledger: a guest met a content.</summary>
public sealed record Exposure
{
    public required FileKey Key { get; init; }

    /// <summary>Microseconds since the Unix epoch.</summary>
    public required long TimeUs { get; init; }

    /// <summary>The guest that got (or holds) the content; its name, or its address when it has none.</summary>
    public required string Guest { get; init; }

    /// <summary>Where it came from: the sending guest's name or the sender's address; empty when unknown.</summary>
    public string Peer { get; init; } = "";

    /// <summary>"http", "smtp", …; "guest-api" or "clamd" when the guest itself asked.</summary>
    public required string Protocol { get; init; }

    public string Location { get; init; } = "";

    public string FileName { get; init; } = "";

    /// <summary>EVE <c>flow_id</c>; 0 when it was not on the wire.</summary>
    public ulong FlowId { get; init; }
}
