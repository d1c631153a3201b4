using System.Runtime.InteropServices;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Detection;

[Flags]
internal enum RuleFlags : uint
{
    None = 0,
    ToServer = 1 << 0,
    ToClient = 1 << 1,

    /// <summary>Payload contents look at the packet's own payload.</summary>
    NeedPacket = 1 << 2,

    /// <summary>Payload contents look at the reassembled stream.</summary>
    NeedStream = 1 << 3,
    NoAlert = 1 << 4,

    /// <summary>Has a payload section.</summary>
    HasPayload = 1 << 5,

    /// <summary>Both orientations of the header match (<c>&lt;&gt;</c>).</summary>
    Bidirectional = 1 << 6,

    /// <summary>A match's action applies to the flow, not to the packet alone.</summary>
    ActionOnFlow = 1 << 7,

    /// <summary>A transactional rule over both directions (<c>=&gt;</c>).</summary>
    TwoWay = 1 << 8,

    /// <summary>Files that match are stored (<c>filestore</c>).</summary>
    StoresFiles = 1 << 9,

    /// <summary>Explicit action scopes of firewall rules.</summary>
    ActionOnPacketOnly = 1 << 10,

    /// <summary>Never the payload of the packet where a stream exists (<c>flow:only_stream</c>, tcp-stream).</summary>
    OnlyStream = 1 << 11,

    /// <summary>Never reassembled data (<c>flow:no_stream</c>, tcp-pkt).</summary>
    NoStream = 1 << 12,

    /// <summary>Looked at only where its fast pattern was found.</summary>
    HasFastPattern = 1 << 13,

    /// <summary>A match rewrites bytes of the packet (<c>replace</c>).</summary>
    Replaces = 1 << 14,

    /// <summary>Asks of transactions only how far they have come (<c>tls:client_hello_done</c>).</summary>
    HookOnly = 1 << 15,

    /// <summary>A protocol and a direction are all that is asked for.</summary>
    OfDirection = 1 << 16,
}

/// <summary>A run of consecutive elements of one of the rule set's arrays.</summary>
internal readonly record struct Span32(int Start, int Count)
{
    public static readonly Span32 Empty = default;
}

/// <summary>The compiled form of one rule: where its pieces are.</summary>
internal struct RuleEntry
{
    public RuleFlags Flags;
    public RuleAction Action;
    public RuleKind Kind;

    /// <summary>The protocol of the rule; <see cref="ProtocolId.Unknown"/>: any.</summary>
    public ProtocolId App;
    public int Header;
    public Span32 Conditions;
    public Span32 Payload;
    public Span32 Engines;
    public Span32 Effects;

    /// <summary>Its thresholds and rate filters; the rule's own or those of <c>threshold.config</c>.</summary>
    public Span32 Thresholds;
    public Span32 Suppressions;
}

/// <summary>The addresses, ports and protocol of a rule; shared by all rules that write the same.</summary>
internal record struct RuleHeader
{
    /// <summary>Index into <see cref="RuleSet.ProtocolSets"/>; -1: any IP protocol.</summary>
    public short ProtocolSet;

    /// <summary>4, 6 or 0 for both.</summary>
    public byte IpVersion;
    public RuleFlags Flags;

    /// <summary>Expressions of the address and port classifiers; 0: any.</summary>
    public int Source;
    public int Destination;
    public int SourcePort;
    public int DestinationPort;
}

internal enum ConditionKind : byte
{
    Established,
    NotEstablished,
    FlowBitSet,
    FlowBitNotSet,
    FlowIntTest,
    FlowIntIsSet,
    FlowIntNotSet,
    XBitSet,
    XBitNotSet,
    HostBitSet,
    HostBitNotSet,
    PayloadSize,
    TcpFlags,
    TcpSequence,
    TcpAcknowledgement,
    TcpWindow,
    TcpMss,
    TcpWindowScale,
    Ttl,
    IpId,
    Tos,
    IpProtocol,
    IpOption,
    FragmentBits,
    FragmentOffset,
    SameIp,
    IcmpType,
    IcmpCode,
    IcmpId,
    IcmpSequence,
    IcmpV6Mtu,
    PacketEvent,
    AppEvent,
    AppProtocol,
    StreamSize,
    FlowAge,
    FlowPackets,
    FlowBytes,
    FlowElephant,

    /// <summary>Mode 0: the guest, 1: its peer. A: name of the role.</summary>
    GuestRole,

    /// <summary>The same for a tag.</summary>
    GuestTag,
    TcpSession,
    PacketBuffer,
    Vlan,
    VlanLayers,
    NetworkProtocol,
    Checksum,
    Reputation,
    GeoIp,
    Rpc,
    FtpBounce,

    /// <summary>Rebuilt from fragments, or with Negated not.</summary>
    Defragmented,

    /// <summary>The first packet of the flow.</summary>
    FlowStart,

    /// <summary>A captured variable of the flow (A) contains the content (B).</summary>
    FlowVariable,

    /// <summary>The same for variables that this packet's rules captured.</summary>
    PacketVariable,

    /// <summary>A keyword that never matches in this build (documented where it is compiled).</summary>
    Never,
}

/// <summary>One condition on the packet or its flow.</summary>
internal struct PacketCondition
{
    public ConditionKind Kind;
    public bool Negated;

    /// <summary>A selector: direction, address side, buffer or mode of the kind.</summary>
    public byte Mode;
    public int A;
    public int B;
    public IntegerRange Test;
}

/// <summary>Header bytes that are inspected like a buffer.</summary>
internal enum PacketBufferKind : byte
{
    Ipv4Header,
    Ipv6Header,
    TcpHeader,
    UdpHeader,
    IcmpV4Header,
    IcmpV6Header,
    SourceAddress,
    DestinationAddress,
}

internal enum BufferOpKind : byte
{
    Content,
    Pcre,
    ByteTest,
    ByteJump,
    ByteExtract,
    ByteMath,
    IsDataAt,

    /// <summary><c>bsize</c>, <c>urilen</c>: the buffer's length.</summary>
    Length,
    Base64Decode,
    Dataset,
    Entropy,
    Asn1,

    /// <summary>Behind a content: the bytes of another content (<see cref="BufferOp.Data"/>) of the same length take its place.</summary>
    Replace,
}

[Flags]
internal enum OpFlags : ushort
{
    None = 0,
    Negated = 1 << 0,
    IgnoreCase = 1 << 1,

    /// <summary>Positions count from the end of the last match.</summary>
    Relative = 1 << 2,

    /// <summary>The next element is relative: on its failure this one looks for its next occurrence.</summary>
    NextIsRelative = 1 << 3,
    HasDepth = 1 << 4,
    HasOffset = 1 << 5,
    HasDistance = 1 << 6,
    HasWithin = 1 << 7,
    EndsWith = 1 << 8,

    /// <summary>The value is the number of an extracted variable.</summary>
    OffsetIsVariable = 1 << 9,
    DepthIsVariable = 1 << 10,
    DistanceIsVariable = 1 << 11,
    WithinIsVariable = 1 << 12,

    /// <summary>The prefilter has already found exactly this: no second look.</summary>
    SatisfiedByPrefilter = 1 << 13,
}

/// <summary>One instruction over a buffer. 48 bytes; which fields mean something depends on <see cref="Kind"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BufferOp
{
    public BufferOpKind Kind;
    public OpFlags Flags;
    public int Offset;
    public int Depth;
    public int Distance;
    public int Within;

    /// <summary>Index into the table of the kind.</summary>
    public int Data;

    /// <summary>Content: its length in bytes.</summary>
    public int DataLength;
    public IntegerRange Test;
}

/// <summary>Inspection buffers over the files of a transaction, the same for all protocols.</summary>
internal static class FileBuffers
{
    public const int Data = -1;
    public const int Name = -2;
    public const int Magic = -3;
}

internal enum FileTestKind : byte
{
    /// <summary>There is a file (<c>filestore</c> alone).</summary>
    Exists,
    Size,
    Md5,
    Sha1,
    Sha256,
}

/// <summary>A condition on a file other than its bytes.</summary>
internal sealed class FileTest
{
    public required FileTestKind Kind { get; init; }

    public IntegerRange Size { get; init; }

    public bool Negated { get; init; }

    /// <summary>Digests listed, with their whole length.</summary>
    public DigestSet? Digests { get; init; }
}

internal enum EngineKind : byte
{
    Buffer,
    Field,
    Keyword,
    Anomaly,

    /// <summary>The payload section of a transaction rule, over stream or packet.</summary>
    Payload,

    /// <summary>Reaching a progress value (rule hooks).</summary>
    Progress,

    /// <summary>A file's name, size, hash or type.</summary>
    File,

    /// <summary>Standing before, at or behind a progress value; Index: a <see cref="StateComparison"/>.</summary>
    State,
}

/// <summary>How <c>app-layer-state</c> compares.</summary>
internal static class StateComparison
{
    public const int At = 0;
    public const int Before = 1;
    public const int Behind = 2;
}

[Flags]
internal enum EngineFlags : byte
{
    None = 0,
    Multi = 1,
    Streaming = 2,

    /// <summary><c>absent</c>: matches when the buffer does not exist.</summary>
    Absent = 4,

    /// <summary><c>absent: or_else</c>: matches when the buffer does not exist or the contents match.</summary>
    AbsentOrElse = 8,
    NegatedOnly = 16,
}

/// <summary>What a rule asks of a transaction of one protocol.</summary>
internal struct InspectionEngine
{
    public EngineKind Kind;
    public EngineFlags Flags;
    public ProtocolId Protocol;
    public DirectionMask Directions;
    public byte ProgressToServer;
    public byte ProgressToClient;

    /// <summary>Number of the inspection buffer (name and transforms), or index into the tables of the kind.</summary>
    public int Index;

    /// <summary>The protocol's number of the buffer or field.</summary>
    public int LocalId;

    public Span32 Ops;

    public readonly bool AppliesTo(ProtocolId protocol, DirectionMask direction) => Protocol == protocol && (Directions & direction) != 0;
}

internal enum EffectKind : byte
{
    FlowBitSet,
    FlowBitUnset,
    FlowBitToggle,
    FlowIntSet,
    FlowIntAdd,
    FlowIntSubtract,
    XBitSet,
    XBitUnset,
    XBitToggle,
    HostBitSet,
    HostBitUnset,
    HostBitToggle,
    Bypass,
    Tag,
    StoreFiles,
    Config,
    StoreCertificate,
    Mark,
}

/// <summary>What happens when a rule has matched.</summary>
internal struct RuleEffect
{
    public EffectKind Kind;
    public byte Mode;
    public int A;
    public int B;
    public long C;
}
