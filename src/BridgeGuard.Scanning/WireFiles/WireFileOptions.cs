namespace BridgeGuard.Scanning.WireFiles;

/// <summary>Limits of files taken off the wire.</summary>
public sealed record WireFileOptions
{
    /// <summary>Files open at the same time, all workers together.</summary>
    public int MaxOpenFiles { get; init; } = 4096;

    /// <summary>Bytes accepted but not yet read by the scan side, all files together.</summary>
    public long MaxBufferedBytes { get; init; } = 128L << 20;

    /// <summary>The same for one file, so that one fast transfer cannot take all; 16 MiB is over 10 ms of 10 Gbit/s, the time a busy pool may need to begin.</summary>
    public long MaxBufferedBytesPerFile { get; init; } = 16L << 20;
}
