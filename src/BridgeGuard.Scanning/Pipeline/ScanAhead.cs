using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Scanners;

namespace BridgeGuard.Scanning.Pipeline;

/// <summary>A content on its way to every scanner while it still arrives. It is not scanned before <see cref="FinishAsync"/>: only then do scanners see its end.</summary>
/// <remarks>
/// So that of the time between the last byte and the verdict only the scanner's own is left, and a content that turns out to be known costs copies, not a
/// scan. Owner: the intake; <see cref="Abandon"/> ends whatever is not finished. Grown by one task.
/// </remarks>
internal sealed class ScanAhead
{
    private readonly GrowingContent[] _contents;
    private readonly Task<ScanResult>[] _scans;
    private readonly CancellationTokenSource _cancellation;
    private readonly Action _onOver;
    private readonly ScanCounters _counters;
    private bool _isWanted;
    private int _isOver;

    public ScanAhead(IReadOnlyList<IScanner> scanners, ContentSpool spool, Action onOver, ScanCounters counters, CancellationToken cancellationToken)
    {
        _onOver = onOver;
        _counters = counters;
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _contents = [.. scanners.Select(_ => new GrowingContent(spool))];
        _scans = [.. scanners.Select((scanner, i) => Task.Run(() => ScanAsync(scanner, _contents[i], _cancellation.Token)))];
    }

    /// <summary>The spool has more bytes.</summary>
    public void Grow()
    {
        foreach (GrowingContent content in _contents)
        {
            content.Grow();
        }
    }

    /// <summary>Gives one scanner the end; its answer. An error says as little as any first try: the content can be scanned anew.</summary>
    public async Task<ScanResult> FinishAsync(int scanner, CancellationToken cancellationToken)
    {
        _isWanted = true;
        _contents[scanner].End();
        try
        {
            return await _scans[scanner].WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return ScanResult.Error("no answer before the deadline", isTransient: true);
        }
    }

    /// <summary>Nothing more is wanted of it. May be called again.</summary>
    public void Abandon()
    {
        if (Interlocked.Exchange(ref _isOver, 1) == 0)
        {
            _onOver();
            if (!_isWanted)
            {
                Interlocked.Increment(ref _counters.AheadInVainValue);
                if (Array.Exists(_scans, scan => scan.IsCompletedSuccessfully && scan.Result.Kind != FileVerdictKind.Error))
                {
                    Interlocked.Increment(ref _counters.ScansValue); // One that judged without waiting for the end: it was a scan all the same.
                }
            }

            _cancellation.Cancel();
            Task.WhenAll(_scans).ContinueWith(_ => _cancellation.Dispose(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private static async Task<ScanResult> ScanAsync(IScanner scanner, GrowingContent content, CancellationToken cancellationToken)
    {
        try
        {
            return await scanner.ScanAsync(content, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            return ScanResult.Error(e.Message, isTransient: true);
        }
    }
}
