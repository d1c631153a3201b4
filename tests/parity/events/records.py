"""Conversations that fill the fields of EVE records: all kinds of DNS data, all operations of LDAP, all packets of MQTT and so on. RECORDS has, by case, (datagrams?, port, Talk)."""
import struct

from .wire import C, S, Talk

H = struct.pack


# DNS, mDNS, LLMNR (RFC 1035, 2782, 4255, 6891)

def name(text):
    return b''.join(bytes([len(label)]) + label.encode() for label in text.split('.') if label) + b'\0'


def question(owner, kind=1, group=1):
    return name(owner) + H('>HH', kind, group)


def resource(owner, kind, data, ttl=60, group=1):
    return (name(owner) if isinstance(owner, str) else owner) + H('>HHIH', kind, group, ttl, len(data)) + data


def message(number, flags, questions, answers=(), authorities=(), additionals=()):
    counts = H('>HHHHHH', number, flags, len(questions), len(answers), len(authorities), len(additionals))
    return counts + b''.join([*questions, *answers, *authorities, *additionals])


SOA = name('ns.a.test') + name('host.a.test') + H('>IIIII', 2024, 3600, 600, 86400, 300)
OPTIONS = resource(b'\0', 41, H('>HH', 10, 8) + b'cookie12' + H('>HH', 3, 0), 0, 1232)
KINDS = [
    resource('a.test', 1, b'\1\2\3\4'), resource('a.test', 28, bytes(15) + b'\1'), resource('a.test', 5, name('c.a.test')), resource('a.test', 15, b'\0\x0a' + name('mx.a.test')),
    resource('a.test', 2, name('ns.a.test')), resource('a.test', 10, b'null'), resource('a.test', 12, name('p.a.test')), resource('a.test', 6, SOA),
    resource('a.test', 33, H('>HHH', 1, 2, 443) + name('srv.a.test')), resource('a.test', 44, b'\1\2' + b'F' * 20), resource('a.test', 16, b'\3one\4two2'), resource('a.test', 99, b'\1z'),
    resource('a.test', 257, b'\0\5issueca.test'), resource('a.test', 65, b'\0\1\0\0\1\0\3\2h2'), resource('a.test', 43, b'\0\1\5\2' + b'D' * 32), resource('a.test', 13, b'\3cpu\2os'),
]
LONG = '.'.join(['x' * 63] * 20)


def dns(multicast=False):
    ask = 0 if multicast else 0x100
    return [
        C(message(1, ask, [question('a.test', 255)])), S(message(1, 0x8180, [question('a.test', 255)], KINDS)),
        C(message(2, ask, [question('b.test', 6)], (), (), (OPTIONS,))),
        S(message(2, 0x8183, [question('b.test', 6)], (), [resource('b.test', 6, SOA), resource('b.test', 2, name('ns.b.test'))], [OPTIONS, *KINDS])),
        C(message(3, ask, [question(LONG)])),
        S(message(3, 0x8180, [question(LONG)], [resource(LONG, 1, b'\1\1\1\1'), resource('a', 6, name(LONG) + name('h') + H('>IIIII', 1, 2, 3, 4, 5))], [], [resource(LONG, 12, name(LONG))])),
        C(message(4, 0, [question('m.test', 1), question('n.test', 28)])), S(message(4, 0x8000, [question('m.test', 1), question('n.test', 28)], KINDS[:3])),
        C(message(5, 0 if multicast else 0x2800, [question('a.test', 6)], (), [resource('x.a.test', 1, b'\1\1\1\1')])), S(message(5, 0xa800, [question('a.test', 6)])),
        S(message(6, 0x8580, [], [resource('b.test', 1, b'\1\1\1\1', 120, 0x8001)])),
        C(message(7, 0x0210, [question('e.test', 1, 3)])), S(message(7, 0x8785, [question('e.test', 1, 3)])),
    ]


def over_tcp(said):
    return [type(turn)(H('>H', len(turn)) + turn) for turn in said]


# LDAP (RFC 4511)

def element(tag, content):
    return bytes([tag]) + (bytes([len(content)]) if len(content) < 128 else b'\x82' + H('>H', len(content))) + content


def text(content):
    return element(4, content.encode())


def number(value, tag=2):
    return element(tag, bytes([value]))


def envelope(identity, operation):
    return element(0x30, number(identity) + operation)


def result(tag, code, owner='', said='', rest=b''):
    return element(tag, number(code, 10) + text(owner) + text(said) + rest)


SEARCH = element(0x63, text('dc=t') + number(2, 10) + number(0, 10) + number(10) + number(5) + element(1, b'\0')
                 + element(0xa0, element(0xa3, text('a') + text('b')) + element(0x87, b'c')) + element(0x30, text('cn') + text('sn')))
FOUND = (envelope(7, element(0x64, text('cn=1,dc=t') + element(0x30, element(0x30, text('cn') + element(0x31, text('1'))))))
         + envelope(7, element(0x73, text('ldap://x/') + text('ldap://y/'))) + envelope(7, element(0x79, element(0x80, b'1.2.3') + element(0x81, b'iv')))
         + envelope(7, result(0x65, 4, '', 'size')))


def ldap():
    attribute = element(0x30, element(0x30, text('objectClass') + element(0x31, text('person') + text('top'))) + element(0x30, text('sn') + element(0x31, text('x'))))
    changes = element(0x30, element(0x30, number(0, 10) + element(0x30, text('a') + element(0x31, text('v1') + text('v2')))) + element(0x30, number(1, 10) + element(0x30, text('b') + element(0x31, b''))))
    return [
        C(envelope(1, element(0x60, number(3) + text('cn=a') + element(0x80, b'secret')))), S(envelope(1, result(0x61, 0))),
        C(envelope(2, element(0x68, text('cn=new,dc=t') + attribute))), S(envelope(2, result(0x69, 68, 'dc=t', 'exists'))),
        C(envelope(3, element(0x4a, b'cn=old,dc=t'))), S(envelope(3, result(0x6b, 32, 'dc=t', 'none'))),
        C(envelope(4, element(0x6c, text('cn=old,dc=t') + text('cn=new') + element(1, b'\xff') + element(0x80, b'dc=sup')))), S(envelope(4, result(0x6d, 0, '', 'done'))),
        C(envelope(5, element(0x6c, text('cn=old,dc=t') + text('cn=new') + element(1, b'\0')))), S(envelope(5, result(0x6d, 50, 'cn=m', 'no'))),
        C(envelope(6, element(0x77, element(0x80, b'1.3.6.1.4.1.4203.1.11.3') + element(0x81, b'val')))),
        S(envelope(6, result(0x78, 0, '', '', element(0x8a, b'1.3.6') + element(0x8b, b'dn:cn=a')))),
        C(envelope(7, SEARCH)), S(FOUND),
        C(envelope(8, element(0x66, text('cn=1') + changes))), S(envelope(8, result(0x67, 0))),
        C(envelope(9, element(0x6e, text('cn=1') + element(0x30, text('sn') + text('x'))))), S(envelope(9, result(0x6f, 6, 'm', 't'))),
        C(envelope(10, element(0x60, number(3) + text('') + element(0xa3, text('GSSAPI') + text('cred'))))), S(envelope(10, result(0x61, 14, '', 'more', element(0x87, b'srvcred')))),
        C(envelope(11, element(0x50, b'\7'))), C(envelope(12, element(0x42, b''))), S(envelope(0, result(0x78, 52, '', 'bye', element(0x8a, b'1.3.6.1.4.1.1466.20036')))),
    ]


# MQTT 3.1, 3.1.1 and 5

def packet(kind, body=b''):
    length, rest = b'', len(body)
    while True:
        length += bytes([rest % 128 | (128 if rest > 127 else 0)])
        rest //= 128
        if rest == 0:
            return bytes([kind]) + length + body


def sized(content):
    return H('>H', len(content)) + content


def properties(content=b''):
    return bytes([len(content)]) + content


def mqtt5():
    why, pair = b'\x1f' + sized(b'why'), b'\x26' + sized(b'k') + sized(b'v')
    will = properties(b'\x18\0\0\0\5\3' + sized(b'text') + b'\1\1') + sized(b'will/t') + sized(b'gone')
    return [
        C(packet(0x10, sized(b'MQTT') + b'\5\xee\0\x3c' + properties(b'\x11\0\0\0\x0a' + pair + b'\x27\0\0\1\0\x21\0\x14') + sized(b'cid') + will + sized(b'user') + sized(b'pw'))),
        S(packet(0x20, b'\1\0' + properties(b'\x12' + sized(b'assigned') + b'\x13\0\x3c\x24\1\x25\1\x28\1\x29\1\x2a\1' + why))),
        C(packet(0x82, b'\0\1' + properties(b'\x0b\5') + sized(b'a/#') + b'\1' + sized(b'b/+') + b'\2')), S(packet(0x90, b'\0\1' + properties(why) + b'\1\x80')),
        C(packet(0x3d, sized(b'a/b') + b'\0\2' + properties(b'\1\1\2\0\0\0\5\x23\0\3\x08' + sized(b'resp') + b'\x09' + sized(b'corr') + b'\3' + sized(b'ct')) + b'payload' * 4)),
        S(packet(0x50, b'\0\2\x10' + properties(why))), C(packet(0x62, b'\0\2\x92' + properties())), S(packet(0x70, b'\0\2\x92' + properties(pair))),
        C(packet(0x32, sized(b'q1') + b'\0\3\0hello')), S(packet(0x40, b'\0\3')), C(packet(0x32, sized(b'q1b') + b'\0\4\0hello')), S(packet(0x40, b'\0\4\x10\0')),
        C(packet(0x30, sized(b'') + properties(b'\x23\0\3') + b'x')), C(packet(0xa2, b'\0\5' + properties(pair) + sized(b'a/#') + sized(b'zz'))), S(packet(0xb0, b'\0\5' + properties(why) + b'\0\x11')),
        C(packet(0xc0)), S(packet(0xd0)), C(packet(0xf0, b'\x18' + properties(b'\x15' + sized(b'SCRAM') + b'\x16' + sized(b'data')))), S(packet(0xf0, b'\0\0')),
        S(packet(0xe0, b'\x8b' + properties(b'\x1f' + sized(b'down') + b'\x1c' + sized(b'other')))),
    ]


def mqtt311():
    return [
        C(packet(0x10, sized(b'MQTT') + b'\4\2\0\x3c' + sized(b'c' * 20))), S(packet(0x20, b'\0\0')), C(packet(0x34, sized(b't' * 15) + b'\0\7' + b'x' * 30)), S(packet(0x50, b'\0\7')),
        C(packet(0x62, b'\0\7')), S(packet(0x70, b'\0\7')), C(packet(0x82, b'\0\1' + sized(b'a') + b'\0')), S(packet(0x90, b'\0\1\x80')), C(packet(0xa2, b'\0\2' + sized(b'a'))),
        S(packet(0xb0, b'\0\2')), C(packet(0xe0)),
    ]


def mqtt31():
    return [C(packet(0x10, sized(b'MQIsdp') + b'\3\xc6\0\x3c' + b''.join(sized(x) for x in (b'cid', b'w', b'm', b'u', b'p')))), S(packet(0x20, b'\0\5')), C(packet(0xe0))]


# PostgreSQL 3.0

def tagged(kind, body=b''):
    return kind + H('>I', len(body) + 4) + body


def startup(*words):
    body = H('>I', 0x30000) + b''.join(word.encode() + b'\0' for word in words) + b'\0'
    return H('>I', len(body) + 4) + body


READY, COPY_FORMAT = tagged(b'Z', b'I'), b'\0' + H('>HHH', 2, 0, 0)


def pgsql():
    told = [('server_version', '15'), ('client_encoding', 'UTF8'), ('DateStyle', 'ISO'), ('TimeZone', 'UTC'), ('is_superuser', 'on')]
    row = tagged(b'D', H('>HI', 1, 1) + b'1')
    return [
        C(H('>II', 8, 80877103)), S(b'N'),
        C(startup('user', 'bob', 'database', 'db', 'datestyle', 'ISO', 'extra_float_digits', '2', 'options', '-c x=1', 'client_encoding', 'UTF8', 'application_name', 'psql', 'replication', 'true')),
        S(tagged(b'R', H('>I', 5) + b'salt')), C(tagged(b'p', b'md5abc\0')),
        S(tagged(b'R', H('>I', 0)) + b''.join(tagged(b'S', f'{a}\0{b}\0'.encode()) for a, b in told) + tagged(b'K', H('>II', 77, 88)) + READY),
        C(tagged(b'Q', b'copy t from stdin\0')), S(tagged(b'G', COPY_FORMAT)), C(tagged(b'd', b'1\t2\n') + tagged(b'd', b'3\t4\n')), C(tagged(b'c')), S(tagged(b'C', b'COPY 2\0') + READY),
        C(tagged(b'Q', b'copy t from stdin\0')), S(tagged(b'G', COPY_FORMAT)), C(tagged(b'd', b'1\t2\n')), C(tagged(b'f', b'stop\0')),
        S(tagged(b'E', b'SERROR\0VERROR\0C57014\0Mcopy failed\0Fcopy.c\0L1\0Rx\0\0') + READY),
        C(tagged(b'Q', b'copy t to stdout\0')), S(tagged(b'H', COPY_FORMAT) + tagged(b'd', b'1\t2\n') + tagged(b'd', b'3\t4\n') + tagged(b'c') + tagged(b'C', b'COPY 2\0') + READY),
        C(tagged(b'Q', b'select 1\0')), S(tagged(b'T', H('>H', 1) + b'c\0' + H('>IHIHIH', 0, 0, 23, 4, 0xffffffff, 0)) + row + row + tagged(b'C', b'SELECT 2\0') + tagged(b'Z', b'T')),
        C(tagged(b'X')),
    ]


def pgsql_scram():
    return [
        C(startup('user', 'bob')), S(tagged(b'R', H('>I', 10) + b'SCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0\0')), C(tagged(b'p', b'SCRAM-SHA-256\0' + H('>I', 8) + b'n,,n=,r=')),
        S(tagged(b'R', H('>I', 11) + b'r=abc')), C(tagged(b'p', b'c=biws,r=abc,p=x')), S(tagged(b'R', H('>I', 12) + b'v=zz') + tagged(b'R', H('>I', 0)) + READY),
    ]


def pgsql_refused():
    return [C(startup('user', 'bob')), S(tagged(b'R', H('>I', 3))), C(tagged(b'p', b'hunter2\0')), S(tagged(b'E', b'SFATAL\0C28P01\0Mbad password\0\0'))]


# DCE/RPC (C706) over UDP and TCP

INTERFACE = H('<IHH', 0xe3514235, 0x4b06, 0x11d1) + b'\xab\4\0\xc0\x4f\xc2\xdc\xd2'
SYNTAX = b'\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\x00\x2b\x10\x48\x60'


def datagram(kind, sequence, stub, flags=0x20, fragment=0, operation=3):
    return (b'\4' + bytes([kind, flags, 0]) + b'\x10\0\0\0' + b'O' * 16 + INTERFACE + b'A' * 16 + H('<IIIHHHHH', 0, 1, sequence, operation, 0xffff, 0xffff, len(stub), fragment) + b'\0\0' + stub)


def dcerpc_datagrams():
    return [
        C(datagram(0, 0, b'stubdata')), S(datagram(2, 0, b'answer')), C(datagram(0, 1, b'frag1', 0x04)), C(datagram(0, 1, b'frag2', 0x06, 1)), S(datagram(2, 1, b'a2')), C(datagram(4, 2, b'')),
        S(datagram(3, 2, H('<I', 0x1c010003))),
    ]


def connected(kind, call, body, flags=3):
    return b'\5\0' + bytes([kind, flags]) + b'\x10\0\0\0' + H('<HHI', 16 + len(body), 0, call) + body


def dcerpc():
    bind = H('<HHI', 4280, 4280, 0) + b'\2\0\0\0' + b'\0\0\1\0' + INTERFACE + H('<HH', 1, 0) + SYNTAX + H('<I', 2) + b'\1\0\1\0' + b'\1' * 16 + H('<HH', 2, 1) + SYNTAX + H('<I', 2)
    bound = H('<HHI', 4280, 4280, 7) + H('<H', 4) + b'135\0\0\0\2\0\0\0' + H('<HH', 0, 0) + SYNTAX + H('<I', 2) + H('<HH', 2, 1) + bytes(20)
    return [
        C(connected(11, 1, bind)), S(connected(12, 1, bound)), C(connected(0, 2, H('<IHH', 5, 0, 7) + b'stub!')), S(connected(2, 2, H('<IHBB', 4, 0, 0, 0) + b'resp')),
        C(connected(14, 3, bind)), S(connected(15, 3, bound)), C(connected(0, 4, H('<IHH', 5, 1, 9) + b'x' * 5)), S(connected(3, 4, H('<IHBBII', 4, 0, 0, 0, 0x1c010003, 0))),
        C(connected(16, 5, b'auth3pad')),
    ]


# DNP3 (IEEE 1815)

def link_check(data):
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xa6bc if value & 1 else value >> 1
    return H('<H', value ^ 0xffff)


def link(control, target, source, data):
    head = b'\x05\x64' + bytes([5 + len(data), control]) + H('<HH', target, source)
    blocks = [data[i:i + 16] for i in range(0, len(data), 16)]
    return head + link_check(head) + b''.join(block + link_check(block) for block in blocks)


def dnp3():
    ask, tell, operate = 0xc4, 0x44, b'\x0c\1\x28\1\0\1\0\x41\1\x64\0\0\0\x25\0\0\0\0'
    return [
        C(link(ask, 10, 1, b'\xc0\xc0\x01\x3c\2\6\x3c\3\6\x3c\4\6')), S(link(tell, 1, 10, b'\xc0\xe0\x81\x90\x00\x01\2\0\0\3\1\1\x81\1\x1e\1\0\0\1\1\x2a\0\0\0\1\2\0\0\0')), C(link(ask, 10, 1, b'\xc1\xc0\0')),
        S(link(tell, 1, 10, b'\xc1\xf1\x82\0\0\x02\1\x17\2\0\1\1\1\x81')), C(link(ask, 10, 1, b'\xc2\xc2\x03' + operate)), S(link(tell, 1, 10, b'\xc2\xc2\x81\0\0' + operate)),
    ]


# RFB (RFC 6143)

def rfb_refused(version):
    told = H('>I', 6) + b'denied'
    return [S(b'RFB 003.00%d\n' % version), C(b'RFB 003.00%d\n' % version), S((b'\0' if version > 6 else H('>I', 0)) + told)]


def rfb():
    screen = H('>HHBBBBHHHBBB', 800, 600, 32, 24, 1, 1, 255, 254, 253, 16, 8, 0) + bytes(3) + H('>I', 4) + b'desk'
    return [S(b'RFB 003.007\n'), C(b'RFB 003.007\n'), S(b'\2\1\2'), C(b'\1'), C(b'\0'), S(screen), C(b'\0\0\0\0' + bytes(16))]


def rfb_wrong():
    return [S(b'RFB 003.008\n'), C(b'RFB 003.008\n'), S(b'\1\2'), C(b'\2'), S(b'C' * 16), C(b'R' * 16), S(H('>II', 1, 5) + b'wrong')]


# SIP with SDP (RFC 3261, 4566)

SDP = ('v=0\r\no=bob 1 2 IN IP4 10.0.0.1\r\ns=call\r\ni=info\r\nu=http://x/\r\ne=a@b\r\np=+1 2\r\nc=IN IP4 10.0.0.1\r\nb=AS:128\r\nt=0 0\r\na=tool:x\r\n'
       'm=audio 5004/2 RTP/AVP 0 8\r\ni=title\r\nc=IN IP4 10.0.0.3\r\nb=CT:1\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\nm=video 5006 RTP/AVP 31\r\n')


def sip_message(line, body='', extra=''):
    return (f'{line}\r\nVia: SIP/2.0/UDP 10.0.0.1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: 1@x\r\nCSeq: 1 INVITE\r\nContact: <sip:a@10.0.0.1>\r\nUser-Agent: ua\r\n{extra}'
            f'Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}').encode()


def sip():
    return [
        C(sip_message('INVITE sip:b@x SIP/2.0', SDP)), S(sip_message('SIP/2.0 100 Trying')), S(sip_message('SIP/2.0 200 OK', SDP)), C(sip_message('ACK sip:b@x SIP/2.0')),
        C(sip_message('BYE sip:b@x SIP/2.0')), S(sip_message('SIP/2.0 481 No such call')), C(sip_message('REGISTER sip:x SIP/2.0', '', 'Authorization: Digest username="a"\r\n')),
        S(sip_message('SIP/2.0 401 Unauthorized')),
    ]


# BitTorrent DHT (BEP 5, 32)

def bittorrent_dht():
    near, near6 = b'N' * 20 + b'\1\2\3\4\x1a\xe1', b'M' * 20 + bytes(15) + b'\1\x1a\xe1'
    asks, tells = b'd1:ad2:id20:' + b'i' * 20, b'd1:rd2:id20:' + b'j' * 20
    return [
        C(asks + b'e1:q4:ping1:t2:aa1:v4:UT\0\1' + b'1:y1:qe'), S(tells + b'e1:t2:aa1:y1:re'),
        C(asks + b'6:target20:' + b't' * 20 + b'e1:q9:find_node1:t2:ab1:y1:qe'), S(tells + b'5:nodes52:' + near * 2 + b'6:nodes638:' + near6 + b'e1:t2:ab1:y1:re'),
        C(asks + b'9:info_hash20:' + b'h' * 20 + b'e1:q9:get_peers1:t2:ac1:y1:qe'), S(tells + b'5:token4:tok16:valuesl6:\1\2\3\4\x1a\xe16:\5\6\7\x08\x1a\xe2ee1:t2:ac1:y1:re'),
        C(asks + b'12:implied_porti1e9:info_hash20:' + b'h' * 20 + b'4:porti6881e5:token4:tok1e1:q13:announce_peer1:t2:ad1:y1:qe'), S(b'd1:eli203e14:Protocol Errore1:t2:ad1:y1:ee'),
    ]


# EtherNet/IP and CIP

def encapsulated(command, data, session=1):
    return H('<HHII', command, len(data), session, 0) + b'ctxctxct' + H('<I', 0) + data


def unconnected(service):
    return encapsulated(0x6f, H('<IHHHHHH', 0, 5, 2, 0, 0, 0xb2, len(service)) + service)


def enip():
    identity = H('<HHHH', 1, 0xc, 0x33, 1) + H('>HHI', 2, 44818, 0x0a000002) + bytes(8) + H('<HHHBBHI', 1, 14, 54, 20, 11, 0x60, 0x1234) + b'\4name\3'
    return [
        C(encapsulated(4, b'')), S(encapsulated(4, H('<HHHHH', 1, 0x100, 20, 1, 0x120) + b'Communications\0\0')), C(encapsulated(0x63, b'')), S(encapsulated(0x63, identity)),
        C(encapsulated(0x65, H('<HH', 1, 0), 0)), S(encapsulated(0x65, H('<HH', 1, 0))), C(unconnected(b'\x0e\3\x20\1\x24\1\x30\7')), S(unconnected(b'\x8e\0\0\0\4name')),
        C(unconnected(b'\x0a\2\x20\2\x24\1\2\0\6\0\x0e\0\x0e\3\x20\1\x24\1\x30\1\x4c\2\x20\x6b\x24\5')), S(unconnected(b'\x8a\0\0\0\2\0\6\0\x0a\0\x8e\0\0\0\xcc\0\x05\1\x07\x21')),
        C(unconnected(b'\x10\4\x21\0\x6b\0\x25\0\5\0\1')), S(unconnected(b'\x90\0\1\1\x07\x01')),
    ]


RECORDS = {
    'bittorrent-dht': [(True, 6881, bittorrent_dht())],
    'dcerpc': [(True, 135, dcerpc_datagrams()), (False, 135, dcerpc())],
    'dnp3': [(False, 20000, dnp3())],
    'dns': [(True, 53, dns()), (False, 53, over_tcp(dns()))],
    'enip': [(False, 44818, enip())],
    'ldap': [(False, 389, ldap()), (True, 389, [C(envelope(7, SEARCH)), S(FOUND)])],
    'mdns': [(True, 5353, dns(multicast=True))],
    'mqtt': [(False, 1883, mqtt5()), (False, 1883, mqtt311()), (False, 1883, mqtt31())],
    'pgsql': [(False, 5432, pgsql()), (False, 5432, pgsql_scram()), (False, 5432, pgsql_refused())],
    'rfb': [(False, 5900, rfb()), (False, 5900, rfb_refused(8)), (False, 5900, rfb_refused(3)), (False, 5900, rfb_wrong())],
    'sip': [(True, 5060, sip()), (False, 5060, sip())],
}
RECORDS = {case: [(datagrams, port, Talk(case, *turns)) for datagrams, port, turns in talks] for case, talks in RECORDS.items()}
