"""SMB 1 and 2: a conversation for each named oddity."""
import struct

from .wire import C, S, Talk

FILE = bytes(range(1, 17))


def le(form, *values):
    return struct.pack('<' + form, *values)


def frame(message):
    return struct.pack('!I', len(message)) + message


def smb2(command, number, body, answer=False, status=0, tree=1):
    return frame(b'\xfeSMB' + le('HHIHHIIQIIQ', 64, 0, status, command, 1, 1 if answer else 0, 0, number, 0, tree, 0x1111) + bytes(16) + body)


def smb1(command, words=b'', data=b'', answer=False, number=1, tree=5):
    return frame(b'\xffSMB' + bytes([command]) + le('IBH', 0, 0x80 if answer else 0, 0xc001) + bytes(12) + le('HHHH', tree, 7, 9, number) + bytes([len(words) // 2]) + words + le('H', len(data)) + data)


NEGOTIATE = smb2(0, 0, le('HHHHI', 36, 2, 1, 0, 0) + bytes(16) + bytes(8) + le('HH', 0x0202, 0x0311))
CONNECT = smb2(3, 1, le('HHHH', 9, 0, 72, 32) + '\\\\srv\\share12345'.encode('utf-16le'), tree=0)
CONNECTED = smb2(3, 1, le('HBB', 16, 1, 0) + bytes(12), answer=True)
CLOSE = smb2(6, 90, le('HHI', 24, 0, 0) + FILE)
CLOSED = smb2(6, 90, le('H', 60) + bytes(58), answer=True)


def negotiated(read=1 << 20, write=1 << 20):
    return smb2(0, 0, le('HHHH', 65, 1, 0x0311, 0) + FILE + le('IIII', 0, 1 << 20, read, write) + bytes(24), answer=True)


def create(name='a.bin'):
    text = name.encode('utf-16le')
    return smb2(5, 2, le('HHI', 57, 0, 2) + bytes(16) + le('IIIIIHH', 1, 0, 7, 1, 0, 120, len(text)) + bytes(8) + text)


def created(size=0):
    return smb2(5, 2, le('HHIQ', 89, 0, 1, 132_000_000_000_000_000) + bytes(24) + le('QQ', 0, size) + bytes(8) + FILE + bytes(8), answer=True)


def write(number, offset, data, claimed=None):
    return smb2(9, number, le('HHIQ', 49, 112, len(data) if claimed is None else claimed, offset) + FILE + bytes(16) + data)


def written(number):
    return smb2(9, number, le('HH', 17, 0) + bytes(13), answer=True)


def read(number, offset, length):
    return smb2(8, number, le('HHIQ', 49, 0x50, length, offset) + FILE + bytes(17))


def given(number, data, claimed=None):
    return smb2(8, number, le('HHI', 17, 0x50, len(data) if claimed is None else claimed) + bytes(8) + data, answer=True)


def setup(token, number=1):
    return smb2(1, number, le('HBB', 25, 0, 1) + bytes(8) + le('HH', 88, len(token)) + bytes(8) + token, tree=0)


def set_up(token=b'', number=1, status=0):
    return smb2(1, number, le('HHHH', 9, 0, 72, len(token)) + token, answer=True, status=status, tree=0)


def authenticate():
    texts = ['DOM'.encode('utf-16le'), 'alice'.encode('utf-16le'), 'PC'.encode('utf-16le')]
    fields, at = b'', 72
    for text in texts:
        fields += le('HHI', len(text), len(text), at)
        at += len(text)
    return b'NTLMSSP\0' + le('I', 3) + bytes(16) + fields + bytes(8) + le('I', 0x02000001) + b'\n\0' + le('H', 17763) + b'\0\0\0\x0f' + b''.join(texts)


NTLM1 = b'NTLMSSP\0' + le('II', 1, 0xe2088297) + bytes(16) + b'\n\0' + le('H', 17763) + b'\0\0\0\x0f'
NTLM2 = b'NTLMSSP\0' + le('IHHI', 2, 0, 0, 56) + le('I', 0x02000001) + b'c' * 8 + bytes(8) + le('HHI', 0, 0, 56) + b'\n\0' + le('H', 17763) + b'\0\0\0\x0f'
MORE = 0xc0000016

SHARE = (C(NEGOTIATE), S(negotiated()), C(CONNECT), S(CONNECTED))
OPEN = SHARE + (C(create()), S(created()))
OLD = (C(smb1(0x72, b'', b'\2PC NETWORK PROGRAM 1.0\0\2NT LM 0.12\0')), S(smb1(0x72, le('H', 1) + bytes(17) + le('I', 0x80000000) + bytes(11), FILE, answer=True)))
OLD_PLAIN = b'\2NT LM 0.12\0'


def chunks(count, step=4096):
    for i in range(count):
        yield C(write(10 + i, (2 + 2 * i) * step, b'w' * 64))
        yield S(written(10 + i))


def pieces(count, step=4096):
    for i in range(count):
        yield C(read(10 + i, (2 + 2 * i) * step, 64))
        yield S(given(10 + i, b'r' * 64))


def smb():
    big = 17 << 20
    old_setup = le('BBHHHHIHIHI', 0xff, 0, 0, 0xffff, 2, 1, 0, 40, 0, 0, 0x80000000)[:24]
    return [
        Talk('internal_error', *SHARE, note='nothing that we know of'),
        Talk('malformed_data', *SHARE, C(b'\0\0\0\x20no message of any version at all')),
        Talk('malformed_data', *SHARE, C(smb2(5, 2, b'\x39\0'))),
        Talk('malformed_data', *OPEN, C(smb2(9, 7, b'\x31\0'))),
        Talk('malformed_data', *OLD, C(smb1(0x2f, b'\xff\0', b''))),
        Talk('record_overflow', *OPEN, C(write(5, 0, b'w' * 20, claimed=4000)), S(written(5))),
        Talk('record_overflow', *OPEN, C(read(5, 0, 4000)), S(given(5, b'r' * 20, claimed=4000))),
        Talk('record_overflow', *OPEN, C(write(5, 0, b'w' * 4000, claimed=20)), S(written(5))),
        Talk('malformed_ntlmssp_request', C(NEGOTIATE), S(negotiated()), C(setup(b'NTLMSSP\0' + le('I', 3) + b'short')), S(set_up())),
        Talk('malformed_ntlmssp_request', C(NEGOTIATE), S(negotiated()), C(setup(NTLM1)), S(set_up(NTLM2, status=MORE)), C(setup(b'NTLMSSP\0' + le('I', 3) + b'\xff' * 60, 2)), S(set_up(number=2))),
        Talk('malformed_ntlmssp_response', C(NEGOTIATE), S(negotiated()), C(setup(NTLM1)), S(set_up(b'NTLMSSP\0' + le('I', 2) + b'short', status=MORE)), C(setup(authenticate(), 2)), S(set_up(number=2))),
        Talk('malformed_ntlmssp_response', C(NEGOTIATE), S(negotiated()), C(setup(NTLM1)), S(set_up(b'\xff' * 40, status=MORE))),
        Talk('duplicate_negotiate', *OLD, *OLD),
        Talk('duplicate_negotiate', C(NEGOTIATE), S(negotiated()), C(NEGOTIATE), S(negotiated())),
        Talk('negotiate_malformed_dialects', C(smb1(0x72, b'', b'\2NT LM 0.12\0\7broken\0')), S(smb1(0x72, le('H', 0) + bytes(32), FILE, answer=True))),
        Talk('negotiate_malformed_dialects', C(smb1(0x72, b'', OLD_PLAIN)), S(smb1(0x72, le('H', 9) + bytes(32), FILE, answer=True))),
        Talk('negotiate_malformed_dialects', C(smb2(0, 0, le('HHHHI', 36, 90, 1, 0, 0) + bytes(16) + bytes(8) + le('HH', 0x0202, 0x0311))), S(negotiated())),
        Talk('file_overlap', *OPEN, C(write(5, 0, b'w' * 3000)), S(written(5)), C(write(6, 1000, b'x' * 3000)), S(written(6)), C(CLOSE), S(CLOSED)),
        Talk('file_overlap', *OPEN, C(write(5, 8000, b'w' * 3000)), S(written(5)), C(write(6, 9000, b'x' * 3000)), S(written(6)), C(CLOSE), S(CLOSED)),
        Talk('file_overlap', *OPEN, C(write(5, 8000, b'w' * 3000)), S(written(5)), C(write(6, 8000, b'x' * 3000)), S(written(6)), C(CLOSE), S(CLOSED)),
        Talk('request_to_client', *OPEN, S(read(5, 0, 100))),
        Talk('response_to_server', *OPEN, C(written(5))),
        Talk('negotiate_max_read_size_too_large', C(NEGOTIATE), S(negotiated(read=big))),
        Talk('negotiate_max_write_size_too_large', C(NEGOTIATE), S(negotiated(write=big))),
        Talk('read_request_too_large', *OPEN, C(read(5, 0, big)), S(given(5, b'r' * 100))),
        Talk('read_response_too_large', *OPEN, C(read(5, 0, 100)), S(given(5, b'r' * 100, claimed=big))),
        Talk('write_request_too_large', *OPEN, C(write(5, 0, b'w' * 100, claimed=big))),
        Talk('read_queue_cnt_exceeded', *OPEN, *pieces(70)),
        Talk('write_queue_cnt_exceeded', *OPEN, *chunks(70)),
        Talk('unusual_ntlmssp_order', C(NEGOTIATE), S(negotiated()), C(setup(NTLM2)), S(set_up(NTLM1, status=MORE))),
        Talk('unusual_ntlmssp_order', C(NEGOTIATE), S(negotiated()), C(setup(NTLM1)), S(set_up(NTLM2, status=MORE)), C(setup(NTLM1, 2)), S(set_up(NTLM2, number=2))),
        Talk('unusual_ntlmssp_order', C(NEGOTIATE), S(negotiated()), C(setup(NTLM1)), S(set_up(authenticate(), status=MORE))),
        Talk('unusual_ntlmssp_order', *OLD, C(smb1(0x73, le('BBHHHHIHII', 0xff, 0, 0, 0xffff, 2, 1, 0, len(NTLM2), 0, 0x80000000), NTLM2 + b'\0')), S(smb1(0x73, le('BBHHH', 0xff, 0, 0, 0, len(NTLM1)), NTLM1, answer=True))),
        Talk('too_many_transactions', *SHARE, *[C(smb2(12, 100 + i, le('HH', 4, 0))) for i in range(1200)], kept=False),
    ]
