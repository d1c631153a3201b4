using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.VerdictCache;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Scanning.Pipeline;

/// <summary>Keeps the cache's generation that of the scanners: asks them, combines their answers, says when they changed.</summary>
internal sealed partial class ScannerGeneration(FileVerdictCache cache, IReadOnlyList<IScanner> scanners, TimeProvider time, ILogger logger)
{
    /// <summary>Generation of verdicts that rest on the lists alone; a scanner that is added later makes them stale.</summary>
    public const string ListsOnly = "lists only";

    /// <summary>Stands for a scanner that has not told its generation yet; what it finds meanwhile is stale once it has.</summary>
    private const string NotTold = "?";

    private readonly Dictionary<string, string> _told = [];
    private readonly SemaphoreSlim _lock = new(1);

    /// <summary>Asks every scanner once. One that does not answer keeps its last generation.</summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        await _lock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            foreach (IScanner scanner in scanners)
            {
                try
                {
                    _told[scanner.Name] = await scanner.GetGenerationAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (Exception e) when (e is not OperationCanceledException) // Whatever a scanner trips over, the others go on.
                {
                    Log.NotTold(logger, scanner.Name, e.Message);
                }
            }

            string now = scanners.Count == 0 ? ListsOnly : string.Join("; ", scanners.Select(scanner => _told.GetValueOrDefault(scanner.Name, NotTold)));
            if (now != cache.CurrentGeneration)
            {
                Log.Changed(logger, now);
                cache.CurrentGeneration = now;
            }
        }
        finally
        {
            _lock.Release();
        }
    }

    /// <summary>Asks again and again until it is cancelled.</summary>
    public async Task WatchAsync(TimeSpan interval, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken).ConfigureAwait(false))
            {
                await RefreshAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Disposal.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2101, LogLevel.Warning, "Scanner {Scanner} does not tell its generation: {Reason}")]
        public static partial void NotTold(ILogger logger, string scanner, string reason);

        [LoggerMessage(2102, LogLevel.Information, "Verdicts are now bound to generation \"{Generation}\"; older clean ones are stale.")]
        public static partial void Changed(ILogger logger, string generation);
    }
}
