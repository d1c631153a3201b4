using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Files;

/// <summary>What became of a chunk.</summary>
[Flags]
public enum ChunkResult : byte
{
    Taken = 0,

    /// <summary>Some of its bytes were there already; the first ones count.</summary>
    Overlap = 1,

    /// <summary>It is out of order and more than the queue may hold in bytes: what is missing before it counts as lost.</summary>
    QueueSizeExceeded = 2,

    /// <summary>The same, in chunks.</summary>
    QueueCountExceeded = 4,
}

/// <summary>Puts a file together from chunks that come with their offset, in any order (SMB, NFS).</summary>
/// <remarks>
/// What is in order goes to the file at once; what is ahead waits in a bounded queue. Pooled by its owner; keeps its arrays. A chunk may be
/// given in pieces, each with its own offset.
/// </remarks>
public sealed class FileAssembler
{
    /// <summary>What waits, by offset: a chain, as a list of each transaction's own would grow once for each of them.</summary>
    private Chunk? _first;
    private Chunk? _last;

    /// <summary>Chunks that wait for the next file of this worker, whichever it is.</summary>
    [ThreadStatic]
    private static Stack<Chunk>? _spare;

    /// <summary>More go to the collector. Four files at Suricata's <c>max-read-queue-cnt</c>.</summary>
    private const int MaxSpare = 256;

    /// <summary>Where the bytes go on that continue an earlier reading of the file; -1 when none do.</summary>
    private long _resumed = -1;

    /// <summary>The file that is being put together; null before <see cref="Begin"/>, or when the transaction had no room for it.</summary>
    public TrackedFile? File { get; private set; }

    /// <summary>Offset of the next byte that is in order.</summary>
    public long Next { get; private set; }

    public long QueuedBytes { get; private set; }

    public int QueuedChunks { get; private set; }

    public bool IsOpen => File is { IsEnded: false };

    public void Begin(TrackedFile? file)
    {
        Reset();
        File = file;
    }

    /// <summary>Adds bytes at an offset.</summary>
    /// <param name="files">Where the file's bytes go.</param>
    /// <param name="context">Of the bytes.</param>
    /// <param name="offset">Of the first byte, within the file.</param>
    /// <param name="bytes">The bytes.</param>
    /// <param name="maxQueueBytes">Bytes that may wait; 0: no limit of its own.</param>
    /// <param name="maxQueueChunks">Chunks that may wait; 0: no limit of its own.</param>
    public ChunkResult Add(FileTracker files, in ParseContext context, long offset, ReadOnlySpan<byte> bytes, long maxQueueBytes, int maxQueueChunks)
    {
        if (File is not { IsEnded: false } file || bytes.IsEmpty || offset < 0)
        {
            return ChunkResult.Taken;
        }

        if (offset != Next && files.IsJudging)
        {
            NotePiece(files, file, in context, offset, bytes);
        }

        if (offset > Next)
        {
            return Queue(files, in context, file, offset, bytes, maxQueueBytes, maxQueueChunks);
        }

        if (offset < Next && file.Direction == Direction.ToServer)
        {
            files.Overwrite(file, offset, bytes[..(int)Math.Min(bytes.Length, Next - offset)]);
        }

        ChunkResult result = Deliver(files, file, offset, bytes);
        Drain(files, file); // What waited is older than these bytes: where both have some, these stand.
        return result;
    }

    /// <summary>The file is cut (or made longer): what was written beyond is gone. Cut to nothing, it is for its owner to begin anew.</summary>
    public void Cut(FileTracker files, long size)
    {
        if (size < Next || _first is not null)
        {
            files.Spoil(File);
        }
    }

    /// <summary>A read in the middle: is it a piece of something bad, and does it continue what was read before, perhaps over another handle?</summary>
    private void NotePiece(FileTracker files, TrackedFile file, in ParseContext context, long offset, ReadOnlySpan<byte> bytes)
    {
        files.NotePiece(file, offset, bytes);
        if (Next == 0 && _resumed < 0 && files.TryContinue(file, offset, in context))
        {
            _resumed = offset;
        }

        if (_resumed == offset)
        {
            files.AppendResumed(file, bytes);
            _resumed += bytes.Length;
        }
    }

    /// <summary>Bytes at an offset are lost.</summary>
    public void Gap(FileTracker files, long offset, long count)
    {
        if (File is { IsEnded: false } file && offset <= Next && offset + count > Next)
        {
            long missing = offset + count - Next;
            files.Gap(file, missing);
            Next += missing;
            Drain(files, file);
        }
    }

    /// <summary>Ends the file. What still waits behind a hole is delivered, with the hole as a gap.</summary>
    public void Close(FileTracker files, FileState state)
    {
        if (File is { IsEnded: false } file)
        {
            while (_first is { } waiting)
            {
                Skip(files, file, waiting.Offset);
            }

            files.Close(file, state);
        }
    }

    public void Reset()
    {
        File = null;
        Next = 0;
        _resumed = -1;
        while (_first is not null)
        {
            RemoveFirst();
        }
    }

    private ChunkResult Deliver(FileTracker files, TrackedFile file, long offset, ReadOnlySpan<byte> bytes)
    {
        long known = Next - offset;
        if (known >= bytes.Length)
        {
            return ChunkResult.Overlap;
        }

        ReadOnlySpan<byte> added = bytes[(int)known..];
        files.Append(file, added);
        Next += added.Length;
        return known > 0 ? ChunkResult.Overlap : ChunkResult.Taken;
    }

    private void Drain(FileTracker files, TrackedFile file)
    {
        while (_first is { } chunk && chunk.Offset <= Next)
        {
            Deliver(files, file, chunk.Offset, chunk.Bytes.Span);
            RemoveFirst();
        }
    }

    private void Skip(FileTracker files, TrackedFile file, long to)
    {
        files.Gap(file, to - Next);
        Next = to;
        Drain(files, file);
    }

    private ChunkResult Queue(FileTracker files, in ParseContext context, TrackedFile file, long offset, ReadOnlySpan<byte> bytes, long maxBytes, int maxChunks)
    {
        // Pieces of one chunk come in order and join.
        Chunk? before = Before(offset);
        bool joins = before is not null && before.Offset + before.Bytes.Length == offset;
        ChunkResult result = (maxBytes > 0 && QueuedBytes + bytes.Length > maxBytes ? ChunkResult.QueueSizeExceeded : ChunkResult.Taken)
            | (!joins && maxChunks > 0 && QueuedChunks >= maxChunks ? ChunkResult.QueueCountExceeded : ChunkResult.Taken);
        if (result != ChunkResult.Taken)
        {
            Skip(files, file, Math.Min(offset, _first?.Offset ?? offset));
            return result | Add(files, in context, offset, bytes, maxBytes, maxChunks);
        }

        if (file.Direction == Direction.ToServer && (before is not null && before.Offset + before.Bytes.Length > offset
            || (before is null ? _first : before.Next) is { } after && after.Offset < offset + bytes.Length))
        {
            files.Spoil(file); // Of two that wait the newer one stands in the end, and places say nothing of age.
        }

        if (!joins)
        {
            before = Insert(before, offset);
        }

        before!.Bytes.Append(bytes);
        QueuedBytes += bytes.Length;
        return ChunkResult.Taken;
    }

    /// <summary>The last chunk that begins at or before an offset; looked for from the end, as most come in order.</summary>
    private Chunk? Before(long offset)
    {
        Chunk? at = _last;
        while (at is not null && at.Offset > offset)
        {
            at = at.Previous;
        }

        return at;
    }

    private Chunk Insert(Chunk? before, long offset)
    {
        Chunk chunk = _spare is { } spare && spare.TryPop(out Chunk? pooled) ? pooled : new Chunk();
        Chunk? after = before is null ? _first : before.Next;
        chunk.Offset = offset;
        chunk.Previous = before;
        chunk.Next = after;
        _first = before is null ? chunk : _first;
        _last = after is null ? chunk : _last;
        before?.Next = chunk;
        after?.Previous = chunk;
        QueuedChunks++;
        return chunk;
    }

    private void RemoveFirst()
    {
        Chunk chunk = _first!;
        _first = chunk.Next;
        _first?.Previous = null;
        _last = _first is null ? null : _last;
        QueuedChunks--;
        QueuedBytes -= chunk.Bytes.Length;
        chunk.Bytes.Reset();
        chunk.Next = chunk.Previous = null;
        _spare ??= new Stack<Chunk>();
        if (_spare.Count < MaxSpare)
        {
            _spare.Push(chunk);
        }
    }

    private sealed class Chunk
    {
        public long Offset { get; set; }

        public Chunk? Previous { get; set; }

        public Chunk? Next { get; set; }

        public ByteBuffer Bytes { get; } = new();
    }
}
