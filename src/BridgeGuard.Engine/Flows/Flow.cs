using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Frames;
using BridgeGuard.Engine.Protocols.Named;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Flows;

public enum FlowState : byte
{
    New,
    Established,
    Closed,

    /// <summary>No longer inspected here; counted only.</summary>
    LocalBypassed,

    /// <summary>Handed to the kernel.</summary>
    CaptureBypassed,
}

[Flags]
public enum FlowFlags : uint
{
    None = 0,
    ToServerSeen = 1 << 0,
    ToClientSeen = 1 << 1,

    /// <summary>A pass rule or policy said that no packet of the flow is inspected any more.</summary>
    Passed = 1 << 2,

    /// <summary>Every further packet is dropped.</summary>
    Dropped = 1 << 3,

    /// <summary>No payload inspection (encrypted, bypass, depth).</summary>
    NoPayloadInspection = 1 << 4,
    NoPacketInspection = 1 << 5,

    /// <summary>Application layer given up in a direction.</summary>
    NoAppLayerToServer = 1 << 6,
    NoAppLayerToClient = 1 << 7,

    /// <summary>Client and server were exchanged after protocol detection found the roles reversed.</summary>
    DirectionReversed = 1 << 8,

    /// <summary>At least one alert.</summary>
    Alerted = 1 << 9,

    /// <summary>Picked up without its handshake.</summary>
    Midstream = 1 << 10,

    /// <summary>An exception policy or rule rejected the flow.</summary>
    Rejected = 1 << 11,

    /// <summary>Parser error; <c>app-layer.error-policy</c> was applied.</summary>
    AppLayerError = 1 << 12,

    /// <summary>Moved to a honeypot or sinkhole.</summary>
    Redirected = 1 << 13,

    /// <summary>More bytes per interval than <c>FlowSettings.ElephantBytes</c> were seen towards the server; to the client see <see cref="ElephantToClient"/>.</summary>
    Elephant = 1 << 14,

    /// <summary>An ET-style ip-only inspection was done in this direction.</summary>
    IpOnlyToServerDone = 1 << 15,
    IpOnlyToClientDone = 1 << 16,

    /// <summary>Closed by the timeout machinery; the logger has run.</summary>
    Ended = 1 << 17,

    /// <summary>An expectation (FTP data, TFTP) made this flow's protocol known in advance.</summary>
    Expected = 1 << 18,
    EmergencyEnded = 1 << 19,

    /// <summary>Packets of this direction are only watched (<see cref="Worker.FrameInfo.IsPassive"/>).</summary>
    WatchedToServer = 1 << 21,
    WatchedToClient = 1 << 29,
    ElephantToClient = 1 << 20,

    /// <summary>What follows is opaque (TLS, SSH after the handshake), and <c>encryption-handling</c> of its protocol was applied.</summary>
    Encrypted = 1 << 28,

    /// <summary>A drop record was written for this direction.</summary>
    DropLoggedToServer = 1 << 26,
    DropLoggedToClient = 1 << 22,

    /// <summary>A firewall rule accepted the whole flow.</summary>
    Accepted = 1 << 23,

    /// <summary>The drop of the flow is the firewall's.</summary>
    FirewallDropped = 1 << 24,

    /// <summary>The drop of the flow is an exception policy's.</summary>
    ExceptionDropped = 1 << 25,

    /// <summary>Something wants every packet of the flow: no early verdict.</summary>
    FullInspection = 1 << 27,

    /// <summary>Moved to a target whose answers reach another worker: one worker sees the client's half, one the answers, each a flow of its own.</summary>
    Split = 1 << 30,

    /// <summary>A rule would have dropped the flow, were it not only watched by an engine that never drops: its rules have had their say.</summary>
    DropTold = 1u << 31,
}

/// <summary>Why a flow ended, EVE <c>flow.reason</c>.</summary>
public enum FlowEndReason : byte
{
    None,
    Timeout,
    Forced,
    Shutdown,
    TcpReuse,
}

/// <summary>One conversation: who talks to whom, counters, the TCP session, the application parser, and what rules remember.</summary>
/// <remarks>Pooled; owned by the worker's flow table; both directions belong to one worker. Client = sender of the first packet seen.</remarks>
public sealed class Flow
{
    public FlowKey Key;

    /// <summary>EVE <c>flow_id</c>, below 2^51 so that JavaScript keeps it exact; unique per run.</summary>
    public ulong Id;
    public long StartUs;
    public long LastUs;
    public ulong PacketsToServer;
    public ulong PacketsToClient;
    public ulong BytesToServer;
    public ulong BytesToClient;
    public FlowState State;
    public FlowFlags Flags;
    public FlowEndReason EndReason;

    /// <summary>Number of the first packet (EVE <c>pcap_cnt</c> of the flow's start).</summary>
    public ulong FirstPacketNumber;
    public byte MinTtlToServer;
    public byte MaxTtlToServer;
    public byte MinTtlToClient;
    public byte MaxTtlToClient;

    /// <summary>ICMP type and code of the first packet of each direction; meaningful for ICMP flows that saw the direction.</summary>
    public byte IcmpTypeToServer;
    public byte IcmpCodeToServer;
    public byte IcmpTypeToClient;
    public byte IcmpCodeToClient;

    /// <summary>The flow whose expectation made this one (FTP data), EVE <c>parent_id</c>; 0 without.</summary>
    public ulong ParentId;

    /// <summary>What the parent arranged this flow for; null for most. The application layer's, which takes it back at the end.</summary>
    public Expectation? Expectation;

    /// <summary>What passed after the flow was bypassed.</summary>
    public ulong BypassedPacketsToServer;
    public ulong BypassedPacketsToClient;
    public ulong BypassedBytesToServer;
    public ulong BypassedBytesToClient;
    public ulong SourceMac;
    public ulong DestinationMac;

    /// <summary>Every link layer address seen; null unless records show them.</summary>
    public MacSet? Macs;

    /// <summary>Ports of the bridge on which the client's and server's frames came in; 0 unknown.</summary>
    public ushort ClientPortId;
    public ushort ServerPortId;

    /// <summary>Guests at both ends, as indexes of the policy's guest table; 0: not a guest.</summary>
    public ushort ClientGuest;
    public ushort ServerGuest;

    /// <summary>Roles at both ends, as indexes of the policy's role table; 0: the default role.</summary>
    public byte ClientRole;
    public byte ServerRole;

    /// <summary>The guests, roles and actions that judged the flow; when others are in force it is judged anew.</summary>
    public ushort PolicyGeneration;

    /// <summary>What was decided about the whole flow by contract, action or behaviour; <see cref="RoleAction.AsRule"/>: nothing.</summary>
    public RoleAction Restriction;

    /// <summary>Bits of the encrypted-traffic policy that need not be asked again: 1 client's hello, 2 server's.</summary>
    public byte EncryptedChecked;

    /// <summary>More about it; null for most flows.</summary>
    public FlowJudgement? Judgement;

    /// <summary>Null except for TCP.</summary>
    public TcpSession? Tcp;

    /// <summary>The protocol in force.</summary>
    public ProtocolId App;
    public ProtocolId AppToServer;
    public ProtocolId AppToClient;

    /// <summary>The protocol before a change (STARTTLS, upgrade), EVE <c>app_proto_orig</c>.</summary>
    public ProtocolId AppOriginal;

    /// <summary>What an expectation or a protocol change asks to try first.</summary>
    public ProtocolId AppExpected;

    /// <summary>The server port to pretend in detection after a change (CONNECT host:443); 0: the flow's own.</summary>
    public ushort AppPort;

    /// <summary>The parser asked for another protocol; carried out with the next data.</summary>
    public bool ChangePending;
    public ProtocolState? AppState;

    /// <summary>Reads a flow of IMAP up to its STARTTLS; null elsewhere, and where none comes any more. The application layer's.</summary>
    internal ImapStartTls? StartTls;

    /// <summary>Frames that the parser pointed out and that are not finished, per direction; null where nobody asks for them.</summary>
    public FrameList? FramesToServer;
    public FrameList? FramesToClient;

    /// <summary>The parser was called, or transactions wait for something else than data: they are looked at for logging with the next packet.</summary>
    public bool TransactionsDue;

    /// <summary>Files begun on this flow, to number them.</summary>
    public uint FilesOpened;

    /// <summary>Where protocol detection stands, per direction; kept by the application layer.</summary>
    public AppDetection DetectToServer;
    public AppDetection DetectToClient;

    /// <summary>Bits, integers and captured variables that rules keep on the flow.</summary>
    public FlowVariables Variables { get; } = new();

    /// <summary>The rules whose header fits the packets of one direction, and through it those of the other; kept by detection.</summary>
    internal RuleGroup? Group;

    /// <summary>Where this flow is redirected to, in the worker's redirect table; -1: not redirected.</summary>
    public int RedirectIndex = -1;

    /// <summary>What the client has sent of its request; null on flows that are not going to be moved. The redirector's.</summary>
    public RequestMemory? Request;

    /// <summary>The end of a file waits for its verdict; null on flows that never held one.</summary>
    public FileHold? Hold
    {
        get => Judgement?.Hold;
        set => (Judgement ??= new FlowJudgement()).Hold = value;
    }

    /// <summary>How far towards an early verdict the flow was when it was last looked at, and packets until then; kept by the worker.</summary>
    internal byte EarlyStage;
    internal byte EarlyWait;

    /// <summary>The direction that has settled alone; kept by the worker.</summary>
    internal CarriedWay Carried;

    /// <summary>Which exception policies were applied, for EVE <c>flow.exception_policy</c>; kept by <c>ExceptionPolicies</c>.</summary>
    public uint ExceptionMask;

    // The rest belongs to the flow table alone.

    /// <summary>Number in the table; internal to it.</summary>
    internal int TableIndex;

    /// <summary>When the timer wheel looks at the flow again; the true deadline may be later.</summary>
    internal long ExpiresUs;
    internal ulong Hash;
    internal Flow? NextInBucket;
    internal int NextInWheel = -1;
    internal int PreviousInWheel = -1;
    internal int WheelSlot = -1;
    internal long RateStartUs;
    internal long RateBytesToServer;
    internal long RateBytesToClient;

    public bool Has(FlowFlags flags) => (Flags & flags) != 0;

    public ref AppDetection DetectionOf(Direction direction) =>
        ref direction == Direction.ToServer ? ref DetectToServer : ref DetectToClient;

    public FrameList? FramesOf(Direction direction) => direction == Direction.ToServer ? FramesToServer : FramesToClient;

    /// <summary>How far a transaction got: complete where the direction is over or the transaction does not exist in it.</summary>
    public byte ProgressOf(Transaction transaction, Direction direction) =>
        IsOver(direction) || !transaction.ExistsIn(direction)
            ? Math.Max(transaction.Progress(direction), AppState!.Protocol.CompletedProgress(direction))
            : transaction.Progress(direction);

    /// <summary>Nothing more will come in this direction: it ended, or only the other side's packets are seen (<c>stream.async-oneside</c>).</summary>
    public bool IsOver(Direction direction) => DetectionOf(direction).Ended
        || (Tcp is { } session && (session.Flags & TcpSessionFlags.Async) != 0 && !DetectionOf(direction).DataSeen);

    /// <summary>Seen in both directions or an established TCP session: what <c>flow:established</c> means.</summary>
    public bool IsEstablished => State is FlowState.Established or FlowState.Closed
        || (Key.Protocol == IpProtocols.Tcp ? Tcp is { IsEstablished: true } : (Flags & (FlowFlags.ToServerSeen | FlowFlags.ToClientSeen)) == (FlowFlags.ToServerSeen | FlowFlags.ToClientSeen));

    /// <summary>Client and server change places: the first packet seen was an answer.</summary>
    public void Reverse()
    {
        Key = Key.Reversed();
        Group = null;
        Flags ^= FlowFlags.DirectionReversed;
        Flags = SwapBits(SwapBits(SwapBits(SwapBits(Flags, 0, 1), 6, 7), 15, 16), 14, 20);
        (PacketsToServer, PacketsToClient) = (PacketsToClient, PacketsToServer);
        (BytesToServer, BytesToClient) = (BytesToClient, BytesToServer);
        (MinTtlToServer, MinTtlToClient) = (MinTtlToClient, MinTtlToServer);
        (MaxTtlToServer, MaxTtlToClient) = (MaxTtlToClient, MaxTtlToServer);
        (SourceMac, DestinationMac) = (DestinationMac, SourceMac);
        Macs?.Swap();
        (ClientPortId, ServerPortId) = (ServerPortId, ClientPortId);
        (ClientGuest, ServerGuest) = (ServerGuest, ClientGuest);
        (ClientRole, ServerRole) = (ServerRole, ClientRole);
        if (Judgement is { } judgement)
        {
            (judgement.ClientOs, judgement.ServerOs) = (judgement.ServerOs, judgement.ClientOs);
            (judgement.ClientView, judgement.ServerView) = (judgement.ServerView, judgement.ClientView);
        }

        (AppToServer, AppToClient) = (AppToClient, AppToServer);
        (FramesToServer, FramesToClient) = (FramesToClient, FramesToServer);
        (DetectToServer, DetectToClient) = (DetectToClient, DetectToServer);
        (RateBytesToServer, RateBytesToClient) = (RateBytesToClient, RateBytesToServer);
        Tcp?.Reverse();
    }

    private static FlowFlags SwapBits(FlowFlags flags, int first, int second)
    {
        uint value = (uint)flags;
        uint differ = ((value >> first) ^ (value >> second)) & 1;
        return (FlowFlags)(value ^ (differ << first) ^ (differ << second));
    }

    /// <summary>Back to the state of a new object; session and parser must have been given back.</summary>
    public void Reset()
    {
        Key = default;
        Id = 0;
        StartUs = LastUs = 0;
        PacketsToServer = PacketsToClient = BytesToServer = BytesToClient = 0;
        State = FlowState.New;
        Flags = FlowFlags.None;
        EndReason = FlowEndReason.None;
        FirstPacketNumber = 0;
        MinTtlToServer = MaxTtlToServer = MinTtlToClient = MaxTtlToClient = 0;
        IcmpTypeToServer = IcmpCodeToServer = IcmpTypeToClient = IcmpCodeToClient = 0;
        ParentId = 0;
        BypassedPacketsToServer = BypassedPacketsToClient = BypassedBytesToServer = BypassedBytesToClient = 0;
        SourceMac = DestinationMac = 0;
        Macs?.Clear();
        ClientPortId = ServerPortId = ClientGuest = ServerGuest = 0;
        ClientRole = ServerRole = 0;
        PolicyGeneration = 0;
        Restriction = RoleAction.AsRule;
        EncryptedChecked = 0;
        Judgement?.Reset();
        Tcp = null;
        App = AppToServer = AppToClient = AppOriginal = AppExpected = ProtocolId.Unknown;
        AppPort = 0;
        ChangePending = false;
        AppState = null;
        StartTls = null;
        FramesToServer = FramesToClient = null;
        TransactionsDue = false;
        Expectation = null;
        FilesOpened = 0;
        DetectToServer = DetectToClient = default;
        Variables.Reset();
        Group = null;
        RedirectIndex = -1;
        Hold?.End();
        ExceptionMask = 0;
        EarlyStage = EarlyWait = 0;
        Carried = CarriedWay.None;
        ExpiresUs = 0;
        Hash = 0;
        NextInBucket = null;
        NextInWheel = PreviousInWheel = WheelSlot = -1;
        RateStartUs = RateBytesToServer = RateBytesToClient = 0;
    }
}

/// <summary>Protocol detection of one direction.</summary>
public struct AppDetection
{
    public bool PatternsDone;

    /// <summary>Data came since rules last looked at the direction's transactions.</summary>
    public bool HasNews;
    public bool ProbingDone;

    /// <summary>Bytes looked at so far.</summary>
    public uint Seen;

    /// <summary>Bytes already given to the parser in this direction.</summary>
    public ulong Parsed;

    /// <summary>The parser wants at least so many bytes before it is called again.</summary>
    public uint WaitFor;

    /// <summary>No more data will come: every transaction counts as complete in this direction.</summary>
    public bool Ended;

    /// <summary>Data was seen in this direction.</summary>
    public bool DataSeen;

    /// <summary>Its bytes wait until the other direction's greeting has been parsed.</summary>
    public bool Held;
    public bool IsComplete => PatternsDone && ProbingDone;
}
