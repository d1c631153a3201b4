using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Streams;

/// <summary>Follows the state of TCP connections (RFC 9293, 7323, 2018, 5961, 7413), judges segments and feeds the reassembler.</summary>
/// <remarks>
/// Owner: one worker; thread: its. A segment that the receiver would ignore must not reach the stream, or sender and inspector would believe in different
/// bytes: such a segment raises its event and, inline with <c>drop-invalid</c>, is dropped. Nothing is allocated once sessions have been made.
/// </remarks>
public sealed partial class TcpTracker
{
    /// <summary>Bytes of a session with both its streams, as a test measures it; what <c>stream.memcap</c> is divided by.</summary>
    public const int BytesPerSession = 528;

    /// <summary>Ended sessions that wait for others before the list of them grows.</summary>
    private const int RoomForFree = 16_384;

    private readonly EngineSettings _engine;
    private readonly StreamSettings _settings;
    private readonly FlowTable _table;
    private readonly WorkerCounters _counters;
    private readonly Stack<TcpSession> _free = new(RoomForFree);
    private readonly Stack<HandshakeQueue> _queues = new(RoomForFree);
    private readonly bool _inline;
    private long _live;

    public TcpTracker(EngineSettings settings, FlowTable table, IStreamConsumer consumer, WorkerCounters counters)
    {
        _engine = settings;
        _settings = settings.Stream;
        _table = table;
        _counters = counters;
        _inline = settings.Stream.Inline ?? settings.IsInline;
        Reassembler = new Reassembler(settings, consumer, counters);
        table.Tracker = this;
    }

    /// <summary>The bytes of all sessions; rules ask it for raw windows.</summary>
    public Reassembler Reassembler { get; }

    /// <summary>Follows one TCP packet of a flow that the table has given it; may exchange the flow's ends (midstream SYN/ACK).</summary>
    public void Process(Packet packet, Flow flow)
    {
        CountFlags(packet.Tcp.Flags);
        if (flow.State is FlowState.LocalBypassed or FlowState.CaptureBypassed)
        {
            return;
        }

        if (packet.Has(PacketFlags.BadChecksum) && _settings.ChecksumValidation)
        {
            _counters.Increment(Counter.TcpInvalidChecksum);
            if (flow.Tcp is { State: >= TcpState.Established })
            {
                packet.Flags |= PacketFlags.Established;
            }

            if (_inline && _settings.DropInvalid)
            {
                Reject(packet);
            }

            return;
        }

        if (_inline && packet.Tcp.Has(TcpFlags.Urg) && _settings.Urgent is UrgentPolicy.OutOfBand or UrgentPolicy.Inline)
        {
            // Which byte a program does not get depends on its system (Linux takes pointer 0 for 1, BSD for none), on its socket and on when it reads: two
            // urgent segments in a row put the first one's byte back. Nobody can know from here, so the flag is taken off and all bytes are data to both of us.
            SegmentRewriter.ClearUrgent(packet);
        }

        if (packet.Tcp.Acknowledgement != 0 && !packet.Tcp.Has(TcpFlags.Ack))
        {
            packet.Events.Add(PacketEvent.StreamPacketBrokenAck);
        }

        bool wasEstablished = flow.Tcp is { State: >= TcpState.Established };
        bool isSound;
        if (flow.Tcp is not { } session)
        {
            isSound = Begin(packet, flow);
        }
        else
        {
            Reassembler.Trim(flow, session.Client);
            Reassembler.Trim(flow, session.Server);
            isSound = IsOver(packet, session.StreamOf(packet.Direction)) || Continue(packet, flow, session);
        }

        if (!isSound && _inline && _settings.DropInvalid)
        {
            Reject(packet);
        }

        if (flow.Tcp is { } now)
        {
            now.StreamOf(packet.Direction).SeenFlags |= packet.Tcp.Flags;

            // As in Suricata: the ACK that ends the handshake counts only when it brings data, and what closes or follows the end still counts.
            if (now.State >= TcpState.Established && (wasEstablished || IsFirstData(packet, now)))
            {
                packet.Flags |= isSound && now.State is > TcpState.Established and < TcpState.Closed ? PacketFlags.Established | PacketFlags.Closing : PacketFlags.Established;
            }

            bool bypass = _settings.BypassAtDepth && (now.Client.Has(TcpStreamFlags.DepthReached) || now.Server.Has(TcpStreamFlags.DepthReached));
            _table.SetState(flow, bypass ? FlowState.LocalBypassed : FlowStateOf(now.State, flow.State));
        }
    }

    /// <summary>The flow is over: hands both directions' leftovers to the application layer with <paramref name="packet"/>, a pseudo packet.</summary>
    public void Flush(Flow flow, Packet packet, Direction direction)
    {
        if (flow.Tcp is { } session)
        {
            session.StreamOf(direction).Flags |= TcpStreamFlags.RawTriggered;
            Reassembler.Finish(flow, packet, session.StreamOf(direction));
        }
    }

    /// <inheritdoc cref="Flush(Flow, Packet, Direction)"/>
    public void Flush(Flow flow, Packet packet)
    {
        Flush(flow, packet, Direction.ToServer);
        Flush(flow, packet, Direction.ToClient);
    }

    /// <summary>Hands unconsumed bytes of both directions over again, after the application layer learned to read them.</summary>
    public void Redeliver(Packet packet, Flow flow)
    {
        if (flow.Tcp is { } session)
        {
            Reassembler.Redeliver(flow, packet, session.Client);
            Reassembler.Redeliver(flow, packet, session.Server);
        }
    }

    /// <summary>Bytes are still due in a direction: the end of the flow has something to show.</summary>
    public static bool HasLeftovers(Flow flow, Direction direction) =>
        flow.Tcp?.StreamOf(direction) is { } stream
        && (stream.AppOffset < stream.EndOffset || stream.RawOffset < stream.EndOffset || stream.HasWaiting || stream.HeldShown < stream.HeldCount);

    /// <summary>A SYN on a connection that is over, or that was never followed: the five-tuple begins a new one.</summary>
    /// <param name="session">Of the flow that is there.</param>
    /// <param name="packet">The SYN.</param>
    /// <param name="direction">Its direction in that flow.</param>
    /// <param name="isDone">
    /// Both ends were reset by us, and the session need not have seen it (NFS clients come back from the same port for ever); or the other half of it is another worker's.
    /// </param>
    /// <remarks>
    /// Passively, as in Suricata, the client's FIN is enough. Inline the other side's bytes are still to be judged where they belong, so both must
    /// have said that they are done.
    /// </remarks>
    internal bool IsReuse(TcpSession? session, Packet packet, Direction direction, bool isDone)
    {
        if ((packet.Tcp.Flags & (TcpFlags.Syn | TcpFlags.Ack | TcpFlags.Rst | TcpFlags.Fin)) != TcpFlags.Syn)
        {
            return false;
        }

        if (session is null)
        {
            return true;
        }

        bool isOver = _inline
            ? direction == Direction.ToServer && (isDone || session.State is TcpState.Closed or TcpState.TimeWait or TcpState.LastAck)
            : session.State is TcpState.CloseWait or TcpState.Closed or TcpState.TimeWait or TcpState.LastAck;
        return isOver && packet.Tcp.Sequence != session.StreamOf(direction).InitialSequence;
    }

    /// <summary>A redirect target's SYN/ACK in a flow whose SYN went to another worker: with other numbers than the last it answers another SYN.</summary>
    internal static bool IsOtherAnswer(TcpSession? session, Packet packet) =>
        (packet.Tcp.Flags & KindMask) == KindMask && (session is null || session.Server.InitialSequence != packet.Tcp.Sequence);

    /// <summary>Nothing of this connection will be looked at again: its bytes go back at once, the session when the flow ends.</summary>
    internal void ForgetBytes(Flow flow)
    {
        if (flow.Tcp is { } session)
        {
            Reassembler.Release(session.Client);
            Reassembler.Release(session.Server);
            ReleaseQueue(session);
        }
    }

    /// <summary>Takes the session of an ended flow back.</summary>
    internal void Release(Flow flow)
    {
        if (flow.Tcp is not { } session)
        {
            return;
        }

        flow.Tcp = null;
        Reassembler.Release(session.Client);
        Reassembler.Release(session.Server);
        ReleaseQueue(session);
        session.Reset();
        _free.Push(session);
        _live--;
        CountSessions();
    }

    /// <summary>The first packet of a flow that has no session yet. False when it ends what never began.</summary>
    private bool Begin(Packet packet, Flow flow)
    {
        TcpFlags flags = packet.Tcp.Flags;
        if (flow.Has(FlowFlags.Split) && (flags & (TcpFlags.Rst | TcpFlags.Fin)) != 0)
        {
            // What it ends began at another worker.
            return true;
        }

        if ((flags & TcpFlags.Rst) != 0)
        {
            packet.Events.Add(PacketEvent.StreamRstButNoSession);
            return false;
        }

        if ((flags & TcpFlags.Fin) != 0)
        {
            packet.Events.Add(PacketEvent.StreamFinButNoSession);
            MayPickUp(packet, flow);
            return false;
        }

        switch (flags & (TcpFlags.Syn | TcpFlags.Ack))
        {
            case TcpFlags.Syn:
                BeginAtSyn(packet, flow);
                break;
            case TcpFlags.Syn | TcpFlags.Ack:
                BeginAtSynAck(packet, flow);
                break;
            case TcpFlags.Ack:
                BeginAtData(packet, flow);
                break;
        }

        return true;
    }

    private void BeginAtSyn(Packet packet, Flow flow)
    {
        if (!TryStart(packet, flow, out TcpSession session))
        {
            return;
        }

        session.State = TcpState.SynSent;
        TakeSyn(packet, session, session.Client);
        NoteSyn(packet, session);
        session.SynCount = 1;
        if (packet.PayloadLength > 0)
        {
            TakeSynData(packet, flow, session);
        }
    }

    /// <summary>A SYN is the sender's first word: numbers, options. <paramref name="sender"/> is overwritten.</summary>
    private static void TakeSyn(Packet packet, TcpSession session, TcpStream sender)
    {
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        sender.InitialSequence = tcp.Sequence;
        sender.NextSequence = tcp.Sequence + 1;
        sender.LastAck = tcp.Sequence + 1;
        sender.Anchor(tcp.Sequence + 1);
        sender.WindowScale = tcp.WindowScale > 0 ? (byte)Math.Min((int)tcp.WindowScale, MaxWindowScale) : (byte)0;
        sender.Flags &= ~(TcpStreamFlags.Timestamps | TcpStreamFlags.Sack);
        if (tcp.HasTimestamp)
        {
            sender.Flags |= TcpStreamFlags.Timestamps;
            sender.LastTimestamp = tcp.TimestampValue;
            sender.LastTimestampUs = packet.TimeUs;
        }

        if (tcp.SackPermitted)
        {
            sender.Flags |= TcpStreamFlags.Sack;
        }
    }

    private void BeginAtSynAck(Packet packet, Flow flow)
    {
        if (!MayPickUp(packet, flow) || !TryStart(packet, flow, out TcpSession session))
        {
            return;
        }

        // The sender of a SYN/ACK is the server.
        if (packet.Direction == Direction.ToServer)
        {
            flow.Reverse();
            packet.Direction = Direction.ToClient;
        }

        session.State = TcpState.SynReceived;
        session.Flags |= TcpSessionFlags.Midstream | TcpSessionFlags.MidstreamSynAck | (flow.Has(FlowFlags.Split) ? TcpSessionFlags.Async : TcpSessionFlags.None);
        flow.Flags |= FlowFlags.Midstream;
        _counters.Increment(Counter.TcpMidstreamPickups);
        TakeSyn(packet, session, session.Server);

        // What the client is ready to take was said in its SYN: until it says so again no window is too small.
        session.Server.Window = 65_535u << MaxWindowScale;
        session.Server.NextWindow = session.Server.LastAck + session.Server.Window;
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        TcpStream client = session.Client;
        client.InitialSequence = tcp.Acknowledgement - 1;
        client.NextSequence = client.LastAck = tcp.Acknowledgement;
        client.Anchor(tcp.Acknowledgement);
        client.Window = tcp.Window;
        client.NextWindow = tcp.Acknowledgement + tcp.Window;

        // The SYN was not seen; if the answer carries options, the question did.
        client.WindowScale = tcp.WindowScale >= 0 ? (byte)MaxWindowScale : (byte)0;
        if (tcp.HasTimestamp)
        {
            session.Flags |= TcpSessionFlags.Timestamps;
            client.Flags |= TcpStreamFlags.Timestamps;
            client.LastTimestamp = tcp.TimestampEcho;
            client.LastTimestampUs = packet.TimeUs;
        }

        ChoosePolicies(packet, session, flow);
    }

    private void BeginAtData(Packet packet, Flow flow)
    {
        if (!MayPickUp(packet, flow) || !TryStart(packet, flow, out TcpSession session))
        {
            return;
        }

        session.State = TcpState.Established;
        session.Flags |= TcpSessionFlags.Midstream | TcpSessionFlags.Liberal;
        if (ShowsOneSide(flow))
        {
            session.Flags |= TcpSessionFlags.Async;
        }

        flow.Flags |= FlowFlags.Midstream;
        _counters.Increment(Counter.TcpMidstreamPickups);
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        TcpStream sender = session.StreamOf(packet.Direction);
        TcpStream receiver = session.StreamOf(packet.Direction.Opposite());
        sender.InitialSequence = tcp.Sequence - 1;
        sender.NextSequence = sender.LastAck = tcp.Sequence;
        sender.Anchor(tcp.Sequence);

        // Scales were agreed in packets that nobody saw: assume the largest, so that no window is judged too small.
        sender.WindowScale = receiver.WindowScale = MaxWindowScale;
        sender.Window = receiver.Window = (uint)tcp.Window << MaxWindowScale;
        sender.NextWindow = tcp.Sequence + sender.Window;
        receiver.InitialSequence = tcp.Acknowledgement - 1;
        receiver.NextSequence = receiver.LastAck = tcp.Acknowledgement;
        receiver.Anchor(tcp.Acknowledgement);
        receiver.NextWindow = tcp.Acknowledgement + receiver.Window;
        if (tcp.HasTimestamp)
        {
            session.Flags |= TcpSessionFlags.Timestamps;
            NoteTimestamp(packet, sender);
            receiver.Flags |= TcpStreamFlags.Timestamps;
            receiver.LastTimestamp = tcp.TimestampEcho;
            receiver.LastTimestampUs = packet.TimeUs;
        }

        session.Flags |= TcpSessionFlags.Sack;
        ChoosePolicies(packet, session, flow);
        TakeData(packet, flow, session, sender, receiver);
    }

    /// <summary>The configured answer to a session whose beginning was missed.</summary>
    private bool MayPickUp(Packet packet, Flow flow)
    {
        if (flow.Has(FlowFlags.Split))
        {
            // Nothing was missed: another worker has seen it.
            return true;
        }

        ExceptionPolicies.Apply(packet, flow, ExceptionCause.StreamMidstream, _settings.MidstreamPolicy, _counters, _engine.IsInline);
        return _settings.MidstreamPolicy switch
        {
            ExceptionPolicy.Ignore => _settings.Midstream || _settings.AsyncOneside,

            // Rules are spared; the conversation is still followed and logged.
            ExceptionPolicy.PassFlow => _settings.Midstream,
            _ => false,
        };
    }

    /// <summary>That the other side is silent says nothing about it.</summary>
    private bool ShowsOneSide(Flow flow) => _settings.AsyncOneside || flow.Has(FlowFlags.Split);

    private bool TryStart(Packet packet, Flow flow, out TcpSession session)
    {
        if ((_live + 1) * BytesPerSession > _settings.MemcapBytes)
        {
            session = null!;
            _counters.Increment(Counter.TcpSessionMemcapDrop);
            ExceptionPolicies.Apply(packet, flow, ExceptionCause.StreamSessionMemcap, _settings.MemcapPolicy, _counters, _engine.IsInline);
            return false;
        }

        if (_free.TryPop(out TcpSession? pooled))
        {
            session = pooled;
            _counters.Increment(Counter.TcpSessionFromCache);
        }
        else
        {
            session = new TcpSession();
            _counters.Increment(Counter.TcpSessionFromPool);
        }

        _live++;
        _counters.Increment(Counter.TcpSessions);
        CountSessions();
        flow.Tcp = session;
        return true;
    }

    /// <summary>All of the payload was judged and used up, and says nothing about the connection as it is now.</summary>
    private static bool IsOver(Packet packet, TcpStream sender)
    {
        if (packet.PayloadLength == 0 || !sender.Has(TcpStreamFlags.Synchronized) || packet.Tcp.Has(TcpFlags.Rst) || IsKeepAlive(packet, sender)
            || sender.OffsetOf(EndOf(packet)) > sender.PayloadOffset)
        {
            return false;
        }

        packet.Flags |= PacketFlags.Retransmission;
        packet.Events.Add(PacketEvent.StreamPacketSpuriousRetransmission);
        return true;
    }

    /// <summary>The client's first bytes; those of the server do not prove that the client is there.</summary>
    private static bool IsFirstData(Packet packet, TcpSession session) =>
        packet.PayloadLength > 0
        && (packet.Direction == Direction.ToServer || session.Has(TcpSessionFlags.Midstream))
        && packet.Tcp.Sequence == session.StreamOf(packet.Direction).InitialSequence + 1;

    private bool Continue(Packet packet, Flow flow, TcpSession session)
    {
        TcpStream sender = session.StreamOf(packet.Direction);
        TcpStream receiver = session.StreamOf(packet.Direction.Opposite());
        if (packet.Tcp.Has(TcpFlags.Syn | TcpFlags.Fin) && !packet.Tcp.Has(TcpFlags.Rst))
        {
            packet.Events.Add(PacketEvent.StreamFinSyn);
            return false;
        }

        return session.State switch
        {
            TcpState.SynSent => InSynSent(packet, flow, session, sender, receiver),
            TcpState.SynReceived => InSynReceived(packet, flow, session, sender, receiver),
            TcpState.Established => InEstablished(packet, flow, session, sender, receiver),
            TcpState.None => true,
            _ => InShutdown(packet, flow, session, sender, receiver),
        };
    }

    /// <summary>Judged invalid while inline: the receiver must not get what was not inspected.</summary>
    private static void Reject(Packet packet)
    {
        packet.Flags |= PacketFlags.NoPayloadInspection;
        packet.Drop(DropReason.StreamError);
    }

    private static FlowState FlowStateOf(TcpState state, FlowState current)
    {
        if (current is FlowState.LocalBypassed or FlowState.CaptureBypassed)
        {
            return current;
        }

        return state switch
        {
            TcpState.Established or TcpState.FinWait1 or TcpState.FinWait2 or TcpState.Closing or TcpState.CloseWait => FlowState.Established,
            TcpState.TimeWait or TcpState.LastAck or TcpState.Closed => FlowState.Closed,
            _ => FlowState.New,
        };
    }

    private void ChoosePolicies(Packet packet, TcpSession session, Flow flow)
    {
        // Overlaps in what the client sends are settled by the server's system, and the other way round.
        bool toServer = packet.Direction == Direction.ToServer;
        IpAddress server = toServer ? packet.DestinationAddress : packet.SourceAddress;
        IpAddress client = toServer ? packet.SourceAddress : packet.DestinationAddress;
        session.Client.Policy = flow.Judgement?.ServerOs ?? HostSystems.Find(_engine.HostOs, server);
        session.Server.Policy = flow.Judgement?.ClientOs ?? HostSystems.Find(_engine.HostOs, client);
    }

    private void CountFlags(TcpFlags flags)
    {
        if ((flags & (TcpFlags.Syn | TcpFlags.Rst | TcpFlags.Urg)) == 0)
        {
            return;
        }

        if ((flags & TcpFlags.Syn) != 0)
        {
            _counters.Increment((flags & TcpFlags.Ack) != 0 ? Counter.TcpSynAck : Counter.TcpSyn);
        }

        if ((flags & TcpFlags.Rst) != 0)
        {
            _counters.Increment(Counter.TcpRst);
        }

        if ((flags & TcpFlags.Urg) != 0)
        {
            _counters.Increment(Counter.TcpUrgent);
        }
    }

    private void CountSessions()
    {
        _counters.Set(Counter.TcpActiveSessions, _live);
        _counters.Set(Counter.TcpMemoryUse, _live * BytesPerSession);
    }

    private HandshakeQueue QueueOf(TcpSession session) =>
        session.Queue ??= _queues.TryPop(out HandshakeQueue? queue) ? queue : new HandshakeQueue(_settings.MaxSynQueued, _settings.MaxSynAckQueued);

    private void ReleaseQueue(TcpSession session)
    {
        if (session.Queue is { } queue)
        {
            queue.Clear();
            _queues.Push(queue);
            session.Queue = null;
        }
    }

}
