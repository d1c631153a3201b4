namespace BridgeGuard.Attachments;

/// <summary>How far a run over files has come.</summary>
/// <param name="BytesRead">Bytes of all captures consumed so far; never above the total where that is known.</param>
/// <param name="BytesTotal">Bytes of all captures; 0 when a source (stdin) has no known size.</param>
/// <param name="Frames">Frames handed to the engine so far.</param>
public readonly record struct AttachmentProgress(long BytesRead, long BytesTotal, ulong Frames);

/// <summary>Calls that an attachment makes while it runs; each may be left out.</summary>
public sealed record AttachmentHooks
{
    public static readonly AttachmentHooks None = new();

    /// <summary>Frames can flow from now on. Called once, on the thread that called Run.</summary>
    public Action? Ready { get; init; }

    /// <summary>About ten times a second while files are read, and once at the end.</summary>
    public Action<AttachmentProgress>? Progress { get; init; }

    /// <summary>A capture file begins; its path as given or found.</summary>
    public Action<string>? FileStarted { get; init; }

    /// <summary>Something to tell the operator that does not end the run; one line.</summary>
    public Action<string>? Warning { get; init; }

    /// <summary>Receives what leaves the attachment, where it has no wire of its own (offline, in memory).</summary>
    public IFrameSink? Sink { get; init; }
}
