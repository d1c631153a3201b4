using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.MySql;

/// <summary>Writes the <c>mysql</c> object, a form of our own.</summary>
internal sealed class MySqlEve : EveLogger
{
    public override string EventType => "mysql";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var mysql = (MySqlTransaction)transaction;
        writer.StartObject("mysql"u8);
        writer.Text("command"u8, MySqlTables.Name(mysql.Command));
        WriteIf(writer, "server_version"u8, mysql.Response, mysql.ServerVersion);
        if (mysql.ServerVersion.Exists)
        {
            writer.Number("thread_id"u8, (long)mysql.ThreadId);
            writer.Bool("tls"u8, mysql.IsTls);
            writer.Bool("compressed"u8, mysql.IsCompressed);
        }

        WriteIf(writer, "auth_plugin"u8, mysql.Response, mysql.Plugin);
        WriteIf(writer, "user"u8, mysql.Request, mysql.User);
        WriteIf(writer, "database"u8, mysql.Request, mysql.Database);
        if (mysql.HasStatementId)
        {
            writer.Number("statement_id"u8, (long)mysql.StatementId);
        }

        WriteIf(writer, NameOfText(mysql.Command), mysql.Request, mysql.Text);
        if (mysql.Answer != MySqlAnswer.None)
        {
            WriteAnswer(writer, mysql);
        }

        writer.EndObject();
        return true;
    }

    private static ReadOnlySpan<byte> NameOfText(MySqlCommand command) => command switch
    {
        MySqlCommand.FieldList => "table"u8,
        MySqlCommand.InitDb or MySqlCommand.CreateDb or MySqlCommand.DropDb => "database"u8,
        _ => "query"u8,
    };

    private static void WriteAnswer(EveWriter writer, MySqlTransaction mysql)
    {
        writer.StartObject("response"u8);
        switch (mysql.Answer)
        {
            case MySqlAnswer.Ok:
                writer.Text("status"u8, "ok"u8);
                writer.Number("affected_rows"u8, mysql.AffectedRows);
                writer.Number("last_insert_id"u8, mysql.LastInsertId);
                writer.Number("warnings"u8, (long)mysql.Warnings);
                break;
            case MySqlAnswer.Error:
                writer.Text("status"u8, "error"u8);
                writer.Number("error_code"u8, (long)mysql.ErrorCode);
                WriteIf(writer, "sql_state"u8, mysql.Response, mysql.SqlState);
                WriteIf(writer, "message"u8, mysql.Response, mysql.Message);
                break;
            case MySqlAnswer.ResultSet:
                writer.Text("status"u8, "result_set"u8);
                writer.Number("columns"u8, mysql.Columns);
                writer.Number("rows"u8, mysql.Rows);
                break;
            case MySqlAnswer.LocalInfile:
                writer.Text("status"u8, "local_infile"u8);
                WriteIf(writer, "file"u8, mysql.Response, mysql.Message);
                break;
            default:
                writer.Text("status"u8, "text"u8);
                WriteIf(writer, "message"u8, mysql.Response, mysql.Message);
                break;
        }

        writer.EndObject();
    }

    private static void WriteIf(EveWriter writer, ReadOnlySpan<byte> name, ByteBuffer buffer, Slice value)
    {
        if (value.Exists)
        {
            writer.Bytes(name, buffer[value]);
        }
    }
}
