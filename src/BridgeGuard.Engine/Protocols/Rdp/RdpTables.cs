namespace BridgeGuard.Engine.Protocols.Rdp;

/// <summary>Names as EVE writes them (MS-RDPBCGR §2.2.1.1 to §2.2.1.3).</summary>
internal static class RdpTables
{
    /// <summary>Bits of the negotiation response, lowest first; an empty name is reserved.</summary>
    public static readonly string[] ServerFlags = ["extended_client_data", "dynvc_gfx", "", "restricted_admin", "redirected_authentication"];

    /// <summary>Bits of the early capability flags, lowest first.</summary>
    public static readonly string[] Capabilities =
    [
        "support_errinfo_pdf", "want_32bpp_session", "support_statusinfo_pdu", "strong_asymmetric_keys", "", "valid_connection_type",
        "support_monitor_layout_pdu", "support_netchar_autodetect", "support_dynvc_gfx_protocol", "support_dynamic_time_zone", "support_heartbeat_pdu",
    ];

    public static ReadOnlySpan<byte> Protocol(uint value) => value switch
    {
        0 => "rdp"u8,
        1 => "ssl"u8,
        2 => "hybrid"u8,
        4 => "rds_tls"u8,
        8 => "hybrid_ex"u8,
        _ => "unknown"u8,
    };

    public static ReadOnlySpan<byte> Failure(uint value) => value switch
    {
        1 => "ssl required by server"u8,
        2 => "ssl not allowed by server"u8,
        3 => "ssl cert not on server"u8,
        4 => "inconsistent flags"u8,
        5 => "hybrid required by server"u8,
        6 => "ssl with user auth required by server"u8,
        _ => "unknown"u8,
    };

    public static ReadOnlySpan<byte> Version(uint value) => value switch
    {
        0x80001 => "v4"u8,
        0x80004 => "v5"u8,
        0x80005 => "v10.0"u8,
        0x80006 => "v10.1"u8,
        0x80007 => "v10.2"u8,
        0x80008 => "v10.3"u8,
        0x80009 => "v10.4"u8,
        0x8000a => "v10.5"u8,
        0x8000b => "v10.6"u8,
        0x8000c => "v10.7"u8,
        _ => "unknown"u8,
    };

    public static ReadOnlySpan<byte> Build(uint value) => value switch
    {
        528 => "Windows NT 3.1"u8,
        1057 => "Windows NT 3.51"u8,
        1381 => "Windows NT 4.0"u8,
        2195 => "Windows 2000"u8,
        2600 => "Windows XP"u8,
        3790 => "Windows Server 2003"u8,
        6000 => "Windows Vista RTM"u8,
        6001 => "Windows Vista SP1"u8,
        6002 => "Windows Vista SP2"u8,
        7600 => "Windows 7 RTM"u8,
        7601 => "Windows 7 SP1"u8,
        9200 => "Windows 8"u8,
        9600 => "Windows 8.1"u8,
        10240 => "Windows 10 TH1"u8,
        10586 => "Windows 10 TH2"u8,
        14393 => "Windows 10 RS1"u8,
        15063 => "Windows 10 RS2"u8,
        16299 => "Windows 10 RS3"u8,
        17134 => "Windows 10 RS4"u8,
        17763 => "Windows 10 RS5"u8,
        _ => "unknown"u8,
    };

    public static ReadOnlySpan<byte> Keyboard(uint type) => type switch
    {
        1 => "xt"u8,
        2 => "ico"u8,
        3 => "at"u8,
        4 => "enhanced"u8,
        5 => "1050"u8,
        6 => "9140"u8,
        7 => "jp"u8,
        _ => default,
    };

    public static ReadOnlySpan<byte> Connection(byte type) => type switch
    {
        1 => "modem"u8,
        2 => "low_broadband"u8,
        3 => "satellite"u8,
        4 => "high_broadband"u8,
        5 => "wan"u8,
        6 => "lan"u8,
        7 => "autodetect"u8,
        _ => default,
    };
}
