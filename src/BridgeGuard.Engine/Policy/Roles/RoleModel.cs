using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Behaviour;
using BridgeGuard.Engine.Policy.Contracts;
using BridgeGuard.Engine.Policy.Encrypted;
using BridgeGuard.Engine.Policy.Links;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Policy.Roles;

/// <summary>What a role makes of a match or a finding, in order of strictness: of two roles the higher wins.</summary>
public enum RoleAction : byte
{
    /// <summary>As the rule says.</summary>
    AsRule,

    /// <summary>The rule does not exist for this role.</summary>
    Off,

    /// <summary>The flow is trusted from here on: not inspected, carried by the kernel.</summary>
    Bypass,
    Alert,

    /// <summary>The flow goes on; its frames carry the role's mark out, for tc and nftables.</summary>
    Mark,

    /// <summary>The flow's frames pass only at the role's rate.</summary>
    RateLimit,

    /// <summary>A DNS query is answered in the server's name.</summary>
    Sinkhole,

    /// <summary>The connection is held open and never moves; the real server is let go.</summary>
    Tarpit,

    /// <summary>An HTTP request is answered with a page in the server's name.</summary>
    BlockPage,

    /// <summary>The flow is moved to the role's target.</summary>
    Redirect,
    Reject,
    Drop,
}

/// <summary>When the rest of a file is let through.</summary>
public enum FileDelivery : byte
{
    /// <summary>Files are hashed, never held.</summary>
    Observe,

    /// <summary>The last bytes wait until the verdict is there.</summary>
    HoldTail,

    /// <summary>The first bytes wait: no program sees any before the verdict. A file that outgrows its receiver's window goes over to <see cref="HoldTail"/>.</summary>
    HoldHead,

    /// <summary>The first bytes of files up to <see cref="RoleModel.FileHoldAllBytes"/> wait, whatever comes; longer files as <see cref="HoldTail"/>.</summary>
    HoldAll,
}

/// <summary>One line of a role: rules it applies to, and what becomes of their matches. What is null or 0 is any.</summary>
public sealed record RoleRule
{
    /// <summary>Rule class.</summary>
    public string? Classtype { get; init; }

    /// <summary>Rule file name without folder and extension.</summary>
    public string? File { get; init; }

    /// <summary>A metadata key that must be there, with one of the values when <see cref="MetadataValues"/> has any.</summary>
    public string? MetadataKey { get; init; }

    public string[] MetadataValues { get; init; } = [];

    /// <summary>One rule.</summary>
    public uint Sid { get; init; }

    /// <summary>Only rules whose own action is this (<c>alert</c>, <c>drop</c> …).</summary>
    public string? From { get; init; }

    /// <summary>Only rules of this severity or a more severe one (1 is the most severe).</summary>
    public byte MaxSeverity { get; init; }

    /// <summary>Only rules of this severity or a less severe one.</summary>
    public byte MinSeverity { get; init; }

    /// <summary>Only rules that name this vulnerability, or any when the text is <c>any</c>.</summary>
    public string? Cve { get; init; }

    public required RoleAction Action { get; init; }

    /// <summary>Where the line is written, <c>file:line:column</c>: what explanations name.</summary>
    public string Place { get; init; } = "";
}

/// <summary>How fast frames of limited flows may go; one bucket for each guest, peer or rule.</summary>
/// <param name="PacketsPerSecond">0: not limited.</param>
/// <param name="BytesPerSecond">0: not limited.</param>
/// <param name="By">What shares a bucket.</param>
public sealed record RateLimitModel(int PacketsPerSecond, long BytesPerSecond, RateLimitBy By)
{
    public static readonly RateLimitModel Default = new(50, 0, RateLimitBy.Guest);
}

/// <summary>What shares one bucket of a rate limit.</summary>
public enum RateLimitBy : byte
{
    Guest,
    Peer,
    Rule,
}

/// <summary>What a guest may be and do. Immutable plain data.</summary>
public sealed record RoleModel
{
    public required string Name { get; init; }

    /// <summary>Later lines go before earlier ones, as in a configuration file read from top to bottom.</summary>
    public RoleRule[] Rules { get; init; } = [];

    /// <summary>Index of the redirect target, -1: none (a redirect is then a drop).</summary>
    public int RedirectTarget { get; init; } = -1;

    /// <summary>IPv4 address that sinkholed names resolve to; default: the answer is «no such name».</summary>
    public IpAddress? Sinkhole { get; init; }

    public FileDelivery Files { get; init; }

    /// <summary>Flows of its guests are inspected to their end: no early verdicts.</summary>
    public bool FullInspection { get; init; }

    /// <summary>How long the end of a file may wait for a scanner.</summary>
    public int FileHoldMs { get; init; } = 5000;

    /// <summary>How long a file of unknown length may stand still before its newest packet goes on (only where <see cref="FilesFailOpen"/>).</summary>
    public int FileStallMs { get; init; } = 200;

    /// <summary>Longest file that <see cref="FileDelivery.HoldAll"/> holds; a receiver's window must take it, Linux begins with 64 KiB.</summary>
    public long FileHoldAllBytes { get; init; } = 64 << 10;

    /// <summary>Pieces of files (ranges, resumed transfers) that cannot be joined to their start are let through; false stops them.</summary>
    public bool AllowsPieces { get; init; } = true;

    /// <summary>An HTTP receiver that has not got a byte of a stopped file gets a page that says why.</summary>
    public bool BlockPage { get; init; } = true;

    /// <summary>What happens to a file without a verdict at the end of the wait: true passes it.</summary>
    public bool FilesFailOpen { get; init; } = true;

    /// <summary>HOME_NET, for traffic of a guest of this role, is the guest itself: everybody else, the next guest too, is outside.</summary>
    public bool HomeIsGuest { get; init; }

    /// <summary>Address variables, besides HOME_NET, that guests of this role are in (<c>HTTP_SERVERS</c>); with <see cref="HomeIsGuest"/>.</summary>
    public string[] ServerGroups { get; init; } = [];

    /// <summary>How the guests' systems rebuild overlapping segments and fragments; null: as configured by address.</summary>
    public HostOs? HostOs { get; init; }

    public ServiceContract Contract { get; init; } = ServiceContract.Open;

    public LinkGuardModel Links { get; init; } = LinkGuardModel.None;

    public BehaviourModel Behaviour { get; init; } = BehaviourModel.None;

    public EncryptedModel Encrypted { get; init; } = EncryptedModel.None;

    public RateLimitModel RateLimit { get; init; } = RateLimitModel.Default;

    /// <summary>What frames of flows are marked with that <see cref="RoleAction.Mark"/> is said of (<c>skb-&gt;mark</c>); 0: nothing.</summary>
    public uint Mark { get; init; }

    /// <summary>How long a frame of its guests may take from its arrival to its verdict, microseconds; over it <see cref="Exceptions"/> decides (cause <c>LatencyBudget</c>). 0: not watched.</summary>
    public int LatencyBudgetUs { get; init; }

    /// <summary>What is done when something cannot be inspected, by cause; null: as configured for all.</summary>
    public ExceptionPolicy?[]? Exceptions { get; init; }

    /// <summary>What the kernel does with the frames of the guests' ports while the engine is away: true passes them; null: as the bridge says.</summary>
    public bool? FailOpen { get; init; }

    /// <summary>Where the role is written.</summary>
    public string File { get; init; } = "";
}
