namespace BridgeGuard.Scanning.WireFiles;

/// <summary>Limits of files taken off the wire.</summary>
public sealed record WireFileOptions
{
    /// <summary>Files open at the same time, all workers together.</summary>
    public int MaxOpenFiles { get; init; } = 4096;

    /// <summary>Bytes accepted but not yet read by the scan side, all files together.</summary>
    public long MaxBufferedBytes { get; init; } = 256L << 20;

    /// <summary>The same for one file, so that one fast transfer cannot take all; a whole file of the longest kind that is scanned by default, as the packets of one do not wait while a busy machine hashes.</summary>
    public long MaxBufferedBytesPerFile { get; init; } = 64L << 20;

    /// <summary>
    /// Of an upload whose writer waits after each write, every beginning is judged whole until this many bytes were scanned of it; afterwards as many as
    /// eight times its length, and of what comes between the new bytes only. Else a file of N writes would be scanned N/2 times over.
    /// </summary>
    public long WholeChecksBytes { get; init; } = 4L << 20;

    /// <summary>An upload that was judged by its new bytes only and stands still for so long, and a second longer for each MiB, is judged whole.</summary>
    public TimeSpan QuietTime { get; init; } = TimeSpan.FromSeconds(1);
}
