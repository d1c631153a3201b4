namespace BridgeGuard.Engine.Protocols.Snmp;

/// <summary>Code points (RFC 3416 §3, RFC 1157 §4.1.6).</summary>
internal static class SnmpTables
{
    public const int Response = 2;
    public const int TrapV1 = 4;
    public const int GetBulk = 5;
    public const int LastPdu = 8;

    /// <summary>User-based security model (RFC 3414).</summary>
    public const long UserSecurityModel = 3;

    public static readonly (string Name, ulong Value)[] TrapTypes =
    [
        ("coldstart", 0), ("warmstart", 1), ("linkdown", 2), ("linkup", 3), ("authenticationfailure", 4), ("egpneighborloss", 5), ("enterprisespecific", 6),
    ];

    /// <summary>The name of a PDU by its context tag.</summary>
    public static ReadOnlySpan<byte> PduName(int pdu) => pdu switch
    {
        0 => "get_request"u8,
        1 => "get_next_request"u8,
        2 => "response"u8,
        3 => "set_request"u8,
        4 => "trap_v1"u8,
        5 => "get_bulk_request"u8,
        6 => "inform_request"u8,
        7 => "trap_v2"u8,
        _ => "report"u8,
    };

    /// <summary>Empty for a number without a name.</summary>
    /// <summary>Those of version 1 (RFC 1157 §4.1.1); Suricata names no others. Empty: unknown.</summary>
    public static ReadOnlySpan<byte> ErrorName(uint status) => status switch
    {
        1 => "TooBig"u8,
        2 => "NoSuchName"u8,
        3 => "BadValue"u8,
        4 => "ReadOnly"u8,
        5 => "GenErr"u8,
        _ => default,
    };

    /// <summary>Generic traps (RFC 1157 §4.1.6). Empty: unknown.</summary>
    public static ReadOnlySpan<byte> TrapName(byte trap) => trap switch
    {
        0 => "coldStart"u8,
        1 => "warmStart"u8,
        2 => "linkDown"u8,
        3 => "linkUp"u8,
        4 => "authenticationFailure"u8,
        5 => "egpNeighborLoss"u8,
        6 => "enterpriseSpecific"u8,
        _ => default,
    };
}
