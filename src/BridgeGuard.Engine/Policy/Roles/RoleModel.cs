using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy.Roles;

/// <summary>What a role makes of a rule's match, in order of strictness: of two roles the higher wins.</summary>
public enum RoleAction : byte
{
    /// <summary>As the rule says.</summary>
    AsRule,

    /// <summary>The rule does not exist for this role.</summary>
    Off,
    Alert,
    Sinkhole,
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

/// <summary>One line of a role: rules it applies to, and what becomes of their matches.</summary>
/// <param name="Classtype">Rule class, null: any.</param>
/// <param name="File">Rule file name without folder and extension, null: any.</param>
/// <param name="MetadataKey">Metadata key with <see cref="MetadataValue"/>, null: any.</param>
/// <param name="Sid">One rule; 0: any.</param>
/// <param name="From">Only rules whose own action is this (<c>alert</c>, <c>drop</c> …); null: any.</param>
/// <param name="Action">The new action.</param>
public sealed record RoleRule(string? Classtype, string? File, string? MetadataKey, string? MetadataValue, uint Sid, string? From, RoleAction Action);

/// <summary>What a guest may be and do. Immutable.</summary>
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
}

/// <summary>A guest as policy knows it. Immutable.</summary>
public sealed class GuestModel
{
    public required string Name { get; init; }

    /// <summary>Index of its role.</summary>
    public byte Role { get; init; }

    /// <summary>Ethernet addresses, low 48 bits.</summary>
    public ulong[] Macs { get; init; } = [];

    public IpAddress[] Addresses { get; init; } = [];

    /// <summary>Port name patterns with <c>*</c>.</summary>
    public string[] Ports { get; init; } = [];

    public string? Uuid { get; init; }
}
