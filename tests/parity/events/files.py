"""SMB conversations that fill the fields of its records: version 2 with files, pipes, logins of both kinds and changes of files; version 1 the same way. RECORDS as in records.py."""
import struct

from .optional import REALM, at, encrypted, principal
from .records import SYNTAX
from .smb import CLOSE, CLOSED, CONNECT, CONNECTED, FILE, MORE, NEGOTIATE, NTLM1, NTLM2, authenticate, create, created, given, le, negotiated, read, set_up, setup, smb1, smb2, write, written
from .tls import der
from .wire import C, S, Talk

STATUS_NO_SUCH_FILE, STATUS_LOGON_FAILURE, STATUS_BUFFER_OVERFLOW = 0xc000000f, 0xc000006d, 0x80000005
SRVSVC = bytes.fromhex('c84f324b7016d30112785a47bf6ee188')


def wide(text):
    return text.encode('utf-16le') + b'\0\0'


# DCERPC in a pipe

def rpc(kind, call, body, flags=3):
    return b'\5\0' + bytes([kind, flags]) + b'\x10\0\0\0' + le('HHI', 16 + len(body), 0, call) + body


BIND = rpc(11, 1, le('HHIBBHHBB', 4280, 4280, 0, 1, 0, 0, 0, 1, 0) + SRVSVC + le('HH', 3, 0) + SYNTAX + le('I', 2))
BOUND = rpc(12, 1, le('HHI', 4280, 4280, 7) + le('H', 13) + b'\\PIPE\\srvsvc\0' + b'\0' + b'\1\0\0\0' + le('HH', 0, 0) + SYNTAX + le('I', 2))
ASKS = rpc(0, 2, le('IHH', 24, 0, 15) + b's' * 24)
TELLS = rpc(2, 2, le('IHBB', 40, 0, 0, 0) + b'r' * 40)


# Version 2

def connect(share, number, tree=0):
    path = share.encode('utf-16le')
    return smb2(3, number, le('HHHH', 9, 0, 72, len(path)) + path, tree=tree)


def connected(kind, number, status=0, tree=1):
    return smb2(3, number, le('HBB', 16, kind, 0) + bytes(12), answer=True, status=status, tree=tree)


def opens(name, number, disposition=1, options=0):
    text = name.encode('utf-16le')
    return smb2(5, number, le('HHI', 57, 0, 2) + bytes(16) + le('IIIIIHH', 1, 0, 7, disposition, options, 120, len(text)) + bytes(8) + text)


def opened(number, size=0, status=0):
    if status:
        return smb2(5, number, le('HHI', 9, 0, 0), answer=True, status=status)
    times = [132_000_000_000_000_000 + i * 10_000_000 for i in range(4)]
    return smb2(5, number, le('HHI', 89, 0, 1) + le('QQQQ', *times) + le('QQ', size, size) + bytes(8) + FILE + bytes(8), answer=True)


def closing(number):
    return C(smb2(6, number, le('HHI', 24, 0, 0) + FILE)), S(smb2(6, number, le('H', 60) + bytes(58), answer=True))


def writing(number, offset, data):
    return smb2(9, number, le('HHIQ', 49, 112, len(data), offset) + FILE + bytes(16) + data)


def control(number, function, data, tree=1):
    return smb2(11, number, le('HHI', 57, 0, function) + FILE + le('IIIIIIII', 120, len(data), 0, 120, 0, 1024, 1, 0) + data, tree=tree)


def controlled(number, function, data, status=0, tree=1):
    return smb2(11, number, le('HHI', 49, 0, function) + FILE + le('IIIIII', 112, 0, 112, len(data), 0, 0) + data, answer=True, status=status, tree=tree)


def sets(number, kind, level, data):
    return smb2(17, number, le('HBBIHHI', 33, kind, level, len(data), 96, 0, 0) + FILE + data)


def done(command, number, status=0, size=4):
    return smb2(command, number, le('HH', size, 0) if not status else le('HHI', 9, 0, 0), answer=True, status=status)


def renames(to):
    return b'\0' * 8 + bytes(8) + le('I', 2 * len(to)) + to.encode('utf-16le')


def compound(*messages):
    """Messages behind one another in one frame, each but the last saying where the next begins."""
    parts = []
    for i, message in enumerate(messages):
        body = message[4:]
        if i < len(messages) - 1:
            body += bytes(-len(body) % 8)
            body = body[:20] + le('I', len(body)) + body[24:]
        parts.append(body)
    whole = b''.join(parts)
    return struct.pack('!I', len(whole)) + whole


def asynchronous(number, command):
    """A first answer that only says: later (MS-SMB2 2.2.1.1)."""
    body = b'\xfeSMB' + le('HHIHHIIQQQ', 64, 0, 0x103, command, 1, 3, 0, number, 7, 0x1111) + bytes(16) + le('HHI', 9, 0, 0)
    return struct.pack('!I', len(body)) + body


def smb2_files():
    return [
        C(NEGOTIATE), S(negotiated()), C(setup(NTLM1)), S(set_up(NTLM2, status=MORE)), C(setup(authenticate(), 2)), S(set_up(number=2)),
        C(connect('\\\\srv\\docs', 3)), S(connected(1, 3)), C(opens('new.txt', 4, 2)), S(opened(4)),
        C(writing(5, 0, b'first ')), S(written(5)), C(writing(6, 6, b'second')), S(written(6)), *closing(7),
        C(opens('old.txt', 8)), S(opened(8, 12)), C(read(9, 0, 12)), S(given(9, b'what it has.')), *closing(10),
        C(opens('none.txt', 11)), S(opened(11, status=STATUS_NO_SUCH_FILE)), C(opens('dir', 12, 3, 1)), S(opened(12)), *closing(13),
        C(opens('a.txt', 14)), S(opened(14)), C(sets(15, 1, 10, renames('b.txt'))), S(done(17, 15, size=2)), C(sets(16, 1, 13, b'\1')), S(done(17, 16, size=2)),
        C(sets(17, 1, 20, le('Q', 99))), S(done(17, 17, STATUS_NO_SUCH_FILE)), C(sets(18, 3, 4, bytes(20))), S(done(17, 18, size=2)), *closing(19),
        C(control(20, 0x140204, bytes(24))), S(controlled(20, 0x140204, bytes(24))), C(control(21, 0x60194, b'\\srv\\docs\0')), S(controlled(21, 0x60194, b'', STATUS_NO_SUCH_FILE)),
        C(smb2(16, 22, le('HBBIHHIII', 41, 1, 5, 64, 104, 0, 0, 0, 0) + FILE)), S(smb2(16, 22, le('HHI', 9, 72, 8) + bytes(8), answer=True)),
        C(smb2(14, 23, le('HBBI', 33, 37, 0, 0) + FILE + le('HHI', 96, 2, 1024) + b'*\0')), S(done(14, 23, 0x80000006)),
        C(smb2(13, 24, le('HH', 4, 0))), S(done(13, 24)), C(smb2(4, 25, le('HH', 4, 0))), S(done(4, 25)), C(smb2(2, 26, le('HH', 4, 0))), S(done(2, 26)),
    ]


def smb2_compound():
    """Opening, reading and closing in one frame; a file whose second half comes before its first; a read that is answered later."""
    return [
        C(NEGOTIATE), S(negotiated()), C(CONNECT), S(CONNECTED),
        C(compound(opens('one.txt', 2), writing(3, 0, b'in one frame'), smb2(6, 4, le('HHI', 24, 0, 0) + FILE))), S(compound(opened(2), written(3), smb2(6, 4, le('H', 60) + bytes(58), answer=True))),
        C(opens('two.txt', 5)), S(opened(5)), C(writing(6, 6, b'second')), S(written(6)), C(writing(7, 0, b'first ')), S(written(7)), *closing(8),
        C(opens('late.txt', 9)), S(opened(9, 9)), C(read(10, 0, 9)), S(asynchronous(10, 8)), S(given(10, b'came late')), *closing(11),
        C(opens('both.txt', 12)), S(opened(12, 8)), C(read(13, 0, 4)), C(read(14, 4, 4)), S(given(14, b'half')), S(given(13, b'one ')), *closing(15),
    ]


def smb2_pipe():
    return [
        C(NEGOTIATE), S(negotiated()), C(connect('\\\\srv\\IPC$', 1)), S(connected(2, 1)), C(opens('srvsvc', 2)), S(opened(2)),
        C(writing(3, 0, BIND)), S(written(3)), C(read(4, 0, 1024)), S(given(4, BOUND)), C(control(5, 0x11c017, ASKS)), S(controlled(5, 0x11c017, TELLS)), *closing(6),
    ]


def gss(mechanism, *content):
    return der(0x60, der(6, mechanism), *content)


def kerberos(mechanism=b'\x2a\x86\x48\x86\xf7\x12\x01\x02\x02'):
    ticket = der(0x61, der(0x30, at(0, der(2, b'\5')), at(1, REALM), at(2, principal(b'cifs', b'srv.example.com')), at(3, encrypted(18))))
    request = der(0x6e, der(0x30, at(0, der(2, b'\5')), at(1, der(2, b'\x0e')), at(2, der(3, b'\0\x20\0\0\0')), at(3, ticket), at(4, encrypted(18))))
    token = gss(b'\x2a\x86\x48\x86\xf7\x12\x01\x02\x02', b'\1\0', request)
    return gss(b'\x2b\6\1\5\5\2', at(0, der(0x30, at(0, der(0x30, der(6, mechanism), der(6, b'\x2b\6\1\4\1\x82\x37\2\2\x0a'))), at(2, der(4, token)))))


def spnego(token):
    return gss(b'\x2b\6\1\5\5\2', at(0, der(0x30, at(0, der(0x30, der(6, b'\x2b\6\1\4\1\x82\x37\2\2\x0a'))), at(2, der(4, token)))))


def continued(token):
    return at(1, der(0x30, at(2, der(4, token))))


def smb2_logins():
    accepted = at(1, der(0x30, at(0, der(10, b'\0')), at(1, der(6, b'\x2a\x86\x48\x86\xf7\x12\x01\x02\x02'))))
    return [C(NEGOTIATE), S(negotiated()), C(setup(kerberos())), S(set_up(accepted)), C(smb2(2, 2, le('HH', 4, 0))), S(done(2, 2))], [
        C(NEGOTIATE), S(negotiated()), C(setup(spnego(NTLM1))), S(set_up(continued(NTLM2), status=MORE)), C(setup(continued(authenticate()), 2)), S(set_up(number=2, status=STATUS_LOGON_FAILURE)),
    ]


# Version 1 (MS-CIFS, MS-SMB)

ANDX = b'\xff\0\0\0'


def old_setup(blob, number, system='Windows 7', manager='LM 6.1'):
    texts = wide(system) + wide(manager) + wide('DOM')
    return smb1(0x73, ANDX + le('HHHIHII', 0xffff, 2, 1, 0, len(blob), 0, 0x80000000), blob + bytes(1 - len(blob) % 2) + texts, number=number)


def old_set_up(blob, number, system='Unix', manager='Samba 4'):
    return smb1(0x73, ANDX + le('HH', 0, len(blob)), blob + bytes(1 - len(blob) % 2) + wide(system) + wide(manager) + wide('WORK'), answer=True, number=number)


def old_connect(path, service, number):
    return C(smb1(0x75, ANDX + le('HH', 0, 1), b'\0' + wide(path) + b'?????\0', number=number)), S(smb1(0x75, ANDX + le('H', 1), service + b'\0' + wide('NTFS'), answer=True, number=number))


def old_create(name, number, handle):
    text = wide(name)
    times = [132_000_000_000_000_000 + i * 10_000_000 for i in range(4)]
    return (C(smb1(0xa2, ANDX + le('BHIIIQIIIIIB', 0, len(text) - 2, 0, 0, 1, 0, 0, 7, 1, 0, 2, 0), b'\0' + text, number=number)),
            S(smb1(0xa2, ANDX + le('BHI', 0, handle, 1) + le('QQQQ', *times) + le('IQQHHB', 0x80, 4096, 12, 0, 0, 0), answer=True, number=number)))


def old_write(handle, offset, data, number):
    return (C(smb1(0x2f, ANDX + le('HIIHHHHHI', handle, offset, 0, 0, 0, 0, len(data), 64, 0), b'\0' + data, number=number)), S(smb1(0x2f, ANDX + le('HHHH', len(data), 0, 0, 0), answer=True, number=number)))


def old_read(handle, offset, data, number):
    return (C(smb1(0x2e, ANDX + le('HIHHIHI', handle, offset, 1024, 0, 0, 0, 0), number=number)),
            S(smb1(0x2e, ANDX + le('HHHHHHII', 0, 0, 0, len(data), 60, 0, 0, 0), b'\0' + data, answer=True, number=number)))


def old_close(handle, number):
    return C(smb1(4, le('HI', handle, 0xffffffff), number=number)), S(smb1(4, answer=True, number=number))


def transaction(command, setup_, name, parameters, data, number):
    """SMB_COM_TRANSACTION and _TRANSACTION2."""
    words = 28 + len(setup_)
    at_name = 32 + 1 + words + 2
    ahead = bytes(at_name % 2) + name
    ahead += bytes(-(at_name + len(ahead)) % 4)
    parameter_at = at_name + len(ahead)
    data_at = parameter_at + len(parameters) + (-len(parameters) % 4)
    head = le('HHHHBBHIHHHHHBB', len(parameters), len(data), 64, 1024, 0, 0, 0, 0, 0, len(parameters), parameter_at, len(data), data_at, len(setup_) // 2, 0) + setup_
    return smb1(command, head, ahead + parameters + bytes(-len(parameters) % 4) + data, number=number)


def transacted(command, data, number, parameters=b''):
    parameter_at = 32 + 1 + 20 + 2 + 1
    data_at = parameter_at + len(parameters)
    return smb1(command, le('HHHHHHHHHBB', len(parameters), len(data), 0, len(parameters), parameter_at, 0, len(data), data_at, 0, 0, 0), b'\0' + parameters + data, answer=True, number=number)


def old_negotiation(chosen=1):
    return (C(smb1(0x72, b'', b'\2LANMAN1.0\0\2NT LM 0.12\0')),
            S(smb1(0x72, le('HBHHIIIIQhB', chosen, 3, 50, 1, 16644, 65536, 0, 0x8001f3fd, 132_000_000_000_000_000, -60, 0), FILE + spnego(NTLM2), answer=True)))


def smb1_files():
    return [
        *old_negotiation(), C(old_setup(NTLM1, 2)), S(old_set_up(NTLM2, 2)),
        C(old_setup(authenticate(), 3)), S(old_set_up(b'', 3)), *old_connect('\\\\SRV\\DOCS', b'A:', 4),
        *old_create('\\new.txt', 5, 0x4001), *old_write(0x4001, 0, b'first ', 6), *old_write(0x4001, 6, b'second', 7), *old_close(0x4001, 8),
        *old_create('\\old.txt', 9, 0x4002), *old_read(0x4002, 0, b'what it has.', 10), *old_close(0x4002, 11),
        C(smb1(7, le('H', 0x16), b'\4' + wide('\\a.txt') + b'\4\0' + wide('\\b.txt'), number=12)), S(smb1(7, answer=True, number=12)),
        C(transaction(0x32, le('H', 6), b'', le('HI', 0x102, 0) + wide('\\gone.txt'), b'\1', 13)), S(transacted(0x32, b'', 13, b'\0\0')),
        *old_create('\\c.txt', 14, 0x4003), C(transaction(0x32, le('H', 8), b'', le('HHH', 0x4003, 0x102, 0), b'\1', 15)), S(transacted(0x32, b'', 15, b'\0\0')),
        C(transaction(0x32, le('H', 8), b'', le('HHH', 0x4003, 1010, 0), le('BBHII', 0, 0, 0, 0, 10) + 'd.txt'.encode('utf-16le'), 16)), S(transacted(0x32, b'', 16, b'\0\0')), *old_close(0x4003, 17),
        C(smb1(0x10, b'', b'\4' + wide('\\dir'), number=18)), S(smb1(0x10, answer=True, number=18)), C(smb1(0x71, number=19)), S(smb1(0x71, answer=True, number=19)),
        C(smb1(0x74, ANDX, number=20)), S(smb1(0x74, ANDX, answer=True, number=20)),
    ]


def smb1_pipe():
    name = wide('\\PIPE\\')
    return [
        *old_negotiation(), *old_connect('\\\\SRV\\IPC$', b'IPC', 2), *old_create('\\srvsvc', 3, 0x4001), *old_write(0x4001, 0, BIND, 4), *old_read(0x4001, 0, BOUND, 5),
        C(transaction(0x25, le('HH', 0x26, 0x4001), name, b'', ASKS, 6)), S(transacted(0x25, TELLS, 6)), *old_close(0x4001, 7),
    ]


RECORDS = {
    'smb2': [smb2_files(), smb2_compound(), smb2_pipe(), *smb2_logins()],
    'smb1': [smb1_files(), smb1_pipe()],
}
RECORDS = {case: [(False, 445, Talk(case, *turns)) for turns in talks] for case, talks in RECORDS.items()}
