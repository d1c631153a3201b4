"""Packets and flows: the records that tell of no transaction (alert, drop, arp, flow, netflow, anomaly, frame), each whole. RECORDS as in records.py; with None a Talk's turns are frames."""
import socket
import struct

from .mail import mail
from .names import dns_message
from .records import KINDS, element, envelope, message, number, question, text
from .wire import C, CLIENT, S, SERVER, Talk, checksum, packet

H = struct.pack
MACS = b'\2\0\0\0\0\2\2\0\0\0\0\1', b'\2\0\0\0\0\1\2\0\0\0\0\2'


def ethernet(kind, content, up=True):
    return MACS[0 if up else 1] + H('>H', kind) + content


def ip6(protocol, content, up=True, flow=0x12345, tclass=0x28):
    a, b = (socket.inet_pton(socket.AF_INET6, each) for each in (('2001:db8::1', '2001:db8::2') if up else ('2001:db8::2', '2001:db8::1')))
    return ethernet(0x86dd, H('>IHBB', 6 << 28 | tclass << 20 | flow, len(content), protocol, 61) + a + b + content, up)


def udp(source, target, payload):
    return H('>HHHH', source, target, 8 + len(payload), 0) + payload


def tcp(source, target, sequence, acknowledged, flags, payload=b'', window=64240, urgent=0):
    return H('>HHIIBBHHH', source, target, sequence, acknowledged, 0x50, flags, window, 0, urgent) + payload


def icmp(kind, code, rest):
    body = bytes([kind, code, 0, 0]) + rest
    return body[:2] + H('>H', checksum(body)) + body[4:]


def four(protocol, content, up=True, tos=0):
    frame = packet(CLIENT if up else SERVER, SERVER if up else CLIENT, protocol, content + bytes(20), 18)[:34 + len(content)]
    head = bytearray(frame[14:34])
    head[1], head[2:4], head[10:12] = tos, H('>H', 20 + len(content)), b'\0\0'
    return frame[:14] + bytes(head[:10]) + H('>H', checksum(bytes(head))) + bytes(head[12:]) + content


# ARP (RFC 826, RFC 903)

def arp(operation, kind=1, protocol=0x800):
    return ethernet(0x806, H('>HHBBH', kind, protocol, 6, 4, operation) + b'\2\0\0\0\0\1' + socket.inet_aton(CLIENT) + bytes(6) + socket.inet_aton(SERVER) + bytes(18), operation % 2 == 1)


# SCTP (RFC 9260)

def sctp(tag, *chunks, up=True):
    ports = (36412, 3868) if up else (3868, 36412)
    return four(132, H('>HHII', *ports, tag, 0) + b''.join(bytes([kind, flags]) + H('>H', 4 + len(body)) + body + bytes(-len(body) % 4) for kind, flags, body in chunks), up)


def association():
    data = H('>IHHI', 1, 0, 0, 46) + b'attack over sctp'
    return [sctp(0, (1, 0, H('>IIHHI', 1, 65535, 1, 1, 1))), sctp(1, (2, 0, H('>IIHHI', 2, 65535, 1, 1, 1)), up=False), sctp(2, (10, 0, b'cookie')), sctp(1, (11, 0, b''), up=False), sctp(2, (0, 3, data)),
            sctp(1, (3, 0, H('>IIHH', 1, 65535, 0, 0)), up=False), sctp(2, (7, 0, H('>I', 1))), sctp(1, (8, 0, b''), up=False)]


# What is dropped

def dropped():
    return [
        [four(17, udp(20001, 99, b'attack by a datagram'), tos=0xb8)], [ip6(17, udp(20002, 99, b'attack by version 6'))], [four(1, icmp(8, 0, H('>HH', 7, 9) + b'attack by a ping'))],
        [ip6(58, icmp(128, 0, H('>HH', 7, 9) + b'attack by a ping'))],
        [four(6, tcp(20005, 80, 1000, 0, 2)), four(6, tcp(80, 20005, 5000, 1001, 0x12), False), four(6, tcp(20005, 80, 1001, 5001, 0x10)), four(6, tcp(20005, 80, 1001, 5001, 0x18, b'GET /attack HTTP/1.1\r\nHost: a\r\n\r\n')),
         four(6, tcp(80, 20005, 5001, 1035, 0x18, b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), False)],
    ]


# Alerts that show what the protocol says

def questions():
    whole = KINDS
    return [C(message(1, 0x100, [question('a.test', 255)])), S(message(1, 0x8180, [question('a.test', 255)], whole, [KINDS[4]], [KINDS[0], KINDS[1]])), C(message(2, 0x100, [question('none.test')])),
            S(message(2, 0x8183, [question('none.test')], [], [KINDS[7]]))]


def web():
    return [C(b'GET /first?a=1 HTTP/1.1\r\nHost: a.test\r\nUser-Agent: ua\r\n\r\n'), S(b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nfirst'), C(b'POST /second HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody'),
            S(b'HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone')]


def odd_frames():
    return [four(17, b'\x4e\x21\0\x35\0\xff\0\0short'), ethernet(0x800, b'\x45\0\0\x14' + bytes(4) + b'\x40\x11\0\0'), four(6, tcp(20009, 80, 1, 0, 0x12)), ip6(17, b'\x4e\x21\0\x35'), ethernet(0x800, b'\x65' + bytes(30)), four(1, b'\x63\0\0\0')]


def stray():
    """A segment whose end comes again with other bytes, one without an ACK, a reset."""
    a, b = 20010, 80
    return [four(6, tcp(a, b, 1000, 0, 2)), four(6, tcp(b, a, 5000, 1001, 0x12), False), four(6, tcp(a, b, 1001, 5001, 0x10)), four(6, tcp(a, b, 1001, 5001, 0x18, b'first bytes')), four(6, tcp(a, b, 1006, 5001, 0x18, b'others')),
            four(6, tcp(b, a, 5001, 1012, 0x10), False), four(6, tcp(a, b, 1012, 0, 0x08, b'no ack')), four(6, tcp(a, b, 1012, 5001, 4))]


def search():
    return [C(envelope(1, element(0x60, number(3) + text('') + element(0x80, b'')))), S(envelope(1, element(0x61, number(0, 10) + text('') + text(''))))]


def one(case, datagrams, port, *turns):
    return datagrams, port, Talk(case, *turns)


RECORDS = {
    'alert': [one('alert', True, 53, *questions()), one('alert', False, 80, *web()), one('alert', None, 0, ip6(58, icmp(128, 0, H('>HH', 7, 9) + b'ping of version 6')))],
    'anomaly': [one('anomaly', None, 0, *odd_frames(), *stray()), one('anomaly', True, 53, C(dns_message(0x0140)))],
    'arp': [one('arp', None, 0, *[arp(operation) for operation in (1, 2, 3, 4, 9)], arp(1, 6), arp(1, 1, 0x86dd))],
    'drop': [one('drop', None, 0, *frames) for frames in dropped()],
    'flow': [one('flow', False, 80, *web()), one('flow', True, 53, *questions()), one('flow', None, 0, *stray()), one('flow', None, 0, four(1, icmp(8, 0, H('>HH', 7, 9) + b'ping')), four(1, icmp(0, 0, H('>HH', 7, 9) + b'ping'), False),
             ip6(58, icmp(128, 0, H('>HH', 7, 9) + b'ping'))), one('flow', None, 0, *association()), (False, 80, Talk('flow', C(b'GET / HTTP/1.0\r\n\r\n'), end=False))],
    'frame': [one('frame', True, 53, *questions()), one('frame', False, 80, *web()), one('frame', False, 25, *mail(b'Subject: x\r\n\r\nhello')), one('frame', False, 389, *search())],
    'sctp': [one('sctp', None, 0, *association())],
}

OPTIONS = {
    'alert': ({'alert': {'payload': 'no', 'payload-printable': 'yes', 'metadata': 'yes', 'verdict': 'yes'}, 'http': {'extended': 'yes'}, 'frame': {'enabled': 'yes'}}, {}),  # Where frames are recorded more of the stream is kept, and shown.
    'anomaly': ({'anomaly': {'types': {'decode': 'yes', 'stream': 'yes', 'applayer': 'yes'}, 'packethdr': 'yes'}}, {}), 'arp': ({'arp': {'enabled': 'yes'}}, {}),
    'drop': ({'drop': {'alerts': 'yes', 'flows': 'all', 'verdict': 'yes'}}, {}), 'flow': ({}, {}), 'frame': ({'frame': {'enabled': 'yes'}}, {}),
}
RULES = {
    'alert': (['alert dns any any -> any any (msg:"asked"; dns.query; content:"a.test"; reference:url,a.test/1; metadata:tag one, tag two, deployment Perimeter; sid:1; rev:7; gid:2; priority:2;)',
               'alert dns any any -> any any (msg:"answered"; dns.answers.rrname; content:"a.test"; sid:2;)', 'alert dns any any -> any any (msg:"none"; dns.rcode:3; sid:3;)',
               'alert http any any -> any any (msg:"uri"; http.uri; content:"first"; target:dest_ip; sid:4;)', 'alert http any any -> any any (msg:"gone"; http.stat_code; content:"404"; flowbits:set,seen; sid:5;)',
               'alert icmp any any -> any any (msg:"ping"; itype:128; content:"version 6"; sid:6;)', 'alert http any any -> any any (msg:"file"; flow:to_client; file.data; content:"gone"; sid:7;)'], ['alert']),
    # The copy with other bytes is told where a rule asks.
    'anomaly': (['alert tcp any any -> any any (msg:"other bytes"; stream-event:reassembly_overlap_different_data; sid:1;)'], ['anomaly']), 'arp': ([], ['arp']),
    'drop': (['drop ip any any -> any any (msg:"stop"; content:"attack"; sid:1;)'], ['drop', 'alert', 'flow']), 'flow': ([], ['flow', 'netflow']), 'frame': ([], ['frame']),
    'sctp': (['alert sctp any any -> any 3868 (msg:"found"; content:"attack"; sid:1;)', 'alert ip any any -> any any (msg:"by number"; ip_proto:132; content:"cookie"; sid:2;)'], ['alert', 'flow']),
}
INLINE = {'drop'}

# Why the numbers are not the same with smaller segments.
SEGMENTS = {'flow': 'packets and bytes are counted', 'anomaly': 'anomalies show their packets', 'drop': 'dropped segments are counted', 'frame': 'frames show the segment that they end in'}
