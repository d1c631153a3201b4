using System.Runtime.CompilerServices;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Firewall;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Worker;

/// <summary>One thread's engine: a frame goes in, a verdict comes out. The pipeline, in the order of the folders it calls.</summary>
/// <remarks>
/// Owns its flows, pools, counters and writer; shares only immutable things and the redirect table. Allocation-free once warm. The one catch
/// under the loop is here: a defect of ours costs one flow its inspection, never the bridge its traffic.
/// </remarks>
public sealed partial class PacketWorker : IFrameProcessor, IFlowEndHandler, IAlertPayloads, IDisposable
{
    /// <summary>Flows that one packet may have to see off, at most: 30 µs; a flood's flows end no slower than they came.</summary>
    private const int ExpirePerPacket = 32;

    /// <summary>The same for a tick of 100 ms: about 10 ms.</summary>
    private const int ExpirePerTick = 16_384;

    private readonly EngineSettings _settings;
    private readonly Packet _frame = new();

    private readonly Packet _pseudo = new();
    private readonly PacketQueue _inner = new();
    private readonly PacketDecoder _decoder;
    private readonly Defragmenter _defragmenter;
    private readonly FlowTable _flows;
    private readonly TcpTracker _tcp;
    private readonly AppLayer _appLayer;
    private readonly FileTracker _files;
    private readonly Detector _detector;
    private readonly AlertQueue _alerts;
    private readonly EventEmitter _events;
    private readonly IFileVerdicts? _fileVerdicts;
    private readonly IFileSink? _fileSink;
    private readonly ICertificateStore? _certificates;
    private readonly StreamLog? _streamLog;
    private readonly Func<long, StatsSnapshot?>? _stats;
    private readonly Func<long>? _clock;

    /// <summary>A role has a latency budget.</summary>
    private bool _watchesLatency;
    private readonly bool _isFirst;
    private readonly RedirectTable _redirectTable;
    private readonly PortGuests _ports;
    private Redirector _redirector;
    private readonly SharedState _shared;
    private readonly bool _tracksMacs;
    private readonly bool _isFirewall;
    private EngineProgram _program = EngineProgram.Empty;
    private EngineProgram _current = EngineProgram.Empty;

    /// <summary>There is something to detect: without rules a packet need not be looked at, nor stream bytes kept for it.</summary>
    private bool _detects;

    public PacketWorker(WorkerEnvironment environment, int workerId = 0)
    {
        _settings = environment.Settings;
        _shared = environment.Shared;
        _isFirewall = _settings.FirewallMode;
        _fileVerdicts = environment.FileVerdicts;
        _fileSink = environment.FileSink;
        _certificates = environment.CertificateStore;
        _stats = environment.Stats;
        _clock = environment.Clock;
        _isFirst = workerId == 0;
        _redirectTable = environment.Redirects;
        _ports = environment.Ports;
        _decoder = new PacketDecoder(_settings.Decoder);
        _defragmenter = new Defragmenter(_settings.Defrag, _settings.HostOs, _settings.Flow.VlanTracking, environment.FlowHash);
        _files = new FileTracker(_settings.Files, environment.FileSink, environment.FileVerdicts, environment.FileStore);
        _appLayer = new AppLayer(
            _settings,
            environment.Protocols ?? new ProtocolDetector(_settings.AppLayer),
            _files,
            Counters,
            new Expectations(environment.Shared.Expectations, environment.FlowHash),
            environment.DataLog is { WantsBodies: true } bodies ? bodies : null);
        _flows = new FlowTable(_settings, environment.FlowHash, Counters, workerId) { EndHandler = this };
        _tcp = new TcpTracker(_settings, _flows, _appLayer, Counters);
        _detector = new Detector(_settings, workerId, environment.Shared.Detection, environment.FlowHash)
        {
            Reassembler = _tcp.Reassembler,
            Costs = environment.CostClock is { } clock ? new RuleCosts(clock) : null,
        };
        _streamLog = environment.DataLog is { WantsStreams: true } streams ? new StreamLog(streams) : null;
        _alerts = new AlertQueue(_settings.Detection.PacketAlertMax);
        _events = new EventEmitter(_settings, environment.Events, environment.Guests, (byte)workerId) { Payloads = this };
        _tracksMacs = _settings.Eve.Ethernet || Array.Exists(_settings.MoreEve, eve => eve.Ethernet);
        _events.PacketVariables = _detector.PacketVariables;
        _redirector = new Redirector(_redirectTable, [], Injector);
        ApplyRuleNeeds(_current.Rules);
    }

    public WorkerCounters Counters { get; } = new();

    public FrameInjector Injector { get; } = new();

    /// <summary>Exceptions caught under the loop: each is a defect of ours.</summary>
    public long Faults { get; private set; }

    /// <summary>The last of them, for the log; written by the worker, read by anyone.</summary>
    public Exception? LastFault { get; private set; }

    public FlowTable Flows => _flows;

    /// <summary>What stream bytes cost; read it on the worker's thread.</summary>
    public Reassembler Reassembler => _tcp.Reassembler;

    /// <summary>What single rules cost this worker; null when it is not kept. Set on the worker's thread, by a bench that compares with and without.</summary>
    public RuleCosts? RuleCosts
    {
        get => _detector.Costs;
        internal set => _detector.Costs = value;
    }

    /// <summary>Somebody reads <see cref="Outcome"/>: it costs every packet a little.</summary>
    public bool TracksOutcome { get; set; }

    /// <summary>What the last frame was, where <see cref="TracksOutcome"/> is set; valid until the next.</summary>
    public FrameOutcome Outcome { get; private set; }

    /// <summary>Rules and policy; may be set from another thread, takes effect with the next packet.</summary>
    public EngineProgram Program
    {
        get => Volatile.Read(ref _program);
        set => Volatile.Write(ref _program, value);
    }

    /// <inheritdoc/>
    public Verdict Process(byte[] buffer, int offset, int length, in FrameInfo info)
    {
        try
        {
            return ProcessFrame(buffer, offset, length, in info);
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            return Survive(fault);
        }
    }

    /// <inheritdoc/>
    public void Tick(long nowUs)
    {
        try
        {
            Begin();
            TakeProgram();
            _flows.Expire(nowUs, this, ExpirePerTick);
            _defragmenter.Expire(nowUs);
            TickHolds(nowUs);
            if (_stats is not null)
            {
                WriteStats(nowUs);
            }
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            Survive(fault);
        }
    }

    /// <summary>No more frames will come: all flows end and are logged.</summary>
    public void Finish()
    {
        TakeProgram();
        _flows.EndAll(this);
    }

    /// <inheritdoc/>
    ReadOnlySpan<byte> IAlertPayloads.Stream(Flow flow, Direction direction, int most)
    {
        ReadOnlySpan<byte> recent = _tcp.Reassembler.GetRecentStream(flow, direction);
        return recent[Math.Max(0, recent.Length - most)..];
    }

    /// <inheritdoc/>
    int IAlertPayloads.Frame(Flow flow, Direction direction, long from, long end, Span<byte> into) =>
        _tcp.Reassembler.CopyFrame(flow, direction, from, end, into);

    /// <inheritdoc/>
    StreamPlaces IAlertPayloads.Places(Flow flow, Direction direction) => _tcp.Reassembler.GetPlaces(flow, direction);

    public void Dispose()
    {
        _events.Dispose();
        _detector.Dispose();
    }

    private Verdict ProcessFrame(byte[] buffer, int offset, int length, in FrameInfo info)
    {
        TakeProgram();
        _flows.Expire(info.TimestampUs, this, ExpirePerPacket);
        Packet packet = _frame;
        packet.Reset(buffer, offset, length, in info);
        if (TracksOutcome)
        {
            Outcome = default;
        }

        _decoder.Decode(packet, _inner);
        HandleWithInner(packet);
        if (_watchesLatency)
        {
            CheckLatency(packet);
        }

        Verdict verdict = VerdictOf(packet);
        CountVerdict(packet, in verdict);
        return verdict;
    }

    private void Handle(Packet packet)
    {
        if (packet.Has(PacketFlags.Fragment) && packet.IpVersion != 0 && _settings.Defrag.Enabled)
        {
            HandleFragment(packet);
            return;
        }

        Inspect(packet);
    }

    private void Inspect(Packet packet)
    {
        ValidateChecksum(packet);
        _alerts.Clear();
        _findingCount = 0;
        if (_guarded != 0 && (_guardsLinks || !packet.IsTcp) && !PassesLinkGuard(packet))
        {
            ReportFindings();
            WriteEvents(packet, null);
            return;
        }

        if (!_redirector.IsIdle && packet.TunnelDepth == 0 && !packet.Has(PacketFlags.Defragmented) && !_redirector.Restore(packet))
        {
            // Behind the link guard: nobody else speaks as a target.
            return;
        }

        if (_isFirewall && Detector.HasEarlyRules(_current.Rules, FirewallTable.PreFlow)
            && !_detector.FilterEarly(_current.Rules, packet, null, _alerts, FirewallTable.PreFlow))
        {
            WriteEvents(packet, null);
            return;
        }

        bool isSealed = false;
        bool isLeaving = false;
        bool leavesBehind = false;
        bool hasFlow = packet.IpVersion != 0 && !packet.Has(PacketFlags.Invalid | PacketFlags.BadTransport | PacketFlags.Fragment);
        Flow? flow = hasFlow ? _flows.GetOrCreate(packet) : null;
        _carrier ??= flow;
        _files.LastClosed = null;
        _files.Growing = null;
        if (flow is not null)
        {
            if (flow.PacketsToServer + flow.PacketsToClient == 0)
            {
                Introduce(flow, packet);
            }

            if (flow.RedirectIndex >= 0)
            {
                _redirector.Meet(packet, flow);
            }

            _flows.Touch(flow, packet);
            NotePort(flow, packet);
            if (packet.IsPassive)
            {
                flow.Flags |= packet.Direction == Direction.ToServer ? FlowFlags.WatchedToServer : FlowFlags.WatchedToClient;
            }

            if (flow.PolicyGeneration != _policyGeneration)
            {
                Judge(flow, packet, isNew: false);
            }

            if (_tracksMacs)
            {
                NoteMacs(flow, packet);
            }

            if (flow.Has(FlowFlags.Dropped))
            {
                packet.Flags |= PacketFlags.NoInspection;
                packet.Drop(flow.Has(FlowFlags.FirewallDropped) ? DropReason.FirewallFlowDrop
                    : flow.Has(FlowFlags.ExceptionDropped) ? DropReason.ExceptionPolicyFlowDrop
                    : DropReason.FlowDrop);

                if (packet.IsTcp && flow.Tcp is { } session)
                {
                    session.StreamOf(packet.Direction).SeenFlags |= packet.Tcp.Flags;
                }

                // Rules before the stream still tell what they see, as those before the flow do.
                PassesEarly(packet, flow);
            }
            else if (flow.Restriction != RoleAction.AsRule && Restrict(packet, flow))
            {
                packet.Flags |= PacketFlags.NoInspection;
            }
            else if (flow.State == FlowState.LocalBypassed && !_isFirewall)
            {
                // Asked for by a rule or by the stream's settings: nothing of it is looked at any more, over TCP or not.
                packet.Flags |= PacketFlags.NoInspection | PacketFlags.NoPayloadInspection;
                RunStream(flow, packet);
            }
            else if (!_isFirewall || PassesEarly(packet, flow))
            {
                // The packet with which a flow becomes opaque is still inspected; those behind it are not.
                bool isOpaque = flow.Has(FlowFlags.NoPayloadInspection);
                bool wasEncrypted = flow.Has(FlowFlags.Encrypted);
                bool wasLeaving = flow.ChangePending;
                bool wasGranted = flow.StartTls is { IsGranted: true };
                RunStream(flow, packet);
                if (!wasLeaving && flow.ChangePending && flow.AppState is { } leaving)
                {
                    isLeaving = leaving.Protocol.LeavesAtOnce;
                    leavesBehind = !isLeaving && !_isFirewall;
                }

                isLeaving |= !wasGranted && flow.StartTls is { IsGranted: true };

                isSealed = !wasEncrypted && flow.Has(FlowFlags.Encrypted);
                packet.Flags |= isOpaque ? PacketFlags.NoPayloadInspection : PacketFlags.None;
            }
        }

        if ((isSealed || isLeaving) && !_isFirewall)
        {
            BypassAsRequested(flow);

            // What was readable is looked at and written down first, as in Suricata. (Of a firewall the packet's early matches are already noted.)
            InspectSealed(flow!, packet, isLeaving);
        }

        if (_detects && !packet.Has(PacketFlags.NoInspection) && (!Skips(flow) || _isFirewall))
        {
            _detector.Inspect(_current.Rules, packet, flow, _alerts);
        }

        BypassAsRequested(flow);
        Conclude(packet, flow);
        if (flow is not null)
        {
            _tcp.Reassembler.MarkJudged(flow, packet.Direction);
        }

        if (_settings.EarlyVerdicts && flow is not null)
        {
            Settle(flow);
        }

        if ((isSealed && _isFirewall) || leavesBehind)
        {
            InspectSealed(flow!, packet, leavesBehind);
        }

        if (packet.DropReason == DropReason.FileVerdict && flow is not null)
        {
            // Guests may ask for a bad file again and again: a stopped connection must not hold memory until its timeout.
            _tcp.ForgetBytes(flow);
        }
    }

    /// <summary>Firewall rules that stand before the TCP session; false: the packet is dropped.</summary>
    private bool PassesEarly(Packet packet, Flow flow)
    {
        if (!_isFirewall || !packet.IsTcp || !Detector.HasEarlyRules(_current.Rules, FirewallTable.PreStream)
            || _detector.FilterEarly(_current.Rules, packet, flow, _alerts, FirewallTable.PreStream))
        {
            return true;
        }

        packet.Flags |= PacketFlags.NoInspection;
        if (_alerts.Count > 0)
        {
            flow.Flags |= FlowFlags.Alerted;
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private void BypassAsRequested(Flow? flow)
    {
        if (flow is { Variables.BypassRequested: true, State: < FlowState.LocalBypassed })
        {
            _flows.SetState(flow, FlowState.LocalBypassed);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private static bool Skips(Flow? flow) => flow is not null && (flow.Flags & (FlowFlags.Passed | FlowFlags.NoPacketInspection | FlowFlags.DropTold)) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private void RunStream(Flow flow, Packet packet)
    {
        bool hadError = flow.Has(FlowFlags.AppLayerError);
        if (packet.IsTcp)
        {
            _tcp.Process(packet, flow);
            if (_appLayer.TakeRedelivery())
            {
                _tcp.Redeliver(packet, flow);
            }
        }
        else if (packet.IsUdp && !packet.Has(PacketFlags.NoPayloadInspection))
        {
            // Each datagram stands for itself: the next one may be fine, and the policy is asked for each that is not.
            flow.Flags &= ~FlowFlags.AppLayerError;
            hadError = false;
            _appLayer.OnDatagram(flow, packet);
        }

        if (!hadError && flow.Has(FlowFlags.AppLayerError))
        {
            ExceptionPolicies.Apply(packet, flow, ExceptionCause.AppLayerError, _settings.AppLayer.ErrorPolicy, Counters, _settings.IsInline);
        }
    }

    /// <summary>After inspection: matches and file verdicts become one verdict, and what happened is written down.</summary>
    private void Conclude(Packet packet, Flow? flow)
    {
        if (flow is not null && packet.Events.Contains(PacketEvent.StreamReassemblyInsertMemcap))
        {
            HoldUnseen(packet, flow);
        }

        if (flow is not null && (flow.Hold is not null || _files.LastClosed is not null || _files.Growing is not null || _files.CompletedPlace != 0))
        {
            JudgeFiles(packet, flow);
        }

        if (flow is not null && _current.Policy.LooksFurther)
        {
            LookFurther(packet, flow);
        }

        if (_findingCount > 0)
        {
            ReportFindings();
        }

        if (_alerts.Count > 0)
        {
            Resolve(packet, flow);
        }

        WriteEvents(packet, flow);
        _detector.Rewrite(packet);
        if (!_redirector.IsIdle && flow is not null && packet.Action == VerdictAction.Pass && !packet.Has(PacketFlags.Pseudo) && MayBeMoved(flow))
        {
            _redirector.Remember(packet, flow);
        }

        if (flow is { RedirectIndex: >= 0 } && packet.Action == VerdictAction.Pass && !packet.Has(PacketFlags.Pseudo))
        {
            _redirector.Forward(packet, flow);
        }
        else if (flow is { Judgement.ToPort: not 0 } && packet.Action == VerdictAction.Pass && !packet.Has(PacketFlags.Pseudo))
        {
            SteerToPort(packet, flow, flow.Judgement.ToPort);
        }
    }

    private bool MayBeMoved(Flow flow) => Model.Roles[flow.ClientRole].RedirectTarget >= 0 || Model.Roles[flow.ServerRole].RedirectTarget >= 0;

    private Verdict Survive(Exception fault)
    {
        Faults++;
        LastFault = fault;
        return Verdict.Pass;
    }
}
