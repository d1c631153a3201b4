using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.Fleet;

/// <summary>Verdicts that several hosts share. Everything may fail or be slow: then a host goes on alone.</summary>
public interface IFleetCache : IAsyncDisposable
{
    /// <summary>What the fleet knows of a content; null when nothing that counts, and the caller scans it and tells with <see cref="TellAsync"/>.</summary>
    /// <param name="key">The content.</param>
    /// <param name="generation">The caller's engines and signatures: clean verdicts of others do not count.</param>
    /// <param name="cancellationToken">Ends waiting for another host's scan.</param>
    Task<FileVerdict?> FindOrBeginAsync(FileKey key, string generation, CancellationToken cancellationToken);

    /// <summary>Tells the fleet a verdict, and ends what <see cref="FindOrBeginAsync"/> began. With an error it only ends it.</summary>
    Task TellAsync(FileKey key, string generation, FileVerdict verdict);
}
