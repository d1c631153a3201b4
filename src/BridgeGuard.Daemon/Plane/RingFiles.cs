using BridgeGuard.Attachments.Interop;
using BridgeGuard.Engine.Events;
using BridgeGuard.Outputs;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Plane;

/// <summary>The daemon's side of the event rings: drains every ring file of the run directory, also those of data planes that have died, and removes those that are done with.</summary>
/// <remarks>Thread: one at a time.</remarks>
internal sealed partial class RingFiles(RunFolder folder, OutputPump pump, ILogger logger)
{
    private readonly Dictionary<string, (EventRing Ring, MappedFile File)> _open = [];

    public int Count => _open.Count;

    /// <summary>Takes up rings that have appeared.</summary>
    public void FindNew()
    {
        foreach (string file in folder.Files("ring"))
        {
            if (_open.ContainsKey(file))
            {
                continue;
            }

            try
            {
                MappedFile mapped = MappedFile.Open(file);
                if (EventRing.TryOpen(mapped.Memory) is { } ring)
                {
                    _open[file] = (ring, mapped);
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

    /// <summary>Removes rings of data planes that have ended, once everything in them is safe.</summary>
    /// <param name="isAlive">Whether a generation still writes.</param>
    public void RemoveDrained(Func<long, bool> isAlive)
    {
        foreach ((string file, (EventRing ring, MappedFile mapped)) in _open.ToArray())
        {
            if (!isAlive(RunFolder.GenerationOf(file)) && ring.UsedBytes == 0)
            {
                pump.Remove(ring);
                mapped.ReleaseLater();
                _open.Remove(file);
                File.Delete(file);
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
