using System.IO.Pipelines;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.Pipeline;

/// <summary>What a warm-up did.</summary>
public sealed record WarmUp(long Files, long FromCache, long Malicious, long Errors, long Unreadable);

/// <summary>Puts the files of a folder into the cache before a boot storm, so that the guests' own requests need no scan.</summary>
public static class CacheWarmer
{
    /// <summary>Scans every regular file below <paramref name="folder"/>. Links are not followed: an image may point anywhere.</summary>
    /// <param name="scan">Judges.</param>
    /// <param name="folder">An image's root, mounted.</param>
    /// <param name="found">Told of each malicious file.</param>
    /// <param name="cancellationToken">Stops between files.</param>
    public static async Task<WarmUp> RunAsync(
        ScanService scan, string folder, Action<string, FileVerdict>? found = null, CancellationToken cancellationToken = default)
    {
        long files = 0, fromCache = 0, malicious = 0, errors = 0, unreadable = 0;
        var options = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            IgnoreInaccessible = true,
            AttributesToSkip = FileAttributes.ReparsePoint | FileAttributes.Device,
        };
        await Parallel.ForEachAsync(Directory.EnumerateFiles(folder, "*", options), cancellationToken, async (path, token) =>
        {
            try
            {
                if (new FileInfo(path).Length == 0)
                {
                    return; // Empty, or a pipe or device, which opening would wait for.
                }

                FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 0, FileOptions.SequentialScan);
                ScanOutcome outcome = await scan.SubmitAsync(PipeReader.Create(file), null, null, token).ConfigureAwait(false);
                Interlocked.Increment(ref files);
                Interlocked.Add(ref fromCache, outcome.IsFromCache ? 1 : 0);
                Interlocked.Add(ref errors, outcome.Verdict.Kind == FileVerdictKind.Error ? 1 : 0);
                if (outcome.Verdict.Kind == FileVerdictKind.Malicious)
                {
                    Interlocked.Increment(ref malicious);
                    found?.Invoke(path, outcome.Verdict);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Interlocked.Increment(ref unreadable);
            }
        }).ConfigureAwait(false);
        return new WarmUp(files, fromCache, malicious, errors, unreadable);
    }
}
