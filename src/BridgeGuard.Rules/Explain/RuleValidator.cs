using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Rules.Explain;

/// <summary>What a check of rule files says, by rule and in total.</summary>
/// <param name="Diagnostics">Everything found, by file and line.</param>
/// <param name="Loaded">Rules without an error.</param>
/// <param name="Failed">Rules with one.</param>
/// <param name="Skipped">Rules whose <c>requires</c> is not met.</param>
public sealed record ValidationReport(IReadOnlyList<RuleDiagnostic> Diagnostics, int Loaded, int Failed, int Skipped)
{
    public bool IsClean => !Diagnostics.Any(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
}

/// <summary>Checks rules without keeping the compiled set.</summary>
public static class RuleValidator
{
    /// <summary>Loads as the engine would and reports; the same options give the same report.</summary>
    public static ValidationReport Validate(RuleLoadOptions options)
    {
        RuleLoadResult result = RuleLoader.Load(options);
        List<RuleDiagnostic> ordered =
        [
            .. result.Diagnostics.OrderBy(diagnostic => diagnostic.File, StringComparer.Ordinal)
                .ThenBy(diagnostic => diagnostic.Line)
                .ThenBy(diagnostic => diagnostic.Column),
        ];
        return new ValidationReport(ordered, result.Loaded, result.Failed, result.Skipped);
    }
}
