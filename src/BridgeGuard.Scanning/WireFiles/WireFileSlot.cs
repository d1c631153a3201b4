using System.IO.Pipelines;
using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.WireFiles;

/// <summary>One open file: its pipe and what was said of it. Reused; the worker writes until it closes, the scan side reads and frees.</summary>
internal sealed class WireFileSlot
{
    /// <summary>Longest protocol name, file name and location kept; longer ones are cut (a ledger line, not evidence).</summary>
    private const int ProtocolBytes = 32;
    private const int NameBytes = 512;
    private const int LocationBytes = 2048;
    private const int AddressBytes = 16;

    /// <summary>Fewer, larger hand-overs: each one wakes a pool thread.</summary>
    private const int FlushBytes = 32 << 10;

    private readonly byte[] _text = new byte[ProtocolBytes + NameBytes + LocationBytes + (2 * AddressBytes)];
    private readonly Lock _rewriting = new();
    private List<ContentPatch>? _patches;
    private ContentSpool? _spool;
    private int _unflushed;
    private int _protocolLength;
    private int _nameLength;
    private int _locationLength;
    private int _receiverLength;
    private int _senderLength;
    private long _buffered;

    public WireFileSlot(int index)
    {
        Index = index;

        // Thresholds off: the sink has its own limits and must never wait; FlushAsync then always completes at once.
        Pipe = new Pipe(new PipeOptions(
            readerScheduler: PipeScheduler.ThreadPool, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0,
            resumeWriterThreshold: 0, minimumSegmentSize: 16 << 10, useSynchronizationContext: false));
    }

    public int Index { get; }

    public Pipe Pipe { get; }

    /// <summary>Changes at every close, so that an old handle is recognised.</summary>
    public uint Generation { get; set; } = 1;

    public long TimestampUs { get; private set; }

    public ulong FlowId { get; private set; }

    public uint ReceiverGuestId { get; private set; }

    public uint SenderGuestId { get; private set; }

    /// <summary>Where it comes from (<see cref="FilePlace"/>).</summary>
    public ulong Place { get; private set; }

    /// <summary>Where its bytes are kept while it is read; null before and afterwards. Thread: any.</summary>
    public ContentSpool? Spool
    {
        get => Volatile.Read(ref _spool);
        set => Volatile.Write(ref _spool, value);
    }

    /// <summary>Set before the pipe is completed.</summary>
    public FileEnd End { get; set; }

    /// <summary>What the worker says the content is; only when <see cref="HasAnnounced"/>.</summary>
    public FileKey Announced { get; set; }

    public bool HasAnnounced { get; set; }

    /// <summary>Bytes that were judged of it before its end, as beginnings that might have been all. Thread: the worker's.</summary>
    public long CheckedBytes { get; set; }

    /// <summary>Length of the beginning that was judged last. Thread: the worker's.</summary>
    public long CheckedUpTo { get; set; }

    /// <summary>Replacements. Thread: the worker's.</summary>
    public int PatchCount { get; private set; }

    /// <summary>Those of them that were judged already. Thread: the worker's.</summary>
    public int CheckedPatches { get; set; }

    /// <summary>Bytes of all replacements.</summary>
    public long PatchedBytes { get; private set; }

    /// <summary>What was replaced until now, in its order; empty for nearly every file. Thread: any; the array is the caller's.</summary>
    public ContentPatch[] Patches()
    {
        lock (_rewriting)
        {
            return _patches is { Count: > 0 } patches ? [.. patches] : [];
        }
    }

    /// <summary>Replaces bytes that were written before.</summary>
    public void Rewrite(long at, ReadOnlySpan<byte> bytes)
    {
        lock (_rewriting)
        {
            (_patches ??= []).Add(new ContentPatch(at, bytes.ToArray()));
            PatchedBytes += bytes.Length;
            PatchCount++;
        }
    }

    /// <summary>Forgets what was replaced; the bytes that were kept for it.</summary>
    public long ForgetPatches()
    {
        lock (_rewriting)
        {
            long bytes = PatchedBytes;
            _patches = null;
            PatchedBytes = PatchCount = CheckedPatches = 0;
            return bytes;
        }
    }

    /// <summary>Bytes written and not yet read.</summary>
    public long Buffered => Volatile.Read(ref _buffered);

    public string Protocol => Encoding.ASCII.GetString(_text, 0, _protocolLength);

    public string Name => Text(ProtocolBytes, _nameLength);

    public string Location => Text(ProtocolBytes + NameBytes, _locationLength);

    public ReadOnlySpan<byte> ReceiverAddress => _text.AsSpan(ProtocolBytes + NameBytes + LocationBytes, _receiverLength);

    public ReadOnlySpan<byte> SenderAddress => _text.AsSpan(ProtocolBytes + NameBytes + LocationBytes + AddressBytes, _senderLength);

    public void Begin(in FileOrigin origin)
    {
        TimestampUs = origin.TimestampUs;
        FlowId = origin.FlowId;
        ReceiverGuestId = origin.ReceiverGuestId;
        SenderGuestId = origin.SenderGuestId;
        Place = origin.Place;
        HasAnnounced = false;
        CheckedBytes = 0;
        CheckedUpTo = 0;
        End = FileEnd.Truncated;
        _unflushed = 0;
        _protocolLength = Copy(origin.Protocol, 0, ProtocolBytes);
        _nameLength = Copy(origin.Name, ProtocolBytes, NameBytes);
        _locationLength = Copy(origin.Location, ProtocolBytes + NameBytes, LocationBytes);
        _receiverLength = Copy(origin.ReceiverAddress, ProtocolBytes + NameBytes + LocationBytes, AddressBytes);
        _senderLength = Copy(origin.SenderAddress, ProtocolBytes + NameBytes + LocationBytes + AddressBytes, AddressBytes);
    }

    /// <summary>Copies a chunk into the pipe. Thread: the worker's.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        Interlocked.Add(ref _buffered, bytes.Length);
        _unflushed += bytes.Length;
        while (!bytes.IsEmpty)
        {
            Span<byte> room = Pipe.Writer.GetSpan();
            int length = Math.Min(room.Length, bytes.Length);
            bytes[..length].CopyTo(room);
            Pipe.Writer.Advance(length);
            bytes = bytes[length..];
        }

        if (_unflushed >= FlushBytes)
        {
            Flush();
        }
    }

    public void Flush()
    {
        _unflushed = 0;
        ValueTask<FlushResult> flush = Pipe.Writer.FlushAsync();
        if (flush.IsCompleted)
        {
            _ = flush.Result; // Without thresholds it always is; reading the result frees the operation.
        }
    }

    public void OnRead(long bytes) => Interlocked.Add(ref _buffered, -bytes);

    private string Text(int offset, int length) => Encoding.UTF8.GetString(_text, offset, length);

    private int Copy(ReadOnlySpan<byte> from, int offset, int limit)
    {
        int length = Math.Min(from.Length, limit);
        from[..length].CopyTo(_text.AsSpan(offset));
        return length;
    }
}
