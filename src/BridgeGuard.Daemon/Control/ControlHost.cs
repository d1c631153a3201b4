using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Daemon.Playbooks;
using BridgeGuard.Daemon.Services;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Control;

/// <summary>Where operators' commands reach the daemon: a socket in the run directory, for its owner only.</summary>
public sealed partial class ControlHost(DaemonModel model, ActionDesk desk, GuestRegistry registry, Reloader reloader, ILogger<ControlHost> logger) : IHostedService
{
    private const string SocketName = "control.sock";

    private PlaneServer? _server;

    /// <summary>Path of the socket of a configuration's daemon.</summary>
    public static string SocketOf(DaemonModel model) => new RunFolder(model.RunDirectory).Join(SocketName);

    /// <summary>Asks a running daemon.</summary>
    /// <exception cref="PlaneException">Nobody is there, or it says why not.</exception>
    public static JsonNode? Ask(DaemonModel model, string command, JsonNode? body) => Ask(new RunFolder(model.RunDirectory), command, body, TimeSpan.FromSeconds(10));

    /// <summary>The same where only the run directory is known.</summary>
    /// <exception cref="PlaneException">Nobody is there, it says why not, or it takes longer than <paramref name="patience"/>.</exception>
    public static JsonNode? Ask(RunFolder folder, string command, JsonNode? body, TimeSpan patience)
    {
        string socket = folder.Join(SocketName);
        using PlaneClient client = PlaneClient.TryConnect(socket, (_, _) => { }) ?? throw new PlaneException($"no daemon listens on {socket}");
        return client.Ask(command, body, patience);
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        var commands = new PlaneCommands();
        commands.Add("action-undo", body => Undo(body));
        commands.Add("action-do", body => Do(body));
        commands.Add("reload", _ =>
        {
            bool isLoaded = reloader.TryReload(out IReadOnlyList<string> errors);
            return new JsonObject
            {
                ["loaded"] = isLoaded,
                ["errors"] = new JsonArray([.. errors.Select(line => (JsonNode)line)]),
                ["restart"] = new JsonArray([.. (isLoaded ? reloader.Waiting : []).Select(option => (JsonNode)option)]),
            };
        });
        try
        {
            new RunFolder(model.RunDirectory).Create();
            _server = new PlaneServer(SocketOf(model), commands);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SocketException or ArgumentException)
        {
            Log.NoSocket(logger, SocketOf(model), e.Message);
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _server?.Dispose();
        return Task.CompletedTask;
    }

    private JsonNode? Undo(JsonNode? body)
    {
        ulong id = body?["id"]?.GetValue<ulong>() ?? 0;
        return desk.Undo(id, "operator") is { } problem ? throw new PlaneException(problem) : null;
    }

    private JsonNode Do(JsonNode? body)
    {
        LedgerEntry wanted = body.Deserialize<LedgerEntry>(LedgerEntry.Json) ?? throw new PlaneException("an action is missing");
        if (wanted.Guest.Length > 0 && !Array.Exists(registry.Current.All, g => g?.Name == wanted.Guest))
        {
            throw new PlaneException($"there is no guest '{wanted.Guest}'");
        }

        TimeSpan? time = wanted.TimeoutSeconds > 0 ? TimeSpan.FromSeconds(wanted.TimeoutSeconds) : null;
        LedgerEntry done = desk.Do(wanted with { By = "operator", TimeoutSeconds = 0 }, time)
            ?? throw new PlaneException($"{YamlSection.Hyphenated(wanted.Kind.ToString())} is in force on '{wanted.Target}' already");
        return new JsonObject { ["id"] = done.Id, ["state"] = YamlSection.Hyphenated(done.State.ToString()) };
    }

    private static partial class Log
    {
        [LoggerMessage(700, LogLevel.Warning, "operators' commands cannot be taken on {Path}: {Reason}")]
        public static partial void NoSocket(ILogger logger, string path, string reason);
    }
}
