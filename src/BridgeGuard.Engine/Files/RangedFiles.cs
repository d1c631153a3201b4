using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Files;

/// <summary>Puts a file together that is fetched in ranges (HTTP Content-Range), over transactions and flows of one worker.</summary>
/// <remarks>
/// A range that begins where the file ends so far goes on to the file as it comes; one that begins later is kept until the hole before it is
/// filled. The whole belongs to the transaction whose range completed it. Bounded in files, bytes and time; what does not fit is not put
/// together and counted in <see cref="Refused"/>.
/// </remarks>
internal sealed class RangedFiles(FileTracker tracker)
{
    /// <summary>Files being put together at a time.</summary>
    public const int MaxFiles = 256;

    /// <summary>Bytes that wait behind holes, over all files.</summary>
    public const long MaxWaitingBytes = 64L << 20;

    /// <summary>Ranges that wait, of one file.</summary>
    public const int MaxWaitingRanges = 256;

    /// <summary>A file that gets nothing for so long is given up (Suricata's default).</summary>
    public const long TimeoutUs = 60_000_000;

    /// <summary>A start that waits for its rest: people and programs come back after minutes.</summary>
    public const long ParkedTimeoutUs = 600_000_000;

    /// <summary>Starts that wait at a time; the oldest gives way. Each keeps a hash state, a place at the scanner and its newest bytes.</summary>
    public const int MaxParked = 64;

    /// <summary>Newest bytes kept of a start: a rest begins where its receiver stands, at most a window (RFC 7323) behind what was sent.</summary>
    private const int ParkedNewestBytes = 256 << 10;

    private const int MaxKeyBytes = 4096;

    private readonly List<RangedFile> _files = [];
    private readonly Stack<RangedFile> _filePool = new();
    private readonly Stack<RangePart> _partPool = new();
    private long _waitingBytes;
    private int _parked;

    /// <summary>Rests whose first bytes contradict what was seen before: the whole cannot be judged.</summary>
    public ulong Contradictions { get; private set; }

    public ulong Refused { get; private set; }

    /// <summary>Begins one range; null when there is no room.</summary>
    /// <param name="key">What tells the file from others: server and address.</param>
    /// <param name="name">The whole file's name.</param>
    /// <param name="range">First byte, last byte, size of the whole.</param>
    /// <param name="location">For the scanner.</param>
    /// <param name="place">The same as <see cref="FilePlace"/>: finds a start that was parked.</param>
    /// <param name="context">Of the bytes that begin it.</param>
    public RangePart? Begin(
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> name,
        (long Start, long End, long Total) range,
        ReadOnlySpan<byte> location,
        ulong place,
        in Protocols.ParseContext context)
    {
        Expire(context.TimeUs);
        CanContinue(place, range.Total, range.Start);
        RangedFile? file = FindParked(place, range.Total) ?? Find(key, range.Total) ?? TakeOver(place, range.Total, range.Start)
            ?? Add(key, name, range.Total, location, place, in context);
        if (file is null)
        {
            Refused++;
            return null;
        }

        if (file.Total < 0 && range.Total > 0)
        {
            file.Total = range.Total;
            file.Whole!.AnnouncedSize = range.Total;
        }

        file.LastUs = context.TimeUs;
        file.Users++;
        RangePart part = _partPool.TryPop(out RangePart? pooled) ? pooled : new RangePart();
        part.File = file;
        part.Start = part.At = range.Start;
        part.IsDirect = (file.Writers == 0 || file.IsParked) && range.Start <= file.Next; // What two of them bring of a start is compared.
        file.Writers += part.IsDirect ? 1 : 0;
        return part;
    }

    /// <summary>More of a range.</summary>
    public void Append(RangePart part, ReadOnlySpan<byte> bytes)
    {
        RangedFile file = part.File!;
        if (part.IsLost || file.IsAbandoned)
        {
            return;
        }

        if (part.IsDirect)
        {
            if (IsTooOld(file, part, bytes.Length))
            {
                part.IsUncompared = true;
            }
            else
            {
                AppendAt(file, part.At, bytes, part.IsBeside);
            }

            if (file.IsAbandoned)
            {
                return;
            }

            if (file.Waiting.Count > 0)
            {
                Drain(file, isReached: true); // What came earlier may begin here: with this packet its receiver may have all.
            }
        }
        else if (_waitingBytes + bytes.Length > MaxWaitingBytes)
        {
            part.IsLost = true;
            Refused++;
        }
        else
        {
            _waitingBytes += bytes.Length;
            part.Bytes.Append(bytes);
        }

        part.At += bytes.Length;
    }

    /// <summary>A range is over, or nothing more of it can be used.</summary>
    /// <param name="part">The range.</param>
    /// <param name="isEnd">It ended as the protocol ends files; of a file of unknown length that is the end.</param>
    /// <returns>The whole file when this completed it; its owner is the caller.</returns>
    public TrackedFile? End(RangePart part, bool isEnd)
    {
        RangedFile file = part.File!;
        file.Users--;
        if (isEnd && file.Total < 0 && part.IsDirect && part.At == file.Next)
        {
            file.Total = file.Next;
        }

        if (part.IsDirect)
        {
            file.Writers--;
            Recycle(part);
        }
        else if (part.Bytes.Length == 0 || file.IsAbandoned || file.Waiting.Count >= MaxWaitingRanges)
        {
            Recycle(part);
        }
        else
        {
            file.Waiting.Add(part);
        }

        if (file.IsAbandoned)
        {
            Free(file);
            return null;
        }

        Drain(file);
        if (file.Total < 0 || file.Next < file.Total)
        {
            return null;
        }

        TrackedFile whole = file.Whole!;
        file.Whole = null;
        Remove(file);
        file.IsAbandoned = true;
        Free(file);
        tracker.Close(whole);
        return whole;
    }

    /// <summary>A file ended before its end was there: its hash state and its place at the scanner wait for the rest.</summary>
    /// <returns>False when it is none that can go on (a gap, a piece itself, nothing that tells it from others).</returns>
    public bool Park(TrackedFile file)
    {
        if (file.HasGaps || file.PartOffset >= 0 || file.Size == 0 || file.Place == FilePlace.None || file.IsJudged || file.SinkFell
            || (file.State == FileState.Closed && file.AnnouncedSize < 0))
        {
            return false;
        }

        if (FindParked(file.Place, file.AnnouncedSize) is { } same)
        {
            if (same.Next >= file.Size || same.Users > 0)
            {
                return false; // What is there is more.
            }

            GiveUp(same);
        }

        if (_files.Count >= MaxFiles || (_parked >= MaxParked && !DropOldestParked()))
        {
            Refused++;
            return false;
        }

        RangedFile parked = _filePool.TryPop(out RangedFile? pooled) ? pooled : new RangedFile();
        parked.Total = file.AnnouncedSize;
        parked.Place = file.Place;
        parked.IsParked = true;
        parked.Next = file.Size;
        parked.LastUs = file.LastUs;
        parked.Whole = tracker.Adopt(file, ParkedNewestBytes);
        _parked++;
        _files.Add(parked);
        return true;
    }

    /// <summary>
    /// Is there something that a rest from this offset on continues? A file that is open elsewhere becomes the first part, and goes on beside: which of the two its
    /// receiver will use is not known, so what comes twice is compared.
    /// </summary>
    public bool CanContinue(ulong place, long total, long offset)
    {
        if (FindParked(place, total) is not null)
        {
            return true;
        }

        if (offset <= 0 || tracker.FindOpen(place, total, offset) is not { } open || !Park(open) || FindParked(place, total) is not { } file)
        {
            return false;
        }

        open.Range = AddWriter(file, file.Next);
        open.PartOffset = 0;
        open.PartTotal = open.AnnouncedSize;
        return true;
    }

    /// <summary>The whole is fetched from its beginning after ranges of it: it goes on into what they are put together to, beside its own record; null when there is none.</summary>
    public RangePart? Join(ulong place, long total)
    {
        for (int i = 0; i < _files.Count; i++)
        {
            RangedFile file = _files[i];
            if (file.Place == place && file.Total == total && (!file.IsParked || file.Users > 0))
            {
                return AddWriter(file, 0);
            }
        }

        return null;
    }

    /// <summary>
    /// Wholes that are open elsewhere, and have not come as far as this range: the one that has come furthest becomes the first range of what is put together, the
    /// others go on into it beside their own records.
    /// </summary>
    private RangedFile? TakeOver(ulong place, long total, long start)
    {
        TrackedFile? furthest = null;
        for (TrackedFile? open = start > 0 && total > 0 ? tracker.NewestOpen(place) : null; open is not null; open = open.OpenedBefore)
        {
            furthest = IsWholeOf(open, total) && open.Size > (furthest?.Size ?? 0) ? open : furthest;
        }

        if (furthest is null || !Park(furthest) || FindParked(place, total) is not { } file)
        {
            return null;
        }

        furthest.Range = AddWriter(file, file.Next);
        furthest.PartOffset = 0;
        furthest.PartTotal = total;
        for (TrackedFile? open = tracker.NewestOpen(place); open is not null; open = open.OpenedBefore)
        {
            if (open != furthest && IsWholeOf(open, total))
            {
                open.Range = AddWriter(file, open.Size);
                open.Range.IsBeside = true;
            }
        }

        return file;
    }

    private static bool IsWholeOf(TrackedFile open, long total) => open is { IsEnded: false, Range: null, PartOffset: < 0, HasGaps: false } && open.AnnouncedSize == total;

    private RangePart AddWriter(RangedFile file, long at)
    {
        RangePart part = _partPool.TryPop(out RangePart? pooled) ? pooled : new RangePart();
        part.File = file;
        part.Start = 0;
        part.At = at;
        part.IsDirect = true;
        file.Writers++;
        file.Users++;
        return part;
    }

    private RangedFile? FindParked(ulong place, long total)
    {
        for (int i = 0; _parked > 0 && i < _files.Count; i++)
        {
            RangedFile file = _files[i];
            if (file.IsParked && file.Place == place && place != FilePlace.None && (file.Total == total || file.Total < 0 || total < 0))
            {
                return file;
            }
        }

        return null;
    }

    private bool DropOldestParked()
    {
        RangedFile? oldest = null;
        foreach (RangedFile file in _files)
        {
            if (file.IsParked && file.Users == 0 && (oldest is null || file.LastUs < oldest.LastUs))
            {
                oldest = file;
            }
        }

        if (oldest is not null)
        {
            GiveUp(oldest);
        }

        return oldest is not null;
    }

    private void Remove(RangedFile file)
    {
        _files.Remove(file);
        _parked -= file.IsParked ? 1 : 0;
    }

    private void GiveUp(RangedFile file)
    {
        Remove(file);
        file.IsAbandoned = true;
        if (file.Whole is { } whole)
        {
            file.Whole = null;
            whole.IsJudged = true; // Not to be parked again.
            tracker.Release(whole);
        }

        Free(file);
    }

    private RangedFile? Find(ReadOnlySpan<byte> key, long total)
    {
        foreach (RangedFile file in _files)
        {
            if (file.Total == total && file.Key.Span.SequenceEqual(key))
            {
                return file;
            }
        }

        return null;
    }

    private RangedFile? Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> name, long total, ReadOnlySpan<byte> location, ulong place, in Protocols.ParseContext context)
    {
        if (_files.Count >= MaxFiles || key.Length > MaxKeyBytes)
        {
            return null;
        }

        RangedFile file = _filePool.TryPop(out RangedFile? pooled) ? pooled : new RangedFile();
        file.Key.Append(key);
        file.Total = total;
        file.Place = place;
        file.Whole = tracker.Create(name, in context, location, total);
        file.Whole.IsPutTogether = true;
        _files.Add(file);
        return file;
    }

    private void AppendAt(RangedFile file, long at, ReadOnlySpan<byte> bytes, bool isBeside = false)
    {
        long known = file.Next - at;
        if (known < 0)
        {
            return; // A whole that is ahead of the others.
        }

        if (file.IsParked && known > 0 && !isBeside && Contradicts(file.Whole!, at, bytes[..(int)Math.Min(known, bytes.Length)]))
        {
            // The receiver may keep either; a hash of one of them proves nothing about the other.
            Contradictions++;
            file.IsContradicted = true;
            GiveUp(file);
            return;
        }

        if (known < bytes.Length)
        {
            ReadOnlySpan<byte> fresh = bytes[(int)Math.Max(known, 0)..];
            fresh = file.Total < 0 ? fresh : fresh[..(int)Math.Min(fresh.Length, file.Total - file.Next)];
            tracker.Append(file.Whole!, fresh);
            file.Next += fresh.Length;
        }
    }

    /// <summary>Bytes that are there, come again and cannot be compared any more: nobody can say of this range that it is part of what is judged. Others go on.</summary>
    private static bool IsTooOld(RangedFile file, RangePart part, int length) => file.IsParked && !part.IsBeside && part.At < file.Next && length > 0
        && file.Whole is { IsJudged: false } whole && part.At < whole.Size - whole.Newest.Length;

    /// <summary>Bytes seen before come again: are they other ones?</summary>
    private static bool Contradicts(TrackedFile whole, long at, ReadOnlySpan<byte> again)
    {
        ReadOnlySpan<byte> newest = whole.Newest;
        long newestAt = whole.Size - newest.Length;
        return at >= newestAt && !newest.Slice((int)(at - newestAt), again.Length).SequenceEqual(again); // What is older was judged (or see IsTooOld).
    }

    /// <summary>Ranges that have waited follow where nothing is missing before them any more.</summary>
    /// <param name="file">What is put together.</param>
    /// <param name="isReached">Also while a range writes straight on.</param>
    private void Drain(RangedFile file, bool isReached = false)
    {
        bool moved = isReached || file.Writers == 0;
        while (moved)
        {
            moved = false;
            for (int i = 0; i < file.Waiting.Count; i++)
            {
                RangePart part = file.Waiting[i];
                if (part.Start > file.Next)
                {
                    continue;
                }

                AppendAt(file, part.Start, part.Bytes.Span);
                file.Waiting.RemoveAt(i);
                Recycle(part);
                moved = true;
                break;
            }
        }
    }

    private void Expire(long nowUs)
    {
        for (int i = _files.Count - 1; i >= 0; i--)
        {
            RangedFile file = _files[i];
            if (nowUs - file.LastUs > (file.IsParked ? ParkedTimeoutUs : TimeoutUs))
            {
                GiveUp(file);
            }
        }
    }

    /// <summary>Back to the pool once no range points to it any more.</summary>
    private void Free(RangedFile file)
    {
        foreach (RangePart part in file.Waiting)
        {
            Recycle(part);
        }

        file.Waiting.Clear();
        if (file.Users == 0)
        {
            file.Reset();
            _filePool.Push(file);
        }
    }

    private void Recycle(RangePart part)
    {
        _waitingBytes -= part.Bytes.Length;
        part.Reset();
        _partPool.Push(part);
    }
}

/// <summary>A file that grows out of ranges.</summary>
internal sealed class RangedFile
{
    public ByteBuffer Key { get; } = new();

    public List<RangePart> Waiting { get; } = [];

    public TrackedFile? Whole;
    public long Total;

    /// <summary>Bytes that are there from the beginning without a hole.</summary>
    public long Next;
    public long LastUs;

    /// <summary>It began as a transfer that broke off; found by where it comes from.</summary>
    public bool IsParked;
    public ulong Place;

    /// <summary>Ranges being received.</summary>
    public int Users;

    /// <summary>Those that write straight on: one range, and wholes beside it.</summary>
    public int Writers;

    /// <summary>Complete or given up: nothing more is taken.</summary>
    public bool IsAbandoned;

    /// <summary>Bytes came twice and differed.</summary>
    public bool IsContradicted;

    public void Reset()
    {
        Key.Reset();
        Whole = null;
        Total = 0;
        Next = 0;
        LastUs = 0;
        Users = 0;
        Writers = 0;
        IsAbandoned = false;
        IsContradicted = false;
        IsParked = false;
        Place = FilePlace.None;
    }
}

/// <summary>One range being received.</summary>
internal sealed class RangePart
{
    public RangedFile? File;
    public long Start;

    /// <summary>Where its next byte lies in the whole.</summary>
    public long At;
    public bool IsDirect;
    public bool IsLost;

    /// <summary>It brought bytes once more that are no longer there to be compared.</summary>
    public bool IsUncompared;

    /// <summary>Its bytes are those of a whole file with a record and a verdict of its own.</summary>
    public bool IsBeside;

    public ByteBuffer Bytes { get; } = new();

    public void Reset()
    {
        File = null;
        Start = 0;
        At = 0;
        IsDirect = false;
        IsLost = false;
        IsUncompared = false;
        IsBeside = false;
        Bytes.Reset();
    }
}
