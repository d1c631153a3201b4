using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Policy;

namespace BridgeGuard.Engine.Worker;

/// <summary>What can be exchanged between two packets: the rules and the policy compiled against them. Immutable, swapped by one reference.</summary>
public sealed record EngineProgram(RuleSet Rules, CompiledPolicy Policy)
{
    public static readonly EngineProgram Empty = new(RuleSet.Empty, CompiledPolicy.Empty);
}
