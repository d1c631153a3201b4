using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Files;

/// <summary>EVE <c>fileinfo.state</c>.</summary>
public enum FileState : byte
{
    Opened,
    Closed,
    Truncated,
    Error,
}

/// <summary>One file on its way through a flow. Pooled; owned by its <see cref="FileList"/>, made and fed by a <see cref="FileTracker"/>.</summary>
/// <remarks>
/// Spans are valid until the next parse of the flow. Hashes are there once the file ended complete and only those that settings or rules
/// asked for before its first byte. The window holds the bytes not yet inspected and some before them.
/// </remarks>
public sealed class TrackedFile
{
    private readonly ByteBuffer _name = new();
    private readonly ByteBuffer _window = new();
    private readonly ByteBuffer _magic = new();
    private readonly ByteBuffer _head = new();
    private readonly List<uint> _signatures = [];
    private readonly byte[] _judgedSha256 = new byte[32];
    private readonly FileHasher _hasher = new();

    internal TrackedFile(FileTracker owner) => Owner = owner;

    public FileState State { get; internal set; }

    /// <summary>Number of the file within its flow, from 1.</summary>
    public uint Id { get; internal set; }

    public Direction Direction { get; internal set; }

    /// <summary>Bytes seen.</summary>
    public long Size { get; internal set; }

    public bool HasGaps { get; internal set; }

    public ReadOnlySpan<byte> Name => _name.Span;

    /// <summary>First byte's place in a larger file (content ranges), -1 without; and the range's last byte and the whole size.</summary>
    public long RangeStart { get; set; } = -1;

    public long RangeEnd { get; set; }

    public long RangeTotal { get; set; }

    /// <summary>A rule or the settings want it on disk.</summary>
    public bool StoreRequested { get; private set; }

    /// <summary>The store has it (set by whoever wrote it), with its number there.</summary>
    public bool IsStored { get; set; }

    public uint StoredId { get; set; }

    /// <summary>It has been logged as <c>fileinfo</c>; kept by the emitter.</summary>
    public bool IsLogged { get; set; }

    /// <summary>Rules that asked for the file to be stored.</summary>
    public ReadOnlySpan<uint> Signatures => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_signatures);

    /// <summary>What the scanner's verdict cache says of it; set when it ends.</summary>
    public FileVerdictKind Verdict { get; internal set; }

    /// <summary>16, 20 and 32 bytes, or empty when not computed.</summary>
    public ReadOnlySpan<byte> Md5 => _hasher.Md5;

    public ReadOnlySpan<byte> Sha1 => _hasher.Sha1;

    public ReadOnlySpan<byte> Sha256 => _hasher.Sha256;

    public bool IsEnded => State != FileState.Opened;

    /// <summary>Length that the protocol announced, -1 when it did not.</summary>
    public long AnnouncedSize { get; set; } = -1;

    /// <summary>The protocol shows the file's end with its last byte (or before its receiver may use it): nothing has to lag behind for it.</summary>
    public bool EndIsAnnounced { get; set; }

    /// <summary>A message of the protocol has ended with its newest byte: its sender may wait for an answer now, and that byte may be the file's last.</summary>
    public bool MayEndHere { get; internal set; }

    /// <summary>Where it comes from (<see cref="FilePlace"/>).</summary>
    public ulong Place { get; internal set; }

    /// <summary>All bytes are there and were judged, or a piece of it is known to be bad; the protocol's own end may come later.</summary>
    public bool IsJudged { get; internal set; }

    /// <summary>Said to the host's own services, or by them: they judge it.</summary>
    public bool IsOfHost { get; internal set; }

    /// <summary>It is joined to the rest of a larger file: the whole will be judged.</summary>
    public bool IsJoined => Range is { IsLost: false, IsDirect: true };

    /// <summary>Bytes of the larger file came twice and differed, or could not be compared: no verdict says anything of what its receiver makes of them.</summary>
    public bool IsContradicted => Range is { File.IsContradicted: true } or { IsUncompared: true };

    /// <summary>Policy has had its first look at the growing file.</summary>
    internal bool WasSeenGrowing { get; set; }

    /// <summary>It is one piece of a larger file: where it begins there, and the larger file's length; -1 is «no piece», and «not known».</summary>
    public long PartOffset { get; internal set; } = -1;

    public long PartTotal { get; internal set; } = -1;

    /// <summary>The content's hash once <see cref="IsJudged"/>; the protocol's end need not have come. Of a file that was written over, what stands for it.</summary>
    public ReadOnlySpan<byte> JudgedSha256 => Sha256.Length > 0 && !IsRewritten ? Sha256 : _judgedSha256;

    /// <summary>Bytes of it were written over with others: its digests and window are of what came first, as in Suricata; what is judged is what stands there now.</summary>
    public bool IsRewritten { get; internal set; }

    /// <summary>
    /// It is written into a file of which other bytes were not seen: behind a hole, at the end or in the middle of one that was there before. What is judged of it
    /// says nothing of the whole.
    /// </summary>
    public bool IsPatch { get; internal set; }

    /// <summary>An upload that goes on where another one ended, which nobody has seen here or put together with it.</summary>
    public bool ContinuesUnseen => Direction == Direction.ToServer && (IsAppended || PartOffset > 0) && !IsJoined;

    /// <summary>It is written behind whatever the file holds (FTP's APPE).</summary>
    public bool IsAppended { get; set; }

    internal FileTracker Owner { get; }

    /// <summary>Where it is listed; null while it belongs to no transaction.</summary>
    internal FileList? List { get; set; }

    /// <summary>It is what ranges are put together to, and joins nothing itself.</summary>
    internal bool IsPutTogether { get; set; }

    /// <summary>Another file of the same place that is open, and began before this one.</summary>
    internal TrackedFile? OpenedBefore { get; set; }

    /// <summary>The larger file that this is a range of.</summary>
    internal RangePart? Range { get; set; }

    internal FileHandle Sink { get; set; }

    internal bool SinkFell { get; set; }

    /// <summary>Where the bytes wait for the decision to keep them.</summary>
    internal FileHandle Spool { get; set; }

    internal bool SpoolFell { get; set; }

    internal FileHasher Hasher => _hasher;

    internal Span<byte> JudgedHash => _judgedSha256;

    /// <summary>The newest bytes, as far as they are kept.</summary>
    internal ReadOnlySpan<byte> Newest => _window.Span;

    /// <summary>When it was opened.</summary>
    internal long LastUs { get; set; }

    internal long InspectedTo { get; set; }

    /// <summary>How far detection's search has come.</summary>
    internal Detection.ScanMark Searched;

    /// <summary>Enough of the content is there for a first inspection, or it never will be.</summary>
    public bool IsInspectable => InspectedTo > 0 || IsEnded || Size >= MinInspectBytes;

    /// <summary>Bytes that must have come before rules look at a growing content; a protocol that has a choice of its own sets it.</summary>
    public int MinInspectBytes { get; set; } = FileTracker.MinInspectBytes;

    /// <summary>The last bytes of the file: those not yet inspected and the window before them.</summary>
    public BufferView Content => new(_window.Span, Size - _window.Length, IsEnded);

    /// <summary>The file's first bytes, up to <see cref="FileTracker.HeadBytes"/>.</summary>
    public ReadOnlySpan<byte> Head => _head.Span;

    /// <summary>The extension of <see cref="Name"/>, without the dot; empty when it has none.</summary>
    public ReadOnlySpan<byte> Extension
    {
        get
        {
            int dot = Name.LastIndexOf((byte)'.');
            return dot < 0 ? default : Name[(dot + 1)..];
        }
    }

    /// <summary>The type as libmagic describes it, worked out when first asked for; empty while nothing can be said.</summary>
    public ReadOnlySpan<byte> Magic
    {
        get
        {
            if (_magic.Length == 0 && (_head.Length >= FileTracker.MagicBytes || IsEnded))
            {
                Owner.Describe(_head.Span, _magic);
            }

            return _magic.Span;
        }
    }

    /// <summary>Somebody has asked for <see cref="Magic"/> and got it.</summary>
    public bool IsDescribed => _magic.Length > 0;

    /// <summary>Asks for the file to be stored on behalf of a rule.</summary>
    public void RequestStore(uint signature)
    {
        StoreRequested = true;
        if (signature != 0 && _signatures.Count < FileTracker.MaxSignatures && !_signatures.Contains(signature))
        {
            _signatures.Add(signature);
        }
    }

    /// <summary>Detection has seen all that is there: the window may slide.</summary>
    public void MarkInspected()
    {
        if (IsInspectable)
        {
            InspectedTo = Size;
        }
    }

    internal void Begin(ReadOnlySpan<byte> name, Direction direction, uint id)
    {
        _name.Append(name);
        Direction = direction;
        Id = id;
        State = FileState.Opened;
    }

    internal void AppendWindow(ReadOnlySpan<byte> bytes, int windowBytes, int capBytes)
    {
        if (_head.Length < FileTracker.HeadBytes)
        {
            _head.Append(bytes[..Math.Min(bytes.Length, FileTracker.HeadBytes - _head.Length)]);
        }

        long windowStart = Size - _window.Length;
        long keepFrom = Math.Max(InspectedTo - windowBytes, 0);
        if (keepFrom > windowStart && _window.Length > 0)
        {
            _window.RemoveFront((int)Math.Min(keepFrom - windowStart, _window.Length));
        }

        // Nobody inspects: keep the newest bytes only.
        if (_window.Length + bytes.Length > capBytes && _window.Length > 0)
        {
            _window.RemoveFront(Math.Min(_window.Length, _window.Length + bytes.Length - capBytes));
        }

        _window.Append(bytes.Length > capBytes ? bytes[^capBytes..] : bytes);
        Size += bytes.Length;
    }

    /// <summary>Lost bytes count as size; the window begins anew behind them.</summary>
    internal void Skip(long bytes)
    {
        _window.Reset();
        Size += bytes;
    }

    /// <summary>Takes over what another file has of the same content: bytes counted, hash state, the scanner's handle. The other keeps its record.</summary>
    internal void TakeOver(TrackedFile other, int newestBytes)
    {
        LastUs = other.LastUs;
        other._hasher.PassOn(_hasher, withDigests: other.State == FileState.Closed);
        _window.Append(other._window.Span[Math.Max(0, other._window.Length - newestBytes)..]);
        _head.Append(other._head.Span);
        Size = other.Size;
        Sink = other.Sink;
        SinkFell = other.SinkFell;
        other.Sink = FileHandle.None;
        Place = other.Place;
        AnnouncedSize = other.AnnouncedSize;
    }

    internal void Clear()
    {
        Searched = default;
        _name.Reset();
        _window.Reset();
        _magic.Reset();
        _head.Reset();
        _signatures.Clear();
        _hasher.Reset();
        State = FileState.Opened;
        Id = 0;
        Size = 0;
        HasGaps = false;
        RangeStart = -1;
        RangeEnd = 0;
        RangeTotal = 0;
        StoreRequested = false;
        IsStored = false;
        StoredId = 0;
        IsLogged = false;
        Verdict = FileVerdictKind.Unknown;
        Sink = FileHandle.None;
        List = null;
        Range = null;
        AnnouncedSize = -1;
        EndIsAnnounced = false;
        MayEndHere = false;
        IsRewritten = false;
        IsPatch = false;
        IsAppended = false;
        Place = FilePlace.None;
        IsJudged = false;
        IsOfHost = false;
        OpenedBefore = null;
        IsPutTogether = false;
        WasSeenGrowing = false;
        PartOffset = -1;
        PartTotal = -1;
        SinkFell = false;
        Spool = FileHandle.None;
        SpoolFell = false;
        InspectedTo = 0;
        MinInspectBytes = FileTracker.MinInspectBytes;
    }
}
