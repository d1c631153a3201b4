using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Rules.Tests.Loading;

/// <summary>Protocols with the keyword names and directions that public rule sets use, and no parsers: what loading needs.</summary>
internal static class StandInProtocols
{
    public static readonly Protocol[] All =
    [
        new StandIn(ProtocolId.Http1, "http1", tcp: true, udp: false, files: DirectionMask.Both, http: true),
        new StandIn(ProtocolId.Http2, "http2", tcp: true, udp: false, files: DirectionMask.Both, http: true),
        new StandIn(ProtocolId.Dns, "dns", tcp: true, udp: true, buffers: "dns.query/dns_query s; dns.queries.rrname b; dns.answers.rrname b", fields: "dns.opcode b; dns.rcode b; dns.rrtype b"),
        new StandIn(
            ProtocolId.Tls,
            "tls",
            tcp: true,
            udp: false,
            
            buffers: "tls.sni/tls_sni s; tls.cert_subject/tls_cert_subject c; tls.cert_issuer/tls_cert_issuer c; tls.cert_serial/tls_cert_serial c; "
                + "tls.cert_fingerprint/tls_cert_fingerprint c; tls.certs b; ja3.hash/ja3_hash s; ja3.string s; ja3s.hash c; ja3s.string c; ja4.hash s; "
                + "tls.alpn s; tls.subjectaltname c; tls.random b",
            keywords: "tls.version b; ssl_version b; ssl_state b; tls.fingerprint c; tls.subject c; tls.issuerdn c; tls_cert_notbefore c; tls_cert_notafter c; tls_cert_expired c; tls_cert_valid c; tls.store c"),
        new StandIn(ProtocolId.Smtp, "smtp", tcp: true, udp: false, files: DirectionMask.ToServer, buffers: "smtp.helo s; smtp.mail_from s; smtp.rcpt_to s; email.from s; email.subject s"),
        new StandIn(ProtocolId.Ftp, "ftp", tcp: true, udp: false, keywords: "ftpbounce s; ftpdata_command b"),
        new StandIn(ProtocolId.FtpData, "ftp-data", tcp: true, udp: false, files: DirectionMask.Both),
        new StandIn(ProtocolId.Smb, "smb", tcp: true, udp: false, files: DirectionMask.Both, buffers: "smb.named_pipe s; smb.share s; smb.ntlmssp_user s; smb.ntlmssp_domain s; dcerpc.stub_data/dce_stub_data b", keywords: "dcerpc.iface/dce_iface s; dcerpc.opnum/dce_opnum s"),
        new StandIn(ProtocolId.DceRpc, "dcerpc", tcp: true, udp: true, buffers: "dcerpc.stub_data/dce_stub_data b", keywords: "dcerpc.iface/dce_iface s; dcerpc.opnum/dce_opnum s"),
        new StandIn(ProtocolId.Ssh, "ssh", tcp: true, udp: false, buffers: "ssh.proto/ssh_proto b; ssh.software/ssh_software b; ssh.hassh s; ssh.hassh.server c"),
        new StandIn(ProtocolId.Nfs, "nfs", tcp: true, udp: true, files: DirectionMask.Both),
        new StandIn(ProtocolId.Krb5, "krb5", tcp: true, udp: true, buffers: "krb5.cname b; krb5.sname b"),
        new StandIn(ProtocolId.Snmp, "snmp", tcp: false, udp: true, buffers: "snmp.community b"),
        new StandIn(ProtocolId.Sip, "sip", tcp: true, udp: true, buffers: "sip.method s; sip.uri s"),
        new StandIn(ProtocolId.Imap, "imap", tcp: true, udp: false),
        new StandIn(ProtocolId.Pop3, "pop3", tcp: true, udp: false),
        new StandIn(ProtocolId.Tftp, "tftp", tcp: false, udp: true),
        new StandIn(ProtocolId.Ike, "ike", tcp: false, udp: true, aliases: ["ikev2"]),
        new StandIn(ProtocolId.Rdp, "rdp", tcp: true, udp: false),
        new StandIn(ProtocolId.Rfb, "rfb", tcp: true, udp: false),
        new StandIn(ProtocolId.Ntp, "ntp", tcp: false, udp: true),
        new StandIn(ProtocolId.Dhcp, "dhcp", tcp: false, udp: true),
        new StandIn(ProtocolId.Mqtt, "mqtt", tcp: true, udp: false),
        new StandIn(ProtocolId.Modbus, "modbus", tcp: true, udp: false),
        new StandIn(ProtocolId.Quic, "quic", tcp: false, udp: true, buffers: "quic.sni s; quic.ua s; quic.version b"),
        new StandIn(ProtocolId.Telnet, "telnet", tcp: true, udp: false),
        new StandIn(ProtocolId.Irc, "irc", tcp: true, udp: false),
        new StandIn(ProtocolId.BitTorrentDht, "bittorrent-dht", tcp: false, udp: true),
    ];

    private const string HttpBuffers =
        "http.uri//http_uri s; http.uri.raw//http_raw_uri s; http.method//http_method s; http.header//http_header b; http.header.raw//http_raw_header b; "
        + "http.cookie//http_cookie b; http.host//http_host s; http.host.raw//http_raw_host s; http.user_agent//http_user_agent s; "
        + "http.request_body//http_client_body s; http.response_body//http_server_body c; http.stat_code//http_stat_code c; http.stat_msg//http_stat_msg c; "
        + "http.protocol/http_protocol b; http.start/http_start b; http.header_names/http_header_names b; http.accept/http_accept s; "
        + "http.accept_lang/http_accept_lang s; http.accept_enc/http_accept_enc s; http.connection/http_connection b; http.content_len/http_content_len b; "
        + "http.content_type/http_content_type b; http.referer/http_referer s; http.location c; http.server c; http.request_line/http_request_line s; "
        + "http.response_line/http_response_line c; http.request_header s; http.response_header c; file.data/file_data b";

    private sealed class StandIn(
        ProtocolId id,
        string name,
        bool tcp,
        bool udp,
        DirectionMask files = DirectionMask.None,
        bool http = false,
        string[]? aliases = null,
        string buffers = "",
        string fields = "",
        string keywords = "") : Protocol
    {
        public override ProtocolId Id => id;

        public override string Name => name;

        public override string[] Aliases => aliases ?? [];

        public override bool UsesTcp => tcp;

        public override bool UsesUdp => udp;

        public override DirectionMask FileDirections => files;

        public override BufferDescriptor[] Buffers { get; } =
        [
            .. Split(http ? HttpBuffers : buffers).Select((item, index) => new BufferDescriptor
            {
                Name = item.Name,
                Aliases = item.Aliases,
                LegacyModifiers = item.Modifiers,
                LocalId = index,
                Directions = item.Directions,
                IsMulti = item.Name is "dns.query" or "tls.certs" or "dns.queries.rrname",
                IsStreaming = item.Name.EndsWith("body", StringComparison.Ordinal) || item.Name == "file.data",
            }),
        ];

        public override FieldDescriptor[] Fields { get; } =
            [.. Split(fields).Select((item, index) => new FieldDescriptor { Name = item.Name, LocalId = index, Directions = item.Directions, Bits = 16 })];

        public override KeywordDescriptor[] Keywords { get; } =
        [
            .. Split(keywords).Select(item => new KeywordDescriptor
            {
                Name = item.Name,
                Aliases = item.Aliases,
                Directions = item.Directions,
                ArgumentOptional = true,
                Parse = Accept,
            }),
        ];

        public override byte CompletedProgress(Direction direction) => 1;

        public override ProtocolState CreateState(ProtocolSettings settings) => throw new NotSupportedException();

        private static TransactionMatcher Accept(string? argument, out string error)
        {
            error = "";
            return new Never();
        }

        private static IEnumerable<(string Name, string[] Aliases, string[] Modifiers, DirectionMask Directions)> Split(string text)
        {
            foreach (string item in text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                int blank = item.LastIndexOf(' ');
                string[] names = item[..blank].Split('/');
                DirectionMask directions = item[^1] switch
                {
                    's' => DirectionMask.ToServer,
                    'c' => DirectionMask.ToClient,
                    _ => DirectionMask.Both,
                };
                yield return (
                    names[0],
                    names.Length > 1 && names[1].Length > 0 ? [names[1]] : [],
                    names.Length > 2 ? [names[2]] : [],
                    directions);
            }
        }
    }

    private sealed class Never : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Engine.Flows.Flow flow) => false;
    }
}
