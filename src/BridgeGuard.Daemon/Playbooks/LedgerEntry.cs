using System.Text.Json;
using System.Text.Json.Serialization;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Daemon.Playbooks;

/// <summary>Where an action stands.</summary>
public enum ActionState : byte
{
    /// <summary>Written down, not known to be done yet.</summary>
    Begun,
    Active,

    /// <summary>Done, with nothing to take back.</summary>
    Done,
    Undone,
    Expired,
    Failed,

    /// <summary>Would have been done.</summary>
    DryRun,

    /// <summary>Not done: the target is never touched.</summary>
    Refused,

    /// <summary>Not done: the playbook's cap is reached.</summary>
    Capped,
}

/// <summary>One action, as the ledger and the audit log keep it. Immutable; a change of state is a new record of the same id.</summary>
public sealed record LedgerEntry
{
    public static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    };

    public ulong Id { get; init; }

    public ActionKind Kind { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ActionState State { get; init; }

    /// <summary>Name of the guest it works on; empty when on an address.</summary>
    public string Guest { get; init; } = "";

    /// <summary>The address it works on; empty when on a guest.</summary>
    public string Address { get; init; } = "";

    /// <summary>The playbook, or <c>operator</c>.</summary>
    public string By { get; init; } = "";

    /// <summary>The event that was the occasion, as far as it is known.</summary>
    public string EventId { get; init; } = "";

    /// <summary>One line for people.</summary>
    public string Why { get; init; } = "";

    public long CreatedUs { get; init; }

    /// <summary>0: until it is undone.</summary>
    public long ExpiresUs { get; init; }

    /// <summary>When the state was reached.</summary>
    public long AtUs { get; init; }

    public RateLimitModel? Rate { get; init; }

    /// <summary>What the target's frames are marked with; 0: nothing.</summary>
    public uint Mark { get; init; }

    /// <summary>Index of a redirect's target plus one; 0: the role's.</summary>
    public int RedirectTarget { get; init; }

    /// <summary>Name of a set or webhook.</summary>
    public string Name { get; init; } = "";

    public IReadOnlyList<string> Arguments { get; init; } = [];

    public IReadOnlyList<string> UndoArguments { get; init; } = [];

    public int TimeoutSeconds { get; init; }

    [JsonIgnore]
    public string Target => Guest.Length > 0 ? Guest : Address;

    [JsonIgnore]
    public bool IsInForce => State is ActionState.Active or ActionState.Begun;
}
