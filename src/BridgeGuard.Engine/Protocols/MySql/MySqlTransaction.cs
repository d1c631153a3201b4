using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.MySql;

/// <summary>How the server answered.</summary>
internal enum MySqlAnswer : byte
{
    None,
    Ok,
    Error,
    ResultSet,

    /// <summary>The server asks for a file of the client.</summary>
    LocalInfile,

    /// <summary>A line of text (COM_STATISTICS).</summary>
    Text,
}

/// <summary>A command with its response; the first one is greeting and login.</summary>
internal sealed class MySqlTransaction : Transaction
{
    public ByteBuffer Request { get; } = new();

    public ByteBuffer Response { get; } = new();

    public MySqlCommand Command { get; set; }

    /// <summary>A statement, or the name of a database or table.</summary>
    public Slice Text { get; set; } = Slice.None;

    public Slice User { get; set; } = Slice.None;

    public Slice Database { get; set; } = Slice.None;

    public bool HasStatementId { get; set; }

    public uint StatementId { get; set; }

    /// <summary>Of a greeting.</summary>
    public Slice ServerVersion { get; set; } = Slice.None;

    public Slice Plugin { get; set; } = Slice.None;

    public uint ThreadId { get; set; }

    /// <summary>The client went on with TLS, or compressed.</summary>
    public bool IsTls { get; set; }

    public bool IsCompressed { get; set; }

    public MySqlAnswer Answer { get; set; }

    public ulong AffectedRows { get; set; }

    public ulong LastInsertId { get; set; }

    public ushort Warnings { get; set; }

    public ushort ErrorCode { get; set; }

    public Slice SqlState { get; set; } = Slice.None;

    /// <summary>An error's message, the name of a wanted file, or the text that was the answer.</summary>
    public Slice Message { get; set; } = Slice.None;

    public ulong Columns { get; set; }

    public ulong Rows { get; set; }

    public void Raise(MySqlAnomaly anomaly) => Note((int)anomaly);

    public void Complete()
    {
        ProgressToServer = 1;
        ProgressToClient = 1;
    }

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view) => MySqlBuffers.TryGet(this, buffer, direction, index, out view);

    public override bool TryGetField(int field, Direction direction, int index, out ulong value) => MySqlBuffers.TryGet(this, field, direction, index, out value);

    public override void Reset()
    {
        base.Reset();
        Request.Reset();
        Response.Reset();
        Command = MySqlCommand.Sleep;
        Text = User = Database = ServerVersion = Plugin = SqlState = Message = Slice.None;
        HasStatementId = IsTls = IsCompressed = false;
        StatementId = ThreadId = 0;
        Answer = MySqlAnswer.None;
        AffectedRows = LastInsertId = Columns = Rows = 0;
        Warnings = ErrorCode = 0;
    }
}
