#!/usr/bin/env python3
"""Asks Suricata and BridgeGuard for EVE records with each option of suricata.yaml's `outputs`, and compares the records field by field.

usage: eveoptions.py [--peer PROGRAM] [--bin PROGRAM] [--only TEXT]... [--captures N] [--show N] CAPTURE|FOLDER...

Each option is tried over the first N captures in which Suricata makes records of its type. Prints the differences; ends with 1 when there are any. Where Suricata is
not installed, the script says so and ends with 0.
"""
import argparse
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile

import rulediff

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIG = '''%YAML 1.1
---
vars: {{address-groups: {{HOME_NET: any, EXTERNAL_NET: any}}}}
classification-file: {folder}/classification.config
reference-config-file: {folder}/reference.config
outputs:
  - eve-log: {{enabled: yes, filetype: regular, filename: eve.json, {eve}types: [{types}]}}
{outputs}
stream: {{reassembly: {{randomize-chunk-size: no}}}}
app-layer:
  protocols:
{protocols}
'''
PROTOCOLS = ['krb5', 'snmp', 'ike', 'dcerpc', 'ftp', 'rdp', 'ssh', 'http2', 'imap', 'smb', 'nfs', 'tftp', 'http', 'ntp', 'quic', 'dhcp', 'sip', 'rfb', 'mqtt', 'telnet', 'websocket', 'ldap', 'pgsql', 'pop3', 'bittorrent-dht', 'enip', 'doh2', 'mdns']
RULES = '''alert ip any any -> any any (msg:"first"; flow:established; content:"e"; threshold:type limit, track by_flow, count 2, seconds 60; reference:url,example.test/a; reference:cve,2020-1; metadata:tag one, tag two, severity high; classtype:bad-unknown; target:src_ip; sid:1; rev:3;)
alert http any any -> any any (msg:"web"; http.method; content:"T"; flowbits:set,seen; metadata:a b; sid:2; rev:1;)
alert http any any -> any any (msg:"body"; file.data; content:"e"; sid:3; rev:1;)
alert dns any any -> any any (msg:"names"; dns.query; content:"."; sid:4; rev:1;)
alert tls any any -> any any (msg:"tls"; tls.sni; content:"."; tag:session,3,packets; sid:5; rev:1;)
alert smtp any any -> any any (msg:"mail"; content:"MAIL"; nocase; flowint:mails,+,1; xbits:set,mailer,track ip_src; sid:6; rev:1;)
alert websocket any any -> any any (msg:"ws"; websocket.payload; content:"e"; sid:7; rev:1;)
alert tcp any any -> any any (msg:"variable"; pcre:"/(?P<flow_word>[a-z]{4})/"; pcre:"/(?P<pkt_other>[A-Z]{3})/"; threshold:type limit, track by_flow, count 1, seconds 60; sid:8; rev:1;)
alert udp any any -> any any (msg:"datagram"; dsize:>0; threshold:type limit, track by_flow, count 1, seconds 60; sid:9; rev:1;)
drop http any any -> any any (msg:"drop"; http.uri; content:"e"; sid:10; rev:1;)
'''
# The type whose records an option concerns, the option, and what is set besides.
TYPES = [
    ('alert', ['payload: yes', 'payload: yes, payload-buffer-size: 16', 'payload-printable: yes', 'payload-length: yes', 'payload: yes, payload-length: yes, packet: yes', 'packet: yes', 'metadata: no', 'metadata: yes', 'metadata: {app-layer: false}', 'metadata: {app-layer: true, flow: false}', 'metadata: {flow: true, rule: {metadata: true, raw: true, reference: true}}', 'metadata: {rule: {metadata: false, raw: true}}',
               'metadata: {rule: {reference: true}}', 'http-body: yes', 'http-body-printable: yes', 'http-body: yes, metadata: no', 'websocket-payload: yes', 'websocket-payload-printable: yes', 'tagged-packets: no', 'tagged-packets: yes', 'verdict: yes', 'payload: yes, payload-printable: yes, http-body: yes, http-body-printable: yes, packet: yes', 'enabled: no']),
    ('anomaly', ['enabled: yes', 'types: {decode: yes, stream: yes, applayer: yes}', 'types: {decode: no, stream: yes, applayer: no}', 'types: {applayer: yes}', 'packethdr: yes, types: {decode: yes, stream: yes}', 'enabled: no']),
    ('http', ['extended: yes', 'extended: no', 'custom: [Accept-Encoding, Accept-Language, Authorization]', 'extended: yes, custom: [server, content-length, date]', 'dump-all-headers: both', 'dump-all-headers: request', 'dump-all-headers: response', 'dump-all-headers: none', 'extended: no, custom: [Host, via, x-forwarded-for, set-cookie, last-modified, etag]']),
    ('dns', ['version: 3', 'version: 2', 'version: 1', 'requests: no', 'responses: no', 'formats: [detailed]', 'formats: [grouped]', 'types: [a]', 'types: [aaaa, ptr, mx]', 'version: 2, formats: [grouped]', 'version: 2, types: [a]', 'version: 2, requests: no', 'enabled: no', 'requests: no, responses: no']),
    ('mdns', ['', 'requests: no', 'responses: no', 'types: [ptr]', 'formats: [grouped]']),
    ('tls', ['extended: yes', 'extended: no', 'session-resumption: no', 'custom: [subject, issuer, serial, fingerprint, sni, version, not_before, not_after]', 'custom: [session_resumed, certificate, chain]', 'custom: [ja3, ja3s, ja4, subjectaltname]', 'custom: [client, client_certificate, client_chain, client_alpns, server_alpns, client_handshake, server_handshake]', 'extended: yes, ja4: on', 'extended: no, custom: [sni]']),
    ('files', ['force-magic: yes', 'force-hash: [md5]', 'force-hash: [md5, sha1, sha256]', 'force-magic: no']),
    ('smtp', ['extended: yes', 'extended: no', 'custom: [received, x-mailer, x-originating-ip, relays, reply-to, bcc]', 'md5: [body, subject]', 'extended: yes, md5: [subject]', 'custom: [subject, message-id, user-agent, date, organization, importance, priority, sensitivity, in-reply-to, references, content-md5]']),
    ('smb', ['', 'types: [file, tree_connect]', 'types: [negotiate, dcerpc, session_setup]', 'types: [generic, create, ioctl, rename, set_file_path_info]']),
    ('mqtt', ['passwords: yes', 'string-log-limit: 8', 'string-log-limit: 0', 'passwords: no']),
    ('pgsql', ['passwords: yes', 'passwords: no', 'enabled: no', 'enabled: yes']),
    ('dhcp', ['extended: yes', 'extended: no', 'enabled: no']),
    ('arp', ['enabled: yes', 'enabled: no']),
    ('frame', ['enabled: yes', 'enabled: yes, payload-buffer-size: 8', 'enabled: no']),
    ('flow', ['']),
    ('netflow', ['']),
    ('metadata', ['']),
    ('stats', ['totals: yes, threads: no, deltas: no', 'totals: yes, deltas: yes', 'null-values: false', 'threads: yes, totals: no']),
    ('drop', ['alerts: yes, flows: all', 'alerts: no, flows: start', 'alerts: yes, flows: start, verdict: yes', 'flows: all, verdict: yes']),
    ('ssh', ['']), ('ftp', ['']), ('tftp', ['']), ('nfs', ['']), ('krb5', ['']), ('snmp', ['']), ('sip', ['']), ('ldap', ['']), ('rdp', ['']), ('rfb', ['']), ('quic', ['']), ('websocket', ['']), ('http2', ['']), ('doh2', ['']), ('ike', ['']), ('dcerpc', ['']), ('pop3', ['']), ('enip', ['']), ('bittorrent-dht', ['']), ('ntp', ['']),
    ('stream', ['all: true', 'event-set: true', 'state-update: true', 'spurious-retransmission: true']),
]
COMMON = ['community-id: true', 'community-id: true, community-id-seed: 5', 'metadata: no', 'suricata-version: yes', 'ethernet: yes', 'pcap-file: true', 'xff: {enabled: yes, mode: extra-data, deployment: reverse, header: X-Forwarded-For}', 'xff: {enabled: yes, mode: overwrite, deployment: forward, header: X-Forwarded-For}', 'prefix: "@cee: "']
OUTPUTS = ['- fast: {enabled: yes, filename: fast.log}', '- alert-debug: {enabled: yes, filename: alert-debug.log}', '- stats: {enabled: yes, filename: stats.log}', '- http-log: {enabled: yes, filename: http.log}', '- tls-log: {enabled: yes, filename: tls.log, extended: yes}']
NAMES = {'files': 'fileinfo', 'bittorrent-dht': 'bittorrent_dht', 'doh2': 'dns'}
UNSTABLE = {'timestamp', 'flow_id', 'pcap_filename', 'host'}


def flatten(value, name=''):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f'{name}.{key}' if name else key)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from flatten(inner, f'{name}[{at}]')
    else:
        yield name, value


def run(program, capture, folder, config, rules, mode):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    said = subprocess.run([program, '-r', capture, '-S', rules, '-l', folder, '-c', config, '-k', 'none', '--runmode', 'single', *mode], capture_output=True, text=True, errors='replace', check=False)
    records = collections.Counter()
    path = os.path.join(folder, 'eve.json')
    for line in open(path, encoding='utf-8', errors='replace') if os.path.exists(path) else []:
        start = line.find('{')
        record = json.loads(line[start:])
        flat = {key: value for key, value in flatten(record) if key not in UNSTABLE and not key.startswith(('flow.start', 'stats.uptime'))}
        if record['event_type'] == 'stats':
            flat = {key: 0 for key in flat}
        records[(line[:start], json.dumps(flat, sort_keys=True))] += 1
    logs = {name: sum(1 for _ in open(os.path.join(folder, name), errors='replace')) for name in os.listdir(folder) if name not in ('eve.json', 'suricata.log')}
    return records, {name: count for name, count in logs.items() if os.path.isfile(os.path.join(folder, name))}, said


def variants():
    for kind, options in TYPES:
        for option in options:
            yield kind, '', f'{kind}: {{{option}}}' if option else kind, ''
    for option in COMMON:
        yield 'alert', option + ', ', 'alert, flow, http, {anomaly: {types: {decode: yes}}}', ''
    for output in OUTPUTS:
        yield 'alert', '', 'alert', '  ' + output


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--peer', default=os.environ.get('BRIDGEGUARD_PEER', 'suricata'))
    parser.add_argument('--bin', default=os.path.join(ROOT, '.artifacts/bin/BridgeGuard.Cli/release/bridgeguard'))
    parser.add_argument('--only', action='append')
    parser.add_argument('--captures', type=int, default=1, help='captures for each option')
    parser.add_argument('--show', type=int, default=4)
    parser.add_argument('captured', nargs='+', metavar='CAPTURE')
    arguments = parser.parse_intermixed_args()
    if shutil.which(arguments.peer) is None:
        print('eveoptions: Suricata is not installed here: nothing is compared')
        return 0
    work = tempfile.mkdtemp(prefix='eveoptions-')
    rules, config = os.path.join(work, 'case.rules'), os.path.join(work, 'case.yaml')
    with open(rules, 'w', encoding='utf-8') as out:
        out.write(RULES)
    for name, line in (('classification', 'bad-unknown,Potentially Bad Traffic,2'), ('reference', 'url http://'), ('reference', 'cve http://cve.example/')):
        with open(os.path.join(work, name + '.config'), 'a', encoding='utf-8') as out:
            out.write(f'config {name}: {line}\n')

    def configure(eve, types, outputs):
        with open(config, 'w', encoding='utf-8') as out:
            out.write(CONFIG.format(folder=work, eve=eve, types=types, outputs=outputs, protocols='\n'.join(f'    {name}: {{enabled: yes}}' for name in PROTOCOLS)
                                    + '\n    smtp: {enabled: yes, mime: {decode-mime: yes, body-md5: yes, extract-urls: yes}}\n    tls: {enabled: yes, ja3-fingerprints: yes, ja4-fingerprints: yes}\n    dns: {tcp: {enabled: yes}, udp: {enabled: yes}}'))

    everything = ', '.join(f'{{{kind}: {{enabled: yes}}}}' for kind, _ in TYPES if kind != 'stats')
    configure('', everything, '')
    holders = collections.defaultdict(list)
    for capture in rulediff.captures_in(arguments.captured):
        records, _, _ = run(arguments.peer, capture, os.path.join(work, 'theirs'), config, rules, [])
        for kind in {json.loads(text)['event_type'] for _, text in records}:
            holders[kind].append(capture)
    count, differences = 0, 0
    for kind, eve, types, outputs in variants():
        if arguments.only and not any(part in f'{eve}{types}{outputs}' for part in arguments.only):
            continue
        mode = ['--simulate-ips'] if kind == 'drop' else []
        found = holders['http' if kind == 'drop' else 'flow' if kind in ('stats', 'netflow', 'metadata', 'stream') else NAMES.get(kind, kind)][:arguments.captures]
        if not found:
            print(f'no capture has records of {kind}: {types}')
        for capture in found:
            count += 1
            configure(eve, types if types.count(',') and not types.startswith(kind + ':') else f'{{{types}}}' if ':' in types else types, outputs)
            theirs, their_logs, their_words = run(arguments.peer, capture, os.path.join(work, 'theirs'), config, rules, mode)
            ours, our_logs, our_words = run(arguments.bin, capture, os.path.join(work, 'ours'), config, rules, mode)
            missing, extra = theirs - ours, ours - theirs
            if not missing and not extra and their_logs.keys() == our_logs.keys():
                continue
            differences += 1
            print(f'{eve}{types}{outputs} over {os.path.basename(os.path.dirname(capture))}/{os.path.basename(capture)}: {sum((theirs & ours).values())} same, {sum(missing.values())} missing, {sum(extra.values())} extra')
            if their_logs.keys() != our_logs.keys():
                print(f'      files {sorted(their_logs)} {sorted(our_logs)}')
            paths = collections.Counter()
            for (_, one), (_, other) in zip(sorted(missing), sorted(extra)):
                one, other = json.loads(one), json.loads(other)
                paths.update(f'-{key}' if key not in other else f'+{key}' if key not in one else f'~{key} {one[key]!r:.60} {other[key]!r:.60}' for key in one.keys() | other.keys() if one.get(key) != other.get(key))
            for path, times in paths.most_common(arguments.show):
                print(f'      {times} {path}')
            for sign, rows in (('-', missing), ('+', extra)):
                if not paths:
                    for prefix, text in list(rows)[:1]:
                        print(f'      {sign} {prefix}{text[:400]}')
            if not theirs or not ours:
                print(f'      {their_words.stderr[-200:]} | {our_words.stderr[-200:]}')
    shutil.rmtree(work)
    print(f'{count} cases, {differences} differ')
    return 1 if differences else 0


if __name__ == '__main__':
    sys.exit(main())
