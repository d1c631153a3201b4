"""TLS: a conversation for each named oddity; certificates are made here, from DER parts that a case may spoil."""
import struct

from .wire import C, S, Talk


def der(tag, *parts):
    body = b''.join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, 'big')
    return bytes([tag, 0x80 | len(size)]) + size + body


def name(text):
    return der(0x30, der(0x31, der(0x30, der(6, b'\x55\x04\x03'), der(0x0c, text))))


RSA = der(0x30, der(6, b'\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b'), der(5))
KEY = der(0x30, RSA, der(3, b'\0' + b'k' * 64))
VALID = der(0x30, der(0x17, b'240101000000Z'), der(0x17, b'340101000000Z'))


def extensions(names):
    alt = der(0x30, *[der(0x82, n) for n in names])
    return der(0xa3, der(0x30, der(0x30, der(6, b'\x55\x1d\x11'), der(4, alt))))


def certificate(**changed):
    part = dict(version=der(0xa0, der(2, b'\2')), serial=der(2, b'\1\2\3\4'), algorithm=RSA, issuer=name(b'issuer'), validity=VALID, subject=name(b'subject'), key=KEY, extensions=extensions([b'a.test']))
    part.update(changed)
    return der(0x30, der(0x30, *part.values()), RSA, der(3, b'\0' + b's' * 64))


def record(kind, body, version=0x0303):
    return struct.pack('!BHH', kind, version, len(body)) + body


def handshake(kind, body):
    return bytes([kind]) + struct.pack('!I', len(body))[1:] + body


def extension(kind, body):
    return struct.pack('!HH', kind, len(body)) + body


def sni(host, kind=0):
    return extension(0, struct.pack('!H', len(host) + 3) + bytes([kind]) + struct.pack('!H', len(host)) + host)


def client_hello(*extra):
    block = b''.join(extra)
    return handshake(1, b'\3\3' + b'r' * 32 + b'\0' + struct.pack('!H', 4) + b'\xc0\x2f\0\x9c' + b'\1\0' + struct.pack('!H', len(block)) + block)


def server_hello():
    return handshake(2, b'\3\3' + b'q' * 32 + b'\0' + b'\0\x9c' + b'\0' + b'\0\0')


def chain(*ders):
    block = b''.join(struct.pack('!I', len(d))[1:] + d for d in ders)
    return handshake(11, struct.pack('!I', len(block))[1:] + block)


HELLO = C(record(22, client_hello(sni(b'a.test'))))
ANSWER = S(record(22, server_hello()))
DONE = record(22, handshake(14, b''))
CCS = record(20, b'\1')


def offer(*extra):
    return C(record(22, client_hello(*extra))), ANSWER


def shows(cert):
    return HELLO, S(record(22, server_hello()) + record(22, chain(cert)) + DONE)


def shows_message(message):
    return HELLO, S(record(22, server_hello()) + record(22, message) + DONE)


def encrypted():
    return (HELLO, S(record(22, server_hello()) + record(22, chain(certificate())) + DONE), C(record(22, handshake(16, b'k' * 66)) + CCS + record(22, b'e' * 40)), S(CCS + record(22, b'e' * 40)))


def tls():
    return [
        Talk('invalid_sslv2_header', C(b'\x80\x02\x01\x03\x01'), note='hello of SSLv2 of two bytes'),
        Talk('invalid_sslv2_header', HELLO, S(b'\x80\x02\x04\0\0')),
        Talk('invalid_tls_header', HELLO, S(b'\x16\x09\x09\0\5abcde')),
        Talk('invalid_record_version', HELLO, ANSWER, C(b'\x16\x05\x03\0\5abcde')),
        Talk('invalid_record_type', HELLO, ANSWER, C(b'\x20\x03\x03\0\5abcde')),
        Talk('invalid_record_length', HELLO, ANSWER, C(b'\x16\x03\x03\0\0')),
        Talk('invalid_record_length', HELLO, ANSWER, C(b'\x17\x03\x03\xff\xff' + b'z' * 100)),
        Talk('invalid_handshake_message', HELLO, S(record(22, server_hello()) + record(22, b'\x63\xff\xff\xff' + b'z' * 20))),
        Talk('invalid_handshake_message', HELLO, ANSWER, C(record(22, b'\x63\0\0\4zzzz'))),
        Talk('invalid_certificate', *shows(b'\x30\x82\x7f\xff\x30\x03\2\1\1')),
        Talk('invalid_certificate', *shows(b'')),
        Talk('certificate_invalid_length', *shows_message(handshake(11, b'\0\xff\xff' + b'z' * 20))),
        Talk('certificate_invalid_length', *shows_message(handshake(11, b'\0\0\6\0\xff\xffabc'))),
        Talk('certificate_invalid_length', *shows(b'\x30\x82')),
        Talk('error_message_encountered', HELLO, S(b'\x80\x03\0\0\1')),
        Talk('error_message_encountered', C(b'\x80\x2e\x01\0\2\0\x15\0\0\0\x10' + bytes(range(21)) + bytes(16)), S(b'\x80\x03\0\0\1')),
        Talk('invalid_ssl_record', HELLO, S(b'no record at all, but text\r\n')),
        Talk('invalid_ssl_record', HELLO, ANSWER, C(b'no record at all, but text\r\n'), S(b'neither this\r\n')),
        Talk('heartbeat_message', HELLO, ANSWER, C(record(24, b'\1\0\4abcd' + bytes(16)))),
        Talk('overflow_heartbeat_message', HELLO, ANSWER, C(record(24, b'\1\x40\0abcd'))),
        Talk('invalid_heartbeat_message', HELLO, ANSWER, C(record(24, b'\7\0\4abcd' + bytes(16)))),
        Talk('invalid_heartbeat_message', HELLO, ANSWER, C(record(24, b'\1\0'))),
        Talk('dataleak_heartbeat_mismatch', *encrypted(), C(record(24, b'x' * 40)), S(record(24, b'y' * 4000))),
        Talk('multiple_sni_extensions', *offer(sni(b'a.test'), sni(b'b.test'))),
        Talk('invalid_sni_type', *offer(sni(b'a.test', 7))),
        Talk('invalid_sni_length', *offer(extension(0, b'\0\x09\0\0\xffa.test'))),
        Talk('invalid_sni_length', *offer(extension(0, b'\0\3\0\0\0'))),
        Talk('handshake_invalid_length', C(record(22, handshake(1, b'\3\3' + b'r' * 32 + b'\xff' + b'z' * 20))), ANSWER),
        Talk('handshake_invalid_length', C(record(22, handshake(1, b'\3\3' + b'r' * 32 + b'\0\xff\xff' + b'z' * 20))), ANSWER),
        Talk('handshake_invalid_length', HELLO, S(record(22, handshake(2, b'\3\3' + b'r' * 32 + b'\xff' + b'z' * 20)))),
        Talk('too_many_records_in_packet', HELLO, ANSWER, C(record(23, b'z') * 230)),
        Talk('too_many_records_in_packet', *encrypted(), C(record(23, b'z') * 3000)),
        Talk('certificate_invalid_version', *shows(certificate(version=b'\xa0\x03\2\7\2', serial=b''))),
        Talk('certificate_invalid_version', *shows(certificate(version=der(0xa0, der(4, b'\2'))))),
        Talk('certificate_invalid_version', *shows(der(0x30, der(0x30, der(0xa0, der(2, b'\2')))))),
        Talk('certificate_invalid_serial', *shows(certificate(serial=der(4, b'\1')))),
        Talk('certificate_invalid_serial', *shows(certificate(serial=b''))),
        Talk('certificate_invalid_algorithmidentifier', *shows(certificate(algorithm=der(2, b'\1')))),
        Talk('certificate_invalid_algorithmidentifier', *shows(certificate(algorithm=der(0x30, der(2, b'\1'))))),
        Talk('certificate_invalid_x509name', *shows(certificate(issuer=der(0x30, der(0x31, der(2, b'\1')))))),
        Talk('certificate_invalid_x509name', *shows(certificate(subject=der(0x30, der(0x30, der(2, b'\1')))))),
        Talk('certificate_invalid_x509name', *shows(certificate(subject=der(0x30, der(0x31, der(0x30, der(2, b'\1'), der(2, b'\1'))))))),
        Talk('certificate_invalid_x509name', *shows(certificate(issuer=der(0x30, der(0x31, der(0x30, der(6, b''), der(0x0c, b'x'))))))),
        Talk('certificate_invalid_x509name', *shows(certificate(issuer=der(0x30, der(0x31))))),
        Talk('certificate_invalid_date', *shows(certificate(validity=der(0x30, der(0x17, b'zz0101000000Z'), der(0x17, b'340101000000Z'))))),
        Talk('certificate_invalid_date', *shows(certificate(validity=der(0x30, der(2, b'\1'), der(2, b'\1'))))),
        Talk('certificate_invalid_date', *shows(certificate(validity=der(0x30, der(0x17, b'241301000000Z'), der(0x17, b'340132000000Z'))))),
        Talk('certificate_invalid_extensions', *shows(certificate(extensions=der(0xa3, der(0x30, der(2, b'\1')))))),
        Talk('certificate_invalid_extensions', *shows(certificate(extensions=der(0xa3, b'\x30\x50\x30')))),
        Talk('certificate_invalid_extensions', *shows(certificate(extensions=der(0xa3, der(2, b'\1'))))),
        Talk('certificate_invalid_der', *shows(der(0x31, der(0x30, der(2, b'\1'))))),
        Talk('certificate_invalid_der', *shows(der(2, b'\1'))),
        Talk('certificate_invalid_subject', *shows(certificate(subject=der(2, b'\1')))),
        Talk('certificate_invalid_subject', *shows(certificate(subject=b'', key=b'', extensions=b''))),
        Talk('certificate_invalid_issuer', *shows(certificate(issuer=der(2, b'\1')))),
        Talk('certificate_invalid_issuer', *shows(certificate(issuer=b'', validity=b'', subject=b'', key=b'', extensions=b''))),
        Talk('certificate_invalid_validity', *shows(certificate(validity=der(2, b'\1')))),
        Talk('certificate_invalid_validity', *shows(certificate(validity=b'', subject=b'', key=b'', extensions=b''))),
        Talk('invalid_alert_message', HELLO, S(record(21, b'\2'))),
        Talk('invalid_alert_message', HELLO, S(record(21, b'\2\x28\0'))),
        Talk('too_many_subject_alternative_names', *shows(certificate(extensions=extensions([b'n%04d.test' % i for i in range(1300)])))),
    ]
