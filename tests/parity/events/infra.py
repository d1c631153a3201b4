"""IKE, MQTT, NFS, SIP, RFB, DNP3 and the like: a conversation for each named oddity."""
import struct

from .wire import C, S, Talk


# IKE (RFC 2408, RFC 7296)

def payload(next_, body):
    return struct.pack('!BBH', next_, 0, 4 + len(body)) + body


def ike_message(first, body, version=0x20, exchange=34, flags=8, responder=bytes(8), extra=b''):
    return b'i' * 8 + responder + struct.pack('!BBBBII', first, version, exchange, flags, 0, 28 + len(body) + len(extra)) + body + extra


def proposal(*transforms, protocol=1, last=True, number=1):
    block = b''
    for i, (kind, identifier) in enumerate(transforms):
        block += struct.pack('!BBHBBH', 0 if i == len(transforms) - 1 else 3, 0, 8, kind, 0, identifier)
    return struct.pack('!BBHBBBB', 0 if last else 2, 0, 8 + len(block), number, protocol, 0, len(transforms)) + block


def sa(*proposals):
    return payload(34, b''.join(proposals)) + payload(40, struct.pack('!HH', 14, 0) + b'k' * 16) + payload(0, b'n' * 16)


def ike2(*proposals, **more):
    return ike_message(33, sa(*proposals), **more)


SOUND = ((1, 20), (2, 5), (3, 12), (4, 14))


def transform1(*attributes):
    return b''.join(struct.pack('!HH', 0x8000 | kind, value) for kind, value in attributes)


def ike1(*transforms, flags=0, responder=bytes(8)):
    block = b''
    for i, attributes in enumerate(transforms):
        body = transform1(*attributes)
        block += struct.pack('!BBHBBH', 0 if i == len(transforms) - 1 else 3, 0, 8 + len(body), i + 1, 1, 0) + body
    chosen = struct.pack('!BBHBBBB', 0, 0, 8 + len(block), 1, 1, 0, len(transforms)) + block
    return ike_message(1, payload(0, struct.pack('!II', 1, 1) + chosen), 0x10, 2, flags, responder)


def ike():
    return [
        Talk('malformed_data', C(b'i' * 8 + bytes(8) + b'\x21\x20\x22\x08\0\0\0\0\0\0\0\x40short'), port=500),
        Talk('no_encryption', C(ike2(proposal((1, 20), (2, 5), (4, 14), protocol=2))), port=500),
        Talk('weak_crypto_enc', C(ike2(proposal((1, 2), (2, 5), (3, 12), (4, 14)))), port=500),
        Talk('weak_crypto_prf', C(ike2(proposal((1, 20), (2, 1), (3, 12), (4, 14)))), port=500),
        Talk('weak_crypto_dh', C(ike2(proposal((1, 20), (2, 5), (3, 12), (4, 1)))), port=500),
        Talk('weak_crypto_auth', C(ike2(proposal((1, 20), (2, 5), (3, 1), (4, 14)))), port=500),
        Talk('weak_crypto_no_dh', C(ike2(proposal((1, 20), (2, 5), (3, 12)))), port=500),
        Talk('weak_crypto_no_dh', C(ike2(proposal(*SOUND))), S(ike2(proposal((1, 20), (2, 5), (3, 12)), flags=0x20, responder=b'r' * 8)), port=500),
        Talk('weak_crypto_no_auth', C(ike2(proposal((1, 12), (2, 5), (4, 14)))), port=500),
        Talk('invalid_proposal', C(ike2(proposal((1, 20), (2, 0), (3, 12), (4, 14)))), port=500),
        Talk('unknown_proposal', C(ike2(proposal((1, 20), (2, 5), (3, 12), (4, 14), (99, 1)))), port=500),
        Talk('payload_extra_data', C(ike2(proposal(*SOUND), extra=b'behind the last payload')), port=500),
        Talk('payload_extra_data', C(ike_message(33, payload(0, proposal(*SOUND) + b'rest'))), port=500),
        Talk('payload_extra_data', C(ike1(((1, 7), (2, 4), (3, 1), (4, 14))) + b'behind the datagram'), port=500),
        Talk('multiple_server_proposal', C(ike2(proposal(*SOUND, last=False), proposal(*SOUND, number=2))), S(ike2(proposal(*SOUND, last=False), proposal(*SOUND, number=2), flags=0x20, responder=b'r' * 8)), port=500),
        Talk('multiple_server_proposal', C(ike1(((1, 7), (2, 4), (3, 1), (4, 14)), ((1, 5), (2, 2), (3, 1), (4, 2)))), S(ike1(((1, 7), (2, 4), (3, 1), (4, 14)), ((1, 5), (2, 2), (3, 1), (4, 2)), responder=b'r' * 8)), port=500),
    ]


# MQTT

def mqtt_packet(kind, flags, body):
    size, out = len(body), b''
    while True:
        out += bytes([size % 128 | (128 if size >= 128 else 0)])
        size //= 128
        if not size:
            return bytes([kind << 4 | flags]) + out + body


def mstring(text):
    return struct.pack('!H', len(text)) + text


CONNECT = mqtt_packet(1, 0, mstring(b'MQTT') + b'\4\2\0\x3c' + mstring(b'c'))
CONNECT5 = mqtt_packet(1, 0, mstring(b'MQTT') + b'\5\2\0\x3c\0' + mstring(b'c'))
CONNACK = mqtt_packet(2, 0, b'\0\0')
CONNACK5 = mqtt_packet(2, 0, b'\0\0\0')
MEET = (C(CONNECT), S(CONNACK))


def mqtt():
    properties = b''.join(b'\x26' + mstring(b'k') + mstring(b'v') for _ in range(40))
    return [
        Talk('missing_connect', C(mqtt_packet(12, 0, b'')), S(CONNACK), port=1883),
        Talk('missing_connect', S(CONNACK), C(CONNECT), port=1883),
        Talk('missing_publish', *MEET, S(mqtt_packet(4, 0, b'\0\7')), port=1883),
        Talk('missing_subscribe', *MEET, S(mqtt_packet(9, 0, b'\0\7\0')), port=1883),
        Talk('missing_unsubscribe', *MEET, S(mqtt_packet(11, 0, b'\0\7')), port=1883),
        Talk('double_connect', *MEET, C(CONNECT), port=1883),
        Talk('unintroduced_message', C(CONNECT), C(mqtt_packet(3, 0, mstring(b't') + b'x')), port=1883),
        Talk('unintroduced_message', C(mqtt_packet(3, 0, mstring(b't') + b'x')), C(CONNECT), port=1883),
        Talk('invalid_qos_level', *MEET, C(mqtt_packet(3, 6, mstring(b't') + b'\0\1x')), port=1883),
        Talk('invalid_qos_level', *MEET, C(mqtt_packet(8, 2, b'\0\1' + mstring(b't') + b'\7')), port=1883),
        Talk('missing_msg_id', *MEET, C(mqtt_packet(3, 2, mstring(b't'))), port=1883),
        Talk('missing_msg_id', *MEET, C(mqtt_packet(8, 0, mstring(b't') + b'\0')), port=1883),
        Talk('missing_msg_id', *MEET, C(mqtt_packet(3, 0, mstring(b't') + b'\0\1x')), port=1883),
        Talk('unassigned_msg_type', *MEET, C(mqtt_packet(0, 0, b'')), port=1883),
        Talk('too_many_transactions', *MEET, C(b''.join(mqtt_packet(3, 2, mstring(b't') + struct.pack('!H', i) + b'x') for i in range(1, 1300))), port=1883),
        Talk('malformed_traffic', *MEET, C(mqtt_packet(3, 2, b'\xff\xffab')), port=1883),
        Talk('too_many_messages', *MEET, C(b''.join(mqtt_packet(3, 2, mstring(b't') + b'\0\1x') for i in range(1, 1300))), port=1883),
        Talk('too_many_properties', C(CONNECT5), S(CONNACK5), C(mqtt_packet(3, 0, mstring(b't') + bytes([len(properties) % 128 | 128, len(properties) // 128]) + properties + b'x')), port=1883),
    ]


# ONC RPC and NFS

def call(procedure, version=3, program=100003, body=b'', xid=7, credentials=b'\0' * 8):
    message = struct.pack('!IIIIII', xid, 0, 2, program, version, procedure) + credentials + b'\0' * 8 + body
    return struct.pack('!I', 0x80000000 | len(message)) + message


def reply(body=b'', xid=7, state=0):
    message = struct.pack('!III', xid, 1, 0) + b'\0' * 8 + struct.pack('!I', state) + body
    return struct.pack('!I', 0x80000000 | len(message)) + message


def nfs():
    handle = struct.pack('!I', 8) + b'h' * 8
    lookup = handle + struct.pack('!I', 1) + b'f\0\0\0'
    return [
        Talk('malformed_data', C(call(3, body=b'\0\0\0\xff' + b'h' * 8)), S(reply(b'\0\0\0\0')), port=2049),
        Talk('malformed_data', C(call(3, body=lookup)), S(reply(b'\0\0')), port=2049),
        Talk('non_existing_version', C(call(1, version=9)), S(reply()), port=2049),
        Talk('non_existing_version', C(call(1, version=3, body=handle)), S(reply(b'\0\0\0\0' + bytes(84))), C(call(1, version=9, xid=8)), S(reply(xid=8)), port=2049),
        Talk('unsupported_version', C(call(1, version=1)), S(reply()), port=2049),
        Talk('unsupported_version', C(call(1, version=3, body=handle)), S(reply(b'\0\0\0\0' + bytes(84))), C(call(1, version=1, xid=8)), S(reply(xid=8)), port=2049),
        Talk('too_many_transactions', C(b''.join(call(3, body=lookup, xid=i) for i in range(1, 1300))), port=2049),
    ]


def ntp():
    ask, answer = bytes([0x23]) + bytes(47), bytes([0x24, 2]) + bytes(46)
    return [
        Talk('malformed_data', C(ask), S(answer), C(ask[:20]), port=123),
        Talk('malformed_data', C(ask), S(answer), C(ask + b'\0\1\0\7xyz'), port=123),
        Talk('malformed_data', C(ask), S(answer), S(b'\xff' * 48), port=123),
        Talk('unsolicited_response', S(answer), port=123),
        Talk('unsolicited_response', C(ask), S(answer), S(answer), port=123),
    ]


# SIP

INVITE = b'INVITE sip:b@b.test SIP/2.0\r\nVia: SIP/2.0/UDP a.test;branch=z9hG4bK1\r\nFrom: <sip:a@a.test>;tag=1\r\nTo: <sip:b@b.test>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n'
TRYING = b'SIP/2.0 100 Trying\r\nVia: SIP/2.0/UDP a.test;branch=z9hG4bK1\r\nFrom: <sip:a@a.test>;tag=1\r\nTo: <sip:b@b.test>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n'


def sip():
    return [
        Talk('incomplete_data', C(INVITE[:60]), port=5060),
        Talk('incomplete_data', C(INVITE), S(TRYING), C(INVITE[:60]), port=5060),
        Talk('invalid_data', C(INVITE), S(b'\x01\x02 no message\r\n\r\n'), port=5060),
        Talk('invalid_data', C(INVITE), S(TRYING), C(b'INVITE sip:b\x01@b.test QQQ/9\r\n: x\r\n\r\n'), port=5060),
        Talk('headers_too_long', C(INVITE), S(TRYING), C(INVITE[:-4] + b'\r\nX: ' + b'y' * 40000 + b'\r\n\r\n'), port=5060),
    ]


def rfb():
    hello = (S(b'RFB 003.008\n'), C(b'RFB 003.008\n'))
    return [
        Talk('unimplemented_security_type', *hello, S(b'\1\x13'), C(b'\x13'), port=5900),
        Talk('unknown_security_result', *hello, S(b'\1\2'), C(b'\2'), S(b'c' * 16), C(b'r' * 16), S(b'\0\0\0\7'), port=5900),
        Talk('malformed_message', *hello, S(b'\0'), S(b'\0\0\0\4oops'), port=5900),
        Talk('malformed_message', *hello, S(b'\1\2'), C(b'\2'), S(b'c' * 16), C(b'r' * 16), S(b'\0\0\0\0'), C(b'\1'), S(b'\xff' * 24 + b'\0\0\0\0'), port=5900),
        Talk('malformed_message', S(b'RFB 003.008\n'), C(b'RFB 00x.00y\n'), S(b'\1\2'), port=5900),
        Talk('confused_state', *hello, C(b'\1\1'), S(b'\1\2'), port=5900),
        Talk('too_long_string', *hello, S(b'\1\2'), C(b'\2'), S(b'c' * 16), C(b'r' * 16), S(b'\0\0\0\1' + struct.pack('!I', 2000) + b'x' * 2000), port=5900),
    ]


# DNP3

def crc(data):
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xa6bc if value & 1 else 0)
    return struct.pack('<H', ~value & 0xffff)


def link(user, control=0xc4, target=1, source=2, length=None, bad=()):
    head = b'\x05\x64' + bytes([5 + len(user) if length is None else length, control]) + struct.pack('<HH', target, source)
    out = head + (b'\0\0' if 'head' in bad else crc(head))
    for at in range(0, len(user), 16):
        block = user[at:at + 16]
        out += block + (b'\0\0' if 'data' in bad else crc(block))
    return out


def application(function=1, objects=b'', sequence=0, transport=0xc0):
    return bytes([transport | sequence & 0x3f, 0xc0 | sequence & 0xf, function]) + objects


def dnp3():
    ask = link(application(1, b'\x3c\2\6'))
    return [
        Talk('flooded', *[C(link(application(1, b'\x3c\2\6', i))) for i in range(700)], port=20000),
        Talk('len_too_small', C(ask), C(link(b'', length=2)), port=20000),
        Talk('bad_link_crc', C(ask), C(link(application(1, b'\x3c\2\6'), bad=('head',))), port=20000),
        Talk('bad_transport_crc', C(ask), C(link(application(1, b'\x3c\2\6'), bad=('data',))), port=20000),
        Talk('malformed', C(ask), C(link(b'\xc0')), port=20000),
        Talk('malformed', C(ask), C(link(application(1, b'\x01\2\0'))), port=20000),
        Talk('malformed', C(ask), C(link(application(1, b'\x0c\1\x28\xff'))), port=20000),
        Talk('malformed', C(ask), C(link(application(2, b'\x01\2\1\5'))), port=20000),
        Talk('unknown_object', C(ask), C(link(application(1, b'\xff\xff\6'))), port=20000),
        Talk('unknown_object', C(ask), C(link(application(2, b'\xff\xff\0\0\1xx'))), port=20000),
        Talk('too_many_points', C(ask), C(link(application(2, b'\x01\1\1\0\0\xff\xff' + bytes(200)))), port=20000),
        Talk('too_many_objects', C(ask), C(link(application(1, b'\x3c\2\6' * 70))), port=20000),
        Talk('too_long_reassembly', C(ask), *[C(link(bytes([i & 0x3f | (0x40 if i == 0 else 0)]) + (b'\xc0\1' if i == 0 else b'\0\0') + bytes(240))) for i in range(80)], port=20000),
    ]
