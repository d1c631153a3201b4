using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.Pipeline;

/// <content>One scan: its turn, its deadline, the scanners one after the other.</content>
public sealed partial class ScanService
{
    private async Task<FileVerdict> AskFleetOrScanAsync(Intake intake)
    {
        FileKey key = intake.Key;
        if (_fleet is null)
        {
            return await ScanInTurnAsync(intake).ConfigureAwait(false);
        }

        string generation = _cache.CurrentGeneration;
        if (await _fleet.FindOrBeginAsync(key, generation, _stopping.Token).ConfigureAwait(false) is { } theirs)
        {
            Interlocked.Increment(ref Counters.SavedByFleetValue);
            return theirs;
        }

        FileVerdict verdict = await ScanInTurnAsync(intake).ConfigureAwait(false);
        await _fleet.TellAsync(key, generation, verdict).ConfigureAwait(false);
        return verdict;
    }

    private async Task<FileVerdict> ScanInTurnAsync(Intake intake)
    {
        if (Interlocked.Increment(ref Counters.QueuedValue) > _options.MaxQueued + _turns.CurrentCount)
        {
            Interlocked.Decrement(ref Counters.QueuedValue);
            Interlocked.Increment(ref Counters.QueueFullValue);
            return ErrorVerdict("the scan queue is full", isTransient: true);
        }

        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        deadline.CancelAfter(_options.Deadline);
        try
        {
            await _turns.WaitAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return ErrorVerdict("no scanner was free before the deadline", isTransient: true);
        }
        finally
        {
            Interlocked.Decrement(ref Counters.QueuedValue);
        }

        Interlocked.Increment(ref Counters.RunningValue);
        try
        {
            return await ScanWithAllAsync(intake, deadline.Token).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref Counters.RunningValue);
            _turns.Release();
        }
    }

    /// <summary>The first malicious answer counts; without one an error counts; clean only when every scanner says so.</summary>
    private async Task<FileVerdict> ScanWithAllAsync(Intake intake, CancellationToken cancellationToken)
    {
        string generation = _cache.CurrentGeneration; // Before the scan: signatures that arrive meanwhile make the verdict stale, not wrong.
        Interlocked.Increment(ref Counters.ScansValue);
        (ScanResult worst, string engine) = await AskAllAsync(intake, cancellationToken).ConfigureAwait(false);
        if (worst.Kind == FileVerdictKind.Error)
        {
            return ErrorVerdict(worst.Detail ?? "error", worst.IsTransient, engine);
        }

        Interlocked.Increment(ref worst.Kind == FileVerdictKind.Malicious ? ref Counters.MaliciousValue : ref Counters.CleanValue);
        long now = NowUs();
        return new FileVerdict
        {
            Kind = worst.Kind,
            Signature = worst.Detail,
            Engine = engine,
            Generation = generation,
            TimeUs = now,
            ExpiresUs = worst.Kind == FileVerdictKind.Clean ? now + (long)_options.CleanLifetime.TotalMicroseconds : FileVerdict.Never,
        };
    }

    /// <summary>All scanners at once: a content waits for the slowest, not for their sum. What the first malicious answer leaves open is given up.</summary>
    private async Task<(ScanResult Worst, string Engine)> AskAllAsync(Intake intake, CancellationToken cancellationToken)
    {
        using var rest = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<ScanResult>[] scans = [.. _scanners.Select((_, i) => AskAsync(intake, i, rest.Token))];
        try
        {
            await foreach (Task<ScanResult> scan in Task.WhenEach(scans).ConfigureAwait(false))
            {
                if (scan is { IsCompletedSuccessfully: true, Result.Kind: FileVerdictKind.Malicious })
                {
                    return (scan.Result, _scanners[Array.IndexOf(scans, scan)].Name);
                }
            }

            int failed = Array.FindLastIndex(scans, scan => scan.Result.Kind == FileVerdictKind.Error);
            return (scans[Math.Max(failed, 0)].Result, _scanners[Math.Max(failed, 0)].Name);
        }
        finally
        {
            await rest.CancelAsync().ConfigureAwait(false);
            await ((Task)Task.WhenAll(scans)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // They read the intake.
        }
    }

    private async Task<ScanResult> AskAsync(Intake intake, int scanner, CancellationToken cancellationToken) =>
        await FinishAheadAsync(intake, scanner, cancellationToken).ConfigureAwait(false)
            ?? await ScanWithRetryAsync(_scanners[scanner], intake.Spool, cancellationToken).ConfigureAwait(false);

    /// <summary>The answer of a scanner that has the content already; null when it has not, or failed in a way that another try may cure.</summary>
    private async Task<ScanResult?> FinishAheadAsync(Intake intake, int scanner, CancellationToken cancellationToken)
    {
        if (intake.Ahead is not { } ahead)
        {
            return null;
        }

        ScanResult result = await ahead.FinishAsync(scanner, cancellationToken).ConfigureAwait(false);
        if (result is { Kind: FileVerdictKind.Error, IsTransient: true } && !cancellationToken.IsCancellationRequested)
        {
            Interlocked.Increment(ref Counters.AheadFailedValue);
            return null;
        }

        return result;
    }

    private async Task<ScanResult> ScanWithRetryAsync(IScanner scanner, ContentSpool spool, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            ScanResult result;
            try
            {
                result = await scanner.ScanAsync(spool, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                result = ScanResult.Error(e.Message, isTransient: true);
            }

            if (result.Kind != FileVerdictKind.Error || !result.IsTransient || attempt >= _options.Attempts
                || cancellationToken.IsCancellationRequested)
            {
                return result;
            }

            Interlocked.Increment(ref Counters.RetriesValue);
            await Task.Delay(_options.RetryDelay, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
