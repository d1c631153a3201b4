"""Rules for comparing what two engines accept: every keyword of Suricata 8 in many forms, right ones and wrong ones.

`rules(keywords)` yields rule texts without sid. `keywords` maps each keyword of `suricata --list-keywords=csv` to its features, so that a keyword that a
later version adds is tried in the forms of its kind without being named here.
"""
import collections
import random

# What may follow a sticky buffer. %s is the buffer.
BUFFER_FORMS = [
    '%s; content:"abc";',
    '%s; content:"abc"; nocase; startswith; endswith; bsize:3;',
    '%s; content:"abc"; bsize:2;',
    '%s; content:"abc"; bsize:!3;',
    '%s; content:"abc"; bsize:1<>9;',
    '%s; content:"abc"; bsize:>100;',
    '%s; content:"abc"; bsize:<3;',
    '%s; content:"abc"; fast_pattern; content:"def"; distance:0; within:10;',
    '%s; content:!"abc"; bsize:>1;',
    '%s; content:!"abc";',
    '%s; bsize:10;',
    '%s; bsize:0;',
    '%s; absent;',
    '%s; absent:or_else; content:"abc";',
    '%s; absent:or_else; content:!"abc";',
    '%s; absent; content:"abc";',
    '%s; absent:or_else;',
    '%s; content:"abc"; absent;',
    '%s; isdataat:!10;',
    '%s; content:"abc"; isdataat:!1,relative;',
    '%s; content:"abc"; isdataat:5,relative,rawbytes;',
    '%s; pcre:"/abc/i";',
    '%s; content:"abc"; pcre:"/^def/R";',
    '%s; pcre:"/abc/R";',
    '%s; pcre:!"/abc/s";',
    '%s; byte_test:1,>,3,0;',
    '%s; content:"abc"; byte_test:4,=,10,0,relative,string,dec;',
    '%s; content:"abc"; byte_jump:1,0,relative; content:"def"; distance:0;',
    '%s; byte_extract:1,0,len; content:"abc"; distance:len;',
    '%s; byte_math:bytes 1, offset 0, oper +, rvalue 1, result res; byte_test:1,>,res,1;',
    '%s; base64_decode:bytes 10, offset 0; base64_data; content:"abc";',
    '%s; entropy:value >= 3;',
    '%s; dataset:isset,dns-%d,type string;',
    '%s; to_md5; content:"abc";',
    '%s; to_lowercase; strip_whitespace; content:"abc";',
    '%s; dotprefix; content:".abc"; endswith;',
    '%s; content:"abc"; to_sha256;',
    '%s; to_sha1;',
    '%s; pcrexform:"(a.c)"; content:"a"; startswith;',
    '%s; xor:"0a0b"; content:"abc";',
    '%s; content:"abc"; offset:1; depth:5;',
    '%s; content:"abc"; within:2;',
    '%s; content:"abc"; rawbytes;',
    '%s; content:"abc"; replace:"xyz";',
    '%s; content:"abc"; http_uri;',
    '%s;',
    '%s:x; content:"abc";',
    '%s; content:"abc"; fast_pattern:only;',
    '%s; content:"abcdef"; fast_pattern:1,3;',
    '%s; content:"abc"; dsize:>1;',
    '%s; content:"abc"; flags:S;',
    '%s; content:"abc"; pkt_data; content:"def";',
    '%s; content:"a"; %s; content:"b";',
    '%s; content:"ABC";',
    '%s; content:"ABC"; nocase;',
    '%s; content:"abc"; prefilter;',
    '%s; urilen:>3;',
    '%s; content:"a b";',
    '%s; content:"a|0d 0a|b";',
    '%s; asn1:bitstring_overflow;',
]

# Which directions and protocols a buffer may stand in.
HEADS = [
    ('alert tcp any any -> any any', ''),
    ('alert udp any any -> any any', ''),
    ('alert ip any any -> any any', ''),
    ('alert tcp any any -> any any', 'flow:to_server;'),
    ('alert tcp any any -> any any', 'flow:to_client;'),
    ('alert udp any any -> any any', 'flow:to_client,established;'),
    ('alert icmp any any -> any any', ''),
    ('alert http any any -> any any', ''),
    ('alert http any any -> any any', 'flow:to_client;'),
    ('alert tcp any any => any any', ''),
    ('alert tcp any any <> any any', ''),
    ('alert tcp-pkt any any -> any any', ''),
    ('alert tcp-stream any any -> any any', ''),
    ('alert dns any any -> any any', ''),
    ('drop tls any any -> any any', ''),
    ('pass smb any any -> any any', ''),
]

INTEGER_FORMS = [
    '1', '0', '=1', '!1', '!=1', '<5', '<=5', '>5', '>=5', '1-5', '1 - 5', '5-1', '5-5', '!1-5', '1<>5', '5<>1', '1<>2', '1<>3', '> 5', ' 5', '5 ', '-1',
    '0x10', '0X1f', '<0x10', '255', '256', '>255', '>254', '<0', '<1', '>=256', '65535', '65536', '>65535', '4294967295', '4294967296',
    '18446744073709551615', '18446744073709551616', 'a', '', '1,2', '1,any', '1,all', '1,all1', '1,0', '1,-1', '1,nb>3', '1,or_absent', '1,absent', 'absent', '>1,all',
    '1,count>2', 'count>2', 'count 2', '1,any,all', '&1', '&0x1=0', '&0x10=0x10', '&0x1!=1', '&x', '!&0x01', '<>5', '1kb', '1 kib', '2mb', '>1KiB', '1.5', '+1', '"1"', '1|2', '1-',
    '-', '!', '!!1', '=', '1<', '1>', '== 1', '=>1', '=<1', '1 <> 5', '1< >5', '0-255', '0-256', '0-65535', '0-4294967295', '1,2,3', '1:5', ':5', '5:',
]

HEADER_INTEGERS = ['ttl', 'id', 'tos', 'dsize', 'icmp_id', 'icmp_seq', 'itype', 'icode', 'seq', 'ack', 'window', 'fragoffset', 'ip_proto', 'tcp.mss', 'tcp.wscale',
                   'icmpv6.mtu', 'vlan.id', 'vlan.layers', 'flow.age', 'flow.pkts', 'flow.bytes', 'flow.pkts_toserver', 'flow.pkts_toclient',
                   'flow.bytes_toserver', 'flow.bytes_toclient', 'urilen', 'bsize', 'filesize', 'stream_size', 'tcp.seq', 'tcp.ack', 'tcp.window']

# Forms of keywords that are alike no others: the options of a rule, whole.
SPECIAL = {
    'flow': ['flow:%s;' % v for v in (
        'established', 'not_established', 'stateless', 'to_server', 'to_client', 'from_server', 'from_client', 'no_stream', 'only_stream', 'no_frag', 'only_frag',
        'established,to_server', 'established, to_client', 'to_server,to_client', 'established,not_established', 'established,stateless', 'stateless,to_server',
        'no_stream,only_stream', 'to_server,to_server', 'established,established', 'from_server,to_client', 'from_client,to_server', 'from_client,from_server',
        'to_Server', 'ESTABLISHED', 'established to_server', 'to_server,', ',to_server', '', 'x', 'to_server,no_stream,established', 'no_frag,only_frag', 'no_frag,no_frag',
        'not_established,stateless', 'only_stream,no_frag', '!established', 'established,to_server,only_stream,no_frag', 'from_client,to_client', 'from_server,to_server')]
        + ['flow;', 'flow:to_server; flow:established;', 'flow:to_server; flow:to_client;', 'flow:to_server; flow:to_server;', 'flow:established; flow:stateless;'],
    'flowbits': ['flowbits:%s;' % v for v in (
        'set,a', 'unset,a', 'toggle,a', 'isset,a', 'isnotset,a', 'noalert', 'set,a|b', 'isset,a|b', 'isset,a | b', 'isnotset,a|b', 'isset,a|b|c', 'isset,|a', 'isset,a|', 'toggle,a|b', 'unset,a|b', 'set', 'isset', 'noalert,a', 'reset',
        'set,a b', 'set, a', 'set ,a', 'set,a,', 'set,a,b', 'SET,a', 'isset,a&b', 'set,', '', 'x,a', 'set,a.b', 'set,a-b', 'set,"a"', 'isset,a||b', '!isset,a')] + ['flowbits;', 'noalert; flowbits:set,a;', 'flowbits:set,a; flowbits:isset,a;', 'flowbits:isset,a; flowbits:isset,b;', 'flowbits:isset,a; flowbits:isnotset,a;', 'flowbits:set,a; flowbits:set,a;'],
    'flowint': ['flowint:%s;' % v for v in (
        'ab,=,1', 'ab, = , 1', 'ab,+,1', 'ab,-,1', 'ab,==,1', 'ab,!=,1', 'ab,>,1', 'ab,<,1', 'ab,>=,1', 'ab,<=,1', 'ab,isset', 'ab,notset', 'ab,isnotset', 'ab,+,cd', 'ab,=,cd', 'ab,isset,1', 'a,=,1', 'ab,=,-1',
        'ab,=,4294967295', 'ab,=,4294967296', 'ab,=', 'ab', '', 'ab,*,1', 'ab,=,1,2', 'a b,=,1', 'ab ,+ ,1', 'ab,!isset', 'ab,+,0', 'ab,+,c')],
    'xbits': ['xbits:%s;' % v for v in (
        'set,a,track ip_src', 'set,a,track ip_dst', 'set,a,track ip_pair', 'set,a,track ip_src,expire 10', 'set,a,track tx', 'isset,a,track tx', 'unset,a,track ip_src', 'toggle,a,track ip_src', 'isset,a,track ip_src', 'isnotset,a,track ip_dst',
        'noalert', 'set,a', 'set,a,expire 10', 'set,a,track ip_src,expire 0', 'set,a,track ip_src,expire -1', 'set,a,track ip_src,expire x', 'set,a,track x', 'isset,a,track ip_src,expire 10', 'set,a,track ip_src,expire 4294967295', 'set,a,track ip_src,expire 4294967296',
        'set,a, track ip_src', 'set, a,track ip_src', 'set,a,track  ip_src', 'isset,a|b,track ip_src', 'set,a,expire 10,track ip_src', '', 'set', 'x,a,track ip_src', 'set,a b,track ip_src', 'noalert,a', 'toggle,a,track tx', 'set,a,track tx,expire 5', 'unset,a,track ip_pair,expire 3')],
    'hostbits': ['hostbits:%s;' % v for v in (
        'set,a', 'set,a,src', 'set,a,dst', 'set,a,both', 'isset,a,src', 'isset,a,both', 'isnotset,a', 'unset,a,dst', 'toggle,a', 'noalert', 'set', '', 'set,a,x', 'set,a,src,1', 'set,a b', 'isset,a|b', 'toggle,a,both', 'set, a, src', 'x,a')],
    'threshold': ['threshold:%s;' % v for v in (
        'type limit, track by_src, count 1, seconds 60', 'type threshold, track by_dst, count 5, seconds 60', 'type both, track by_both, count 5, seconds 60', 'type limit, track by_rule, count 1, seconds 60', 'type limit, track by_flow, count 1, seconds 60',
        'type backoff, track by_flow, count 1, multiplier 10', 'type backoff, track by_flow, count 1, multiplier 2, seconds 5', 'type backoff, track by_src, count 1, multiplier 10', 'type backoff, track by_flow, count 1', 'type backoff, track by_flow, multiplier 10', 'type backoff, track by_flow, count 0, multiplier 10', 'type backoff, track by_flow, count 1, multiplier 0', 'type backoff, track by_flow, count 1, multiplier 1', 'type backoff, track by_both, count 1, multiplier 10', 'type backoff, track by_rule, count 1, multiplier 10',
        'count 1, seconds 60, type limit, track by_src', 'type limit,track by_src,count 1,seconds 60', 'type limit, track by_src, count 0, seconds 60', 'type limit, track by_src, count 1, seconds 0', 'type limit, track by_src, count 1', 'type limit, track by_src, seconds 60', 'type limit, count 1, seconds 60', 'track by_src, count 1, seconds 60', 'type x, track by_src, count 1, seconds 60', 'type limit, track x, count 1, seconds 60',
        'type limit, track by_src, count -1, seconds 60', 'type limit, track by_src, count a, seconds 60', 'type limit, track by_src, count 1, seconds 60, x 1', 'type limit, type both, track by_src, count 1, seconds 60', 'type limit, track by_src, count 4294967295, seconds 4294967295', 'type limit, track by_src, count 4294967296, seconds 1', '', 'type limit, track by_src, count 1, seconds 60, multiplier 3', 'type rate, track by_src, count 1, seconds 60', 'type limit track by_src count 1 seconds 60', 'type  limit, track  by_src, count  1, seconds  60', 'type limit, track by_src, count 1, seconds 60,', 'TYPE limit, track by_src, count 1, seconds 60')] + [
        'threshold:type limit, track by_src, count 1, seconds 60; threshold:type both, track by_src, count 1, seconds 60;', 'threshold:type limit, track by_src, count 1, seconds 60; detection_filter:track by_src, count 1, seconds 60;'],
    'detection_filter': ['detection_filter:%s;' % v for v in (
        'track by_src, count 5, seconds 60', 'track by_dst,count 5,seconds 60', 'track by_rule, count 5, seconds 60', 'track by_both, count 5, seconds 60', 'track by_flow, count 5, seconds 60', 'count 5, seconds 60, track by_src', 'track by_src, count 0, seconds 60', 'track by_src, count 5, seconds 0', 'track by_src, count 5', 'count 5, seconds 60', 'track x, count 5, seconds 60', '', 'track by_src, count 5, seconds 60, x', 'track by_src, count -5, seconds 60', 'track by_src, count 4294967296, seconds 60', 'track by_src, track by_dst, count 5, seconds 60')],
    'tag': ['tag:%s;' % v for v in (
        'session', 'session,10,packets', 'session,10,seconds', 'session,10,bytes', 'session,packets,10', 'host,10,packets,src', 'host,10,packets,dst', 'host,10,seconds', 'host,src,10,packets', 'host', 'session,0,packets', 'host,0,seconds,src', 'session,10', 'session,10,x', 'x,10,packets', 'session,10,packets,src', 'host,packets,10,src', 'host,10,bytes,dst', 'session, 10, packets', '', 'session,4294967296,packets', 'host,src', 'session,-1,packets', 'host,10,packets,both')] + ['tag;'],
    'target': ['target:%s;' % v for v in ('src_ip', 'dest_ip', 'dst_ip', 'x', '', 'both')] + ['target:src_ip; target:dest_ip;', 'target;'],
    'noalert': ['noalert;', 'noalert:x;', 'noalert; noalert;', 'alert;', 'alert; noalert;', 'noalert; alert;', 'alert:x;'],
    'bypass': ['bypass;', 'bypass:x;', 'bypass; bypass;'],
    'sameip': ['sameip;', 'sameip:x;', 'sameip; sameip;'],
    'ip_proto': ['ip_proto:%s;' % v for v in ('6', 'tcp', 'TCP', 'udp', '!6', '!tcp', '>1', '<200', '>6; ip_proto:<17', '!6; ip_proto:!17', '6; ip_proto:17', '256', '255', '0', 'x', '', '!x', '>tcp', '6-17', 'icmp', 'ipv6-icmp', 'GRE', 'esp', 'sctp', '132', '>=6', '! 6', '> 6')],
    'ipopts': ['ipopts:%s;' % v for v in ('rr', 'lsrr', 'lsrre', 'eol', 'nop', 'ts', 'sec', 'esec', 'ssrr', 'satid', 'any', '!rr', 'x', '', 'RR', 'rr,nop', 'rr|nop')] + ['ipopts:rr; ipopts:nop;'],
    'fragbits': ['fragbits:%s;' % v for v in ('M', 'D', 'R', 'MD', '!M', '+M', '*MD', 'm', 'x', '', '!MD', 'M+', '+!M', 'MDR', 'M D', 'MM')],
    'flags': ['flags:%s;' % v for v in ('S', 'SA', 'S,12', 'S,CE', '+S', '*SA', '!S', 'SF12', '0', 'FSRPAUEC', 'FSRPAU', 'x', '', 'S,', 'S+', 's', 'S,12; flags:A', '!SA,CE', '+SA,F', 'U', '12', 'S, 12', ' S ', '+0', 'SS', 'S,S', 'A*', '!0', '-S', 'SA+', '*', '+')] + ['tcp.flags:S;', 'tcp.flags:+SA,CE;'],
    'stream_size': ['stream_size:%s;' % v for v in ('server,>,5', 'client,<,5', 'both,>=,5', 'either,<=,5', 'server,=,5', 'server,!=,5', 'server,!,5', 'server,==,5', 'x,>,5', 'server,>,x', 'server,>', 'server, > , 5', 'server,>,4294967296', 'server,>5', '>5', 'any,>,5', 'server,<>,5', 'server,1<>5', 'both,>,5,6', 'server,>,-1', 'SERVER,>,5', 'server,&1', 'server,1-5')],
    'geoip': ['geoip:%s;' % v for v in ('US', 'src,US', 'any,US,DE', '!US', 'src,!US', 'both,US', 'dst,US,FR', 'x', '', 'src', 'US,!DE', 'us')],
    'iprep': ['iprep:%s;' % v for v in ('any,CnC,>,10', 'src,CnC,>,10', 'dst,CnC,=,10', 'both,CnC,<,10', 'any,NoSuch,>,10', 'any,CnC,isset', 'any,CnC,isnotset', 'any,CnC,>,128', 'any,CnC,>', 'x,CnC,>,10', '', 'any, CnC, >, 10', 'any,CnC,>=,10', 'any,CnC,10')],
    'isdataat': ['content:"abc"; isdataat:%s;' % v for v in ('5', '!5', '5,relative', '!5,relative', '5,rawbytes', '5,relative,rawbytes', '5,rawbytes,relative', '0', '65535', '65536', '-1', 'x', '', '5,x', '! 5', ' 5 ', '5, relative', 'abc,relative', '!0', '!0,relative', '4294967296')] + [
        'byte_extract:1,0,v; isdataat:v;', 'byte_extract:1,0,v; content:"a"; isdataat:v,relative;', 'byte_extract:1,0,v; isdataat:!v;', 'isdataat:5,relative;', 'isdataat:5;'],
    'dsize': ['dsize:5; dsize:6;', 'dsize:!5;', 'dsize:1<>5; content:"abcdefg";', 'dsize:<3; content:"abcdefg";', 'dsize:7; content:"abcdefg";', 'dsize:0; content:"a";', 'dsize:>3; content:"abc"; offset:10;', 'dsize:10; content:"abc"; offset:8;', 'dsize:10; content:"abc"; offset:7;', 'dsize:10; content:"abc"; content:"def"; distance:5;', 'dsize:5; content:"abc"; depth:10;', 'dsize:5; isdataat:10;', 'dsize:5; byte_test:1,>,1,10;'],
    'prefilter': ['prefilter;', 'dsize:1; prefilter;', 'content:"a"; prefilter;', 'ttl:1; prefilter;', 'tos:1; prefilter;', 'flow:to_server; prefilter;', 'prefilter:x;', 'ttl:1; prefilter; dsize:1; prefilter;', 'content:"a"; fast_pattern; ttl:1; prefilter;', 'flowbits:isset,a; prefilter;', 'flow.age:>1; prefilter;', 'window:1; prefilter;', 'msg:"x"; prefilter;', 'flags:S; prefilter;', 'pcre:"/a/"; prefilter;', 'stream_size:server,>,5; prefilter;', 'sameip; prefilter;', 'app-layer-protocol:http; prefilter;'],
    'nfq_set_mark': ['nfq_set_mark:0x1/0xff;', 'nfq_set_mark:1;', 'nfq_set_mark:x;'],
    'metadata': ['metadata:%s;' % v for v in ('a b', 'a b, c d', 'a', 'a b,', '', 'a b c', 'created_at 2020_01_01, policy x', 'a "b"', 'a;b')],
    'reference': ['reference:%s;' % v for v in ('url,example.com', 'cve,2020-1234', 'nosuch,1', 'url', '', 'url,', 'url, example.com', 'md5,0123', 'URL,example.com', 'bugtraq,1', 'url,a,b', ' url,x')],
    'classtype': ['classtype:%s;' % v for v in ('trojan-activity', 'nosuch', '', 'Trojan-Activity', '"trojan-activity"', 'a b')] + ['classtype:trojan-activity; classtype:bad-unknown;', 'classtype;'],
    'priority': ['priority:%s;' % v for v in ('1', '0', '255', '256', '-1', 'x', '', '"1"', '1000', '1; priority:2')],
    'gid': ['gid:%s;' % v for v in ('1', '0', '-1', 'x', '', '4294967295', '4294967296', '"1"')] + ['gid:1; gid:2;'],
    'rev': ['rev:%s;' % v for v in ('1', '0', '-1', 'x', '', '4294967295', '4294967296', '"1"', '1.5')] + ['rev:1; rev:2;', 'rev;'],
    'msg': ['msg:%s;' % v for v in ('"a"', 'a', '""', '"a\\"b"', '"a\\;b"', '"a;b"', '"a', 'a"', '"a\\\\b"', '"ä"', '" a "', '"a\\:b"', '"a\\xb"')] + ['msg:"a"; msg:"b";', 'msg;'],
    'requires': ['requires:%s;' % v for v in ('version >= 7', 'version >= 99', 'version < 8', 'version >= 8.0.0', 'version >= 8.0.0 < 9', 'feature geoip', 'feature nosuch', 'version >= 7, feature geoip', 'keyword content', 'keyword nosuch', 'version > 1 | > 2', 'version 8', '', 'x', 'version >= 7 < 8 | >= 8.0.1', 'version >= 7.0.3 < 8, keyword x', 'keyword content, keyword pcre', 'version', 'feature', 'version >= a')],
    'content': ['content:%s;' % v for v in (
        '"abc"', 'abc', '!"abc"', '"|41 42|"', '"|4142|"', '"a|41|b"', '"|4|"', '"|41"', '"41|"', '"|zz|"', '"||"', '""', '"a\\"b"', '"a"b"', '"a\\;b"', '"a;b"', '"a\\:b"', '"a:b"', '"a\\\\b"', '"a\\b"', '"a\\|b"', '!!"a"', '! "a"', ' "abc" ', '"ä"', "'abc'", '"|41 42 43 |"', '"| 41 |"', '"|41  42|"', '"a|7c|b"', '"a', '"|41|42|43|"', '" "', '"|00|"', '"a\\tb"', '"a\\x41"')] + [
        'content:"%s";' % ('a' * 255), 'content:"%s";' % ('a' * 256), 'content:"%s";' % ('a' * 2000), 'content;', 'content:"a"; content:"a";'],
    'modifiers': ['content:"abcdef"; %s' % v for v in (
        'nocase; nocase;', 'offset:1;', 'offset:0;', 'offset:-1;', 'offset:65535;', 'offset:65536;', 'offset:x;', 'offset:1; offset:2;', 'depth:6;', 'depth:5;', 'depth:0;', 'depth:-1;', 'depth:65536;', 'depth:6; depth:7;', 'offset:3; depth:6;', 'depth:6; offset:3;', 'distance:1;', 'distance:-1;', 'distance:1048576;', 'distance:1048577;', 'distance:-1048577;', 'within:6;', 'within:5;', 'within:0;', 'within:-1;', 'within:1048577;', 'distance:1; within:6;', 'distance:1; distance:2;', 'within:6; within:7;', 'offset:1; distance:1;', 'distance:1; offset:1;', 'depth:6; within:6;', 'within:6; depth:6;',
        'startswith;', 'startswith; offset:1;', 'offset:1; startswith;', 'startswith; depth:6;', 'depth:6; startswith;', 'startswith; startswith;', 'startswith; distance:0;', 'startswith; within:6;', 'endswith;', 'endswith; endswith;', 'endswith; offset:1;', 'offset:1; endswith;', 'endswith; depth:6;', 'depth:6; endswith;', 'endswith; distance:1;', 'distance:1; endswith;', 'endswith; within:6;', 'within:6; endswith;', 'startswith; endswith;', 'startswith:x;', 'endswith:x;', 'nocase:x;', 'offset:1 ;', 'offset: 1;', 'offset:"1";', 'offset:0x1;', 'offset:;', 'offset;', 'depth:abc;', 'distance:abc;', 'within:abc;',
        'fast_pattern;', 'fast_pattern; fast_pattern;', 'fast_pattern:only;', 'fast_pattern:1,2;', 'fast_pattern:0,6;', 'fast_pattern:1,6;', 'fast_pattern:0,7;', 'fast_pattern:6,1;', 'fast_pattern:0,0;', 'fast_pattern:-1,2;', 'fast_pattern:x;', 'fast_pattern:1;', 'fast_pattern:only; offset:1;', 'fast_pattern:only; nocase;', 'fast_pattern:only; distance:1;', 'fast_pattern:1,2; offset:3;', 'offset:1; fast_pattern:only;', 'offset:1; fast_pattern:1,2;', 'fast_pattern:65535,1;', 'fast_pattern: 1 , 2;', 'rawbytes;', 'rawbytes; rawbytes;', 'content:"x"; fast_pattern:only; content:"y"; distance:1;', 'fast_pattern:only; content:"y"; distance:1;', 'fast_pattern; content:"y"; distance:1; fast_pattern;',
        'content:"abc"; distance:0; content:"d"; within:1;', 'pcre:"/x/"; content:"y"; distance:1;', 'byte_jump:1,0; content:"y"; distance:1;', 'byte_test:1,>,1,0; content:"y"; distance:1;', 'isdataat:1; content:"y"; distance:1;', 'replace:"ABCDEF";', 'replace:"A";')] + [
        'content:!"abcdef"; %s' % v for v in ('fast_pattern;', 'fast_pattern:only;', 'offset:1; fast_pattern;', 'fast_pattern; offset:1;', 'fast_pattern:1,2;', 'distance:1; fast_pattern;', 'depth:10; fast_pattern;', 'startswith;', 'endswith;', 'startswith; fast_pattern;', 'nocase; fast_pattern;', 'replace:"ABCDEF";', 'distance:1;', 'within:10; content:"x"; distance:1;')] + [
        'nocase;', 'offset:1;', 'depth:1;', 'distance:1;', 'within:1;', 'startswith;', 'endswith;', 'fast_pattern;', 'rawbytes;', 'replace:"a";', 'pcre:"/a/"; nocase;', 'pcre:"/a/"; depth:5;', 'pcre:"/a/"; distance:5;'],
    'pcre': ['pcre:%s;' % v for v in (
        '"/abc/"', '"/abc/i"', '"/abc/smx"', '"/abc/A"', '"/abc/E"', '"/abc/G"', '"/abc/R"', '"/abc/U"', '"/abc/UU"', '"/abc/B"', '"/abc/O"', '"/abc/P"', '"/abc/Q"', '"/abc/H"', '"/abc/D"', '"/abc/M"', '"/abc/C"', '"/abc/S"', '"/abc/Y"', '"/abc/I"', '"/abc/V"', '"/abc/W"', '"/abc/Z"', '"/abc/K"', '"/abc/UP"', '"/abc/UI"', '!"/abc/"', '"abc"', '"/abc"', 'abc/', '/abc/', '"/(/"', '"/[/"', '"/a{2,1}/"', '"/(?P<flow_a>b)/"', '"/(?P<pkt_a>b)/"', '"/(?P<x>b)/"', '"/(b)/, flow:a"', '"/(b)/", flow:a', '"/(b)(c)/,flow:a,pkt:b"', '"/(b)/, alert:a"', '"/(?i)b/"', '"/b/ii"', '"/\\x/"', '"/a\\;b/"', '"/a;b/"', '"/a\\"b/"', '"/\\//"', '"/a|b/"', '"/\\p{L}/"', '"/^$/"', '"//"', '"/a*+/"', '"/(?<=a)b/"', '"/(?<=a+)b/"', '"/\\Ka/"', '"/(*SKIP)a/"', '"m/abc/"', '"m!abc!"', '"/abc/ i"', '"/a/IU"', '"/a/RU"', '"/(?(1)a)/"', '"/\\8/"', '"/(a)\\1/"', '"/\\g{1}(a)/"', '"/(?R)/"', '"/\\Q.\\E/"')],
    'byte_test': ['byte_test:%s;' % v for v in (
        '1,>,1,0', '1,<,1,0', '1,=,1,0', '1,==,1,0', '1,!=,1,0', '1,!,1,0', '1,!>,1,0', '1,!<,1,0', '1,!=,1,0', '1,&,1,0', '1,^,1,0', '1,!&,1,0', '1,!^,1,0', '1,>=,1,0', '1,<=,1,0', '1,!>=,1,0', '1,~,1,0', '0,>,1,0', '4,>,1,0', '8,>,1,0', '9,>,1,0', '3,>,1,0', '10,>,1,0,string,dec', '23,>,1,0,string,dec', '24,>,1,0,string,dec', '23,>,1,0,string,oct', '24,>,1,0,string,oct', '14,>,1,0,string,hex', '15,>,1,0,string,hex', '20,>,1,0,string,dec', '21,>,1,0,string,dec', '22,>,1,0,string,oct', '1,>,1,0,relative', '1,>,1,0,little', '1,>,1,0,big', '1,>,1,0,little,big', '1,>,1,0,dce', '1,>,1,0,dce,little', '1,>,1,0,string', '1,>,1,0,hex', '1,>,1,0,string,hex,dec', '1,>,1,0,string,hex,relative', '4,>,1,0,bitmask 0xff', '4,>,1,0,bitmask 0', '4,>,1,0,bitmask 0x1ffffffff', '4,>,1,0,bitmask x', '4,>,1,-1,relative', '4,>,1,-1', '4,>,1,65535', '4,>,1,65536', '4,>,1,-65536,relative', '4,>,-1,0', '4,>,0x10,0', '4,>,4294967296,0', '4,>,18446744073709551616,0', '4,>,x,0', '4,>,1,x', '4,>,1', '4,>', '', '4,>,1,0,x', 'x,>,1,0', '4, >, 1, 0, relative', '4,>,1,0,relative,relative', '4,>,1,0,bitmask 0xff,string,dec', '1,>,256,0', '2,>,65536,0', '1,>,255,0,string,dec', '-1,>,1,0')] + [
        'byte_extract:1,0,v; byte_test:1,>,v,0;', 'byte_extract:1,0,v; byte_test:1,>,1,v;', 'byte_extract:1,0,v; byte_test:v,>,1,0;', 'byte_extract:1,0,v; byte_test:v,>,1,0,string,dec;', 'byte_test:n,>,1,0;', 'byte_extract:1,0,v; byte_test:1,>,V,0;'],
    'byte_jump': ['byte_jump:%s;' % v for v in (
        '1,0', '4,0', '8,0', '9,0', '0,0', '3,0', '4,0,relative', '4,-1,relative', '4,-1', '4,0,little', '4,0,big', '4,0,big,little', '4,0,dce', '4,0,string,dec', '4,0,string,hex', '4,0,string,oct', '4,0,string', '4,0,hex', '4,0,align', '4,0,multiplier 2', '4,0,multiplier 0', '4,0,multiplier 65535', '4,0,multiplier 65536', '4,0,multiplier -1', '4,0,post_offset 5', '4,0,post_offset -5', '4,0,post_offset 65536', '4,0,post_offset x', '4,0,from_beginning', '4,0,from_end', '4,0,from_beginning,from_end', '4,0,bitmask 0xff', '4,0,bitmask 0', '4,0,relative,relative', '4', '', '4,0,x', 'x,0', '4,x', '4,65535', '4,65536', '23,0,string,dec', '24,0,string,dec', '4, 0, relative, align', '4,0,multiplier x', '4,0,post_offset', '4,0,multiplier', '23,0,string,hex', '4,0,dce,string,dec', '4,0,align,align')] + ['byte_extract:1,0,v; byte_jump:v,0;', 'byte_extract:1,0,v; byte_jump:1,v;', 'byte_jump:n,0;', 'byte_extract:1,0,v; byte_jump:v,0,string,dec;', 'byte_extract:1,0,v; byte_jump:1,0,post_offset v;', 'byte_extract:1,0,v; byte_jump:1,0,multiplier v;'],
    'byte_extract': ['byte_extract:%s;' % v for v in (
        '1,0,v', '4,0,v', '8,0,v', '9,0,v', '0,0,v', '3,0,v', '4,0,v,relative', '4,-1,v,relative', '4,-1,v', '4,0,v,little', '4,0,v,big', '4,0,v,dce', '4,0,v,string,dec', '4,0,v,string,hex', '4,0,v,string', '4,0,v,hex', '4,0,v,align 2', '4,0,v,align 4', '4,0,v,align 3', '4,0,v,align', '4,0,v,multiplier 2', '4,0,v,multiplier 0', '4,0,v,multiplier 65536', '4,0,1v', '4,0,v,x', '4,0', '', '4,0,v,relative,relative', '4,0,v-w', '4,0,"v"', '23,0,v,string,dec', '24,0,v,string,dec', '4,65535,v', '4,65536,v', '4,0,v,multiplier 2,align 4,little,relative', '4,0,v,slice', '4,0,v,string,dec,little', '4,0,v,bitmask 0xff', '20,0,v,string,dec', '21,0,v,string,dec', '14,0,v,string,hex', '15,0,v,string,hex')] + ['byte_extract:1,0,a; byte_extract:1,1,a;', 'byte_extract:1,0,a; byte_extract:1,1,b;', 'byte_extract:1,0,v; content:"a"; offset:v;', 'byte_extract:1,0,v; content:"a"; depth:v;', 'byte_extract:1,0,v; content:"a"; within:v;', 'content:"a"; offset:v; byte_extract:1,0,v;', 'http.uri; byte_extract:1,0,v; pkt_data; content:"a"; offset:v;', 'http.uri; byte_extract:1,0,v; http.host; content:"a"; offset:v;'],
    'byte_math': ['byte_math:%s;' % v for v in (
        'bytes 1, offset 0, oper +, rvalue 1, result r', 'bytes 4, offset 0, oper -, rvalue 1, result r', 'bytes 4, offset 0, oper *, rvalue 1, result r', 'bytes 4, offset 0, oper /, rvalue 1, result r', 'bytes 4, offset 0, oper /, rvalue 0, result r', 'bytes 4, offset 0, oper <<, rvalue 1, result r', 'bytes 4, offset 0, oper >>, rvalue 1, result r', 'bytes 4, offset 0, oper %, rvalue 1, result r', 'bytes 4, offset 0, oper <<, rvalue 64, result r', 'bytes 4, offset 0, oper +, rvalue 0, result r', 'bytes 4, offset 0, oper +, rvalue 4294967295, result r', 'bytes 4, offset 0, oper +, rvalue 4294967296, result r', 'bytes 5, offset 0, oper +, rvalue 1, result r', 'bytes 8, offset 0, oper +, rvalue 1, result r', 'bytes 10, offset 0, oper +, rvalue 1, result r, string dec', 'bytes 11, offset 0, oper +, rvalue 1, result r, string dec', 'bytes 11, offset 0, oper +, rvalue 1, result r', 'bytes 0, offset 0, oper +, rvalue 1, result r', 'bytes 4, offset 0, oper +, rvalue 1, result r, relative', 'bytes 4, offset -1, oper +, rvalue 1, result r, relative', 'bytes 4, offset -1, oper +, rvalue 1, result r', 'bytes 4, offset 65535, oper +, rvalue 1, result r', 'bytes 4, offset 65536, oper +, rvalue 1, result r', 'bytes 4, offset 0, oper +, rvalue 1, result r, endian little', 'bytes 4, offset 0, oper +, rvalue 1, result r, endian big', 'bytes 4, offset 0, oper +, rvalue 1, result r, endian x', 'bytes 4, offset 0, oper +, rvalue 1, result r, dce', 'bytes 4, offset 0, oper +, rvalue 1, result r, dce, endian big', 'bytes 4, offset 0, oper +, rvalue 1, result r, string hex', 'bytes 4, offset 0, oper +, rvalue 1, result r, string oct', 'bytes 4, offset 0, oper +, rvalue 1, result r, string x', 'bytes 4, offset 0, oper +, rvalue 1, result r, bitmask 0xff', 'bytes 4, offset 0, oper +, rvalue 1, result r, bitmask 0', 'bytes 4, offset 0, oper +, rvalue 1, result r, bitmask 0x1ffffffff', 'bytes 4, offset 0, oper +, rvalue 1', 'bytes 4, offset 0, oper +, result r', 'bytes 4, offset 0, rvalue 1, result r', 'bytes 4, oper +, rvalue 1, result r', 'offset 0, oper +, rvalue 1, result r', 'oper +, rvalue 1, result r, bytes 4, offset 0', '4,0,+,1,r', '', 'bytes 4, offset 0, oper ^, rvalue 1, result r', 'bytes 4, offset 0, oper +, rvalue x, result r', 'bytes 4, offset 0, oper +, rvalue 1, result 1r', 'bytes 4, offset 0, oper +, rvalue 1, result r, x', 'bytes 4, bytes 4, offset 0, oper +, rvalue 1, result r', 'bytes 4,offset 0,oper +,rvalue 1,result r', 'bytes 4, offset 0, oper +, rvalue -1, result r', 'bytes x, offset 0, oper +, rvalue 1, result r', 'bytes 4, offset 0, oper +, rvalue 1, result r, endian little, string dec', 'bytes 3, offset 0, oper +, rvalue 1, result r', 'bytes 4, offset 0, oper +, rvalue 1, result r, relative, relative')] + ['byte_extract:1,0,v; byte_math:bytes 4, offset 0, oper +, rvalue v, result r;', 'byte_extract:1,0,v; byte_math:bytes v, offset 0, oper +, rvalue 1, result r;', 'byte_extract:1,0,v; byte_math:bytes 4, offset v, oper +, rvalue 1, result r;', 'byte_math:bytes 1, offset 0, oper +, rvalue 1, result r; byte_math:bytes 1, offset 0, oper +, rvalue r, result s;', 'byte_math:bytes 1, offset 0, oper +, rvalue 1, result r; byte_math:bytes 1, offset 0, oper +, rvalue 1, result r;', 'byte_math:bytes 1, offset 0, oper +, rvalue 1, result r; isdataat:r;', 'byte_math:bytes 1, offset 0, oper +, rvalue 1, result r; content:"a"; distance:r;', 'byte_math:bytes 1, offset 0, oper +, rvalue 1, result r; byte_jump:1,r;'],
    'base64': ['base64_decode%s base64_data; content:"abc";' % v for v in (';', ':bytes 10;', ':offset 3;', ':relative;', ':bytes 10, offset 3, relative;', ':bytes 10,offset 3,relative;', ':relative, bytes 10;', ':offset 3, bytes 10;', ':bytes 0;', ':bytes -1;', ':bytes 65536;', ':offset 65536;', ':offset -1;', ':x;', ':;', ':bytes x;', ':bytes 10, x;', ':10;', ':bytes 10 offset 3;')] + ['base64_data; content:"abc";', 'base64_decode; content:"abc";', 'content:"x"; base64_decode:relative; base64_data; content:"abc"; nocase; content:"d"; distance:0;', 'base64_decode; base64_data; content:"abc"; fast_pattern;', 'base64_decode; base64_data;', 'base64_decode; base64_data; pcre:"/a/";', 'base64_decode; base64_data; pcre:"/a/U";', 'base64_decode; base64_data; content:"abc"; pkt_data; content:"x";', 'http.uri; base64_decode; base64_data; content:"abc";', 'file.data; base64_decode; base64_data; content:"abc"; pkt_data; content:"y";', 'base64_decode; base64_decode; base64_data; content:"a";', 'base64_decode; base64_data; bsize:3;', 'base64_decode; base64_data; content:"abc"; http_uri;', 'base64_data:x;'],
    'entropy': ['content:"a"; entropy:%s;' % v for v in ('value >= 3', 'value > 3.5', 'value 3', 'bytes 10, value < 4', 'bytes 10, offset 3, value < 4', 'offset 3, value < 4', 'value < 9', 'value > 8', 'value -1', 'bytes 0, value < 4', 'value x', '', '3', 'value = 3', 'value == 3', 'value != 3', 'value 1-3', 'bytes 10', 'value < 3, bytes 10', 'bytes:10, value:<4', 'value 1.5-3.5', 'value <= 3', 'x 1, value 3', 'bytes x, value 3', 'bytes 10 value 3', 'value >= 3, value < 5', 'value < 0', 'value 8.0', 'value 1<>3', 'offset -1, value 3', 'offset 65536, value 3')],
    'bsize': ['content:"a"; bsize:1;', 'bsize:1;', 'pkt_data; bsize:3;', 'pkt_data; content:"a"; bsize:3;'],
    'app-layer-protocol': ['app-layer-protocol:%s;' % v for v in ('http', '!http', 'http1', 'http2', 'tls', 'ssl', 'dns', 'smb', 'failed', '!failed', 'unknown', 'nosuch', '', 'http,final', 'http,original', 'http,either', 'http,to_server', 'http,to_client', 'http,toserver', 'http,x', '!http,either', 'http, final', '! http', 'HTTP', 'http,final,either', 'doh2', 'dcerpc', 'imap', 'template', 'rdp', 'pop3', 'mdns', 'quic', 'telnet', 'ftp-data', 'http,both')] + ['app-layer-protocol:http; app-layer-protocol:tls;', 'app-layer-protocol:!http; app-layer-protocol:!tls;', 'app-layer-protocol:http; http.uri; content:"a";', 'app-layer-protocol:tls; http.uri; content:"a";', 'app-layer-protocol:http; content:"a";', 'app-layer-protocol:!http; app-layer-protocol:!http;', 'app-layer-protocol:http,to_server; app-layer-protocol:tls,to_client;', 'flow:to_client; app-layer-protocol:http,to_server;'],
    'app-layer-event': ['app-layer-event:%s;' % v for v in ('http.request_too_large', 'http.nosuch', 'nosuch.x', 'applayer_detect_protocol_only_one_direction', 'applayer_mismatch_protocol_both_directions', 'applayer_nosuch', 'tls.invalid_sslv2_header', 'smb.malformed_data', 'x', '', 'dns', 'http.', '.x', '!http.request_too_large', 'http1.request_too_large', 'HTTP.request_too_large', 'file.x')] + ['app-layer-event:dns.malformed_data; app-layer-event:dns.not_request;', 'app-layer-event:dns.malformed_data; content:"a";', 'app-layer-event:dns.malformed_data; app-layer-protocol:dns;', 'app-layer-event:dns.malformed_data; http.uri; content:"a";'],
    'app-layer-state': ['app-layer-state:%s;' % v for v in ('>request_started', '<request_complete', 'request_line', '=request_line', '>nosuch', '', '>=request_line', '>0', 'http:request_line', '>response_started')],
    'decode-event': ['decode-event:%s;' % v for v in ('ipv4.pkt_too_small', 'ipv4.nosuch', 'tcp.hlen_too_small', 'decoder.ipv4.pkt_too_small', 'stream.reassembly_no_segment', 'nosuch', '', 'IPV4.pkt_too_small', 'udp.hlen_invalid')] + ['engine-event:ipv4.pkt_too_small;', 'decode-event:ipv4.pkt_too_small; content:"a";', 'decode-event:ipv4.pkt_too_small; decode-event:tcp.pkt_too_small;'],
    'stream-event': ['stream-event:%s;' % v for v in ('3whs_ack_in_wrong_dir', 'stream.3whs_ack_in_wrong_dir', 'nosuch', '', 'reassembly_overlap_different_data', 'pkt_broken_ack', 'est_packet_out_of_window')] + ['stream-event:pkt_broken_ack; content:"a";', 'stream-event:pkt_broken_ack; http.uri; content:"a";'],
    'config': ['config:%s;' % v for v in ('logging disable, type tx, scope tx', 'logging disable, type tx, scope flow', 'logging disable, type flow, scope tx', 'logging disable, type flow, scope flow', 'logging disable, type alert, scope tx', 'logging enable, type tx, scope tx', 'tracking disable, type flow, scope flow', 'logging disable', '', 'x', 'logging disable, type tx', 'logging disable,type tx,scope tx', 'logging disable, scope tx, type tx')],
    'filestore': ['filestore;', 'filestore:request;', 'filestore:response;', 'filestore:both;', 'filestore:to_server;', 'filestore:request,tx;', 'filestore:request,file;', 'filestore:response,flow;', 'filestore:both,ssn;', 'filestore:both,session;', 'filestore:x;', 'filestore:request,x;', 'filestore:request,tx,x;', 'filestore:tx;', 'filestore; filestore;', 'filestore:to_client,tx;'],
    'file': ['filename:"abc";', 'filename:abc;', 'filename:!"abc";', 'filename:"";', 'fileext:"exe";', 'fileext:exe;', 'fileext:!"exe";', 'fileext:"";', 'filemagic:"PDF";', 'filemagic:!"PDF";', 'filesize:100;', 'filesize:>100;', 'filesize:1<>100;', 'filesize:100<>1;', 'filesize:<0;', 'filesize:x;', 'filesize:>100KB;', 'file.magic; content:"PDF";', 'file.name; content:"a"; endswith;', 'filename:"a"; filename:"b";', 'filename:"a"; fileext:"b"; filesize:>1; filestore;', 'filemd5:nosuch;', 'filemd5:!nosuch;', 'filesha1:nosuch;', 'filesha256:nosuch;', 'filemd5:;', 'file.data; content:"a"; filestore;', 'file.data; content:"a"; filename:"b";'],
    'rpc': ['rpc:%s;' % v for v in ('100000', '100000,2', '100000,2,3', '100000,*,3', '100000,*,*', '*,2,3', '100000,2,*', 'x', '', '100000,', '100000,2,3,4', '4294967296,1,1', '100000, 2, 3')],
    'ftpbounce': ['ftpbounce;', 'ftpbounce:x;', 'flow:to_client; ftpbounce;'],
    'ftpdata': ['ftpdata_command:retr;', 'ftpdata_command:stor;', 'ftpdata_command:RETR;', 'ftpdata_command:x;', 'ftpdata_command:;', 'ftpdata_command:list;'],
    'asn1': ['asn1:%s;' % v for v in ('bitstring_overflow', 'double_overflow', 'oversize_length 100', 'absolute_offset 5', 'relative_offset 5', 'bitstring_overflow, oversize_length 100, absolute_offset 0', 'relative_offset -5', 'x', '', 'oversize_length', 'oversize_length x', 'absolute_offset -1', 'relative_offset 65536', 'absolute_offset 1, relative_offset 2', 'double_overflow,relative_offset 1', 'oversize_length 4294967296', 'BITSTRING_OVERFLOW')] + ['content:"a"; asn1:relative_offset 1;'],
    'csum': ['%s:%s;' % (k, v) for k in ('ipv4-csum', 'tcpv4-csum', 'tcpv6-csum', 'udpv4-csum', 'udpv6-csum', 'icmpv4-csum', 'icmpv6-csum') for v in ('valid', 'invalid', 'x', '', '"valid"', 'VALID')],
    'l3_proto': ['l3_proto:ipv4;', 'l3_proto:4;', 'l3_proto:ipv6;', 'l3_proto:ip4;', 'l3_proto:ip6;', 'l3_proto:x;', 'l3_proto:!ipv4;'],
    'flowvar': ['flowvar:a,"b";', 'flowvar:a,b;', 'flowvar:a,!"b";', 'flowvar:a;', 'pktvar:a,"b";', 'pktvar:a,b;', 'pktvar:a,!"b";', 'flowvar:a,"|41|";', 'pktvar:a;', 'flowvar:,"b";'],
    'elephant': ['flow.elephant;', 'flow.elephant:toserver;', 'flow.elephant:to_server;', 'flow.elephant:toclient;', 'flow.elephant:both;', 'flow.elephant:either;', 'flow.elephant:x;', 'flow.elephant:any;'],
    'tcp.session': ['tcp.session:%s;' % v for v in ('setup', 'established', 'closing', 'setup,established', 'x', '', 'setup,setup', 'setup, closing', '!setup', 'setup|closing')],
    'session': ['flow.pkts:toserver,>5;', 'flow.pkts:toclient,>5;', 'flow.pkts:both,>5;', 'flow.pkts:either,>5;', 'flow.pkts:>5;', 'flow.pkts:to_server,>5;', 'flow.pkts:x,>5;', 'flow.pkts:either;', 'flow.pkts:either,1-5;', 'flow.pkts: either , >5;', 'flow.bytes:toserver,>5;', 'flow.bytes:either,>5;', 'flow.bytes:both,1-5;', 'flow.bytes:5;', 'flow.bytes:toclient,18446744073709551615;', 'flow.bytes_toserver:toserver,>5;'],
    'tls': ['tls.version:%s;' % v for v in ('1.0', '1.1', '1.2', '1.3', '"1.2"', 'raw', '0x0303', '!1.2', '>1.0', '1.4', 'x', '', 'tls1.2', '1.0,1.2', '<1.3', '>=1.2', 'SSLv3', '1', '2')] + ['ssl_version:%s;' % v for v in ('tls1.0', 'tls1.1', 'tls1.2', 'tls1.3', 'sslv2', 'sslv3', '!sslv3', 'sslv3,tls1.0', 'tls1.0,!tls1.1', 'x', '', 'SSLv3', 'sslv2, sslv3', '!tls1.0,!tls1.1', 'tls1.0,tls1.0', 'tls1.4', 'sslv3|tls1.0')] + ['ssl_state:%s;' % v for v in ('client_hello', 'server_hello', 'client_keyx', 'server_keyx', 'unknown', '!client_hello', 'client_hello,server_hello', 'client_hello|server_hello', 'client_hello|!server_hello', 'x', '', '!client_hello,!server_hello', '!client_hello|server_hello', 'CLIENT_HELLO')] + [
        'tls_cert_notbefore:%s;' % v for v in ('2020', '2020-01', '2020-01-01', '2020-01-01T12', '2020-01-01T12:00', '2020-01-01T12:00:00', '>2020-01-01', '<2020-01-01', '2019-01-01<>2020-01-01', '2020<>2019', 'x', '', '1577836800', '>=2020', '2020-13-01', '2019 <> 2020', '2020-01-01 12:00:00', '=2020', '!2020')] + ['tls_cert_notafter:2020<>2021;', 'tls_cert_expired;', 'tls_cert_expired:x;', 'tls_cert_valid;', 'tls_cert_valid; tls_cert_expired;', 'tls_cert_valid; tls_cert_notafter:>2020;', 'tls_store;', 'tls.store;', 'tls.subject:"CN=a";', 'tls.subject:CN=a;', 'tls.subject:!"CN=a";', 'tls.issuerdn:"CN=a";', 'tls.issuerdn:!"CN=a";', 'tls.fingerprint:"aa:bb";', 'tls.fingerprint:!"aa:bb";', 'tls.fingerprint:aa;', 'tls.fingerprint:"AA:BB";', 'tls.subject:"";',
        'tls.cert_fingerprint; content:"4a:a3:66:76:82:cb:6b:23:bb:c3:58:47:23:a4:63:a7:78:a4:a1:18";', 'tls.cert_fingerprint; content:"4A:A3:66:76:82:cb:6b:23:bb:c3:58:47:23:a4:63:a7:78:a4:a1:18";', 'tls.cert_fingerprint; content:"4a:a3";', 'tls.cert_fingerprint; content:"4a:a3"; nocase;', 'tls.cert_fingerprint; content:"zz:a3:66:76:82:cb:6b:23:bb:c3:58:47:23:a4:63:a7:78:a4:a1:18";', 'tls.cert_serial; content:"01:AB";', 'tls.cert_serial; content:"01:ab";', 'tls.cert_serial; content:"01AB";', 'tls.cert_serial; content:"XX";', 'ja3.hash; content:"e7eca2baf4458d095b7f45da28c16c34";', 'ja3.hash; content:"E7ECA2BAF4458D095B7F45DA28C16C34";', 'ja3.hash; content:"abc";', 'ja3.hash; content:"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz";', 'ja3.hash; content:"e7eca2baf4458d095b7f45da28c16c34"; nocase;', 'ja3s.hash; content:"E7eca2baf4458d095b7f45da28c16c34";', 'ja3.string; content:"a,b";', 'ja4.hash; content:"t13d";', 'tls.random; bsize:32;', 'tls.random_time; bsize:4;', 'tls.random_bytes; bsize:28;'],
    'dns': ['dns.opcode:%s;' % v for v in ('0', '!0', '>3', '0-5', 'query', 'x', '16', '255', '256', 'notify', '!query', 'QUERY', 'update,1')] + ['dns.rcode:%s;' % v for v in ('0', '!0', 'nxdomain', 'NXDOMAIN', 'servfail', '65535', '65536', '!nxdomain', '>3', '0-5', 'x', 'refused')] + ['dns.rrtype:%s;' % v for v in ('1', 'A', 'a', 'AAAA', '!A', '>1', '65536', 'x', 'CNAME', 'TXT', '1-5', 'A,any', 'A,all', 'ANY')],
    'http2': ['http2.frametype:%s;' % v for v in ('GOAWAY', 'goaway', '1', '255', '256', 'x', 'HEADERS', '!1', '>3', '')] + ['http2.errorcode:%s;' % v for v in ('NO_ERROR', '1', 'PROTOCOL_ERROR', 'x', '4294967296', '!1')] + ['http2.priority:%s;' % v for v in ('1', '>100', '256', 'x')] + ['http2.window:%s;' % v for v in ('1', '>100', '1-5', 'x')] + ['http2.size_update:%s;' % v for v in ('1', '>100', '18446744073709551616', 'x')] + ['http2.settings:%s;' % v for v in ('SETTINGS_ENABLE_PUSH=0', 'SETTINGS_HEADER_TABLE_SIZE>1024', 'SETTINGS_ENABLE_PUSH', '2=0', 'x', 'SETTINGS_MAX_FRAME_SIZE=1-5', 'enable_push=0', 'SETTINGS_ENABLE_PUSH =0', 'SETTINGS_ENABLE_PUSH 0')],
    'smb': ['smb.version:%s;' % v for v in ('1', '2', '3', 'x', '', '>1', '!1', '1,2')] + ['dcerpc.opnum:%s;' % v for v in ('1', '1,2', '1-5', '1-5,7', '5-1', 'x', '', '!1', '65535', '65536', '1,,2', ' 1 , 2', '>1')] + ['dcerpc.iface:%s;' % v for v in ('12345678-1234-1234-1234-123456789abc', '12345678-1234-1234-1234-123456789abc,>1', '12345678-1234-1234-1234-123456789abc,=1', '12345678-1234-1234-1234-123456789abc,!1', '12345678-1234-1234-1234-123456789abc,any_frag', '12345678-1234-1234-1234-123456789abc,<1,any_frag', '12345678-1234-1234-1234-123456789abc, >1', '12345678-1234-1234-1234', 'x', '', '12345678-1234-1234-1234-123456789abc,x', '12345678-1234-1234-1234-123456789ABC', '12345678-1234-1234-1234-123456789abc,1', '12345678-1234-1234-1234-123456789abc,>=1', '12345678-1234-1234-1234-123456789abc,>65536')],
    'nfs': ['nfs_procedure:%s;' % v for v in ('1', '1<>5', '1-5', '>1', '<5', 'x', '', '!1', '1,2', 'READ', 'read')] + ['nfs.version:%s;' % v for v in ('3', '2<>4', '>2', 'x', '!3', '2-4')],
    'krb5': ['krb5_msg_type:%s;' % v for v in ('10', 'x', '>1', '!10', '')] + ['krb5_err_code:%s;' % v for v in ('6', '-1', 'x', '>1')] + ['krb5.ticket_encryption:%s;' % v for v in ('1', '23', 'weak', 'x', '1,3', '-128', '1-3', '>1', '')],
    'modbus': ['modbus:%s;' % v for v in ('function 1', 'function 1, subfunction 2', 'function !1', 'function assigned', 'function public', 'function user', 'function reserved', 'function all', 'function !assigned', 'function x', 'function 256', 'access read', 'access write', 'access read coils', 'access read discretes', 'access write discretes', 'access read input', 'access write holding', 'access read holding, address 100', 'access write holding, address >100, value <5', 'access write coils, address 1<>10, value 1', 'access x', 'unit 10', 'unit 10<>20', 'unit >10, function 1', 'unit x', '', 'address 1', 'value 1', 'access read, value 1', 'function 8, subfunction 65536', 'unit 256', 'unit 10, access read')],
    'dnp3': ['dnp3_func:%s;' % v for v in ('1', 'read', 'READ', 'x', '255', '256', '', 'write', 'cold_restart')] + ['dnp3_ind:%s;' % v for v in ('device_trouble', 'all_stations', 'x', 'device_restart,need_time', '', 'device_restart need_time', '0x1', '1')] + ['dnp3_obj:%s;' % v for v in ('1,2', '1', 'x,y', '1,2,3', '', '256,1', '1,256', ' 1 , 2 ')],
    'enip': ['enip_command:%s;' % v for v in ('1', 'x', '65536', '', '>1', 'list_identity', 'nop', 'LIST_SERVICES', '!nop')] + ['cip_service:%s;' % v for v in ('1', '1,2', '1,2,3', '1,2,!3', 'x', '', '1,2,3,4', '128', '127', '1,65536', '1,2,65536', 'get_attribute_all', '>1')] + ['enip.revision:%s;' % v for v in ('1.2', '1', 'x', '>1', '')] + ['enip.status:%s;' % v for v in ('1', 'success', 'x', '>1', '!success')],
    'mqtt': ['mqtt.type:%s;' % v for v in ('CONNECT', 'connect', '1', 'x', '', 'PUBLISH', '!CONNECT', 'UNASSIGNED', '>1')] + ['mqtt.flags:%s;' % v for v in ('dup', 'retain', 'dup,!retain', '!dup', 'x', '', 'dup, retain', 'DUP', 'dup;', '1', '&0x1', '>1')] + ['mqtt.connect.flags:%s;' % v for v in ('username', 'username,password', '!clean_session', 'will,will_retain', 'x', '', 'username, !password', '2', '>2')] + ['mqtt.qos:%s;' % v for v in ('0', '1', '2', '3', 'x', '', '>1')] + ['mqtt.reason_code:%s;' % v for v in ('0', '255', '256', 'x', '', '>1', '!0')] + ['mqtt.connack.session_present:%s;' % v for v in ('true', 'false', 'yes', 'no', '1', 'x', '', '0')] + ['mqtt.protocol_version:%s;' % v for v in ('3', '4', '5', '>3', 'x', '256', '3-5')],
    'rfb': ['rfb.sectype:%s;' % v for v in ('1', '>1', '<5', '1-5', 'x', '4294967296', '!1')] + ['rfb.secresult:%s;' % v for v in ('ok', 'fail', 'toomany', 'unknown', 'x', 'OK', '0', '', '!ok')],
    'ike': ['ike.exchtype:%s;' % v for v in ('5', '>5', '1-5', 'x', '256', '!5')] + ['ike.chosen_sa_attribute:%s;' % v for v in ('alg_enc=7', 'alg_hash=2', 'alg_auth=1', 'alg_dh=2', 'alg_prf=1', 'sa_group_type=1', 'sa_life_type=1', 'sa_life_duration=900', 'sa_key_length=256', 'sa_field_size=1', 'x=1', 'alg_enc', 'alg_enc>1', 'alg_enc=x', '', 'alg_enc =7', 'alg_enc= 7')] + ['ike.key_exchange_payload_length:>5;', 'ike.nonce_payload_length:1-5;'],
    'snmp': ['snmp.version:%s;' % v for v in ('1', '2', '3', '>1', 'x', '!1', '')] + ['snmp.pdu_type:%s;' % v for v in ('0', '1', 'get_request', 'GET_REQUEST', 'x', '>1', '!0', 'trap_v2', 'response', 'trap_v1', 'report', 'inform_request')] + ['snmp.trap_type:%s;' % v for v in ('0', 'cold_start', 'link_down', 'x', '>1', 'warm_start', 'enterprise_specific')],
    'dhcp': ['dhcp.leasetime:%s;' % v for v in ('1', '>1', '1-5', 'x', '18446744073709551615')],
    'websocket': ['websocket.opcode:%s;' % v for v in ('1', 'text', 'binary', 'ping', 'x', '!text', '>1', 'TEXT', '16', '256')] + ['websocket.mask:%s;' % v for v in ('1', '0x12345678', '!0', 'x')] + ['websocket.flags:%s;' % v for v in ('fin', 'comp', '!fin', 'fin,comp', 'fin,!comp', 'x', '1', '&0x40=0x40', '')],
    'ldap': ['ldap.request.operation:%s;' % v for v in ('bind_request', 'BIND_REQUEST', '0', 'x', '!bind_request', '>1', 'search_request', 'search_request,any')] + ['ldap.responses.operation:%s;' % v for v in ('bind_response', '1', 'search_result_done,-1', 'search_result_done,0', 'search_result_done,any', 'search_result_done,all', 'x', 'search_result_done,x', '!bind_response', 'bind_response, 1', '>1,all', 'search_result_done,count>1', 'search_result_done,all1')] + ['ldap.responses.count:%s;' % v for v in ('1', '>1', '1-5', 'x')] + ['ldap.responses.result_code:%s;' % v for v in ('success', '0', 'x', '!success', 'success,0', 'success,-1', 'success,any', '>1', 'invalid_credentials,all')],
    'ntp': ['ntp.version:%s;' % v for v in ('4', '>1', 'x', '!4', '8', '256')] + ['ntp.mode:%s;' % v for v in ('3', 'client', 'server', 'x', '>1', 'CLIENT', 'broadcast')] + ['ntp.stratum:%s;' % v for v in ('1', '>1', 'x', '256')],
    'ftp': ['ftp.dynamic_port:%s;' % v for v in ('1', '>1024', '1-5', 'x', '65536')] + ['ftp.mode:%s;' % v for v in ('active', 'passive', 'x', '', 'ACTIVE', '!active')] + ['ftp.reply_received:%s;' % v for v in ('yes', 'no', 'true', 'false', '1', '0', 'x', '', 'on', 'YES')],
    'ssh': ['ssh.protoversion:2.0;', 'ssh.protoversion:2_compat;', 'ssh.protoversion:"2.0";', 'ssh.protoversion:x;', 'ssh.protoversion:2;', 'ssh.protoversion:;', 'ssh.softwareversion:"abc";', 'ssh.softwareversion:abc;', 'ssh.softwareversion:;'],
    'urilen': ['urilen:%s;' % v for v in ('5,norm', '5,raw', '>5,raw', '1<>5,norm', '5,x', '5, raw', '!5', '1<>5', '5<>1', '65536', '1-5', '>=5', '')] + ['urilen:5; http.uri; content:"abcdefgh";', 'urilen:<3; http.uri; content:"abcdefgh";', 'urilen:5,raw; http.uri; content:"abcdefgh";', 'urilen:>5; urilen:<3;'],
    'uricontent': ['uricontent:"abc";', 'uricontent:!"abc";', 'uricontent:"abc"; nocase; offset:1;', 'uricontent:"abc"; content:"d"; distance:1;', 'uricontent:abc;', 'uricontent:"";', 'http.uri; uricontent:"a";'],
    'legacy': ['content:"abc"; %s' % v for v in ('http_uri;', 'http_raw_uri;', 'http_method;', 'http_header;', 'http_raw_header;', 'http_cookie;', 'http_client_body;', 'http_server_body;', 'http_stat_code;', 'http_stat_msg;', 'http_user_agent;', 'http_host;', 'http_raw_host;', 'http_uri; http_header;', 'http_uri; nocase;', 'nocase; http_uri;', 'rawbytes; http_uri;', 'http_uri:x;', 'offset:1; http_uri;', 'replace:"xyz"; http_uri;', 'http_uri; content:"d"; distance:0; http_uri;', 'http_uri; content:"d"; http_uri; within:5;', 'http_uri; content:"d"; distance:0;', 'fast_pattern; http_uri;', 'fast_pattern:only; http_uri;', 'http_client_body; content:"d"; http_server_body;', 'depth:3; http_method;', 'dce_stub_data;', 'file_data;', 'http_uri; file_data; content:"d";', 'http_stat_code; content:"GET"; http_method;', 'http_uri; pcre:"/a/U";', 'pcre:"/a/U";', 'http_uri; pcre:"/a/RU";', 'http_uri; pcre:"/a/RH";', 'http_uri; pcre:"/a/R";', 'http_uri; bsize:3;', 'http_uri; isdataat:1,relative;', 'http_uri; isdataat:1;', 'http_uri; byte_test:1,>,1,0,relative;')] + [
        'http_uri;', 'http.uri; content:"GET"; http.method; content:"a b";', 'http.method; content:"GET ";', 'http.method; content:" GET";', 'http.uri; content:"a b";', 'http.uri.raw; content:"a b";', 'http.host; content:"ABC";', 'http.host; content:"abc"; nocase;', 'http.header_names; content:"|0d 0a|Host|0d 0a|";', 'http.protocol; content:"HTTP/1.1";', 'http.user_agent; content:"a|0d|";', 'http.cookie; content:"Cookie: a";', 'http.stat_code; content:"200"; http.method; content:"GET";', 'flow:to_client; http.method; content:"GET";', 'flow:to_server; http.stat_code; content:"200";', 'flow:to_server; http.stat_msg; content:"OK";', 'http.request_line; content:"a"; flow:to_client;', 'file.data; content:"a"; http.method; content:"GET";', 'http.header; content:"a:b";', 'http.header; content:"a|0d 0a 0d 0a|";', 'http.request_header; content:"host: a";', 'http.request_header; content:"a"; flow:to_client;', 'http.response_header; content:"a"; flow:to_server;'],
    'transforms': ['http.uri; %s content:"abc";' % v for v in (
        'strip_whitespace;', 'compress_whitespace;', 'to_md5;', 'to_sha1;', 'to_sha256;', 'dotprefix;', 'url_decode;', 'to_lowercase;', 'to_uppercase;', 'header_lowercase;', 'strip_pseudo_headers;', 'domain;', 'tld;', 'xor:"0a";', 'xor:"0a0b0c0d";', 'xor:"0";', 'xor:"zz";', 'xor:0a;', 'xor:"";', 'xor;', 'xor:"0a,0b";', 'pcrexform:"a(.*)";', 'pcrexform:"a";', 'pcrexform:"(";', 'pcrexform:a;', 'pcrexform;', 'pcrexform:"";', 'pcrexform:"(a)(b)";', 'pcrexform:"[a-z]+,(x)";', 'from_base64;', 'from_base64:;', 'from_base64:bytes 5;', 'from_base64:offset 3;', 'from_base64:bytes 5, offset 3;', 'from_base64:bytes 5, offset 3, mode rfc4648;', 'from_base64:mode rfc2045;', 'from_base64:mode strict;', 'from_base64:mode x;', 'from_base64:bytes x;', 'from_base64:x 1;', 'from_base64:offset 65536;', 'from_base64:bytes 65536;', 'from_base64:bytes 0;', 'from_base64:bytes 65535;', 'from_base64:bytes 5, bytes 6;', 'gunzip;', 'gunzip:max-size 10k;', 'gunzip:max-size 10000;', 'gunzip:max-size 20MiB;', 'gunzip:max-size x;', 'gunzip:x 1;', 'zlib_deflate;', 'zlib_deflate:max-size 10kb;', 'zlib_deflate:x;', 'to_md5:x;', 'strip_whitespace; to_md5; to_lowercase; dotprefix;', 'dotprefix; domain; tld;', 'to_lowercase; to_lowercase;', 'strip_whitespace:x;', 'to_lowercase; xor:"0a"; pcrexform:"a";', 'gunzip; url_decode;', 'gunzip:max-size 0;', 'gunzip:max-size 1GiB;')] + [
        'to_md5; content:"abc";', 'pkt_data; to_md5; content:"a";', 'content:"abc"; to_md5;', 'file.data; to_md5; content:"a";', 'http.uri; content:"a"; to_md5; content:"b";', 'http.uri; to_md5; bsize:16;', 'http.uri; to_md5; content:"a"; http.uri; content:"b";', 'to_md5; http.uri; content:"a";', 'http.uri; to_lowercase; content:"ABC";', 'http.uri; to_lowercase; content:"ABC"; nocase;', 'http.uri; to_uppercase; content:"abc";', 'base64_decode; base64_data; to_md5; content:"a";', 'frame:stream; to_lowercase; content:"a";', 'http.uri; to_md5; content:"12345678901234567";', 'http.uri; strip_whitespace; content:"a b";', 'http.uri; compress_whitespace; content:"a  b";', 'http.uri; to_sha1; bsize:20; content:"a";', 'http.uri; to_md5; bsize:20; content:"a";', 'http.header; header_lowercase; content:"Host";', 'dns.query; domain; content:"a";', 'dns.query; domain; absent;', 'dns.query; dotprefix; absent;'],
    'dataset': ['dns.query; dataset:%s;' % v for v in ('isset,s1,type string', 'isnotset,s2,type string', 'set,s3,type string', 'unset,s4,type string', 'isset,s5,type md5', 'isset,s6,type sha256', 'isset,s7,type ip', 'isset,s8,type ipv4', 'isset,s9', 'set,s10', 'isset,s11,type x', 'x,s12,type string', 'isset', '', 'isset,s13,type string,load nosuch.lst', 'isset,s14,type string,state st.lst', 'set,s15,type string,save sv.lst', 'set,s16,type string,memcap 10mb', 'set,s17,type string,hashsize 1024', 'set,s18,type string,memcap x', 'set,s19,type string,hashsize x', 'set,s20,type string,memcap 10mb,hashsize 100', 'isset,s21,type string,format json,value_key a,context_key b', 'isset,s23,type string,format csv', 'isset,s24,type string,state st.lst,load st.lst', 'isset, s25, type string', 'set,s26,type string,load nosuch.lst', 'isset,s27,type string,context_key x', 'isset,s28,type string, format ndjson, value_key a', 'set,s29,type string,x y', 'isset,/abs,type string', 'isset,%s,type string' % ('n' * 63), 'isset,%s,type string' % ('n' * 64), 'set,s30,type string,state ../st.lst', 'set,s31,type string,save /tmp/sv.lst', 'isset,s32,type string,remove_key', 'isset,s33,type string,format json,value_key a,remove_key,context_key c', 'set,s34,type string,hashsize 0', 'set,s35,type string,memcap 0')] + [
        'dataset:isset,p1,type string;', 'ip.src; dataset:isset,i1,type ip;', 'ip.src; dataset:isset,i2,type string;', 'ip.src; dataset:set,i3,type ipv4;', 'content:"a"; dataset:isset,c1,type string;', 'file.data; dataset:isset,f1,type md5;', 'http.uri; to_sha256; dataset:isset,t1,type sha256;', 'dns.query; datarep:r1,>,10,type string;', 'dns.query; datarep:r2,>,10,load nosuch.lst,type string;', 'dns.query; datarep:r3,=,10,type md5;', 'dns.query; datarep:r4,<,65535,type string;', 'dns.query; datarep:r5,<,65536,type string;', 'dns.query; datarep:r6,!,10,type string;', 'dns.query; datarep:r7,>,x,type string;', 'dns.query; datarep:r8,>,10;', 'dns.query; datarep:r9;', 'dns.query; datarep:;', 'dns.query; datarep:r10,>=,10,type string;', 'dns.query; datarep:r11,==,10,type string;', 'dns.query; datarep:r12,>,10,type string,memcap 1mb,hashsize 100;', 'dns.query; dataset:isset,m1,type string; dataset:isset,m2,type string;', 'dns.query; dataset:isset,m3,type string; dataset:isset,m3,type md5;', 'dns.query; dataset:isset,m4,type string; content:"a";', 'dns.query; dotprefix; dataset:isset,m5,type string;'],
    'frame': ['frame:%s; content:"a";' % v for v in ('stream', 'http1.request', 'http1.response', 'request', 'nosuch', 'tls.pdu', 'tls.hdr', 'tls.data', 'dns.pdu', 'smb1.pdu', 'smb2.hdr', 'nbss.pdu', 'smb.pdu', '', 'http.request', 'sip.request_line', 'telnet.ctl', 'ssh.record_hdr', 'pdu', 'dcerpc.hdr', 'http2.hdr', 'stream.x', 'tls.stream', 'mqtt.pdu', 'modbus.pdu', 'dnp3.pdu', 'websocket.pdu', 'ldap.pdu', 'pop3.x', 'x.pdu', 'enip.hdr', 'quic.pdu')] + ['frame:http1.request;', 'frame:http1.request; bsize:>1;', 'frame:http1.request; content:"a"; frame:http1.response; content:"b";', 'frame:http1.request; content:"a"; http.uri; content:"b";', 'frame:tls.pdu; content:"a"; dsize:1;', 'frame:http1.request; content:"a"; pkt_data; content:"b";', 'frame:http1.request; content:"a"; fast_pattern;', 'frame:http1.request; absent;', 'frame:tls.pdu; pcre:"/a/";', 'frame:tls.pdu; byte_test:1,>,1,0;', 'frame:tls.pdu; isdataat:!10;', 'frame:http1.request; content:!"a";', 'frame:http1.request; content:"a"; frame:tls.pdu; content:"b";', 'flow:to_client; frame:http1.request; content:"a";'],
}

HEADERS = [
    'alert tcp any any -> any any (%s)', 'alert TCP any any -> any any (%s)', 'alert  tcp  any  any  ->  any  any  (%s)', 'Alert tcp any any -> any any (%s)', 'alert ip any any -> any any (%s)', 'alert ipv4 any any -> any any (%s)', 'alert ipv6 any any -> any any (%s)', 'alert ip4 any any -> any any (%s)', 'alert ip6 any any -> any any (%s)',
    'alert icmp any any -> any any (%s)', 'alert icmpv4 any any -> any any (%s)', 'alert icmpv6 any any -> any any (%s)', 'alert sctp any any -> any any (%s)', 'alert pkthdr any any -> any any (%s)', 'alert tcp-pkt any any -> any any (%s)', 'alert tcp-stream any any -> any any (%s)', 'alert ether any any -> any any (%s)', 'alert arp any any -> any any (%s)', 'alert nosuch any any -> any any (%s)',
    'alert http1 any any -> any any (%s)', 'alert http2 any any -> any any (%s)', 'alert ssl any any -> any any (%s)', 'alert dcerpc any any -> any any (%s)', 'alert ike any any -> any any (%s)', 'alert ikev2 any any -> any any (%s)', 'alert mdns any any -> any any (%s)', 'alert doh2 any any -> any any (%s)', 'alert ftp-data any any -> any any (%s)', 'alert telnet any any -> any any (%s)', 'alert bittorrent-dht any any -> any any (%s)', 'alert imap any any -> any any (%s)', 'alert pop3 any any -> any any (%s)', 'alert gre any any -> any any (%s)', 'alert esp any any -> any any (%s)', 'alert tcp:all any any -> any any (%s)',
    'drop tcp any any -> any any (%s)', 'pass tcp any any -> any any (%s)', 'reject tcp any any -> any any (%s)', 'rejectsrc tcp any any -> any any (%s)', 'rejectdst tcp any any -> any any (%s)', 'rejectboth tcp any any -> any any (%s)', 'config tcp any any -> any any (%s)', 'reject icmp any any -> any any (%s)', 'log tcp any any -> any any (%s)', 'sdrop tcp any any -> any any (%s)', 'accept tcp any any -> any any (%s)', 'accept:hook tcp any any -> any any (%s)', 'drop:packet tcp any any -> any any (%s)', 'drop:flow tcp any any -> any any (%s)', 'pass:packet tcp any any -> any any (%s)', 'pass:flow tcp any any -> any any (%s)', 'activate tcp any any -> any any (%s)',
    'alert tcp any any <> any any (%s)', 'alert tcp any any => any any (%s)', 'alert http any any => any any (%s)', 'alert tcp any any <- any any (%s)', 'alert tcp any any >> any any (%s)', 'alert tcp any any any any (%s)', 'alert tcp any -> any any (%s)', 'alert tcp any any -> any (%s)', 'tcp any any -> any any (%s)', 'alert tcp any any -> any any %s', 'alert tcp any any -> any any (%s', 'alert tcp any any -> any any %s)', 'alert tcp any any -> any any ( %s )', 'alert tcp any any -> any any(%s)', 'alert tcp any any -> any any (%s) x',
]
ADDRESSES = ['any', '!any', '1.2.3.4', '!1.2.3.4', '1.2.3.0/24', '1.2.3.4/33', '1.2.3.4/32', '1.2.3.4/0', '0.0.0.0/0', '!0.0.0.0/0', '1.2.3.4-1.2.3.9', '1.2.3.9-1.2.3.4', '[1.2.3.4,5.6.7.8]', '[1.2.3.4, 5.6.7.8]', '[1.2.3.4,!1.2.3.4]', '[1.2.3.0/24,!1.2.3.4]', '![1.2.3.4,5.6.7.8]', '[!1.2.3.4]', '[!1.2.3.4,!5.6.7.8]', '[[1.2.3.4,5.6.7.8],9.9.9.9]', '[1.2.3.0/24,![1.2.3.4,1.2.3.5]]', '[]', '[1.2.3.4', '1.2.3.4]', '1.2.3', '1.2.3.256', '::1', '2001:db8::/32', '[2001:db8::1,1.2.3.4]', '2001:db8::1-2001:db8::9', '2001:db8::/129', '!::/0', '$HOME_NET', '!$HOME_NET', '[$HOME_NET,1.2.3.4]', '[$HOME_NET,!1.2.3.4]', '$NOSUCH', '$', 'example.com', '1.2.3.4/255.255.255.0', '1.2.3.4/255.0.255.0', '[any]', '[1.2.3.4,any]', '[any,!1.2.3.4]', '[1.2.3.4;5.6.7.8]', '1.2.3.4,5.6.7.8', '!!1.2.3.4', '![!1.2.3.4]', '[1.2.3.4,,5.6.7.8]', '[,1.2.3.4]', '[1.2.3.4,]', '![any]', '[0.0.0.0/0,::/0]', '[::/0,!::1]', '[1.0.0.0/8,!1.0.0.0/8]', '255.255.255.255', '1.2.3.4 /24', '::ffff:1.2.3.4', 'fe80::1%eth0', '$HTTP_SERVERS', '[!$HOME_NET]', '[1.2.3.4-1.2.3.8,!1.2.3.5]', '1.2.3.4/', '/24', '*']
PORTS = ['any', '!any', '80', '!80', '0', '65535', '65536', '-1', '80:90', '90:80', ':80', '80:', '!80:90', '!:80', '!80:', ':', '[80,81]', '[80, 81]', '[80:90,!85]', '![80,81]', '[!80]', '[!80,!81]', '[80,!80]', '[[80,81],82]', '[80:90,![85,86]]', '[]', '[80', '80]', 'x', '$HTTP_PORTS', '!$HTTP_PORTS', '[$HTTP_PORTS,8080]', '$NOSUCH', '80,81', '[any]', '[80,any]', '[any,!80]', '0:65535', '!0:65535', '[0:65535,!80]', '80:80', '[80,,81]', '[,80]', '[80,]', '!!80', '![!80]', '[1:80,81:65535]', 'http', '80-90', '[1:1024,!2:3,!5]', '[!1:1024]', '!0', '0:0', '080', '8 0', '80 :90', '[!80,90]', '[:1024,2000:]', '*']

HOOKS = ['http1:request_line', 'http1:request_started', 'http1:request_headers', 'http1:request_body', 'http1:request_trailer', 'http1:request_complete', 'http1:response_started', 'http1:response_line', 'http1:response_headers', 'http1:response_complete', 'http1:nosuch', 'http:request_line', 'tls:client_hello_done', 'tls:client_in_progress', 'tls:server_hello_done', 'tls:client_cert_done', 'tls:server_handshake_done', 'tls:server_cert_done', 'dns:request_complete', 'dns:response_complete', 'dns:request_started', 'ssh:request_started', 'ssh:request_banner_done', 'ssh:response_banner_wait_eol', 'tcp:flow_start', 'udp:flow_start', 'ip:all', 'tcp:all', 'tcp:pre_flow', 'tcp:pre_stream', 'tcp:nosuch', 'ssh:nosuch', 'smtp:request_started', 'quic:request_started', 'tls:', ':x', 'http1:request_line:x', 'icmp:all', 'pgsql:request_complete', 'dcerpc:request_complete', 'nosuch:x', 'tls:client_finished', 'sip:request_complete']


def needs_content(text):
    return text


def is_buffer(features):
    return 'sticky buffer' in features


def protocol_heads(name):
    """Rule heads of the protocol in the keyword's name, beside the general ones."""
    prefix = name.split('.')[0].split('_')[0]
    alias = {'ja3': 'tls', 'ja3s': 'tls', 'ja4': 'tls', 'email': 'smtp', 'sdp': 'sip', 'krb5': 'krb5', 'file': 'http', 'nfs': 'nfs'}
    return alias.get(prefix, prefix)


def rules(keywords, small=False):
    """Rule texts with %d where the sid goes."""
    buffers = [k for k, features in keywords.items() if is_buffer(features)] + ['sip.method', 'sip.uri', 'ftp.command', 'ftp.command_data', 'quic.cyu.hash',
                                                                                  'quic.cyu.string', 'file.data', 'file.magic', 'file.name', 'frame:stream', 'pkt_data']
    known = [b for b in buffers if b.split(':')[0] in keywords]
    number = 0
    for buffer in known:
        for form in BUFFER_FORMS:
            number += 1
            options = form.replace('%s', buffer).replace('%d', str(number))
            yield f'alert tcp any any -> any any (msg:"x"; {options} sid:%d;)' if 'dns' not in buffer else f'alert udp any any -> any any (msg:"x"; {options} sid:%d;)'
        for head, before in HEADS:
            yield f'{head} (msg:"x"; {before} {buffer}; content:"abc"; sid:%d;)'
        yield f'alert {protocol_heads(buffer)} any any -> any any (msg:"x"; {buffer}; content:"abc"; sid:%d;)'
    integers = HEADER_INTEGERS + [k for k, features in keywords.items() if k not in HEADER_INTEGERS and not is_buffer(features) and '.' in k and 'transform' not in features]
    for keyword in integers:
        if keyword not in keywords:
            continue
        lead = 'http.uri; ' if keyword == 'bsize' else ''
        for form in INTEGER_FORMS:
            yield f'alert ip any any -> any any (msg:"x"; {lead}{keyword}:{form}; sid:%d;)'
        yield f'alert tcp any any -> any any (msg:"x"; {keyword}:1; content:"abc"; sid:%d;)'
        yield f'alert tcp any any -> any any (msg:"x"; {keyword}:1; http.uri; content:"abc"; sid:%d;)'
        yield f'alert udp any any -> any any (msg:"x"; {keyword}:1; {keyword}:2; sid:%d;)'
        yield f'alert tcp any any -> any any (msg:"x"; {keyword}:1; flow:to_client; sid:%d;)'
        yield f'alert tcp any any -> any any (msg:"x"; {keyword}:1; flow:to_server; sid:%d;)'
        yield f'alert ip any any -> any any (msg:"x"; {keyword}:1; prefilter; sid:%d;)'
        yield f'alert ip any any -> any any (msg:"x"; {keyword}; sid:%d;)'
    for keyword in keywords:
        yield f'alert tcp any any -> any any (msg:"x"; {keyword}; sid:%d;)'
        yield f'alert ip any any -> any any (msg:"x"; {keyword}:abc; sid:%d;)'
        yield f'alert ip any any -> any any (msg:"x"; {keyword}:"abc"; sid:%d;)'
        yield f'alert ip any any -> any any (msg:"x"; {keyword}:; sid:%d;)'
        yield f'alert ip any any -> any any (msg:"x"; {keyword}:!"abc"; sid:%d;)'
        yield f'alert tcp any any -> any any (msg:"x"; content:"abc"; {keyword.upper()}; sid:%d;)'
    for forms in SPECIAL.values():
        for form in forms:
            for head in ('alert tcp', 'alert udp', 'alert ip', 'alert http', 'config dns' if form.startswith('config') else 'drop dns'):
                yield f'{head} any any -> any any (msg:"x"; {form.replace("%d", "7")} sid:%d;)'
    for header in HEADERS:
        for options in ('msg:"x"; sid:%d;', 'msg:"x"; content:"abc"; sid:%d;', 'msg:"x"; http.uri; content:"abc"; sid:%d;', 'msg:"x"; flow:established; sid:%d;'):
            yield header % options
    for address in ADDRESSES:
        yield f'alert tcp {address} any -> any any (msg:"x"; sid:%d;)'
        yield f'alert tcp any any -> {address} any (msg:"x"; content:"a"; sid:%d;)'
    for port in PORTS:
        yield f'alert tcp any {port} -> any any (msg:"x"; sid:%d;)'
        yield f'alert udp any any -> any {port} (msg:"x"; content:"a"; sid:%d;)'
        yield f'alert icmp any {port} -> any any (msg:"x"; sid:%d;)'
        yield f'alert ip any {port} -> any any (msg:"x"; sid:%d;)'
    for hook in HOOKS:
        for options in ('', 'content:"a"; ', 'http.uri; content:"a"; ', 'tls.sni; content:"a"; ', 'flow:to_server; ', 'flow:to_client; ', 'dns.query; content:"a"; ', 'http.stat_code; content:"a"; '):
            yield f'alert {hook} any any -> any any (msg:"x"; {options}sid:%d;)'


MIXED_HEADS = ['alert ip any any -> any any', 'alert tcp any any -> any any', 'alert tcp any any -> any any', 'alert udp any any -> any any', 'alert http any any -> any any', 'alert tls any any -> any any',
               'alert dns any any -> any any', 'alert smb any any -> any any', 'alert smtp any any -> any any', 'alert http any any => any any', 'drop tcp any any -> any 80', 'pass http1 any any -> any any',
               'alert tcp-pkt any any -> any any', 'alert tcp-stream any any -> any any', 'alert http1:request_line any any -> any any', 'alert http1:response_headers any any -> any any',
               'alert tls:client_hello_done any any -> any any', 'alert icmp any any -> any any', 'alert http2 any any -> any any', 'reject ftp any any -> any any']


def parts(keywords):
    """The options of single rules that are worth being joined with others."""
    found = []
    for name, features in keywords.items():
        if is_buffer(features):
            found += [form.replace('%s', name).replace('%d', '7') for form in BUFFER_FORMS if 'dataset' not in form]
        elif '.' in name and 'transform' not in features:
            found += [f'{name}:{form};' for form in ('1', '>1', '1-5', '!1', '1,any')]
    for name in HEADER_INTEGERS:
        found += [f'{name}:{form};' for form in ('1', '>1', '1-5', '!1')]
    for name, forms in SPECIAL.items():
        # A set's number of values is common to all rules that name it.
        found += [form for form in forms if name != 'dataset' and not form.startswith(('sid', 'rev', 'gid', 'msg'))]
    return found


def mixed(accepted, count, seed):
    """Rules of two to four parts that are accepted alone, each from its number."""
    draw = random.Random(seed)
    groups = collections.defaultdict(list)
    for part in accepted:
        groups[part.split(';')[0].split(':')[0]].append(part)
    names = sorted(groups)
    for _ in range(count):
        chosen = [draw.choice(groups[draw.choice(names)]) for _ in range(draw.choice((2, 2, 2, 3, 4)))]
        yield f'{draw.choice(MIXED_HEADS)} (msg:"x"; {" ".join(chosen)} sid:%d;)'
