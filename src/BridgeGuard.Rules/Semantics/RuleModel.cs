using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Firewall;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Semantics;

/// <summary>A rule with every name resolved, not yet laid out in the rule set's arrays. Filled by the binder, read by the compiler.</summary>
internal sealed class RuleModel
{
    public required RuleSyntax Syntax { get; init; }

    public RuleAction Action { get; set; }

    /// <summary>Set by an action scope (<c>drop:packet</c>, <c>pass:flow</c>); null: by the rule's kind.</summary>
    public bool? ActionOnFlow { get; set; }

    /// <summary>As written behind the action's colon; empty without.</summary>
    public string ActionScope { get; set; } = "";

    /// <summary>What it does as a firewall rule; null: a rule of threat detection.</summary>
    public FirewallAction? Firewall { get; set; }

    public FirewallTable FirewallTable { get; set; } = FirewallTable.PacketFilter;

    /// <summary>The hook was written with <c>&lt;</c>: any up to it.</summary>
    public bool IsUpToHook { get; set; }

    /// <summary>As written behind the protocol's colon; empty without.</summary>
    public string Hook { get; set; } = "";

    public ProtocolId App { get; set; }

    /// <summary>256 bits; null for any IP protocol.</summary>
    public ulong[]? Protocols { get; set; }

    public byte IpVersion { get; set; }

    public bool IsPacketOnly { get; set; }

    public bool IsStreamOnly { get; set; }

    /// <summary>The rule sees everything, also what has no IP header.</summary>
    public bool IsPacketHeader { get; set; }

    public bool IsBidirectional { get; set; }

    /// <summary>A transactional rule over both directions (<c>=></c>).</summary>
    public bool IsTwoWay { get; set; }

    public string SourceText { get; set; } = "any";

    public string DestinationText { get; set; } = "any";

    public AddressRanges? Source { get; set; }

    public AddressRanges? Destination { get; set; }

    public string SourcePortText { get; set; } = "any";

    public string DestinationPortText { get; set; } = "any";

    public IReadOnlyList<(ushort First, ushort Last)>? SourcePorts { get; set; }

    public IReadOnlyList<(ushort First, ushort Last)>? DestinationPorts { get; set; }

    public DirectionMask Directions { get; set; } = DirectionMask.Both;

    // Meta
    public uint Sid { get; set; }

    public uint Gid { get; set; } = 1;

    public uint Revision { get; set; }

    public string Message { get; set; } = "";

    public string ClassType { get; set; } = "";

    public int? Priority { get; set; }

    public List<(string Key, string Value)> References { get; } = [];

    public List<(string Key, string Value)> Metadata { get; } = [];

    public RuleTarget Target { get; set; }

    public bool NoAlert { get; set; }

    /// <summary>A pass rule that is to be reported all the same.</summary>
    public bool HasAlertKeyword { get; set; }

    public string RedirectTarget { get; set; } = "";

    /// <summary>A <c>requires</c> is not met: the rule is left out without an error.</summary>
    public bool IsSkipped { get; set; }

    // Flow
    public bool HasFlowKeyword { get; set; }

    /// <summary>All that its flow keyword says is <c>only_stream</c> or <c>no_stream</c>.</summary>
    public bool FlowIsOfStreamOnly { get; set; } = true;

    /// <summary>Its flow keyword names a state.</summary>
    public bool FlowHasState { get; set; }

    /// <summary>A keyword before any other of a protocol takes its byte order from a DCE/RPC header.</summary>
    public bool NamesDce { get; set; }

    /// <summary>An old-style modifier of HTTP (<c>http_uri</c>), <c>uricontent</c> or a buffer letter of an expression: as in Suricata such a rule is about HTTP/1.</summary>
    public bool NamesOldHttp { get; set; }

    public List<string> BitsRead { get; } = [];

    public List<string> BitsWritten { get; } = [];

    public bool OnlyStream { get; set; }

    public bool NoStream { get; set; }

    // Program
    public List<ConditionModel> Conditions { get; } = [];

    /// <summary>Contents on packet payload and stream.</summary>
    public SectionModel Payload { get; } = new() { Buffer = null };

    /// <summary>Contents on named buffers, in order of first use.</summary>
    public List<SectionModel> Sections { get; } = [];

    /// <summary>Contents on frames, in order of first use.</summary>
    public List<SectionModel> Frames { get; } = [];

    public SectionModel? Base64Data { get; set; }

    public List<EngineModel> Engines { get; } = [];

    public List<RuleEffect> Effects { get; } = [];

    public List<ThresholdRule> Thresholds { get; } = [];

    public List<TagOp> Tags { get; } = [];

    public List<ConfigOp> Configs { get; } = [];

    /// <summary>Names of <c>byte_extract</c> and <c>byte_math</c> results, by slot.</summary>
    public List<string> Variables { get; } = [];

    /// <summary>Where content modifiers find their content; null means the payload.</summary>
    public SectionModel? Active { get; set; }

    public bool RequiresPacket { get; set; }

    /// <summary><c>flow:not_established</c> was said.</summary>
    public bool FlowIsNotEstablished { get; set; }

    public SectionModel Current => Active ?? Payload;

    /// <summary>Where a relative keyword looks: without a sticky buffer that is the buffer of the last content.</summary>
    public SectionModel RelativeSection => Active ?? LastContentSection ?? Payload;

    /// <summary>What content modifiers change; null after a sticky buffer until its first content.</summary>
    public OpModel? LastContent { get; set; }

    public SectionModel? LastContentSection { get; set; }

    public void AddOp(SectionModel section, OpModel op)
    {
        section.Ops.Add(op);
        if (op.Kind == BufferOpKind.Content)
        {
            LastContent = op;
            LastContentSection = section;
        }
    }

    public void Activate(SectionModel? section)
    {
        Active = section;
        LastContent = null;
        LastContentSection = null;
    }

    public IEnumerable<SectionModel> AllSections
    {
        get
        {
            IEnumerable<SectionModel> all = Sections.Prepend(Payload).Concat(Frames);
            return Base64Data is null ? all : all.Append(Base64Data);
        }
    }
}

/// <summary>A condition with its list of numbers, if it has one.</summary>
internal sealed record ConditionModel(PacketCondition Condition)
{
    /// <summary>Becomes <see cref="PacketCondition.A"/> and B: start and count among the set's numbers.</summary>
    public int[]? Numbers { get; init; }

    /// <summary>Contents over header bytes; becomes A and B: the section.</summary>
    public SectionModel? Section { get; init; }

    /// <summary>Becomes <see cref="PacketCondition.A"/>: the number of these addresses in the classifier.</summary>
    public AddressRanges? Addresses { get; init; }

    /// <summary>Becomes <see cref="PacketCondition.A"/>: its place among the tests.</summary>
    public RpcTest? Rpc { get; init; }

    /// <summary>Becomes <see cref="PacketCondition.B"/>: the number of this content.</summary>
    public byte[]? Content { get; init; }

    /// <summary>May stand in an address-only rule.</summary>
    public bool IsIpOnlyCompatible { get; init; }

    /// <summary>Looks at the packet's own headers: the rule needs a real packet.</summary>
    public bool NeedsPacket { get; init; }
}

/// <summary>The instructions over one buffer.</summary>
internal sealed class SectionModel
{
    /// <summary>Null: payload or stream.</summary>
    public required BufferDefinition? Buffer { get; init; }

    public PacketBufferKind? HeaderBytes { get; init; }

    public bool IsBase64 { get; init; }

    /// <summary>The contents look into frames of this type.</summary>
    public FrameTarget? Frame { get; init; }

    public List<Transform> Transforms { get; } = [];

    public List<OpModel> Ops { get; } = [];

    public bool Absent { get; set; }

    public bool AbsentOrElse { get; set; }

    /// <summary>The directions that the keyword's own argument leaves (<c>http.connection:to_client</c>).</summary>
    public DirectionMask Only { get; init; } = DirectionMask.Both;

    /// <summary>A content or an expression stands in it: there is something to be relative to.</summary>
    public bool HasPattern => Ops.Exists(op => op.Kind is BufferOpKind.Content or BufferOpKind.Pcre);

    /// <summary>Transforms were written that nothing has made use of yet.</summary>
    public bool HasUnusedTransforms => Transforms.Count > 0 && Ops.Count == 0 && !Absent && !AbsentOrElse;

    /// <summary>Column of the keyword that opened it.</summary>
    public int Column { get; init; }

    public string Keyword { get; init; } = "";
}

/// <summary>A type of frames of one protocol.</summary>
/// <param name="Protocol">Whose.</param>
/// <param name="Type">Index into its frames, or <see cref="Engine.Protocols.Frames.FrameTypes.Stream"/>.</param>
internal sealed record FrameTarget(Protocol Protocol, short Type);

/// <summary>One instruction, still with its names and bytes.</summary>
internal sealed class OpModel
{
    public required BufferOpKind Kind { get; init; }

    public OpFlags Flags { get; set; }

    public int Offset { get; set; }

    public int Depth { get; set; }

    public int Distance { get; set; }

    public int Within { get; set; }

    /// <summary>Content: the bytes as written.</summary>
    public byte[] Pattern { get; set; } = [];

    public IntegerRange Test { get; set; }

    /// <summary>PcreOp, byte keyword and so on.</summary>
    public object? Data { get; set; }

    public int Column { get; init; }

    /// <summary>Inline: bytes of the same length that take its place in the packet.</summary>
    public byte[]? Replacement { get; set; }

    public bool IsStartsWith { get; set; }

    /// <summary>The length was given by <c>urilen</c>.</summary>
    public bool IsUriLength { get; init; }

    /// <summary><c>rawbytes</c> was said of it.</summary>
    public bool IsRaw { get; set; }

    public bool IsFastPattern { get; set; }

    /// <summary>Only searched for as prefilter (<c>fast_pattern:only</c>).</summary>
    public bool IsFastPatternOnly { get; set; }

    public int FastPatternOffset { get; set; }

    public int FastPatternLength { get; set; }

    public bool IsNegated => (Flags & OpFlags.Negated) != 0;

    public bool Has(OpFlags flag) => (Flags & flag) != 0;
}

/// <summary>A condition on a transaction that is not a buffer: one alternative per protocol.</summary>
internal sealed class EngineModel
{
    public required EngineKind Kind { get; init; }

    public required IReadOnlyList<EngineVariant> Variants { get; init; }

    /// <summary>The keyword, where it is a protocol's own.</summary>
    public string? Name { get; init; }

    /// <summary>It holds for every transaction and only says what a match does: beside keywords on packets the rule is one on packets.</summary>
    public bool OnlyActs { get; init; }

    /// <summary>The protocols that have it, each once.</summary>
    public List<ProtocolId> Protocols => field ??= Variants.Select(variant => variant.Protocol).Distinct().ToList();
}

/// <param name="Protocol">Whose transactions.</param>
/// <param name="Directions">Where it exists.</param>
/// <param name="ProgressToServer">From which progress it can be asked.</param>
/// <param name="ProgressToClient">The same for the other direction.</param>
/// <param name="LocalId">The protocol's number.</param>
/// <param name="IsMulti">Many values.</param>
/// <param name="Data">FieldTestModel, TransactionMatcher, file test; null for progress and anomalies.</param>
internal sealed record EngineVariant(
    ProtocolId Protocol, DirectionMask Directions, byte ProgressToServer, byte ProgressToClient, int LocalId, bool IsMulti, object? Data);

/// <summary>A field's test before layout.</summary>
internal sealed class FieldTestModel
{
    public IntegerRange Test { get; init; }

    public IntegerRange[] Alternatives { get; init; } = [];

    public FieldMode Mode { get; init; }

    public int Index { get; init; }

    public IntegerRange CountTest { get; init; }
}
