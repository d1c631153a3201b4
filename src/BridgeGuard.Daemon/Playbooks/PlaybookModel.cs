using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Daemon.Playbooks;

/// <summary>What a playbook can do.</summary>
public enum ActionKind : byte
{
    /// <summary>The guest gets the quarantine role: only the way to be repaired stays open.</summary>
    Quarantine,

    /// <summary>No traffic with the target.</summary>
    Block,
    RateLimit,
    Tarpit,
    Redirect,

    /// <summary>HTTP requests of the target are answered with a page, everything else is rejected.</summary>
    BlockPage,

    /// <summary>The target's traffic is trusted: not inspected.</summary>
    Bypass,

    /// <summary>The target's frames are written to a capture file.</summary>
    Capture,

    /// <summary>The target's frames carry a mark out, or its address is put into an nftables set, for whatever tc or nftables do with it.</summary>
    Mark,

    /// <summary>A program is run.</summary>
    Hook,

    /// <summary>The event is sent to a configured webhook.</summary>
    Webhook,
}

/// <summary>On whom an action works.</summary>
public enum ActionTarget : byte
{
    /// <summary>The guest of the event.</summary>
    Vm,

    /// <summary>The other end of the event's flow: a guest or an address.</summary>
    Peer,

    /// <summary>The end that opened the flow.</summary>
    Source,

    /// <summary>The end that was called.</summary>
    Destination,
}

/// <summary>What a playbook listens to.</summary>
public enum PlaybookOccasion : byte
{
    /// <summary>Alerts, those of findings and files on the wire among them.</summary>
    Alert,

    /// <summary>A content that guests have had as clean turns out to be malicious: once for every guest that has it, as the ledger knows.</summary>
    VerdictChanged,

    /// <summary>A guest asked for, submitted or opened a malicious content.</summary>
    GuestFile,
}

/// <summary>When a playbook acts. What is empty is any; all that is given must hold.</summary>
public sealed record PlaybookTrigger
{
    public PlaybookOccasion Event { get; init; }

    /// <summary>Signature ids, of generator 1 unless written <c>gid:sid</c>.</summary>
    public IReadOnlyList<(uint Gid, uint Sid)> Rules { get; init; } = [];

    /// <summary>Categories as alerts name them, without regard to case; <c>*</c> matches.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Only alerts of this severity or a more severe one; 0: all.</summary>
    public int MaxSeverity { get; init; }

    /// <summary>Only what was blocked.</summary>
    public bool OnlyBlocked { get; init; }

    /// <summary>Roles and tags of the event's guest.</summary>
    public IReadOnlyList<string> Roles { get; init; } = [];

    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>It follows actions of this playbook, in place of alerts; null: alerts.</summary>
    public string? Playbook { get; init; }

    /// <summary>So many events within <see cref="Seconds"/>, of one guest, peer or rule, or of all together.</summary>
    public int Count { get; init; } = 1;

    public int Seconds { get; init; } = 60;

    public TriggerScope By { get; init; }

    /// <summary>Events of at least so many different guests within the window.</summary>
    public int Guests { get; init; } = 1;

    /// <summary>Both count the same way, so that counts of the one go on in the other.</summary>
    public bool CountsAs(PlaybookTrigger other) => (Count, Seconds, By, Guests) == (other.Count, other.Seconds, other.By, other.Guests);
}

/// <summary>What shares a count.</summary>
public enum TriggerScope : byte
{
    Vm,
    Peer,
    Rule,
    All,
}

/// <summary>One thing that a playbook does.</summary>
/// <param name="Kind">What.</param>
/// <param name="Target">To whom.</param>
/// <param name="For">How long; null: until it is undone, or at once for what has no duration.</param>
public sealed record PlaybookAction(ActionKind Kind, ActionTarget Target, TimeSpan? For)
{
    public RateLimitModel? Rate { get; init; }

    /// <summary>What frames are marked with; 0: they are not.</summary>
    public uint Mark { get; init; }

    /// <summary>Index of a redirect's target; -1: the role's.</summary>
    public int RedirectTarget { get; init; } = -1;

    /// <summary>Program and arguments of a hook; <c>{name}</c> is replaced in arguments, never by a shell.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Program and arguments that undo a hook; empty: nothing does.</summary>
    public IReadOnlyList<string> UndoArguments { get; init; } = [];

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Name of a webhook, or of an nftables set as <c>family table set</c>.</summary>
    public string Name { get; init; } = "";

    /// <summary>It can be taken back.</summary>
    public bool IsLasting => Kind is not (ActionKind.Webhook or ActionKind.Hook) || UndoArguments.Count > 0;
}

/// <summary>A playbook. Immutable.</summary>
public sealed record Playbook(string Name, string Place)
{
    public bool IsDryRun { get; init; }

    public PlaybookTrigger When { get; init; } = new();

    public IReadOnlyList<PlaybookAction> Then { get; init; } = [];

    /// <summary>At most so many different guests and peers within <see cref="CapWindow"/>; then it only tells.</summary>
    public int CapTargets { get; init; } = 3;

    public TimeSpan CapWindow { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>All playbooks, and who is never touched.</summary>
public sealed record PlaybooksModel
{
    public IReadOnlyList<Playbook> Playbooks { get; init; } = [];

    /// <summary>Names of guests (<c>*</c> matches), tags as <c>tag:NAME</c>.</summary>
    public IReadOnlyList<string> NeverGuests { get; init; } = [];

    public IReadOnlyList<(IpAddress Network, byte PrefixLength)> NeverNetworks { get; init; } = [];

    /// <summary>Programs that hooks may run: folders. Empty: none, hooks are refused when they are read.</summary>
    public IReadOnlyList<string> HookFolders { get; init; } = [];

    /// <summary>The files that they were read from.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];
}
