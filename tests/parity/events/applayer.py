"""Protocol detection's own oddities (applayer_…): what each side says, and who speaks first."""
from .wire import C, S, Talk

GET, OK = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n', b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
JUNK = bytes((i * 7 + 3) % 251 | 0x80 for i in range(4000))
MAIL = [S(b'220 a ESMTP\r\n'), C(b'EHLO b\r\n'), S(b'250-a\r\n250 STARTTLS\r\n'), C(b'STARTTLS\r\n'), S(b'220 go ahead\r\n')]
HELLO = bytes.fromhex('160301002f0100002b0303') + bytes(range(32)) + bytes.fromhex('000004002f00ff0100')
HELLO = HELLO[:3] + (len(HELLO) - 5).to_bytes(2, 'big') + HELLO[5:6] + (len(HELLO) - 9).to_bytes(3, 'big') + HELLO[9:]


def applayer():
    mismatch, wrong, one, skipped = ('applayer_mismatch_protocol_both_directions', 'applayer_wrong_direction_first_data',
                                     'applayer_detect_protocol_only_one_direction', 'applayer_proto_detection_skipped')
    plain, unexpected = 'applayer_no_tls_after_starttls', 'applayer_unexpected_protocol'
    return [
        Talk(mismatch, C(GET), S(b'SSH-2.0-OpenSSH_9\r\n'), port=80),
        Talk(mismatch, C(b'SSH-2.0-OpenSSH_9\r\n'), S(OK), port=2222),
        Talk(mismatch, S(b'SSH-2.0-OpenSSH_9\r\n'), C(GET), S(OK), port=2223),
        Talk(mismatch, C(HELLO), S(OK), port=443),
        Talk(wrong, S(OK), C(GET), S(OK), port=80),
        Talk(wrong, S(OK), port=8081),
        Talk(wrong, S(GET), C(OK), port=8082),
        Talk(wrong, S(HELLO), C(HELLO), port=443),
        Talk(wrong, S(b'\0\0\0\x40\xffSMB\x72' + bytes(59)), C(b'\0\0\0\x40\xffSMB\x72' + bytes(59)), port=445),
        Talk(wrong, S(b'\x10\x0c\0\4MQTT\4\2\0\x3c\0\0'), C(b'\x20\2\0\0'), port=1883),
        Talk(wrong, C(b'220 a ESMTP\r\n'), S(b'EHLO b\r\n'), port=25),
        Talk(wrong, C(b'RFB 003.008\n'), S(b'RFB 003.008\n'), port=5900),
        Talk(one, C(GET), S(JUNK), port=80),
        Talk(one, C(JUNK), S(OK), port=80),
        Talk(one, C(HELLO), S(JUNK), port=443),
        Talk(one, C(b'SSH-2.0-OpenSSH_9\r\n'), S(JUNK), port=22),
        Talk(skipped, C(JUNK), S(JUNK), port=7777),
        Talk(skipped, C(JUNK * 26), port=7777),
        Talk(skipped, C(b'x'), S(JUNK * 26), port=7777),
        Talk(skipped, C(JUNK * 26), S(b'x'), port=7777, kept=False),
        Talk(skipped, S(JUNK * 26), port=7777, kept=False),
        Talk(skipped, C(JUNK * 24), port=7777, kept=False),
        Talk(skipped, C(b'ab'), S(b'cd'), port=7777),
        Talk(skipped, port=7777),
        Talk(plain, *MAIL, C(b'EHLO b\r\n'), S(b'250 a\r\n'), C(b'QUIT\r\n'), S(b'221 bye\r\n'), port=25),
        Talk(plain, *MAIL, C(JUNK), S(JUNK), port=25),
        Talk(plain, *MAIL, C(GET), S(OK), port=25),
        Talk(plain, *MAIL, C(b'SSH-2.0-OpenSSH_9\r\n'), S(b'SSH-2.0-OpenSSH_9\r\n'), port=25),
        Talk(plain, *MAIL, C(b'EHLO b\r\n'), port=25),
        Talk(plain, *MAIL, C(HELLO), S(b'500 what?\r\n'), port=25),
        Talk(plain, S(b'220 ftp\r\n'), C(b'AUTH TLS\r\n'), S(b'234 go ahead\r\n'), C(b'USER anonymous\r\n'), S(b'331 more\r\n'), port=21),
        Talk(plain, S(b'* OK IMAP4rev1\r\n'), C(b'a1 CAPABILITY\r\n'), S(b'* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK done\r\n'), C(b'a2 STARTTLS\r\n'), S(b'a2 OK begin\r\n'), C(b'a3 LOGIN a b\r\n'),
             S(b'a3 OK\r\n'), port=143),
        Talk(plain, S(b'+OK POP3\r\n'), C(b'CAPA\r\n'), S(b'+OK\r\nSTLS\r\n.\r\n'), C(b'STLS\r\n'), S(b'+OK begin\r\n'), C(b'USER a\r\n'), S(b'+OK\r\n'), port=110),
        Talk(plain, C(b'\0\0\0\x08\x04\xd2\x16\x2f'), S(b'S'), C(b'\0\0\0\x12\0\3\0\0user\0bob\0\0'), S(b'R\0\0\0\x08\0\0\0\0'), port=5432),
        Talk(unexpected, C(b'CONNECT a:22 HTTP/1.1\r\nHost: a:22\r\n\r\n'), S(b'HTTP/1.1 200 OK\r\n\r\n'), C(b'SSH-2.0-OpenSSH_9\r\n'), S(b'SSH-2.0-OpenSSH_9\r\n'), port=3128),
        Talk(unexpected, C(b'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'), S(b'HTTP/1.1 200 OK\r\n\r\n'), C(JUNK), S(JUNK), port=3128),
        Talk(unexpected, C(b'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'), S(b'HTTP/1.1 200 OK\r\n\r\n'), C(GET), S(OK), port=3128),
        Talk(unexpected, C(b'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'), S(b'HTTP/1.1 200 OK\r\n\r\n'), C(HELLO), S(JUNK), port=3128),
        Talk(unexpected, C(b'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n'),
             S(b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'), C(GET), S(OK), port=80),
        Talk(unexpected, C(b'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n'),
             S(b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'), C(GET), S(OK), port=80),
    ]
