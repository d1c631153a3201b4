using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.MySql;

/// <summary>What rules may look at. The names are ours, in Suricata's style.</summary>
internal static class MySqlBuffers
{
    private const int Command = 0;
    private const int Query = 1;
    private const int User = 2;
    private const int Database = 3;
    private const int ServerVersion = 4;
    private const int Error = 5;
    private const int FirstToClient = ServerVersion;

    private const int ErrorCode = 0;
    private const int Rows = 1;

    public static readonly BufferDescriptor[] All =
    [
        ToServer("mysql.command", Command, "the command's name: login, query, stmt_prepare …"),
        ToServer("mysql.query", Query, "the text of a query or of a statement that is prepared"),
        ToServer("mysql.user", User, "the user that logs in"),
        ToServer("mysql.database", Database, "the database of a login or of a command that names one"),
        ToClient("mysql.server_version", ServerVersion, "the version in the server's greeting"),
        ToClient("mysql.error", Error, "the text of an error"),
    ];

    public static readonly FieldDescriptor[] Fields =
    [
        new() { Name = "mysql.error_code", LocalId = ErrorCode, Directions = DirectionMask.ToClient, ProgressToClient = 1, Bits = 16, Help = "the number of an error" },
        new() { Name = "mysql.rows", LocalId = Rows, Directions = DirectionMask.ToClient, ProgressToClient = 1, Bits = 64, Help = "rows of a result" },
    ];

    public static bool TryGet(MySqlTransaction mysql, int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        if (index != 0 || direction != (buffer < FirstToClient ? Direction.ToServer : Direction.ToClient))
        {
            return false;
        }

        bool isStatement = mysql.Command is MySqlCommand.Query or MySqlCommand.StmtPrepare;
        bool isName = mysql.Command is MySqlCommand.InitDb or MySqlCommand.CreateDb or MySqlCommand.DropDb;
        if (buffer == Command)
        {
            view = new BufferView(MySqlTables.Name(mysql.Command));
            return true;
        }

        Slice value = buffer switch
        {
            Query => isStatement ? mysql.Text : Slice.None,
            User => mysql.User,
            Database => isName ? mysql.Text : mysql.Database,
            ServerVersion => mysql.ServerVersion,
            _ => mysql.Answer == MySqlAnswer.Error ? mysql.Message : Slice.None,
        };
        view = value.Exists ? new BufferView((buffer < FirstToClient ? mysql.Request : mysql.Response)[value]) : default;
        return value.Exists;
    }

    public static bool TryGet(MySqlTransaction mysql, int field, Direction direction, int index, out ulong value)
    {
        value = field == ErrorCode ? mysql.ErrorCode : mysql.Rows;
        return index == 0 && direction == Direction.ToClient && mysql.Answer == (field == ErrorCode ? MySqlAnswer.Error : MySqlAnswer.ResultSet);
    }

    private static BufferDescriptor ToServer(string name, int id, string help) =>
        new() { Name = name, LocalId = id, Directions = DirectionMask.ToServer, ProgressToServer = 1, Help = help };

    private static BufferDescriptor ToClient(string name, int id, string help) =>
        new() { Name = name, LocalId = id, Directions = DirectionMask.ToClient, ProgressToClient = 1, Help = help };
}
