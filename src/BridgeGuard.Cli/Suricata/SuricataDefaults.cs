namespace BridgeGuard.Cli.Suricata;

/// <summary>What is in force when no configuration file is given.</summary>
internal static class SuricataDefaults
{
    public const string Configuration = """
        vars:
          address-groups:
            HOME_NET: "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"
            EXTERNAL_NET: "!$HOME_NET"
            HTTP_SERVERS: "$HOME_NET"
            SMTP_SERVERS: "$HOME_NET"
            SQL_SERVERS: "$HOME_NET"
            DNS_SERVERS: "$HOME_NET"
            TELNET_SERVERS: "$HOME_NET"
            AIM_SERVERS: "$EXTERNAL_NET"
            DC_SERVERS: "$HOME_NET"
            DNP3_SERVER: "$HOME_NET"
            DNP3_CLIENT: "$HOME_NET"
            MODBUS_CLIENT: "$HOME_NET"
            MODBUS_SERVER: "$HOME_NET"
            ENIP_CLIENT: "$HOME_NET"
            ENIP_SERVER: "$HOME_NET"
          port-groups:
            HTTP_PORTS: "80"
            SHELLCODE_PORTS: "!80"
            ORACLE_PORTS: 1521
            SSH_PORTS: 22
            DNP3_PORTS: 20000
            MODBUS_PORTS: 502
            FILE_DATA_PORTS: "[$HTTP_PORTS,110,143]"
            FTP_PORTS: 21
            GENEVE_PORTS: 6081
            VXLAN_PORTS: 4789
            TEREDO_PORTS: 3544
            SIP_PORTS: "[5060, 5061]"
        outputs:
          - eve-log:
              enabled: yes
              filename: eve.json
              append: no
              types:
                - alert
                - drop
                - anomaly
                - http:
                    extended: yes
                - dns
                - mdns
                - tls:
                    extended: yes
                - files
                - smtp
                - websocket
                - ftp
                - rdp
                - nfs
                - smb
                - tftp
                - ike
                - dcerpc
                - krb5
                - bittorrent-dht
                - snmp
                - rfb
                - sip
                - quic
                - ldap
                - pop3
                - dhcp
                - ssh
                - mqtt
                - http2
                - doh2
                - flow
                - stats
        logging:
          default-log-level: notice
          outputs:
            - console:
                enabled: yes
        app-layer:
          protocols:
            modbus:
              enabled: yes
            dnp3:
              enabled: yes
            enip:
              enabled: yes
            pgsql:
              enabled: yes
        stream:
          reassembly:
            depth: 1 MiB
        """;
}
