using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace BridgeGuard.Daemon.Plane;

/// <summary>What the data plane does when the daemon or an operator's command asks, by name. Any part of the data plane may add its own.</summary>
public sealed class PlaneCommands
{
    /// <summary>The names of flow variables by number: a set that is compiled elsewhere must have the same.</summary>
    public const string VariableNames = "variable-names";

    private readonly ConcurrentDictionary<string, Func<JsonNode?, JsonNode?>> _handlers = new(StringComparer.Ordinal);

    /// <summary>Adds a command. The handler runs on a pool thread, several at a time; an exception becomes the asker's error line.</summary>
    public void Add(string name, Func<JsonNode?, JsonNode?> handler) => _handlers[name] = handler;

    /// <exception cref="PlaneException">There is no such command, or it failed.</exception>
    public JsonNode? Run(string name, JsonNode? body)
    {
        if (!_handlers.TryGetValue(name, out Func<JsonNode?, JsonNode?>? handler))
        {
            throw new PlaneException($"the data plane knows no command '{name}'");
        }

        try
        {
            return handler(body);
        }
        catch (Exception e) when (e is not PlaneException)
        {
            throw new PlaneException($"{name}: {e.Message.ReplaceLineEndings(" ")}");
        }
    }
}
