using BridgeGuard.Attachments.Interop;
using BridgeGuard.Engine.Events;
using BridgeGuard.Outputs;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Plane;

/// <summary>The daemon's side of the rings: has its pump drain every ring file of the run directory, also those of data planes that have died, and removes those that are done with.</summary>
/// <remarks>Thread: one at a time.</remarks>
internal sealed partial class RingFiles(RunFolder folder, IReadOnlyList<(string Kind, OutputPump? Pump)> kinds, ILogger logger)
{
    private readonly Dictionary<string, (EventRing Ring, MappedFile File, OutputPump Pump)> _open = [];

    public int Count => _open.Count;

    /// <summary>Takes up rings that have appeared.</summary>
    public void FindNew()
    {
        foreach ((string kind, OutputPump? pump) in kinds)
        {
            FindNew(kind, pump);
        }
    }

    /// <summary>Removes rings of data planes that have ended, once everything in them is safe.</summary>
    /// <param name="isAlive">Whether a generation still writes.</param>
    /// <returns>Those that nothing is left of now.</returns>
    public IReadOnlySet<uint> RemoveDrained(Func<long, bool> isAlive)
    {
        HashSet<uint> dead = [];
        foreach ((string file, (EventRing ring, MappedFile mapped, OutputPump pump)) in _open.ToArray())
        {
            if (!isAlive(RunFolder.GenerationOf(file)) && ring.UsedBytes == 0)
            {
                pump.Remove(ring);
                mapped.ReleaseLater();
                _open.Remove(file);
                File.Delete(file);
                dead.Add((uint)RunFolder.GenerationOf(file));
            }
        }

        dead.ExceptWith(_open.Keys.Select(file => (uint)RunFolder.GenerationOf(file)));
        return dead;
    }

    private void FindNew(string kind, OutputPump? pump)
    {
        foreach (string file in folder.Files(kind))
        {
            if (_open.ContainsKey(file))
            {
                continue;
            }

            if (pump is null)
            {
                File.Delete(file); // Of a configuration that kept what this one does not; who still writes to it counts what it loses.
                continue;
            }

            try
            {
                MappedFile mapped = MappedFile.Open(file);
                if (EventRing.TryOpen(mapped.Memory) is { } ring)
                {
                    _open[file] = (ring, mapped, pump);
                    pump.Add(ring);
                    continue;
                }

                mapped.ReleaseLater();
                Log.NotOurs(logger, file);
                File.Delete(file);
            }
            catch (IOException e)
            {
                Log.CannotOpen(logger, e.Message);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(510, LogLevel.Warning, "{File} was written by another version; the events in it are lost")]
        public static partial void NotOurs(ILogger logger, string file);

        [LoggerMessage(511, LogLevel.Error, "events cannot be read: {Reason}")]
        public static partial void CannotOpen(ILogger logger, string reason);
    }
}
