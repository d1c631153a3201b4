namespace BridgeGuard.Attachments.Offline;

/// <summary>What to read.</summary>
public sealed record OfflineOptions
{
    /// <summary>Files and folders, in order; <c>-</c> is standard input. A folder stands for its captures, oldest first.</summary>
    public required IReadOnlyList<string> Paths { get; init; }

    /// <summary>A filter in tcpdump's language; frames that do not match are neither counted nor numbered.</summary>
    public string? Filter { get; init; }
}
