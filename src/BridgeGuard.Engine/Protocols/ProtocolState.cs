using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Frames;

namespace BridgeGuard.Engine.Protocols;

/// <summary>What a parser is told besides the bytes.</summary>
public readonly struct ParseContext
{
    public required Flow Flow { get; init; }

    public required Direction Direction { get; init; }

    /// <summary>Time of the packet that brought the bytes.</summary>
    public required long TimeUs { get; init; }

    /// <summary>No more bytes will follow in this direction after the input (FIN, RST, timeout, depth).</summary>
    public bool IsEnd { get; init; }

    /// <summary>Where files go: hashing, type, scanning. Never null.</summary>
    public required FileTracker Files { get; init; }

    /// <summary>Where the input's first byte stands in its stream; 0 for a datagram.</summary>
    public long StreamOffset { get; init; }

    /// <summary>Frames of this direction; null where nobody asks for any of this protocol.</summary>
    public FrameList? Frames { get; init; }

    /// <summary>Where a parser notes the flows it sees being arranged; null in a bare test.</summary>
    public Expectations? Expectations { get; init; }

    /// <summary>Where decoded bodies are logged for the operator; null: nowhere.</summary>
    public IDataLog? Bodies { get; init; }

    /// <summary>Points a frame out; returns its number for <see cref="CloseFrame"/>, 0 where none is kept.</summary>
    /// <param name="type">Index into <see cref="Protocol.Frames"/>.</param>
    /// <param name="at">Position of its first byte in the input; may be behind the input's end.</param>
    /// <param name="length">Bytes, also more than the input holds; or <see cref="Frame.OpenEnded"/>.</param>
    public uint OpenFrame(int type, int at, long length = Frame.OpenEnded) => Frames?.Open(type, StreamOffset + at, length) ?? 0;

    /// <summary>The same for a frame that belongs to a transaction, with the number by which the frame names it.</summary>
    public uint OpenFrame(int type, int at, long length, ulong transactionId)
    {
        uint id = OpenFrame(type, at, length);
        Frames?.SetTransaction(id, transactionId);
        return id;
    }

    /// <summary>Says where an open-ended frame ends: one past its last byte, as position in the input.</summary>
    public void CloseFrame(uint id, int end) => Frames?.Close(id, StreamOffset + end);

    /// <summary>The same context at the end of its direction, for a parser that finishes with an empty input.</summary>
    public ParseContext AtEnd() =>
        new() { Flow = Flow, Direction = Direction, TimeUs = TimeUs, IsEnd = true, Files = Files, StreamOffset = StreamOffset, Frames = Frames, Expectations = Expectations, Bodies = Bodies };
}

/// <summary>The parser of one flow: resumable, with its live transactions.</summary>
/// <remarks>
/// Pooled by protocol; owned by its <see cref="Flow"/>; used by one worker. The stream layer hands over the unconsumed tail followed by the new
/// bytes as one span. A datagram protocol gets one datagram per call and its tail is never kept.
/// </remarks>
public abstract class ProtocolState
{
    /// <summary>Live transactions up to this number are compared before and after parsing; with more, each parse counts as a change of all.</summary>
    private const int MaxOutlined = TransactionList.MaxUnmarked;

    private ulong _unknown = ulong.MaxValue / 2;
    private object? _metRules;
    private int _overForRules;
    private int _situationForLoggers;
    private ulong _openToServer;
    private ulong _openToClient;

    /// <summary>Live transactions, oldest first.</summary>
    public TransactionList Transactions { get; } = new();

    public abstract Protocol Protocol { get; }

    /// <summary>Buffers that some rule asks for, bits of <see cref="BufferDescriptor.LocalId"/>: what costs work to make is made for them, and records then show it.</summary>
    internal ulong RuleBuffers { get; set; }

    /// <summary>
    /// Rises whenever what rules see of the direction may have changed: a transaction is not inspected twice in the same state. Kept by <see cref="AppLayer"/>.
    /// </summary>
    internal uint ChangesToServer { get; private set; }

    internal uint ChangesToClient { get; private set; }

    /// <summary>
    /// The parser changes a transaction only by its progress, by an anomaly, or after <see cref="Transaction.Touch()"/>: with many open ones the others
    /// are left alone. Otherwise each parse counts as a change of all.
    /// </summary>
    public virtual bool TellsWhatItTouches => false;

    /// <summary>With <see cref="TellsWhatItTouches"/>: touches what the parser is in the midst of, after each parse of bytes of <paramref name="direction"/>.</summary>
    protected virtual void TouchCurrent(Direction direction)
    {
    }

    /// <summary>Something was parsed since hooks of the direction were asked last, one bit each.</summary>
    private DirectionMask _freshSides;

    /// <summary>
    /// Called with each packet before its hooks are asked. As observed of Suricata 8.0.8: what is parsed with a packet whose direction had nothing new is there for the
    /// next packet of the direction as well (true); if there had been something, it is not.
    /// </summary>
    internal bool MeetHooks(Direction direction, bool wasParsed)
    {
        var side = (DirectionMask)(1 << (int)direction);
        bool lasts = wasParsed && (_freshSides & side) == 0;
        _freshSides |= wasParsed ? DirectionMask.Both : DirectionMask.None;
        _freshSides &= lasts ? DirectionMask.Both : ~side;
        return lasts;
    }

    /// <summary>Bytes, holes and ends of either side that were parsed.</summary>
    private uint _parses;

    /// <summary>
    /// Something that rises when rules that are hooks alone have to be asked about a transaction again: where the sides are kept apart, with what was taken of the
    /// direction; else with anything that was taken for it, or, of a parser that does not tell, at all.
    /// </summary>
    internal uint NewsOf(Transaction transaction, Direction direction)
    {
        if (Protocol.KeepsSidesApart)
        {
            return direction == Direction.ToServer ? transaction.NewsToServer : transaction.NewsToClient;
        }

        return 1 + (TellsWhatItTouches ? transaction.NewsToServer + transaction.NewsToClient : _parses);
    }

    /// <summary>
    /// Before its first use: what this state pools comes from and goes to the pools of the worker's first state of the protocol, so that they grow to what is
    /// alive at once and not to the most that each state has ever held.
    /// </summary>
    internal virtual void SharePoolOf(ProtocolState first)
    {
    }

    /// <summary>Bytes of an unfinished element that may be kept; more end the parsing.</summary>
    public virtual int MaxTailBytes => AppLayer.MaxTailBytes;

    /// <summary>Consumes whole elements of <paramref name="input"/>.</summary>
    public abstract ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context);

    /// <summary><paramref name="bytes"/> bytes of the stream are lost. Only with <see cref="Protocol.AcceptsGaps"/>.</summary>
    public virtual void OnGap(long bytes, in ParseContext context)
    {
    }

    /// <summary>The direction is over; unfinished transactions may be completed.</summary>
    public virtual void OnEnd(in ParseContext context)
    {
    }

    /// <summary>What a parser sets when the flow goes on as another protocol from here; taken by <see cref="TakeProtocolChange"/>.</summary>
    protected ProtocolChange Change { get; set; }

    /// <summary>Asked once after each parse: the flow goes on as another protocol (STARTTLS, CONNECT, upgrade); the state must not parse any more.</summary>
    public ProtocolChange TakeProtocolChange()
    {
        ProtocolChange change = Change;
        Change = ProtocolChange.None;
        return change;
    }

    /// <summary>Called once on a new state that follows another on the same flow at once (<see cref="Protocol.FollowsUpgrade"/>).</summary>
    /// <param name="previous">The state that asked for the change; released right after.</param>
    /// <param name="context">Of the bytes that come next.</param>
    public virtual void Inherit(ProtocolState previous, in ParseContext context)
    {
    }

    /// <summary>Everything of interest was seen and the rest is opaque (TLS after the handshake, SSH after key exchange).</summary>
    public virtual bool IsEncrypted => false;

    /// <summary>What follows is of no use to rules on the stream.</summary>
    public virtual bool HidesRest => IsEncrypted;

    /// <summary>A transaction is no longer needed by detection and logging and leaves the list; returns it to the state's own pool.</summary>
    public abstract void Release(Transaction transaction);

    /// <summary>Notes that bytes, a hole or the end of one direction were parsed.</summary>
    /// <param name="direction">Theirs.</param>
    /// <param name="before">What <see cref="Outline"/> was before.</param>
    internal void NoteChange(Direction direction, ulong before)
    {
        // More of a body says nothing to rules about the other direction; all else may.
        bool isBoth = Outline() != before;
        ChangesToServer += isBoth || direction == Direction.ToServer ? 1u : 0u;
        ChangesToClient += isBoth || direction == Direction.ToClient ? 1u : 0u;
        _parses++;
        if (TellsWhatItTouches)
        {
            TouchCurrent(direction);
        }

        if (!TellsWhatItTouches || Transactions.Count <= TransactionList.MaxUnmarked)
        {
            Transactions.MarkAll();
        }
    }

    /// <summary>Before rules look at transactions: other rules than last time, or a direction that is over, concern all of them.</summary>
    internal void MeetRules(object rules, Flow flow)
    {
        int over = Over(flow);
        if (!ReferenceEquals(_metRules, rules) || over != _overForRules)
        {
            _metRules = rules;
            _overForRules = over;
            Transactions.MarkAll();
        }
    }

    /// <summary>The same before loggers do; <paramref name="inspectionDone"/>: rules will not ask again.</summary>
    internal void MeetLoggers(bool inspectionDone, Flow flow)
    {
        int situation = Over(flow) + (inspectionDone ? 4 : 0);
        if (situation != _situationForLoggers)
        {
            _situationForLoggers = situation;
            Transactions.MarkAll();
        }
    }

    private static int Over(Flow flow) => (flow.IsOver(Direction.ToServer) ? 1 : 0) + (flow.IsOver(Direction.ToClient) ? 2 : 0);

    /// <summary>The oldest transaction that is not complete in a direction, in which completeness comes roughly in order; -1: none.</summary>
    /// <remarks>Each is passed over once: what is behind needs no looking at again.</remarks>
    protected int OldestOpen(Direction direction)
    {
        byte complete = Protocol.CompletedProgress(direction);
        ref ulong from = ref direction == Direction.ToServer ? ref _openToServer : ref _openToClient;
        for (int i = Transactions.IndexFrom(from); i < Transactions.Count; i++)
        {
            if (Transactions[i].Progress(direction) < complete)
            {
                from = Transactions[i].Id;
                return i;
            }
        }

        from = Transactions.NextId;
        return -1;
    }

    /// <summary>The oldest transaction that is not complete in both directions; -1: none.</summary>
    protected int OldestOpen()
    {
        int toServer = OldestOpen(Direction.ToServer);
        int toClient = OldestOpen(Direction.ToClient);
        return toServer < 0 ? toClient : toClient < 0 ? toServer : Math.Min(toServer, toClient);
    }

    /// <summary>Something that changes whenever a transaction comes, goes, or advances.</summary>
    internal ulong Outline()
    {
        ulong outline = Transactions.NextId;
        int count = Math.Min(Transactions.Count, MaxOutlined);
        for (int i = 0; i < count; i++)
        {
            Transaction transaction = Transactions[i];
            outline = (outline * 31) + ((uint)transaction.ProgressToServer << 8) + transaction.ProgressToClient;
        }

        return Transactions.Count > MaxOutlined ? ++_unknown : outline;
    }

    /// <summary>Back to the state of a new object, transactions released.</summary>
    public virtual void Reset()
    {
        while (Transactions.Count > 0)
        {
            Transaction oldest = Transactions[0];
            Transactions.RemoveAt(0);
            Release(oldest);
        }

        Transactions.Reset();
        Change = ProtocolChange.None;
        _metRules = null;
        _overForRules = _situationForLoggers = 0;
        _parses = 0;
        _freshSides = DirectionMask.None;
        _openToServer = _openToClient = 0;
    }
}

/// <summary>The protocol that follows on the same flow.</summary>
/// <param name="Requested">Set when a change is wanted.</param>
/// <param name="Expected">The protocol to try first; <see cref="ProtocolId.Unknown"/>: detect.</param>
/// <param name="Port">The port to pretend when detecting (CONNECT host:443), 0: the flow's own.</param>
/// <param name="KeepsState">Only the name changes: the same state goes on parsing (HTTP/2 that turns out to carry DNS).</param>
public readonly record struct ProtocolChange(bool Requested, ProtocolId Expected = ProtocolId.Unknown, ushort Port = 0, bool KeepsState = false)
{
    public static readonly ProtocolChange None = default;
}
