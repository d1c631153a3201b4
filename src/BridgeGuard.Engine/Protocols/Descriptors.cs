using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols;

/// <summary>In which directions something exists.</summary>
[Flags]
public enum DirectionMask : byte
{
    None = 0,
    ToServer = 1,
    ToClient = 2,
    Both = 3,
}

/// <summary>An inspection buffer that a protocol publishes to rules: <c>http.uri</c>, <c>dns.query</c>.</summary>
/// <remarks>One array per protocol is the single source for the rule compiler, <c>--list-keywords</c> and the documentation.</remarks>
public sealed class BufferDescriptor
{
    /// <summary>The sticky buffer keyword.</summary>
    public required string Name { get; init; }

    /// <summary>Other sticky keywords for the same buffer, such as <c>dns_query</c>.</summary>
    public string[] Aliases { get; init; } = [];

    /// <summary>Content modifiers of the old style, such as <c>http_uri</c>, that move the content before them into this buffer.</summary>
    public string[] LegacyModifiers { get; init; } = [];

    /// <summary>The number <see cref="Transaction.TryGetBuffer"/> gets. Unique within the protocol.</summary>
    public required int LocalId { get; init; }

    public required DirectionMask Directions { get; init; }

    /// <summary>The progress from which the buffer can be asked for, in its direction (separately for the two).</summary>
    public byte ProgressToServer { get; init; }

    public byte ProgressToClient { get; init; }

    /// <summary>Many values per transaction (<c>dns.query</c>, <c>tls.certs</c>): a rule's contents must all match within one value.</summary>
    public bool IsMulti { get; init; }

    /// <summary>Grows over packets (bodies): inspected whenever the transaction moves, not once.</summary>
    public bool IsStreaming { get; init; }

    /// <summary>Names for <see cref="Transaction.TryGetBuffer"/> only, not a keyword of its own (used by other keywords).</summary>
    public bool IsHidden { get; init; }

    /// <summary>Checked by the rule compiler on each content of the buffer; returns a message when the content can never match (case, white space).</summary>
    public Func<ReadOnlyMemory<byte>, bool, string?>? ValidateContent { get; init; }

    /// <summary>The buffer is in lower case, and contents in capitals mean the same (hashes).</summary>
    public bool LowersContents { get; init; }

    public string Help { get; init; } = "";
}

/// <summary>An integer or enumerated field that a protocol publishes: <c>dns.opcode</c>, <c>mqtt.type</c>.</summary>
public sealed class FieldDescriptor
{
    public required string Name { get; init; }

    public string[] Aliases { get; init; } = [];

    public required int LocalId { get; init; }

    public required DirectionMask Directions { get; init; }

    public byte ProgressToServer { get; init; }

    public byte ProgressToClient { get; init; }

    /// <summary>8, 16, 32 or 64: the width that bounds what a rule may say.</summary>
    public byte Bits { get; init; } = 32;

    /// <summary>Names for values (<c>dns.rcode: nxdomain</c>); empty when only numbers are allowed.</summary>
    public (string Name, ulong Value)[] Names { get; init; } = [];

    /// <summary>Names stand for bits and a rule may list several (<c>mqtt.flags: dup,retain</c>).</summary>
    public bool IsFlags { get; init; }

    public bool IsMulti { get; init; }

    /// <summary>A rule may say which of many values count (<c>,any</c>, <c>,all</c>, <c>,2</c>).</summary>
    public bool TakesSelector { get; init; } = true;

    public string Help { get; init; } = "";
}

/// <summary>A keyword whose arguments only the protocol understands (<c>dcerpc.iface</c>, <c>tls.cert_notafter</c>).</summary>
public sealed class KeywordDescriptor
{
    public required string Name { get; init; }

    public string[] Aliases { get; init; } = [];

    public required DirectionMask Directions { get; init; }

    public byte ProgressToServer { get; init; }

    public byte ProgressToClient { get; init; }

    /// <summary>Argument text (null without) to a matcher; on failure null with the message «what is wrong, what was expected».</summary>
    public required KeywordParser Parse { get; init; }

    public bool ArgumentOptional { get; init; }

    /// <summary>The argument stands in quotes; others stand without.</summary>
    public bool NeedsQuotes { get; init; }

    /// <summary>When the whole rule matches, the certificates of the direction are stored (<c>tls.store</c>).</summary>
    public bool StoresCertificates { get; init; }

    /// <summary>A rule may have it once.</summary>
    public bool StandsOnce { get; init; }

    public string Help { get; init; } = "";
}

public delegate TransactionMatcher? KeywordParser(string? argument, out string error);

/// <summary>A compiled protocol keyword. Immutable; shared by workers; no allocation in <see cref="Match"/>.</summary>
public abstract class TransactionMatcher
{
    public abstract bool Match(Transaction transaction, Direction direction, Flow flow);
}

/// <summary>A named oddity (<c>app-layer-event:http.request_line_missing_protocol</c>).</summary>
/// <param name="Name">Its name in rules, lower case; EVE's <c>anomaly.event</c> is the same in upper case.</param>
/// <param name="Help">What it means.</param>
/// <param name="EveName">EVE's name where that differs.</param>
public readonly record struct AnomalyDescriptor(string Name, string Help, string? EveName = null);

/// <summary>Bytes that betray a protocol at the start of a stream, whatever the port.</summary>
/// <param name="Transport">IP protocol number, TCP or UDP.</param>
/// <param name="Direction">The direction in which the bytes are looked for.</param>
/// <param name="Bytes">The pattern.</param>
/// <param name="Offset">First position at which it may begin.</param>
/// <param name="Depth">Position by which it must have ended.</param>
/// <param name="IgnoreCase">ASCII letters match either case.</param>
/// <param name="MinimumBytes">Bytes that must have been seen before a match counts; 0: the pattern alone.</param>
/// <param name="Confirm">A match only makes <see cref="Protocol.Probe"/> be asked, which decides.</param>
public readonly record struct ProtocolPattern(
    byte Transport, Direction Direction, byte[] Bytes, ushort Offset, ushort Depth, bool IgnoreCase = false, ushort MinimumBytes = 0, bool Confirm = false);

/// <summary>Ports on which a protocol's <see cref="Protocol.Probe"/> is asked. A port range; <see cref="Last"/> inclusive.</summary>
/// <param name="Transport">IP protocol number.</param>
/// <param name="First">First port.</param>
/// <param name="Last">Last port.</param>
/// <param name="MinimumDepth">Bytes of a direction needed before the probe is asked.</param>
/// <param name="MaximumDepth">Bytes after which an unsure probe counts as no.</param>
/// <param name="ServerSpeaksFirst">The first bytes come from the server (banner protocols).</param>
public readonly record struct ProbePort(
    byte Transport, ushort First, ushort Last, ushort MinimumDepth, ushort MaximumDepth, bool ServerSpeaksFirst = false);

public enum ProbeStatus : byte
{
    NotMine,
    Unsure,
    Certain,
}

/// <summary>A probe's answer; <see cref="Reversed"/> says that the data is of the other direction than the flow believes.</summary>
public readonly record struct ProbeResult(ProbeStatus Status, bool Reversed = false)
{
    public static readonly ProbeResult NotMine = new(ProbeStatus.NotMine);
    public static readonly ProbeResult Unsure = new(ProbeStatus.Unsure);
    public static readonly ProbeResult Certain = new(ProbeStatus.Certain);
}
