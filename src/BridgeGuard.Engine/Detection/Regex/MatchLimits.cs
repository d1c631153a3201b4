namespace BridgeGuard.Engine.Detection.Regex;

/// <summary>How much work one match may cost before it is given up and counted as no match.</summary>
/// <param name="MatchLimit">Calls of the matcher's inner function; Suricata's <c>pcre.match-limit</c>, 3500.</param>
/// <param name="RecursionLimit">Depth of its recursion; Suricata's <c>pcre.match-limit-recursion</c>, 1500.</param>
/// <param name="TimeoutMs">For the managed fallback, which has no such counts: milliseconds.</param>
public readonly record struct MatchLimits(uint MatchLimit, uint RecursionLimit, int TimeoutMs)
{
    /// <summary>Suricata's defaults, and 50 ms for the fallback: a busy machine must not cut short what is cheap.</summary>
    public static MatchLimits Default => new(3500, 1500, 50);
}
