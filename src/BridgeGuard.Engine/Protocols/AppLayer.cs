using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Frames;
using BridgeGuard.Engine.Protocols.Named;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Protocols;

/// <summary>Joins flows to parsers: detects the protocol, hands over bytes, takes gaps, ends and protocol changes, and retires transactions.</summary>
/// <remarks>One per worker. Owns the pools of parser states. Never throws on traffic; a parser that gives up is an event and a policy.</remarks>
public sealed partial class AppLayer : IStreamConsumer
{
    /// <summary>A tail that no parser consumes ends the parsing of its flow: no element of a protocol is longer, unless its parser says so.</summary>
    public const int MaxTailBytes = 512 << 10;

    /// <summary>More bytes of a direction are not looked at while it or the other side is undecided: detection is skipped (measured of Suricata 8.0.8).</summary>
    public const int MaxDetectionBytes = 100_000;

    private readonly ProtocolDetector _detector;
    private readonly FileTracker _files;
    private readonly IDataLog? _bodies;
    private readonly WorkerCounters _counters;
    private readonly ProtocolSettings[] _settings = new ProtocolSettings[(int)ProtocolId.Count];
    private readonly Stack<FrameList> _frameLists = new();
    private readonly long[] _streamDepths = new long[(int)ProtocolId.Count];
    private readonly bool _isInline;
    private readonly EncryptionHandling[] _encryption = new EncryptionHandling[(int)ProtocolId.Count];
    private readonly Stack<ProtocolState>[] _pools = new Stack<ProtocolState>[(int)ProtocolId.Count];
    private readonly ProtocolState?[] _first = new ProtocolState?[(int)ProtocolId.Count];

    /// <param name="settings">Sections of protocols.</param>
    /// <param name="detector">Finds protocols.</param>
    /// <param name="files">Where files go.</param>
    /// <param name="counters">Where flows, transactions, errors and gaps are counted by protocol.</param>
    /// <param name="expected">Flows that parsers see being arranged; null: those of this worker alone.</param>
    /// <param name="bodies">Where bodies of messages are logged; null: nowhere.</param>
    public AppLayer(
        EngineSettings settings, ProtocolDetector detector, FileTracker files, WorkerCounters? counters = null, Expectations? expected = null, IDataLog? bodies = null)
    {
        _bodies = bodies;
        Expected = expected ?? new Expectations();
        _counters = counters ?? new WorkerCounters();
        _detector = detector;
        _files = files;
        _isInline = settings.IsInline;
        _followsImap = settings.AppLayer.FollowsStartTls(ProtocolCatalog.Get(ProtocolId.Imap)!) && detector.IsKnown(ProtocolId.Tls);
        foreach (Protocol protocol in ProtocolCatalog.All)
        {
            ProtocolSettings own = settings.AppLayer.Protocols.TryGetValue(protocol.ConfigurationName, out ProtocolSettings? given) ? given : ProtocolSettings.Empty;
            _settings[(int)protocol.Id] = own.For(settings.IsInline);
            _streamDepths[(int)protocol.Id] =
                ProtocolSettings.TryParseSize(_settings[(int)protocol.Id].Get("stream-depth") ?? "", out long depth) ? depth : -1;
            _encryption[(int)protocol.Id] = ReadEncryptionHandling(_settings[(int)protocol.Id], protocol);
            _pools[(int)protocol.Id] = new Stack<ProtocolState>();
        }
    }

    /// <summary>For which protocols parsers point out frames, by number: those that rules or outputs ask for.</summary>
    public bool[] WantedFrames { get; set; } = new bool[(int)ProtocolId.Count];

    /// <summary>Which of their buffers rules ask for, by protocol: bits of <see cref="BufferDescriptor.LocalId"/>. Flows have what was loaded when they began.</summary>
    public ulong[] RuleBuffers { get; set; } = new ulong[(int)ProtocolId.Count];

    /// <summary>Frames left out because a direction had too many at once.</summary>
    public long FramesRefused { get; private set; }

    /// <summary>Set by a call that made the protocol known while the other direction has unconsumed data: hand that over again now.</summary>
    public bool WantsRedelivery { get; private set; }

    /// <summary>Clears and returns <see cref="WantsRedelivery"/>.</summary>
    public bool TakeRedelivery()
    {
        bool wanted = WantsRedelivery;
        WantsRedelivery = false;
        return wanted;
    }

    /// <inheritdoc/>
    public int OnData(Flow flow, Packet packet, Direction direction, ReadOnlySpan<byte> data, StreamChunkFlags flags)
    {
        bool isEnd = (flags & (StreamChunkFlags.End | StreamChunkFlags.Depth)) != 0;
        ref AppDetection detection = ref flow.DetectionOf(direction);
        if (flow.StartTls is not null && Follow(flow, direction, data, isEnd, out int followed))
        {
            return followed;
        }

        flow.TransactionsDue = true;
        packet.Flags |= PacketFlags.AppMoved;
        if (data.Length > 0)
        {
            FinishProtocolChange(flow, packet, direction);
        }

        if (flow.Has(GiveUpFlag(direction)))
        {
            detection.Ended |= isEnd;
            return data.Length;
        }

        detection.DataSeen |= data.Length > 0;
        detection.HasNews |= data.Length > 0;
        if (data.Length == 0)
        {
            End(flow, packet, direction, isEnd);
            return 0;
        }

        if (Expected.Count > 0 && flow.App == ProtocolId.Unknown)
        {
            MeetExpectation(flow, packet);
        }

        if (OwnProtocol(flow, direction) == ProtocolId.Unknown)
        {
            if (!DetectStream(flow, packet, ref direction, data, isEnd))
            {
                flow.DetectionOf(direction).Ended |= isEnd;
                return flow.Has(GiveUpFlag(direction)) || (isEnd && !MayStillBeTold(flow, direction)) ? data.Length : 0;
            }

            // What waited behind its end for the other side ends only now.
            flow.DetectionOf(direction).Ended = false;
        }

        if (WaitsForGreeting(flow, direction))
        {
            return 0;
        }

        if (flow.StartTls is not null && Follow(flow, direction, data, isEnd, out int begun))
        {
            return begun;
        }

        int consumed = flow.AppState is null ? data.Length : Parse(flow, packet, direction, data, isEnd);
        if ((flags & (StreamChunkFlags.Depth | StreamChunkFlags.End)) == StreamChunkFlags.Depth)
        {
            OnDepth(flow, direction);
        }

        WantsRedelivery |= flow.DetectionOf(direction.Opposite()).Held;
        End(flow, packet, direction, isEnd);
        return isEnd ? data.Length : consumed;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// As in Suricata files end there and then, with what has been handed over; the rest up to the depth is parsed all the same. Where files are judged they end with
    /// that rest: what waits for their verdict goes on with it.
    /// </remarks>
    public void OnDepth(Flow flow, Direction direction)
    {
        if (flow.AppState is not { } state || _files.IsJudging)
        {
            return;
        }

        flow.TransactionsDue = true;
        for (int i = 0; i < state.Transactions.Count; i++)
        {
            if (state.Transactions[i].Files(direction)?.Open is { } file)
            {
                _files.Close(file, FileState.Truncated);
                state.Transactions.Mark(TransactionMark.Log, i);
            }
        }
    }

    /// <inheritdoc/>
    public void OnGap(Flow flow, Packet packet, Direction direction, long bytes)
    {
        if (flow.StartTls is { } reader)
        {
            reader.OnGap(direction);
            return;
        }

        flow.TransactionsDue = true;
        packet.Flags |= PacketFlags.AppMoved;
        if (flow.Has(GiveUpFlag(direction)))
        {
            return;
        }

        if (flow.AppState is not { } state || (state.Protocol.AcceptsGaps && OwnProtocol(flow, direction) == ProtocolId.Unknown))
        {
            // What comes after a hole is not the start of anything that could be recognised.
            GiveUp(flow, direction);
            if (OwnProtocol(flow, direction) == ProtocolId.Unknown && flow.AppState is null && OwnProtocol(flow, direction.Opposite()) == ProtocolId.Unknown)
            {
                _counters.AppError(ProtocolId.Failed, flow.Key.Protocol, AppErrorKind.Gap);
            }

            return;
        }

        if (!state.Protocol.AcceptsGaps)
        {
            _counters.AppError(flow.App, flow.Key.Protocol, AppErrorKind.Gap);
            GiveUp(flow, Direction.ToServer);
            GiveUp(flow, Direction.ToClient);
            flow.DetectToServer.Ended = flow.DetectToClient.Ended = true;
            return;
        }

        flow.DetectionOf(direction).WaitFor = 0;
        ulong before = state.Outline();
        state.OnGap(bytes, Context(flow, packet, direction, isEnd: false));
        state.NoteChange(direction, before);
    }

    /// <summary>One datagram of a UDP flow.</summary>
    public void OnDatagram(Flow flow, Packet packet)
    {
        if (packet.PayloadLength == 0 && flow.App == ProtocolId.Unknown)
        {
            // Nobody's, as Suricata says; but where it stops looking, the next datagram is asked what it is.
            flow.App = ProtocolId.Failed;
            _counters.AppFlow(ProtocolId.Failed, flow.Key.Protocol);
        }

        if (packet.PayloadLength == 0 || flow.Has(GiveUpFlag(packet.Direction)))
        {
            return;
        }

        ReadOnlySpan<byte> data = packet.Payload;
        Direction direction = packet.Direction;
        flow.TransactionsDue = true;
        flow.DetectionOf(direction).DataSeen = true;
        flow.DetectionOf(direction).HasNews = true;
        if (OwnProtocol(flow, direction) == ProtocolId.Unknown)
        {
            if (Expected.Count > 0 && flow.App == ProtocolId.Unknown)
            {
                MeetExpectation(flow, packet);
            }

            bool reversed = false;
            ProtocolId found = flow.Expectation is { } expected ? expected.Protocol
                : _detector.Detect(data, flow, direction, isEnd: true, flow.Key.DestinationPort, out reversed);
            if (found == ProtocolId.Failed)
            {
                ProtocolId other = OwnProtocol(flow, direction.Opposite());
                SetOwnProtocol(flow, direction, other == ProtocolId.Unknown ? ProtocolId.Failed : other);
                if (other == ProtocolId.Unknown && flow.App == ProtocolId.Unknown)
                {
                    flow.App = ProtocolId.Failed;
                    _counters.AppFlow(ProtocolId.Failed, flow.Key.Protocol);
                }
            }
            else
            {
                if (reversed && flow.App is ProtocolId.Unknown or ProtocolId.Failed)
                {
                    flow.Reverse();
                    direction = packet.Direction = direction.Opposite();
                }

                SetOwnProtocol(flow, direction, found);
                if (flow.AppState is null)
                {
                    Start(flow, found);
                }

            }
        }

        // Junk in a direction before the other told the protocol does not make its later datagrams junk.
        if (flow.AppState is { } state && (OwnProtocol(flow, direction) == flow.App || OwnProtocol(flow, direction) == ProtocolId.Failed))
        {
            ParseContext context = Context(flow, packet, direction, isEnd: false);
            ulong before = state.Outline();
            ParseResult result = state.Parse(data, in context);
            state.NoteChange(direction, before);
            flow.DetectionOf(direction).Parsed += (ulong)data.Length;
            if (result.Status == ParseStatus.Stop)
            {
                _counters.AppError(flow.App, flow.Key.Protocol, AppErrorKind.Parser);
                flow.Flags |= FlowFlags.AppLayerError;
            }
        }
    }

    /// <summary>Takes transactions out that are complete, inspected and logged.</summary>
    /// <param name="flow">A flow with a parser state.</param>
    /// <param name="loggedMask">The loggers that must have run, one bit each.</param>
    /// <param name="inspectionDone">No detection will ever ask again (detection off, flow passed or ended).</param>
    /// <returns>True when something waits that no data of the parser will announce: a complete transaction, or a file, for a logger or for detection.</returns>
    public static bool Retire(Flow flow, uint loggedMask, bool inspectionDone)
    {
        ProtocolState state = flow.AppState!;
        TransactionList transactions = state.Transactions;
        byte completeToServer = state.Protocol.CompletedProgress(Direction.ToServer);
        byte completeToClient = state.Protocol.CompletedProgress(Direction.ToClient);
        bool waits = false;
        for (int i = transactions.Next(TransactionMark.Log, 0); i >= 0; i = transactions.Next(TransactionMark.Log, i))
        {
            Transaction transaction = transactions[i];
            bool complete = flow.ProgressOf(transaction, Direction.ToServer) >= completeToServer
                && flow.ProgressOf(transaction, Direction.ToClient) >= completeToClient;
            bool logged = (transaction.LoggedMask & loggedMask) == loggedMask;
            bool filesLogged = IsLogged(transaction.FilesToServer) && IsLogged(transaction.FilesToClient);
            bool inspected = inspectionDone
                || ((!transaction.ExistsIn(Direction.ToServer) || transaction.DetectionToServer.IsFinished)
                    && (!transaction.ExistsIn(Direction.ToClient) || transaction.DetectionToClient.IsFinished));
            if (complete && logged && filesLogged && inspected)
            {
                transactions.RemoveAt(i);
                state.Release(transaction);
                continue;
            }

            waits |= complete || !filesLogged;
            if (filesLogged && (!complete || logged))
            {
                // Its parser or detection will say when there is more to do.
                transactions.Unmark(TransactionMark.Log, i);
            }

            i++;
        }

        waits |= transactions.Count > TransactionList.MaxUnmarked;
        return waits;
    }

    private static bool IsLogged(FileList? files)
    {
        for (int i = 0; i < (files?.Count ?? 0); i++)
        {
            if (!files![i].IsLogged)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Flows that parsers have seen being arranged.</summary>
    public Expectations Expected { get; }

    /// <summary>The flow is over: its parser goes back to the pool.</summary>
    public void Release(Flow flow)
    {
        if (flow.Expectation is { } expectation)
        {
            flow.Expectation = null;
            Expected.Return(expectation);
        }

        ReturnStartTls(flow);
        if (flow.AppState is not { } state)
        {
            return;
        }

        flow.AppState = null;
        ReleaseFrames(ref flow.FramesToServer);
        ReleaseFrames(ref flow.FramesToClient);
        Release(state, flow);
    }

    private void Release(ProtocolState state, Flow flow)
    {
        if (state.Protocol.CountsTransactions)
        {
            _counters.AppTransactions(state.Protocol.Id, flow.Key.Protocol, (long)state.Transactions.NextId);
        }

        state.Reset();
        _pools[(int)state.Protocol.Id].Push(state);
    }

    /// <summary>The flow goes on under another name with the same state.</summary>
    private void Rename(Flow flow, ProtocolId name)
    {
        ProtocolId former = flow.App;
        flow.AppOriginal = former;
        flow.App = name;
        flow.AppToServer = flow.AppToServer == ProtocolId.Failed ? ProtocolId.Failed : name;
        flow.AppToClient = flow.AppToClient == ProtocolId.Failed ? ProtocolId.Failed : name;
        _counters.AppFlow(name, flow.Key.Protocol);
    }

    private static FlowFlags GiveUpFlag(Direction direction) =>
        direction == Direction.ToServer ? FlowFlags.NoAppLayerToServer : FlowFlags.NoAppLayerToClient;

    private static void GiveUp(Flow flow, Direction direction) => flow.Flags |= GiveUpFlag(direction);

    private static ProtocolId OwnProtocol(Flow flow, Direction direction) =>
        direction == Direction.ToServer ? flow.AppToServer : flow.AppToClient;

    private static void SetOwnProtocol(Flow flow, Direction direction, ProtocolId id)
    {
        if (direction == Direction.ToServer)
        {
            flow.AppToServer = id;
        }
        else
        {
            flow.AppToClient = id;
        }
    }

    private ParseContext Context(Flow flow, Packet packet, Direction direction, bool isEnd) => new()
    {
        Flow = flow,
        Direction = direction,
        TimeUs = packet.TimeUs,
        IsEnd = isEnd,
        Files = _files,
        StreamOffset = flow.Tcp?.StreamOf(direction)?.AppOffset ?? 0,
        Frames = WantedFrames[(int)flow.App] ? FramesOf(flow, direction) : null,
        Expectations = Expected,
        Bodies = _bodies,
    };

    /// <summary>The list of a direction; on TCP it begins with the frame of the whole stream.</summary>
    private FrameList FramesOf(Flow flow, Direction direction)
    {
        ref FrameList? list = ref direction == Direction.ToServer ? ref flow.FramesToServer : ref flow.FramesToClient;
        if (list is null)
        {
            list = _frameLists.TryPop(out FrameList? pooled) ? pooled : new FrameList();
            if (flow.Tcp?.StreamOf(direction) is { } stream)
            {
                list.Open(FrameTypes.Stream, stream.AppOffset, Frame.OpenEnded);
            }
        }

        return list;
    }

    private void ReleaseFrames(ref FrameList? list)
    {
        if (list is not null)
        {
            FramesRefused += list.Refused;
            list.Reset();
            _frameLists.Push(list);
            list = null;
        }
    }

    /// <summary>False while undecided or given up; true when the direction has its protocol.</summary>
    private bool DetectStream(Flow flow, Packet packet, ref Direction direction, ReadOnlySpan<byte> data, bool isEnd)
    {
        // As in Suricata, a direction that ends before it is decided stays undecided.
        bool last = data.Length > MaxDetectionBytes;
        ushort port = flow.AppPort != 0 ? flow.AppPort : flow.Key.DestinationPort;
        ProtocolId other = OwnProtocol(flow, direction.Opposite());
        bool reversed = false;

        // Where one direction is known, the other is first asked whether it is the same.
        ProtocolId found = ProtocolCatalog.Get(other) is { } known && known.Probe(data, direction, flow) is { Status: ProbeStatus.Certain, Reversed: false }
            ? other
            : _detector.Detect(data, flow, direction, last, port, out reversed);
        if (found is ProtocolId.Unknown or ProtocolId.Failed)
        {
            NoteUnexpected(flow, packet, other);
        }

        switch (found)
        {
            case ProtocolId.Unknown when isEnd && other is not (ProtocolId.Unknown or ProtocolId.Failed):
                // Too little to be decided, and no more comes: it is parsed as what the flow is.
                SetOwnProtocol(flow, direction, other);
                return true;

            case ProtocolId.Unknown:
                return false;

            case ProtocolId.Failed when other is not (ProtocolId.Unknown or ProtocolId.Failed):
                // Parsed as what the flow is; by itself it was nothing.
                SetOwnProtocol(flow, direction, ProtocolId.Failed);
                packet.AppEvents |= AppLayerEvents.DetectProtocolOnlyOneDirection;
                return true;

            case ProtocolId.Failed when isEnd:
                // As in Suricata: that no more comes does not make it nobody's, it stays undecided.
                return false;

            case ProtocolId.Failed:
                if (other == ProtocolId.Failed || flow.DetectionOf(direction.Opposite()).IsComplete)
                {
                    Fail(flow);
                }
                else if (last)
                {
                    packet.AppEvents |= AppLayerEvents.ProtoDetectionSkipped;
                    Fail(flow);
                }
                else
                {
                    WantsRedelivery |= flow.DetectionOf(direction.Opposite()).DataSeen;
                }

                return false;
        }

        if (other is not (ProtocolId.Unknown or ProtocolId.Failed) && other != found)
        {
            // Parsing has begun as the other protocol, which keeps the flow: a few bytes that look like something else must not end inspection.
            packet.AppEvents |= AppLayerEvents.MismatchProtocolBothDirections;
            SetOwnProtocol(flow, direction, found);
            return flow.AppState is not null;
        }

        if (flow.AppState is null && !AcceptsFirst(flow, found, direction))
        {
            packet.AppEvents |= AppLayerEvents.WrongDirectionFirstData;
            Fail(flow);
            SetOwnProtocol(flow, direction, found);
            return false;
        }

        if (flow.AppExpected != found)
        {
            NoteUnexpected(flow, packet, other);
        }

        if (reversed && flow.AppState is null)
        {
            flow.Reverse();
            packet.Direction = packet.Direction.Opposite();
            direction = direction.Opposite();
        }

        SetOwnProtocol(flow, direction, found);
        if (flow.AppState is null)
        {
            Start(flow, found);
            WantsRedelivery |= flow.DetectionOf(direction.Opposite()).DataSeen;
            if (other == ProtocolId.Unknown)
            {
                // A greeting that could have been anyone's is looked at again in the light of what the client says.
                flow.DetectionOf(direction.Opposite()).PatternsDone = flow.DetectionOf(direction.Opposite()).ProbingDone = false;
            }
        }

        return true;
    }

    /// <summary>After a change of protocol something else comes than what was arranged; the side that speaks first tells.</summary>
    private static void NoteUnexpected(Flow flow, Packet packet, ProtocolId other)
    {
        if (other is ProtocolId.Unknown or ProtocolId.Failed && flow.AppOriginal != ProtocolId.Unknown && flow.AppExpected is not (ProtocolId.Unknown or ProtocolId.Failed))
        {
            packet.AppEvents |= AppLayerEvents.UnexpectedProtocol
                | (flow.AppExpected == ProtocolId.Tls ? AppLayerEvents.NoTlsAfterStarttls : AppLayerEvents.None);
        }
    }

    /// <summary>
    /// One side's first bytes told the protocol, but what the other said before lies there unread (the server's greeting, or a client's request that looked
    /// like nothing): it comes first. Holds the bytes once, for the time of one redelivery.
    /// </summary>
    private bool WaitsForGreeting(Flow flow, Direction direction)
    {
        ref AppDetection detection = ref flow.DetectionOf(direction);
        if (detection.Held)
        {
            detection.Held = false;
            return false;
        }

        detection.Held = WantsRedelivery && detection.Parsed == 0 && flow.AppState is { Protocol: { } protocol }
            && (direction == Direction.ToServer ? protocol.ServerGreets : protocol.FirstData == Direction.ToServer);
        return detection.Held;
    }

    /// <summary>
    /// A direction is over and nobody knows what it was, but the other side goes on: its answer may tell (a client that sends one request of an unusual method and
    /// FIN). The bytes wait for that, as long as detection waits for any.
    /// </summary>
    private static bool MayStillBeTold(Flow flow, Direction direction) => flow.App == ProtocolId.Unknown && !flow.DetectionOf(direction.Opposite()).Ended;

    /// <summary>A protocol whose client must speak first does not begin with the server's data, unless the beginning was missed.</summary>
    private static bool AcceptsFirst(Flow flow, ProtocolId id, Direction direction) =>
        flow.Has(FlowFlags.Midstream) || flow.AppOriginal != ProtocolId.Unknown || ProtocolCatalog.Get(id) is not { OnlyFirst: { } first } || first == direction || flow.DetectionOf(first).DataSeen;

    private void Start(Flow flow, ProtocolId id)
    {
        flow.App = id;
        _counters.AppFlow(id, flow.Key.Protocol);
        Protocol? protocol = ProtocolCatalog.Get(id);
        if (id == ProtocolId.Imap && _followsImap)
        {
            flow.StartTls = _startTls.TryPop(out ImapStartTls? reader) ? reader : new ImapStartTls();
            return;
        }

        if (protocol is null || _detector.IsDetectionOnly(id))
        {
            GiveUp(flow, Direction.ToServer);
            GiveUp(flow, Direction.ToClient);
            return;
        }

        if (flow.Tcp is { } session && _streamDepths[(int)id] >= 0)
        {
            session.DepthBytes = _streamDepths[(int)id];
        }

        flow.AppState = _pools[(int)id].TryPop(out ProtocolState? pooled) ? pooled : Create(protocol);
        flow.AppState.RuleBuffers = RuleBuffers[(int)id];
    }

    private ProtocolState Create(Protocol protocol)
    {
        ProtocolState state = protocol.CreateState(_settings[(int)protocol.Id]);
        if (_first[(int)protocol.Id] is { } first)
        {
            state.SharePoolOf(first);
        }
        else
        {
            _first[(int)protocol.Id] = state;
        }

        return state;
    }

    private void Fail(Flow flow)
    {
        flow.App = ProtocolId.Failed;
        flow.AppToServer = flow.AppToServer == ProtocolId.Unknown ? ProtocolId.Failed : flow.AppToServer;
        flow.AppToClient = flow.AppToClient == ProtocolId.Unknown ? ProtocolId.Failed : flow.AppToClient;
        _counters.AppFlow(ProtocolId.Failed, flow.Key.Protocol);
        GiveUp(flow, Direction.ToServer);
        GiveUp(flow, Direction.ToClient);
    }

    private int Parse(Flow flow, Packet packet, Direction direction, ReadOnlySpan<byte> data, bool isEnd)
    {
        ref AppDetection detection = ref flow.DetectionOf(direction);
        if (data.Length < detection.WaitFor && !isEnd)
        {
            return 0;
        }

        ProtocolState state = flow.AppState!;
        ParseContext context = Context(flow, packet, direction, isEnd);
        ulong before = state.Outline();
        ParseResult result = state.Parse(data, in context);
        state.NoteChange(direction, before);
        if (result.Status == ParseStatus.Stop || data.Length - result.Consumed > state.MaxTailBytes)
        {
            Error(flow);
            return data.Length;
        }

        detection.WaitFor = result.Status == ParseStatus.NeedMore ? (uint)result.AtLeast : 0;
        detection.Parsed += (ulong)result.Consumed;
        if (!flow.Has(FlowFlags.Encrypted) && (state.IsEncrypted || (state.HidesRest && _encryption[(int)flow.App] == EncryptionHandling.Bypass)))
        {
            BecomeEncrypted(flow);
        }

        if (state.HidesRest)
        {
            HideRest(flow, state.Protocol);
        }

        ProtocolChange change = state.TakeProtocolChange();
        if (change.KeepsState)
        {
            Rename(flow, change.Expected);
        }
        else if (change.Requested)
        {
            flow.ChangePending = true;
            flow.AppExpected = change.Expected;
            flow.AppPort = change.Port;
        }

        return result.Consumed;
    }

    /// <summary>Nothing more can be read of the flow. The packet that made it so is inspected whole.</summary>
    private void BecomeEncrypted(Flow flow)
    {
        flow.Flags |= FlowFlags.Encrypted;
        flow.Variables.BypassRequested |= _encryption[(int)flow.App] == EncryptionHandling.Bypass;
    }

    /// <summary>Rules on payload and stream see nothing of what comes from now on. Frames go on: where they are wanted their bytes are kept until rules have seen them.</summary>
    private void HideRest(Flow flow, Protocol protocol)
    {
        if (_encryption[(int)flow.App] != EncryptionHandling.TrackOnly)
        {
            return;
        }

        flow.Flags |= FlowFlags.NoPayloadInspection;
        if (!WantedFrames[(int)flow.App] && (_isInline || !protocol.ShowsEncryptedStream))
        {
            Reassembler.EndRaw(flow, Direction.ToServer);
            Reassembler.EndRaw(flow, Direction.ToClient);
        }
    }

    private static EncryptionHandling ReadEncryptionHandling(ProtocolSettings settings, Protocol protocol) => settings.Get("encryption-handling") switch
    {
        "bypass" => EncryptionHandling.Bypass,
        "full" => EncryptionHandling.Full,
        _ => protocol.DefaultEncryptionHandling,
    };

    private void Error(Flow flow)
    {
        _counters.AppError(flow.App, flow.Key.Protocol, AppErrorKind.Parser);
        flow.Flags |= FlowFlags.AppLayerError | FlowFlags.NoAppLayerToServer | FlowFlags.NoAppLayerToClient;
        flow.DetectToServer.Ended = flow.DetectToClient.Ended = true;
    }

    private void End(Flow flow, Packet packet, Direction direction, bool isEnd)
    {
        ref AppDetection detection = ref flow.DetectionOf(direction);
        if (!isEnd || detection.Ended)
        {
            return;
        }

        if (flow.AppState is { } state && !flow.Has(GiveUpFlag(direction)))
        {
            ulong before = state.Outline();
            state.OnEnd(Context(flow, packet, direction, isEnd: true));
            state.NoteChange(direction, before);
        }

        detection.Ended = true;
    }

    /// <summary>
    /// The change was asked for by an earlier chunk. Now that its transactions have been inspected and logged, the old parser goes and
    /// detection starts anew for both directions.
    /// </summary>
    private void FinishProtocolChange(Flow flow, Packet packet, Direction direction)
    {
        if (!flow.ChangePending)
        {
            return;
        }

        flow.ChangePending = false;
        flow.AppOriginal = flow.App;
        if (flow.AppState is { } previous && ProtocolCatalog.Get(flow.AppExpected) is { FollowsUpgrade: true } next && _detector.IsKnown(next.Id))
        {
            flow.AppState = null;
            ReleaseFrames(ref flow.FramesToServer);
            ReleaseFrames(ref flow.FramesToClient);
            Start(flow, next.Id);
            flow.AppState?.Inherit(previous, Context(flow, packet, direction, isEnd: false));
            Release(previous, flow);
            flow.AppToServer = flow.AppToClient = next.Id;
            flow.DetectToServer = flow.DetectToClient = default;
            return;
        }

        Release(flow);
        flow.App = flow.AppToServer = flow.AppToClient = ProtocolId.Unknown;
        flow.DetectToServer = flow.DetectToClient = default;
    }
}
