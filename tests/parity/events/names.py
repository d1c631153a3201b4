"""DNS and HTTP/2: a conversation for each named oddity."""
import gzip
import struct

from .wire import C, S, Talk


def label(text):
    return b''.join(bytes([len(p)]) + p for p in text.split(b'.')) + b'\0'


def dns_message(flags=0x0100, questions=1, answers=0, authorities=0, additionals=0, rest=None):
    return struct.pack('!HHHHHH', 0x1234, flags, questions, answers, authorities, additionals) + (label(b'a.test') + b'\0\1\0\1' if rest is None else rest)


def record(name, kind, data):
    return name + struct.pack('!HHIH', kind, 1, 60, len(data)) + data


QUESTION = label(b'a.test') + b'\0\1\0\1'
ASK = C(dns_message())


def dns():
    loop = b'\xc0\x0c\0\1\0\1'
    deep = b'\1a' * 300 + b'\0\0\1\0\1'
    wide = (b'\x3f' + b'a' * 63) * 5 + b'\0\0\1\0\1'
    return [
        Talk('malformed_data', ASK, S(b'\x12\x34\x81\x80\0\1\0\1')),
        Talk('malformed_data', C(dns_message(rest=b'\x3fabc'))),
        Talk('not_request', C(dns_message(0x8180))),
        Talk('not_request', ASK, C(dns_message(0x8180))),
        Talk('not_response', ASK, S(dns_message(0x8180)), S(dns_message(0x0100))),
        Talk('not_request', ASK, S(dns_message(0x8180)), C(dns_message(0x8180))),
        Talk('z_flag_set', C(dns_message(0x0140))),
        Talk('invalid_opcode', C(dns_message(0x0100 | 9 << 11))),
        Talk('name_too_long', C(dns_message(rest=(b'\x3f' + b'a' * 63) * 17 + b'\0\0\1\0\1'))),
        Talk('name_too_long', C(dns_message(rest=wide))),
        Talk('infinite_loop', C(dns_message(rest=loop))),
        Talk('infinite_loop', ASK, S(dns_message(0x8180, 1, 1, rest=QUESTION + record(b'\xc0\x0c', 5, b'\xc0\x24')))),
        Talk('too_many_labels', C(dns_message(rest=deep))),
        Talk('too_many_labels', C(dns_message(rest=b'\1a' * 130 + b'\0\0\1\0\1'))),
        Talk('invalid_additionals', ASK, S(dns_message(0x8180, 1, 0, 0, 1, QUESTION + b'\x3fabc'))),
        Talk('invalid_additionals', ASK, S(dns_message(0x8180, 1, 1, 0, 2, QUESTION + record(b'\xc0\x0c', 1, b'\1\2\3\4') + b'\0'))),
        Talk('invalid_authorities', ASK, S(dns_message(0x8180, 1, 0, 1, 0, QUESTION + b'\x3fabc'))),
        Talk('invalid_authorities', ASK, S(dns_message(0x8180, 1, 0, 2, 0, QUESTION + record(b'\xc0\x0c', 2, label(b'ns.test'))))),
    ]


PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'


def frame(kind, flags, stream, body=b'', length=None):
    return struct.pack('!I', len(body) if length is None else length)[1:] + struct.pack('!BBI', kind, flags, stream) + body


def text(value):
    size = len(value)
    if size < 127:
        return bytes([size]) + value
    out, size = b'\x7f', size - 127
    while size >= 128:
        out += bytes([size % 128 + 128])
        size //= 128
    return out + bytes([size]) + value


def field(name, value):
    return b'\0' + text(name) + text(value)


# Indexed: :method GET, :scheme http, :path /; then :authority.
ASKED = b'\x82\x86\x84' + b'\x01' + text(b'a.test')
SETTINGS = frame(4, 0, 0)


def begin(*more):
    return C(PREFACE + SETTINGS + b''.join(more)), S(SETTINGS)


def asks(block, flags=5, stream=1):
    return frame(1, flags, stream, block)


def gives(*fields, body=b'', stream=1):
    out = frame(1, 4, stream, b'\x88' + b''.join(fields))
    for at in range(0, len(body), 16000):
        out += frame(0, 0, stream, body[at:at + 16000])
    return S(out + frame(0, 1, stream))


def over_dns(path_or_body, get=False):
    if get:
        block = b'\x82\x87' + b'\x04' + text(path_or_body) + b'\x01' + text(b'a.test') + field(b'accept', b'application/dns-message')
        return begin(asks(block))
    block = b'\x83\x87\x84' + b'\x01' + text(b'a.test') + field(b'content-type', b'application/dns-message')
    body = b''.join(frame(0, 0, 1, path_or_body[i:i + 16000]) for i in range(0, len(path_or_body), 16000))
    return begin(asks(block, 4) + body + frame(0, 1, 1))


def http2():
    noise = bytes((i * 7919 >> 3) & 0xff for i in range(600))
    upgrade = b'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: %s\r\n\r\n'
    changed = b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'
    long_repeat = b''.join(field(b'x', b'y' * 3000) for _ in range(30))
    return [
        Talk('invalid_frame_header', *begin(), C(b'\0\0\4\x01\5\x80\0\0\1\x82\x86\x84\x87')),
        Talk('invalid_frame_header', *begin(), C(b'\0\0\0\xff\xff\xff\xff\xff\xff')),
        Talk('invalid_frame_header', *begin(), C(b'no frame at all, but a line of text\r\n')),
        Talk('invalid_client_magic', *begin(), C(PREFACE)),
        Talk('invalid_client_magic', C(b'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n' + SETTINGS), S(SETTINGS)),
        Talk('invalid_frame_data', *begin(asks(b'\x50\xff', 13)), S(SETTINGS)),
        Talk('invalid_header', *begin(asks(b'\xfe')), S(SETTINGS)),
        Talk('invalid_header', *begin(asks(ASKED)), S(frame(1, 5, 1, b'\x88\xfe'))),
        Talk('invalid_frame_length', *begin(frame(8, 0, 0, b'\0\0')), S(SETTINGS)),
        Talk('invalid_frame_length', *begin(frame(2, 0, 1, b'\0\0')), S(SETTINGS)),
        Talk('invalid_frame_length', *begin(frame(3, 0, 1, b'\0\0')), S(SETTINGS)),
        Talk('invalid_frame_length', *begin(frame(7, 0, 0, b'\0\0')), S(SETTINGS)),
        Talk('extra_header_data', *begin(asks(ASKED + b'\x40')), S(SETTINGS)),
        Talk('extra_header_data', *begin(asks(ASKED + b'\x00\x05ab')), S(SETTINGS)),
        Talk('extra_header_data', *begin(asks(ASKED + b'\x20')), S(SETTINGS)),
        Talk('extra_header_data', *begin(asks(ASKED + b'\x3f\xe1\xff\xff\xff\xff\xff\xff\xff\xff\x0f')), S(SETTINGS)),
        Talk('long_frame_data', *begin(asks(b'\0' + text(b'x') + text(b'y' * 70000))), S(SETTINGS)),
        Talk('long_frame_data', *begin(frame(4, 0, 0, b'\0\3\0\0\0\1' * 4000)), S(SETTINGS)),
        Talk('stream_id_reuse', *begin(asks(ASKED)), gives(), C(asks(ASKED)), gives()),
        Talk('stream_id_reuse', *begin(asks(ASKED)), gives(), C(asks(ASKED, stream=3)), gives(stream=3), C(asks(ASKED)), gives()),
        Talk('invalid_http1_settings', C(upgrade % b'!!!'), S(changed + SETTINGS), C(PREFACE + SETTINGS), gives()),
        Talk('failed_decompression', *begin(asks(ASKED)), gives(field(b'content-encoding', b'gzip'), body=b'not gzip at all' * 10)),
        Talk('failed_decompression', *begin(asks(ASKED)), gives(field(b'content-encoding', b'gzip'), body=gzip.compress(noise, mtime=0)[:200] + b'\xff' * 400)),
        Talk('invalid_range', *begin(asks(ASKED)), gives(field(b'content-range', b'bytes odd'))),
        Talk('invalid_range', *begin(asks(ASKED)), gives(field(b'content-range', b'bytes odd'), body=b'abc')),
        Talk('header_integer_overflow', *begin(asks(b'\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f')), S(SETTINGS)),
        Talk('too_many_streams', *begin(*[asks(ASKED, stream=1 + 2 * i) for i in range(300)]), S(SETTINGS)),
        Talk('authority_host_mismatch', *begin(asks(ASKED + field(b'host', b'b.test'))), gives()),
        Talk('userinfo_in_uri', *begin(asks(b'\x82\x86\x84\x01' + text(b'user@a.test'))), gives()),
        Talk('reassembly_limit_reached', *begin(frame(1, 0, 1, ASKED), *[frame(9, 0, 1, field(b'x', b'y' * 16000)) for _ in range(8)], frame(9, 4, 1)), S(SETTINGS)),
        Talk('dns_request_too_long', *over_dns(b'q' * 70000)),
        Talk('dns_request_too_long', *over_dns(b'/dns-query?dns=' + b'q' * 14000, get=True)),
        Talk('dns_response_too_long', *over_dns(dns_message()), gives(field(b'content-type', b'application/dns-message'), body=b'r' * 70000)),
        Talk('data_stream_zero', *begin(frame(0, 0, 0, b'abc')), S(SETTINGS)),
        Talk('too_many_frames', *begin(asks(ASKED, 4), *[frame(8, 0, 1, b'\0\0\0\1') for _ in range(66000)]), S(SETTINGS)),
        Talk('compression_bomb', *begin(asks(ASKED)), gives(field(b'content-encoding', b'gzip'), body=gzip.compress(bytes(6 << 20), mtime=0))),
        Talk('header_table_overflow', *begin(asks(ASKED + b'\x40' + text(b'x') + text(b'y' * 5000))), S(SETTINGS)),
        Talk('continuation_without_headers', *begin(frame(9, 4, 1, ASKED)), S(SETTINGS)),
        Talk('too_long_repeated_headers', *begin(frame(1, 1, 1, ASKED + long_repeat[:15000]), frame(9, 0, 1, long_repeat[15000:30000]), frame(9, 0, 1, long_repeat[30000:45000]), frame(9, 0, 1, long_repeat[45000:60000]), frame(9, 0, 1, long_repeat[60000:75000]), frame(9, 4, 1, long_repeat[75000:])), gives()),
    ]
