using System.Diagnostics.CodeAnalysis;
using System.Text;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Detection.Regex;

namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary><c>pcrexform:"…(…)…"</c>: what the one capture group of the expression's first match holds.</summary>
/// <remarks>Without a match, and when the group is empty or took no part, the bytes stay as they are.</remarks>
internal sealed class PcreTransform(string expression, CompiledRegex regex) : Transform
{
    public override string Name => "pcrexform";

    public override string Identity => $"pcrexform:{expression}";

    public static bool TryParse(
        ReadOnlySpan<char> argument, MatchLimits limits, [NotNullWhen(true)] out Transform? transform, out ArgumentError error)
    {
        transform = null;
        if (!Quoted.TryUnquote(argument, out ReadOnlySpan<char> text, out int start, out error))
        {
            return false;
        }
        string expression = text.ToString();
        if (!CompiledRegex.TryCompile(
            Encoding.Latin1.GetBytes(expression), PcreOptions.None, limits, out CompiledRegex? regex, out RegexCompileError? problem))
        {
            error = new ArgumentError(start + problem.Offset, problem.Message);
            return false;
        }
        if (regex.GroupCount != 1)
        {
            error = new ArgumentError(start, $"the expression has {regex.GroupCount} capture groups; expected one");
            regex.Dispose();
            return false;
        }
        transform = new PcreTransform(expression, regex);
        return true;
    }

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch)
    {
        RegexMatch match = default;
        return regex.TryMatch(input, 0, scratch.Regex, ref match) && match.TryGetGroup(1, out int start, out int end) && end > start
            ? input[start..end]
            : input;
    }
}
