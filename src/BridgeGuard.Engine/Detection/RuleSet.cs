using BridgeGuard.Engine.Detection.Datasets;
using BridgeGuard.Engine.Detection.Image;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Detection.Prefilter;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Engine.Detection.Reputation;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Detection;

/// <summary>A compiled set of rules: flat arrays, in evaluation order. Immutable; shared by all workers; swapped by one reference.</summary>
/// <remarks>
/// A rule's index is its place in evaluation order: action (pass, drop, reject, alert), then setters of flow variables before their readers,
/// then priority, then sid. Built by <c>BridgeGuard.Rules</c>.
/// </remarks>
public sealed class RuleSet
{
    public static readonly RuleSet Empty = new();

    private Dictionary<(uint Gid, uint Sid), int>? _byId;

    internal RuleSet()
    {
    }

    /// <summary>What the rules say about themselves, by index.</summary>
    public IReadOnlyList<RuleInfo> Rules => Infos;

    public int Count => Entries.Length;

    /// <summary>Some rule looks at reassembled stream bytes that are no protocol's buffer.</summary>
    public bool NeedsStream { get; private init; }

    /// <summary>Which protocols' transactions any rule looks at; others need not be kept for detection.</summary>
    public bool NeedsTransactions(ProtocolId protocol) => TransactionRules[(int)protocol].Length > 0;

    /// <summary>Names of flow variables.</summary>
    public VariableNames Names { get; internal init; } = VariableNames.Shared;

    /// <summary>Finds a rule's index; -1 when it is not loaded.</summary>
    public int Find(uint gid, uint sid) => (_byId ??= IndexIds()).TryGetValue((gid, sid), out int index) ? index : -1;

    internal LazyTable<RuleInfo> Infos { get; init; } = new([]);

    /// <summary>Group and number of each rule; apart from <see cref="Infos"/>, which may not be made yet.</summary>
    internal (uint Gid, uint Sid)[] Ids { get; init; } = [];

    internal RuleEntry[] Entries
    {
        get;
        init
        {
            field = value;
            NeedsStream = Array.Exists(value, entry => (entry.Flags & RuleFlags.NeedStream) != 0);
        }
    }

    = [];

    internal RuleHeader[] Headers { get; init; } = [];

    /// <summary>Each rule's header, apart from the entries: it is asked for every pattern found, and most are answered by it.</summary>
    internal int[] HeaderOfRule { get; init; } = [];

    internal AddressViews Addresses { get; init; } = new([AddressClassifier.Build([])]);

    internal PortClassifier Ports { get; init; } = PortClassifier.Build([]);

    /// <summary>Sets of IP protocols, 256 bits each.</summary>
    internal ulong[][] ProtocolSets { get; init; } = [];

    internal PacketCondition[] Conditions { get; init; } = [];

    /// <summary>Lists of variable numbers of <c>flowbits:isset,a|b</c> and other small integer lists.</summary>
    internal int[] Numbers { get; init; } = [];

    internal BufferOp[] Ops { get; init; } = [];

    internal LazyTable<ContentPattern> Contents { get; init; } = new([]);

    internal LazyTable<PcreOp> Expressions { get; init; } = new([]);

    internal ByteOp[] ByteOps { get; init; } = [];

    internal Base64Op[] Base64Ops { get; init; } = [];

    internal Entropy[] EntropyOps { get; init; } = [];

    internal Asn1[] Asn1Ops { get; init; } = [];

    internal DatasetOp[] DatasetOps { get; init; } = [];

    /// <summary>Scores of addresses for <c>iprep</c>.</summary>
    internal ReputationTable Reputation { get; private set; } = ReputationTable.Empty;

    internal RpcTest[] RpcTests { get; init; } = [];

    internal InspectionEngine[] Engines { get; init; } = [];

    internal FieldTest[] FieldTests { get; init; } = [];

    internal IntegerRange[] IntegerTests { get; init; } = [];

    internal FileTest[] FileTests { get; init; } = [];

    /// <summary>Digests of files that some rule asks for; for <see cref="Files.FileTracker.Wanted"/>.</summary>
    public Files.FileHashes NeededHashes { get; internal init; }

    /// <summary>Some rule keeps files (<c>filestore</c>).</summary>
    public bool StoresFiles { get; internal init; }

    internal TransactionMatcher[] Keywords { get; init; } = [];

    /// <summary>Transform chains by inspection buffer number; empty without transforms.</summary>
    internal Transforms.Transform[][] BufferTransforms { get; init; } = [];

    /// <summary>Names of inspection buffers, by number, for people.</summary>
    internal string[] BufferNames { get; init; } = [];

    internal RuleEffect[] Effects { get; init; } = [];

    internal ThresholdRule[] Thresholds { get; init; } = [];

    /// <summary>Suppressions from <c>threshold.config</c>; <see cref="RuleEntry.Suppressions"/> points here.</summary>
    internal Suppression[] Suppressions { get; init; } = [];

    internal TagOp[] Tags { get; init; } = [];

    internal ConfigOp[] ConfigOps { get; init; } = [];

    /// <summary>Transaction rules by protocol, ascending.</summary>
    internal int[][] TransactionRules { get; init; } = EmptyByProtocol();

    /// <summary>Which rules each header's groups hold, by header.</summary>
    internal HeaderRules[] HeaderRules { get; init; } = [];

    /// <summary>Payload prefilters, by <see cref="PayloadKind"/> and direction: index kind * 2 + direction. Several each, of which a packet needs some.</summary>
    internal PrefilterTable[][] PayloadPrefilters { get; init; } = EmptyPayload();

    /// <summary>Prefilters of transaction buffers, by protocol and direction: index protocol * 2 + direction.</summary>
    internal BufferPrefilters[] BufferPrefilters { get; init; } = EmptyPrefilters();

    /// <summary>Firewall rules, in the order written.</summary>
    internal Firewall.FirewallTables Firewall { get; init; } = Detection.Firewall.FirewallTables.Empty;

    /// <summary>What rules ask of frames, by protocol and direction: index protocol * 2 + direction.</summary>
    internal FrameRules[][] FrameRules { get; init; } = EmptyFrames();

    /// <summary>The three kinds of searches together.</summary>
    internal RuleSearches Searches
    {
        get => new(PayloadPrefilters, BufferPrefilters, FrameRules);
        init
        {
            PayloadPrefilters = value.Payload;
            BufferPrefilters = value.Buffers;
            FrameRules = value.Frames;
        }
    }

    internal ReadOnlySpan<BufferOp> OpsOf(Span32 span) => Ops.AsSpan(span.Start, span.Count);

    private Dictionary<(uint Gid, uint Sid), int> IndexIds()
    {
        var index = new Dictionary<(uint Gid, uint Sid), int>(Ids.Length);
        for (int i = 0; i < Ids.Length; i++)
        {
            index[Ids[i]] = i;
        }

        return index;
    }

    private static int[][] EmptyByProtocol()
    {
        var all = new int[(int)ProtocolId.Count][];
        Array.Fill(all, []);
        return all;
    }

    private static PrefilterTable[][] EmptyPayload()
    {
        var all = new PrefilterTable[(int)PayloadKind.Count * 2][];
        Array.Fill(all, []);
        return all;
    }

    private static FrameRules[][] EmptyFrames()
    {
        var all = new FrameRules[(int)ProtocolId.Count * 2][];
        Array.Fill(all, []);
        return all;
    }

    /// <summary>The set with these scores, before any worker has it: addresses' scores come from files of their own.</summary>
    internal RuleSet With(ReputationTable reputation)
    {
        Reputation = reputation;
        return this;
    }

    /// <summary>Some rule asks for this inspection buffer, with or without transforms.</summary>
    public bool UsesBuffer(string name) =>
        Array.Exists(BufferNames, used => used.StartsWith(name, StringComparison.Ordinal) && (used.Length == name.Length || used[name.Length] == ' '));

    /// <summary>Some rule looks into frames of this protocol.</summary>
    public bool NeedsFrames(ProtocolId protocol) => FrameRules[(int)protocol * 2].Length > 0 || FrameRules[((int)protocol * 2) + 1].Length > 0;

    private static BufferPrefilters[] EmptyPrefilters()
    {
        var all = new BufferPrefilters[(int)ProtocolId.Count * 2];
        Array.Fill(all, Detection.BufferPrefilters.None);
        return all;
    }
}

/// <summary>The rules behind one header, by when they are looked at. Rule indexes ascending.</summary>
internal sealed class HeaderRules
{
    /// <summary>Rules without a fast pattern that every packet is checked against.</summary>
    public int[] Always { get; init; } = [];

    /// <summary>Rules on packet or protocol-detection events: only for packets that have one.</summary>
    public int[] Events { get; init; } = [];

    public int[] IpOnly { get; init; } = [];

    /// <summary>Rules that ask only which protocol was detected.</summary>
    public int[] Detection { get; init; } = [];

    /// <summary>Transaction rules without a fast pattern.</summary>
    public int[] Transactions { get; init; } = [];

    /// <summary>Transaction rules that need an anomaly.</summary>
    public int[] Anomalies { get; init; } = [];

    /// <summary>Some rule has its fast pattern in the payload: bit 0 stream, bit 1 packet.</summary>
    public byte PayloadPatterns { get; init; }
}

/// <summary>The payloads that have a search of their own, as few rules concern more than one of them.</summary>
internal enum PayloadKind : byte
{
    TcpStream,
    TcpPacket,
    UdpPacket,
    OtherPacket,
    Count,
}

/// <summary>A multi-pattern search over one kind of buffer; ids are rule indexes.</summary>
internal sealed class PrefilterTable
{
    private PatternSet _set = null!; // Required by every maker.

    /// <summary>What searches. May be exchanged for one with the same patterns by another engine while workers use either: results are equal.</summary>
    public required PatternSet Set { get => Volatile.Read(ref _set); set => Volatile.Write(ref _set, value); }

    /// <summary>All rules of the set, ascending; what is looked at when the prefilter is off.</summary>
    public required int[] Rules { get; init; }

    /// <summary>Payload searches: the headers of its rules. A packet that fits none of them need not be searched.</summary>
    public int[] Headers { get; init; } = [];

    /// <summary>Payload searches: the protocol that all its rules are for; <see cref="ProtocolId.Unknown"/>: several or none.</summary>
    public ProtocolId App { get; init; }
}

/// <summary>All searches of a set, by where they look.</summary>
internal sealed record RuleSearches(PrefilterTable[][] Payload, BufferPrefilters[] Buffers, FrameRules[][] Frames)
{
    /// <summary>Every search; one that several buffers share as often as it is shared.</summary>
    public IEnumerable<PrefilterTable> All()
    {
        foreach (PrefilterTable[] slot in Payload)
        {
            foreach (PrefilterTable table in slot)
            {
                yield return table;
            }
        }

        foreach (BufferPrefilters slot in Buffers)
        {
            foreach (BufferPrefilter buffer in slot.All)
            {
                yield return buffer.Table;
            }
        }

        foreach (FrameRules[] slot in Frames)
        {
            foreach (FrameRules frame in slot)
            {
                if (frame.Table is { } table)
                {
                    yield return table;
                }
            }
        }
    }
}

/// <summary>The rules over one type of frames of a protocol in one direction.</summary>
internal sealed class FrameRules
{
    public required short Type { get; init; }

    /// <summary>Number of the inspection buffer, for its transforms.</summary>
    public required int Buffer { get; init; }

    /// <summary>Null when all of them have no fast pattern.</summary>
    public required PrefilterTable? Table { get; init; }

    /// <summary>Rules without a fast pattern, ascending.</summary>
    public required int[] Always { get; init; }
}

/// <summary>The prefilter of one inspection buffer of a protocol in one direction.</summary>
internal sealed class BufferPrefilter
{
    public required int Buffer { get; init; }

    public required int LocalId { get; init; }

    public required byte Progress { get; init; }

    public required bool IsMulti { get; init; }

    public required bool IsStreaming { get; init; }

    public required PrefilterTable Table { get; init; }
}

/// <summary>The prefilters of a protocol and direction, by the progress from which their buffer exists.</summary>
internal sealed class BufferPrefilters
{
    /// <summary>Prefilters that a transaction remembers to be done with; those over it run whenever it is inspected.</summary>
    public const int MaxRemembered = 256;

    public static readonly BufferPrefilters None = new([]);

    private readonly ushort[] _reached = new ushort[256];

    /// <param name="all">Owned by the result from here on.</param>
    public BufferPrefilters(BufferPrefilter[] all)
    {
        for (int i = 1; i < all.Length; i++)
        {
            // By insertion: those of one progress keep their order, also when a set is laid out again from an image.
            BufferPrefilter moved = all[i];
            int at = i;
            for (; at > 0 && all[at - 1].Progress > moved.Progress; at--)
            {
                all[at] = all[at - 1];
            }

            all[at] = moved;
        }

        All = all;
        for (int progress = 0; progress < _reached.Length; progress++)
        {
            int count = 0;
            while (count < all.Length && all[count].Progress <= progress)
            {
                count++;
            }

            _reached[progress] = (ushort)count;
        }
    }

    /// <summary>Ascending by progress.</summary>
    public BufferPrefilter[] All { get; }

    /// <summary>So many of them, from the first, have a buffer to look at.</summary>
    public int Reached(byte progress) => _reached[progress];
}

/// <summary>A <c>pcre</c>: the expression and where its captures go.</summary>
internal sealed class PcreOp
{
    public required CompiledRegex Regex { get; init; }

    /// <summary>Flow variable per capture group, -1: not kept.</summary>
    public int[] FlowCaptures { get; init; } = [];

    /// <summary>Extracted-variable slot per capture group (byte_extract like), -1: none.</summary>
    public int[] PacketCaptures { get; init; } = [];
}

internal sealed class Base64Op
{
    public required Base64Decode Decode { get; init; }

    /// <summary>The contents of <c>base64_data</c>.</summary>
    public Span32 Section { get; set; }
}

/// <summary>A comparison of a protocol's integer field.</summary>
internal struct FieldTest
{
    public IntegerRange Test;

    /// <summary>Several tests, any of which may hold (lists of names); empty: <see cref="Test"/>.</summary>
    public Span32 Alternatives;
    public FieldMode Mode;

    public readonly bool Matches(RuleSet rules, ulong value)
    {
        if (Alternatives.Count == 0)
        {
            return Test.Matches(value);
        }

        foreach (IntegerRange test in rules.IntegerTests.AsSpan(Alternatives.Start, Alternatives.Count))
        {
            if (test.Matches(value))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>With <see cref="FieldMode.AtIndex"/>: the value's position, negative from the end. With <see cref="FieldMode.Count"/>: compared by <see cref="Test"/>.</summary>
    public int Index;
    public IntegerRange CountTest;
}

internal enum FieldMode : byte
{
    Any,
    All,

    /// <summary>All of at least one.</summary>
    AllAtLeastOne,
    AtIndex,

    /// <summary>How many values there are.</summary>
    Count,

    /// <summary>How many values pass the test.</summary>
    MatchCount,
}

internal sealed class TagOp
{
    public bool IsHost { get; init; }

    public bool BySource { get; init; }

    public TagMetric Metric { get; init; }

    public uint Count { get; init; }
}

/// <summary><c>rpc:program,version,procedure</c>; null: any (RFC 5531 §9).</summary>
internal sealed record RpcTest(uint Program, uint? Version, uint? Procedure);

internal sealed class ConfigOp
{
    /// <summary>0: logging.</summary>
    public bool DisableLogging { get; init; }

    /// <summary>tx or flow.</summary>
    public bool WholeFlow { get; init; }
}
