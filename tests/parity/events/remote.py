"""RDP, SSH, WebSocket and QUIC: conversations that fill the fields of their records. RECORDS as in records.py; QUIC's first packets are sealed here (RFC 9001, 9369), which needs python3-cryptography."""
import hmac
import struct
import zlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from .tls import certificate, chain, der, extension, handshake, name, record, sni
from .wire import C, S, Talk

H = struct.pack


# RDP (MS-RDPBCGR 2.2.1)

def tpkt(message):
    return b'\3\0' + H('>H', len(message) + 4) + message


def rdp_request(variable=b''):
    return tpkt(bytes([6 + len(variable), 0xe0]) + bytes(5) + variable)


def rdp_confirm(negotiation):
    return tpkt(bytes([6 + len(negotiation), 0xd0, 0, 0, 0x12, 0x34, 0]) + negotiation)


def block(kind, content):
    return H('<HH', kind, 4 + len(content)) + content


def per(size):
    return H('>H', 0x8000 | size)


def wide(text, size):
    return text.encode('utf-16le').ljust(size, b'\0')


def core(size=212, version=0x80005, depth=0xca03, high=24, capabilities=0x07ff, keyboard=4, hint=6, layout=0x407):
    whole = (H('<IHHHHII', version, 1920, 1080, 0xca01, 0xaa03, layout, 19041) + wide('WORKSTATION', 32) + H('<III', keyboard, 0, 12) + bytes(64) + H('<HHIHHH', depth, 1, 0, high, 15, capabilities)
             + wide('76487-OEM-0011903-00107', 64) + bytes([hint, 0]) + H('<I', 1))
    return whole[:size]


def connect_initial(*blocks):
    data = b''.join(blocks)
    conference = b'\0\5\0\x14\x7c\0\1' + per(len(data) + 14) + b'\0\x08\0\x10\0\1\xc0\0Duca' + per(len(data)) + data
    sizes = b''.join(b'\x30\x19' + b''.join(b'\2\1' + bytes([n]) for n in (34, 2, 0, 1, 0, 1)) + b'\2\2\xff\xff' + b'\2\1\2' for _ in range(3))
    members = b'\4\1\1\4\1\1\1\1\xff' + sizes + b'\4\x82' + H('>H', len(conference)) + conference
    return tpkt(b'\2\xf0\x80\x7f\x65\x82' + H('>H', len(members)) + members)


CHANNELS = block(0xc003, H('<I', 3) + b''.join(each.ljust(8, b'\0') + H('<I', 0x80800000) for each in (b'rdpdr', b'rdpsnd', b'cliprdr')))
SECURITY, CLUSTER = block(0xc002, H('<II', 3, 0)), block(0xc004, H('<II', 13, 0))
ANSWERED = S(tpkt(b'\2\xf0\x80\x7f\x66\x82\0\x0c\x0a\1\0\2\1\0' + bytes(6)))


def rdp():
    cookie, plain = b'Cookie: mstshash=alice\r\n', b'\1\0\x08\0\0\0\0\0'
    asked = (C(rdp_request(cookie + plain)), S(rdp_confirm(b'\2\x1f\x08\0\0\0\0\0')))
    hello = extension(43, b'\2\3\3') + sni(b'host.test')
    secure = [
        C(rdp_request(cookie + b'\1\0\x08\0\3\0\0\0')), S(rdp_confirm(b'\2\x1f\x08\0\2\0\0\0')),
        C(record(22, handshake(1, b'\3\3' + b'r' * 32 + b'\0' + H('>HH', 2, 0x9c) + b'\1\0' + H('>H', len(hello)) + hello))),
        S(record(22, handshake(2, b'\3\3' + b'q' * 32 + b'\0\0\x9c\0')) + record(22, chain(certificate(serial=der(2, b'\x5a\xbc')), certificate(subject=name(b'issuer'), serial=der(2, b'\0\xff')))) + record(22, handshake(14, b''))),
    ]
    return [
        [*asked, C(connect_initial(block(0xc001, core()), SECURITY, CLUSTER, CHANNELS)), ANSWERED],
        [*asked, C(connect_initial(block(0xc001, core(128, 0x80001, keyboard=7, layout=0x409)))), ANSWERED],
        [*asked, C(connect_initial(block(0xc001, core(212, 0x8000d, 0xca01, 16, 0, 9, 0, 0x99)), CHANNELS)), ANSWERED],
        [C(rdp_request()), S(rdp_confirm(b''))], *[[C(rdp_request(plain)), S(rdp_confirm(b'\3\0\x08\0' + H('<I', code)))] for code in (1, 2, 3, 4, 5, 6)], secure,
    ]


# SSH (RFC 4253)

def ssh_packet(payload):
    pad = 16 - (5 + len(payload)) % 8
    return H('>IB', 1 + len(payload) + pad, pad) + payload + bytes(pad)


def exchange(*names):
    return ssh_packet(b'\x14' + b'c' * 16 + b''.join(H('>I', len(each)) + each for each in names) + bytes(5))


def ssh():
    mine = exchange(b'curve25519-sha256,ext-info-c', b'ssh-ed25519,rsa-sha2-512', b'chacha20-poly1305@openssh.com,aes128-ctr', b'aes256-ctr', b'hmac-sha2-256', b'hmac-sha2-512', b'none,zlib', b'none', b'', b'')
    theirs = exchange(b'curve25519-sha256', b'ssh-ed25519', b'aes128-ctr', b'aes192-ctr', b'hmac-sha1', b'hmac-sha2-256', b'none', b'zlib@openssh.com', b'', b'')
    keys = ssh_packet(b'\x15')
    return [
        [S(b'SSH-2.0-OpenSSH_9.7 Debian-1\r\n'), C(b'SSH-2.0-PuTTY_Release_0.80\r\n'), C(mine), S(theirs), C(ssh_packet(b'\x1e' + bytes(36))), S(ssh_packet(b'\x1f' + bytes(100)) + keys), C(keys), C(b'e' * 64), S(b'e' * 64)],
        [C(b'SSH-1.99-Cisco-1.25\n' + mine), S(b'SSH-2.0-dropbear\r\n' + theirs), C(keys), S(keys)],
    ]


# WebSocket (RFC 6455, 7692)

def ws(opcode, data, mask=None, fin=True, packed=False):
    size = len(data)
    head = bytes([(0x80 if fin else 0) | (0x40 if packed else 0) | opcode]) + (bytes([size | (0x80 if mask else 0)]) if size < 126 else bytes([126 | (0x80 if mask else 0)]) + H('>H', size))
    return head + (mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)) if mask else data)


def websocket():
    asks = b'GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'
    grants = b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n'
    deflate = b'Sec-WebSocket-Extensions: permessage-deflate\r\n'
    up, down = zlib.compressobj(wbits=-15), zlib.compressobj(wbits=-15)

    def squeeze(coder, data):
        return (coder.compress(data) + coder.flush(zlib.Z_SYNC_FLUSH))[:-4]
    mask = b'\1\2\3\4'
    return [
        [C(asks + b'\r\n'), S(grants + b'\r\n'), C(ws(1, b'hello', mask)), S(ws(1, b'welcome')), C(ws(2, bytes(range(40)), mask)), C(ws(1, b'in two ', mask, fin=False)), C(ws(0, b'parts', mask)), S(ws(2, b'y' * 300)),
         C(ws(9, b'ping', mask)), S(ws(10, b'ping')), S(ws(8, H('>H', 1000) + b'bye')), C(ws(8, H('>H', 1000), mask))],
        [C(asks + deflate + b'\r\n'), S(grants + deflate + b'\r\n'), C(ws(1, squeeze(up, b'the same words again and again'), mask, packed=True)), S(ws(1, squeeze(down, b'an answer of the server'), packed=True)),
         C(ws(1, squeeze(up, b'the same words again and again'), mask, packed=True)), C(ws(1, b'not packed', mask)), S(ws(8, H('>H', 1001)))],
    ]


# QUIC 1 (RFC 9000, 9001), 2 (RFC 9369), draft 29, Google's

SALTS = {1: '38762cf7f55934b34d179ae6a4c80cadccbb7f0a', 0x6b3343cf: '0dede3def700a6db819381be6e269dcbf9bd2ed9', 0xff00001d: 'afbfec289993d24c9e9786f19c6111e04390a899'}
CID = bytes.fromhex('8394c8f03e515708')


def expand(secret, label, size):
    info = H('>HB', size, 6 + len(label)) + b'tls13 ' + label + b'\0'
    return HKDFExpand(algorithm=hashes.SHA256(), length=size, info=info).derive(secret)


def varint(value):
    return H('>B', value) if value < 64 else H('>H', 0x4000 | value) if value < 16384 else H('>I', 0x80000000 | value)


def crypto(offset, data):
    return b'\6' + varint(offset) + varint(len(data)) + data


def initial(version, client, number, frames, pad=1100):
    """A protected Initial packet; the client's connection id gives the keys of both sides."""
    second = version == 0x6b3343cf
    prefix = b'quicv2 ' if second else b'quic '
    secret = expand(hmac.digest(bytes.fromhex(SALTS[version]), CID, 'sha256'), b'client in' if client else b'server in', 32)
    key, nonce, hide = expand(secret, prefix + b'key', 16), expand(secret, prefix + b'iv', 12), expand(secret, prefix + b'hp', 16)
    text = frames + bytes(max(0, pad - len(frames)))
    first = (0xd0 if second else 0xc0) | 3
    target, source = (CID, b'') if client else (b'', b'serverid')
    head = bytes([first]) + H('>I', version) + bytes([len(target)]) + target + bytes([len(source)]) + source + b'\0' + varint(4 + len(text) + 16) + H('>I', number)
    body = AESGCM(key).encrypt(bytes(a ^ b for a, b in zip(nonce, bytes(8) + H('>I', number))), text, head)
    coder = Cipher(algorithms.AES(hide), modes.ECB()).encryptor()
    mask = coder.update(body[:16])
    hidden = bytearray(head)
    hidden[0] ^= mask[0] & 15
    for i in range(4):
        hidden[len(head) - 4 + i] ^= mask[1 + i]
    return bytes(hidden) + body


def quic_hello(host):
    offered = b''.join([sni(host), extension(16, b'\0\3\2h3'), extension(43, b'\2\3\4'), extension(10, H('>HHH', 4, 29, 23)), extension(13, H('>HHH', 4, 0x0403, 0x0804)),
                        extension(51, H('>HHH', 36, 29, 32) + b'k' * 32), extension(57, b'\1\4\x80\0\xea\x60\3\2\x45\xc0')])
    return handshake(1, b'\3\3' + b'r' * 32 + b'\0' + H('>HHH', 4, 0x1301, 0x1302) + b'\1\0' + H('>H', len(offered)) + offered)


def quic_answer():
    chosen = extension(43, b'\3\4') + extension(51, H('>HH', 29, 32) + b'K' * 32)
    return handshake(2, b'\3\3' + b'q' * 32 + b'\0\x13\1\0' + H('>H', len(chosen)) + chosen)


def quic_of(version, host):
    return [C(initial(version, True, 0, crypto(0, quic_hello(host)))), S(initial(version, False, 0, b'\2\0\0\0\0' + crypto(0, quic_answer())))]


def quic_pieces():
    """The hello in five pieces, out of order, over two packets, with pings and padding between them."""
    hello = quic_hello(b'pieces.test')
    cut = [0, 20, 60, 100, 130, len(hello)]
    part = [crypto(cut[i], hello[cut[i]:cut[i + 1]]) for i in range(5)]
    return [C(initial(1, True, 0, part[3] + b'\1\0\0' + part[1] + b'\1' + part[0])), C(initial(1, True, 1, part[4] + bytes(9) + part[2])), S(initial(1, False, 0, crypto(0, quic_answer())))]


def google_hello(*tags):
    at, index, values = 0, b'', b''
    for tag, value in tags:
        at += len(value)
        index += tag.ljust(4, b'\0') + H('<I', at)
        values += value
    return b'CHLO' + H('<HH', len(tags), 0) + index + values


def google():
    tags = [(b'PAD', b'-' * 700), (b'SNI', b'google.test'), (b'VER', b'Q046'), (b'UAID', b'agent/1')]
    hello = google_hello(*tags)
    # Q043's public header has a flag for the version, one for the connection id and one packet number; behind the message's hash comes a frame of stream 1.
    old = b'\x0d' + CID + b'Q043' + b'\1' + b'h' * 12 + b'\xa0\1' + H('>H', len(hello)) + hello
    newer = b'\xc3Q046\x50' + CID + H('>I', 1) + b'h' * 12 + b'\xa0\1' + H('>H', len(hello)) + hello
    return [C(old)], [C(newer)]


RECORDS = {
    'quic': [(True, 443, turns) for turns in (quic_of(1, b'one.test'), quic_of(0x6b3343cf, b'two.test'), quic_of(0xff00001d, b'draft.test'), quic_pieces(), *google())],
    'rdp': [(False, 3389, turns) for turns in rdp()],
    'ssh': [(False, 22, turns) for turns in ssh()],
    'websocket': [(False, 80, turns) for turns in websocket()],
}
RECORDS = {case: [(datagrams, port, Talk(case, *turns)) for datagrams, port, turns in talks] for case, talks in RECORDS.items()}

OPTIONS = {
    'quic': ({}, {'quic': {'ja3-fingerprints': 'yes', 'ja4-fingerprints': 'yes'}}),
    'ssh': ({}, {'ssh': {'hassh': 'yes'}}),
    'websocket': ({'alert': {'websocket-payload-printable': 'yes'}}, {}),
}

# What the frames carry shows in alerts alone.
RULES = {
    'websocket': (['alert websocket any any -> any any (msg:"text"; websocket.opcode:text; sid:1;)', 'alert websocket any any -> any any (msg:"words"; websocket.payload; content:"again"; sid:2;)'], ['alert']),
}
