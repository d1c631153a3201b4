"""Crafted conversations for packetdiff.py: a sound session of some kind, then a few things done to it that a network or an attacker may do.

Everything comes from the number of the case, so that a difference can be made again. The number is also in the addresses (10.P.H.L and 11.P.H.L,
2001:db8:P::H:L), where P chooses the reassembly policy of the configuration.
"""
import ipaddress
import random
import struct

POLICIES = ['bsd', 'bsd-right', 'old-linux', 'linux', 'old-solaris', 'solaris', 'hpux10', 'hpux11', 'irix', 'macos', 'windows', 'vista', 'windows2k3', 'first', 'last']
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << n for n in range(8))
REQUEST = b'GET /needle/index.html HTTP/1.1\r\nHost: example.test\r\nUser-Agent: case\r\n\r\n'
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 96\r\n\r\n' + b'0123456789 needle of the answer '[:32] * 3
LINES = b''.join(b'line %03d with a needle in it\r\n' % n for n in range(12))


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Segment:
    """One TCP segment before it becomes bytes; side 0 is the client."""

    def __init__(self, side, seq, ack, flags, payload=b'', options=b'', window=64000, urgent=0):
        self.side, self.seq, self.ack, self.flags, self.payload, self.options = side, seq, ack, flags, payload, options
        self.window, self.urgent, self.bad, self.ttl, self.cut, self.gap = window, urgent, False, 64, 0, 0.0005

    def copy(self, **changes):
        other = Segment(self.side, self.seq, self.ack, self.flags, self.payload, self.options, self.window, self.urgent)
        other.__dict__.update(self.__dict__)
        other.__dict__.update(changes)
        return other

    def __str__(self):
        names = ''.join(n for bit, n in zip((SYN, ACK, FIN, RST, PSH, URG, ECE, CWR), 'SAFRPUEC') if self.flags & bit)
        return (f'{"<-" if self.side else "->"} {names or "-"} seq {self.seq & 0xffffffff} ack {self.ack & 0xffffffff} len {len(self.payload)} win {self.window}'
                f'{" opt " + self.options.hex() if self.options else ""}{" urg %d" % self.urgent if self.urgent else ""}{" BADSUM" if self.bad else ""} {self.payload[:24]!r}')


class Case:
    def __init__(self, number, only=None, plain=False):
        self.number, self.random, self.notes, self.frames = number, random.Random(number * 7919 + 13), [], []
        self.policy = number % len(POLICIES)
        self.only = only
        self.v6 = self.random.random() < 0.2
        kind = self.random.choices(('tcp', 'udp', 'icmp', 'other'), (80, 8, 6, 6))[0]
        if only:
            kind = only
        self.notes.append(kind)
        self.plain = plain
        self.wrap = '' if plain else self.pick_wrap()
        getattr(self, 'make_' + kind)()

    def addresses(self):
        tail = (self.number >> 8) & 0xff, self.number & 0xff
        if self.v6:
            return [ipaddress.IPv6Address(f'2001:db8:{self.policy:x}:{side}::{tail[0]:x}:{tail[1] + 1:x}').packed for side in (1, 2)]
        return [bytes((10 + side, self.policy, *tail)) for side in (0, 1)]

    # ---- TCP sessions

    def session(self):
        r = self.random
        isn = [r.choice((1000, 0xffffff00, 0x7fffff00, r.getrandbits(32))), r.choice((5000, 0xfffffff0, r.getrandbits(32)))]
        stamps = r.random() < 0.4
        clock = [r.getrandbits(31), r.getrandbits(31)]
        scale = r.choice((None, 0, 2, 7, 14))
        seq = [isn[0], isn[1]]
        out = []

        def stamp(side):
            clock[side] += 3
            return b'\x01\x01\x08\x0a' + struct.pack('!II', clock[side] & 0xffffffff, clock[1 - side] & 0xffffffff) if stamps else b''

        def send(side, flags, payload=b'', options=b''):
            out.append(Segment(side, seq[side], seq[1 - side] if flags & ACK else 0, flags, payload, options + stamp(side)))
            seq[side] += len(payload) + bool(flags & SYN) + bool(flags & FIN)

        syn = b'\x02\x04\x05\xb4' + (b'\x01\x03\x03' + bytes((scale,)) if scale is not None else b'') + r.choice((b'', b'\x04\x02\x01\x01'))
        kind = r.choices(('plain', 'four', 'fastopen', 'midstream', 'split'), (86, 4, 5, 4, 1))[0]
        if kind == 'four':
            self.notes.append('4-way handshake')
            send(0, SYN, b'', syn)
            out.append(Segment(1, seq[1], 0, SYN, b'', syn + stamp(1)))
            seq[1] += 1
            seq[0] -= 1
            send(0, SYN | ACK, b'', syn)
            send(1, ACK)
        elif kind == 'split':
            self.notes.append('simultaneous open, both SYN/ACK')
            send(0, SYN, b'', syn)
            out.append(Segment(1, seq[1], 0, SYN, b'', syn + stamp(1)))
            out.append(Segment(0, seq[0] - 1, seq[1] + 1, SYN | ACK, b'', syn + stamp(0)))
            out.append(Segment(1, seq[1], seq[0], SYN | ACK, b'', syn + stamp(1)))
            seq[1] += 1
        elif kind == 'fastopen':
            self.notes.append('fast open')
            data = r.choice((REQUEST, REQUEST[:20], b''))
            send(0, SYN, data, syn + r.choice((b'\x22\x0a12345678', b'\x22\x02', b'\xfe\x0c\xf9\x8912345678')) + (b'\1\1' if True else b''))
            if r.random() < 0.3:
                seq[0] = isn[0] + 1
            send(1, SYN | ACK, b'', syn)
            send(0, ACK)
        elif kind == 'plain':
            send(0, SYN, b'', syn)
            send(1, SYN | ACK, b'', syn if r.random() < 0.8 else b'')
            send(0, ACK)
        else:
            self.notes.append('midstream')
            seq = [isn[0] + 1, isn[1] + 1]
        talk = r.choice(([(0, REQUEST), (1, ANSWER)], [(0, REQUEST), (1, ANSWER), (0, REQUEST), (1, ANSWER)], [(0, LINES), (1, LINES)], [(1, LINES), (0, LINES)], [(0, LINES[:60])], []))
        self.port = 80 if talk and talk[0][1] is REQUEST else r.choice((80, 4000, 25, 443))
        for side, data in talk:
            size = max(r.choice((len(data), len(data), 40, 17, 7, 1)), len(data) // 5)
            every = r.choice((1, 1, 2, 100))
            for n, at in enumerate(range(0, len(data), size)):
                send(side, ACK | PSH, data[at:at + size])
                if n % every == 0:
                    send(1 - side, ACK)
            send(1 - side, ACK)
        end = r.choices(('fin', 'fin3', 'rst', 'none', 'both', 'server'), (40, 15, 15, 15, 5, 10))[0]
        first = 1 if end == 'server' else 0
        if end in ('fin', 'server'):
            send(first, FIN | ACK)
            send(1 - first, ACK)
            send(1 - first, FIN | ACK)
            send(first, ACK)
        elif end == 'fin3':
            send(0, FIN | ACK)
            send(1, FIN | ACK)
            send(0, ACK)
        elif end == 'rst':
            send(r.randrange(2), RST | r.choice((0, ACK)))
        elif end == 'both':
            out.append(Segment(0, seq[0], seq[1], FIN | ACK, b'', stamp(0)))
            out.append(Segment(1, seq[1], seq[0], FIN | ACK, b'', stamp(1)))
            out.append(Segment(0, seq[0] + 1, seq[1] + 1, ACK, b'', stamp(0)))
            out.append(Segment(1, seq[1] + 1, seq[0] + 1, ACK, b'', stamp(1)))
        return out

    def mutate(self, s):
        """One thing done to the segments, and its name."""
        r = self.random
        n = r.randrange(len(s))
        p = s[n]
        kind = r.choice(('drop', 'repeat', 'repeat later', 'swap', 'late', 'split', 'overlap', 'overlap', 'seq', 'ack', 'flags', 'window', 'options', 'badsum', 'cut',
                         'urgent', 'rst', 'fin', 'reuse', 'synack', 'syn', 'keepalive', 'probe', 'one-sided', 'first lost', 'data after', 'ttl', 'bare', 'beyond', 'stamp', 'offset'))
        where = f'{kind} #{n}'
        if kind == 'drop':
            del s[n]
        elif kind == 'repeat':
            s.insert(n + 1, p.copy())
        elif kind == 'repeat later':
            s.insert(min(len(s), n + r.randrange(1, 8)), p.copy())
        elif kind == 'swap' and n + 1 < len(s):
            s[n], s[n + 1] = s[n + 1], s[n]
        elif kind == 'late':
            s.insert(min(len(s) - 1, n + r.randrange(1, 6)), s.pop(n))
        elif kind == 'split' and len(p.payload) > 1:
            at = r.randrange(1, len(p.payload))
            s[n:n + 1] = [p.copy(payload=p.payload[:at]), p.copy(payload=p.payload[at:], seq=p.seq + at)]
        elif kind == 'overlap' and p.payload:
            shift, more = r.randrange(-6, len(p.payload) + 2), r.randrange(-4, 12)
            data = (p.payload + b'~' * 40)[max(0, shift):max(1, len(p.payload) + more)] or b'!'
            if r.random() < 0.7:
                data = bytes(c ^ 1 for c in data)
            s.insert(n + r.randrange(-1, 3) if n else n, p.copy(seq=p.seq + shift, payload=data))
            where += f' {shift:+}'
        elif kind == 'seq':
            step = r.choice((-1, 1, 2, -20, 20, 3000, -3000, 70000, -70000, 1 << 30, 1 << 31))
            p.seq += step
            where += f' {step:+}'
        elif kind == 'ack':
            step = r.choice((-1, 1, -10, 10, 500, -500, 70000, -70000, 1 << 31))
            p.ack += step
            where += f' {step:+}'
        elif kind == 'flags':
            bit = r.choice((FIN, SYN, RST, PSH, ACK, URG, ECE, CWR))
            p.flags ^= bit
            where += f' {bit:#x}'
        elif kind == 'window':
            p.window = r.choice((0, 1, 100, 512, 65535))
        elif kind == 'options':
            p.options = r.choice((b'\x08\x0a\0\0\0\0\0\0\0\0\1\1', b'\x08\x09\0\0', b'\x02\x03\0\0', b'\x02\x04\0\1', b'\x03\x03\x0f\0', b'\x05\x0a\0\0\0\1\0\0\0\2\1\1',
                                  b'\x13\x12' + b'm' * 16 + b'\1\1', b'\x1d\x10' + b'a' * 14, b'\x01\x01\x01\x01', b'\x00\x01\x02\x03', b'\x05\x09\0\0', b'\xff\x20\0\0', b'\x02\x00\0\0', b'\x08\x0a'
                                  + struct.pack('!II', r.getrandbits(32), r.getrandbits(32)) + b'\1\1', b'\x02\x04\x05\xb4\x02\x04\x05\xb4', b'\x22\x05\0\0\0\1\1\1', b'\x04\x03\x01\x01'))
        elif kind == 'stamp' and b'\x08\x0a' in p.options:
            at = p.options.index(b'\x08\x0a') + 2
            value, echo = struct.unpack('!II', p.options[at:at + 8])
            step = r.choice((-1, -1000, 1000, 1 << 31, -value))
            p.options = p.options[:at] + struct.pack('!II', (value + step) & 0xffffffff, r.choice((echo, 0))) + p.options[at + 8:]
            where += f' {step:+}'
        elif kind == 'badsum':
            p.bad = True
        elif kind == 'cut':
            p.cut = r.randrange(1, 30)
        elif kind == 'urgent':
            p.flags |= URG
            p.urgent = r.choice((0, 1, 3, len(p.payload), len(p.payload) + 1, 0xffff))
        elif kind == 'rst':
            step = r.choice((0, 0, 0, len(p.payload), 1, -1, 5000, 100000))
            flags = RST | r.choice((0, ACK, ACK | PSH))
            s.insert(n, p.copy(side=p.side, seq=p.seq + step, flags=flags, payload=r.choice((b'', b'', b'reset data')), ack=p.ack if flags & ACK else r.choice((0, 0, 77))))
            where += f' {step:+}'
        elif kind == 'fin':
            s.insert(n, p.copy(flags=FIN | r.choice((ACK, ACK, PSH | ACK, 0)), payload=r.choice((b'', b'', p.payload)), seq=p.seq + r.choice((0, 0, len(p.payload), 1, 9000))))
        elif kind == 'reuse':
            again = self.session()
            s[n:] = (s[n:] if r.random() < 0.3 else []) + again
        elif kind == 'synack':
            s.insert(n, p.copy(side=r.choice((1, 1, 0)), flags=SYN | ACK, payload=b'', seq=r.choice((p.seq, p.seq - 1, 12345)), ack=p.ack + r.choice((0, 1, 99))))
        elif kind == 'syn':
            s.insert(n, p.copy(side=r.choice((0, 0, 1)), flags=SYN | r.choice((0, 0, ECE | CWR)), payload=r.choice((b'', b'', b'data in syn')), seq=r.choice((p.seq, p.seq - 1, p.seq + 1, 98765)), ack=0))
        elif kind == 'keepalive':
            s.insert(n + 1, p.copy(seq=p.seq + len(p.payload) - 1, payload=r.choice((b'', b'\0')), flags=ACK))
            if r.random() < 0.5:
                s.insert(n + 2, Segment(1 - p.side, p.ack, p.seq + len(p.payload), ACK, b'', p.options))
        elif kind == 'probe':
            s.insert(n, Segment(1 - p.side, p.ack, p.seq, ACK, b'', p.options, window=0))
            s.insert(n + 1, p.copy(payload=p.payload[:1] or b'x'))
        elif kind == 'one-sided':
            side = r.randrange(2)
            s[:] = [q for q in s if q.side != side] or s
            where = f'{kind} {side}'
        elif kind == 'first lost':
            count = r.randrange(1, 4)
            s[:] = s[count:] or s
            where = f'{kind} {count}'
        elif kind == 'data after':
            s.append(p.copy(flags=ACK | PSH, payload=b'late needle', seq=s[-1].seq + len(s[-1].payload)))
        elif kind == 'ttl':
            p.ttl = r.choice((1, 0, 255))
        elif kind == 'bare':
            s.insert(n, p.copy(payload=b'', flags=r.choice((0, PSH, URG, FIN | SYN, SYN | RST, FIN | URG | PSH, 0xff))))
        elif kind == 'beyond':
            s.insert(n, p.copy(payload=b'beyond needle', seq=p.seq + r.choice((65535, 64000, 63990, 1 << 20)), flags=ACK | PSH))
        elif kind == 'offset':
            p.cut = -r.choice((4, 8, 16, 40))
        else:
            return self.mutate(s)
        return where

    def make_tcp(self):
        r = self.random
        s = self.session()
        for _ in range(r.choices((0, 1, 2, 3, 4), (3, 40, 30, 17, 10))[0]):
            if s:
                self.notes.append(self.mutate(s))
        self.segments = s
        self.ports = [30000 + self.number % 20000, self.port]
        fragment = r.random() < 0.08 and not self.plain
        for n, p in enumerate(s):
            datagram = self.tcp_bytes(p)
            if fragment and len(p.payload) > 16:
                self.fragments(p.side, 6, datagram, n)
            else:
                self.send(p.side, 6, datagram, p.ttl, n)

    def tcp_bytes(self, p):
        options = p.options + b'\0' * (-len(p.options) % 4)
        options = options[:40]
        offset = 5 + len(options) // 4
        if p.cut < 0:
            offset = max(0, min(15, offset + (-p.cut // 4 - 5)))
        a, b = self.addresses()[::-1 if p.side else 1]
        x, y = self.ports[::-1 if p.side else 1]
        header = struct.pack('!HHIIBBHHH', x, y, p.seq & 0xffffffff, p.ack & 0xffffffff, offset << 4, p.flags, p.window, 0, p.urgent)
        raw = header + options + p.payload
        total = self.l4_sum(a, b, 6, raw)
        raw = raw[:16] + struct.pack('!H', total ^ (0x5555 if p.bad else 0)) + raw[18:]
        return raw[:-p.cut] if p.cut > 0 else raw

    @staticmethod
    def l4_sum(a, b, protocol, raw):
        return checksum(a + b + (struct.pack('!BBH', 0, protocol, len(raw)) if len(a) == 4 else struct.pack('!IHBB', len(raw), 0, 0, protocol)) + raw)

    # ---- other transports

    def make_udp(self):
        r = self.random
        self.ports = [30000 + self.number % 20000, r.choice((5000, 53, 4000, 123))]
        for n in range(r.randrange(1, 6)):
            side = r.choice((0, 0, 1))
            data = r.choice((b'', b'needle', LINES, b'x', bytes(1200)))
            a, b = self.addresses()[::-1 if side else 1]
            x, y = self.ports[::-1 if side else 1]
            length = 8 + len(data) + r.choices((0, 1, -1, 100, -100), (86, 4, 4, 3, 3))[0]
            raw = struct.pack('!HHHH', x, y, max(0, length), 0) + data
            total = self.l4_sum(a, b, 17, raw) ^ r.choices((0, 0x1234), (92, 8))[0]
            raw = raw[:6] + struct.pack('!H', r.choices((total, 0), (94, 6))[0]) + raw[8:]
            raw = raw[:r.randrange(12)] if r.random() < 0.05 else raw
            if len(raw) > 40 and r.random() < 0.6:
                self.fragments(side, 17, raw, n)
            else:
                self.send(side, 17, raw, 64, n)

    def make_icmp(self):
        r = self.random
        for n in range(r.randrange(1, 5)):
            side = n % 2
            a, b = self.addresses()[::-1 if side else 1]
            inner = bytes(r.getrandbits(8) for _ in range(r.choice((0, 4, 8, 28, 40, 64))))
            if r.random() < 0.6:
                inner = self.ip(b, a, 17, struct.pack('!HHHH', 53, 1000, 8, 0)) if r.random() < 0.7 else self.ip(b, a, 6, struct.pack('!HHIIHHI', 80, 1000, 1, 1, 0x5010, 100, 0))
                inner = inner[:r.choice((200, 28, 24, 20, 10))]
            kind = r.choice((0, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 40, 250)) if not self.v6 else r.choice((1, 2, 3, 4, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 143, 151, 200, 0, 5))
            raw = bytes((kind, r.choice((0, 0, 1, 3, 9, 20)), 0, 0)) + struct.pack('!HH', self.number & 0xffff, n) + inner
            total = checksum(raw) if not self.v6 else self.l4_sum(a, b, 58, raw)
            raw = raw[:2] + struct.pack('!H', total ^ r.choices((0, 0x101), (92, 8))[0]) + raw[4:]
            raw = raw[:r.randrange(9)] if r.random() < 0.08 else raw
            self.send(side, 58 if self.v6 else 1, raw, 64, n)

    def make_other(self):
        r = self.random
        for n in range(r.randrange(1, 4)):
            protocol = r.choice((132, 2, 50, 47, 4, 41, 0, 43, 44, 51, 59, 60, 135, 139, 140, 255, 103, 1, 58, 6, 17, 115, 94))
            raw = bytes(r.choice((0, 0, 0, 1, 2, 4, 8, 0x40, 0x45, 0x60, 0x80, 0xff, 6, 17, 58)) for _ in range(r.choice((0, 1, 2, 3, 4, 7, 8, 12, 16, 24, 40, 60))))
            if protocol == 132:
                raw = struct.pack('!HHII', 1000, 2000, 1, 0) + raw
            self.send(n % 2, protocol, raw, 64, n)

    # ---- IP

    def ip(self, a, b, protocol, payload, ttl=64, ident=None, fragment=0):
        r = self.random
        if len(a) == 16:
            return struct.pack('!IHBB', 6 << 28, len(payload), protocol, ttl) + a + b + payload
        options = b''
        if r.random() < 0.03 and not self.plain:
            options = r.choice((b'\x07\x07\x04\0\0\0\0\0', b'\x44\x08\x05\0\0\0\0\0', b'\x83\x07\x04\1\2\3\4\0', b'\x94\x04\0\0', b'\x01\x01\x01\0', b'\x07\x02\0\0', b'\x44\x03\0\0', b'\x82\x0b\0\0\0\0\0\0\0\0\0\0',
                                b'\xc9\x04\0\0', b'\x94\x04\0\0\x94\x04\0\0', b'\x88\x04\0\1', b'\x86\x06\0\0\0\1\0\0', b'\x44\xff\0\0', b'\x55\x04\0\0', b'\x07\x00\0\0'))
        size = 5 + len(options) // 4
        total = size * 4 + len(payload)
        header = struct.pack('!BBHHHBBH', 0x40 | size, 0, total & 0xffff, self.number * 31 + 7 & 0xffff if ident is None else ident, fragment, ttl, protocol, 0) + a + b + options
        return header[:10] + struct.pack('!H', checksum(header)) + header[12:] + payload

    def chain(self, protocol, payload):
        """IPv6 extension headers before the payload, sound ones and others."""
        r = self.random
        for _ in range(r.choices((0, 1, 2, 4), (70, 15, 10, 5))[0]):
            kind = r.choice((0, 43, 60, 60, 51, 44, 135, 139, 140))
            body = r.choice((b'\x01\x04\0\0\0\0', b'\0\0\0\0\0\0', b'\x05\x02\0\0\x01\0', b'\xc2\x04\0\0\0\0', b'\x01\x05\0\0\0\0', b'\x3e\x04\0\0\0\0', b'\x80\x01\0\0\0\0', b'\xc9\x04\1\2\3\4'))
            if kind == 43:
                body = r.choice((b'\0\0\0\0\0\0', b'\x02\x01\0\0\0\0', b'\x04\0\0\0\0\0'))
            if kind == 51:
                payload = bytes((protocol, 4, 0, r.choice((0, 0, 0, 1)))) + bytes(8 + 12) + payload
            elif kind == 44:
                payload = bytes((protocol, r.choice((0, 0, 1)))) + struct.pack('!HI', r.choice((0, 0, 2, 6)), self.number) + payload
            else:
                payload = bytes((protocol, r.choices((0, 1, 40, 255), (90, 5, 3, 2))[0])) + body + payload
            protocol = kind
        return protocol, payload

    def send(self, side, protocol, payload, ttl, n):
        a, b = self.addresses()[::-1 if side else 1]
        if self.v6 and not self.plain:
            protocol, payload = self.chain(protocol, payload)
        self.frame(side, self.ip(a, b, protocol, payload, ttl), n)

    def fragments(self, side, protocol, payload, n):
        r = self.random
        a, b = self.addresses()[::-1 if side else 1]
        size = r.choice((8, 16, 24, 48, 256, 600))
        ident = self.number * 31 + n & 0xffff
        pieces = [(at, payload[at:at + size], at + size < len(payload)) for at in range(0, len(payload), size)]
        for _ in range(r.choices((0, 1, 2, 3), (30, 40, 20, 10))[0]):
            at = r.randrange(len(pieces))
            offset, data, more = pieces[at]
            kind = r.choice(('drop', 'repeat', 'swap', 'overlap', 'overlap', 'long', 'last', 'odd', 'short', 'reverse', 'big'))
            self.notes.append(f'fragment {kind} {n}.{at}')
            if kind == 'drop' and len(pieces) > 1:
                del pieces[at]
            elif kind == 'repeat':
                pieces.insert(r.randrange(len(pieces) + 1), pieces[at])
            elif kind == 'swap':
                r.shuffle(pieces)
            elif kind == 'overlap':
                shift = r.choice((-16, -8, 0, 8, 16))
                pieces.insert(r.randrange(len(pieces) + 1), (max(0, offset + shift), bytes(c ^ 1 for c in data) + bytes(r.choice((0, 8, 16))), more))
            elif kind == 'long':
                pieces[at] = (offset, data + b'longer..' * r.choice((1, 2)), more)
            elif kind == 'last':
                pieces[at] = (offset, data, not more)
            elif kind == 'odd':
                pieces[at] = (offset, data[:-1] if len(data) > 1 else data, more)
            elif kind == 'short':
                pieces[at] = (offset, data[:r.choice((0, 1, 4))], more)
            elif kind == 'reverse':
                pieces.reverse()
            elif kind == 'big':
                pieces[at] = (65528 - r.choice((0, 8)), data, more)
        for offset, data, more in pieces[:40]:
            if self.v6:
                head = bytes((protocol, r.choices((0, 5), (95, 5))[0])) + struct.pack('!HI', (offset // 8 << 3) | more | r.choices((0, 2), (97, 3))[0], ident)
                kind, rest = self.chain(44, head + data) if r.random() < 0.1 else (44, head + data)
                self.frame(side, self.ip(a, b, kind, rest), n)
            else:
                flags = (0x2000 if more else 0) | r.choices((0, 0x4000, 0x8000), (96, 2, 2))[0] | (offset // 8 & 0x1fff)
                self.frame(side, self.ip(a, b, protocol, data, 64, ident, flags), n)

    # ---- link and tunnels

    def pick_wrap(self):
        r = self.random
        kind = r.choices(('', 'vlan', 'qinq', 'vlan3', 'mpls', 'mpls2', 'pppoe', 'gre', 'grekey', 'gre1', 'vxlan', 'geneve', 'ipip', '6in4', '4in6', 'erspan1', 'erspan2', 'ah', 'vntag', 'etag', 'teredo', 'gtp',
                          'nsh', 'mplseth', 'grevlan', 'twice'), (60, 6, 4, 2, 2, 2, 2) + (2,) * 19)[0]
        if kind:
            self.notes.append(kind)
        return kind

    def outer(self, side, protocol, payload):
        a, b = (bytes((10 + s, 100, (self.number >> 8) & 0xff, self.number & 0xff)) for s in ((1, 0) if side else (0, 1)))
        header = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(payload) & 0xffff, 1, 0, 64, protocol, 0) + a + b
        return header[:10] + struct.pack('!H', checksum(header)) + header[12:] + payload

    def udp(self, side, source, port, payload):
        return self.outer(side, 17, struct.pack('!HHHH', source, port, 8 + len(payload) & 0xffff, 0) + payload)

    def frame(self, side, ip, n):
        r = self.random
        macs = (b'\2\0\0\0\0\2\2\0\0\0\0\1', b'\2\0\0\0\0\1\2\0\0\0\0\2')[side]
        kind = 0x86dd if ip[0] >> 4 == 6 else 0x0800
        plain = struct.pack('!H', kind) + ip
        eth = macs + plain
        v4 = lambda packet: struct.pack('!H', 0x0800) + packet
        protocol = 41 if kind == 0x86dd else 4
        number = self.number & 0xfff
        wrap = self.wrap
        if wrap == 'vlan':
            rest = struct.pack('!HH', 0x8100, number) + plain
        elif wrap == 'qinq':
            rest = struct.pack('!HHHH', r.choice((0x88a8, 0x8100, 0x9100)), 7, 0x8100, number) + plain
        elif wrap == 'vlan3':
            rest = struct.pack('!HHHHHH', 0x88a8, 7, 0x8100, 8, 0x8100, number) + plain
            if r.random() < 0.2:
                rest = struct.pack('!HH', 0x8100, 4) + rest
        elif wrap in ('mpls', 'mpls2', 'mplseth'):
            labels = [r.choice((100, 100, 16, 0, 2, 1, 3, 7)) if r.random() < 0.3 else 100 for _ in range(1 if wrap == 'mpls' else 2)]
            stack = b''.join(struct.pack('!I', label << 12 | (at + 1 == len(labels)) << 8 | 64) for at, label in enumerate(labels))
            rest = struct.pack('!H', 0x8847) + stack + (b'\0\0\0\0' + eth if wrap == 'mplseth' else ip)
        elif wrap == 'pppoe':
            session = r.choices((0x11, 0x21, 0x12), (96, 2, 2))[0]
            rest = struct.pack('!HBBHH', 0x8864, session, r.choices((0, 7), (96, 4))[0], 5, len(ip) + 2 + r.choices((0, 4, -4), (90, 5, 5))[0]) + (b'\x00\x57' if protocol == 41 else r.choice((b'\x00\x21', b'\x21'))) + ip
        elif wrap in ('gre', 'grekey', 'grevlan'):
            flags = 0 if wrap == 'gre' else r.choice((0x2000, 0x3000, 0xb000, 0x8000, 0x4000, 0x0001, 0x0080))
            fields = bytes(4 * ((flags & 0xc000 != 0) + (flags & 0x2000 != 0) + (flags & 0x1000 != 0)))
            inner = struct.pack('!HH', 0x8100, number) + plain if wrap == 'grevlan' else plain
            rest = v4(self.outer(side, 47, struct.pack('!H', flags) + inner[:2] + fields + inner[2:]))
        elif wrap == 'gre1':
            flags = r.choice((0x3001, 0x2001, 0x3081, 0x2081, 0xa001, 0x0001))
            fields = struct.pack('!HH', len(ip) + 4, 1) + bytes(4 * ((flags & 0x1000 != 0) + (flags & 0x80 != 0)))
            rest = v4(self.outer(side, 47, struct.pack('!HH', flags, 0x880b) + fields + b'\xff\x03\x00\x21' + ip))
        elif wrap == 'vxlan':
            rest = v4(self.udp(side, 40000, 4789, struct.pack('!BBHI', r.choices((8, 0, 0x88), (90, 5, 5))[0], 0, 0, number << 8) + eth))
        elif wrap == 'geneve':
            options = r.choice((b'', b'\0\0\0\0', b'\1\2\3\1abcd', b'\1\2\3\7ab..'))
            rest = v4(self.udp(side, 40000, 6081, struct.pack('!BBHI', len(options) // 4 | r.choices((0, 0x40), (95, 5))[0], 0, r.choice((0x6558, 0x6558, kind)), number << 8) + options + eth))
        elif wrap == 'teredo':
            rest = v4(self.udp(side, 40000, 3544, r.choice((b'', b'\0\0' + b'\1\2\3\4\5\6')) + ip)) if protocol == 41 else v4(self.udp(side, 40000, 3544, ip))
        elif wrap == 'gtp':
            rest = v4(self.udp(side, 40000, 2152, struct.pack('!BBHI', 0x30, 0xff, len(ip), number) + ip))
        elif wrap in ('ipip', '6in4'):
            rest = v4(self.outer(side, protocol, ip))
        elif wrap == '4in6':
            a, b = (ipaddress.IPv6Address(f'2001:db8:ff::{s}:{self.number & 0xffff:x}').packed for s in ((2, 1) if side else (1, 2)))
            rest = struct.pack('!H', 0x86dd) + struct.pack('!IHBB', 6 << 28, len(ip), protocol, 64) + a + b + ip
        elif wrap == 'erspan1':
            rest = v4(self.outer(side, 47, struct.pack('!HH', 0, 0x88be) + eth))
        elif wrap == 'erspan2':
            head = struct.pack('!HHI', r.choices((0x1000, 0x2000, 0x0000), (80, 10, 10))[0] | number, number & 0x3ff, 0)
            rest = v4(self.outer(side, 47, struct.pack('!HHI', 0x1000, r.choices((0x88be, 0x22eb), (85, 15))[0], n) + head + eth))
        elif wrap == 'ah':
            rest = struct.pack('!HI', 0x88e7, 5) + eth
        elif wrap == 'vntag':
            rest = struct.pack('!HI', 0x8926, 5) + plain
        elif wrap == 'etag':
            rest = struct.pack('!HIH', 0x893f, 5, 1) + plain
        elif wrap == 'nsh':
            rest = struct.pack('!HHBBII', 0x894f, r.choices((0x0fc2, 0x0fc6, 0x4fc2, 0x0fff, 0x0fc1), (80, 5, 5, 5, 5))[0], 2, r.choice((3, 3, 1 if protocol == 4 else 2)), 1, 2) + eth
        elif wrap == 'twice':
            rest = v4(self.outer(side, 4, self.outer(side, 47, struct.pack('!H', 0) + plain)))
        else:
            rest = plain
        data = macs + rest
        if self.plain:
            self.frames.append((0.0005, data))
            return
        if r.random() < 0.012:
            at = r.randrange(12, min(len(data), 90))
            data = data[:at] + bytes((r.choice((0, 0xff, data[at] ^ 1, data[at] ^ 0x80, r.getrandbits(8))),)) + data[at + 1:]
            self.notes.append(f'byte {at} of frame {len(self.frames)}')
        if r.random() < 0.006:
            data = data[:r.randrange(len(data))]
            self.notes.append(f'frame {len(self.frames)} cut to {len(data)}')
        if r.random() < 0.02:
            data += bytes(r.choice((1, 4, 12)))
        self.frames.append((0.0005, data))
