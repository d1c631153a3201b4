using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Diagnostics;

namespace BridgeGuard.Rules.Caching;

/// <summary>What a compile found, as it is kept beside its rule set.</summary>
internal sealed record CachedLoad(RuleSet Rules, IReadOnlyList<RuleDiagnostic> Diagnostics, int Failed, int Skipped, int Files);
