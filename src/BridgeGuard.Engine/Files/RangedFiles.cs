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

    private const int MaxKeyBytes = 4096;

    private readonly List<RangedFile> _files = [];
    private readonly Stack<RangedFile> _filePool = new();
    private readonly Stack<RangePart> _partPool = new();
    private long _waitingBytes;

    public ulong Refused { get; private set; }

    /// <summary>Begins one range; null when there is no room.</summary>
    /// <param name="key">What tells the file from others: server and address.</param>
    /// <param name="name">The whole file's name.</param>
    /// <param name="range">First byte, last byte, size of the whole.</param>
    /// <param name="location">For the scanner.</param>
    /// <param name="context">Of the bytes that begin it.</param>
    public RangePart? Begin(
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> name,
        (long Start, long End, long Total) range,
        ReadOnlySpan<byte> location,
        in Protocols.ParseContext context)
    {
        Expire(context.TimeUs);
        RangedFile? file = Find(key, range.Total) ?? Add(key, name, range.Total, location, in context);
        if (file is null)
        {
            Refused++;
            return null;
        }

        file.LastUs = context.TimeUs;
        file.Users++;
        RangePart part = _partPool.TryPop(out RangePart? pooled) ? pooled : new RangePart();
        part.File = file;
        part.Start = part.At = range.Start;
        part.IsDirect = !file.HasWriter && range.Start <= file.Next;
        file.HasWriter |= part.IsDirect;
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
            AppendAt(file, part.At, bytes);
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
    /// <returns>The whole file when this completed it; its owner is the caller.</returns>
    public TrackedFile? End(RangePart part)
    {
        RangedFile file = part.File!;
        file.Users--;
        if (part.IsDirect)
        {
            file.HasWriter = false;
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
        if (file.Next < file.Total)
        {
            return null;
        }

        TrackedFile whole = file.Whole!;
        file.Whole = null;
        _files.Remove(file);
        file.IsAbandoned = true;
        Free(file);
        tracker.Close(whole);
        return whole;
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

    private RangedFile? Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> name, long total, ReadOnlySpan<byte> location, in Protocols.ParseContext context)
    {
        if (_files.Count >= MaxFiles || key.Length > MaxKeyBytes)
        {
            return null;
        }

        RangedFile file = _filePool.TryPop(out RangedFile? pooled) ? pooled : new RangedFile();
        file.Key.Append(key);
        file.Total = total;
        file.Whole = tracker.Create(name, in context, location, total);
        _files.Add(file);
        return file;
    }

    private void AppendAt(RangedFile file, long at, ReadOnlySpan<byte> bytes)
    {
        long known = file.Next - at;
        if (known < bytes.Length)
        {
            ReadOnlySpan<byte> fresh = bytes[(int)Math.Max(known, 0)..];
            fresh = fresh[..(int)Math.Min(fresh.Length, file.Total - file.Next)];
            tracker.Append(file.Whole!, fresh);
            file.Next += fresh.Length;
        }
    }

    /// <summary>Ranges that have waited follow where nothing is missing before them any more.</summary>
    private void Drain(RangedFile file)
    {
        bool moved = !file.HasWriter;
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
            if (nowUs - file.LastUs <= TimeoutUs)
            {
                continue;
            }

            _files.RemoveAt(i);
            file.IsAbandoned = true;
            if (file.Whole is { } whole)
            {
                file.Whole = null;
                tracker.Release(whole);
            }

            Free(file);
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

    /// <summary>Ranges being received.</summary>
    public int Users;

    /// <summary>One of them writes straight on.</summary>
    public bool HasWriter;

    /// <summary>Complete or given up: nothing more is taken.</summary>
    public bool IsAbandoned;

    public void Reset()
    {
        Key.Reset();
        Whole = null;
        Total = 0;
        Next = 0;
        LastUs = 0;
        Users = 0;
        HasWriter = false;
        IsAbandoned = false;
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

    public ByteBuffer Bytes { get; } = new();

    public void Reset()
    {
        File = null;
        Start = 0;
        At = 0;
        IsDirect = false;
        IsLost = false;
        Bytes.Reset();
    }
}
