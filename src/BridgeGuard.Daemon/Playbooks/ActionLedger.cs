using System.Text;
using System.Text.Json;

namespace BridgeGuard.Daemon.Playbooks;

/// <summary>All actions in force, and those that were: a write-ahead file of JSON lines, so that a crash neither forgets an action nor leaves one for ever.</summary>
/// <remarks>
/// An action is written (and synchronised to the disk) as begun before anything is done, and again when it is done; what is only begun after a crash is done
/// again, which is harmless, as every action is a state and not a step. A last line that was cut by a crash is passed over. Thread: any.
/// </remarks>
public sealed class ActionLedger : IDisposable
{
    /// <summary>Name of the file in the state directory.</summary>
    public const string FileName = "actions.jsonl";

    /// <summary>Ended actions that are kept for listings when the file is written anew at the start.</summary>
    private const int KeptEnded = 1000;

    private readonly Lock _gate = new();
    private readonly SortedDictionary<ulong, LedgerEntry> _entries = [];
    private readonly FileStream _file;

    /// <exception cref="IOException">The file cannot be opened.</exception>
    public ActionLedger(string file)
    {
        foreach (LedgerEntry entry in Read(file))
        {
            _entries[entry.Id] = entry;
        }

        // Once at the start the file is made short: one line for each action.
        ulong[] ended = [.. _entries.Values.Where(e => !e.IsInForce).Select(e => e.Id)];
        foreach (ulong id in ended.SkipLast(KeptEnded))
        {
            _entries.Remove(id);
        }

        string fresh = file + ".new";
        File.WriteAllLines(fresh, _entries.Values.Select(e => JsonSerializer.Serialize(e, LedgerEntry.Json)));
        File.Move(fresh, file, overwrite: true);
        _file = new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.Read);
        LastId = _entries.Count > 0 ? _entries.Keys.Max() : 0;
    }

    public ulong LastId { get; private set; }

    /// <summary>All that are known, the oldest first.</summary>
    public IReadOnlyList<LedgerEntry> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _entries.Values];
            }
        }
    }

    /// <summary>The actions of a file, for those who only look; damaged lines are passed over.</summary>
    public static IEnumerable<LedgerEntry> Read(string file)
    {
        if (!File.Exists(file))
        {
            yield break;
        }

        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using StreamReader reader = new(stream);
        while (reader.ReadLine() is { } line)
        {
            LedgerEntry? entry = null;
            try
            {
                entry = line.Length > 0 ? JsonSerializer.Deserialize<LedgerEntry>(line, LedgerEntry.Json) : null;
            }
            catch (JsonException)
            {
                // Cut by a crash: what it would have said was not done yet.
            }

            if (entry is { Id: > 0 })
            {
                yield return entry;
            }
        }
    }

    /// <summary>Writes an entry to the disk, then keeps it; a new one gets its number.</summary>
    /// <exception cref="IOException">The disk does not take it: the action must not be done.</exception>
    public LedgerEntry Write(LedgerEntry entry)
    {
        lock (_gate)
        {
            LedgerEntry numbered = entry.Id == 0 ? entry with { Id = LastId + 1 } : entry;
            byte[] line = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(numbered, LedgerEntry.Json) + "\n");
            _file.Write(line);
            _file.Flush(flushToDisk: true);
            LastId = Math.Max(LastId, numbered.Id);
            _entries[numbered.Id] = numbered;
            return numbered;
        }
    }

    public LedgerEntry? Find(ulong id)
    {
        lock (_gate)
        {
            return _entries.GetValueOrDefault(id);
        }
    }

    public void Dispose() => _file.Dispose();
}
