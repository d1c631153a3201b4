using System.Diagnostics.CodeAnalysis;

namespace BridgeGuard.Engine.Detection.Regex;

/// <summary>The fallback.</summary>
internal static class ManagedRegex
{
    public static bool TryCreate(
        ReadOnlySpan<byte> expression,
        PcreOptions options,
        MatchLimits limits,
        [NotNullWhen(true)] out CompiledRegex? regex,
        [NotNullWhen(false)] out RegexCompileError? error)
    {
        regex = null;
        error = new RegexCompileError("libpcre2-8 is not installed and the managed fallback is not built yet", 0);
        return false;
    }
}
