using System.Globalization;
using Microsoft.Data.Sqlite;

namespace BridgeGuard.Scanning.VerdictCache;

/// <summary>The file behind the cache: schema, pragmas, and what happens when it is damaged.</summary>
/// <remarks>WAL with synchronous=FULL: neither a killed process nor a power cut loses what is committed. Commits come in batches, so this costs one fsync each.</remarks>
internal static class VerdictDatabase
{
    /// <summary>Version of the schema below, in the file's <c>user_version</c>.</summary>
    private const int SchemaVersion = 1;

    /// <summary>Above this size the start-up check reads only the schema: a full check of gigabytes would hold up the start.</summary>
    private const long FullCheckMaxBytes = 256L << 20;

    private const int SqliteCorrupt = 11;
    private const int SqliteNotADatabase = 26;

    private const string Schema = """
        CREATE TABLE IF NOT EXISTS verdicts(
          sha256 BLOB NOT NULL, size INTEGER NOT NULL, kind INTEGER NOT NULL, signature TEXT, engine TEXT NOT NULL,
          generation TEXT NOT NULL, time_us INTEGER NOT NULL, expires_us INTEGER NOT NULL, source INTEGER NOT NULL,
          pinned INTEGER NOT NULL, PRIMARY KEY(sha256, size)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS ledger(
          id INTEGER PRIMARY KEY AUTOINCREMENT, sha256 BLOB NOT NULL, size INTEGER NOT NULL, time_us INTEGER NOT NULL,
          guest TEXT NOT NULL, peer TEXT NOT NULL, protocol TEXT NOT NULL, location TEXT NOT NULL, name TEXT NOT NULL,
          flow_id INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS prints(
          sha256 BLOB NOT NULL, size INTEGER NOT NULL, print BLOB NOT NULL, PRIMARY KEY(sha256, size)) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS ledger_sha256 ON ledger(sha256);
        """;

    /// <summary>Opens the file, makes it when it is absent, and sets it aside when it is damaged.</summary>
    /// <param name="path">The database file; its folder exists.</param>
    /// <param name="setAside">Where a damaged file went, or null.</param>
    public static SqliteConnection OpenOrRebuild(string path, out string? setAside)
    {
        try
        {
            setAside = null;
            return OpenChecked(path);
        }
        catch (SqliteException e) when (IsCorruption(e))
        {
            setAside = SetAside(path);
            return OpenChecked(path);
        }
    }

    /// <summary>A further connection to an existing file.</summary>
    public static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Pooling = false,
            DefaultTimeout = 5,
        }.ToString());
        connection.Open();
        Execute(connection, "PRAGMA busy_timeout=5000");
        return connection;
    }

    public static bool IsCorruption(SqliteException e) => e.SqliteErrorCode is SqliteCorrupt or SqliteNotADatabase;

    /// <summary>Renames the file and its log; keeps them for whoever wants to look.</summary>
    public static string SetAside(string path)
    {
        string suffix = ".corrupt-" + DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmssfff", CultureInfo.InvariantCulture);
        foreach (string part in (string[])["", "-wal", "-shm"])
        {
            if (File.Exists(path + part))
            {
                File.Move(path + part, path + suffix + part, overwrite: true);
            }
        }

        return path + suffix;
    }

    private static SqliteConnection OpenChecked(string path)
    {
        long length = File.Exists(path) ? new FileInfo(path).Length : 0;
        SqliteConnection connection = Open(path);
        try
        {
            Execute(connection, "PRAGMA journal_mode=WAL");
            Execute(connection, "PRAGMA synchronous=FULL");
            string check = length == 0 ? "ok"
                : Scalar(connection, length <= FullCheckMaxBytes ? "PRAGMA quick_check(1)" : "SELECT 'ok' FROM sqlite_schema LIMIT 1");
            long version = long.Parse(Scalar(connection, "PRAGMA user_version"), CultureInfo.InvariantCulture);
            if (check is not ("ok" or "") || version > SchemaVersion)
            {
                throw new SqliteException($"database check: {check}, schema version {version}", SqliteCorrupt);
            }

            Execute(connection, Schema);
            Execute(connection, $"PRAGMA user_version={SchemaVersion}");
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static string Scalar(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToString(command.ExecuteScalar(), CultureInfo.InvariantCulture) ?? "";
    }
}
