"""Mail, files and what changes the protocol: encodings of SMTP, STARTTLS of each mail protocol, FTP's data connections, NFS 2 and 4, bodies of HTTP, the ways into HTTP/2. RECORDS as in records.py."""
import base64
import gzip
import struct
import zlib

from . import tls as tls_
from .infra import call, reply
from .mail import BYE, ENVELOPE, HELLO
from .names import PREFACE, SETTINGS, field, frame, label, text
from .optional import URLS
from .records import KINDS, message, question
from .tls import CCS, certificate, chain, extension, handshake, record, sni
from .wire import Beside, C, S, Talk

H = struct.pack


# SMTP: MIME in all its encodings, pipelining

def part(kind, coding, name, body):
    return b'--XX\r\nContent-Type: ' + kind + b'; name="' + name + b'"\r\nContent-Transfer-Encoding: ' + coding + b'\r\nContent-Disposition: attachment; filename="' + name + b'"\r\n\r\n' + body + b'\r\n'


HEAD = b'From: a@b.test\r\nTo: c@d.test\r\nSubject: files\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="XX"\r\n\r\n'
PARTS = (HEAD + b'--XX\r\nContent-Type: text/plain\r\n\r\nlook at http://one.test/a and at hxxp://two.test, and http://one.test/a again\r\n'
         + b'--XX\r\nContent-Type: text/html\r\n\r\n<a href="http://three.test/way?q=1">x</a>\r\n'
         + part(b'application/octet-stream', b'base64', b'b64.bin', base64.encodebytes(bytes(range(256)) * 2).replace(b'\n', b'\r\n'))
         + part(b'text/plain', b'quoted-printable', b'qp.txt', b'gr=C3=BCn and a line that goes =\r\non, =3D and the end') + part(b'text/plain', b'7bit', b'plain.txt', b'as it is')
         + b'--XX--\r\n')


def smtp_parts():
    return [*ENVELOPE, C(b'DATA\r\n'), S(b'354 go\r\n'), C(PARTS + b'.\r\n'), S(b'250 ok\r\n'), *BYE]


def smtp_pipelined():
    return [*HELLO, C(b'MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nRCPT TO:<e@d.test>\r\nDATA\r\n'), S(b'250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n'), C(b'Subject: one\r\n\r\nhello\r\n.\r\n'), S(b'250 ok\r\n'),
            C(b'RSET\r\nMAIL FROM:<f@b.test>\r\nRCPT TO:<g@d.test>\r\nDATA\r\n'), S(b'250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n'), C(b'Subject: two\r\n\r\nagain\r\n.\r\n'), S(b'250 ok\r\n'), *BYE]


# STARTTLS

def secured(host):
    hello = sni(host)
    return (C(record(22, handshake(1, b'\3\3' + b'r' * 32 + b'\0' + H('>HHH', 4, 0xc02f, 0x9c) + b'\1\0' + H('>H', len(hello)) + hello))),
            S(record(22, tls_.server_hello()) + record(22, chain(certificate())) + tls_.DONE), C(record(22, handshake(16, b'k' * 66)) + CCS + record(22, b'e' * 40)), S(CCS + record(22, b'e' * 40)),
            C(record(23, b'd' * 40)), S(record(23, b'd' * 40)))


def starttls():
    return {
        25: [*HELLO, C(b'STARTTLS\r\n'), S(b'220 go\r\n'), *secured(b'smtp.test')],
        143: [S(b'* OK IMAP4rev1 ready\r\n'), C(b'a1 CAPABILITY\r\n'), S(b'* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK done\r\n'), C(b'a2 STARTTLS\r\n'), S(b'a2 OK go\r\n'), *secured(b'imap.test')],
        110: [S(b'+OK ready\r\n'), C(b'CAPA\r\n'), S(b'+OK\r\nSTLS\r\n.\r\n'), C(b'STLS\r\n'), S(b'+OK go\r\n'), *secured(b'pop3.test')],
    }


# TLS of each version; a hello of SSL 2

def tls_version(version, host):
    wire = H('>H', version)
    hello = sni(host)
    return [C(record(22, handshake(1, wire + b'r' * 32 + b'\0' + H('>HHH', 4, 0x2f, 0x35) + b'\1\0' + H('>H', len(hello)) + hello), 0x0301)),
            S(record(22, handshake(2, wire + b'q' * 32 + b'\0\0\x2f\0'), version) + record(22, chain(certificate()), version) + record(22, handshake(14, b''), version)),
            C(record(22, handshake(16, b'k' * 66), version) + record(20, b'\1', version) + record(22, b'e' * 40, version)), S(record(20, b'\1', version) + record(22, b'e' * 40, version)), C(record(23, b'd' * 40, version))]


def tls_old_hello():
    """A client that offers SSL 2 and TLS 1.0 in the old form (RFC 5246 E.2), answered with TLS 1.0."""
    body = b'\1\3\1' + H('>HHH', 9, 0, 16) + b'\0\0\x2f\0\0\x35\1\0\x80' + bytes(range(16))
    return [C(H('>H', 0x8000 | len(body)) + body), *tls_version(0x0301, b'x')[1:]]


# FTP with data connections

PNG = b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\2\0\0\0\x90\x91\x68\x36' + bytes(600)
GIF = b'GIF89a\x10\0\x10\0\x80\0\0' + bytes(600)


def ftp_data(address, command, port, side, data, *meet, active=False):
    """One transfer by a client of its own; C is who opens the data connection."""
    turns = (S(b'220 ready\r\n'), C(b'USER bob\r\n'), S(b'331 password\r\n'), C(b'PASS x\r\n'), S(b'230 in\r\n'), *meet, C(command + b'\r\n'), S(b'150 opening\r\n'),
             Beside(20 if active else 25000, port, side(data), active=active), S(b'226 done\r\n'), C(b'QUIT\r\n'), S(b'221 bye\r\n'))
    return False, 21, Talk('ftp-data', *turns, host=address)


def ftp_transfers():
    words = b'some words of a text\n' * 15
    pasv, epsv = (C(b'PASV\r\n'), S(b'227 Entering Passive Mode (10,0,0,2,156,65)\r\n')), (C(b'EPSV\r\n'), S(b'229 Entering Extended Passive Mode (|||40002|)\r\n'))
    port, eprt = (C(b'PORT 10,0,0,13,156,67\r\n'), S(b'200 ok\r\n')), (C(b'EPRT |1|10.0.0.14|40004|\r\n'), S(b'200 ok\r\n'))
    return [
        ftp_data('10.0.0.11', b'RETR pub/one.png', 40001, S, PNG, *pasv), ftp_data('10.0.0.12', b'STOR two.gif', 40002, C, GIF, *epsv),
        ftp_data('10.0.0.13', b'RETR three.txt', 40003, C, words, *port, active=True), ftp_data('10.0.0.14', b'STOR four.txt', 40004, S, words, *eprt, active=True),
    ]


# NFS 2 (RFC 1094) and 4.0 (RFC 7530)

UNIX = H('>II', 1, 36) + H('>II', 9, 4) + b'host' + H('>II', 1000, 1001) + H('>I', 3) + H('>III', 1, 2, 3)


def opaque(data):
    return H('>I', len(data)) + data + bytes(-len(data) % 4)


def nfs2():
    handle, attributes = b'h' * 32, H('>IIIIII', 1, 0o644, 1, 0, 0, 17) + bytes(44)
    data = b'written by version 2'

    def ask(procedure, body, xid):
        return C(call(procedure, 2, body=body, xid=xid, credentials=UNIX))
    return [
        ask(4, handle + opaque(b'a.txt'), 1), S(reply(H('>I', 0) + handle + attributes, xid=1)), ask(1, handle, 2), S(reply(H('>I', 0) + attributes, xid=2)),
        ask(6, handle + H('>III', 0, 100, 0), 3), S(reply(H('>I', 0) + attributes + opaque(b'read by version 2'), xid=3)), ask(8, handle + H('>III', 0, 0, 0) + opaque(data), 4), S(reply(H('>I', 0) + attributes, xid=4)),
        ask(10, handle + opaque(b'gone.txt'), 5), S(reply(H('>I', 2), xid=5)),
    ]


def nfs4():
    def compound(xid, *operations):
        return C(call(1, 4, body=H('>I', 0) + H('>II', 0, len(operations)) + b''.join(operations), xid=xid, credentials=UNIX))

    def answered(xid, *results, status=0):
        return S(reply(H('>II', status, 0) + H('>I', len(results)) + b''.join(results), xid=xid))
    root, get_handle, state = H('>I', 24), H('>I', 10), H('>I', 1) + b's' * 12
    handle = opaque(b'H' * 16)
    put = H('>I', 22) + handle
    ok = lambda operation, rest=b'': H('>II', operation, 0) + rest  # noqa: E731
    opening = H('>I', 18) + H('>III', 1, 1, 0) + b'c' * 8 + opaque(b'owner') + H('>II', 0, 0) + opaque(b'f.txt')
    opened = state + H('>I', 0) + H('>QQ', 1, 2) + H('>I', 0) + H('>II', 0, 0)
    return [
        compound(1, H('>I', 35) + b'v' * 8 + opaque(b'client') + H('>I', 0x40000000) + opaque(b'tcp') + opaque(b'10.0.0.1.3.4') + H('>I', 1)), answered(1, ok(35, b'C' * 8 + b'V' * 8)),
        compound(2, root, H('>I', 15) + opaque(b'dir'), get_handle, H('>I', 9) + H('>III', 2, 0x10, 0x30)), answered(2, ok(24), ok(15), ok(10, handle), ok(9, H('>II', 1, 0x10) + opaque(b'\0' * 8))),
        compound(3, put, opening, get_handle), answered(3, ok(22), ok(18, opened), ok(10, opaque(b'F' * 16))),
        compound(4, H('>I', 22) + opaque(b'F' * 16), H('>I', 38) + state + H('>QI', 0, 2) + opaque(b'written by version 4')), answered(4, ok(22), ok(38, H('>II', 20, 2) + b'w' * 8)),
        compound(5, H('>I', 22) + opaque(b'F' * 16), H('>I', 25) + state + H('>QI', 0, 100)), answered(5, ok(22), ok(25, H('>I', 1) + opaque(b'read by version 4'))),
        compound(6, H('>I', 22) + opaque(b'F' * 16), H('>I', 4) + H('>I', 1) + state), answered(6, ok(22), ok(4, state)),
        compound(7, put, H('>I', 28) + opaque(b'gone.txt')), answered(7, ok(22), H('>II', 28, 2), status=2),
        compound(8, put, H('>I', 32), put, H('>I', 29) + opaque(b'old.txt') + opaque(b'new.txt')), answered(8, ok(22), ok(32), ok(22), ok(29, bytes(40))),
        compound(9, put, H('>III', 6, 2, 6) + b'folder\0\0' + H('>II', 1, 0x10) + opaque(bytes(8)), get_handle), answered(9, ok(22), ok(6, bytes(20) + H('>II', 1, 0x10)), ok(10, handle)),
    ]


# HTTP/1: parts, ranges, codings

def http_answer(lines, body, status=b'200 OK'):
    return S(b'HTTP/1.1 ' + status + b'\r\n' + lines + b'Content-Length: %d\r\n\r\n' % len(body) + body)


def get(path, *lines):
    return C(b'GET ' + path + b' HTTP/1.1\r\nHost: a.test\r\n' + b''.join(line + b'\r\n' for line in lines) + b'\r\n')


def brotli_plain(data):
    """A stream with one block that is not compressed (RFC 7932 9.2)."""
    bits = (len(data) - 1) << 4 | 1 << 20
    return bits.to_bytes(3, 'little') + data + b'\3'


def http_files():
    form = (b'--XX\r\nContent-Disposition: form-data; name="word"\r\n\r\nno file\r\n--XX\r\nContent-Disposition: form-data; name="f"; filename="one.png"\r\nContent-Type: image/png\r\n\r\n' + PNG
            + b'\r\n--XX\r\nContent-Disposition: form-data; name="g"; filename="two.gif"\r\nContent-Type: image/gif\r\n\r\n' + GIF + b'\r\n--XX--\r\n')
    words = b'some words that are said again and again. ' * 12
    zipped, raw = gzip.compress(words, mtime=0), zlib.compress(words)
    return [
        [C(b'POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: %d\r\n\r\n' % len(form) + form), http_answer(b'', b'ok'),
         C(b'PUT /put.bin HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nfirst\r\n6\r\nsecond\r\n0\r\nTrailer: x\r\n\r\n'), http_answer(b'', b'', b'201 Created')],
        [get(b'/gzip'), http_answer(b'Content-Encoding: gzip\r\n', zipped), get(b'/deflate'), http_answer(b'Content-Encoding: deflate\r\n', raw),
         get(b'/two'), http_answer(b'Content-Encoding: deflate, gzip\r\n', gzip.compress(raw, mtime=0)), get(b'/chunks'), S(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n'
         + b'%x\r\n' % 20 + zipped[:20] + b'\r\n%x\r\n' % (len(zipped) - 20) + zipped[20:] + b'\r\n0\r\n\r\n')],
        [get(b'/whole.bin', b'Range: bytes=0-99'), http_answer(b'Content-Range: bytes 0-99/250\r\n', b'a' * 100, b'206 Partial Content'), get(b'/whole.bin', b'Range: bytes=100-249'),
         http_answer(b'Content-Range: bytes 100-249/250\r\n', b'b' * 150, b'206 Partial Content')],
        [get(b'/a') + get(b'/b') + get(b'/c'), S(http_answer(b'', b'one') + http_answer(b'Content-Type: text/plain\r\n', b'two') + http_answer(b'', b'three'))],
        [C(b'CONNECT c.test:443 HTTP/1.1\r\nHost: c.test:443\r\n\r\n'), S(b'HTTP/1.1 200 Connected\r\n\r\n'), *secured(b'tunnel.test')],
        [get(b'//x/../y/./%7euser?a=%41%20b#frag', b'Host: A.TEST.'), http_answer(b'', b'')],
    ]


def http_brotli():
    words = b'some words that are said again and again. ' * 12
    return [get(b'/br'), http_answer(b'Content-Encoding: br\r\n', brotli_plain(words))]


# HTTP/2

def h2_request(path, *more, method=b'\x82'):
    return method + b'\x87\x04' + text(path) + b'\x01' + text(b'a.test') + b''.join(more)


def http2_ways():
    upgrade = b'GET /up HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n\r\n'
    changed = b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'
    block = h2_request(b'/in/pieces', field(b'x-one', b'1' * 50), field(b'x-two', b'2' * 50))
    answer = b'\x88' + field(b'content-type', b'image/gif')
    words = b'some words that are said again and again. ' * 12
    return [
        [C(upgrade), S(changed + SETTINGS + frame(1, 4, 1, answer) + frame(0, 1, 1, GIF)), C(PREFACE + SETTINGS + frame(1, 5, 3, h2_request(b'/next'))), S(frame(1, 5, 3, b'\x8d'))],
        [C(PREFACE + SETTINGS + frame(1, 1, 1, block[:7]) + frame(9, 0, 1, block[7:60]) + frame(9, 4, 1, block[60:])), S(SETTINGS + frame(1, 0, 1, answer[:3]) + frame(9, 4, 1, answer[3:]) + frame(0, 0, 1, GIF[:100]) + frame(0, 9, 1, b'\4' + GIF[100:] + bytes(4)))],
        [C(PREFACE + SETTINGS + frame(1, 4, 1, h2_request(b'/up.png', method=b'\x83')) + frame(0, 1, 1, PNG) + frame(1, 5, 3, h2_request(b'/words'))),
         S(SETTINGS + frame(1, 4, 3, b'\x88' + field(b'content-encoding', b'gzip')) + frame(0, 1, 3, gzip.compress(words, mtime=0)) + frame(1, 5, 1, b'\x89'))],
    ]


def doh2():
    asked, said = message(7, 0x100, [question('a.test', 255)]), message(7, 0x8180, [question('a.test', 255)], KINDS[:5])
    kind = field(b'content-type', b'application/dns-message')
    got = base64.urlsafe_b64encode(message(8, 0x100, [question('get.test')])).rstrip(b'=')
    return [
        C(PREFACE + SETTINGS + frame(1, 4, 1, h2_request(b'/dns-query', kind, method=b'\x83')) + frame(0, 1, 1, asked)), S(SETTINGS + frame(1, 4, 1, b'\x88' + kind) + frame(0, 1, 1, said)),
        C(frame(1, 5, 3, h2_request(b'/dns-query?dns=' + got, field(b'accept', b'application/dns-message')))), S(frame(1, 4, 3, b'\x88' + kind) + frame(0, 1, 3, message(8, 0x8183, [question('get.test')]))),
    ]


RECORDS = {
    'doh2': [(False, 443, doh2())],
    'http-brotli': [(False, 80, http_brotli())],
    'http-files': [(False, 80, turns) for turns in http_files()],
    'http2-ways': [(False, 80, turns) for turns in http2_ways()],
    'nfs-2': [(False, 2049, nfs2())],
    'nfs-4': [(False, 2049, nfs4())],
    'smtp-encodings': [(False, 25, turns) for turns in (smtp_parts(), smtp_pipelined())],
    'starttls': [(False, port, turns) for port, turns in starttls().items()],
    'tls-versions': [(False, 443, turns) for turns in (*(tls_version(version, b'v%x.test' % version) for version in (0x0300, 0x0301, 0x0302, 0x0303)), tls_old_hello())],
}
RECORDS = {case: [(datagrams, port, Talk(case, *turns)) for datagrams, port, turns in talks] for case, talks in RECORDS.items()}
RECORDS['ftp-data'] = ftp_transfers()

FILES = {'files': {'force-magic': 'yes', 'force-hash': ['md5', 'sha256']}}
OPTIONS = {
    'ftp-data': (FILES, {}), 'http-brotli': (FILES, {}), 'http-files': ({'http': {'extended': 'yes'}, **FILES}, {}), 'http2-ways': (FILES, {}), 'nfs-2': (FILES, {}), 'nfs-4': (FILES, {}),
    'smtp-encodings': ({'smtp': {'extended': 'yes'}, 'files': {'force-hash': ['md5', 'sha256']}}, URLS), 'starttls': ({'tls': {'extended': 'yes'}}, {'imap': {'enabled': 'detection-only'}}), 'tls-versions': ({'tls': {'extended': 'yes'}}, {'tls': {'ja3-fingerprints': 'yes'}}),
}

RULES = {
    'starttls': (['alert imap any any -> any any (msg:"imap"; flow:to_server; content:"STARTTLS"; sid:1;)'], []),
}
