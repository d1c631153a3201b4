using BridgeGuard.Engine.Files;

namespace BridgeGuard.Scanning.Scanners;

/// <summary>Judges content by its bytes. Implementations hold no state per file and may be called by several tasks at once.</summary>
public interface IScanner : IAsyncDisposable
{
    /// <summary>Short name for verdicts, metrics and logs.</summary>
    string Name { get; }

    /// <summary>A text that changes whenever the engine or its signatures change. Throws <see cref="ScannerException"/> when nobody answers.</summary>
    Task<string> GetGenerationAsync(CancellationToken cancellationToken);

    /// <summary>Scans one content. Never throws for what a scanner or its transport does: that is <see cref="FileVerdictKind.Error"/>.</summary>
    Task<ScanResult> ScanAsync(IScanContent content, CancellationToken cancellationToken);
}

/// <summary>The bytes to scan: in memory or in a temporary file. Valid during the scan only.</summary>
/// <remarks>
/// A scan may begin while its content still arrives (<see cref="IsWhole"/> is false). It then gets the blocks as they come; their end comes only once
/// the scan is really wanted, so a scanner must not judge before it. Content that is given up ends with an exception instead.
/// </remarks>
public interface IScanContent
{
    /// <summary>Bytes; those that have arrived when it is not whole.</summary>
    long Size { get; }

    bool IsWhole { get; }

    /// <summary>The content in order, in blocks that are valid until the next one is asked for. May be enumerated again.</summary>
    /// <exception cref="IOException">It is not there any more.</exception>
    /// <exception cref="OperationCanceledException">The scan is not wanted any more.</exception>
    IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellationToken);
}

/// <summary>A scanner's answer.</summary>
/// <param name="Kind">Clean, Malicious or Error.</param>
/// <param name="Detail">The malware's name, or the reason of an error; null when clean.</param>
/// <param name="IsTransient">An error that another try may cure (connection lost), not one that is about the file (too large).</param>
public readonly record struct ScanResult(FileVerdictKind Kind, string? Detail, bool IsTransient = false)
{
    public static ScanResult Clean => new(FileVerdictKind.Clean, null);

    public static ScanResult Malicious(string name) => new(FileVerdictKind.Malicious, name);

    public static ScanResult Error(string reason, bool isTransient) => new(FileVerdictKind.Error, reason, isTransient);
}

/// <summary>A scanner cannot be asked.</summary>
public sealed class ScannerException(string message, Exception? inner = null) : Exception(message, inner);
