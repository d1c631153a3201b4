using System.Collections.Concurrent;

namespace BridgeGuard.Outputs.Metrics;

/// <summary>How a part is.</summary>
public enum HealthStatus : byte
{
    Healthy,

    /// <summary>Works, but somebody should look (an output is behind, rules are old).</summary>
    Degraded,

    /// <summary>Does not do its job (a port is blind, a worker stands still).</summary>
    Unhealthy,
}

/// <summary>Which question a check belongs to.</summary>
[Flags]
public enum HealthProbe : byte
{
    /// <summary>/healthz: everything.</summary>
    Health = 1,

    /// <summary>/readyz: may traffic be sent through it yet?</summary>
    Ready = 2,

    /// <summary>/livez: would a restart help?</summary>
    Live = 4,
}

/// <summary>A part's answer.</summary>
public readonly record struct HealthAnswer(HealthStatus Status, string Reason = "")
{
    public static HealthAnswer Healthy => new(HealthStatus.Healthy);
}

/// <summary>The checks of all parts. A check that throws is unhealthy with the exception's text. Thread: any.</summary>
public sealed class HealthChecks
{
    private readonly ConcurrentDictionary<string, (HealthProbe Probes, Func<HealthAnswer> Check)> _checks = new();

    public void Add(string name, HealthProbe probes, Func<HealthAnswer> check) => _checks[name] = (probes | HealthProbe.Health, check);

    public void Remove(string name) => _checks.TryRemove(name, out _);

    /// <summary>The worst status, and each check's answer by name.</summary>
    public (HealthStatus Worst, IReadOnlyList<(string Name, HealthAnswer Answer)> Answers) Ask(HealthProbe probe)
    {
        (string Name, HealthAnswer Answer)[] answers =
            [.. _checks.Where(check => check.Value.Probes.HasFlag(probe)).OrderBy(check => check.Key, StringComparer.Ordinal).Select(check => (check.Key, AskOne(check.Value.Check)))];
        return (answers.Length == 0 ? HealthStatus.Healthy : answers.Max(answer => answer.Answer.Status), answers);
    }

    private static HealthAnswer AskOne(Func<HealthAnswer> check)
    {
        try
        {
            return check();
        }
        catch (Exception e)
        {
            return new HealthAnswer(HealthStatus.Unhealthy, e.Message);
        }
    }
}
