using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Standing;

namespace BridgeGuard.Engine.Worker;

/// <summary>What can be exchanged between two packets: the rules, the policy compiled against them, and the guests. Immutable, swapped by one reference.</summary>
public sealed record EngineProgram(RuleSet Rules, CompiledPolicy Policy)
{
    public static readonly EngineProgram Empty = new(RuleSet.Empty, CompiledPolicy.Empty);

    /// <summary>Who is there; role indexes are those of <see cref="Policy"/>.</summary>
    public GuestSet Guests { get; init; } = GuestSet.Empty;

    /// <summary>Actions of playbooks and operators; guest indexes are those of <see cref="Guests"/>.</summary>
    public StandingActions Actions { get; init; } = StandingActions.Empty;
}
