using BridgeGuard.Daemon.Configuration;

namespace BridgeGuard.Daemon.Services;

/// <summary>What a reload leaves for a restart.</summary>
public static class RestartNeeds
{
    /// <summary>Options of the configuration file that a reload exchanges.</summary>
    private static readonly HashSet<string> Exchanged = ["rules", "variables", "roles", "targets", "guests", "guest-sources", "playbooks", "webhooks"];

    /// <summary>Options that say something else now than at the start, and that only a restart puts in force; sorted.</summary>
    public static IReadOnlyList<string> Of(DaemonModel start, DaemonModel next) =>
    [
        .. start.Written.Keys.Union(next.Written.Keys)
            .Where(key => !Exchanged.Contains(key) && start.Written.GetValueOrDefault(key) != next.Written.GetValueOrDefault(key))
            .Order(StringComparer.Ordinal),
    ];
}
