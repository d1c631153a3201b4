using BridgeGuard.Attachments;

namespace BridgeGuard.Cli.Replay;

/// <summary>What a replay has come to.</summary>
internal sealed record ReplaySummary
{
    public required long Packets { get; init; }

    public required long Bytes { get; init; }

    public required long Flows { get; init; }

    public required long Dropped { get; init; }

    public required long Rejected { get; init; }

    public required long Modified { get; init; }

    public required TimeSpan Elapsed { get; init; }

    public required long Faults { get; init; }

    /// <summary>Sid, message and count, most frequent first.</summary>
    public required IReadOnlyList<(uint Sid, string Message, long Count)> Alerts { get; init; }

    /// <summary>The capture could not be read to its end.</summary>
    public AttachmentError? Error { get; init; }

    /// <summary>The last defect caught under the loop, for the log.</summary>
    public Exception? LastFault { get; init; }
}
