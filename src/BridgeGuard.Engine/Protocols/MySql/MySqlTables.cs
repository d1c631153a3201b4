namespace BridgeGuard.Engine.Protocols.MySql;

/// <summary>The commands that are told apart; the value is the first byte of the packet.</summary>
internal enum MySqlCommand : byte
{
    Sleep = 0,
    Quit = 1,
    InitDb = 2,
    Query = 3,
    FieldList = 4,
    CreateDb = 5,
    DropDb = 6,
    Statistics = 9,
    Ping = 14,
    ChangeUser = 17,
    BinlogDump = 18,
    StmtPrepare = 22,
    StmtExecute = 23,
    StmtSendLongData = 24,
    StmtClose = 25,
    StmtReset = 26,
    SetOption = 27,
    StmtFetch = 28,
    BinlogDumpGtid = 30,
    ResetConnection = 31,

    /// <summary>Not on the wire: greeting and login.</summary>
    Login = 255,
}

/// <summary>Bits of the client's capabilities that change how packets are read.</summary>
[Flags]
internal enum MySqlCapabilities : uint
{
    None = 0,

    /// <summary>Clear in clients of MariaDB that have more capabilities.</summary>
    MySql = 1,
    ConnectWithDb = 1 << 3,
    Compress = 1 << 5,
    Protocol41 = 1 << 9,
    Ssl = 1 << 11,
    SecureConnection = 1 << 15,
    PluginAuth = 1 << 19,
    PluginAuthLenencData = 1 << 21,
    DeprecateEof = 1 << 24,
    OptionalMetadata = 1 << 25,
    ZstdCompress = 1 << 26,
    QueryAttributes = 1 << 27,
}

/// <summary>Names as EVE and rules know them.</summary>
internal static class MySqlTables
{
    public static ReadOnlySpan<byte> Name(MySqlCommand command) => command switch
    {
        MySqlCommand.Sleep => "sleep"u8,
        MySqlCommand.Quit => "quit"u8,
        MySqlCommand.InitDb => "init_db"u8,
        MySqlCommand.Query => "query"u8,
        MySqlCommand.FieldList => "field_list"u8,
        MySqlCommand.CreateDb => "create_db"u8,
        MySqlCommand.DropDb => "drop_db"u8,
        (MySqlCommand)7 => "refresh"u8,
        (MySqlCommand)8 => "shutdown"u8,
        MySqlCommand.Statistics => "statistics"u8,
        (MySqlCommand)10 => "process_info"u8,
        (MySqlCommand)12 => "process_kill"u8,
        (MySqlCommand)13 => "debug"u8,
        MySqlCommand.Ping => "ping"u8,
        MySqlCommand.ChangeUser => "change_user"u8,
        MySqlCommand.BinlogDump => "binlog_dump"u8,
        (MySqlCommand)21 => "register_slave"u8,
        MySqlCommand.StmtPrepare => "stmt_prepare"u8,
        MySqlCommand.StmtExecute => "stmt_execute"u8,
        MySqlCommand.StmtSendLongData => "stmt_send_long_data"u8,
        MySqlCommand.StmtClose => "stmt_close"u8,
        MySqlCommand.StmtReset => "stmt_reset"u8,
        MySqlCommand.SetOption => "set_option"u8,
        MySqlCommand.StmtFetch => "stmt_fetch"u8,
        MySqlCommand.BinlogDumpGtid => "binlog_dump_gtid"u8,
        MySqlCommand.ResetConnection => "reset_connection"u8,
        MySqlCommand.Login => "login"u8,
        _ => "unknown"u8,
    };

    /// <summary>The server says nothing to these.</summary>
    public static bool IsUnanswered(MySqlCommand command) => command is MySqlCommand.Quit or MySqlCommand.StmtClose or MySqlCommand.StmtSendLongData;

    /// <summary>The rest of the packet is a text: a statement or a name.</summary>
    public static bool HasText(MySqlCommand command) =>
        command is MySqlCommand.Query or MySqlCommand.StmtPrepare or MySqlCommand.InitDb or MySqlCommand.CreateDb or MySqlCommand.DropDb or MySqlCommand.FieldList;

    /// <summary>The packet begins with the number of a prepared statement.</summary>
    public static bool HasStatement(MySqlCommand command) => command is MySqlCommand.StmtExecute or MySqlCommand.StmtSendLongData or MySqlCommand.StmtClose
        or MySqlCommand.StmtReset or MySqlCommand.StmtFetch;
}
