using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Guests;

/// <summary>Has the registry read its sources again when their files change, and after a while in any case.</summary>
public sealed partial class GuestWatcher(GuestRegistry registry, ILogger<GuestWatcher> logger) : BackgroundService
{
    /// <summary>Managers write several files for one change; they are read once, when it is quiet.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(100);

    private readonly SemaphoreSlim _changed = new(0, 1);
    private readonly Dictionary<string, FileSystemWatcher> _watchers = [];

    public override void Dispose()
    {
        foreach (FileSystemWatcher watcher in _watchers.Values)
        {
            watcher.Dispose();
        }

        _changed.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        registry.Told += OnTold;
        int problems = -1;
        while (!stoppingToken.IsCancellationRequested)
        {
            Watch();
            if (await _changed.WaitAsync(TimeSpan.FromSeconds(registry.Model.RescanSeconds), stoppingToken))
            {
                await Task.Delay(Quiet, stoppingToken);
            }

            registry.Rescan();
            if (registry.Inventory.Problems.Count != problems)
            {
                problems = registry.Inventory.Problems.Count;
                foreach (var problem in registry.Inventory.Problems)
                {
                    Log.Problem(logger, problem.ToString());
                }
            }
        }
    }

    /// <summary>Folders may come and go; one that is not there is tried again with the next round.</summary>
    private void Watch()
    {
        foreach (string folder in GuestInventory.FoldersOf(registry.Model))
        {
            if (_watchers.ContainsKey(folder) && Directory.Exists(folder))
            {
                continue;
            }

            if (_watchers.Remove(folder, out FileSystemWatcher? old))
            {
                old.Dispose();
            }

            if (!Directory.Exists(folder))
            {
                continue;
            }

            try
            {
                FileSystemWatcher watcher = new(folder) { NotifyFilter = NotifyFilters.FileName | NotifyFilters.LastWrite | NotifyFilters.Size };
                watcher.Changed += (_, _) => Wake();
                watcher.Created += (_, _) => Wake();
                watcher.Deleted += (_, _) => Wake();
                watcher.Renamed += (_, _) => Wake();
                watcher.Error += (_, _) => Wake();
                watcher.EnableRaisingEvents = true;
                _watchers[folder] = watcher;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                Log.NotWatched(logger, folder, registry.Model.RescanSeconds, e.Message);
            }
        }
    }

    private void Wake()
    {
        try
        {
            _changed.Release();
        }
        catch (Exception e) when (e is SemaphoreFullException or ObjectDisposedException)
        {
            // A change is waiting already, or nobody waits any more.
        }
    }

    private void OnTold(GuestChange change)
    {
        if (change.Kind is "appeared" or "gone" or "changed")
        {
            Log.Changed(logger, change.Guest, change.Kind, change.Detail);
        }
        else
        {
            Log.Loud(logger, change.Guest, change.Kind, change.Detail);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(500, LogLevel.Warning, "{Problem}")]
        public static partial void Problem(ILogger logger, string problem);

        [LoggerMessage(501, LogLevel.Warning, "{Folder} cannot be watched, it is read every {Seconds} s: {Reason}")]
        public static partial void NotWatched(ILogger logger, string folder, int seconds, string reason);

        [LoggerMessage(502, LogLevel.Information, "guest {Guest} {Kind} {Detail}")]
        public static partial void Changed(ILogger logger, string guest, string kind, string detail);

        [LoggerMessage(503, LogLevel.Warning, "guest {Guest}: {Kind}: {Detail}")]
        public static partial void Loud(ILogger logger, string guest, string kind, string detail);
    }
}
