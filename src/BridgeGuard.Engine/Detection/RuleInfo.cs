namespace BridgeGuard.Engine.Detection;

/// <summary>What a rule asks for when it matches. Order of the values carries no meaning; precedence is the verdict resolver's.</summary>
public enum RuleAction : byte
{
    Alert,
    Pass,
    Drop,
    Reject,
    RejectDestination,
    RejectBoth,
    Config,

    /// <summary>Firewall rules only: let the packet, hook, transaction or flow go on.</summary>
    Accept,

    /// <summary>Move the flow to another address (BridgeGuard only).</summary>
    Redirect,

    /// <summary>Answer a DNS query in the server's name (BridgeGuard only; by role).</summary>
    Sinkhole,

    /// <summary>Let the flow's frames pass at the role's rate only (BridgeGuard only; by role).</summary>
    RateLimit,

    /// <summary>Hold the connection open and still (BridgeGuard only; by role).</summary>
    Tarpit,

    /// <summary>Answer an HTTP request with a page (BridgeGuard only; by role).</summary>
    BlockPage,

    /// <summary>Trust the flow from here on (BridgeGuard only; by role).</summary>
    Bypass,

    /// <summary>Let the flow's frames carry the role's mark out (BridgeGuard only; by role).</summary>
    Mark,
}

/// <summary>Which end of a matching packet the attack is aimed at (<c>target:src_ip</c>).</summary>
public enum RuleTarget : byte
{
    None,
    Source,
    Destination,
}

/// <summary>One <c>metadata</c> key with its values in the order of the rule.</summary>
public sealed record RuleMetadata(string Key, string[] Values);

/// <summary>What people and outputs want to know of a rule: its names and texts, not its matching. Immutable; shared by workers.</summary>
public sealed class RuleInfo
{
    public required uint Sid { get; init; }

    public uint Gid { get; init; } = 1;

    public uint Rev { get; init; }

    public string Message { get; init; } = "";

    /// <summary>The short name of <c>classtype</c>; empty without.</summary>
    public string ClassType { get; init; } = "";

    /// <summary>The description that <c>classification.config</c> gives the class type: EVE <c>alert.category</c>.</summary>
    public string Category { get; init; } = "";

    /// <summary>Priority, 1 (highest) to 255: EVE <c>alert.severity</c>.</summary>
    public byte Severity { get; init; } = 3;

    public RuleAction Action { get; init; }

    /// <summary>The rule belongs to the firewall's own ordered rules.</summary>
    public bool IsFirewall { get; init; }

    /// <summary>A firewall rule's actions as EVE <c>firewall.policy</c> writes them; empty for others.</summary>
    public string FirewallPolicy { get; init; } = "";

    /// <summary>It matches and acts, but is never written (<c>noalert</c>).</summary>
    public bool NoAlert { get; init; }

    public RuleTarget Target { get; init; }

    /// <summary>Complete references, prefix of <c>reference.config</c> included.</summary>
    public string[] References { get; init; } = [];

    public RuleMetadata[] Metadata
    {
        get;
        init
        {
            field = value;
            ForcesInspection = Array.Exists(value, pair => pair.Key == "inspection" && Array.IndexOf(pair.Values, "full") >= 0);
        }
    }

    = [];

    /// <summary>A flow that it matched is inspected to its end (<c>metadata:inspection full</c>): no early verdict.</summary>
    public bool ForcesInspection { get; private init; }

    /// <summary>The rule as written, on one line.</summary>
    public string Text
    {
        get => field ?? (field = Texts?[Index] ?? "");
        init;
    }

    /// <summary>Where the text is fetched when it was not given: most rules are never shown.</summary>
    internal Image.RuleTexts? Texts { get; init; }

    /// <summary>Number of the rule in its set: its place in evaluation order.</summary>
    public int Index { get; init; }

    public RuleKind Kind { get; init; }

    /// <summary>Everything before the options.</summary>
    public string Header { get; init; } = "";

    /// <summary>The file the rule came from, and its 1-based line.</summary>
    public string SourceFile { get; init; } = "";

    public int SourceLine { get; init; }

    /// <summary>The source's file name without folder and extension, a category that roles may select by.</summary>
    public string FileCategory { get; init; } = "";

    /// <summary>The name of the target of <see cref="RuleAction.Redirect"/>.</summary>
    public string RedirectTarget { get; init; } = "";
}

/// <summary>The kind of a rule by what it looks at; decides when it is evaluated (names as in Suricata's rule analysis).</summary>
public enum RuleKind : byte
{
    Packet,

    /// <summary>Addresses only: once per flow and direction.</summary>
    IpOnly,

    /// <summary>As <see cref="IpOnly"/>, with negated addresses.</summary>
    LikeIpOnly,

    /// <summary>Decoder events only: sees packets that could not be decoded.</summary>
    DecoderEvent,

    /// <summary><c>app-layer-protocol</c> only: when protocol detection of a direction ends.</summary>
    ProtocolDetection,

    /// <summary>An application protocol and nothing else.</summary>
    AppLayer,
    Stream,
    PacketAndStream,
    Transaction,

    /// <summary>Frames that a parser points out.</summary>
    Frame,
}
