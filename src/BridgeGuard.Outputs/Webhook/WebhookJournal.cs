using System.Globalization;
using Microsoft.Data.Sqlite;

namespace BridgeGuard.Outputs.Webhook;

/// <summary>The events that a sink owes its receiver, on disk: written before the first attempt, gone after a success.</summary>
/// <remarks>
/// SQLite, WAL. <see cref="Add"/> commits with synchronous=FULL: what it returned from survives a kill and a power cut. Everything else
/// commits with NORMAL: a power cut may undo it, and then an event is sent once more. Batches share one commit. A damaged file is
/// renamed, not deleted, and a new one begun. Thread: any; calls take a lock and last as long as the disk does.
/// </remarks>
public sealed class WebhookJournal : IDisposable
{
    private const int SqliteCorrupt = 11;
    private const int SqliteNotADatabase = 26;
    private const int Pending = 0;
    private const int Dead = 1;

    private const string Schema = """
        PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000;
        CREATE TABLE IF NOT EXISTS deliveries(
          sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, created_us INTEGER NOT NULL, body BLOB NOT NULL,
          attempts INTEGER NOT NULL DEFAULT 0, next_us INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0, error TEXT);
        CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries(state, next_us, sequence);
        CREATE TABLE IF NOT EXISTS sink(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        """;

    private readonly Lock _lock = new();
    private readonly SqliteConnection _connection;
    private volatile bool _isDisabled;

    public WebhookJournal(string path)
    {
        try
        {
            _connection = Open(path);
        }
        catch (SqliteException e) when (e.SqliteErrorCode is SqliteCorrupt or SqliteNotADatabase)
        {
            SetAside = path + ".corrupt-" + DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmssfff", CultureInfo.InvariantCulture);
            foreach (string part in (string[])["", "-wal", "-shm"])
            {
                if (File.Exists(path + part))
                {
                    File.Move(path + part, SetAside + part);
                }
            }

            _connection = Open(path);
        }

        PendingCount = (int)Count(Pending);
        DeadCount = (int)Count(Dead);
        _isDisabled = Scalar("SELECT value FROM sink WHERE name='disabled'") is "1";
    }

    /// <summary>Where a damaged journal went; null when it was sound.</summary>
    public string? SetAside { get; }

    public int PendingCount { get; private set; }

    public int DeadCount { get; private set; }

    /// <summary>The receiver said 410 Gone: nothing is sent until somebody enables the sink again.</summary>
    public bool IsDisabled
    {
        get => _isDisabled;
        set => Locked(() =>
        {
            Execute("INSERT INTO sink VALUES('disabled', $0) ON CONFLICT DO UPDATE SET value=$0", value ? "1" : "0");
            _isDisabled = value;
        });
    }

    /// <summary>Adds events, all or none. Throws <see cref="SqliteException"/> when the disk is full; nothing was added then.</summary>
    public void Add(IReadOnlyCollection<(string Id, byte[] Body)> events, long nowUs)
    {
        lock (_lock)
        {
            Execute("PRAGMA synchronous=FULL");
            using SqliteTransaction transaction = _connection.BeginTransaction();
            using SqliteCommand insert = Command("INSERT INTO deliveries(id, created_us, body, next_us) VALUES($0, $1, $2, $1)", "", nowUs, Array.Empty<byte>());
            foreach ((string id, byte[] body) in events)
            {
                insert.Parameters[0].Value = id;
                insert.Parameters[2].Value = body;
                insert.ExecuteNonQuery();
            }

            transaction.Commit();
            PendingCount += events.Count;
            Execute("PRAGMA synchronous=NORMAL");
        }
    }

    /// <summary>Events whose time has come, in order of arrival, without those in <paramref name="except"/> (they are on their way).</summary>
    public IReadOnlyList<Delivery> Due(long nowUs, int limit, IReadOnlySet<long> except)
    {
        lock (_lock)
        {
            using SqliteCommand command = Command(
                "SELECT sequence, id, created_us, body, attempts FROM deliveries WHERE state=0 AND next_us<=$0 ORDER BY sequence LIMIT $1",
                nowUs, limit + except.Count);
            using SqliteDataReader reader = command.ExecuteReader();
            var due = new List<Delivery>();
            while (due.Count < limit && reader.Read())
            {
                if (!except.Contains(reader.GetInt64(0)))
                {
                    due.Add(new Delivery(reader.GetInt64(0), reader.GetString(1), reader.GetInt64(2), (byte[])reader.GetValue(3), reader.GetInt32(4)));
                }
            }

            return due;
        }
    }

    /// <summary>When the next event is due, microseconds since the Unix epoch; null when none waits.</summary>
    public long? NextDueUs(IReadOnlySet<long> except)
    {
        lock (_lock)
        {
            using SqliteCommand command = Command("SELECT sequence, next_us FROM deliveries WHERE state=0 ORDER BY next_us LIMIT $0", except.Count + 1);
            using SqliteDataReader reader = command.ExecuteReader();
            while (reader.Read())
            {
                if (!except.Contains(reader.GetInt64(0)))
                {
                    return reader.GetInt64(1);
                }
            }

            return null;
        }
    }

    /// <summary>The receiver has it.</summary>
    public void Delivered(long sequence) => Locked(() =>
        PendingCount -= Execute("DELETE FROM deliveries WHERE sequence=$0 AND state=0", sequence));

    /// <summary>An attempt failed; another one follows at <paramref name="nextUs"/>.</summary>
    public void Failed(long sequence, int attempts, long nextUs, string error) => Locked(() =>
        Execute("UPDATE deliveries SET attempts=$1, next_us=$2, error=$3 WHERE sequence=$0", sequence, attempts, nextUs, error));

    /// <summary>The last attempt failed.</summary>
    public void GiveUp(long sequence, int attempts, string error) => Locked(() =>
    {
        int changed = Execute("UPDATE deliveries SET state=1, attempts=$1, error=$2 WHERE sequence=$0 AND state=0", sequence, attempts, error);
        PendingCount -= changed;
        DeadCount += changed;
    });

    /// <summary>The dead letters, oldest first.</summary>
    public IReadOnlyList<DeadLetter> DeadLetters(int limit = 1000)
    {
        lock (_lock)
        {
            using SqliteCommand command = Command("SELECT id, created_us, attempts, coalesce(error, '') FROM deliveries WHERE state=1 ORDER BY sequence LIMIT $0", limit);
            using SqliteDataReader reader = command.ExecuteReader();
            var letters = new List<DeadLetter>();
            while (reader.Read())
            {
                letters.Add(new DeadLetter(reader.GetString(0), reader.GetInt64(1), reader.GetInt32(2), reader.GetString(3)));
            }

            return letters;
        }
    }

    /// <summary>Brings dead letters back: one by its id, or all (null). Returns how many.</summary>
    public int Replay(string? id, long nowUs) => Locked(() =>
    {
        int changed = id is null
            ? Execute("UPDATE deliveries SET state=0, attempts=0, next_us=$0 WHERE state=1", nowUs)
            : Execute("UPDATE deliveries SET state=0, attempts=0, next_us=$0 WHERE state=1 AND id=$1", nowUs, id);
        PendingCount += changed;
        DeadCount -= changed;
        return changed;
    });

    /// <summary>Deletes dead letters; returns how many.</summary>
    public int Purge() => Locked(() =>
    {
        int changed = Execute("DELETE FROM deliveries WHERE state=1");
        DeadCount -= changed;
        return changed;
    });

    /// <summary>When the oldest waiting event was journaled; null when none waits.</summary>
    public long? OldestUs() => Locked(() => Scalar("SELECT min(created_us) FROM deliveries WHERE state=0") as long?);

    public void Dispose() => _connection.Dispose();

    private static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        try
        {
            connection.Open();
            using SqliteCommand schema = connection.CreateCommand();
            schema.CommandText = Schema;
            schema.ExecuteNonQuery();
            using SqliteCommand check = connection.CreateCommand();
            check.CommandText = "PRAGMA quick_check(1)";
            return check.ExecuteScalar() is "ok" ? connection : throw new SqliteException("quick_check failed", SqliteCorrupt);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private long Count(int state) => Locked(() => (long)Scalar("SELECT count(*) FROM deliveries WHERE state=$0", state)!);

    private T Locked<T>(Func<T> action)
    {
        lock (_lock)
        {
            return action();
        }
    }

    private void Locked(Action action)
    {
        lock (_lock)
        {
            action();
        }
    }

    private int Execute(string sql, params ReadOnlySpan<object> values)
    {
        using SqliteCommand command = Command(sql, values);
        return command.ExecuteNonQuery();
    }

    private object? Scalar(string sql, params ReadOnlySpan<object> values)
    {
        using SqliteCommand command = Command(sql, values);
        return command.ExecuteScalar();
    }

    private SqliteCommand Command(string sql, params ReadOnlySpan<object> values)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        for (int i = 0; i < values.Length; i++)
        {
            command.Parameters.AddWithValue($"${i}", values[i]);
        }

        return command;
    }
}
