#!/usr/bin/env python3
"""What holding files costs: a clean file fetched over HTTP through the bridge by two guests, one whose files are observed and one whose files' tails are held.

  files.py PROGRAM [--size MIB] [--first N] [--second PAIRS] [--rounds N] [--line RATE]

Both guests are on one bridge under one daemon, and take turns: what one meets of this machine, its compiler and its other work the other meets too. Fetches after a
start are thrown away until the compiler has settled.

First fetch, of a file that nobody has seen. "10 % slower in throughput" is measured against the transfer (of the observed guest) plus the time that the scanner alone
needs for that very file, from its last byte to its answer: clamd begins its scan when a content is whole, so no product in front of it can answer sooner. Alone
means: the same bytes to the same clamd on a machine that does nothing else (`DisableCache`, else it would remember). clamd's time depends on the content (random
bytes that look like an archive's or a program's beginning are parsed), by a factor of two, so it is taken of each file. Of what the tail waits the part that is
not clamd's is told, and what CPU each process used meanwhile.

Second fetch, of a file whose verdict is known: pairs of an observed and a held fetch, each first in turn. No packet may be held (`bridgeguard_files_held` does not
rise). p99 of both and its difference, with the interval in which nine of ten resamplings of the pairs lie (bootstrap), and how many fetches of each side took more
than one and a half times its median: that is the machine. With --line (say 1gbit) the server's line is no faster than that (tc tbf), which two cores do not
saturate: then the 5 ms in question are larger than the noise.

Real nginx and clamd (or YARA: --scanner yara, a rule that never matches). Needs root.
"""
import argparse
import os
import random
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
parser.add_argument('--second', type=int, default=100, help='pairs')
parser.add_argument('--rounds', type=int, default=2, help='how often the daemon is started')
parser.add_argument('--line', default='', help="the server's line for second fetches, as tc writes rates")
options = parser.parse_args()
folder = tempfile.mkdtemp(prefix='bg-files-')
os.chmod(folder, 0o755)
tag = f'bgf{os.getpid()}'
running = []
GUESTS = {'observe': ('a', 1), 'hold-tail': ('c', 3)}  # Space and address of the guest whose files are treated so.


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
    """The file that was fetched last: from its last byte to the answer, ms."""
    with open(f'{folder}/www/new', 'rb') as file:
        content = file.read()
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


def cpu_of(process):
    """CPU of a process and its children by what they are, ms."""
    used = {}
    parents = {}
    for number in filter(str.isdigit, os.listdir('/proc')):
        try:
            fields = open(f'/proc/{number}/stat').read().rsplit(')', 1)[1].split()
            words = open(f'/proc/{number}/cmdline').read().split('\0')
        except OSError:
            continue
        parents[int(number)] = (int(fields[1]), words, (int(fields[11]) + int(fields[12])) * 1000 // os.sysconf('SC_CLK_TCK'))
    for number, (parent, words, ms) in parents.items():
        while number not in (process.pid, 0, 1) and number in parents:
            number = parents[number][0]
        if number == process.pid:
            name = next((word for word in words if word in ('data-plane', 'scanner')), 'daemon')
            used[name] = used.get(name, 0) + ms
        elif words and words[0].endswith('clamd') and folder in ' '.join(words):
            used['clamd'] = ms
    return used


def settle(process):
    """Waits until nobody scans any more."""
    before = None
    while (now := cpu_of(process)) and (before is None or sum(now.values()) - sum(before.values()) > 20):
        before = now
        time.sleep(0.3)


def daemon():
    for delivery in GUESTS:
        with open(f'{folder}/{delivery}.yaml', 'w') as file:
            file.write(f'name: {delivery}\nfiles: {{delivery: {delivery}, hold-ms: 30000, fail: closed}}\n')
    guests = ''.join(f'- {{name: {delivery}, role: {delivery}, ports: [v{space}]}}\n' for delivery, (space, _) in GUESTS.items())
    with open(f'{folder}/bg.yaml', 'w') as file:
        file.write(f'bridges: [{{name: br0, mode: inline, fail: open}}]\nheartbeat-ms: 10000\nmetrics-listen: 127.0.0.1:9912\nlog-directory: {folder}/log\nstate-directory: {folder}/state\n'
                   f'roles: [{folder}/observe.yaml, {folder}/hold-tail.yaml]\nrules: {{files: [{folder}/none.rules]}}\neve: {{types: [alert]}}\n'
                   f'scanning: {{enabled: yes, {scanner()}, max-file-size: 100 MiB}}\nguests:\n{guests}')
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


def fetch(delivery, name):
    """Milliseconds until everything is there, and until all but the last 64 KiB are."""
    out = run('ip', 'netns', 'exec', f'{tag}-{GUESTS[delivery][0]}', sys.executable, '-c', CLIENT, '198.18.0.2', name, str(options.size << 20)).split()
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
    for space in 'abch':
        run('ip', 'netns', 'add', f'{tag}-{space}')
        run('ip', '-n', f'{tag}-{space}', 'link', 'set', 'lo', 'up')
    run('ip', '-n', f'{tag}-h', 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0')
    run('ip', '-n', f'{tag}-h', 'link', 'set', 'br0', 'up')
    for space, number in (('b', 2), *GUESTS.values()):
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
        file.write(f'Foreground yes\nDatabaseDirectory {folder}/db\nLocalSocket {folder}/clamd.sock\nLocalSocketMode 666\nTemporaryDirectory {folder}\nUser root\nStreamMaxLength 200M\nDisableCache yes\n')
    start('/usr/sbin/clamd', '-c', f'{folder}/clamd.conf', log=f'{folder}/clamd.log')
    with open(f'{folder}/none.yar', 'w') as file:
        file.write('rule Never { strings: $a = "bridgeguard-bench-never-there" condition: $a }\n')
    if options.scanner == 'yara':
        run('yarac', f'{folder}/none.yar', f'{folder}/none.yarc')
    with open(f'{folder}/nginx.conf', 'w') as file:
        file.write(f'daemon off; pid {folder}/nginx.pid; error_log stderr; user root;\nevents {{}}\nhttp {{ access_log off; sendfile on; server {{ listen 80; root {folder}/www; }} }}\n')
    start('ip', 'netns', 'exec', f'{tag}-b', '/usr/sbin/nginx', '-c', f'{folder}/nginx.conf', log=f'{folder}/nginx.log')
    time.sleep(3)
    WARM = 6
    observed, held, alone, tails, used = [], [], [], [], {}
    pairs, held_again = [], 0
    for _ in range(options.rounds):
        process = daemon()
        fresh()
        for i in range(WARM):
            fetch(list(GUESTS)[i % 2], 'new')
        settle(process)
        for i in range(options.first // options.rounds):
            for delivery in list(GUESTS) if i % 2 else list(GUESTS)[::-1]:
                fresh()
                before = cpu_of(process)
                whole, near = fetch(delivery, 'new')
                settle(process)
                if delivery == 'observe':
                    observed.append(whole)
                    continue
                held.append(whole)
                tails.append(near)
                for name, ms in cpu_of(process).items():
                    used.setdefault(name, []).append(ms - before.get(name, 0))
                alone.append(scan_alone())
        if options.line:
            run('ip', 'netns', 'exec', f'{tag}-b', 'tc', 'qdisc', 'add', 'dev', 'eth0', 'root', 'tbf', 'rate', options.line, 'burst', '512kb', 'latency', '100ms')
        for i in range(WARM):
            fetch(list(GUESTS)[i % 2], 'new')
        before = files_held()
        for i in range(options.second // options.rounds):
            pair = {delivery: fetch(delivery, 'new')[0] for delivery in (list(GUESTS) if i % 2 else list(GUESTS)[::-1])}
            pairs.append((pair['observe'], pair['hold-tail']))
        time.sleep(1)
        held_again += files_held() - before
        if options.line:
            run('ip', 'netns', 'exec', f'{tag}-b', 'tc', 'qdisc', 'del', 'dev', 'eth0', 'root')
        stop(process)

    def p99(times):
        return sorted(times)[min(len(times) - 1, int(len(times) * 0.99))]

    median = statistics.median
    if held:
        transfer = median(observed)
        together = [whole / (transfer + scan) for whole, scan in zip(held, alone)]
        rest = [whole - near - scan for whole, near, scan in zip(held, tails, alone)]
        print(f'{options.size} MiB over HTTP, {len(held)} first fetches of each guest, ms (medians)')
        print(f'  observed {transfer:.0f}; held: until its tail {median(tails):.0f} ({median(tails) / transfer:.2f} of observed), whole {median(held):.0f}')
        print(f'  the scanner alone {median(alone):.0f} ({min(alone):.0f} to {max(alone):.0f}), which is {median(scan / whole for scan, whole in zip(alone, held)):.0%} of the whole fetch; '
              f'the tail waits {median(rest):.0f} longer than that ({min(rest):.0f} to {max(rest):.0f})')
        print(f'  held by observed and scanner alone together: {median(together):.2f} ({min(together):.2f} to {max(together):.2f})')
        print('  CPU of a held first fetch: ' + ', '.join(f'{name} {median(values):.0f}' for name, values in sorted(used.items())))
    if pairs:
        sides = list(zip(*pairs))
        late = [sum(time > 1.5 * median(side) for time in side) for side in sides]
        chooser = random.Random(1)
        resampled = sorted(p99([h for _, h in some]) - p99([o for o, _ in some]) for some in ([chooser.choice(pairs) for _ in pairs] for _ in range(1000)))
        print(f'{len(pairs)} pairs of second fetches' + (f' over {options.line}' if options.line else '') + f', {held_again} of them held; ms')
        for name, side in zip(('observed', 'held'), sides):
            print(f'  {name:8} median {median(side):.1f}, p90 {sorted(side)[int(len(side) * 0.9)]:.1f}, p99 {p99(side):.1f}, longest {max(side):.1f}')
        print(f'  held - observed: {median(h - o for o, h in pairs):+.1f} within a pair (median), {p99(sides[1]) - p99(sides[0]):+.1f} at p99 '
              f'(90 % of resamplings: {resampled[50]:+.1f} to {resampled[949]:+.1f}); later than 1.5 medians: {late[0]} observed, {late[1]} held')
    sys.exit(1 if held_again else 0)
finally:
    for process in list(running):
        stop(process)
    for space in 'abch':
        subprocess.run(['ip', 'netns', 'del', f'{tag}-{space}'], capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)
