using System.Runtime.CompilerServices;

namespace BridgeGuard.Engine.Detection;

/// <summary>What each rule costs a worker: how often it was looked at, how often it matched, and, of some looks, how long they took.</summary>
/// <remarks>
/// Counting is two additions a look; only every <see cref="SampleEvery"/>th look is timed, so that it may stay on in production. Owner: one worker;
/// readers of other threads see counts that may be a moment old. Belongs to one rule set and starts afresh with the next. A look begins where the
/// header and the prefilter have let a rule through.
/// </remarks>
public sealed class RuleCosts
{
    /// <summary>One look in this many is timed. A prime, so that it does not keep step with loops over the same rules.</summary>
    public const int SampleEvery = 127;

    private readonly Func<long> _clock;
    private RuleCost[] _costs = [];
    private int _countdown = SampleEvery;

    /// <param name="clock">A monotonic clock in ticks of its own; asked only for looks that are timed.</param>
    public RuleCosts(Func<long> clock) => _clock = clock;

    /// <summary>The set that the counts belong to.</summary>
    public RuleSet Rules { get; private set; } = RuleSet.Empty;

    /// <summary>By rule index.</summary>
    public ReadOnlySpan<RuleCost> Costs => _costs;

    /// <summary>Starts counting for another set.</summary>
    internal void Attach(RuleSet rules)
    {
        Rules = rules;
        _costs = new RuleCost[rules.Count];
    }

    /// <summary>A look begins: its start time when it is timed, else 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // On every candidate of every packet; measured by compare-replay with and without.
    internal long Begin() => --_countdown == 0 ? BeginTimed() : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void End(int rule, long begun, bool isMatch)
    {
        ref RuleCost cost = ref _costs[rule];
        cost.Checks++;
        if (isMatch)
        {
            cost.Matches++;
        }

        if (begun != 0)
        {
            EndTimed(ref cost, begun);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private long BeginTimed()
    {
        _countdown = SampleEvery;
        return Math.Max(1, _clock());
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void EndTimed(ref RuleCost cost, long begun)
    {
        long taken = Math.Max(0, _clock() - begun);
        cost.Samples++;
        cost.SampledTicks += taken;
        cost.MostTicks = Math.Max(cost.MostTicks, taken);
    }
}

/// <summary>One rule's counts.</summary>
public struct RuleCost
{
    /// <summary>Times the rule was evaluated behind header and prefilter.</summary>
    public long Checks;

    public long Matches;

    /// <summary>Looks that were timed, and their time in ticks of the clock given.</summary>
    public long Samples;
    public long SampledTicks;

    /// <summary>The longest of them.</summary>
    public long MostTicks;

    /// <summary>
    /// Ticks of one look, 0 while none was timed. The longest sample does not count: a worker that the kernel took its CPU from would
    /// otherwise show as a dear rule.
    /// </summary>
    public readonly double AverageTicks => Samples < 2 ? SampledTicks : (double)(SampledTicks - MostTicks) / (Samples - 1);

    /// <summary>Ticks of all looks, estimated from those timed.</summary>
    public readonly double EstimatedTicks => AverageTicks * Checks;

    /// <summary>Adds another worker's counts of the same rule.</summary>
    public void Add(in RuleCost other)
    {
        Checks += other.Checks;
        Matches += other.Matches;
        Samples += other.Samples;
        SampledTicks += other.SampledTicks;
        MostTicks = Math.Max(MostTicks, other.MostTicks);
    }
}
