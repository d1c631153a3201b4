namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>Types of PDU (C706 §12.1, MS-RPCE §2.2.2).</summary>
internal enum DceRpcType : byte
{
    Request = 0,
    Ping = 1,
    Response = 2,
    Fault = 3,
    Working = 4,
    NoCall = 5,
    Reject = 6,
    Ack = 7,
    ConnectionlessCancel = 8,
    FragmentAck = 9,
    CancelAck = 10,
    Bind = 11,
    BindAck = 12,
    BindNak = 13,
    AlterContext = 14,
    AlterContextResponse = 15,
    Auth3 = 16,
    Shutdown = 17,
    Cancel = 18,
    Orphaned = 19,
    Last = Orphaned,

    /// <summary>No PDU of that direction was seen.</summary>
    None = 255,
}

/// <summary>Names of the types in EVE.</summary>
internal static class DceRpcTables
{
    public static ReadOnlySpan<byte> Name(DceRpcType type) => type switch
    {
        DceRpcType.Request => "REQUEST"u8,
        DceRpcType.Ping => "PING"u8,
        DceRpcType.Response => "RESPONSE"u8,
        DceRpcType.Fault => "FAULT"u8,
        DceRpcType.Working => "WORKING"u8,
        DceRpcType.NoCall => "NOCALL"u8,
        DceRpcType.Reject => "REJECT"u8,
        DceRpcType.Ack => "ACK"u8,
        DceRpcType.ConnectionlessCancel => "CL_CANCEL"u8,
        DceRpcType.FragmentAck => "FACK"u8,
        DceRpcType.CancelAck => "CANCEL_ACK"u8,
        DceRpcType.Bind => "BIND"u8,
        DceRpcType.BindAck => "BINDACK"u8,
        DceRpcType.BindNak => "BINDNAK"u8,
        DceRpcType.AlterContext => "ALTER_CONTEXT"u8,
        DceRpcType.AlterContextResponse => "ALTER_CONTEXT_RESP"u8,
        DceRpcType.Auth3 => "AUTH3"u8,
        DceRpcType.Shutdown => "SHUTDOWN"u8,
        DceRpcType.Cancel => "CO_CANCEL"u8,
        DceRpcType.Orphaned => "ORPHANED"u8,
        _ => "UNKNOWN"u8,
    };
}
