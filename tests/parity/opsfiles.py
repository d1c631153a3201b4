#!/usr/bin/env python3
"""Asks Suricata and BridgeGuard what they make of the files that operators edit: lines of threshold.config, classification.config, reference.config, iprep lists,
datasets, and rule files with joined lines.

usage: opsfiles.py [--peer PROGRAM] [--bin PROGRAM] [--only TEXT]... [--show]

Each case is a few files, run over one capture: which lines are refused, which packets have which alerts with which action and severity? Prints the differences;
ends with 1 when there are any. Where Suricata is not installed, the script says so and ends with 0.
"""
import argparse
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile

import chance
import packetdiff

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CONFIG = '''%YAML 1.1
---
vars:
  address-groups: {{HOME_NET: "[10.0.0.0/24]", EXTERNAL_NET: "!$HOME_NET", LIST: "[10.0.0.1,10.0.0.2]"}}
  port-groups: {{HTTP_PORTS: "80"}}
default-rule-path: {folder}
rule-files: [case.rules]
classification-file: {folder}/classification.config
reference-config-file: {folder}/reference.config
threshold-file: {folder}/threshold.config
reputation-categories-file: {folder}/categories.txt
default-reputation-path: {folder}
reputation-files: [reputation.list]
datasets: {{rules: {{allow-write: true}}}}
outputs:
  - eve-log: {{enabled: yes, filetype: regular, filename: eve.json, types: [{{alert: {{metadata: yes}}}}, {{drop: {{alerts: yes, flows: all}}}}]}}
'''
RULES = '''alert udp any any -> any 9999 (msg:"one"; content:"a"; sid:1; rev:1;)
alert udp any any -> any 9999 (msg:"two"; content:"b"; sid:2; rev:1;)
alert udp any any -> any 9999 (msg:"three"; content:"a"; sid:3; gid:7; rev:1;)
alert udp any any -> any 9999 (msg:"four"; content:"a"; threshold:type limit, track by_src, count 2, seconds 60; sid:4; rev:1;)
alert udp any any -> any 9999 (msg:"five"; content:"a"; detection_filter:track by_src, count 2, seconds 60; sid:5; rev:1;)
'''
CLASSES = 'config classification: good,A good one,3\n'
REFERENCES = 'config reference: url http://\n'


class Traffic(chance.Batch):
    """Datagrams between a few hosts, a fifth of a second apart; some back."""

    def __init__(self):
        super().__init__(1, 'state', rules=0, packets=0)
        self.step = 0.2
        for n in range(120):
            source = (10, 0, n // 60, n % 3 + 1)
            self.udp(b'ab'[:1 + n % 2], 20000 + n % 7, 9999, source=source, target=(10, 0, 0, 9 - n % 2))


def numbers(text):
    return [line.strip() for line in text.strip().splitlines()]


def threshold_lines():
    yield from numbers('''
        suppress gen_id 1, sig_id 1
        suppress gen_id 1, sig_id 0
        suppress gen_id 0, sig_id 0
        suppress gen_id 0, sig_id 1
        suppress gen_id 7, sig_id 3
        suppress gen_id 7, sig_id 0
        suppress gen_id 1, sig_id 99
        suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1
        suppress gen_id 1, sig_id 1, track by_dst, ip 10.0.0.9
        suppress gen_id 1, sig_id 1, track by_either, ip 10.0.0.1
        suppress gen_id 1, sig_id 1, track by_both, ip 10.0.0.1
        suppress gen_id 1, sig_id 1, track by_rule, ip 10.0.0.1
        suppress gen_id 1, sig_id 1, track by_flow, ip 10.0.0.1
        suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.0/30
        suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1,10.0.0.2
        suppress gen_id 1, sig_id 1, track by_src, ip [10.0.0.1,10.0.0.2]
        suppress gen_id 1, sig_id 1, track by_src, ip [10.0.0.1, 10.0.0.2]
        suppress gen_id 1, sig_id 1, track by_src, ip [10.0.0.0/24,!10.0.0.2]
        suppress gen_id 1, sig_id 1, track by_src, ip !10.0.0.1
        suppress gen_id 1, sig_id 1, track by_src, ip ![10.0.0.1,10.0.0.2]
        suppress gen_id 1, sig_id 1, track by_src, ip $HOME_NET
        suppress gen_id 1, sig_id 1, track by_src, ip !$HOME_NET
        suppress gen_id 1, sig_id 1, track by_src, ip [$LIST,10.0.1.1]
        suppress gen_id 1, sig_id 1, track by_src, ip $NOSUCH
        suppress gen_id 1, sig_id 1, track by_src, ip $EXTERNAL_NET
        suppress gen_id 1, sig_id 1, track by_src, ip any
        suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1-10.0.0.2
        suppress gen_id 1, sig_id 1, track by_src, ip ::1
        suppress gen_id 1, sig_id 1, track by_src, ip 2001:db8::/32
        suppress gen_id 1, sig_id 1, track by_src, ip x
        suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1/33
        suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0
        suppress gen_id 1, sig_id 1, track by_src
        suppress gen_id 1, sig_id 1, ip 10.0.0.1
        suppress gen_id 1, sig_id 1, ip 10.0.0.1, track by_src
        suppress sig_id 1, gen_id 1
        suppress gen_id 1
        suppress sig_id 1
        suppress gen_id 1 sig_id 1
        suppress gen_id 1,sig_id 1
        suppress  gen_id  1 ,  sig_id  1
        suppress gen_id 1, sig_id 1,
        suppress gen_id 1, sig_id 1, x
        suppress gen_id x, sig_id 1
        suppress gen_id 1, sig_id x
        suppress gen_id -1, sig_id 1
        suppress gen_id 4294967296, sig_id 1
        suppress gen_id 1, sig_id 4294967296
        suppress gen_id 1, sig_id 1 # comment
        suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1 # comment
        Suppress gen_id 1, sig_id 1
        SUPPRESS GEN_ID 1, SIG_ID 1
        suppress
        nonsense gen_id 1, sig_id 1
        # suppress gen_id 1, sig_id 1
        threshold gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 60
        threshold gen_id 1, sig_id 4, type limit, track by_src, count 1, seconds 60
        threshold gen_id 1, sig_id 5, type limit, track by_src, count 1, seconds 60
        threshold gen_id 1, sig_id 0, type limit, track by_src, count 1, seconds 60
        threshold gen_id 0, sig_id 0, type limit, track by_src, count 1, seconds 60
        threshold gen_id 0, sig_id 1, type limit, track by_src, count 1, seconds 60
        threshold gen_id 7, sig_id 0, type limit, track by_src, count 1, seconds 60
        threshold gen_id 1, sig_id 1, track by_src, type limit, count 1, seconds 60
        threshold gen_id 1, sig_id 1, type limit, track by_src, seconds 60, count 1
        threshold gen_id 1, sig_id 1, count 1, seconds 60, type limit, track by_src
        threshold gen_id 1, sig_id 1, type limit, track by_src, count 0, seconds 60
        threshold gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 0
        threshold gen_id 1, sig_id 1, type limit, track by_src, count 1
        threshold gen_id 1, sig_id 1, type limit, count 1, seconds 60
        threshold gen_id 1, sig_id 1, track by_src, count 1, seconds 60
        threshold gen_id 1, sig_id 1, type x, track by_src, count 1, seconds 60
        threshold gen_id 1, sig_id 1, type limit, track x, count 1, seconds 60
        threshold gen_id 1, sig_id 1, type limit, track by_src, count x, seconds 60
        threshold gen_id 1, sig_id 1, type limit, track by_src, count -1, seconds 60
        threshold gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 60, x 1
        threshold gen_id 1, sig_id 1, type limit,track by_src,count 1,seconds 60
        threshold gen_id 1,sig_id 1,type limit,track by_src,count 1,seconds 60
        threshold gen_id 1, sig_id 1, type backoff, track by_flow, count 1, multiplier 2
        threshold gen_id 1, sig_id 1, type backoff, track by_src, count 1, multiplier 2
        threshold gen_id 1, sig_id 1, type backoff, track by_flow, count 1, multiplier 2, seconds 60
        threshold gen_id 1, sig_id 1, type limit, track by_either, count 1, seconds 60
        event_filter gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 60
        event_filter gen_id 1, sig_id 0, type threshold, track by_dst, count 3, seconds 60
        rate_filter gen_id 1, sig_id 1, track by_src, count 2, seconds 60, new_action drop, timeout 2
        rate_filter gen_id 1, sig_id 0, track by_src, count 2, seconds 60, new_action drop, timeout 2
        rate_filter gen_id 0, sig_id 0, track by_src, count 2, seconds 60, new_action drop, timeout 2
        rate_filter gen_id 1, sig_id 4, track by_src, count 2, seconds 60, new_action drop, timeout 2
        rate_filter gen_id 1, sig_id 5, track by_src, count 2, seconds 60, new_action drop, timeout 2
        rate_filter gen_id 1, sig_id 1, new_action drop, track by_src, count 2, seconds 60, timeout 2
        rate_filter gen_id 1, sig_id 1, track by_src, count 2, seconds 60, new_action drop, timeout 0
        rate_filter gen_id 1, sig_id 1, track by_src, count 2, seconds 60, new_action drop
        rate_filter gen_id 1, sig_id 1, track by_src, count 0, seconds 60, new_action drop, timeout 2
        rate_filter gen_id 1, sig_id 1, track by_src, count 2, seconds 0, new_action drop, timeout 2
        rate_filter gen_id 1, sig_id 1, track by_src, count 2, seconds 60, timeout 2''')
    for kind, track in itertools.product(('limit', 'threshold', 'both'), ('by_src', 'by_dst', 'by_both', 'by_rule', 'by_flow')):
        yield f'threshold gen_id 1, sig_id 1, type {kind}, track {track}, count 3, seconds 5'
    for track, action in itertools.product(('by_src', 'by_dst', 'by_both', 'by_rule', 'by_flow', 'by_either'), ('alert', 'drop', 'pass', 'reject')):
        yield f'rate_filter gen_id 1, sig_id 1, track {track}, count 3, seconds 4, new_action {action}, timeout 3'
    for action in ('log', 'sdrop', 'rejectsrc', 'rejectdst', 'rejectboth', 'DROP', 'config', 'x'):
        yield f'rate_filter gen_id 1, sig_id 1, track by_src, count 3, seconds 4, new_action {action}, timeout 3'
    # Several lines together, and joined ones.
    yield 'suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1\nsuppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.2'
    yield 'suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1\nthreshold gen_id 1, sig_id 1, type limit, track by_src, count 2, seconds 60'
    yield 'threshold gen_id 1, sig_id 1, type limit, track by_src, count 2, seconds 60\nthreshold gen_id 1, sig_id 1, type threshold, track by_src, count 2, seconds 60'
    yield 'threshold gen_id 1, sig_id 1, type limit, track by_src, count 2, seconds 60\nthreshold gen_id 1, sig_id 0, type threshold, track by_src, count 2, seconds 60'
    yield 'threshold gen_id 1, sig_id 0, type limit, track by_src, count 2, seconds 60\nthreshold gen_id 1, sig_id 1, type threshold, track by_src, count 2, seconds 60'
    yield 'rate_filter gen_id 1, sig_id 1, track by_src, count 2, seconds 60, new_action drop, timeout 2\nsuppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1'
    yield 'suppress gen_id 1, \\\n  sig_id 1'
    yield 'suppress gen_id 1, sig_id 1, \\\n  track by_src, \\\n  ip 10.0.0.1\nsuppress gen_id 1, sig_id 2'
    yield 'bad line\nsuppress gen_id 1, sig_id 2'
    yield 'suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1\r\nsuppress gen_id 1, sig_id 2\r\n'
    yield '\tsuppress gen_id 1, sig_id 1'


CLASS_RULE = 'alert udp any any -> any 9999 (msg:"one"; content:"a"; classtype:%s; sid:1; rev:1;)\nalert udp any any -> any 9999 (content:"b"; msg:"two"; classtype:good; priority:7; sid:2;)\n'
REFERENCE_RULE = 'alert udp any any -> any 9999 (msg:"one"; content:"a"; reference:%s,1; sid:1; rev:1;)\n'
IPREP_RULE = ''.join(f'alert udp any any -> any 9999 (msg:"{n}"; iprep:{form}; sid:{n};)\n' for n, form in enumerate(
    ('src,bad,>,10', 'dst,bad,>,10', 'any,bad,=,20', 'both,bad,>,1', 'src,good,<,50', 'src,bad,isset', 'src,bad,isnotset', 'src,bad,>=,20', 'src,bad,<=,20', 'src,bad,!=,20', 'any,bad,isnotset', 'both,bad,isnotset', 'any,good,>=,0'), 1))


def cases():
    for line in threshold_lines():
        yield {'threshold.config': line + '\n'}
    for line, name in (('config classification: x,An x,2', 'x'), ('config classification: x-y_z,An x,2', 'x-y_z'), ('config classification:x,An x,2', 'x'), ('config  classification:  x , An x , 2', 'x'), ('config classification: x,,2', 'x'), ('config classification: x,An x', 'x'),
                       ('config classification: x,An x,0', 'x'), ('config classification: x,An x,255', 'x'), ('config classification: x,An x,256', 'x'), ('config classification: x,An x,-1', 'x'), ('config classification: x,An x,2 # c', 'x'), ('config classification: X,An x,2', 'x'), ('config classification: x,An x,2', 'X'),
                       ('config classification: x,One,2\nconfig classification: x,Other,4', 'x'), ('config classification: x,An, x,2', 'x'), ('config classification: x y,An x,2', 'x y'), (' config classification: x,An x,2', 'x'), ('Config classification: x,An x,2', 'x'), ('classification: x,An x,2', 'x'), ('config classification: x,An x,2,', 'x'), ('# config classification: x,An x,2', 'x'), ('config classification: 1x,An x,2', '1x'), ('config classification: x.y,An x,2', 'x.y')):
        yield {'classification.config': CLASSES + line + '\n', 'case.rules': CLASS_RULE % name}
    for line, name in (('config reference: x http://x/', 'x'), ('config reference: x    http://x/', 'x'), ('config reference:x http://x/', 'x'), ('config reference: x', 'x'), ('config reference: x http://x/ y', 'x'), ('config reference: X http://x/', 'x'), ('config reference: x http://x/', 'X'), ('config reference: x-y http://x/', 'x-y'),
                       ('config reference: x http://a/\nconfig reference: x http://b/', 'x'), (' config reference: x http://x/', 'x'), ('config reference: x,http://x/', 'x'), ('config reference: x_y http://x/', 'x_y'), ('config reference: 1 http://x/', '1'), ('reference: x http://x/', 'x')):
        yield {'reference.config': REFERENCES + line + '\n', 'case.rules': REFERENCE_RULE % name}
    for lines in ('10.0.0.1,1,20', '10.0.0.0/24,1,20', '10.0.0.0/24,1,20\n10.0.0.1,1,5', '10.0.0.1,1,20\n10.0.0.1,2,10', '10.0.0.1,1,0', '10.0.0.1,1,127', '10.0.0.1,1,128', '10.0.0.1,99,20', '10.0.0.1,3,20', '10.0.0.1, 1, 20', '10.0.0.1,1', 'x,1,20', '10.0.0.1,1,20 # c', '# 10.0.0.1,1,20', '10.0.0.1,1,20\n10.0.0.1,1,30', '10.0.0.0/33,1,20', '10.0.0.9,1,20',
                  '10.0.0.0/24,1,20\n10.0.0.0/30,1,15', '0.0.0.0/0,1,20', '10.0.0.1/32,1,20', '2001:db8::1,1,20', '10.0.0.1,1,20,extra', '10.0.0.1,-1,20', '10.0.0.1,1,-1', 'bad\n10.0.0.1,1,20', '10.0.0.0/24,2,20\n10.0.0.1,1,20'):
        yield {'reputation.list': lines + '\n', 'case.rules': IPREP_RULE}
    for lines in ('1,bad,Bad\n2,good,Good', '0,bad,Bad\n2,good,Good', '1,bad,\n2,good,', '1,bad\n2,good', '59,bad,B\n2,good,G', '60,bad,B\n2,good,G', '1,bad,B\n1,good,G', '1,bad,B\n2,bad,G\n3,good,x', '1, bad, B\n2, good, G', '# x\n1,bad,B\n2,good,G', '-1,bad,B\n2,good,G'):
        yield {'categories.txt': lines + '\n', 'reputation.list': '10.0.0.1,1,20\n', 'case.rules': IPREP_RULE}
    header = Traffic().frames[0][1][34:42]
    digests = {'string': base64(header), 'md5': hashlib.md5(header).hexdigest(), 'sha256': hashlib.sha256(header).hexdigest()}
    for kind, value in digests.items():
        transform = '' if kind == 'string' else f'to_{kind}; '
        for content in ('V\n', 'V', 'V\r\n', '', '\nV\n\n', '# c\nV\n', 'x!\nV\n', 'V \n', ' V\n', 'V,5\n', 'V\nV,5\n', 'V,5\nV\n', 'V=\n', 'VV\n'):
            content = content.replace('V', value)
            yield {'list.lst': content, 'case.rules': f'alert udp any any -> any 9999 (msg:"set"; udp.hdr; {transform}dataset:isset,names,type {kind},load list.lst; sid:1;)\nalert udp any any -> any 9999 (msg:"not"; udp.hdr; {transform}dataset:isnotset,names; sid:2;)\n'}
        yield {'list.lst': value.upper() + '\n', 'case.rules': f'alert udp any any -> any 9999 (msg:"set"; udp.hdr; {transform}dataset:isset,names,type {kind},load list.lst; sid:1;)\n'}
        for content in ('V,5\n', 'V\n', 'V, 5\n', 'V,70000\n', 'V,x\n', 'V,\n', 'V,0\n', 'V,5,6\n', 'x,5\nV,6\n', 'V,5\n\n', 'V,5\r\n', 'V,5\nV,9\n'):
            yield {'list.rep': content.replace('V', value), 'case.rules': ''.join(f'alert udp any any -> any 9999 (msg:"{n}"; udp.hdr; {transform}datarep:names,{form},type {kind},load list.rep; sid:{n};)\n' for n, form in enumerate(('>,4', '<,10', '==,5'), 1))}
    for option in ('memcap 10kb', 'memcap 10mb, hashsize 1024', 'memcap 10mb, hashsize 1000000', 'hashsize 0', 'hashsize x', 'memcap x'):
        yield {'case.rules': f'alert udp any any -> any 9999 (msg:"set"; ip.src; dataset:set,names,type ip,{option}; sid:1;)\nalert udp any any -> any 9999 (msg:"is"; ip.src; dataset:isset,names; sid:2;)\n'}
    for kind, content in (('ip', '10.0.0.1\n10.0.0.2\n'), ('ipv4', '10.0.0.1\n'), ('ip', '::ffff:10.0.0.1\n'), ('ipv4', '10.0.0.256\n'), ('ip', '2001:db8::1\n10.0.0.3\n'), ('ipv4', '10.0.0.1 \n'), ('ip', '10.0.0.0/24\n'), ('ip', '10.0.0.1 \n10.0.0.2\n'), ('ip', '10.1\n10.0.0.2\n'), ('ip', '010.0.0.1\n'), ('ip', '10.0.0.1\n\n10.0.0.2\n'), ('ip', '# c\n10.0.0.1\n'), ('ipv4', '::ffff:10.0.0.1\n10.0.0.2\n'), ('ip', '10.0.0.1,5\n10.0.0.2,6\n'), ('ip', '10.0.0.1\n10.0.0.2,6\n10.0.0.3\n')):
        yield {'list.lst': content, 'case.rules': f'alert udp any any -> any 9999 (msg:"set"; ip.src; dataset:isset,names,type {kind},load list.lst; sid:1;)\n'}
    for content in ('10.0.0.1,5\n10.0.0.2,15\n', '10.0.0.1\n10.0.0.2\n', '10.0.0.1 ,5\n10.0.0.2,15\n', '10.0.0.1,5\n10.0.0.2\n', '10.0.0.1,70000\n', '10.0.0.1,x\n', '10.0.0.1, 5\n'):
        yield {'list.rep': content, 'case.rules': ''.join(f'alert udp any any -> any 9999 (msg:"{n}"; ip.src; datarep:names,{form},type ip,load list.rep; sid:{n};)\n' for n, form in enumerate(('>,4', '=,15', '<,10', '!=,5', '>=,15', '==,15'), 1))}
    for text in ('alert udp any any -> any 9999 (msg:"one"; \\\n content:"a"; \\\n sid:1;)\n', 'alert udp any any -> any 9999 ( \\\n\\\n msg:"one"; content:"a"; sid:1;)\nalert udp any any -> any 9999 (msg:"two"; contents:"x"; sid:2;)\n', 'alert udp any any -> any 9999 (msg:"one"; content:"a"; sid:1;) \\\n', '# alert udp any any -> any 9999 (msg:"one"; \\\n content:"a"; sid:1;)\n',
                 '   alert udp any any -> any 9999 (msg:"one"; content:"a"; sid:1;)\n', 'alert udp any any -> any 9999 (msg:"one"; content:"a"; sid:1;)\r\nalert udp any any -> any 9999 (msg:"two"; content:"b"; sid:2;)\r\n', 'alert udp any any -> any 9999 (msg:"one"; content:"a"; sid:1;)', 'alert udp any any -> any 9999 (msg:"one"; content:"a"; sid:1; \\ \n rev:2;)\n',
                 'alert udp any any -> any 9999 (msg:"one"; \\\n# comment\n content:"a"; sid:1;)\n', '\ufeffalert udp any any -> any 9999 (msg:"one"; content:"a"; sid:1;)\n', 'alert udp any any -> any 9999 (msg:"one"; content:"a"; sid:1;)\nalert udp any any -> any 9999 (msg:"again"; content:"b"; sid:1;)\n', 'alert udp any any -> any 9999 (msg:"one"; content:"a"; sid:1; rev:1;)\nalert udp any any -> any 9999 (msg:"again"; content:"b"; sid:1; rev:2;)\n',
                 'alert udp any any -> any 9999 (msg:"one"; content:"a"; sid:1;) # behind\n', 'alert udp any any -> any 9999 (msg:"one"; content:"a"; sid:1;)x\n', 'include other.rules\n', '\x1aalert udp any any -> any 9999 (msg:"one"; content:"a"; sid:1;)\n', ';\n', 'x\n'):
        yield {'case.rules': text}


def base64(raw):
    import base64 as codec
    return codec.b64encode(raw).decode()


def run(program, folder, capture, mode):
    logs = os.path.join(folder, 'logs')
    shutil.rmtree(logs, ignore_errors=True)
    os.makedirs(logs)
    result = subprocess.run([program, '-r', capture, '-l', logs, '-c', os.path.join(folder, 'case.yaml'), '-k', 'none', '--runmode', 'single', *mode], capture_output=True, text=True, errors='replace', check=False)
    said = [line for line in (result.stdout + result.stderr).splitlines() if line.startswith(('Error', 'Warning', 'E:', 'W:')) and 'counters: stats' not in line]
    found = []
    path = os.path.join(logs, 'eve.json')
    if os.path.exists(path):
        for line in open(path, encoding='utf-8', errors='replace'):
            record = json.loads(line)
            if record['event_type'] == 'alert':
                alert = record['alert']
                found.append((record.get('pcap_cnt'), alert['gid'], alert['signature_id'], alert['rev'], alert['action'], alert['severity'], alert['category'], alert['signature'], str(alert.get('references', ''))))
            elif record['event_type'] == 'drop':
                found.append((record.get('pcap_cnt'), 'drop', record['drop'].get('reason')))
    return result.returncode, said, sorted(found, key=str)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--peer', default=os.environ.get('BRIDGEGUARD_PEER', 'suricata'))
    parser.add_argument('--bin', default=os.path.join(ROOT, '.artifacts/bin/BridgeGuard.Cli/release/bridgeguard'))
    parser.add_argument('--only', action='append')
    parser.add_argument('--show', action='store_true', help='also what both said where they agree on the alerts')
    arguments = parser.parse_args()
    if shutil.which(arguments.peer) is None:
        print('opsfiles: Suricata is not installed here: nothing is compared')
        return 0
    work = tempfile.mkdtemp(prefix='opsfiles-')
    capture = os.path.join(work, 'case.pcap')
    traffic = Traffic()
    packetdiff.write_capture(capture, [(0.2, frame) for _, frame in traffic.frames])
    count, differences = 0, 0
    for case in cases():
        text = '\n'.join(case.values())
        if arguments.only and not any(part in text or part in case for part in arguments.only):
            continue
        files = {'case.rules': RULES, 'threshold.config': '', 'classification.config': CLASSES, 'reference.config': REFERENCES, 'categories.txt': '1,bad,Bad\n2,good,Good\n', 'reputation.list': '', **case}
        folder = os.path.join(work, 'case')
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        files['case.yaml'] = CONFIG.format(folder=folder)
        for name, content in files.items():
            with open(os.path.join(folder, name), 'w', encoding='utf-8', newline='') as out:
                out.write(content)
        for mode in ([], ['--simulate-ips']) if 'threshold.config' in case else ([],):
            count += 1
            theirs, ours = run(arguments.peer, folder, capture, mode), run(arguments.bin, folder, capture, mode)
            complains = bool(theirs[1]) != bool(ours[1])
            if theirs[2] != ours[2] or complains or theirs[0] != ours[0]:
                differences += 1
                print(f'{"; ".join(f"{name}: {content!r}" for name, content in case.items())} {" ".join(mode)}')
                for who, one, other in (('Suricata', theirs, ours), ('BridgeGuard', ours, theirs)):
                    only = [row for row in one[2] if row not in other[2]]
                    print(f'    {who:11} exit {one[0]}, {len(one[2])} records, {len(only)} only here: {only[:3]}')
                    for line in one[1][:3]:
                        print(f'                {line[:200]}')
            elif arguments.show:
                print(f'same: {text!r}: {len(ours[2])} records; {(theirs[1] or [""])[0][:150]} / {(ours[1] or [""])[0][:150]}')
    shutil.rmtree(work)
    print(f'{count} cases, {differences} differ')
    return 1 if differences else 0


if __name__ == '__main__':
    sys.exit(main())
