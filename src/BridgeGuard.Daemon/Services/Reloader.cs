using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Daemon.Playbooks;
using BridgeGuard.Engine.Policy.Guests;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Services;

/// <summary>Exchanges rules, roles, targets, guests, playbooks and webhooks of the running daemon for those that its files say now: all of them, or nothing.</summary>
/// <remarks>
/// Order: the configuration is read (whatever is wrong refuses it), the data plane compiles and swaps, and only then does the daemon follow; so the old
/// policy stays in force on both sides until the new one is whole. Thread: any; one reload at a time.
/// </remarks>
public sealed partial class Reloader(
    DaemonModel start, IDataPlane plane, GuestRegistry registry, PolicyPublisher publisher, ActionDesk desk, PlaybookEngine playbooks, OutputHost outputs,
    ILogger<Reloader> logger)
{
    private readonly Lock _reloading = new();

    /// <summary>1 while a reload is asked for that has not begun to read files; more until then ask for the same.</summary>
    private int _isAsked;

    /// <summary>Options of the configuration that have changed since the start and wait for a restart; as of the last reload.</summary>
    public IReadOnlyList<string> Waiting { get; private set; } = [];

    /// <summary>Reloads unless one is asked for that has not begun yet: for signals, of which many may come in a row.</summary>
    public void Ask()
    {
        if (Interlocked.Exchange(ref _isAsked, 1) != 0)
        {
            return;
        }

        try
        {
            TryReload(out _);
        }
        catch (Exception e)
        {
            // On a thread of the runtime's: an exception here would end the process and with it the inspection.
            Log.Failed(logger, e);
            Log.Kept(logger);
        }
    }

    /// <summary>False when the old policy stays; <paramref name="errors"/> says why (or, with true, which rules were left out), a line each.</summary>
    public bool TryReload(out IReadOnlyList<string> errors)
    {
        lock (_reloading)
        {
            Volatile.Write(ref _isAsked, 0);
            bool isLoaded = Load(out errors);
            if (!isLoaded)
            {
                foreach (string error in errors)
                {
                    Log.Refused(logger, error);
                }

                Log.Kept(logger);
            }

            return isLoaded;
        }
    }

    private bool Load(out IReadOnlyList<string> errors)
    {
        if (start.File is not { } file)
        {
            return plane.TryReload(null, out errors);
        }

        var diagnostics = new List<ConfigDiagnostic>();
        DaemonModel? next = DaemonConfigLoader.Load(file, diagnostics);
        errors = [.. diagnostics.Select(d => d.ToString())];
        if (next is null || errors.Count > 0)
        {
            return false;
        }

        GuestSet guests = registry.Prepare(next.Guests, next.Policy);
        IReadOnlyList<string> waiting = RestartNeeds.Of(start, next);
        if (!plane.TryReload(new ReloadRequest(next, publisher.MessageFor(guests, next.Policy), IsWhole: waiting.Count == 0), out errors))
        {
            return false;
        }

        registry.Apply(next.Guests, next.Policy);
        outputs.Apply(next.Webhooks);
        desk.Apply(next.Playbooks);
        playbooks.Apply(next.Playbooks);
        Log.Policy(logger, next.Policy.Roles.Length - 1, registry.Current.Count, next.Playbooks.Playbooks.Count);
        Waiting = waiting;
        if (waiting.Count > 0)
        {
            Log.Waiting(logger, string.Join(", ", waiting));
        }

        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(400, LogLevel.Error, "{Line}")]
        public static partial void Refused(ILogger logger, string line);

        [LoggerMessage(402, LogLevel.Error, "reload failed inside BridgeGuard")]
        public static partial void Failed(ILogger logger, Exception exception);

        [LoggerMessage(401, LogLevel.Error, "reload refused; the rules in force stay, and so do roles, guests and playbooks")]
        public static partial void Kept(ILogger logger);

        [LoggerMessage(404, LogLevel.Warning, "changed in the configuration, but in force only after a restart: {Options}")]
        public static partial void Waiting(ILogger logger, string options);

        [LoggerMessage(403, LogLevel.Information, "{Roles} roles, {Guests} guests, {Playbooks} playbooks in force")]
        public static partial void Policy(ILogger logger, int roles, int guests, int playbooks);
    }
}
