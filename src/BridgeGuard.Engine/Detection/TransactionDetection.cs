using System.Runtime.CompilerServices;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Detection;

/// <summary>What detection remembers of one direction of a transaction between packets. Owned by the transaction; keeps its array.</summary>
public sealed class TransactionDetection
{
    private RuleState[] _states = new RuleState[4];
    private RuleSet? _rules;
    private PrefilterBits _prefiltered;
    private ScanMark _firstMark;
    private ScanMark _secondMark;
    private ScanMark _spareMark;

    /// <summary>This direction is complete and every rule has had its say: the transaction may go as far as detection is concerned.</summary>
    public bool IsFinished { get; set; }

    /// <summary>Whether the direction was inspected with a progress of at least this; 255 before the first inspection.</summary>
    internal byte InspectedProgress { get; set; } = 255;

    /// <summary>The firewall hook reached last: it is asked again, those before it are not.</summary>
    internal byte FirewallHook { get; set; }

    /// <summary>The progress with which the firewall asked last; 255 before the first time.</summary>
    internal byte FirewallProgress { get; set; } = 255;

    /// <summary>Bytes that the parser had taken then.</summary>
    internal ulong FirewallParsed { get; set; }

    /// <summary>What <see cref="ProtocolState.ChangesToServer"/> or its twin was when the direction was inspected last.</summary>
    internal uint InspectedChanges { get; set; }

    /// <summary>The progress up to which rules that are hooks alone have been asked; kept over a change of rules.</summary>
    internal byte HookProgress { get; set; }

    /// <summary>What was new when they were (<see cref="ProtocolState.NewsOf"/>) by a packet that brought nothing new itself.</summary>
    internal uint HookNews { get; set; }

    internal int StateCount { get; private set; }

    internal ref RuleState this[int index] => ref _states[index];

    internal Span<RuleState> States => _states.AsSpan(0, StateCount);

    /// <summary>How far the body that a search is for was searched; two are remembered, a third is searched from the start each time.</summary>
    internal ref ScanMark MarkOf(PrefilterTable table)
    {
        if (_firstMark.Table is null || ReferenceEquals(_firstMark.Table, table))
        {
            return ref _firstMark;
        }

        if (_secondMark.Table is null || ReferenceEquals(_secondMark.Table, table))
        {
            return ref _secondMark;
        }

        _spareMark = default;
        return ref _spareMark;
    }

    /// <summary>Forgets what belongs to another rule set.</summary>
    internal void Attach(RuleSet rules)
    {
        if (ReferenceEquals(_rules, rules))
        {
            return;
        }

        _rules = rules;
        StateCount = 0;
        _prefiltered = default;
        _firstMark = _secondMark = default;
        InspectedProgress = 255;
    }

    internal int Find(int rule)
    {
        for (int i = 0; i < StateCount; i++)
        {
            if (_states[i].Rule == rule)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Remembers a rule that has matched in part. The number of rules bounds the table.</summary>
    internal int Add(int rule)
    {
        if (StateCount == _states.Length)
        {
            Array.Resize(ref _states, 2 * StateCount);
        }

        _states[StateCount] = new RuleState { Rule = rule };
        return StateCount++;
    }

    /// <summary>The prefilters from 64 * <paramref name="word"/> on, one bit each, that are not done with.</summary>
    internal ulong Pending(int word) => word < BufferPrefilters.MaxRemembered / 64 ? ~_prefiltered[word] : ulong.MaxValue;

    internal void SetPrefiltered(int index)
    {
        if (index < BufferPrefilters.MaxRemembered)
        {
            _prefiltered[index >> 6] |= 1UL << (index & 63);
        }
    }

    public void Reset()
    {
        StateCount = 0;
        _rules = null;
        _prefiltered = default;
        _firstMark = _secondMark = default;
        IsFinished = false;
        FirewallHook = 0;
        FirewallProgress = 255;
        FirewallParsed = 0;
        InspectedProgress = 255;
        HookProgress = 0;
        HookNews = 0;
    }

    [InlineArray(4)]
    private struct PrefilterBits
    {
        private ulong _first;
    }
}

/// <summary>How far a body was searched by which search.</summary>
internal struct ScanMark
{
    public PrefilterTable? Table;

    /// <summary>Bytes from the body's start.</summary>
    public long Searched;
}

/// <summary>A rule's progress on one direction of a transaction.</summary>
internal struct RuleState
{
    public int Rule;

    /// <summary>Engines that matched, by position among those of the protocol and direction.</summary>
    public uint Matched;

    /// <summary>Matched and reported, or cannot match any more.</summary>
    public bool IsOver;

    /// <summary>This direction's half of a two-way rule has matched.</summary>
    public bool IsHalfMatch;

    /// <summary>For file rules: files up to here were judged.</summary>
    public int FilesSeen;
}
