#!/usr/bin/env python3
"""Scan once: clients of every kind fetch, send and open the same files, and each file is scanned once.

  storm.py PROGRAM [--agent AGENT] [--clients 200] [--files 50] [--at-once 16] [--kinds http1,agent,...]

Real protocols between guests in namespaces (nginx over HTTP/1 and HTTP/2, vsftpd, samba, in.tftpd, SMTP, uploads by PUT), bridgeguard-agent (fanotify), stock
clamdscan and the HTTP API in guests of their own, and a real clamd with one signature of our own. One file is bad. Fails unless clamd itself has judged exactly as
many contents as there are files, every clean transfer is byte for byte the file, and the bad one has arrived nowhere. Needs root.
"""
import argparse
import base64
import collections
import concurrent.futures
import json
import os
import random
import subprocess
import sys
import threading
import time

from file_lab import HOST, SERVER, Lab, run

# Of twenty clients; the rest of a smaller number comes from the front.
MIX = ['http1', 'ftp', 'smb', 'agent', 'http2', 'smtp', 'tftp', 'clamd', 'put', 'api', 'http1', 'ftp', 'smb', 'http2', 'ftp', 'http1', 'smtp', 'tftp', 'smb', 'put']

parser = argparse.ArgumentParser()
parser.add_argument('program', nargs='+', help='bridgeguard, or: dotnet bridgeguard.dll')
parser.add_argument('--agent', default='', help='bridgeguard-agent, or "dotnet bridgeguard-agent.dll"; without it other clients take its place')
parser.add_argument('--clients', type=int, default=200)
parser.add_argument('--files', type=int, default=50)
parser.add_argument('--at-once', type=int, default=16, help='clients at the same time')
parser.add_argument('--kinds', default='', help='only these, separated by commas')
options = parser.parse_args()
kinds = options.kinds.split(',') if options.kinds else [kind for kind in MIX if options.agent or kind != 'agent']
api_turns = threading.Semaphore(4)  # A guest may have eight submissions at a time; more are told to come back, which these clients do not.
problems = []


class Client:
    """One client; `arrived` maps names to what reached it (or the server, for what it sends)."""

    def __init__(self, lab, number, files, bad):
        self.lab, self.number, self.files, self.bad = lab, number, files, bad
        self.names = list(files)
        random.Random(number).shuffle(self.names)
        self.folder = lab.path(f'out/{number}')
        os.makedirs(self.folder)

    def curl(self, scheme, *more, upload=False):
        lines = []
        for name in self.names:
            target = f'{self.number}-{name}' if upload else name
            lines.append(f'url = "{scheme}/{target}"\n' + (f'upload-file = "{self.lab.path("www")}/{name}"\noutput = "/dev/null"\n' if upload else f'output = "{self.folder}/{name}"\n'))
        subprocess.run(self.lab.within('a', 'curl', '-s', *more, '-K', '-'), input=''.join(lines), text=True, capture_output=True, timeout=600)

    def http1(self):
        self.curl(f'http://{SERVER}', '-m', '60')

    def http2(self):
        # A process for each: curl 7.88 does not use a cleartext connection twice.
        script = 'for f in %s; do curl -s -m 60 --http2-prior-knowledge -o %s/$f http://%s:82/$f; done' % (' '.join(self.names), self.folder, SERVER)
        subprocess.run(self.lab.within('a', 'sh', '-c', script), capture_output=True, timeout=600)

    def ftp(self):
        self.curl(f'ftp://{SERVER}', '-m', '60')

    def tftp(self):
        self.curl(f'tftp://{SERVER}', '-m', '25', '--tftp-blksize', '1400')

    def put(self):
        self.curl(f'http://{SERVER}:8081', '-m', '60', upload=True)
        for name in self.names:
            os.rename(self.lab.path(f'uploads/{self.number}-{name}'), f'{self.folder}/{name}')

    def smb(self):
        at = self.names.index(self.bad)  # Its connection ends there.
        for part in (self.names[:at + 1], self.names[at + 1:]):
            if part:
                subprocess.run(self.lab.within('a', 'timeout', '120', 'smbclient', '-N', f'//{SERVER}/files', '-c', '; '.join(f'get {name} {self.folder}/{name}' for name in part)),
                               capture_output=True)

    def smtp(self):
        result = subprocess.run(self.lab.within('a', 'python3', self.lab.path('send.py'), SERVER, '60', *[self.lab.path(f'www/{name}') for name in self.names]), capture_output=True, text=True)
        if result.returncode != 1 or not result.stdout.startswith(self.bad):
            problems.append(f'client {self.number} smtp: {result.returncode} {result.stdout}{result.stderr}')

    def agent(self):
        files, root = f'{self.folder}/files', f'{self.folder}/root'
        os.makedirs(root)
        script = (f'mount -t tmpfs tmpfs {root} && cp -a {self.lab.path("www")}/. {root}/ && exec {options.agent} --host http://{HOST}:8642 --key {key} --state {self.folder}/state '
                  f'--fallback deny --timeout 60 {root}')
        log = f'agent-{self.number}'
        process = self.lab.start(log, *self.lab.within('c', 'unshare', '--mount', 'sh', '-c', script))
        for _ in range(600):
            if 'watching' in self.lab.log(log) or process.poll() is not None:
                break
            time.sleep(0.1)
        opened = subprocess.run(['nsenter', f'--mount=/proc/{process.pid}/ns/mnt', 'sh', '-c', f'cd {root}; mkdir {files}; for f in {" ".join(self.names)}; do cat $f >{files}/$f; done'],
                                capture_output=True, text=True, timeout=600)
        process.terminate()
        process.wait(30)
        for name in os.listdir(files):
            if os.path.getsize(f'{files}/{name}'):
                os.rename(f'{files}/{name}', f'{self.folder}/{name}')
        if opened.stderr.count('cat:') != 1:
            problems.append(f'client {self.number} agent: {opened.stderr}{self.lab.log(log)}')

    def clamd(self):
        with api_turns:
            result = subprocess.run(self.lab.within('d', 'clamdscan', '-c', self.lab.path('guest-clamd.conf'), '--stream', '--no-summary', *[self.lab.path(f'www/{name}') for name in self.names]),
                                    capture_output=True, text=True, timeout=600)
        said = collections.Counter(line.rsplit(' ', 1)[-1] for line in result.stdout.splitlines())
        if said['OK'] != len(self.files) - 1 or said['FOUND'] != 1:
            problems.append(f'client {self.number} clamdscan: {said} {result.stderr}')

    def api(self):
        with api_turns:
            result = subprocess.run(self.lab.within('d', sys.executable, self.lab.path('ask.py'), HOST, *[self.lab.path(f'www/{name}') for name in self.names]), capture_output=True, text=True, timeout=600)
        said = dict(line.split(' ') for line in result.stdout.splitlines())
        if any(said.get(name) != ('malicious' if name == self.bad else 'clean') for name in self.names):
            problems.append(f'client {self.number} api: {said} {result.stderr}')

    def check(self, kind):
        if kind in ('smtp', 'clamd', 'api'):
            return  # Checked by what they were told; mails are looked at in the end.
        for name, content in self.files.items():
            path = f'{self.folder}/{name}'
            arrived = open(path, 'rb').read() if os.path.exists(path) else b''
            if (arrived == content) != (name != self.bad):
                problems.append(f'client {self.number} {kind}: {name} has arrived with {len(arrived)} of {len(content)} bytes')


ASK = r'''
import hashlib, http.client, json, os, sys
for path in sys.argv[2:]:
    content = open(path, 'rb').read()
    host = http.client.HTTPConnection(sys.argv[1], 8642, timeout=60)
    host.request('GET', '/v1/files/%s?size=%d&wait=30' % (hashlib.sha256(content).hexdigest(), len(content)))
    verdict = json.loads(host.getresponse().read())['verdicts'][0]['verdict']
    if verdict == 'unknown':
        host.request('POST', '/v1/files', content)
        verdict = json.loads(host.getresponse().read())['verdicts'][0]['verdict']
    print(os.path.basename(path), verdict)
    host.close()
'''


def storm(lab):
    files = {f'f{i:02}.bin': None for i in range(options.files)}
    bad = f'f{options.files // 3:02}.bin'
    for i, name in enumerate(files):
        files[name] = lab.make_file(name, 300_000 if i % 16 == 5 else 4_000 + i * 900, seed=i, is_bad=name == bad)
    with open(lab.path('guest-clamd.conf'), 'w') as file:
        file.write(f'TCPSocket 3310\nTCPAddr {HOST}\n')
    with open(lab.path('ask.py'), 'w') as file:
        file.write(ASK)
    used = collections.Counter()

    def one(number):
        kind = kinds[number % len(kinds)]
        client = Client(lab, number, files, bad)
        try:
            getattr(client, kind)()
            client.check(kind)
        except (OSError, subprocess.SubprocessError) as error:
            problems.append(f'client {number} {kind}: {error}')
        used[kind] += 1

    begin = time.time()
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        list(pool.map(one, range(options.clients)))
    took = time.time() - begin
    mails = os.listdir(lab.path('mails'))
    lines = base64.b64encode(files[bad])
    for name in mails:
        text = open(lab.path(f'mails/{name}'), 'rb').read().replace(b'\r\n', b'')
        if lines[-120:-20] in text:
            problems.append(f'the bad file is in {name}')
    if len(mails) != used['smtp'] * (options.files - 1):
        problems.append(f'{len(mails)} mails have arrived, not {used["smtp"] * (options.files - 1)}')
    time.sleep(1)
    stats, metrics, scanned = lab.stats(), lab.metrics(), lab.scanned()
    print(f'{options.clients} clients x {options.files} files = {options.clients * options.files} transfers in {took:.0f} s: ' + ', '.join(f'{kind} {count}' for kind, count in sorted(used.items())))
    print(f'clamd judged {scanned} contents; scans {stats["scans"]}, saved {stats["scans_saved"]}, contents taken in {stats["files"]}, truncated {stats.get("truncated", "?")}, '
          f'errors {stats["errors"]}, hit rate {stats["hit_rate"]}, ahead {stats["ahead"]} ({stats["ahead_in_vain"]} in vain)')
    held = metrics['bridgeguard_files_released_total']
    print(f'held {metrics["bridgeguard_files_held_total"]:.0f}, stopped {metrics["bridgeguard_files_stopped_total"]:.0f}, '
          f'released {held:.0f} after {1000 * metrics["bridgeguard_file_hold_seconds_total"] / max(1, held):.1f} ms on average, '
          f'longest {1000 * metrics["bridgeguard_file_hold_longest_seconds"]:.0f} ms')
    if not scanned == stats['scans'] == metrics['bridgeguard_scans_total'] == options.files:
        problems.append(f'{scanned} contents were judged by clamd and {stats["scans"]} counted, not {options.files}')
    for problem in problems[:20]:
        print(f'FAILED {problem}')
    if problems:
        print(lab.log('daemon')[-4000:])
        with open(lab.path('log/eve.json')) as eve:
            alerts = [json.loads(line) for line in eve if '"alert"' in line]
        for (signature, protocol), count in sorted(collections.Counter((alert['alert']['signature'], alert.get('app_proto', '?')) for alert in alerts).items()):
            print(f'{count} x {signature}, {protocol}')
    print('FAILED' if problems else 'ok')


guests = 'abcd'
with Lab(options.program, guests) as lab:
    key = json.loads(run(*lab.within('c', 'curl', '-s', '-m', '20', f'http://{HOST}:8642/v1/key')))
    key = key.get('public_key') or key.get('key')
    storm(lab)
sys.exit(1 if problems else 0)
