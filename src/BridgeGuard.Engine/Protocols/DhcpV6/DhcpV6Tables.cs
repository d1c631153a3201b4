namespace BridgeGuard.Engine.Protocols.DhcpV6;

/// <summary>The options that are read (RFC 8415 §21, RFC 3646, RFC 4704).</summary>
internal enum DhcpV6Option : ushort
{
    ClientId = 1,
    ServerId = 2,
    NonTemporary = 3,
    Temporary = 4,
    Address = 5,
    OptionRequest = 6,
    RelayMessage = 9,
    StatusCode = 13,
    VendorClass = 16,
    DnsServers = 23,
    Delegation = 25,
    Prefix = 26,
    FullName = 39,
}

/// <summary>Names as EVE writes them.</summary>
internal static class DhcpV6Tables
{
    public const byte RelayForward = 12;
    public const byte RelayReply = 13;

    public static bool IsRelay(byte type) => type is RelayForward or RelayReply;

    /// <summary>RFC 8415 §7.3.</summary>
    public static ReadOnlySpan<byte> MessageType(byte type) => type switch
    {
        1 => "solicit"u8,
        2 => "advertise"u8,
        3 => "request"u8,
        4 => "confirm"u8,
        5 => "renew"u8,
        6 => "rebind"u8,
        7 => "reply"u8,
        8 => "release"u8,
        9 => "decline"u8,
        10 => "reconfigure"u8,
        11 => "information_request"u8,
        RelayForward => "relay_forward"u8,
        RelayReply => "relay_reply"u8,
        _ => "unknown"u8,
    };

    /// <summary>From the server.</summary>
    public static bool IsReply(byte type) => type is 2 or 7 or 10 or RelayReply;

    /// <summary>RFC 8415 §21.13.</summary>
    public static ReadOnlySpan<byte> Status(ushort code) => code switch
    {
        0 => "success"u8,
        1 => "unspec_fail"u8,
        2 => "no_addrs_avail"u8,
        3 => "no_binding"u8,
        4 => "not_on_link"u8,
        5 => "use_multicast"u8,
        6 => "no_prefix_avail"u8,
        _ => "unknown"u8,
    };

    /// <summary>Requested options that have a name; the others are left out.</summary>
    public static ReadOnlySpan<byte> Parameter(ushort code) => code switch
    {
        7 => "preference"u8,
        17 => "vendor_opts"u8,
        21 => "sip_server_name"u8,
        22 => "sip_server"u8,
        23 => "dns_server"u8,
        24 => "domain_search"u8,
        31 => "sntp_server"u8,
        32 => "information_refresh_time"u8,
        39 => "client_fqdn"u8,
        56 => "ntp_server"u8,
        59 => "bootfile_url"u8,
        60 => "bootfile_param"u8,
        82 => "sol_max_rt"u8,
        _ => default,
    };
}
