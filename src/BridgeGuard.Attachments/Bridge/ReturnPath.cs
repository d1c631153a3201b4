namespace BridgeGuard.Attachments.Bridge;

/// <summary>
/// How a worker's frames go back: in its own context through the bridge to the receiver (the shortest way), or, while much goes through it, handed to
/// other CPUs (the kernel's receive packet steering on a second descriptor of its own), so that the worker can take the next frame meanwhile.
/// </summary>
/// <remarks>
/// Order: a frame that was written in the worker's context has gone through when the write returns, so the change to other CPUs can come at any time; the
/// change back waits until nothing is on its way. What is on its way counts as not done, so that a decision of the kernel lets nothing overtake it.
/// Thread: the worker's. Allocates nothing.
/// </remarks>
internal sealed class ReturnPath(int direct, int spread, int queue, SharedState state)
{
    /// <summary>With a smaller limit of waiting frames those that are on their way would be over it.</summary>
    public const int LeastBacklog = 256;

    /// <summary>Of traffic; long enough to hold a few large segments.</summary>
    private const long WindowUs = 1000;

    /// <summary>From about 0.8 Gbit/s in large frames on the worker's time is the limit; below, a wake-up of another CPU costs more than it saves.</summary>
    private const long BulkBytesPerMs = 100_000;

    private const long BulkFrameBytes = 4096;

    /// <summary>Without a frame for so long everything has gone through, unless the count of what has come by says otherwise.</summary>
    private const long QuietUs = 1000;

    /// <summary>Small frames that follow a bulk transfer without a pause stay with other CPUs no longer than this.</summary>
    private const long LingerUs = 1_000_000;

    /// <summary>From the punt device's program to the port's: the rest of one poll of the other CPU's backlog.</summary>
    private const long SettleUs = 100;

    /// <summary>What has not come by in this time was dropped (the other CPU's backlog was full).</summary>
    private const long GiveUpUs = 5000;

    private long _windowStart;
    private long _windowBytes;
    private long _windowFrames;
    private long _lastFrame;
    private long _lastBulk;
    private long _written;
    private long _base;
    private long _done;
    private long _waitDone;
    private long _waitWritten;
    private long _waitSince;
    private long _confirmedAt;
    private bool _isWaiting;
    private bool _isSpread;

    /// <summary>Where the next frame is to be written.</summary>
    public int Fd => _isSpread ? spread : direct;

    /// <summary>Frames that were handed to other CPUs.</summary>
    public long Spread => Volatile.Read(ref _written);

    /// <summary>Something that was written is not said to be done yet: look again soon.</summary>
    public bool IsPending => _isWaiting;

    /// <summary>Before a frame is judged: chooses the way for what is written from now on.</summary>
    public void Look(int bytes, long nowUs)
    {
        if (spread < 0)
        {
            return;
        }

        long quiet = nowUs - _lastFrame;
        _lastFrame = nowUs;
        _windowBytes += bytes;
        _windowFrames++;
        long age = nowUs - _windowStart;
        if (age is >= 0 and < WindowUs)
        {
            return;
        }

        if (_windowBytes * WindowUs >= age * BulkBytesPerMs && _windowBytes >= _windowFrames * BulkFrameBytes)
        {
            _lastBulk = nowUs;
            _isSpread = true;
        }
        else if (_isSpread && ((quiet >= QuietUs && !_isWaiting) || nowUs - _lastBulk >= LingerUs))
        {
            _isSpread = false;
        }

        (_windowStart, _windowBytes, _windowFrames) = (nowUs, 0, 0);
    }

    /// <summary>A frame was written.</summary>
    public void Wrote() => _written += _isSpread ? 1 : 0;

    /// <summary>So many frames of the queue have been finished with; said to the kernel when those of them that went to other CPUs have come by.</summary>
    public void SetDone(long done, long nowUs)
    {
        _done = done;
        if (!_isSpread && !_isWaiting)
        {
            state.SetDone(queue, done);
            return;
        }

        if (_isWaiting)
        {
            Confirm(nowUs);
        }

        if (!_isWaiting && _waitDone != done)
        {
            (_waitDone, _waitWritten, _waitSince, _confirmedAt, _isWaiting) = (done, _written, nowUs, 0, true);
        }
    }

    /// <summary>Nothing has come meanwhile: as <see cref="SetDone"/> with the last number.</summary>
    public void LookAgain(long nowUs) => SetDone(_done, nowUs);

    private void Confirm(long nowUs)
    {
        if (_confirmedAt == 0)
        {
            long missing = _waitWritten - (state.Returned(queue) - _base);
            if (missing > 0 && nowUs - _waitSince < GiveUpUs)
            {
                return;
            }

            _base -= Math.Max(0, missing);
            _confirmedAt = nowUs;
        }

        if (nowUs - _confirmedAt >= SettleUs)
        {
            state.SetDone(queue, _waitDone);
            _isWaiting = false;
        }
    }
}
