"""Rules by chance for rulediff.py chance: chains of keywords of each family, and packets made of few letters so that they match often.

A batch is made from its number alone: `Batch(seed, family)` has `rules` (texts with sid) and `frames` (seconds, frame), so that a difference can be made again.
"""
import base64
import random
import struct

import packetcases

LETTERS = b'abAB01 .\r\n\x00\xff'


class Batch:
    def __init__(self, seed, family, rules=180, packets=250):
        self.random = random.Random(f'{family} {seed}')
        self.rules, self.frames, self.family, self.seed = [], [], family, seed
        self.clock = 1_700_000_000.0
        make = getattr(self, 'rule_' + family)
        for sid in range(1, rules + 1):
            head, body = make(sid)
            self.rules.append(f'{head} (msg:"{family} {sid}"; {body} sid:{sid}; rev:1;)')
        getattr(self, 'traffic_' + {'payload': 'udp', 'header': 'header', 'state': 'state', 'buffer': 'http', 'multi': 'http', 'stream': 'stream', 'dns': 'dns'}[family])(packets)

    # --- small things -----------------------------------------------------------------------------------------------------------------------------------

    def chance(self, share):
        return self.random.random() < share

    def pick(self, *things):
        return self.random.choice(things)

    def text(self, least=1, most=4, letters=LETTERS):
        return bytes(self.random.choice(letters) for _ in range(self.random.randint(least, most)))

    @staticmethod
    def written(raw):
        """Bytes as a content's text."""
        return ''.join(chr(c) if c < 128 and chr(c).isalnum() or c == 0x2e else f'|{c:02x}|' for c in raw)

    # --- contents and what stands in a chain with them ------------------------------------------------------------------------------------------------------

    def content(self, relative, letters=LETTERS, variables=(), plain=False, fast=None):
        raw = self.text(1, 4, letters)
        negated = self.chance(0.15)
        parts = [f'content:{"!" if negated else ""}"{self.written(raw)}";']
        if self.chance(0.3):
            parts.append('nocase;')

        def number(low, high):
            return self.random.choice(variables) if variables and self.chance(0.3) else self.random.randint(low, high)

        form = self.pick('none', 'none', 'one', 'one', 'both', 'start', 'end')
        if relative and form in ('none', 'one', 'both'):
            if form != 'one' or self.chance(0.6):
                parts.append(f'distance:{number(-3, 4)};')
            if form == 'both' or (form == 'one' and self.chance(0.6)):
                parts.append(f'within:{number(len(raw), len(raw) + 8)};')
        elif form in ('one', 'both'):
            if form == 'both' or self.chance(0.5):
                parts.append(f'offset:{number(0, 6)};')
            if form == 'both' or self.chance(0.5):
                parts.append(f'depth:{number(len(raw), len(raw) + 8)};')
        elif form == 'start':
            parts.append('startswith;')
        elif form == 'end':
            parts.append('endswith;')
        if fast and not negated and self.chance(0.5):
            if self.chance(0.3) and len(raw) > 1:
                at = self.random.randint(0, len(raw) - 1)
                parts.append(f'fast_pattern:{at},{self.random.randint(1, len(raw) - at)};')
            else:
                parts.append('fast_pattern;')
            fast = None
        return ' '.join(parts), negated

    def expression(self, relative, letter=''):
        atom = self.pick('a', 'b', '[ab]', '[^a]', 'a+', 'a*b', '.', '.*', 'a?', r'\d', r'\x00', '(a|bb)', '(ab)+', r'a\b', '[A-B]{1,2}', '(?:a|b)*?b', r'\s', r'\xff')
        other = self.pick('', 'a', 'b', '$', '.', '[01]', r'\r?\n', r'\.')
        anchor = self.pick('', '', '', '^')
        options = ''.join(sorted({self.pick('i', 's', 'm', '', '', '') for _ in range(2)} - {''})) + self.pick('', '', '', 'A', 'E', 'G', 'x')
        return f'pcre:{"!" if self.chance(0.15) else ""}"/{anchor}{atom}{other}/{options}{"R" if relative else ""}{letter}";'

    def byte_test(self, relative, variables):
        form = self.pick('bin', 'bin', 'string')
        negated = self.pick('', '', '', '!')
        operator = self.pick('<', '>', '=', '<=', '>=', '&', '^')
        value = self.random.choice(variables) if variables and self.chance(0.5) else self.pick('0', '1', '48', '97', '0x61', '255', '24930', '10')
        offset = self.random.choice(variables) if variables and self.chance(0.2) else self.random.randint(-2 if relative else 0, 6)
        tail = ',relative' if relative else ''
        if form == 'string':
            return f'byte_test:{self.random.randint(1, 3)},{negated}{operator},{value},{offset}{tail},string,{self.pick("dec", "hex", "oct")};'
        count = self.pick(1, 1, 2, 4)
        mask = f',bitmask {self.pick("0x0f", "0xf0", "0x80", "0x7f")}' if self.chance(0.2) else ''
        return f'byte_test:{count},{negated}{operator},{value},{offset}{tail}{self.pick("", "", ",little", ",big")}{mask};'

    def byte_jump(self, relative, variables):
        count = self.pick(1, 1, 1, 2)
        offset = self.random.choice(variables) if variables and self.chance(0.2) else self.random.randint(-1 if relative else 0, 5)
        tail = ',relative' if relative else ''
        form = self.pick('', '', ',string,dec', ',string,hex', ',little')
        more = ''.join(self.random.sample([',multiplier 2', ',align', ',from_beginning', ',post_offset -2', ',post_offset 1', ',bitmask 0x03', ',bitmask 0x07'], self.pick(0, 0, 1, 1, 2)))
        if more.count('bitmask') > 1 or more.count('post_offset') > 1:
            more = ''
        if self.chance(0.15):
            more += ',from_end'
            more = more.replace(',from_beginning', '')
        return f'byte_jump:{count},{offset}{tail}{form}{more};'

    def byte_extract(self, relative, name):
        tail = ',relative' if relative else ''
        more = self.pick('', '', ',string,dec', ',string,hex', ',multiplier 2', ',little', ',align 4', ',bitmask 0x07', ',bitmask 0x0f')
        return f'byte_extract:{self.pick(1, 1, 2)},{self.random.randint(-1 if relative else 0, 5)},{name}{tail}{more};'

    def byte_math(self, relative, name, variables):
        tail = ', relative' if relative else ''
        more = self.pick('', '', ', endian little', ', string dec', ', string hex', ', bitmask 0x07', ', bitmask 0xf0')
        value = self.random.choice(variables) if variables and self.chance(0.4) else self.pick('1', '2', '3', '48', '97')
        operator = self.pick('+', '-', '*', '/', '<<', '>>')
        return f'byte_math:bytes {self.pick(1, 1, 2)}, offset {self.random.randint(-1 if relative else 0, 4)}, oper {operator}, rvalue {value}, result {name}{tail}{more};'

    def isdataat(self, relative, variables):
        value = self.random.choice(variables) if variables and self.chance(0.3) else self.random.randint(0, 20)
        return f'isdataat:{self.pick("", "", "!")}{value}{",relative" if relative else ""};'

    def chain(self, letters=LETTERS, letter='', most=4, only=None):
        """Keywords on one buffer, in the order in which they stand."""
        parts, variables, relative, has_fast = [], [], False, False
        for _ in range(self.random.randint(1, most)):
            kind = self.pick(*(only or ('content', 'content', 'content', 'content', 'pcre', 'byte_test', 'byte_jump', 'byte_extract', 'byte_math', 'isdataat')))
            goes_on = relative and self.chance(0.6)
            if kind == 'content':
                one, negated = self.content(goes_on, letters, variables, fast=not has_fast)
                has_fast = has_fast or 'fast_pattern' in one
                parts.append(one)
                relative = relative or not negated
            elif kind == 'pcre':
                parts.append(self.expression(goes_on, letter))
                relative = relative or ':!' not in parts[-1]
            elif kind == 'byte_test':
                parts.append(self.byte_test(goes_on, variables))
            elif kind == 'byte_jump':
                parts.append(self.byte_jump(goes_on, variables))
                relative = True
            elif kind == 'byte_extract':
                name = f'v{len(variables)}'
                parts.append(self.byte_extract(goes_on, name))
                variables.append(name)
                relative = True
            elif kind == 'byte_math':
                name = f'v{len(variables)}'
                parts.append(self.byte_math(goes_on, name, variables))
                variables.append(name)
            else:
                parts.append(self.isdataat(goes_on, variables))
        return ' '.join(parts)

    # --- families ------------------------------------------------------------------------------------------------------------------------------------------

    def rule_payload(self, sid):
        more = self.pick('', '', '', '', f'dsize:{self.integer(30)};', 'base64_decode:bytes 8; base64_data; content:"a";')
        body = self.chain(most=5)
        return 'alert udp any any -> any any', (f'{body} {more}' if more.startswith('base64') else f'{more} {body}')

    def rule_stream(self, sid):
        head = self.pick('tcp', 'tcp', 'tcp-pkt', 'tcp-stream')
        flow = self.pick('', 'flow:established;', 'flow:to_server;', 'flow:to_client;', 'flow:only_stream;', 'flow:no_stream;')
        return f'alert {head} any any -> any any', f'{flow} {self.chain(most=3)}'

    def integer(self, high):
        a, b = sorted(self.random.sample(range(high + 1), 2))
        return self.pick(f'{a}', f'!{a}', f'<{b}', f'>{a}', f'<={b}', f'>={a}', f'{a}-{b + 2}', f'!{a}-{b + 2}', f'{a}<>{b + 2}', f'&{self.pick("0x01", "0x02", "0x06")}=0', f'&0x03={self.pick(1, 2, 3)}', f'&{self.pick(1, 4, 8)}!=0')

    def rule_header(self, sid):
        parts = []
        head = self.pick('ip', 'udp', 'icmp', 'tcp')
        names = ['ttl', 'tos', 'id', 'dsize'] + {'icmp': ['itype', 'icode', 'icmp_id', 'icmp_seq'], 'tcp': ['window', 'seq', 'ack', 'flags', 'tcp.mss', 'tcp.wscale'], 'udp': [], 'ip': ['ip_proto']}[head]
        for _ in range(self.random.randint(1, 3)):
            name = self.random.choice(names)
            if name == 'flags':
                parts.append(f'flags:{self.pick("", "+", "*", "!")}{self.pick("S", "SA", "A", "F", "PA", "R", "0")}{self.pick("", "", ",12", ",CE")};')
            elif name == 'ip_proto':
                parts.append(f'ip_proto:{self.pick("6", "!6", "17", ">6", "<7", "udp", "!icmp")};')
            elif name in ('seq', 'ack', 'icmp_id', 'icmp_seq', 'id', 'tos', 'window') and self.chance(0.5):
                parts.append(f'{name}:{self.pick("", "!") if name in ("tos", "window") else ""}{self.random.randint(0, 4)};')
            else:
                parts.append(f'{name}:{self.integer(6)};')
        if self.chance(0.3):
            parts.append(self.pick('fragbits:D;', 'fragbits:!M;', 'fragbits:+D;', 'fragbits:!D;', 'sameip;', 'ipopts:rr;', 'ip.src; content:"|0a|"; startswith;', 'ip.dst; bsize:4;', 'fragoffset:0;', 'fragoffset:>0;', 'ipv4.hdr; content:"|45|"; startswith; byte_test:1,>,2,8;'))
        return f'alert {head} any any -> any any', ' '.join(parts)

    def rule_state(self, sid):
        parts = []
        if self.chance(0.7):
            parts.append(f'content:"{self.pick("a", "b", "A", "ab", "0")}";')
        for _ in range(self.random.randint(1, 3)):
            # Three rules share their names, so that a difference is theirs alone.
            group = sid // 3
            name = f'{self.pick("x", "y")}{group}'
            kind = self.pick('flowbits', 'flowbits', 'flowint', 'xbits', 'hostbits', 'dataset', 'count')
            if kind == 'flowbits':
                parts.append(f'flowbits:{self.pick("set", "set", "unset", "toggle", "isset", "isset", "isnotset")},{name};' if self.chance(0.85) else f'flowbits:isset,x{group}|y{group};')
            elif kind == 'flowint':
                parts.append(f'flowint:n{name},{self.pick("+,1", "+,2", "-,1", "=,0", ">,1", "<,3", "==,2", "!=,2", "isset", "notset", ">=,2")};')
            elif kind == 'xbits':
                track = self.pick('ip_src', 'ip_dst', 'ip_pair')
                what = self.pick('set', 'set', 'unset', 'toggle', 'isset', 'isnotset')
                parts.append(f'xbits:{what},{name},track {track}{",expire " + str(self.pick(2, 5, 20)) if what == "set" else ""};')
            elif kind == 'hostbits':
                what = self.pick('set', 'unset', 'isset', 'isnotset', 'toggle')
                parts.append(f'hostbits:{what},{name},{self.pick("src", "dst")};')
            elif kind == 'dataset':
                parts.append(self.pick('ip.src; dataset:set,seen@,type ip;', 'ip.src; dataset:isset,seen@,type ip;', 'ip.src; dataset:isnotset,seen@,type ip;', 'ip.dst; dataset:unset,seen@,type ip;', 'ip.dst; dataset:set,other@,type ipv4;', 'ip.src; dataset:isset,other@,type ipv4;').replace('@', str(group)))
                break
            elif not any('type ' in part and 'seconds' in part or 'detection_filter' in part for part in parts):
                track = self.pick('by_src', 'by_dst', 'by_both', 'by_rule', 'by_flow')
                count, seconds = self.random.randint(1, 4), self.pick(1, 3, 10, 60)
                parts.append(self.pick(f'threshold:type limit, track {track}, count {count}, seconds {seconds};', f'threshold:type threshold, track {track}, count {count}, seconds {seconds};',
                                       f'threshold:type both, track {track}, count {count}, seconds {seconds};', f'threshold:type backoff, track by_flow, count {count}, multiplier {self.random.randint(2, 3)};',
                                       f'detection_filter:track {track if track not in ("by_both", "by_rule") else "by_src"}, count {count}, seconds {seconds};'))
        if self.chance(0.1):
            parts.append('noalert;')
        return 'alert udp any any -> any any', ' '.join(parts)

    TRANSFORMS = ['to_lowercase;', 'to_uppercase;', 'compress_whitespace;', 'strip_whitespace;', 'dotprefix;', 'url_decode;', 'to_md5;', 'to_sha1;', 'to_sha256;', 'xor:"01";', 'xor:"0a0b";', 'strip_pseudo_headers;', 'header_lowercase;',
                  'pcrexform:"(a.)";', 'pcrexform:"^.(.*)$";', 'from_base64: mode strict;', 'from_base64: mode rfc2045;', 'from_base64;', 'from_base64: bytes 4, offset 1;', 'domain;', 'tld;', 'subslice:1;', 'subslice:0,3;', 'subslice:-2;', 'gunzip;', 'zlib_deflate;']

    def buffers(self):
        return self.pick('http.uri', 'http.uri.raw', 'http.request_body', 'http.header', 'http.cookie', 'http.user_agent', 'http.host', 'http.request_line', 'http.method', 'http.response_body', 'file.data', 'http.stat_msg', 'http.header.raw', 'http.referer', 'http.content_type')

    def rule_buffer(self, sid):
        parts = []
        for _ in range(self.random.randint(1, 2)):
            transforms = ' '.join(self.random.choice(self.TRANSFORMS) for _ in range(self.pick(0, 0, 1, 1, 2)))
            parts.append(f'{self.buffers()}; {transforms}')
            if self.chance(0.3):
                parts.append(f'bsize:{self.pick("", "", "<", ">", "!", "<=", ">=")}{self.random.randint(0, 20)};')
            if self.chance(0.05):
                parts.append('absent;' if self.chance(0.5) else 'absent:or_else;')
                if parts[-1] == 'absent;':
                    continue
            parts.append(self.chain(b'abAB01./', most=3))
        return 'alert http any any -> any any', ' '.join(parts)

    def rule_multi(self, sid):
        parts = []
        for _ in range(self.random.randint(1, 3)):
            buffer = self.pick('http.request_header', 'http.request_header', 'http.response_header', 'http.uri', 'http.header_names')
            transforms = self.pick('', '', '', 'to_lowercase;', 'strip_whitespace;', 'to_md5;')
            parts.append(f'{buffer}; {transforms} {self.chain(b"abAB01:/", most=2)}')
        return 'alert http any any -> any any', ' '.join(parts)

    def rule_dns(self, sid):
        parts = []
        for _ in range(self.random.randint(1, 2)):
            kind = self.pick('dns.query', 'dns.query', 'dns.queries.rrname', 'dns.answers.rrname', 'dns.response.rrname', 'dns.rrtype', 'dns.opcode', 'dns.rcode')
            if kind in ('dns.rrtype', 'dns.opcode', 'dns.rcode'):
                parts.append(f'{kind}:{self.pick("0", "1", "!1", ">0", "<3", "1-4", "28", "!28", "0,any", ">1,all", "=5")};')
            else:
                parts.append(f'{kind}; {self.pick("", "", "dotprefix;", "to_lowercase;", "tld;", "domain;")} {self.pick("", "", "bsize:" + self.integer(12) + ";" if self.chance(0) else "", "bsize:>5;", "bsize:<9;")} {self.chain(b"abAB.", most=3)}')
        return 'alert dns any any -> any any', ' '.join(parts)

    # --- packets -----------------------------------------------------------------------------------------------------------------------------------------------

    def frame(self, protocol, payload, source=(10, 0, 0, 1), target=(10, 0, 0, 2), ttl=64, tos=0, ident=1, fragment=0x4000, options=b''):
        options += b'\0' * (-len(options) % 4)
        header = struct.pack('!BBHHHBBH4s4s', 0x45 + len(options) // 4, tos, 20 + len(options) + len(payload), ident, fragment, ttl, protocol, 0, bytes(source), bytes(target)) + options
        sum_ = packetcases.checksum(header)
        header = header[:10] + struct.pack('!H', sum_) + header[12:]
        self.clock += self.step
        self.frames.append((self.clock, bytes.fromhex('020000000002020000000001 0800'.replace(' ', '')) + header + payload))

    step = 0.01

    def udp(self, payload, sport, dport, **more):
        self.frame(17, struct.pack('!HHHH', sport, dport, 8 + len(payload), 0) + payload, **more)

    def tcp(self, payload, sport, dport, seq, ack, flags, tcp_options=b'', window=64000, **more):
        options = tcp_options
        options += b'\1' * (-len(options) % 4)
        self.frame(6, struct.pack('!HHIIBBHHH', sport, dport, seq & 0xffffffff, ack & 0xffffffff, (5 + len(options) // 4) << 4, flags, window, 0, 0) + options + payload, **more)

    def traffic_udp(self, packets):
        for n in range(packets):
            payload = self.text(0, 24)
            if self.chance(0.15):
                payload = base64.b64encode(self.text(2, 12))
            self.udp(payload, 20000 + n, 9999)

    def traffic_header(self, packets):
        for n in range(packets):
            more = dict(ttl=self.random.randint(0, 8) or 64, tos=self.random.randint(0, 7), ident=self.random.randint(0, 6), fragment=self.pick(0, 0x4000, 0x4000, 0x8000), source=(10, 0, 0, self.pick(1, 2)), target=(10, 0, 0, self.pick(2, 3)),
                        options=self.pick(b'', b'', b'', b'\x07\x07\x04\0\0\0\0'))
            payload = self.text(0, 6)
            kind = self.pick('udp', 'icmp', 'tcp', 'other')
            if kind == 'udp':
                self.udp(payload, 20000 + n, 9999, **more)
            elif kind == 'icmp':
                body = struct.pack('!BBHHH', self.pick(8, 0, 8, 3, 5, 13), self.random.randint(0, 4), 0, self.random.randint(0, 5), self.random.randint(0, 5)) + payload
                body = body[:2] + struct.pack('!H', packetcases.checksum(body)) + body[4:]
                self.frame(1, body, **more)
            elif kind == 'tcp':
                self.tcp(payload, 20000 + n, 9999, self.random.randint(0, 5), self.random.randint(0, 5), self.pick(2, 2, 18, 16, 17, 24, 4, 0, 0xc2), self.pick(b'', b'\x02\x04\x00\x05', b'\x02\x04\x05\xb4\x03\x03\x04'), self.random.randint(0, 5), **more)
            else:
                self.frame(self.pick(47, 50, 89, 103), payload, **more)

    def traffic_state(self, packets):
        self.step = 0.2
        for _ in range(packets):
            a, b = (10, 0, 0, self.random.randint(1, 3)), (10, 0, 0, self.random.randint(4, 5))
            port = 20000 + self.random.randint(0, 2)
            if self.chance(0.6):
                self.udp(self.text(1, 4, b'abA0'), port, 9999, source=a, target=b)
            else:
                self.udp(self.text(1, 4, b'abA0'), 9999, port, source=b, target=a)

    def conversation(self, turns, port, dport=80):
        """turns: (from the server?, bytes)."""
        seq = [1000, 5000]
        self.tcp(b'', port, dport, seq[0], 0, 2, b'\x02\x04\x05\xb4')
        self.tcp(b'', dport, port, seq[1], seq[0] + 1, 18, b'\x02\x04\x05\xb4', source=(10, 0, 0, 2), target=(10, 0, 0, 1))
        seq = [seq[0] + 1, seq[1] + 1]
        self.tcp(b'', port, dport, seq[0], seq[1], 16)
        for server, data in turns:
            side, other = (1, 0) if server else (0, 1)
            ends = dict(source=(10, 0, 0, 2), target=(10, 0, 0, 1)) if server else {}
            self.tcp(data, dport if server else port, port if server else dport, seq[side], seq[other], 24, **ends)
            seq[side] += len(data)
            back = {} if server else dict(source=(10, 0, 0, 2), target=(10, 0, 0, 1))
            self.tcp(b'', port if server else dport, dport if server else port, seq[other], seq[side], 16, **back)
        self.tcp(b'', port, dport, seq[0], seq[1], 17)
        self.tcp(b'', dport, port, seq[1], seq[0] + 1, 17, source=(10, 0, 0, 2), target=(10, 0, 0, 1))
        self.tcp(b'', port, dport, seq[0] + 1, seq[1] + 1, 16)

    def traffic_stream(self, packets):
        for n in range(max(4, packets // 16)):
            self.conversation([(self.chance(0.5), self.text(1, 16)) for _ in range(self.random.randint(1, 5))], 20000 + n, 9999)

    def word(self, least=1, most=8):
        return self.text(least, most, b'abAB01./')

    def traffic_http(self, packets):
        for n in range(max(4, packets // 8)):
            turns = []
            for _ in range(self.random.randint(1, 2)):
                body = b''
                if self.chance(0.5):
                    body = base64.b64encode(self.word(1, 9)) if self.chance(0.3) else self.text(0, 20, b'abAB01. %2')
                method = b'POST' if body else self.pick(b'GET', b'GET', b'PUT', b'abA')
                lines = [method + b' /' + self.word() + self.pick(b'', b'?' + self.word(), b'%61%42') + b' HTTP/1.1', b'Host: ' + self.text(1, 6, b'ab01.') + b'.test']
                for name in (b'User-Agent', b'Cookie', b'Referer', b'Content-Type', b'Xa', b'Xb', b'Xa'):
                    if self.chance(0.4):
                        lines.append(name + b': ' + self.text(1, 8, b'abAB01. /'))
                if body:
                    lines.append(b'Content-Length: %d' % len(body))
                turns.append((False, b'\r\n'.join(lines) + b'\r\n\r\n' + body))
                answer = self.text(0, 24, b'abAB01. \r\n')
                lines = [b'HTTP/1.1 ' + self.pick(b'200 OK', b'404 ab', b'200 aB')]
                for name in (b'Server', b'Xa', b'Set-Cookie'):
                    if self.chance(0.4):
                        lines.append(name + b': ' + self.text(1, 6, b'abAB01.'))
                lines.append(b'Content-Length: %d' % len(answer))
                turns.append((True, b'\r\n'.join(lines) + b'\r\n\r\n' + answer))
            self.conversation(turns, 20000 + n)

    def name(self):
        labels = [self.text(1, 3, b'abAB') for _ in range(self.random.randint(1, 3))] + [self.pick(b'com', b'test', b'ab')]
        return b''.join(bytes([len(l)]) + l for l in labels) + b'\0'

    def traffic_dns(self, packets):
        for n in range(packets // 2):
            queries = [(self.name(), self.pick(1, 28, 5, 16, 2)) for _ in range(self.pick(1, 1, 1, 2))]
            asked = b''.join(name + struct.pack('!HH', kind, 1) for name, kind in queries)
            head = struct.pack('!HHHHHH', n, self.pick(0x0100, 0x0100, 0x0100, 0x2100), len(queries), 0, 0, 0)
            self.udp(head + asked, 20000 + n, 53)
            answers = [(self.pick(queries[0][0], self.name()), self.pick(1, 5)) for _ in range(self.random.randint(0, 2))]
            data = b''.join(name + struct.pack('!HHIH', kind, 1, 60, 4 if kind == 1 else len(other := self.name())) + (bytes([10, 0, 0, 9]) if kind == 1 else other) for name, kind in answers)
            head = struct.pack('!HHHHHH', n, self.pick(0x8180, 0x8180, 0x8183, 0x8185), len(queries), len(answers), 0, 0)
            self.udp(head + asked + data, 53, 20000 + n, source=(10, 0, 0, 2), target=(10, 0, 0, 1))


FAMILIES = ['payload', 'stream', 'header', 'state', 'buffer', 'multi', 'dns']
