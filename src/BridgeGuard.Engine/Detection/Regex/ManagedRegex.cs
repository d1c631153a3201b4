using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.RegularExpressions;
using DotNetRegex = System.Text.RegularExpressions.Regex;

namespace BridgeGuard.Engine.Detection.Regex;

/// <summary>The fallback: .NET's interpreter over bytes widened to Latin-1 characters.</summary>
/// <remarks>
/// About 30 times slower than libpcre2, and bounded in time, not in steps. A match of an expression with groups allocates, because
/// .NET reports groups only for strings; a search without match does not.
/// </remarks>
internal sealed class ManagedRegex : CompiledRegex
{
    private readonly DotNetRegex _regex;

    private ManagedRegex(DotNetRegex regex, int groupCount)
    {
        _regex = regex;
        GroupCount = groupCount;
    }

    public override int GroupCount { get; }

    public override RegexEngine Engine => RegexEngine.Managed;

    public static bool TryCreate(
        ReadOnlySpan<byte> expression,
        PcreOptions options,
        MatchLimits limits,
        [NotNullWhen(true)] out CompiledRegex? regex,
        [NotNullWhen(false)] out RegexCompileError? error)
    {
        regex = null;
        (string? text, int groups, error) = PcreTranslator.Translate(expression, options);
        if (error is not null)
        {
            return false;
        }
        try
        {
            regex = new ManagedRegex(
                new DotNetRegex(text!, RegexOptions.CultureInvariant, TimeSpan.FromMilliseconds(limits.TimeoutMs)), groups);
            return true;
        }
        catch (RegexParseException exception)
        {
            error = new RegexCompileError(exception.Message, Math.Min(exception.Offset, expression.Length));
            return false;
        }
    }

    public override bool TryMatch(ReadOnlySpan<byte> buffer, int start, RegexScratch scratch, ref RegexMatch match)
    {
        if ((uint)start > (uint)buffer.Length)
        {
            return false;
        }
        try
        {
            DotNetRegex.ValueMatchEnumerator matches = _regex.EnumerateMatches(scratch.Widen(buffer), start);
            if (!matches.MoveNext())
            {
                return false;
            }
            match.Start = matches.Current.Index;
            match.End = match.Start + matches.Current.Length;
            match.GroupCount = Math.Min(GroupCount, RegexMatch.MaxGroups);
            if (GroupCount > 0)
            {
                ReadGroups(buffer, start, ref match);
            }
            return true;
        }
        catch (RegexMatchTimeoutException)
        {
            scratch.LimitHits++; // The only way in which .NET tells.
            return false;
        }
    }

    private void ReadGroups(ReadOnlySpan<byte> buffer, int start, ref RegexMatch match)
    {
        Match found = _regex.Match(Encoding.Latin1.GetString(buffer), start);
        for (int i = 1; i <= match.GroupCount; i++)
        {
            Group group = found.Groups[i];
            match.SetGroup(i, group.Success ? group.Index : -1, group.Success ? group.Index + group.Length : -1);
        }
    }
}
