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
}
