using BridgeGuard.Engine.Detection.Matchers;

namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary>Arguments in quotes.</summary>
internal static class Quoted
{
    /// <summary>The text between the quotes, and where it begins in the argument.</summary>
    public static bool TryUnquote(ReadOnlySpan<char> argument, out ReadOnlySpan<char> text, out int start, out ArgumentError error)
    {
        ReadOnlySpan<char> trimmed = argument.Trim(' ');
        start = argument.Length - argument.TrimStart(' ').Length + 1;
        if (trimmed.Length < 2 || trimmed[0] != '"' || trimmed[^1] != '"')
        {
            text = default;
            error = new ArgumentError(Math.Max(0, start - 1), "expected text in quotes");
            return false;
        }
        text = trimmed[1..^1];
        error = default;
        return true;
    }
}
