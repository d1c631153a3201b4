"""Conversations as captures: Talk('name', C(bytes), S(bytes), …) is one flow, with a client port of its own."""
import socket
import struct

CLIENT, SERVER = '10.0.0.1', '10.0.0.2'
START = 1_700_000_000_000_000
SEGMENT = 1400


class C(bytes):
    """What the client says at once."""


class S(bytes):
    """What the server says at once."""


class Beside:
    """A connection that begins and ends in the middle of another, opened by the same host or (`active`) by the other one; C is who opens it."""

    def __init__(self, client, server, *turns, active=False):
        self.client, self.server, self.turns, self.active = client, server, turns, active


class Talk:
    """One flow. `aim` is the event it is made for; turns of a datagram protocol are datagrams; `kept`: it may become part of a golden case; `host`: a client of its own."""

    def __init__(self, aim, *turns, port=0, sport=0, end=True, note='', kept=True, host=CLIENT):
        self.aim, self.turns, self.port, self.sport, self.end, self.note, self.kept, self.host = aim, turns, port, sport, end, note, kept, host


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(source, target, protocol, segment, at):
    a, b = socket.inet_aton(source), socket.inet_aton(target)
    total = checksum(a + b + struct.pack('!BBH', 0, protocol, len(segment)) + segment) or (0xffff if protocol == 17 else 0)
    segment = segment[:at] + struct.pack('!H', total) + segment[at + 2:]
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(segment), 1, 0x4000, 64, protocol, 0, a, b)
    head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
    macs = b'\x02\0\0\0\0\x02\x02\0\0\0\0\x01' if source == CLIENT else b'\x02\0\0\0\0\x01\x02\0\0\0\0\x02'
    return macs + b'\x08\0' + head + segment


class Capture:
    def __init__(self):
        self.frames, self.now = [], START

    def add(self, frame):
        self.now += 500
        self.frames.append((self.now, frame))

    def datagrams(self, talk, client, server):
        for turn in talk.turns:
            up = isinstance(turn, C)
            ports = (client, server) if up else (server, client)
            self.add(packet(CLIENT if up else SERVER, SERVER if up else CLIENT, 17, struct.pack('!HHHH', *ports, 8 + len(turn), 0) + turn, 6))

    def packets(self, talk, client, server):
        """Frames as they are."""
        for turn in talk.turns:
            self.add(bytes(turn))

    def stream(self, talk, client, server, first=None, second=SERVER):
        first = first or talk.host
        next_ = [1000, 5000]

        def segment(side, flags, payload=b''):
            ports = (client, server) if side == 0 else (server, client)
            acknowledged = next_[1 - side] if flags & 0x10 else 0
            head = struct.pack('!HHIIBBHHH', *ports, next_[side], acknowledged, 0x50, flags, 65000, 0, 0)
            self.add(packet(first if side == 0 else second, second if side == 0 else first, 6, head + payload, 16))
            next_[side] += len(payload) + (1 if flags & 3 else 0)

        segment(0, 2)
        segment(1, 0x12)
        segment(0, 0x10)
        for turn in talk.turns:
            if isinstance(turn, Beside):
                self.stream(Talk('', *turn.turns), turn.client, turn.server, *((second, first) if turn.active else (first, second)))
                continue
            side = 0 if isinstance(turn, C) else 1
            for at in range(0, len(turn), SEGMENT):
                segment(side, 0x18, bytes(turn[at:at + SEGMENT]))
                if at % (8 * SEGMENT) == 7 * SEGMENT:
                    segment(1 - side, 0x10)
            segment(1 - side, 0x10)
        if talk.end:
            segment(0, 0x11)
            segment(1, 0x11)
            segment(0, 0x10)

    def save(self, path):
        with open(path, 'wb') as file:
            file.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
            for now, frame in self.frames:
                file.write(struct.pack('<IIII', now // 1_000_000, now % 1_000_000, len(frame), len(frame)) + frame)
