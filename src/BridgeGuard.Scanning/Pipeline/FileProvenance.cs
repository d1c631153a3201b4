using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.Pipeline;

/// <summary>Who has a content, and from where; becomes a line of the ledger once the hash is known.</summary>
public sealed record FileProvenance
{
    public required long TimeUs { get; init; }

    public required string Guest { get; init; }

    public string Peer { get; init; } = "";

    public required string Protocol { get; init; }

    public string Location { get; init; } = "";

    public string FileName { get; init; } = "";

    public ulong FlowId { get; init; }

    internal Exposure ToExposure(in FileKey key) => new()
    {
        Key = key,
        TimeUs = TimeUs,
        Guest = Guest,
        Peer = Peer,
        Protocol = Protocol,
        Location = Location,
        FileName = FileName,
        FlowId = FlowId,
    };
}
