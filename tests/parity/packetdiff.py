#!/usr/bin/env python3
"""Asks Suricata and BridgeGuard about the same crafted packets and shows where they differ.

usage: packetdiff.py [--cases FROM-TO] [--inline] [--option KEY=VALUE]... [--peer PROGRAM] [--bin PROGRAM] [--rules FILE]... [--show N] [--only tcp|udp|icmp|other]
       packetdiff.py --case NUMBER… [the same]     single cases alone: its packets and what each engine said
       packetdiff.py --capture FILE… [the same]   captures instead of crafted cases

Each case (packetcases.py) is a TCP session, datagrams or fragments with a few things done to them, within tunnels now and then. Compared are the alerts of the
shipped decoder and stream event rules and of a few content rules (at which packet), anomalies, flows (state, reason, counts, tcp), drops and counters.
Where Suricata is not installed, the script says so and ends with 0.
"""
import argparse
import collections
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

import packetcases

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BATCH = 250
CONTENT = '''
alert tcp any any -> any any (msg:"needle"; content:"needle"; sid:1;)
alert tcp any any -> any any (msg:"needle established"; flow:established,to_server; content:"needle"; sid:2;)
alert tcp-pkt any any -> any any (msg:"needle in packet"; content:"needle"; sid:3;)
alert tcp-stream any any -> any any (msg:"needle in stream"; flow:to_client; content:"needle"; sid:4;)
alert http any any -> any any (msg:"uri"; http.uri; content:"needle"; sid:5;)
alert udp any any -> any any (msg:"udp"; content:"needle"; sid:6;)
alert ip any any -> any any (msg:"xored"; content:"odd"; sid:7;)
alert tcp any any -> any any (msg:"not established"; flow:not_established; dsize:>0; sid:8;)
alert tcp any any -> any any (msg:"stateless"; flow:stateless; flags:S,CE; sid:9;)
alert http any any -> any any (msg:"answer"; http.stat_code; content:"200"; sid:10;)
alert ip any any -> any any (msg:"bits"; fragbits:M; sid:11;)
alert icmp any any -> any any (msg:"icmp"; itype:>0; sid:12;)
'''
CONFIG = '''%YAML 1.1
---
vars:
  address-groups: {{HOME_NET: "any", EXTERNAL_NET: "any"}}
classification-file: /opt/peers/trixie/etc/suricata/classification.config
reference-config-file: /opt/peers/trixie/etc/suricata/reference.config
outputs:
  - eve-log:
      enabled: yes
      filetype: regular
      filename: eve.json
      types: [{{alert: {{metadata: no, tagged-packets: no}}}}, {{anomaly: {{enabled: yes, types: {{decode: yes, stream: yes, applayer: yes}}}}}}, {{drop: {{alerts: no, flows: all}}}}, flow, http, {{stats: {{totals: yes, threads: no}}}}]
stats: {{enabled: yes, interval: 3600}}
packet-alert-max: 60
app-layer: {{protocols: {{http: {{enabled: yes}}, dns: {{tcp: {{enabled: yes}}, udp: {{enabled: yes}}}}, tls: {{enabled: yes}}, smtp: {{enabled: yes}}, ntp: {{enabled: no}}, sip: {{enabled: no}}}}}}
decoder: {{teredo: {{enabled: true}}, vxlan: {{enabled: true, ports: 4789}}, geneve: {{enabled: true, ports: 6081}}}}
host-os-policy: {{{hosts}}}
stream: {{memcap: 256mb, checksum-validation: yes, reassembly: {{memcap: 256mb, depth: 1mb, toserver-chunk-size: 2560, toclient-chunk-size: 2560, randomize-chunk-size: no}}}}
defrag: {{memcap: 64mb, hash-size: 65536, trackers: 65535, max-frags: 65535, prealloc: yes, timeout: 60}}
flow: {{memcap: 256mb, hash-size: 65536, prealloc: 1000, emergency-recovery: 30}}
'''
# Counters that say something about packets; what memory or threads did differs by nature.
COUNTERS = ('decoder.', 'tcp.', 'flow.', 'defrag.', 'ips.', 'detect.alert', 'app_layer.flow')
UNCOUNTED = ('memuse', 'memcap_pressure', 'flow.mgr', 'flow.wrk', 'flow.spare', 'flow.end', 'flow.recycler', 'flow.active', 'tcp.segment_from', 'defrag.mgr', 'defrag.wrk', 'tcp.ssn_from', 'reassembly_memuse', 'flow.get_used', 'flow.emerg')


def config_of(folder, options):
    hosts = []
    for index, name in enumerate(packetcases.POLICIES):
        if name in ('first', 'last'):
            name = 'windows' if name == 'first' else 'hpux10'
        hosts.append((name, f'10.{index}.0.0/16, 11.{index}.0.0/16, "2001:db8:{index:x}::/48"'))
    merged = collections.defaultdict(list)
    for name, nets in hosts:
        merged[name].append(nets)
    text = CONFIG.format(hosts=', '.join(f'{name}: [{", ".join(nets)}]' for name, nets in merged.items()))
    path = os.path.join(folder, 'config.yaml')
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text)
    return path, [part for option in options for part in ('--set', option)]


def rules_of(folder, files):
    path = os.path.join(folder, 'all.rules')
    with open(path, 'w', encoding='utf-8') as out:
        for name in files:
            for line in open(name, encoding='utf-8'):
                out.write(line.lstrip('# ') if line.lstrip('# ').startswith('alert ') else line)
        out.write(CONTENT)
    return path


def write_capture(path, frames, link=1):
    with open(path, 'wb') as out:
        out.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, link))
        now = 1700000000.0
        for gap, data in frames:
            now += gap
            out.write(struct.pack('<IIII', int(now), int(now * 1e6) % 1000000, len(data), len(data)) + data)


def run(command, capture, folder, config, settings, rules, inline, checks):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    arguments = [*command, '-r', capture, '-S', rules, '-l', folder, '-c', config, '-k', checks, '--runmode', 'single', *settings]
    if inline:
        arguments.append('--simulate-ips')
    result = subprocess.run(arguments, capture_output=True, text=True, errors='replace', check=False)
    path = os.path.join(folder, 'eve.json')
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        sys.exit(f'{command}: {result.stdout[-1500:]} {result.stderr[-1500:]}')
    return [json.loads(line) for line in open(path, encoding='utf-8', errors='replace') if line.startswith('{')]


def flatten(value, name=''):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f'{name}.{key}' if name else key)
    else:
        yield name, value


def records(lines):
    """What is compared: (kind, what) → multiset of places, and the counters."""
    found, counters = collections.Counter(), {}
    for line in lines:
        kind = line['event_type']
        place = (line.get('pcap_cnt', 0), line.get('src_ip', ''), line.get('src_port', 0), line.get('dest_ip', ''), line.get('dest_port', 0))
        if kind == 'alert':
            found[('alert', f'{line["alert"]["signature_id"]} {line["alert"]["signature"]}' + (f' {line["alert"]["action"]}' if line['alert']['action'] != 'allowed' else ''), place)] += 1
        elif kind == 'anomaly':
            found[('anomaly', f'{line["anomaly"]["type"]} {line["anomaly"]["event"]}', place)] += 1
        elif kind == 'drop':
            found[('drop', line['drop'].get('reason', ''), place)] += 1
        elif kind == 'flow':
            flow, tcp = line['flow'], line.get('tcp', {})
            told = {**{k: flow.get(k) for k in ('pkts_toserver', 'pkts_toclient', 'bytes_toserver', 'bytes_toclient', 'state', 'reason', 'alerted', 'action', 'exception_policy')}, **{'tcp.' + k: v for k, v in tcp.items()},
                    'app_proto': line.get('app_proto'), 'vlan': line.get('vlan'), 'start': flow.get('start'), 'end': flow.get('end'), 'icmp': f'{line.get("icmp_type")}/{line.get("icmp_code")}'}
            found[('flow', json.dumps(told, sort_keys=True), (0, line.get('proto'), *place[1:]))] += 1
        elif kind == 'http':
            http = line['http']
            found[('http', json.dumps({k: http.get(k) for k in ('hostname', 'url', 'status', 'length', 'http_method')}), place)] += 1
        elif kind == 'stats':
            counters = {k: v for k, v in flatten(line['stats']) if k.startswith(COUNTERS) and not any(part in k for part in UNCOUNTED) and isinstance(v, int)}
    return found, counters


def name_flows(missing, extra):
    """Flows that differ in a few values are told by those values."""
    out = []
    by_place = collections.defaultdict(list)
    for what, place in extra:
        by_place[place].append(what)
    for what, place in missing:
        twins = by_place.get(place)
        if not twins:
            out.append(('-', 'flow', 'whole record', place, what))
            continue
        twin = twins.pop()
        a, b = json.loads(what), json.loads(twin)
        for key in sorted(set(a) | set(b)):
            if a.get(key) != b.get(key):
                shown = f'{key}' if key in ('start', 'end') or key.startswith(('pkts', 'bytes')) else f'{key}: {a.get(key)} | {b.get(key)}'
                out.append(('~', 'flow', shown, place, f'{a.get(key)} | {b.get(key)}'))
    for place, rest in by_place.items():
        out.extend(('+', 'flow', 'whole record', place, what) for what in rest)
    return out


def compare(theirs, ours):
    a, x = records(theirs)
    b, y = records(ours)
    missing, extra = a - b, b - a
    out = [('-', kind, what, place, '') for (kind, what, place), n in missing.items() for _ in range(n) if kind != 'flow']
    out += [('+', kind, what, place, '') for (kind, what, place), n in extra.items() for _ in range(n) if kind != 'flow']
    out += name_flows([(w, p) for (k, w, p), n in missing.items() for _ in range(n) if k == 'flow'], [(w, p) for (k, w, p), n in extra.items() for _ in range(n) if k == 'flow'])
    out += [('~', 'counter', name, None, (x.get(name, 0), y.get(name, 0))) for name in sorted(set(x) | set(y)) if x.get(name, 0) != y.get(name, 0)]
    return out, sum(a.values())


def show_case(case, theirs, ours):
    print(f'case {case.number}: {", ".join(case.notes)}; policy {packetcases.POLICIES[case.policy]}')
    segments = [str(segment) for segment in getattr(case, 'segments', [])]
    segments = segments if len(segments) == len(case.frames) else []
    said = [collections.defaultdict(list), collections.defaultdict(list)]
    for side, lines in zip(said, (theirs, ours)):
        for (kind, what, place), n in records(lines)[0].items():
            if kind != 'flow':
                side[place[0]].append(f'{kind} {what} {place[2]}>{place[4]}' + (f' x{n}' if n > 1 else ''))
    for packet in range(max(len(case.frames), *said[0], *said[1]) + 1):
        if segments and packet:
            print(f'{packet:4}', segments[packet - 1])
        a, b = sorted(said[0].get(packet, [])), sorted(said[1].get(packet, []))
        if segments and not packet:
            print('    at the end')
        for what in sorted(set(a) | set(b)):
            print('  ', '=' if what in a and what in b else '-' if what in a else '+', what if segments else f'{packet} {what}')
    for sign, kind, what, place, detail in compare(theirs, ours)[0]:
        if kind in ('flow', 'counter'):
            print('  ', sign, kind, what, place or '', detail)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--cases', default='0-2000')
    parser.add_argument('--case', type=int, nargs='*')
    parser.add_argument('--capture', nargs='*', default=[])
    parser.add_argument('--inline', action='store_true')
    parser.add_argument('--option', action='append', default=[])
    parser.add_argument('--peer', default='suricata')
    parser.add_argument('--bin', default=os.path.join(ROOT, '.artifacts/bin/BridgeGuard.Cli/release/bridgeguard'))
    parser.add_argument('--rules', action='append')
    parser.add_argument('--show', type=int, default=40)
    parser.add_argument('--only')
    parser.add_argument('--plain', action='store_true', help='no tunnels, fragments, extension headers or changed bytes')
    parser.add_argument('--checks', default='all')
    parser.add_argument('--keep')
    arguments = parser.parse_args()
    if not shutil.which(arguments.peer):
        print('packetdiff: Suricata is not installed; nothing compared')
        return 0
    work = arguments.keep or tempfile.mkdtemp(prefix='packetdiff-')
    os.makedirs(work, exist_ok=True)
    config, settings = config_of(work, arguments.option)
    shipped = '/opt/peers/trixie/etc/suricata/rules/' if os.path.isdir('/opt/peers/trixie/etc/suricata/rules') else '/etc/suricata/rules/'
    rules = rules_of(work, arguments.rules or [shipped + 'decoder-events.rules', shipped + 'stream-events.rules'])

    def both(capture):
        return [run([program], capture, os.path.join(work, name), config, settings, rules, arguments.inline, arguments.checks)
                for name, program in (('theirs', arguments.peer), ('ours', arguments.bin))]

    capture = os.path.join(work, 'input.pcap')
    if arguments.case:
        for number in arguments.case:
            case = packetcases.Case(number, arguments.only, arguments.plain)
            write_capture(capture, case.frames)
            show_case(case, *both(capture))
        return 0
    classes = collections.defaultdict(list)
    compared = 0
    wrong = set()
    counters = collections.Counter()
    first, last = (int(part) for part in arguments.cases.split('-'))
    batches = arguments.capture or range(first, last, BATCH)
    for batch in batches:
        owner = [None]
        if arguments.capture:
            path = batch
        else:
            path, frames = capture, []
            for number in range(batch, min(last, batch + BATCH)):
                case = packetcases.Case(number, arguments.only, arguments.plain)
                frames += case.frames
                owner += [number] * len(case.frames)
            write_capture(capture, frames)
        differences, count = compare(*both(path))
        compared += count
        for sign, kind, what, place, detail in differences:
            if kind == 'counter':
                counters[what] += detail[1] - detail[0]
                classes[(sign, kind, what)].append((batch, detail))
                continue
            number = batch
            if not arguments.capture:
                number = owner[place[0]] if 0 < place[0] < len(owner) and kind != 'flow' else number_of(place, batch)
            wrong.add(number)
            classes[(sign, kind, what)].append((number, detail))
    print(f'{compared} records compared, {len(wrong)} of {last - first if not arguments.capture else len(batches)} cases differ')
    for (sign, kind, what), places in sorted(classes.items(), key=lambda item: -len(item[1]))[:arguments.show]:
        print(f'{sign} {len(places):5} {kind} {what}  e.g. {", ".join(str(n) if not d or kind != "counter" else f"{n}: {d[0]} | {d[1]}" for n, d in places[:5])}')
    if not arguments.keep:
        shutil.rmtree(work)
    return 1 if wrong else 0


def number_of(place, batch):
    """The case of a flow, from its addresses."""
    for text in place:
        if isinstance(text, str) and text.startswith(('10.', '11.')):
            parts = text.split('.')
            return near(int(parts[2]) << 8 | int(parts[3]), batch)
        if isinstance(text, str) and text.startswith('2001:'):
            words = text.split(':')
            try:
                return near(int(words[-2] or '0', 16) << 8 | int(words[-1], 16) - 1, batch)
            except ValueError:
                return -1
    return -1


def near(low, batch):
    return (batch & ~0xffff) | low


if __name__ == '__main__':
    sys.exit(main())
