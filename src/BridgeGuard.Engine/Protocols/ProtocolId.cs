namespace BridgeGuard.Engine.Protocols;

/// <summary>The application protocols, one number each; 0 is "not known yet". Numbers are not stored, order is free.</summary>
public enum ProtocolId : byte
{
    Unknown = 0,

    /// <summary>Detection gave up: EVE <c>app_proto: failed</c>.</summary>
    Failed,
    BitTorrentDht,
    DceRpc,
    Dhcp,
    DhcpV6,
    Dnp3,
    Dns,
    Doh2,
    Enip,
    Ftp,
    FtpData,
    Http1,
    Http2,

    /// <summary>Only in rules: HTTP/1 or HTTP/2.</summary>
    Http,
    Ike,
    Imap,
    Irc,
    Krb5,
    Ldap,
    Mdns,
    Modbus,
    Mqtt,
    MySql,
    Nfs,
    Ntp,
    Pgsql,
    Pop3,
    Quic,
    Rdp,
    Redis,
    Rfb,
    Sip,
    Smb,
    Smtp,
    Snmp,
    Ssh,
    Telnet,
    Template,
    Tftp,
    Tls,
    WebSocket,
    Count,
}
