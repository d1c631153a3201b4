"""Limits: for each a conversation that just reaches it and one that goes one step beyond. LIMITS has (event, what is limited and by which default, datagrams?, port, conversation of a size, size)."""
import struct

from .infra import CONNECT5, CONNACK5, MEET, application, link, mqtt_packet, mstring
from .mail import BYE, ENVELOPE, HELLO, attachment, mail
from .names import ASKED, PREFACE, SETTINGS, asks, field, frame, gives
from .optional import modbus
from .records import READY, SEARCH, envelope, result, startup, tagged, text
from .records import element as ber
from .smb import CLOSE, CLOSED, OPEN, chunks, pieces
from .web import OK
from .wire import C, S

H = struct.pack
FTP = (S(b'220 ready\r\n'),)
QUERY = tagged(b'Q', b'select 1\0')
MET = C(startup('user', 'bob')), S(tagged(b'R', H('>I', 0)) + READY)
POP = (S(b'+OK ready\r\n'), C(b'USER bob\r\n'), S(b'+OK\r\n'))


def begin(*more):
    return C(PREFACE + SETTINGS + b''.join(more)), S(SETTINGS)


def http_request(lines):
    return C(b'GET / HTTP/1.1\r\nHost: a\r\n' + lines + b'\r\n'), S(OK)


def http_response(lines):
    return C(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'), S(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n' + lines + b'\r\nok')


def entries(count):
    found = envelope(7, ber(0x64, text('cn=1') + ber(0x30, b'')))
    return C(envelope(7, SEARCH)), S(found * (count - 1) + envelope(7, result(0x65, 0)))


def properties(count):
    body = b'\x26\0\1k\0\1v' * count
    return C(CONNECT5), S(CONNACK5), C(mqtt_packet(3, 0, mstring(b't') + bytes([len(body) % 128 | 128, len(body) // 128]) + body + b'x'))


def fragments(size):
    def part(opcode, data):
        return bytes([opcode, 0x80 | 126]) + H('>H', len(data)) + bytes(4) + data
    half = size // 2
    return (C(b'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n'),
            S(b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'), C(part(1, b'a' * half)), C(part(0x80, b'b' * (size - half))))


def banner(size):
    return C(b'SSH-2.0-' + b'x' * (size - 8) + b'\r\n'), S(b'SSH-2.0-OpenSSH_9\r\n')


LIMITS = [
    ('http.request_too_many_headers', 'headers-limit 1024', False, 80, lambda n: http_request(b''.join(b'X-%d: y\r\n' % i for i in range(n - 1))), 1024),
    ('http.response_too_many_headers', 'headers-limit 1024', False, 80, lambda n: http_response(b''.join(b'X-%d: y\r\n' % i for i in range(n - 1))), 1024),
    ('http.request_field_too_long', 'meta-field-limit 18000', False, 80, lambda n: http_request(b'X: ' + b'y' * (n - 5) + b'\r\n'), 18000),
    ('http.response_field_too_long', 'meta-field-limit 18000', False, 80, lambda n: http_response(b'X: ' + b'y' * (n - 5) + b'\r\n'), 18000),
    ('http2.too_many_streams', 'max-streams 256', False, 80, lambda n: (*begin(*[asks(ASKED, stream=1 + 2 * i) for i in range(n - 1)]), S(SETTINGS)), 256),
    ('http2.reassembly_limit_reached', 'max-reassembly-size 102400', False, 80,
     lambda n: (*begin(frame(1, 0, 1, ASKED), *[frame(9, 0, 1, field(b'x', b'y' * 8000)) for _ in range(n // 8100)], frame(9, 4, 1, field(b'x', b'y' * 8000))), S(SETTINGS)), 90000),
    ('ftp.request_command_too_long', 'lines of 4096 bytes', False, 21, lambda n: (*FTP, C(b'USER ' + b'x' * (n - 7) + b'\r\n'), S(b'331 ok\r\n')), 4096),
    ('ftp.response_command_too_long', 'lines of 4096 bytes', False, 21, lambda n: (*FTP, C(b'USER a\r\n'), S(b'331 ' + b'x' * (n - 6) + b'\r\n')), 4096),
    ('smtp.mime_long_header_name', '75 bytes', False, 25, lambda n: mail(b'X' * n + b': y\r\n\r\nhello'), 75),
    ('smtp.mime_long_header_value', 'header-value-depth 2000', False, 25, lambda n: mail(b'X: ' + b'y' * n + b'\r\n\r\nhello'), 2000),
    ('smtp.mime_long_line', '998 bytes', False, 25, lambda n: mail(b'Subject: x\r\n\r\n' + b'y' * n), 998),
    ('smtp.mime_long_enc_line', '76 bytes', False, 25, lambda n: attachment(b'Content-Type: application/octet-stream; name=x\r\nContent-Transfer-Encoding: base64', (b'QUJD' * 30)[:n]), 76),
    ('smtp.mime_long_boundary', '254 bytes', False, 25, lambda n: attachment(b'Content-Type: text/plain', b'hello', boundary=b'B' * n), 254),
    ('smtp.mime_long_filename', '255 bytes', False, 25, lambda n: attachment(b'Content-Type: application/octet-stream; name="' + b'n' * n + b'"', b'hello'), 255),
    ('smtp.max_command_line_len_exceeded', 'lines of 4096 bytes', False, 25, lambda n: (*HELLO, C(b'NOOP ' + b'x' * (n - 7) + b'\r\n'), S(b'250 ok\r\n'), *BYE), 4096),
    ('smtp.truncated_line', 'lines of 4096 bytes', False, 25, lambda n: (*HELLO, C(b'NOOP ' + b'x' * (n - 7) + b'\r\n'), S(b'250 ok\r\n'), *BYE), 4096),
    ('dnp3.too_many_points', 'max-points 16384', False, 20000, lambda n: (C(link(application(1, b'\x3c\2\6'))), C(link(application(1, b'\x01\1\1' + H('<HH', 0, n - 1))))), 16384),
    ('modbus.flooded', 'request-flood 500', False, 502, lambda n: (C(b''.join(modbus(i, 1, 0, 2, 0, 3) for i in range(n))),), 500),
    ('mqtt.too_many_properties', '256 properties', False, 1883, properties, 256),
    ('mqtt.too_many_transactions', 'max-tx 1024', False, 1883, lambda n: (*MEET, C(b''.join(mqtt_packet(3, 2, mstring(b't') + H('>H', i) + b'x') for i in range(1, n + 1)))), 1024),
    ('ldap.too_many_transactions', 'max-tx 256', False, 389, lambda n: (C(b''.join(envelope(1 + i % 100, SEARCH) for i in range(n))),), 256),
    ('ldap.too_many_responses', 'max-responses 1024', False, 389, entries, 1024),
    ('pgsql.too_many_transactions', 'max-tx 1024', False, 5432, lambda n: (*MET, C(QUERY * (n - 1))), 1024),
    ('pgsql.too_many_responses', 'max-responses 64', False, 5432, lambda n: (*MET, C(QUERY), S(tagged(b'S', b'k\0v\0') * n + READY)), 64),
    ('pgsql.too_many_responses', 'notices take the answer', False, 5432, lambda n: (*MET, C(QUERY), S(tagged(b'N', b'SNOTICE\0\0') * n + READY)), 64),
    ('pop3.request_too_long', '255 bytes', False, 110, lambda n: (*POP, C(b'PASS ' + b'x' * (n - 7) + b'\r\n'), S(b'+OK\r\n')), 255),
    ('pop3.response_too_long', '512 bytes', False, 110, lambda n: (*POP, C(b'PASS x\r\n'), S(b'+OK ' + b'x' * (n - 6) + b'\r\n')), 512),
    ('pop3.too_many_transactions', 'max-tx 256', False, 110, lambda n: (*POP, C(b'NOOP\r\n' * n)), 256),
    ('ssh.long_banner', '255 bytes', False, 22, banner, 255),
    ('nfs.too_many_transactions', 'max-tx 1024', False, 2049, lambda n: (C(b''.join(H('>I', 0x80000028) + H('>IIIIII', i, 0, 2, 100003, 3, 0) + bytes(16) for i in range(n))),), 1024),
    ('smb.read_queue_cnt_exceeded', 'max-read-queue-cnt 64', False, 445, lambda n: (*OPEN, *pieces(n), C(CLOSE), S(CLOSED)), 64),
    ('smb.write_queue_cnt_exceeded', 'max-write-queue-cnt 64', False, 445, lambda n: (*OPEN, *chunks(n), C(CLOSE), S(CLOSED)), 64),
    ('websocket.reassembly_limit_reached', 'max-payload-size 65535', False, 80, fragments, 65535),
]
