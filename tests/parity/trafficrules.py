"""Rules that fire on any traffic of a protocol: for each buffer its presence, absence, length and what transforms make of it; for each integer, ranges.

They need no knowledge of the traffic, so that one set runs over all captures; where two engines disagree, one of them sees another buffer, another moment
or another transaction.
"""

BUFFER = [
    '%s; bsize:>0;', '%s; bsize:<8;', '%s; bsize:8<>30;', '%s; content:"e"; nocase;', '%s; content:"e"; nocase; isdataat:!1,relative;', '%s; pcre:"/[0-9]/"; pcre:"/^[^0-9]/R";',
    '%s; absent;', '%s; to_sha256; bsize:32;', '%s; to_lowercase; content:"e"; startswith;', '%s; dotprefix; content:"."; startswith;',
    '%s; xor:"20"; content:"E";', '%s; byte_test:1,>,64,0;', '%s; byte_jump:1,0,post_offset -200; content:"e";', '%s; entropy:value > 3;',     '%s; content:"e"; content:"o"; distance:-3; within:4;', '%s; url_decode; content:"%%"; ', '%s; content:"|00|";', '%s; base64_decode:bytes 8, offset 0; base64_data; bsize:>1;', '%s; compress_whitespace; content:"  ";',
]
PLAIN = [
    'content:"e";', 'content:"e"; offset:3; depth:20;', 'content:"GET"; startswith;', 'content:"|0d 0a|"; endswith;', 'content:!"e";', 'content:"e"; content:"a"; distance:1; within:5;', 'pcre:"/[a-z]+[0-9]/i";', 'pcre:"/^[A-Z]/";', 'dsize:>10;', 'dsize:0;', 'dsize:1<>100; content:"e";', 'isdataat:50;', 'isdataat:!50;', 'byte_test:1,>,64,0;', 'byte_test:2,>,200,0,little;', 'byte_jump:1,0; isdataat:1,relative;',
    'byte_extract:1,0,v; content:"e"; offset:v;', 'byte_math:bytes 1, offset 0, oper +, rvalue 1, result r; byte_test:1,<,r,0;', 'base64_decode:bytes 12, offset 0; base64_data; content:"e";', 'flow:established; content:"e";', 'flow:not_established;', 'flow:stateless; dsize:>0;', 'flow:only_stream; content:"e";', 'flow:no_stream; content:"e";', 'flow:established,to_server;', 'flow:to_client;',
    'flow.age:>0;', 'flow.pkts:either,>3;', 'flow.pkts:both,>2;', 'flow.pkts_toserver:3;', 'flow.bytes_toclient:>300;', 'flow.bytes:both,>100;', 'stream_size:both,>,20;', 'stream_size:server,=,1;', 'stream_size:client,<,200;', 'stream_size:either,>=,100; content:"e";', 'ttl:>60;', 'tos:!0;', 'id:1;', 'fragbits:D;', 'fragbits:!M;', 'fragoffset:>0;', 'ipopts:any;', 'flags:S;', 'flags:S,12;', 'flags:+A;', 'flags:*FR;', 'flags:!S;',
    'tcp.mss:>1000;', 'tcp.wscale:>0;', 'window:!0;', 'seq:0;', 'ack:0;', 'itype:8;', 'icode:0;', 'icmp_seq:1;', 'icmp_id:1;', 'icmpv6.mtu:>1;', 'vlan.id:>0;', 'vlan.layers:>0;', 'sameip;', 'ipv4-csum:valid;', 'tcpv4-csum:valid;', 'udpv4-csum:valid;', 'tcpv4-csum:invalid;', 'icmpv4-csum:valid;', 'ipv4.hdr; content:"|45|"; startswith;', 'ipv6.hdr; content:"|60|"; startswith;', 'tcp.hdr; content:"|00|";', 'udp.hdr; content:"|00|";', 'icmpv4.hdr; content:"|00|";',
    'icmpv6.hdr; content:"|00|";', 'ip.src; content:"|0a|"; startswith;', 'ip.dst; bsize:4;', 'ip.dst; bsize:16;', 'tcp.session:established;', 'tcp.session:closing;', 'tcp.session:setup;', 'app-layer-protocol:http;', 'app-layer-protocol:!http; flow:to_server;', 'app-layer-protocol:failed;', 'app-layer-protocol:unknown;', 'app-layer-protocol:tls,final;', 'app-layer-protocol:dns,either;', 'app-layer-protocol:smb,to_client;', 'flowbits:set,fb; dsize:>5; noalert;', 'flowbits:isset,fb;', 'flowbits:isnotset,fb; dsize:0;',
    'flowint:fi,+,1; dsize:>0; noalert;', 'flowint:fi,>,2;', 'flowint:fi,==,3;', 'flowint:fx,notset;', 'xbits:set,xb,track ip_pair,expire 100; dsize:>20; noalert;', 'xbits:isset,xb,track ip_pair;', 'hostbits:set,hb,src; flags:S; noalert;', 'hostbits:isset,hb,dst;', 'threshold:type limit, track by_src, count 1, seconds 100; dsize:>0;', 'threshold:type threshold, track by_dst, count 3, seconds 100; dsize:>0;', 'threshold:type both, track by_both, count 2, seconds 100; dsize:>0;',
    'threshold:type limit, track by_flow, count 1, seconds 100; dsize:>0;', 'threshold:type backoff, track by_flow, count 1, multiplier 2; dsize:>0;', 'detection_filter:track by_src, count 2, seconds 100; dsize:>0;', 'tag:session,2,packets; flags:S;', 'frame:stream; bsize:>10;', 'stream-event:est_packet_out_of_window;', 'filesize:>10;', 'filesize:<100;', 'filename:"e";', 'filename:!"e";', 'fileext:"txt";', 'filemagic:"text";', 'filemagic:"executable";', 'file.name; content:"e";', 'file.magic; content:"data"; nocase;', 'filestore;', 'urilen:>5;', 'urilen:<5;', 'urilen:1<>10,raw;', 'nfs_procedure:>1;', 'nfs.version:3;', 'smb.version:2;', 'dcerpc.opnum:0-5;',
    'krb5_msg_type:10;', 'krb5_err_code:25;', 'krb5.ticket_encryption:weak;', 'modbus:function 3;', 'modbus:access read;', 'modbus:unit >0;', 'dnp3_func:read;', 'dnp3_ind:device_restart;', 'dnp3_obj:60,2;', 'enip_command:>1;', 'cip_service:1;', 'mqtt.type:CONNECT;', 'mqtt.type:PUBLISH;', 'mqtt.flags:retain;', 'mqtt.connect.flags:username;', 'mqtt.qos:1;', 'mqtt.reason_code:0;', 'mqtt.connack.session_present:no;', 'rfb.secresult:ok;', 'rfb.sectype:2;', 'ike.exchtype:>1;', 'ike.chosen_sa_attribute:alg_enc=7;', 'ssl_state:client_hello;', 'ssl_state:server_hello;', 'ssl_version:tls1.2;', 'tls.version:1.2;', 'tls.version:1.3;',
    'tls_cert_expired;', 'tls_cert_valid;', 'tls_cert_notbefore:>2000-01-01;', 'tls_cert_notafter:<2030-01-01;', 'tls.subject:"CN";', 'tls.issuerdn:"CN";', 'tls.cert_chain_len:>0;', 'ssh.proto; content:"2";', 'http2.frametype:SETTINGS;', 'http2.settings:SETTINGS_ENABLE_PUSH=0;', 'http2.window:>1;', 'http2.errorcode:NO_ERROR;', 'http2.priority:>1;', 'http2.size_update:>1;', 'dns.opcode:0;', 'dns.opcode:!0;', 'dns.rcode:0;', 'dns.rcode:NXDOMAIN;', 'dns.rrtype:A;', 'dns.rrtype:!A;', 'dhcp.leasetime:>1;', 'websocket.opcode:text;', 'websocket.flags:fin;', 'websocket.mask:!0;', 'ldap.request.operation:bind_request;', 'ldap.request.operation:search_request;',
    'ldap.responses.operation:search_result_done;', 'ldap.responses.operation:bind_response,0;', 'ldap.responses.operation:!search_result_entry,all;', 'ldap.responses.count:>0;', 'ldap.responses.result_code:success;', 'ldap.responses.result_code:success,all;', 'snmp.version:>0;', 'snmp.pdu_type:0;', 'snmp.pdu_type:>0;', 'snmp.trap_type:>0;', 'ntp.version:>1;', 'ntp.mode:client;', 'ntp.stratum:>0;', 'ftpdata_command:retr;', 'ftp.dynamic_port:>1;', 'ftp.mode:passive;', 'ftp.reply_received:yes;', 'ftp.reply_received:no;', 'ftpbounce;', 'rpc:100000,*,*;', 'geoip:any,US;',
]
PROTOCOLS = ['tcp', 'udp', 'icmp', 'ip', 'pkthdr', 'tcp-pkt', 'tcp-stream', 'http', 'http1', 'http2', 'tls', 'dns', 'mdns', 'smb', 'ssh', 'ftp', 'ftp-data', 'smtp', 'dcerpc', 'nfs', 'tftp', 'krb5', 'snmp', 'sip', 'rfb', 'mqtt', 'rdp', 'quic', 'pgsql', 'ldap', 'dhcp', 'ntp', 'ike', 'modbus', 'dnp3', 'enip', 'websocket', 'pop3', 'imap', 'telnet', 'bittorrent-dht', 'doh2', 'sctp', 'icmpv6', 'ipv4', 'ipv6']


# Keywords by their first word whose protocol has another name.
ALIASES = {'ssl': 'tls', 'ssl_state': 'tls', 'ssl_version': 'tls', 'tls_cert_expired': 'tls', 'tls_cert_valid': 'tls', 'tls_cert_notbefore': 'tls', 'tls_cert_notafter': 'tls',
           'ja3': 'tls', 'ja3s': 'tls', 'ja4': 'tls', 'sdp': 'sip', 'ftpdata_command': 'ftp-data', 'ftpbounce': 'ftp', 'cip_service': 'enip', 'enip_command': 'enip', 'cip': 'enip',
           'nfs_procedure': 'nfs', 'krb5_msg_type': 'krb5', 'krb5_err_code': 'krb5', 'dnp3_func': 'dnp3', 'dnp3_ind': 'dnp3', 'dnp3_obj': 'dnp3', 'urilen': 'http', 'email': 'smtp',
           'rpc': 'any', 'file': 'files', 'filemagic': 'files', 'filename': 'files', 'fileext': 'files', 'filesize': 'files', 'filestore': 'files', 'vnc': 'rfb'}
NAMES = {'http', 'http2', 'tls', 'dns', 'mdns', 'smb', 'ssh', 'ftp', 'ftp-data', 'smtp', 'dcerpc', 'nfs', 'tftp', 'krb5', 'snmp', 'sip', 'rfb', 'mqtt', 'rdp', 'quic', 'pgsql', 'ldap', 'dhcp',
         'ntp', 'ike', 'modbus', 'dnp3', 'enip', 'websocket', 'pop3', 'imap', 'telnet', 'files'}


def family(keyword):
    """The protocol whose traffic a keyword is about; 'any' where it is about none."""
    word = keyword.split('.')[0]
    word = ALIASES.get(word, word)
    return word if word in NAMES else 'any'


def families_of(protocols):
    """The families that may fire on traffic of these protocols."""
    found = {'any'} | protocols
    if found & {'http', 'http2', 'smtp', 'ftp-data', 'smb', 'nfs', 'ftp'}:
        found.add('files')
    if found & {'http2', 'doh2', 'http'}:
        found |= {'http', 'http2'}
    if 'quic' in found:
        found |= {'tls'}
    if 'doh2' in found or 'mdns' in found:
        found.add('dns')
    if 'smb' in found:
        found.add('dcerpc')
    return found


def rules(keywords):
    buffers = [k for k, features in keywords.items() if 'sticky buffer' in features and k not in ('frame', 'file.data', 'file.name', 'ipv4.hdr', 'ipv6.hdr', 'tcp.hdr', 'udp.hdr', 'icmpv4.hdr', 'icmpv6.hdr', 'ip.src', 'ip.dst')]
    for buffer in buffers + ['sip.method', 'sip.uri', 'ftp.command', 'ftp.command_data', 'quic.cyu.hash', 'quic.cyu.string', 'file.data', 'file.magic', 'file.name']:
        if buffer.split(':')[0] in keywords:
            for form in BUFFER:
                yield f'alert ip any any -> any any (msg:"x"; {form.replace("%%", chr(1)).replace("%s", buffer).replace(chr(1), "%25"[:1])} sid:%d;)', buffer
    integers = [k for k, features in keywords.items() if '.' in k and 'buffer' not in features and 'transform' not in features]
    for keyword in integers:
        for form in ('0', '>0', '<3', '1-100', '!1', '>3,any', '>0,all', '0,0', '>0,-1', '&0x1!=0'):
            yield f'alert ip any any -> any any (msg:"x"; {keyword}:{form}; sid:%d;)', keyword
    for form in PLAIN:
        yield f'alert ip any any -> any any (msg:"x"; {form} sid:%d;)', form.split(':')[0].rstrip(';')
    for protocol in PROTOCOLS:
        for form in ('', 'flow:to_server;', 'flow:to_client,established;', 'content:"e";', 'dsize:>5;', 'flow:established;', 'content:"a"; flow:to_server;', 'pcre:"/^[ -~]/";'):
            yield f'alert {protocol} any any -> any any (msg:"x"; {form} sid:%d;)', 'alert ' + protocol
        yield f'alert {protocol} any any <> any 1:1024 (msg:"x"; sid:%d;)', 'alert ' + protocol
        yield f'alert {protocol} 10.0.0.0/8 any -> !10.0.0.0/8 any (msg:"x"; sid:%d;)', 'alert ' + protocol
