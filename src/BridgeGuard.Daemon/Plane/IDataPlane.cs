using System.Text.Json.Nodes;
using BridgeGuard.Attachments.Bridge;

namespace BridgeGuard.Daemon.Plane;

/// <summary>What the rest of the daemon sees of the data plane, whether it runs in this process or in one of its own.</summary>
/// <remarks>Thread: any. Nothing here is on the packets' way; a call may wait for the other process.</remarks>
public interface IDataPlane
{
    /// <summary>Counters, ports and rules, at most a second old; zeros while there is no data plane.</summary>
    PlaneStatus Status { get; }

    /// <summary>Why there is no data plane and will be none; null is well.</summary>
    string? Failure { get; }

    /// <summary>A port came, changed or went. After a restart of either process all ports come once more.</summary>
    event Action<PortChange>? PortChanged;

    /// <summary>It has ended by itself and is not coming back: <see cref="Failure"/> says why.</summary>
    event Action? Ended;

    /// <summary>It inspects (again): what only the daemon knows (blocks, quarantines) must be said to it now.</summary>
    event Action? Ready;

    /// <summary>Loads the rules anew, with roles, targets and guests where a configuration is given. False when all of the old stays in force.</summary>
    /// <param name="request">Null: the rule files alone are read again.</param>
    /// <param name="errors">Why not, or what was left out; a line each.</param>
    bool TryReload(ReloadRequest? request, out IReadOnlyList<string> errors);

    /// <summary>Runs a command of <see cref="PlaneCommands"/> in the data plane's process.</summary>
    /// <exception cref="PlaneException">There is no data plane, no such command, no answer in time, or the command failed; one line for the operator.</exception>
    JsonNode? Ask(string command, JsonNode? body = null);
}

/// <summary>What a reload brings to the data plane.</summary>
/// <param name="Model">The configuration as the daemon has read it; a data plane in a process of its own reads the same file.</param>
/// <param name="Policy">The guests with their roles of that configuration, and the actions in force.</param>
/// <param name="IsWhole">Nothing of the configuration is left for a restart.</param>
public sealed record ReloadRequest(Configuration.DaemonModel Model, PolicyMessage Policy, bool IsWhole = true);

/// <summary>A command to the data plane that was not carried out; the message is one line for the operator.</summary>
public sealed class PlaneException(string message) : Exception(message);
