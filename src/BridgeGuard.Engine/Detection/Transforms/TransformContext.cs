using BridgeGuard.Engine.Detection.Regex;

namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary>What transforms need from outside.</summary>
/// <param name="Suffixes">For <c>domain</c> and <c>tld</c>.</param>
/// <param name="Limits">For <c>pcrexform</c>.</param>
public sealed record TransformContext(PublicSuffixList Suffixes, MatchLimits Limits)
{
    /// <summary>The built-in suffixes and Suricata's default limits.</summary>
    public static TransformContext Default { get; } = new(PublicSuffixList.BuiltIn, MatchLimits.Default);
}
