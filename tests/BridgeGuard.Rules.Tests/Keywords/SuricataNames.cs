namespace BridgeGuard.Rules.Tests.Keywords;

/// <summary>Names that Suricata 8.0.8 prints of itself, for lists that must have no gap.</summary>
/// <remarks>
/// Origin: <c>suricata --list-keywords=csv</c>, <c>--list-app-layer-frames</c> and <c>--list-app-layer-hooks</c> of Debian's build with its default
/// configuration, and the names in the <c>app-layer-event</c> options of the rule files that come with it. Left out are <c>lua</c> and <c>luaxform</c> (scripts are not
/// run here) and <c>template2</c> (an example for developers).
/// </remarks>
internal static class SuricataNames
{
    /// <summary>Keywords whose features say «sticky buffer».</summary>
    public static readonly string[] StickyBuffers = Split("""
        dcerpc.stub_data dnp3.data dns.additionals.rrname dns.answer.name dns.answers.rrname dns.authorities.rrname dns.queries.rrname dns.query
        dns.query.name dns.response.rrname email.cc email.date email.from email.message_id email.received email.subject email.to email.url email.x_mailer
        enip.product_name enip.service_name file.magic file.name ftp.completion_code ftp.reply http.accept http.accept_enc http.accept_lang http.connection
        http.content_len http.content_type http.cookie http.header http.header.raw http.header_names http.host http.host.raw http.location http.method
        http.protocol http.referer http.request_body http.request_header http.request_line http.response_body http.response_header http.response_line
        http.server http.start http.stat_code http.stat_msg http.uri http.uri.raw http.user_agent http2.header_name icmpv4.hdr icmpv6.hdr ike.init_spi
        ike.key_exchange_payload ike.nonce_payload ike.resp_spi ike.vendor ip.dst ip.src ipv4.hdr ipv6.hdr ja3.hash ja3.string ja3s.hash ja3s.string ja4.hash
        krb5.cname krb5.sname ldap.request.attribute_type ldap.request.dn ldap.responses.attribute_type ldap.responses.dn ldap.responses.message
        mdns.additionals.rrname mdns.answers.rrname mdns.authorities.rrname mdns.queries.rrname mdns.response.rrname mqtt.connect.clientid
        mqtt.connect.password mqtt.connect.protocol_string mqtt.connect.username mqtt.connect.willmessage mqtt.connect.willtopic mqtt.publish.message
        mqtt.publish.topic mqtt.subscribe.topic mqtt.unsubscribe.topic ntp.reference_id pgsql.query quic.sni quic.ua quic.version rfb.name sdp.attribute
        sdp.bandwidth sdp.connection_data sdp.email sdp.encryption_key sdp.media.connection_data sdp.media.encryption_key sdp.media.media sdp.media.media_info
        sdp.origin sdp.phone_number sdp.repeat_time sdp.session_info sdp.session_name sdp.time sdp.timezone sdp.uri sip.content_length sip.content_type
        sip.from sip.protocol sip.request_line sip.response_line sip.stat_code sip.stat_msg sip.to sip.user_agent sip.via smb.named_pipe smb.ntlmssp_domain
        smb.ntlmssp_user smb.share smtp.helo smtp.mail_from smtp.rcpt_to snmp.community snmp.usm ssh.hassh ssh.hassh.server ssh.hassh.server.string
        ssh.hassh.string ssh.proto ssh.software tcp.hdr tls.alpn tls.cert_fingerprint tls.cert_issuer tls.cert_serial tls.cert_subject tls.certs tls.random
        tls.random_bytes tls.random_time tls.sni tls.subjectaltname udp.hdr websocket.payload
        """);

    /// <summary>Keywords whose features say «content modifier».</summary>
    public static readonly string[] ContentModifiers = Split("""
        http_client_body http_cookie http_header http_host http_method http_raw_header http_raw_host http_raw_uri http_server_body http_stat_code
        http_stat_msg http_uri http_user_agent
        """);

    /// <summary>Keywords whose features say «transform».</summary>
    public static readonly string[] Transforms = Split("""
        compress_whitespace domain dotprefix from_base64 gunzip header_lowercase pcrexform strip_pseudo_headers strip_whitespace tld to_lowercase to_md5
        to_sha1 to_sha256 to_uppercase url_decode xor zlib_deflate
        """);

    /// <summary>All other keywords.</summary>
    public static readonly string[] Options = Split("""
        absent alert app-layer-event app-layer-protocol app-layer-state asn1 base64_data base64_decode bsize bypass byte_extract byte_jump byte_math byte_test
        cip_service classtype config content datarep dataset dcerpc.iface dcerpc.opnum decode-event depth detection_filter dhcp.leasetime dhcp.rebinding_time
        dhcp.renewal_time distance dnp3_func dnp3_ind dnp3_obj dns.opcode dns.rcode dns.rrtype dsize endswith engine-event enip.capabilities
        enip.cip_attribute enip.cip_class enip.cip_extendedstatus enip.cip_instance enip.cip_status enip.device_type enip.identity_status enip.product_code
        enip.protocol_version enip.revision enip.serial enip.state enip.status enip.vendor_id enip_command entropy fast_pattern file.data fileext filemagic
        filemd5 filename filesha1 filesha256 filesize filestore flow flow.age flow.bytes flow.bytes_toclient flow.bytes_toserver flow.elephant flow.pkts
        flow.pkts_toclient flow.pkts_toserver flowbits flowint flowvar fragbits fragoffset frame ftp.command ftp.command_data ftp.dynamic_port ftp.mode
        ftp.reply_received ftpbounce ftpdata_command geoip gid hostbits http2.errorcode http2.frametype http2.priority http2.settings http2.size_update
        http2.window icmp_id icmp_seq icmpv4-csum icmpv6-csum icmpv6.mtu icode id ike.chosen_sa_attribute ike.exchtype ike.key_exchange_payload_length
        ike.nonce_payload_length ip_proto ipopts iprep ipv4-csum isdataat itype krb5.ticket_encryption krb5_err_code krb5_msg_type l3_proto
        ldap.request.operation ldap.responses.count ldap.responses.operation ldap.responses.result_code metadata modbus mqtt.connack.session_present
        mqtt.connect.flags mqtt.flags mqtt.protocol_version mqtt.qos mqtt.reason_code mqtt.type msg nfq_set_mark nfs.version nfs_procedure noalert nocase
        ntp.mode ntp.stratum ntp.version offset pcre pkt_data pktvar prefilter priority quic.cyu.hash quic.cyu.string rawbytes reference replace requires rev
        rfb.secresult rfb.sectype rpc sameip sid sip.method sip.uri smb.version snmp.pdu_type snmp.trap_type snmp.version ssh.protoversion ssh.softwareversion
        ssl_state ssl_version startswith stream-event stream_size tag target tcp.ack tcp.flags tcp.mss tcp.seq tcp.session tcp.window tcp.wscale tcpv4-csum
        tcpv6-csum threshold tls.cert_chain_len tls.fingerprint tls.issuerdn tls.subject tls.version tls_cert_expired tls_cert_notafter tls_cert_notbefore
        tls_cert_valid tls_store tos ttl udpv4-csum udpv6-csum uricontent urilen vlan.id vlan.layers websocket.flags websocket.mask websocket.opcode within
        xbits
        """);

    /// <summary>Transport, protocol and frame.</summary>
    public static readonly string[] Frames = Split("""
        tcp:dcerpc.data tcp:dcerpc.hdr tcp:dcerpc.pdu tcp:dcerpc.stream tcp:dns.pdu tcp:dns.stream tcp:doh2.data tcp:doh2.hdr tcp:doh2.pdu tcp:doh2.stream
        tcp:http1.request tcp:http1.response tcp:http1.stream tcp:http2.data tcp:http2.hdr tcp:http2.pdu tcp:http2.stream tcp:ldap.pdu tcp:ldap.stream
        tcp:mqtt.data tcp:mqtt.header tcp:mqtt.pdu tcp:mqtt.stream tcp:nfs.nfs.pdu tcp:nfs.nfs.status tcp:nfs.nfs4.hdr tcp:nfs.nfs4.ops tcp:nfs.nfs4.pdu
        tcp:nfs.nfs4.status tcp:nfs.rpc.creds tcp:nfs.rpc.data tcp:nfs.rpc.hdr tcp:nfs.rpc.pdu tcp:nfs.stream tcp:rfb.pdu tcp:rfb.stream tcp:sip.pdu
        tcp:sip.request.body tcp:sip.request.headers tcp:sip.request.line tcp:sip.response.body tcp:sip.response.headers tcp:sip.response.line tcp:sip.stream
        tcp:smb.nbss.data tcp:smb.nbss.hdr tcp:smb.nbss.pdu tcp:smb.smb1.data tcp:smb.smb1.hdr tcp:smb.smb1.pdu tcp:smb.smb2.data tcp:smb.smb2.hdr
        tcp:smb.smb2.pdu tcp:smb.smb3.data tcp:smb.smb3.hdr tcp:smb.smb3.pdu tcp:smb.stream tcp:smtp.command_line tcp:smtp.data tcp:smtp.response_line
        tcp:smtp.stream tcp:ssh.record.data tcp:ssh.record.hdr tcp:ssh.record.pdu tcp:ssh.stream tcp:telnet.ctl tcp:telnet.data tcp:telnet.pdu
        tcp:telnet.stream tcp:tls.alert tcp:tls.data tcp:tls.hdr tcp:tls.heartbeat tcp:tls.pdu tcp:tls.ssl2.hdr tcp:tls.ssl2.pdu tcp:tls.stream
        tcp:websocket.data tcp:websocket.header tcp:websocket.pdu tcp:websocket.stream udp:dns.pdu udp:ldap.pdu udp:mdns.pdu udp:nfs.nfs.pdu
        udp:nfs.nfs.status udp:nfs.nfs4.hdr udp:nfs.nfs4.ops udp:nfs.nfs4.pdu udp:nfs.nfs4.status udp:nfs.rpc.creds udp:nfs.rpc.data udp:nfs.rpc.hdr
        udp:nfs.rpc.pdu udp:sip.pdu udp:sip.request.body udp:sip.request.headers udp:sip.request.line udp:sip.response.body udp:sip.response.headers
        udp:sip.response.line
        """);

    /// <summary>Protocol and hook.</summary>
    public static readonly string[] Hooks = Split("""
        bittorrent-dht:request_complete bittorrent-dht:request_started bittorrent-dht:response_complete bittorrent-dht:response_started
        dcerpc:request_complete dcerpc:request_started dcerpc:response_complete dcerpc:response_started dhcp:request_complete dhcp:request_started
        dhcp:response_complete dhcp:response_started dns:request_complete dns:request_started dns:response_complete dns:response_started doh2:request_complete
        doh2:request_started doh2:response_complete doh2:response_started ftp-data:request_complete ftp-data:request_started ftp-data:response_complete
        ftp-data:response_started ftp:request_complete ftp:request_started ftp:response_complete ftp:response_started http1:request_body
        http1:request_complete http1:request_headers http1:request_line http1:request_started http1:request_trailer http1:response_body
        http1:response_complete http1:response_headers http1:response_line http1:response_started http1:response_trailer http2:request_complete
        http2:request_started http2:response_complete http2:response_started ike:request_complete ike:request_started ike:response_complete
        ike:response_started imap:request_complete imap:request_started imap:response_complete imap:response_started krb5:request_complete
        krb5:request_started krb5:response_complete krb5:response_started ldap:request_complete ldap:request_started ldap:response_complete
        ldap:response_started mdns:request_complete mdns:request_started mdns:response_complete mdns:response_started mqtt:request_complete
        mqtt:request_started mqtt:response_complete mqtt:response_started nfs:request_complete nfs:request_started nfs:response_complete nfs:response_started
        ntp:request_complete ntp:request_started ntp:response_complete ntp:response_started pop3:request_complete pop3:request_started pop3:response_complete
        pop3:response_started quic:request_complete quic:request_started quic:response_complete quic:response_started rdp:request_complete rdp:request_started
        rdp:response_complete rdp:response_started rfb:request_complete rfb:request_started rfb:response_complete rfb:response_started sip:request_complete
        sip:request_started sip:response_complete sip:response_started smb:request_complete smb:request_started smb:response_complete smb:response_started
        smtp:request_complete smtp:request_data smtp:request_started smtp:response_complete smtp:response_data smtp:response_started snmp:request_complete
        snmp:request_started snmp:response_complete snmp:response_started ssh:request_banner_done ssh:request_banner_wait_eol ssh:request_complete
        ssh:request_finished ssh:request_in_progress ssh:request_started ssh:response_banner_done ssh:response_banner_wait_eol ssh:response_complete
        ssh:response_finished ssh:response_in_progress ssh:response_started telnet:request_complete telnet:request_started telnet:response_complete
        telnet:response_started tftp:request_complete tftp:request_started tftp:response_complete tftp:response_started tls:client_cert_done
        tls:client_finished tls:client_handshake_done tls:client_hello_done tls:client_in_progress tls:request_complete tls:request_started
        tls:response_complete tls:response_started tls:server_cert_done tls:server_finished tls:server_handshake_done tls:server_hello tls:server_hello_done
        tls:server_in_progress websocket:request_complete websocket:request_started websocket:response_complete websocket:response_started
        """);

    /// <summary>Protocol and event.</summary>
    public static readonly string[] Events = Split("""
        bittorrent-dht.malformed_packet dhcp.malformed_options dhcp.truncated_options dnp3.bad_link_crc dnp3.bad_transport_crc dnp3.flooded dnp3.len_too_small
        dnp3.too_long_reassembly dnp3.too_many_objects dnp3.too_many_points dnp3.unknown_object dns.infinite_loop dns.invalid_additionals
        dns.invalid_authorities dns.invalid_opcode dns.malformed_data dns.name_too_long dns.not_request dns.not_response dns.too_many_labels dns.z_flag_set
        enip.invalid_pdu enip.too_many_transactions ftp.file_before_port ftp.file_without_name ftp.request_command_too_long ftp.response_command_too_long
        ftp.too_many_preliminary_responses ftp.too_many_transactions http.100_continue_already_seen http.abnormal_ce_header http.compression_bomb
        http.compression_bomb_limit_reached http.double_encoded_uri http.duplicate_content_length_field_in_request
        http.duplicate_content_length_field_in_response http.failed_protocol_change http.file_name_too_long http.gzip_decompression_failed
        http.host_header_ambiguous http.invalid_authority_port http.invalid_content_length_field_in_request http.invalid_content_length_field_in_response
        http.invalid_request_chunk_len http.invalid_request_field_folding http.invalid_response_chunk_len http.invalid_response_field_folding
        http.invalid_server_port_in_request http.invalid_transfer_encoding_value_in_request http.invalid_transfer_encoding_value_in_response
        http.lzma_memlimit_reached http.method_delim_non_compliant http.missing_host_header http.multipart_generic_error http.multipart_invalid_header
        http.multipart_no_filedata http.range_invalid http.request_auth_unrecognized http.request_body_unexpected http.request_chunk_extension
        http.request_field_missing_colon http.request_field_too_long http.request_header_host_invalid http.request_header_invalid
        http.request_header_repetition http.request_line_incomplete http.request_line_invalid http.request_line_leading_whitespace
        http.request_line_missing_protocol http.request_server_port_tcp_port_mismatch http.request_too_many_headers http.request_uri_host_invalid
        http.response_abnormal_transfer_encoding http.response_chunk_extension http.response_chunked_old_proto http.response_field_missing_colon
        http.response_field_too_long http.response_header_invalid http.response_header_repetition http.response_invalid_protocol http.response_invalid_status
        http.response_multipart_byteranges http.response_too_many_headers http.too_many_encoding_layers http.too_many_warnings
        http.unable_to_match_response_to_request http.unknown_error http.uri_delim_non_compliant http2.authority_host_mismatch http2.compression_bomb
        http2.continuation_without_headers http2.data_stream_zero http2.dns_request_too_long http2.dns_response_too_long http2.extra_header_data
        http2.failed_decompression http2.header_integer_overflow http2.header_table_overflow http2.invalid_client_magic http2.invalid_frame_data
        http2.invalid_frame_header http2.invalid_frame_length http2.invalid_header http2.invalid_http1_settings http2.invalid_range http2.long_frame_data
        http2.reassembly_limit_reached http2.stream_id_reuse http2.too_long_repeated_headers http2.too_many_frames http2.too_many_streams
        http2.userinfo_in_uri ike.invalid_proposal ike.malformed_data ike.multiple_server_proposal ike.no_encryption ike.unknown_proposal ike.weak_crypto_auth
        ike.weak_crypto_dh ike.weak_crypto_enc ike.weak_crypto_no_auth ike.weak_crypto_no_dh ike.weak_crypto_prf krb5.malformed_data krb5.weak_encryption
        ldap.invalid_data ldap.request_not_found ldap.too_many_responses ldap.too_many_transactions mdns.infinite_loop mdns.invalid_additionals
        mdns.invalid_authorities mdns.invalid_opcode mdns.malformed_data mdns.name_too_long mdns.not_request mdns.not_response mdns.too_many_labels
        mdns.z_flag_set modbus.flooded modbus.invalid_exception_code modbus.invalid_function_code modbus.invalid_length modbus.invalid_protocol_id
        modbus.invalid_value modbus.unsolicited_response modbus.value_mismatch mqtt.double_connect mqtt.invalid_qos_level mqtt.malformed_traffic
        mqtt.missing_connect mqtt.missing_msg_id mqtt.missing_publish mqtt.missing_subscribe mqtt.missing_unsubscribe mqtt.too_many_messages
        mqtt.too_many_properties mqtt.too_many_transactions mqtt.unassigned_msg_type mqtt.unintroduced_message nfs.malformed_data nfs.too_many_transactions
        ntp.malformed_data pgsql.invalid_length pgsql.malformed_request pgsql.malformed_response pgsql.too_many_responses pgsql.too_many_transactions
        pop3.incorrect_argument_count pop3.request_too_long pop3.response_too_long pop3.too_many_transactions pop3.unknown_command quic.crypto_frag_too_long
        quic.error_on_data quic.failed_decrypt rfb.confused_state rfb.malformed_message rfb.too_long_string rfb.unimplemented_security_type
        rfb.unknown_security_result sip.headers_too_long sip.invalid_data smb.file_overlap smb.internal_error smb.malformed_data smb.malformed_ntlmssp_request
        smb.negotiate_malformed_dialects smb.negotiate_max_read_size_too_large smb.negotiate_max_write_size_too_large smb.read_queue_cnt_exceeded
        smb.read_queue_size_exceeded smb.read_request_too_large smb.read_response_too_large smb.request_to_client smb.response_to_server
        smb.too_many_transactions smb.write_queue_cnt_exceeded smb.write_queue_size_exceeded smb.write_request_too_large smtp.bdat_chunk_len_exceeded
        smtp.data_command_rejected smtp.duplicate_fields smtp.failed_protocol_change smtp.invalid_bdat smtp.invalid_pipelined_sequence smtp.invalid_reply
        smtp.max_command_line_len_exceeded smtp.max_reply_line_len_exceeded smtp.mime_invalid_base64 smtp.mime_invalid_qp smtp.mime_long_boundary
        smtp.mime_long_enc_line smtp.mime_long_filename smtp.mime_long_header_name smtp.mime_long_header_value smtp.mime_long_line smtp.mime_malformed_msg
        smtp.mime_parse_failed smtp.no_server_welcome_message smtp.tls_rejected smtp.unable_to_match_reply_with_request smtp.unparsable_content
        snmp.malformed_data snmp.unknown_security_model snmp.version_mismatch ssh.invalid_banner ssh.invalid_record ssh.long_banner
        tls.certificate_invalid_algorithmidentifier tls.certificate_invalid_date tls.certificate_invalid_der tls.certificate_invalid_extensions
        tls.certificate_invalid_issuer tls.certificate_invalid_length tls.certificate_invalid_serial tls.certificate_invalid_subject
        tls.certificate_invalid_validity tls.certificate_invalid_version tls.certificate_invalid_x509name tls.dataleak_heartbeat_mismatch
        tls.error_message_encountered tls.handshake_invalid_length tls.heartbeat_message tls.invalid_alert_message tls.invalid_certificate
        tls.invalid_handshake_message tls.invalid_heartbeat_message tls.invalid_record_type tls.invalid_record_version tls.invalid_sni_length
        tls.invalid_sni_type tls.invalid_ssl_record tls.invalid_sslv2_header tls.invalid_tls_header tls.multiple_sni_extensions tls.overflow_heartbeat_message
        tls.too_many_records_in_packet tls.too_many_subject_alternative_names websocket.reassembly_limit_reached websocket.skip_end_of_payload
        """);

    private static string[] Split(string words) => words.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);
}
