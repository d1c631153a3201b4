using System.Runtime.CompilerServices;

namespace BridgeGuard.Engine.Detection.Regex;

/// <summary>Where an expression matched: offsets into the buffer that was searched.</summary>
/// <remarks>A value, overwritten by each match; holds no reference. Groups that took no part are (-1, -1).</remarks>
public struct RegexMatch
{
    /// <summary>Capture groups that are kept: Suricata's limit for <c>pcre</c> captures.</summary>
    public const int MaxGroups = 8;

    private GroupRanges _groups;

    /// <summary>Offset of the first byte matched.</summary>
    public int Start { get; internal set; }

    /// <summary>Offset just behind the last byte matched; equal to <see cref="Start"/> for an empty match.</summary>
    public int End { get; internal set; }

    /// <summary>How many capture groups the expression has, at most <see cref="MaxGroups"/>; group 0, the match, is not counted.</summary>
    public int GroupCount { get; internal set; }

    /// <summary>Where the search for the next match starts: always further on, so iterating ends.</summary>
    public readonly int NextStart => End > Start ? End : End + 1;

    /// <summary>The bytes of capture group 1 to <see cref="GroupCount"/>; false when the group took no part in the match.</summary>
    public readonly bool TryGetGroup(int number, out int start, out int end)
    {
        start = -1;
        end = -1;
        if (number < 1 || number > GroupCount)
        {
            return false;
        }
        (start, end) = _groups[number - 1];
        return start >= 0;
    }

    internal void SetGroup(int number, int start, int end) => _groups[number - 1] = (start, end);

    [InlineArray(MaxGroups)]
    private struct GroupRanges
    {
        private (int Start, int End) _first;
    }
}
