using BridgeGuard.Engine.Files.Interop;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Files;

/// <summary>Where parsers put files: naming, type, hashing, inspection window, scanning. One per worker.</summary>
/// <remarks>
/// A parser opens a file on a transaction's <see cref="FileList"/>, appends its decoded bytes, says where bytes are missing, and closes it.
/// Files are pooled; the list gives them back when its transaction is reset. Never throws for odd traffic.
/// </remarks>
public sealed partial class FileTracker
{
    /// <summary>Bytes of a file's start that are kept for its type; libmagic's rules of interest look no further.</summary>
    public const int HeadBytes = 4096;

    /// <summary>A type is worked out once so many bytes are there (or the file ended).</summary>
    public const int MagicBytes = 512;

    /// <summary>Files in one direction of one transaction; what comes after is not tracked but counted.</summary>
    public const int MaxFilesPerList = 1024;

    public const int MaxNameBytes = 2048;

    /// <summary>Bytes of a growing file before rules look at its content for the first time (Suricata's default).</summary>
    public const int MinInspectBytes = 32 << 10;

    /// <summary>Rules remembered per file as having asked for it.</summary>
    public const int MaxSignatures = 64;

    /// <summary>Bytes kept of a file that nobody inspects.</summary>
    private const int WindowCapFactor = 8;

    /// <summary>Files of one place that are remembered while they are open, the newest of them: a program that fetches in pieces has fewer connections, and each look walks over all.</summary>
    private const int MaxOpenOfAPlace = 8;

    private readonly FileSettings _settings;
    private readonly IFileSink? _sink;
    private readonly IFileVerdicts? _verdicts;
    private readonly IFileStore? _store;
    private readonly Stack<TrackedFile> _pool = new();
    private readonly RangedFiles _ranges;

    /// <summary>Open files by where they come from, the newest of each place: a rest that is asked for elsewhere continues one. Only where files are judged.</summary>
    private readonly Dictionary<ulong, TrackedFile> _open = [];

    private readonly DeliveredPlaces _delivered = new();
    private MagicDatabase? _magic;
    private bool _magicTried;

    public FileTracker(FileSettings settings, IFileSink? sink = null, IFileVerdicts? verdicts = null, IFileStore? store = null)
    {
        _store = settings.StoreEnabled ? store : null;
        _settings = settings;
        _sink = sink;
        _verdicts = verdicts;
        Wanted = FileHashes.None;
        _ranges = new RangedFiles(this);
    }

    /// <summary>Digests that the rule set in force needs, besides those that the settings force.</summary>
    public FileHashes Wanted { get; set; }

    /// <summary>The rule set in force has rules that keep files.</summary>
    public bool IsStoringWanted { get; set; }

    /// <summary>Files opened; files not tracked because a list was full; bytes appended.</summary>
    public ulong Opened { get; private set; }

    public ulong Refused { get; private set; }

    public ulong Bytes { get; private set; }

    /// <summary>The file that ended, whole and hashed, since the worker last cleared this; of several the one with the gravest verdict.</summary>
    /// <remarks>The worker looks at it after each packet: what a file's last packet may do depends on its verdict.</remarks>
    public TrackedFile? LastClosed { get; set; }

    /// <summary>A file that got bytes since the worker last cleared this, and goes on.</summary>
    public TrackedFile? Growing { get; set; }

    /// <summary>Somebody judges files: then pieces of files matter too.</summary>
    public bool IsJudging => _verdicts is not null;

    /// <summary>
    /// With bytes that came since the worker last cleared this all of a file would be out, over several connections perhaps, and nobody has judged it: they wait
    /// for the verdict of the whole that this place has (a key of <see cref="DeliveredPlaces"/>). 0: none.
    /// </summary>
    public ulong CompletedPlace { get; set; }

    /// <summary>The time of the packet before; the worker keeps it.</summary>
    internal long NowUs { get; set; }

    /// <summary>Files stopped because a piece of them belongs to a known-bad content, or their place to one.</summary>
    public ulong BadPieces { get; private set; }

    /// <summary>Starts a file; null when the transaction has too many already.</summary>
    /// <param name="list">The transaction's list in that direction; becomes the owner.</param>
    /// <param name="name">As the protocol names it, raw; cut to <see cref="MaxNameBytes"/>.</param>
    /// <param name="context">Flow, direction and time of the bytes that begin it.</param>
    /// <param name="location">Where it comes from (URL, share), raw, for the scanner.</param>
    /// <param name="announcedSize">Length that the protocol announces, -1 unknown.</param>
    /// <param name="identity">What tells the file from others of its server, where that is not its name.</param>
    public TrackedFile? Open(
        FileList list, ReadOnlySpan<byte> name, in ParseContext context, ReadOnlySpan<byte> location = default, long announcedSize = -1, ReadOnlySpan<byte> identity = default)
    {
        if (list.Count >= MaxFilesPerList)
        {
            Refused++;
            return null;
        }

        TrackedFile file = Create(name, in context, location, announcedSize, identity);
        file.List = list;
        list.Add(file);
        return file;
    }

    /// <summary>The file is one range of a larger one, which is put together besides (<see cref="RangedFiles"/>).</summary>
    /// <param name="part">Just opened, with its range set.</param>
    /// <param name="key">What tells the whole from others: server and address.</param>
    /// <param name="name">The whole's name.</param>
    /// <param name="location">For the scanner.</param>
    /// <param name="context">As for <see cref="Open"/>.</param>
    public void OpenRange(TrackedFile part, ReadOnlySpan<byte> key, ReadOnlySpan<byte> name, ReadOnlySpan<byte> location, in ParseContext context)
    {
        bool isWhole = part.RangeStart == 0 && part.RangeEnd == part.RangeTotal - 1;
        if (part.RangeStart >= 0 && !isWhole)
        {
            BeginPart(part, part.RangeStart, part.RangeTotal);
        }

        if (part.RangeStart >= 0 && part.RangeTotal > 0 && part.RangeEnd < part.RangeTotal && !isWhole)
        {
            part.Range = _ranges.Begin(key, name, (part.RangeStart, part.RangeEnd, part.RangeTotal), location, part.Place, in context);
        }
    }

    /// <summary>The file just opened is the rest of one that was fetched before (FTP's REST, a read in the middle of a file).</summary>
    /// <param name="part">Just opened.</param>
    /// <param name="offset">Where it begins in the whole.</param>
    /// <param name="total">Length of the whole, -1 when the protocol does not say.</param>
    /// <param name="context">As for <see cref="Open"/>.</param>
    public void Resume(TrackedFile part, long offset, long total, in ParseContext context)
    {
        if (!IsJudging || offset <= 0 || part.Range is not null)
        {
            return;
        }

        BeginPart(part, offset, total);
        if (_ranges.CanContinue(part.Place, total, offset))
        {
            part.Range = _ranges.Begin(default, part.Name, (offset, total - 1, total), default, part.Place, in context);
        }
    }

    /// <summary>An earlier reading of the same file broke off, and its rest begins here: it goes on beside the record of this one.</summary>
    internal bool TryContinue(TrackedFile file, long offset, in ParseContext context)
    {
        if (file.Range is not null || !_ranges.CanContinue(file.Place, file.AnnouncedSize, offset))
        {
            return false;
        }

        file.Range = _ranges.Begin(default, file.Name, (offset, file.AnnouncedSize - 1, file.AnnouncedSize), default, file.Place, in context);
        return file.Range is not null;
    }

    /// <summary>Bytes that continue a resumed file beside its own record.</summary>
    internal void AppendResumed(TrackedFile file, ReadOnlySpan<byte> bytes)
    {
        if (file.Range is { } range)
        {
            _ranges.Append(range, bytes);
        }
    }

    /// <summary>A file that belongs to no transaction yet.</summary>
    internal TrackedFile Create(
        ReadOnlySpan<byte> name, in ParseContext context, ReadOnlySpan<byte> location, long announcedSize, ReadOnlySpan<byte> identity = default)
    {
        TrackedFile file = _pool.TryPop(out TrackedFile? pooled) ? pooled : new TrackedFile(this);
        file.Begin(name[..Math.Min(name.Length, MaxNameBytes)], context.Direction, ++context.Flow.FilesOpened);
        file.LastUs = context.TimeUs;
        file.Hasher.Begin(HashesWanted());
        file.AnnouncedSize = announcedSize;
        file.IsOfHost = IsOfHost(context.Flow);
        if ((_sink is not null || _verdicts is not null) && !file.IsOfHost)
        {
            Introduce(file, in context, location, identity);
        }

        if (_store is not null && (_settings.StoreAll || IsStoringWanted))
        {
            file.Spool = _store.Open();
        }

        Opened++;
        return file;
    }

    public void Append(TrackedFile file, ReadOnlySpan<byte> bytes)
    {
        if (file.IsEnded || bytes.IsEmpty)
        {
            return;
        }

        Bytes += (ulong)bytes.Length;
        file.MayEndHere = false;
        if (_verdicts is not null && !file.IsOfHost && !file.IsPutTogether)
        {
            NoteDelivery(file, Math.Max(file.PartOffset, 0) + file.Size, bytes, file.PartOffset >= 0 ? file.PartTotal : file.AnnouncedSize);
        }

        if (file.Size == 0 && file.PartOffset < 0 && file.Place != FilePlace.None && !file.IsPutTogether && _verdicts is not null)
        {
            NoteOpen(file);
            if (file.Range is null && file.AnnouncedSize > 0 && _ranges.Join(file.Place, file.AnnouncedSize) is { } joined)
            {
                file.Range = joined;
                joined.IsBeside = true;
            }
        }

        file.Hasher.Append(bytes);
        file.AppendWindow(bytes, _settings.InspectWindowBytes, _settings.InspectWindowBytes * WindowCapFactor);
        if (file.Range is { } range && (file.PartOffset >= 0 || range.IsBeside))
        {
            _ranges.Append(range, bytes);
        }

        if (!file.Sink.IsNone && !file.SinkFell && !_sink!.Append(file.Sink, bytes))
        {
            file.SinkFell = true;
        }

        if (!file.Spool.IsNone && !file.SpoolFell && !_store!.Append(file.Spool, bytes))
        {
            file.SpoolFell = true;
        }

        if (_verdicts is not null && !file.IsJudged && !file.IsOfHost)
        {
            Growing = file;
            if (file.PartOffset < 0 && !file.HasGaps && (file.Size == file.AnnouncedSize || _verdicts.IsBadSize(file.Size)))
            {
                JudgeEarly(file);
            }
        }
    }

    /// <summary>The file is over and everybody had their say: it is kept or thrown away. Call it before the file is logged.</summary>
    public void Settle(TrackedFile file)
    {
        if (file.Spool.IsNone || !file.IsEnded)
        {
            return;
        }

        bool keep = !file.SpoolFell && (file.StoreRequested || _settings.StoreAll);
        file.StoredId = _store!.Close(file.Spool, keep, file.Sha256);
        file.IsStored = file.StoredId != 0;
        file.Spool = FileHandle.None;
    }

    /// <summary>Bytes of the file are lost: its digests mean nothing and the scanner gets no more of it.</summary>
    public void Gap(TrackedFile file, long bytes)
    {
        if (!file.IsEnded)
        {
            EndRange(file);
            file.HasGaps = true;
            file.SinkFell = true;
            file.Skip(bytes);
        }
    }

    /// <summary>Ends the file. Digests exist only for a complete one.</summary>
    public void Close(TrackedFile file, FileState state = FileState.Closed)
    {
        if (file.IsEnded)
        {
            return;
        }

        ForgetOpen(file);
        EndRange(file, state == FileState.Closed);
        if (Growing == file)
        {
            Growing = null;
        }

        file.State = state == FileState.Closed && file.HasGaps ? FileState.Truncated : state;
        bool isWhole = file.State == FileState.Closed && file.PartOffset < 0 && file.AnnouncedSize <= file.Size;
        if (!isWhole && _verdicts is not null && !file.IsOfHost && !file.IsRewritten && file.Spool.IsNone && _ranges.Park(file))
        {
            return; // Its record keeps what digests it has; the rest may come later.
        }

        if (file.State == FileState.Closed)
        {
            _ = !file.IsRewritten || file.Hasher.TryPeekSha256(file.JudgedHash);
            file.Hasher.Finish();
            if (_verdicts is not null && isWhole && !file.IsOfHost && file.Sha256.Length > 0 && file.Verdict != FileVerdictKind.Malicious)
            {
                file.Verdict = Look(file, file.JudgedSha256);
            }
        }
        else if (!file.Spool.IsNone)
        {
            // Part of a file is named after the digest of that part.
            file.Hasher.FinishSha256();
        }

        CloseSink(file, isWhole);
        if (isWhole && file.Sha256.Length > 0 && !file.IsOfHost)
        {
            file.IsJudged = true;
            NoteWhole(file, file.JudgedSha256);
            Tell(file);
        }
    }

    /// <summary>What completes with this range goes to the range's transaction.</summary>
    private void EndRange(TrackedFile file, bool isEnd = false)
    {
        if (file.Range is not { } range)
        {
            return;
        }

        file.Range = null;
        if (_ranges.End(range, isEnd) is not { } whole)
        {
            return;
        }

        if (file.List is { IsResetting: false } list && list.Count < MaxFilesPerList)
        {
            whole.List = list;
            list.Add(whole);
        }
        else
        {
            Release(whole);
        }
    }

    /// <summary>A file that goes on where another has broken off.</summary>
    internal TrackedFile Adopt(TrackedFile broken, int newestBytes)
    {
        TrackedFile file = _pool.TryPop(out TrackedFile? pooled) ? pooled : new TrackedFile(this);
        file.Begin(broken.Name, broken.Direction, broken.Id);
        file.TakeOver(broken, newestBytes);
        return file;
    }

    internal void Release(TrackedFile file)
    {
        Close(file, FileState.Truncated);
        if (!file.Spool.IsNone)
        {
            _store!.Close(file.Spool, keep: false, default);
        }

        if (LastClosed == file)
        {
            LastClosed = null;
        }

        Growing = Growing == file ? null : Growing;

        file.Clear();
        _pool.Push(file);
    }

    /// <summary>Describes the type of a file's first bytes as libmagic does, or by our short table where that is not installed.</summary>
    internal void Describe(ReadOnlySpan<byte> head, ByteBuffer description)
    {
        if (!_magicTried)
        {
            _magicTried = true;
            _magic = MagicDatabase.TryOpen();
        }

        if (_magic is null || !_magic.TryDescribe(head, description))
        {
            description.Append(FileType.Describe(head));
        }
    }

    private FileHashes HashesWanted() => Wanted
        | (_settings.ForceMd5 ? FileHashes.Md5 : FileHashes.None)
        | (_settings.ForceSha1 ? FileHashes.Sha1 : FileHashes.None)
        | (_settings.ForceSha256 || _settings.StoreEnabled || _sink is not null ? FileHashes.Sha256 : FileHashes.None);

    /// <summary>Notes where the file comes from, and opens it with the scanner.</summary>
    private void Introduce(TrackedFile file, in ParseContext context, ReadOnlySpan<byte> location, ReadOnlySpan<byte> identity)
    {
        Flow flow = context.Flow;
        bool toServer = context.Direction == Direction.ToServer;
        Span<byte> client = stackalloc byte[16];
        Span<byte> server = stackalloc byte[16];
        int clientLength = WriteAddress(flow.Key.Source, flow.Key.IpVersion, client);
        int serverLength = WriteAddress(flow.Key.Destination, flow.Key.IpVersion, server);
        file.Place = FilePlace.Of(location, server[..serverLength], identity.IsEmpty ? file.Name : identity);
        if (_sink is null)
        {
            return;
        }

        Span<byte> protocol = stackalloc byte[32];
        var origin = new FileOrigin
        {
            TimestampUs = context.TimeUs,
            FlowId = flow.Id,
            ReceiverGuestId = toServer ? flow.ServerGuest : flow.ClientGuest,
            SenderGuestId = toServer ? flow.ClientGuest : flow.ServerGuest,
            ReceiverAddress = toServer ? server[..serverLength] : client[..clientLength],
            SenderAddress = toServer ? client[..clientLength] : server[..serverLength],
            Protocol = protocol[..WriteProtocol(flow.App, protocol)],
            Name = file.Name,
            Location = location,
            Place = file.Place,
            AnnouncedSize = file.AnnouncedSize,
        };
        file.Sink = _sink.Open(in origin);
        file.SinkFell = file.Sink.IsNone;
    }

    private void CloseSink(TrackedFile file, bool isWhole)
    {
        if (file.Sink.IsNone)
        {
            return;
        }

        bool isComplete = isWhole && !file.SinkFell;
        _sink!.Close(file.Sink, isComplete ? FileEnd.Complete : FileEnd.Truncated, file.IsRewritten ? file.JudgedHash : file.Sha256, file.Size);
        file.Sink = FileHandle.None;
    }

    private static int WriteAddress(IpAddress address, byte version, Span<byte> bytes)
    {
        address.Write(bytes, version == 4);
        return version == 4 ? 4 : 16;
    }

    private static int WriteProtocol(ProtocolId id, Span<byte> text)
    {
        string name = ProtocolCatalog.Get(id)?.Name ?? "";
        return System.Text.Encoding.ASCII.TryGetBytes(name, text, out int written) ? written : 0;
    }
}
