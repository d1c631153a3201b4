namespace BridgeGuard.Engine.Protocols;

/// <summary>Every protocol, alphabetical, one line each. Adding one is a line here.</summary>
public static class ProtocolCatalog
{
    public static readonly Protocol[] All =
    [
        new BitTorrentDht.BitTorrentDhtProtocol(),
        new DceRpc.DceRpcProtocol(),
        new Dhcp.DhcpProtocol(),
        new DhcpV6.DhcpV6Protocol(),
        new Dnp3.Dnp3Protocol(),
        new Dns.DnsProtocol(),
        new Http2.Doh2Protocol(),
        new Enip.EnipProtocol(),
        new Ftp.FtpProtocol(),
        new Ftp.FtpDataProtocol(),
        new Http1.Http1Protocol(),
        new Http2.Http2Protocol(),
        new Ike.IkeProtocol(),
        new Named.ImapProtocol(),
        new Irc.IrcProtocol(),
        new Krb5.Krb5Protocol(),
        new Ldap.LdapProtocol(),
        new Dns.MdnsProtocol(),
        new Modbus.ModbusProtocol(),
        new Mqtt.MqttProtocol(),
        new MySql.MySqlProtocol(),
        new Nfs.NfsProtocol(),
        new Ntp.NtpProtocol(),
        new Pgsql.PgsqlProtocol(),
        new Pop3.Pop3Protocol(),
        new Quic.QuicProtocol(),
        new Rdp.RdpProtocol(),
        new Redis.RedisProtocol(),
        new Rfb.RfbProtocol(),
        new Sip.SipProtocol(),
        new Smb.SmbProtocol(),
        new Smtp.SmtpProtocol(),
        new Snmp.SnmpProtocol(),
        new Ssh.SshProtocol(),
        new Named.TelnetProtocol(),
        new Tftp.TftpProtocol(),
        new Tls.TlsProtocol(),
        new WebSocket.WebSocketProtocol(),
    ];

    private static readonly Protocol?[] ById = Index();

    /// <summary>The descriptor of a protocol, or null when there is no parser for it.</summary>
    public static Protocol? Get(ProtocolId id) => ById[(int)id];

    /// <summary>Finds a protocol by its name or an alias, as rules write it.</summary>
    public static Protocol? Find(string name)
    {
        foreach (Protocol protocol in All)
        {
            if (protocol.Name == name || Array.IndexOf(protocol.Aliases, name) >= 0)
            {
                return protocol;
            }
        }

        return null;
    }

    private static Protocol?[] Index()
    {
        var index = new Protocol?[(int)ProtocolId.Count];
        foreach (Protocol protocol in All)
        {
            index[(int)protocol.Id] = protocol;
        }

        return index;
    }
}
