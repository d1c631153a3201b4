namespace BridgeGuard.Engine.Protocols.Dhcp;

/// <summary>The options that are read (RFC 2132, RFC 5859).</summary>
internal enum DhcpOption : byte
{
    SubnetMask = 1,
    Router = 3,
    DnsServer = 6,
    HostName = 12,
    RequestedAddress = 50,
    LeaseTime = 51,
    MessageType = 53,
    ParameterList = 55,
    RenewalTime = 58,
    RebindingTime = 59,
    VendorClass = 60,
    ClientId = 61,
}

/// <summary>Names as EVE writes them.</summary>
internal static class DhcpTables
{
    public const byte Request = 1;
    public const byte Reply = 2;
    public const byte Ack = 5;

    public static ReadOnlySpan<byte> Operation(byte operation) => operation switch
    {
        Request => "request"u8,
        Reply => "reply"u8,
        _ => "<unknown>"u8,
    };

    /// <summary>RFC 2132 §9.6.</summary>
    public static ReadOnlySpan<byte> MessageType(byte type) => type switch
    {
        1 => "discover"u8,
        2 => "offer"u8,
        3 => "request"u8,
        4 => "decline"u8,
        Ack => "ack"u8,
        6 => "nak"u8,
        7 => "release"u8,
        8 => "inform"u8,
        _ => "unknown"u8,
    };

    /// <summary>Requested parameters that have a name; the others are left out.</summary>
    public static ReadOnlySpan<byte> Parameter(byte code) => code switch
    {
        1 => "subnet_mask"u8,
        3 => "router"u8,
        6 => "dns_server"u8,
        15 => "domain"u8,
        35 => "arp_timeout"u8,
        42 => "ntp_server"u8,
        66 => "tftp_server_name"u8,
        150 => "tftp_server_ip"u8,
        _ => default,
    };
}
