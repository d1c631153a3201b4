using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy;

/// <summary>What of a file waits.</summary>
public enum HoldKind : byte
{
    /// <summary>Its end is known: everything from its last packet on.</summary>
    Tail,

    /// <summary>Its end is not announced: the newest packet always, as it may be the last.</summary>
    Lag,

    /// <summary>Its first packet. What follows goes on and waits in its receiver's reassembly: no program reads a byte before the first.</summary>
    Head,

    /// <summary>A piece with which all of a file would be out over several connections: everything from it on, until the whole of that place was judged.</summary>
    Piece,
}

/// <summary>A flow of which a part of a file waits for the verdict. Its packets are dropped until then; one copy of the first is kept to be sent at once afterwards.</summary>
/// <remarks>
/// TCP's retransmission stands behind the copy: a hold works without one, only slower, so it cannot be exhausted. Both ends stay alive because
/// what the hold does not cover passes, acknowledgements above all. One object per flow that ever held, reused.
/// </remarks>
public sealed class FileHold
{
    /// <summary>Files awaited at once; one more, and the hold ends at its deadline as if the scanner were gone.</summary>
    private const int MaxAwaited = 8;

    private const int HashBytes = 32;

    private readonly byte[] _hashes = new byte[MaxAwaited * HashBytes];
    private readonly long[] _sizes = new long[MaxAwaited];
    private readonly byte[] _candidate = new byte[HashBytes];
    private long _candidateSize;
    private FileHandle _candidateSink;
    private TrackedFile? _growing;
    private FileHandle _growingSink;
    private int _awaited;
    private bool _isOverfull;
    private bool _isPatch;
    private bool _isUnjudgeable;
    private bool _hasGrown;
    private uint _grownFrom;

    public HoldKind Kind { get; private set; }

    public Direction Direction { get; private set; }

    /// <summary>Some verdict is waited for; none yet while the file grows.</summary>
    public bool HasFile => _awaited > 0 || _isUnjudgeable;

    /// <summary>What waits may be a file's end: its writer waits for an answer, or goes on (<see cref="Propose"/>).</summary>
    public bool HasCandidate => !_candidateSink.IsNone;

    /// <summary>The worker has it among those it looks at as time passes.</summary>
    internal bool IsListed { get; set; }

    public long StartedUs { get; private set; }

    public long DeadlineUs { get; private set; }

    /// <summary>When the file last grew.</summary>
    public long ProgressUs { get; set; }

    /// <summary>TCP: the first sequence number that waits, and the one behind the first packet that waits.</summary>
    public uint FromSequence { get; private set; }

    public uint ToSequence { get; private set; }

    public bool IsActive { get; private set; }

    /// <summary>The place whose whole decides as soon as one was seen (<see cref="FileTracker.CompletedPlace"/>); 0 when none does.</summary>
    public ulong AwaitedPlace { get; private set; }

    /// <summary>A role that fails closed.</summary>
    public bool FailsOpen { get; private set; }

    /// <summary>How long a file may stand still before its newest packet goes on, microseconds.</summary>
    public long StallUs { get; private set; }

    /// <summary>The copy, or null when there was no room.</summary>
    public HeldFrame? Frame { get; private set; }

    /// <summary>Begins at this packet.</summary>
    public void Begin(HoldKind kind, Packet packet, HeldFrame? frame, Roles.RoleModel role)
    {
        Drop();
        Kind = kind;
        Direction = packet.Direction;
        _awaited = 0;
        _isOverfull = false;
        _isUnjudgeable = false;
        _isPatch = false;
        _hasGrown = false;
        _candidateSink = FileHandle.None;
        _growing = null;
        AwaitedPlace = 0;
        StartedUs = ProgressUs = packet.TimeUs;
        DeadlineUs = packet.TimeUs + (role.FileHoldMs * 1000L);
        StallUs = role.FileStallMs * 1000L;
        FailsOpen = role.FilesFailOpen;
        FromSequence = packet.IsTcp ? packet.Tcp.Sequence : 0;
        ToSequence = FromSequence + (uint)packet.PayloadLength;
        Frame = frame;
        IsActive = true;
    }

    /// <summary>A file is whole: from now on its verdict decides.</summary>
    public void Await(TrackedFile file)
    {
        _hasGrown = false;
        _candidateSink = FileHandle.None;
        Await(file.JudgedSha256, file.Size);
    }

    /// <summary>The verdict of this place's whole decides, whoever fetches that.</summary>
    public void AwaitPlace(ulong key) => AwaitedPlace = key;

    /// <summary>A whole of the place that decides was seen: its verdict is awaited from now on.</summary>
    public void ResolvePlace(FileTracker files)
    {
        if (AwaitedPlace != 0 && files.TryGetWhole(AwaitedPlace, out ReadOnlySpan<byte> sha256, out long size))
        {
            AwaitedPlace = 0;
            Await(sha256, size);
        }
    }

    /// <summary>The bytes of this file so far may be all of it. Replaces what was proposed of it before.</summary>
    public void Propose(TrackedFile file)
    {
        file.JudgedHash.CopyTo(_candidate);
        _candidateSize = file.Size;
        _candidateSink = file.Sink;
        _isPatch = file.IsPatch;
    }

    /// <summary>What waits is the newest packet of this file, whose end nobody announces.</summary>
    public void Follow(TrackedFile file)
    {
        _growing = file;
        _growingSink = file.Sink;
    }

    /// <summary>
    /// The sender repeats what waits instead of going on: what came behind it is lost, or there is nothing more. It would go on repeating for ever, as nothing is
    /// acknowledged, so what is there of the file is judged as if it were the whole.
    /// </summary>
    public void JudgeSoFar(IFileSink sink, IFileVerdicts verdicts)
    {
        if (_growing is { IsEnded: false, SinkFell: false, HasGaps: false, PartOffset: < 0 } file && !_growingSink.IsNone && file.Sink == _growingSink
            && file.Hasher.TryPeekSha256(file.JudgedHash))
        {
            Propose(file);
            AwaitCandidate(sink, verdicts);
        }

        _growing = null;
    }

    /// <summary>Is it this file of which the candidate is a part?</summary>
    public bool IsCandidateOf(TrackedFile file) => HasCandidate && _candidateSink == file.Sink;

    /// <summary>The writer does wait: the candidate is judged as if it were the file.</summary>
    public void AwaitCandidate(IFileSink sink, IFileVerdicts verdicts)
    {
        if (_isPatch)
        {
            _candidateSink = FileHandle.None;
            _isUnjudgeable = true; // Nobody ever shows us the rest of it: the role decides at once.
            Kind = Kind == HoldKind.Lag ? HoldKind.Tail : Kind;
            return;
        }

        if (verdicts.Lookup(_candidate, _candidateSize) == FileVerdictKind.Unknown)
        {
            sink.Checkpoint(_candidateSink, _candidate, _candidateSize); // Without room for it the deadline and the role decide.
        }

        _candidateSink = FileHandle.None;
        Await(_candidate, _candidateSize);
    }

    /// <summary>What the verdicts come to: one bad one is enough, clean only when all are.</summary>
    public FileVerdictKind Outcome(IFileVerdicts verdicts)
    {
        FileVerdictKind outcome = _isUnjudgeable ? FileVerdictKind.Error : _isOverfull ? FileVerdictKind.Pending : FileVerdictKind.Clean;
        for (int i = 0; i < _awaited; i++)
        {
            FileVerdictKind verdict = verdicts.Lookup(_hashes.AsSpan(i * HashBytes, HashBytes), _sizes[i]);
            if (verdict == FileVerdictKind.Malicious)
            {
                return verdict;
            }

            bool isOpen = verdict is FileVerdictKind.Pending or FileVerdictKind.Unknown;
            outcome = verdict == FileVerdictKind.Error ? verdict
                : isOpen && outcome != FileVerdictKind.Error ? FileVerdictKind.Pending : outcome;
        }

        return outcome;
    }

    /// <summary>Behind what waits another file of unknown length has begun: its newest packet will have to wait too.</summary>
    public void NoteGrowth(Packet packet)
    {
        _hasGrown = true;
        _grownFrom = packet.IsTcp ? packet.Tcp.Sequence : 0;
        ProgressUs = packet.TimeUs;
    }

    /// <summary>The verdicts are there and clean. What still grows behind them waits on.</summary>
    public void Pass()
    {
        Drop();
        IsActive = _hasGrown;
        if (_hasGrown)
        {
            Kind = HoldKind.Lag;
            FromSequence = _grownFrom;
            ToSequence = _grownFrom + 1;
            _awaited = 0;
            _isUnjudgeable = false;
            _hasGrown = false;
        }
    }

    /// <summary>The head goes on; what waits from now on is the newest packet.</summary>
    public void Relax() => Kind = HoldKind.Lag;

    /// <summary>Does the hold cover this packet of its direction?</summary>
    public bool Covers(Packet packet)
    {
        if (!packet.IsTcp)
        {
            return packet.PayloadLength > 0;
        }

        uint begin = packet.Tcp.Sequence;
        uint end = begin + (uint)packet.PayloadLength;
        bool isBeyond = (int)(end - FromSequence) > 0;
        return Kind == HoldKind.Head
            ? packet.PayloadLength > 0 && isBeyond && (int)(begin - ToSequence) < 0
            : (packet.PayloadLength > 0 && isBeyond) || packet.Tcp.Has(TcpFlags.Fin);
    }

    /// <summary>Does this packet bring everything that the copy would?</summary>
    public bool IsRepeatedBy(Packet packet) => !packet.IsTcp
        || ((int)(packet.Tcp.Sequence - FromSequence) <= 0 && (int)(packet.Tcp.Sequence + (uint)packet.PayloadLength - ToSequence) >= 0);

    /// <summary>Hands the copy over; the caller sends or returns it.</summary>
    public HeldFrame? TakeFrame()
    {
        HeldFrame? frame = Frame;
        Frame = null;
        return frame;
    }

    public void End()
    {
        Drop();
        IsActive = false;
        AwaitedPlace = 0;
        _candidateSink = FileHandle.None;
        _awaited = 0;
        _isUnjudgeable = false;
    }

    private void Await(ReadOnlySpan<byte> sha256, long size)
    {
        if (_awaited < MaxAwaited)
        {
            sha256.CopyTo(_hashes.AsSpan(_awaited * HashBytes));
            _sizes[_awaited] = size;
            _awaited++;
        }
        else
        {
            _isOverfull = true;
        }

        if (Kind == HoldKind.Lag)
        {
            Kind = HoldKind.Tail;
        }
    }

    private void Drop()
    {
        if (TakeFrame() is { } frame)
        {
            frame.Owner.Return(frame);
        }
    }
}
