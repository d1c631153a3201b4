namespace BridgeGuard.Engine.Detection.Prefilter.Interop;

internal static class HyperscanPatternSet
{
    public static PatternSet Compile(PatternSetBuilder builder) =>
        throw new NotSupportedException($"No Hyperscan library for {builder.Count} patterns.");
}
