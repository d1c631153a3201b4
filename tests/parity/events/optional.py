"""More conversations that fill the fields of EVE records, most with options that bring fields out. RECORDS as in records.py; OPTIONS has, by case, what stands in outputs and in protocols."""
import base64
import struct

from .infra import call, reply
from .names import PREFACE, SETTINGS, field, frame
from .records import READY, startup, tagged
from .tls import CCS, VALID, certificate, chain, der, extension, handshake, name, record, sni
from .wire import C, S, Talk

H = struct.pack


# DHCP (RFC 2131, 2132)

def option(code, data):
    return bytes([code, len(data)]) + data


def bootp(operation, kind, *options, client=bytes(4), yours=bytes(4), server=bytes(4), relay=bytes(4)):
    head = bytes([operation, 1, 6, 0]) + H('>IHH', 0x3903f326, 0, 0) + client + yours + server + relay + b'\0\x0b\x82\1\xfc\x42' + bytes(10 + 64 + 128)
    return head + b'\x63\x82\x53\x63' + option(53, bytes([kind])) + b''.join(options) + b'\xff'


def dhcp():
    wants, asked = option(55, bytes([1, 3, 6, 12, 15, 28, 42, 51, 58, 59, 119, 121, 252])), option(50, b'\x0a\0\0\x64')
    says = (option(54, b'\x0a\0\0\1'), option(51, H('>I', 3600)), option(58, H('>I', 1800)), option(59, H('>I', 3150)), option(1, b'\xff\xff\xff\0'),
            option(3, b'\x0a\0\0\1\x0a\0\0\2'), option(6, b'\x0a\0\0\3\x0a\0\0\4'))
    who = (option(61, b'\1\0\x0b\x82\1\xfc\x42'), option(12, b'guest'), option(60, b'MSFT 5.0'))
    given = {'yours': b'\x0a\0\0\x64', 'server': b'\x0a\0\0\x09', 'relay': b'\x0a\0\0\x08'}
    return [
        C(bootp(1, 1, *who, wants, asked)), S(bootp(2, 2, *says, **given)), C(bootp(1, 3, *who, asked, wants, option(54, b'\x0a\0\0\1'))), S(bootp(2, 5, *says, **given)),
        C(bootp(1, 8, client=b'\x0a\0\0\x64')), S(bootp(2, 5, *says[4:], client=b'\x0a\0\0\x64')), C(bootp(1, 7, client=b'\x0a\0\0\x64')), S(bootp(2, 6, option(56, b'no'))), C(bootp(1, 4, asked)),
    ]


# TLS (RFC 5246, 8446)

def tls():
    mine, theirs, above = certificate(subject=name(b'client'), serial=der(2, b'\x0a\x0b')), certificate(), certificate(subject=name(b'issuer'), serial=der(2, b'\5'), validity=VALID)
    offered = b''.join([sni(b'a.test'), extension(16, H('>H', 12) + b'\2h2\x08http/1.1'), extension(13, H('>HHHH', 6, 0x0403, 0x0804, 0x0401)), extension(10, H('>HH', 2, 29)),
                        extension(0x0a0a, b''), extension(43, b'\4\3\4\3\3')])
    hello = handshake(1, b'\3\3' + b'r' * 32 + b'\0' + H('>HHHHH', 8, 0x0a0a, 0xc02f, 0x9c, 0x1301) + b'\1\0' + H('>H', len(offered)) + offered)
    chosen = extension(16, H('>H', 3) + b'\2h2') + extension(0xff01, b'\0')
    answer = handshake(2, b'\3\3' + b'q' * 32 + b'\0' + b'\xc0\x2f' + b'\0' + H('>H', len(chosen)) + chosen)
    wants = handshake(13, b'\1\1' + H('>HH', 2, 0x0403) + b'\0\0')
    data = record(23, b'd' * 40)
    return [
        C(record(22, hello)), S(record(22, answer) + record(22, chain(theirs, above)) + record(22, wants) + record(22, handshake(14, b''))),
        C(record(22, chain(mine)) + record(22, handshake(16, b'\x20' + b'x' * 32)) + CCS + record(22, b'e' * 40)), S(CCS + record(22, b'e' * 40)), C(data), S(data),
    ]


def tls13():
    offered = sni(b'b.test') + extension(43, b'\2\3\4') + extension(51, H('>HHH', 36, 29, 32) + b'k' * 32)
    hello = handshake(1, b'\3\3' + b'r' * 32 + b'\x20' + b'i' * 32 + H('>HH', 2, 0x1301) + b'\1\0' + H('>H', len(offered)) + offered)
    chosen = extension(43, b'\3\4') + extension(51, H('>HH', 29, 32) + b'K' * 32)
    return [C(record(22, hello, 0x0301)), S(record(22, handshake(2, b'\3\3' + b'q' * 32 + b'\x20' + b'i' * 32 + b'\x13\1\0' + H('>H', len(chosen)) + chosen)) + CCS + record(23, b'e' * 60)), C(CCS + record(23, b'f' * 60))]


def tls_resumed():
    offered = sni(b'c.test')
    hello = handshake(1, b'\3\3' + b'r' * 32 + b'\x20' + b'i' * 32 + H('>HH', 2, 0x9c) + b'\1\0' + H('>H', len(offered)) + offered)
    return [C(record(22, hello)), S(record(22, handshake(2, b'\3\3' + b'q' * 32 + b'\x20' + b'i' * 32 + b'\0\x9c\0')) + CCS + record(22, b'e' * 40)), C(CCS + record(22, b'e' * 40)), C(record(23, b'd' * 20))]


# SMTP with all fields of the mail

MAIL = (b'Received: from a by b\r\nReceived: from c by d\r\nFrom: Alice <a@b.test>\r\nTo: Bob <b@c.test>, carol@d.test\r\nCc: dave@e.test\r\nBcc: eve@e.test\r\nReply-To: r@b.test\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n'
        b'Message-ID: <1@b.test>\r\nSubject: hello\r\n there\r\nX-Mailer: pine\r\nUser-Agent: ua\r\nImportance: high\r\nX-Originating-IP: 10.0.0.9\r\nIn-Reply-To: <0@b.test>\r\nReferences: <0@b.test>\r\n'
        b'Sensitivity: private\r\nOrganization: org\r\nContent-MD5: xx\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="XX"\r\n\r\n--XX\r\nContent-Type: text/plain\r\n\r\n'
        b'see http://evil.test/a?b=1 and https://other.test/\r\n--XX\r\nContent-Type: application/octet-stream; name="f.bin"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="f.bin"\r\n\r\n'
        + base64.encodebytes(bytes(range(200))).replace(b'\n', b'\r\n') + b'--XX--\r\n.\r\n')


def smtp():
    return [
        S(b'220 mail.test ESMTP\r\n'), C(b'EHLO c.test\r\n'), S(b'250 mail.test\r\n'), C(b'MAIL FROM:<a@b.test>\r\n'), S(b'250 ok\r\n'), C(b'RCPT TO:<b@c.test>\r\n'), S(b'250 ok\r\n'), C(b'RCPT TO:<carol@d.test>\r\n'),
        S(b'250 ok\r\n'), C(b'DATA\r\n'), S(b'354 go\r\n'), C(MAIL), S(b'250 ok\r\n'), C(b'QUIT\r\n'), S(b'221 bye\r\n'),
    ]


# POP3

def pop3():
    return [
        S(b'+OK ready <1.2@a.test>\r\n'), C(b'CAPA\r\n'), S(b'+OK list\r\nUSER\r\nUIDL\r\n.\r\n'), C(b'USER bob\r\n'), S(b'+OK\r\n'), C(b'PASS wrong\r\n'), S(b'-ERR no\r\n'), C(b'APOP bob c4c9334bac560ecc979e58001b3e22fb\r\n'),
        S(b'+OK welcome\r\n'), C(b'STAT\r\n'), S(b'+OK 2 320\r\n'), C(b'LIST\r\n'), S(b'+OK 2\r\n1 120\r\n2 200\r\n.\r\n'), C(b'TOP 1 3\r\n'), S(b'+OK\r\nSubject: x\r\n\r\n..dot\r\n.\r\n'), C(b'RETR 1\r\n'),
        S(b'+OK 120\r\nFrom: a\r\n\r\nbody\r\n.\r\n'), C(b'DELE 1\r\n'), S(b'+OK\r\n'), C(b'UIDL 2\r\n'), S(b'+OK 2 abc\r\n'), C(b'QUIT\r\n'), S(b'+OK bye\r\n'),
    ]


# FTP

def ftp():
    return [
        S(b'220-hello\r\n220 ready\r\n'), C(b'USER anonymous\r\n'), S(b'331 password\r\n'), C(b'PASS a@b\r\n'), S(b'230-one\r\n230-two\r\n230 in\r\n'), C(b'SITE ' + b'x' * 5000 + b'\r\n'), S(b'200 ' + b'y' * 5000 + b'\r\n'),
        C(b'EPSV\r\n'), S(b'229 Entering Extended Passive Mode (|||40001|)\r\n'), C(b'PASV\r\n'), S(b'227 Entering Passive Mode (10,0,0,2,156,66)\r\n'), C(b'PORT 10,0,0,1,156,67\r\n'), S(b'200 ok\r\n'),
        C(b'EPRT |1|10.0.0.1|40004|\r\n'), S(b'200 ok\r\n'), C(b'FEAT\r\n'), S(b'211-Features:\r\n MDTM\r\n SIZE\r\n211 End\r\n'), C(b'NOOP\r\n'), S(b'500 unknown\r\n'), C(b'QUIT\r\n'), S(b'221 bye\r\n'),
    ]


# HTTP/1 with all headers

def http():
    asks = (b'Host: a.test:8080\r\nUser-Agent: ua/1\r\nReferer: http://r.test/\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nAccept-Language: de\r\nCookie: k=v\r\nOrigin: http://o.test\r\nRange: bytes=0-3\r\nVia: 1.1 p\r\n'
            b'X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Requested-With: XMLHttpRequest\r\nDNT: 1\r\nAuthorization: Basic dTpw\r\nX-Own: one\r\nX-Own: two\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody')
    says = (b'Server: s/1\r\nContent-Type: text/html; charset=utf-8\r\nContent-Range: bytes 0-3/10\r\nContent-Length: 4\r\nLast-Modified: x\r\nETag: "1"\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nLocation: http://l.test/\r\nVary: *\r\n'
            b'Age: 3\r\nDate: now\r\nX-Empty:\r\n\r\npart')
    return [
        C(b'POST http://a.test:8080/p%41th?q=1 HTTP/1.1\r\n' + asks), S(b'HTTP/1.1 206 Partial Content\r\n' + says),
        C(b'GET /two HTTP/1.0\r\n\r\n'), S(b'HTTP/1.0 abc Odd\r\nLocation: /odd\r\nContent-Length: 0\r\n\r\n'), C(b'OPTIONS * HTTP/1.1\r\nHost: b.test\r\n\r\n'), S(b'HTTP/1.1 204 No Content\r\n\r\n'),
        C(b'HEAD /h HTTP/1.1\r\nHost: [::1]:81\r\n\r\n'), S(b'HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 10\r\n\r\n'), C(b'CONNECT c.test:443 HTTP/1.1\r\nHost: c.test:443\r\n\r\n'), S(b'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n'),
    ]


# HTTP/2

def http2():
    head = b'\x83\x87\x84\x01' + bytes([6]) + b'a.test' + field(b'user-agent', b'ua/2') + field(b'cookie', b'a=b') + field(b'cookie', b'c=d') + field(b'referer', b'http://r.test/')
    gives = b'\x88' + field(b'content-type', b'text/plain') + field(b'server', b's/2') + field(b'x-two', b'1') + field(b'x-two', b'2')
    settings = frame(4, 0, 0, H('>HIHIHI', 1, 8192, 3, 50, 4, 70000))
    return [
        C(PREFACE + settings + frame(8, 0, 0, H('>I', 100000))), S(SETTINGS + frame(4, 1, 0)),
        C(frame(1, 0x24, 1, H('>IB', 3, 200) + b'\x3f\xe1\x1f' + head) + frame(0, 1, 1, b'request body')), S(frame(1, 4, 1, b'\x20' + gives) + frame(0, 1, 1, b'answer')),
        C(frame(2, 0, 3, H('>IB', 0x80000001, 15)) + frame(1, 5, 3, b'\x82\x86\x84\x01' + bytes([6]) + b'b.test')), S(frame(5, 4, 3, H('>I', 2) + b'\x82\x86\x84\x01' + bytes([6]) + b'b.test') + frame(1, 5, 3, b'\x8d')),
        C(frame(6, 0, 0, b'12345678') + frame(3, 0, 5, H('>I', 8))), S(frame(6, 1, 0, b'12345678') + frame(7, 0, 0, H('>II', 3, 2) + b'bye')),
    ]


# Kerberos 5 (RFC 4120)

def at(number, *parts):
    return der(0xa0 | number, *parts)


def principal(*names):
    return der(0x30, at(0, der(2, b'\1')), at(1, der(0x30, *[der(0x1b, each) for each in names])))


def encrypted(kind):
    return der(0x30, at(0, der(2, bytes([kind]))), at(2, der(4, b'c' * 20)))


REALM = der(0x1b, b'EXAMPLE.COM')


def krb_request(kind, client=None, service=(b'krbtgt', b'EXAMPLE.COM')):
    body = der(0x30, at(0, der(3, bytes(5))), *([at(1, principal(client))] if client else []), at(2, REALM), at(3, principal(*service)), at(5, der(0x18, b'20370913024805Z')), at(7, der(2, b'\x12\x34')),
               at(8, der(0x30, der(2, b'\x12'), der(2, b'\x17'))))
    return der(0x60 | kind, der(0x30, at(1, der(2, b'\5')), at(2, der(2, bytes([kind]))), at(4, body)))


def krb_reply(kind, client, ticket, own, service=(b'HTTP', b'www')):
    inner = der(0x61, der(0x30, at(0, der(2, b'\5')), at(1, REALM), at(2, principal(*service)), at(3, encrypted(ticket))))
    return der(0x60 | kind, der(0x30, at(0, der(2, b'\5')), at(1, der(2, bytes([kind]))), at(3, REALM), at(4, principal(client)), at(5, inner), at(6, encrypted(own))))


def krb_error(code, client=None):
    return der(0x7e, der(0x30, at(0, der(2, b'\5')), at(1, der(2, b'\x1e')), at(4, der(0x18, b'20260101000000Z')), at(5, der(2, b'\1')), at(6, der(2, bytes([code]))),
               *([at(7, REALM), at(8, principal(client))] if client else []), at(9, REALM), at(10, principal(b'krbtgt', b'EXAMPLE.COM'))))


def krb5():
    return [
        C(krb_request(10, b'alice')), S(krb_error(25, b'alice')), C(krb_request(10, b'alice')), S(krb_reply(11, b'alice', 18, 17, (b'krbtgt', b'EXAMPLE.COM'))), C(krb_request(12, None, (b'HTTP', b'www'))),
        S(krb_reply(13, b'alice', 23, 18)), C(krb_request(12, None, (b'cifs', b'srv'))), S(krb_error(7)), C(krb_request(10, b'bob')), S(krb_reply(11, b'bob', 3, 1)),
    ]


# IKE (RFC 2409, 7296)

def payload(following, body):
    return H('>BBH', following, 0, 4 + len(body)) + body


def isakmp(first, body, version=0x10, exchange=2, flags=0, responder=bytes(8), message=0):
    return b'i' * 8 + responder + H('>BBBBII', first, version, exchange, flags, message, 28 + len(body)) + body


def ikev1():
    attributes = b''.join(H('>HH', 0x8000 | kind, value) for kind, value in ((1, 7), (14, 256), (2, 4), (3, 1), (4, 14), (11, 1))) + H('>HHI', 12, 4, 86400)
    transform = H('>BBHBBH', 0, 0, 8 + len(attributes), 1, 1, 0) + attributes
    proposal = H('>II', 1, 1) + H('>BBHBBBB', 0, 0, 8 + len(transform), 1, 1, 0, 1) + transform
    first = payload(13, proposal) + payload(13, b'\x4a\x13\x1c\x81\x07\x03\x58\x45\x5c\x57\x28\xf2\x0e\x95\x45\x2f') + payload(0, b'V' * 16)
    keys = payload(10, b'k' * 32) + payload(0, b'n' * 16)
    return [
        C(isakmp(1, first)), S(isakmp(1, first, responder=b'r' * 8)), C(isakmp(4, keys, responder=b'r' * 8)), S(isakmp(4, payload(10, b'K' * 32) + payload(0, b'N' * 20), responder=b'r' * 8)),
        C(isakmp(5, b'x' * 48, flags=1, responder=b'r' * 8)), S(isakmp(5, b'y' * 48, flags=1, responder=b'r' * 8)), C(isakmp(8, b'z' * 60, exchange=32, flags=1, responder=b'r' * 8, message=9)),
    ]


def ikev2():
    transforms = ((1, 12), (2, 5), (3, 12), (4, 14))
    block = b''.join(H('>BBHBBH', 0 if i == 3 else 3, 0, 12 if kind == 1 else 8, kind, 0, what) + (b'\x80\x0e\1\0' if kind == 1 else b'') for i, (kind, what) in enumerate(transforms))
    sa = H('>BBHBBBB', 0, 0, 8 + len(block), 1, 1, 0, 4) + block
    body = payload(34, sa) + payload(40, H('>HH', 14, 0) + b'k' * 64) + payload(41, b'n' * 32) + payload(41, H('>BBH', 0, 0, 16388) + b'h' * 20) + payload(43, H('>BBH', 0, 0, 16389) + b'g' * 20) + payload(0, b'vendor of 16 byt')
    return [C(isakmp(33, body, 0x20, 34, 8)), S(isakmp(33, body, 0x20, 34, 0x20, b'r' * 8)), C(isakmp(46, payload(35, b'e' * 40), 0x20, 35, 8, b'r' * 8, 1)), S(isakmp(46, payload(36, b'f' * 40), 0x20, 35, 0x20, b'r' * 8, 1)),
            C(isakmp(33, body, 0x20, 34, 8)), S(isakmp(41, payload(0, H('>BBH', 0, 0, 14)), 0x20, 34, 0x20, b'r' * 8))]


# Modbus

def modbus(number, *pdu, unit=10):
    return H('>HHHB', number, 0, len(pdu) + 1, unit) + bytes(pdu)


def modbus_talk():
    turns = []
    for number, (asks, tells) in enumerate([
            ((1, 0, 2, 0, 3), (1, 1, 5)), ((2, 0, 2, 0, 9), (2, 2, 5, 1)), ((3, 0, 4, 0, 2), (3, 4, 0, 1, 0, 2)), ((4, 0, 4, 0, 1), (4, 2, 0, 9)), ((5, 0, 1, 0xff, 0), (5, 0, 1, 0xff, 0)), ((6, 0, 16, 0, 7), (6, 0, 16, 0, 7)),
            ((15, 0, 1, 0, 10, 2, 0xcd, 1), (15, 0, 1, 0, 10)), ((16, 0, 4, 0, 2, 4, 0, 1, 0, 2), (16, 0, 4, 0, 2)), ((22, 0, 4, 0, 0xf2, 0, 0x25), (22, 0, 4, 0, 0xf2, 0, 0x25)),
            ((23, 0, 3, 0, 2, 0, 14, 0, 1, 2, 0, 0xff), (23, 4, 0, 1, 0, 2)), ((8, 0, 0, 0xa5, 0x37), (8, 0, 0, 0xa5, 0x37)), ((8, 0, 4, 0, 0), ()), ((43, 14, 1, 0), (43, 14, 1, 1, 0, 0, 1, 0, 2, 65, 66)), ((7,), (7, 0x6d)),
            ((1, 0xff, 0, 0, 3), (0x81, 2)), ((3, 0, 4, 0, 200), (0x83, 3)), ((65, 1, 2, 3), (65, 4)), ((3, 0, 4, 0, 2), (4, 2, 0, 1)), ((6, 0, 16, 0, 7), (6, 0, 17, 0, 8))], 1):
        turns.append(C(modbus(number, *asks)))
        if tells:
            turns.append(S(modbus(number, *tells)))
    return turns


# PostgreSQL: what the server tells of itself, a cancellation

def pgsql():
    told = [('server_version', '15'), ('client_encoding', 'UTF8'), ('server_encoding', 'UTF8'), ('application_name', 'psql'), ('DateStyle', 'ISO'), ('integer_datetimes', 'on'), ('IntervalStyle', 'postgres'), ('session_authorization', 'bob'),
            ('standard_conforming_strings', 'on'), ('TimeZone', 'UTC'), ('is_superuser', 'off'), ('default_transaction_read_only', 'off'), ('in_hot_standby', 'off')]
    return [C(startup('user', 'bob', 'database', 'db')), S(tagged(b'R', H('>I', 0)) + b''.join(tagged(b'S', f'{a}\0{b}\0'.encode()) for a, b in told) + tagged(b'K', H('>II', 77, 88)) + READY),
            C(tagged(b'Q', b'listen x\0')), S(tagged(b'C', b'LISTEN\0') + READY), C(tagged(b'X'))]


# MQTT: a message above the limit

def mqtt():
    def packet(kind, body):
        return bytes([kind]) + (bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 128, len(body) // 128])) + body
    return [C(packet(0x10, b'\0\4MQTT\4\2\0\x3c\0\3cid')), S(packet(0x20, b'\0\0')), C(packet(0x32, b'\0\1t\0\7' + b'x' * 900)), S(packet(0x40, b'\0\7')), C(packet(0x30, b'\0\1u' + b'y' * 60)), C(packet(0xe0, b''))]


# NFS 3: a file is read and written

HANDLE = H('>I', 8) + b'h' * 8


def attributes(size):
    return H('>I', 1) + H('>IIIII', 1, 0o644, 1, 0, 0) + H('>QQ', size, size) + bytes(24) + bytes(24)


def nfs():
    data = b'd' * 300
    return [
        C(call(3, body=HANDLE + H('>I', 5) + b'a.txt\0\0\0', xid=1)), S(reply(H('>I', 0) + HANDLE + attributes(600) + H('>I', 0), xid=1)), C(call(6, body=HANDLE + H('>QI', 0, 300), xid=2)),
        S(reply(H('>I', 0) + attributes(600) + H('>III', 300, 0, 300) + data, xid=2)), C(call(6, body=HANDLE + H('>QI', 300, 300), xid=3)), S(reply(H('>I', 0) + attributes(600) + H('>III', 300, 1, 300) + data, xid=3)),
        C(call(1, body=HANDLE, xid=4)), S(reply(H('>I', 0) + attributes(600)[4:], xid=4)),
        C(call(7, body=HANDLE + H('>QIII', 0, 300, 2, 300) + data, xid=5)), S(reply(H('>III', 0, 0, 0) + H('>II', 300, 2) + b'v' * 8, xid=5)),
        C(call(21, body=HANDLE + H('>QI', 0, 0), xid=6)), S(reply(H('>III', 0, 0, 0) + b'v' * 8, xid=6)),
        C(call(14, body=HANDLE + H('>I', 5) + b'a.txt\0\0\0' + HANDLE + H('>I', 5) + b'b.txt\0\0\0', xid=7)), S(reply(H('>I', 0) + bytes(16), xid=7)), C(call(12, body=HANDLE + H('>I', 5) + b'b.txt\0\0\0', xid=8)), S(reply(H('>I', 2) + bytes(8), xid=8)),
    ]


# TFTP, SNMP 1, 2c and 3, SSH, Telnet …: one conversation each

def tftp():
    return [C(b'\0\1boot.img\0octet\0')], [C(b'\0\2up.cfg\0netascii\0')]


def vars_(*identifiers):
    return der(0x30, *[der(0x30, der(6, identifier), der(5)) for identifier in identifiers])


SYSTEM = b'\x2b\6\1\2\1\1\6\0', b'\x2b\6\1\2\1\1\5\0'


def snmp():
    def message(version, kind, *variables, error=0, community=b'public'):
        return der(0x30, der(2, bytes([version])), der(4, community), der(kind, der(2, b'\x12\x34'), der(2, bytes([error])), der(2, b'\0'), vars_(*variables)))
    three = der(0x30, der(2, b'\3'), der(0x30, der(2, b'\1'), der(2, b'\x05\xc0'), der(4, b'\4'), der(2, b'\3')),
                der(4, der(0x30, der(4, b'engine'), der(2, b'\1'), der(2, b'\2'), der(4, b'alice'), der(4, b''), der(4, b''))),
                der(0x30, der(4, b'engine'), der(4, b''), der(0xa0, der(2, b'\1'), der(2, b'\0'), der(2, b'\0'), vars_(SYSTEM[0]))))
    trap1 = der(0x30, der(2, b'\0'), der(4, b'public'), der(0xa4, der(6, b'\x2b\6\1\4\1'), der(0x40, b'\x0a\0\0\1'), der(2, b'\6'), der(2, b'\1'), der(0x43, b'\1'), vars_(SYSTEM[0])))
    return [C(message(0, 0xa0, *SYSTEM)), S(message(0, 0xa2, *SYSTEM)), C(message(1, 0xa5, SYSTEM[0])), S(message(1, 0xa2, SYSTEM[0], error=2)), C(message(1, 0xa3, SYSTEM[0], community=b'secret')), C(message(1, 0xa7, SYSTEM[0])), C(three), C(trap1)]


ALL_TLS = ['subject', 'issuer', 'session_resumed', 'serial', 'fingerprint', 'sni', 'version', 'not_before', 'not_after', 'certificate', 'chain', 'ja3', 'ja3s', 'ja4', 'subjectaltname', 'client', 'client_certificate', 'client_chain',
           'client_alpns', 'server_alpns', 'client_handshake', 'server_handshake']
ALL_MAIL = ['reply-to', 'bcc', 'message-id', 'subject', 'x-mailer', 'user-agent', 'received', 'x-originating-ip', 'in-reply-to', 'references', 'importance', 'priority', 'sensitivity', 'organization', 'content-md5', 'date', 'relays']

RECORDS = {
    'dhcp': [(True, 67, dhcp())],
    'ftp': [(False, 21, ftp())],
    'http': [(False, 80, http())],
    'http2': [(False, 80, http2())],
    'ike': [(True, 500, ikev1()), (True, 500, ikev2())],
    'krb5': [(True, 88, krb5()), (False, 88, [type(turn)(H('>I', len(turn)) + turn) for turn in krb5()])],
    'modbus': [(False, 502, modbus_talk())],
    'mqtt-limited': [(False, 1883, mqtt())],
    'nfs': [(False, 2049, nfs())],
    'pgsql-parameters': [(False, 5432, pgsql()), (False, 5432, [C(H('>IIII', 16, 80877102, 77, 88))])],
    'pop3': [(False, 110, pop3())],
    'smtp': [(False, 25, smtp())],
    'snmp': [(True, 161, snmp())],
    'tftp': [(True, 69, turns) for turns in tftp()],
    'tls': [(False, 443, tls()), (False, 443, tls13()), (False, 443, tls_resumed())],
    'tls-custom': [(False, 443, tls()), (False, 443, tls13()), (False, 443, tls_resumed())],
}
RECORDS = {case: [(datagrams, port, Talk(case, *turns)) for datagrams, port, turns in talks] for case, talks in RECORDS.items()}

URLS = {'smtp': {'mime': {'decode-mime': 'yes', 'decode-base64': 'yes', 'decode-quoted-printable': 'yes', 'header-value-depth': '2000', 'extract-urls': 'yes'}}}

# By case: options of record types, and of protocols.
OPTIONS = {
    'dhcp': ({'dhcp': {'extended': 'yes'}}, {}),
    'http': ({'http': {'extended': 'yes', 'dump-all-headers': 'both'}, 'files': {'force-magic': 'no', 'force-hash': ['md5', 'sha1', 'sha256']}}, {}),
    'mqtt-limited': ({}, {'mqtt': {'max-msg-length': '100'}}),
    'smtp': ({'smtp': {'extended': 'yes', 'custom': ALL_MAIL, 'md5': ['body', 'subject']}, 'files': {'force-hash': ['md5']}}, URLS),
    'tls': ({'tls': {'extended': 'yes', 'session-resumption': 'yes'}}, {'tls': {'ja3-fingerprints': 'yes', 'ja4-fingerprints': 'yes'}}),
    'tls-custom': ({'tls': {'custom': ALL_TLS}}, {'tls': {'ja3-fingerprints': 'yes', 'ja4-fingerprints': 'yes'}}),
}
