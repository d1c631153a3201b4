using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.BadFiles;
using Microsoft.Data.Sqlite;

namespace BridgeGuard.Scanning.VerdictCache;

/// <summary>One reading connection with its prepared statements. Used by one thread at a time.</summary>
internal sealed class StoreReader : IDisposable
{
    private const string VerdictColumns = "kind, signature, engine, generation, time_us, expires_us, source, pinned";

    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _find;
    private readonly SqliteParameter _findHash;
    private readonly SqliteParameter _findSize;

    public StoreReader(SqliteConnection connection)
    {
        _connection = connection;
        _find = connection.CreateCommand();
        _find.CommandText = $"SELECT {VerdictColumns} FROM verdicts WHERE sha256=$hash AND size=$size";
        _findHash = _find.Parameters.Add("$hash", SqliteType.Blob);
        _findSize = _find.Parameters.Add("$size", SqliteType.Integer);
    }

    public FileVerdict? Find(in FileKey key)
    {
        _findHash.Value = key.Hash.ToArray();
        _findSize.Value = key.Size;
        using SqliteDataReader reader = _find.ExecuteReader();
        return reader.Read() ? ReadVerdict(reader, 0) : null;
    }

    public IReadOnlyList<KeyValuePair<FileKey, FileVerdict>> ReadNewest(int limit)
    {
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = $"""
            SELECT {VerdictColumns}, sha256, size FROM verdicts
            ORDER BY (pinned=1 OR kind={(int)FileVerdictKind.Malicious}) DESC, time_us DESC LIMIT $limit
            """;
        command.Parameters.AddWithValue("$limit", limit);
        List<KeyValuePair<FileKey, FileVerdict>> rows = ReadRows(command);
        rows.Reverse(); // The most important last, so that a cache that is filled in this order keeps them.
        return rows;
    }

    /// <summary>The rows behind <paramref name="after"/> in the order of the primary key.</summary>
    public IReadOnlyList<KeyValuePair<FileKey, FileVerdict>> ReadPage(FileKey after, int limit)
    {
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = $"SELECT {VerdictColumns}, sha256, size FROM verdicts WHERE (sha256, size) > ($hash, $size) ORDER BY sha256, size LIMIT $limit";
        command.Parameters.AddWithValue("$hash", after.Hash.ToArray());
        command.Parameters.AddWithValue("$size", after.Size);
        command.Parameters.AddWithValue("$limit", limit);
        return ReadRows(command);
    }

    public IReadOnlyList<string> FindGuests(Sha256 hash)
    {
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = "SELECT guest FROM ledger WHERE sha256=$hash GROUP BY guest ORDER BY MAX(id) DESC";
        command.Parameters.AddWithValue("$hash", hash.ToArray());
        using SqliteDataReader reader = command.ExecuteReader();
        var guests = new List<string>();
        while (reader.Read())
        {
            guests.Add(reader.GetString(0));
        }

        return guests;
    }

    public IReadOnlyList<Exposure> FindExposures(Sha256 hash, int limit)
    {
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = """
            SELECT size, time_us, guest, peer, protocol, location, name, flow_id FROM ledger WHERE sha256=$hash ORDER BY id DESC LIMIT $limit
            """;
        command.Parameters.AddWithValue("$hash", hash.ToArray());
        command.Parameters.AddWithValue("$limit", limit);
        using SqliteDataReader reader = command.ExecuteReader();
        var rows = new List<Exposure>();
        while (reader.Read())
        {
            rows.Add(new Exposure
            {
                Key = new FileKey(hash, reader.GetInt64(0)),
                TimeUs = reader.GetInt64(1),
                Guest = reader.GetString(2),
                Peer = reader.GetString(3),
                Protocol = reader.GetString(4),
                Location = reader.GetString(5),
                FileName = reader.GetString(6),
                FlowId = (ulong)reader.GetInt64(7),
            });
        }

        return rows;
    }

    /// <summary>Prints of bad contents, no more than are kept in memory; one that cannot be read is left out.</summary>
    public IReadOnlyList<BadFilePrint> ReadPrints()
    {
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = "SELECT sha256, size, print FROM prints LIMIT $limit";
        command.Parameters.AddWithValue("$limit", BadFileIndex.MaxPrints);
        using SqliteDataReader reader = command.ExecuteReader();
        var prints = new List<BadFilePrint>();
        while (reader.Read())
        {
            var key = new FileKey(new Sha256((byte[])reader.GetValue(0)), reader.GetInt64(1));
            if (BadFilePrint.TryRead(key, (byte[])reader.GetValue(2)) is { } print)
            {
                prints.Add(print);
            }
        }

        return prints;
    }

    public long Count(string sql)
    {
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }

    public void Dispose()
    {
        _find.Dispose();
        _connection.Dispose();
    }

    private static List<KeyValuePair<FileKey, FileVerdict>> ReadRows(SqliteCommand command)
    {
        using SqliteDataReader reader = command.ExecuteReader();
        var rows = new List<KeyValuePair<FileKey, FileVerdict>>();
        while (reader.Read())
        {
            var key = new FileKey(new Sha256((byte[])reader.GetValue(8)), reader.GetInt64(9));
            rows.Add(KeyValuePair.Create(key, ReadVerdict(reader, 0)));
        }

        return rows;
    }

    private static FileVerdict ReadVerdict(SqliteDataReader reader, int at) => new()
    {
        Kind = (FileVerdictKind)reader.GetByte(at),
        Signature = reader.IsDBNull(at + 1) ? null : string.Intern(reader.GetString(at + 1)),
        Engine = string.Intern(reader.GetString(at + 2)), // A handful of different values in millions of rows.
        Generation = string.Intern(reader.GetString(at + 3)),
        TimeUs = reader.GetInt64(at + 4),
        ExpiresUs = reader.GetInt64(at + 5),
        Source = (VerdictSource)reader.GetByte(at + 6),
        IsPinned = reader.GetBoolean(at + 7),
    };
}
