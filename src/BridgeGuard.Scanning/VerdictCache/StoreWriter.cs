using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.BadFiles;
using Microsoft.Data.Sqlite;

namespace BridgeGuard.Scanning.VerdictCache;

/// <summary>The statements of one writing transaction.</summary>
internal sealed class StoreWriter(SqliteConnection connection, SqliteTransaction transaction) : IDisposable
{
    private SqliteCommand? _upsert;
    private SqliteCommand? _insert;

    public void Upsert(in FileKey key, FileVerdict verdict)
    {
        _upsert ??= Create("""
            INSERT INTO verdicts(sha256, size, kind, signature, engine, generation, time_us, expires_us, source, pinned)
            VALUES($0, $1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT(sha256, size) DO UPDATE SET kind=$2, signature=$3, engine=$4, generation=$5, time_us=$6, expires_us=$7, source=$8, pinned=$9
            """, 10);
        Bind(_upsert, key.Hash.ToArray(), key.Size, (int)verdict.Kind, verdict.Signature, verdict.Engine, verdict.Generation,
            verdict.TimeUs, verdict.ExpiresUs, (int)verdict.Source, verdict.IsPinned);
    }

    public void UpsertPrint(BadFilePrint print)
    {
        using SqliteCommand upsert = Create("INSERT OR REPLACE INTO prints(sha256, size, print) VALUES($0, $1, $2)", 3);
        Bind(upsert, print.Key.Hash.ToArray(), print.Key.Size, print.Write());
    }

    public void DeletePrint(in FileKey key)
    {
        using SqliteCommand delete = Create("DELETE FROM prints WHERE sha256=$0 AND size=$1", 2);
        Bind(delete, key.Hash.ToArray(), key.Size);
    }

    public void Delete(in FileKey key)
    {
        DeletePrint(key);
        using SqliteCommand delete = Create("DELETE FROM verdicts WHERE sha256=$0 AND size=$1", 2);
        Bind(delete, key.Hash.ToArray(), key.Size);
    }

    public void Insert(Exposure exposure)
    {
        _insert ??= Create("""
            INSERT INTO ledger(sha256, size, time_us, guest, peer, protocol, location, name, flow_id)
            VALUES($0, $1, $2, $3, $4, $5, $6, $7, $8)
            """, 9);
        Bind(_insert, exposure.Key.Hash.ToArray(), exposure.Key.Size, exposure.TimeUs, exposure.Guest, exposure.Peer,
            exposure.Protocol, exposure.Location, exposure.FileName, (long)exposure.FlowId);
    }

    /// <summary>Drops the oldest lines; ids only grow, so the newest id tells how far.</summary>
    public void TrimLedger(long maxRows)
    {
        using SqliteCommand trim = Create("DELETE FROM ledger WHERE id <= (SELECT max(id) FROM ledger) - $0", 1);
        Bind(trim, maxRows);
    }

    /// <summary>When there are more than <paramref name="maxRows"/>: drops the oldest that are neither pinned nor malicious, a tenth at once. Returns what is left.</summary>
    public long TrimVerdicts(long maxRows)
    {
        using SqliteCommand count = Create("SELECT count(*) FROM verdicts", 0);
        long rows = (long)count.ExecuteScalar()!;
        if (rows <= maxRows)
        {
            return rows;
        }

        using SqliteCommand trim = Create($"""
            DELETE FROM verdicts WHERE (sha256, size) IN (
              SELECT sha256, size FROM verdicts WHERE pinned=0 AND kind<>{(int)FileVerdictKind.Malicious} ORDER BY time_us LIMIT $0)
            """, 1);
        trim.Parameters[0].Value = rows - maxRows + (maxRows / 10);
        return rows - trim.ExecuteNonQuery();
    }

    public void Dispose()
    {
        _upsert?.Dispose();
        _insert?.Dispose();
    }

    private SqliteCommand Create(string sql, int parameters)
    {
        SqliteCommand command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        for (int i = 0; i < parameters; i++)
        {
            command.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" });
        }

        return command;
    }

    private static void Bind(SqliteCommand command, params ReadOnlySpan<object?> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            command.Parameters[i].Value = values[i] ?? DBNull.Value;
        }

        command.ExecuteNonQuery();
    }
}
