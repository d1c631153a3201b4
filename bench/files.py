#!/usr/bin/env python3
"""What holding files costs: a clean file fetched over HTTP through the bridge, observed, held at its tail, and held when its verdict is known.

  files.py PROGRAM [--size MIB] [--first N] [--second N]

What "10 % slower in throughput on its first fetch" is measured against: a first fetch is the transfer up to its tail, which BridgeGuard may slow (hashing, handing
over, a scanner that reads along on the same two cores), and then the tail's wait for the verdict, which is the scanner's own time. So the client notes when all but
the last 64 KiB are there and when everything is: the first is compared with the observed transfer, the rest with the scanner alone. A second fetch waits for
nobody: no packet of it is held (`bridgeguard_files_held` does not rise, which is checked), and its p99 is compared as it is.

The scanner's own time is measured alone in the same run (INSTREAM of a new file of that size to the same clamd, from its last byte to the answer): clamd scans when
the content is whole, so no product in front of it can answer sooner. With --scanner yara it is a rule's that never matches.

Interleaved runs of two daemons' configurations on one lab (two guests and a bridge in namespaces, nginx, curl, a real clamd without signatures of
its own). "first" fetches are files nobody has seen; "second" ones are of one file whose verdict is known. Times are curl's time_total. Needs root.
"""
import argparse
import os
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument('program', nargs='+', help='bridgeguard, or: dotnet bridgeguard.dll')
parser.add_argument('--size', type=int, default=50)
parser.add_argument('--first', type=int, default=8)
parser.add_argument('--scanner', choices=['clamd', 'yara'], default='clamd')
parser.add_argument('--second', type=int, default=60)
parser.add_argument('--rounds', type=int, default=4, help='how often the two configurations take turns')
options = parser.parse_args()
folder = tempfile.mkdtemp(prefix='bg-files-')
os.chmod(folder, 0o755)
tag = f'bgf{os.getpid()}'
running = []


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, **more).stdout


def start(*command, log):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=open(log, 'w'), stderr=subprocess.STDOUT, start_new_session=True)
    running.append(process)
    return process


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
    running.remove(process)


def wait_for(path, text, process):
    for _ in range(600):
        with open(path) as file:
            if text in file.read():
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(open(path).read())


def scanner():
    return f'clamd: "unix:{folder}/clamd.sock"' if options.scanner == 'clamd' else f'yara: {folder}/none.yar'


def scan_alone():
    """From the last byte to the answer, ms."""
    content = os.urandom(options.size << 20)  # clamd remembers what it has found clean, so not the file that was just fetched.
    if options.scanner == 'yara':
        begin = time.time()
        run('yara', '-C', f'{folder}/none.yarc', f'{folder}/www/new')
        return (time.time() - begin) * 1000
    with socket.socket(socket.AF_UNIX) as clamd:
        clamd.connect(f'{folder}/clamd.sock')
        clamd.sendall(b'zINSTREAM\0')
        for at in range(0, len(content), 1 << 16):
            part = content[at:at + (1 << 16)]
            clamd.sendall(struct.pack('>I', len(part)) + part)
        begin = time.time()
        clamd.sendall(bytes(4))
        answer = clamd.recv(100)
        if b'OK' not in answer:
            sys.exit(f'clamd says {answer}')
        return (time.time() - begin) * 1000


def daemon(delivery):
    with open(f'{folder}/role.yaml', 'w') as file:
        file.write(f'name: default\nfiles: {{delivery: {delivery}, hold-ms: 30000, fail: closed}}\n')
    with open(f'{folder}/bg.yaml', 'w') as file:
        file.write(f'bridges: [{{name: br0, mode: inline, fail: open}}]\nheartbeat-ms: 10000\nmetrics-listen: 127.0.0.1:9912\nlog-directory: {folder}/log\nstate-directory: {folder}/state\n'
                   f'roles: [{folder}/role.yaml]\nrules: {{files: [{folder}/none.rules]}}\neve: {{types: [alert]}}\n'
                   f'scanning: {{enabled: yes, {scanner()}, max-file-size: 100 MiB}}\n')
    shutil.rmtree(f'{folder}/state', ignore_errors=True)
    os.makedirs(f'{folder}/state')
    process = start('ip', 'netns', 'exec', f'{tag}-h', *options.program, 'run', '-c', f'{folder}/bg.yaml', log=f'{folder}/bg.log')
    wait_for(f'{folder}/bg.log', 'inspecting br0', process)
    return process


CLIENT = r'''
import socket, sys, time
host, name, size, tail = sys.argv[1], sys.argv[2], int(sys.argv[3]), 64 << 10
begin = time.perf_counter()
with socket.create_connection((host, 80), 60) as connection:
    connection.sendall(b"GET /%s HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n" % name.encode())
    buffer, got, head, near = memoryview(bytearray(1 << 20)), 0, None, None
    while part := connection.recv_into(buffer):
        if head is None:
            head = bytes(buffer[:part]).index(b"\r\n\r\n") + 4
        got += part
        if near is None and got - head >= size - tail:
            near = time.perf_counter()
        if got - head >= size:
            break
print(time.perf_counter() - begin, (near or 0) - begin, got - (head or 0))
'''


def fetch(name):
    """Milliseconds until everything is there, and until all but the last 64 KiB are."""
    out = run('ip', 'netns', 'exec', f'{tag}-a', sys.executable, '-c', CLIENT, '198.18.0.2', name, str(options.size << 20)).split()
    if int(out[2]) != options.size << 20:
        sys.exit(f'only {out[2]} bytes arrived\n' + open(f'{folder}/bg.log').read() + open(f'{folder}/log/eve.json').read()[-2000:])
    return float(out[0]) * 1000, float(out[1]) * 1000


def files_held():
    text = run('ip', 'netns', 'exec', f'{tag}-h', 'curl', '-s', 'http://127.0.0.1:9912/metrics')
    return next(int(float(line.split(' ')[1])) for line in text.splitlines() if line.startswith('bridgeguard_files_held_total '))


def fresh():
    with open(f'{folder}/www/new', 'wb') as file:
        block = os.urandom(1 << 20)
        for i in range(options.size):
            file.write(i.to_bytes(8, 'big') + os.urandom(8) + block[16:])


try:
    for space in 'abh':
        run('ip', 'netns', 'add', f'{tag}-{space}')
        run('ip', '-n', f'{tag}-{space}', 'link', 'set', 'lo', 'up')
    run('ip', '-n', f'{tag}-h', 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0')
    run('ip', '-n', f'{tag}-h', 'link', 'set', 'br0', 'up')
    for space, number in (('a', 1), ('b', 2)):
        run('ip', 'link', 'add', f'v{space}', 'netns', f'{tag}-h', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', f'{tag}-{space}')
        run('ip', '-n', f'{tag}-h', 'link', 'set', f'v{space}', 'master', 'br0', 'up')
        run('ip', '-n', f'{tag}-{space}', 'addr', 'add', f'198.18.0.{number}/24', 'dev', 'eth0')
        run('ip', '-n', f'{tag}-{space}', 'link', 'set', 'eth0', 'up')
    for name in ('www', 'db', 'log'):
        os.makedirs(f'{folder}/{name}')
    open(f'{folder}/none.rules', 'w').close()
    with open(f'{folder}/db/own.ndb', 'w') as file:
        file.write('BridgeGuard.Bench:0:*:' + b'bridgeguard-bench-never-there'.hex() + '\n')
    with open(f'{folder}/clamd.conf', 'w') as file:
        file.write(f'Foreground yes\nDatabaseDirectory {folder}/db\nLocalSocket {folder}/clamd.sock\nLocalSocketMode 666\nTemporaryDirectory {folder}\nUser root\nStreamMaxLength 200M\n')
    start('/usr/sbin/clamd', '-c', f'{folder}/clamd.conf', log=f'{folder}/clamd.log')
    with open(f'{folder}/none.yar', 'w') as file:
        file.write('rule Never { strings: $a = "bridgeguard-bench-never-there" condition: $a }\n')
    if options.scanner == 'yara':
        run('yarac', f'{folder}/none.yar', f'{folder}/none.yarc')
    with open(f'{folder}/nginx.conf', 'w') as file:
        file.write(f'daemon off; pid {folder}/nginx.pid; error_log stderr; user root;\nevents {{}}\nhttp {{ access_log off; sendfile on; server {{ listen 80; root {folder}/www; }} }}\n')
    start('ip', 'netns', 'exec', f'{tag}-b', '/usr/sbin/nginx', '-c', f'{folder}/nginx.conf', log=f'{folder}/nginx.log')
    time.sleep(3)
    results = {}
    alone = []
    held_again = 0
    for round_number in range(options.rounds):
        for delivery in ('observe', 'hold-tail'):
            process = daemon(delivery)
            for _ in range(options.first // options.rounds):
                fresh()
                results.setdefault((delivery, 'first'), []).append(fetch('new'))
                time.sleep(2)
                alone.append(scan_alone())
            time.sleep(3)
            before = files_held()
            for _ in range(options.second // options.rounds):
                results.setdefault((delivery, 'second'), []).append(fetch('new'))
            time.sleep(1)
            held_again += files_held() - before
            stop(process)
    print(f'{options.size} MiB over HTTP, ms: median, p99, MB/s of the median; until the last 64 KiB: median')
    for key, times in sorted(results.items(), key=lambda item: (item[0][1], item[0][0])):
        whole, near = sorted(t[0] for t in times), sorted(t[1] for t in times)
        median = statistics.median(whole)
        print(f'{key[1]:7} {key[0]:10} {median:8.1f} {whole[min(len(whole) - 1, int(len(whole) * 0.99))]:8.1f} {options.size * 1.048576e3 / median:8.0f}   {statistics.median(near):8.1f}')
    second = {d: sorted(t[0] for t in results[(d, 'second')]) for d in ('observe', 'hold-tail')}
    p99 = {d: t[min(len(t) - 1, int(len(t) * 0.99))] for d, t in second.items()}
    print(f"second fetch: held {statistics.median(second['hold-tail']) - statistics.median(second['observe']):+.1f} ms at the median, {p99['hold-tail'] - p99['observe']:+.1f} ms at p99; "
          f"{held_again} of {2 * len(second['observe'])} files were held at all")
    first = {d: statistics.median(t[0] for t in results[(d, 'first')]) for d in ('observe', 'hold-tail')}
    near = {d: statistics.median(t[1] for t in results[(d, 'first')]) for d in ('observe', 'hold-tail')}
    scan = statistics.median(alone)
    print(f"first fetch: until its tail {near['hold-tail'] / near['observe']:.2f} of observed; the tail waits {first['hold-tail'] - near['hold-tail']:.0f} ms, the scanner alone needs {scan:.0f} ms; "
          f"together {first['hold-tail'] / (first['observe'] + scan):.2f} of observed and scan")
    sys.exit(1 if held_again else 0)
finally:
    for process in list(running):
        stop(process)
    for space in 'abh':
        subprocess.run(['ip', 'netns', 'del', f'{tag}-{space}'], capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)
