#!/usr/bin/env python3
"""The inline path in one run: the plain bridge, BridgeGuard by each of its ways, and Suricata on NFQUEUE, in turn on one lab.

  inline-peer.py [-b PROGRAM] [-r ET.rules] [-p PATH,...] [-m METRIC,...] [-n RUNS] [-d SECONDS] [--settle SECONDS] [--boost]

Paths: bridge; none (no rules: flows leave for the kernel when nothing can match); undecided (no rules, but every flow is kept with the engine:
early-verdicts: no); inspected (a rule keeps every byte inspected); decided (a pass rule); et (-r's rules); queue (inspected, attach: nfqueue); undecided-queue (undecided, attach: nfqueue);
suricata (no rules, NFQUEUE); suricata-et.
Metrics: tcp (iperf3, one stream, GSO), mtu (the same with the guests' offloads off), udp (64-byte flood), udp-mtu (offloads off), rtt (ping-pong, all on
one CPU), fail (silence after SIGKILL and SIGSTOP), alloc (managed bytes that the workers allocate in --alloc-seconds of moderate mixed load: TCP, UDP, HTTP,
half of it without offloads, all records written).
Ratios are of CPU time of everything together (guests, kernel in their context, inspector; a cgroup of its own) and of throughput, each against the
plain bridge of the same round. --boost gives the rig's cgroup a high share of busy cores. Needs root, iperf3, gcc, ethtool, iptables (for NFQUEUE).
"""
import argparse
import atexit
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PATHS = ['bridge', 'none', 'undecided', 'inspected', 'decided', 'et', 'queue', 'undecided-queue', 'suricata', 'suricata-et']
METRICS = ['tcp', 'mtu', 'udp', 'udp-mtu', 'rtt', 'fail', 'alloc']
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('-b', '--program', default=os.path.join(HERE, '../.artifacts/publish/bridgeguard'))
parser.add_argument('-r', '--rules', help='rules of the et paths; without them these are left out')
parser.add_argument('-p', '--paths', default='bridge,none,undecided,inspected,decided,queue,suricata')
parser.add_argument('-m', '--metrics', default='tcp,mtu,udp,udp-mtu,rtt')
parser.add_argument('-n', '--runs', type=int, default=3)
parser.add_argument('-d', '--seconds', type=float, default=3)
parser.add_argument('--boost', action='store_true')
parser.add_argument('--more', default='', help='further lines of bridgeguard.yaml, separated by |')
parser.add_argument('--alloc-seconds', type=int, default=600)
parser.add_argument('--suricata', default=os.environ.get('PEER_HOME', '/opt/peers') + '/suricata')
parser.add_argument('--congestion', help='congestion control of iperf3, such as cubic (default: the system\'s)')
parser.add_argument('--settle', type=float, default=6, help='seconds between an inspector\'s warm-up and its measurement: what the just-in-time compiler still does is start, not steady state')
parser.add_argument('--profile', help='perf record -a each tcp window into this folder')
options = parser.parse_args()
if os.geteuid() != 0:
    sys.exit('inline-peer.py: run as root')
paths = [p for p in options.paths.split(',') if options.rules or not p.endswith('et')]
metrics = options.metrics.split(',')
if set(paths) - set(PATHS) or set(metrics) - set(METRICS):
    sys.exit(f'inline-peer.py: paths are {PATHS}, metrics {METRICS}')
folder = tempfile.mkdtemp(prefix='bg-peer-')
tag = f'bgp{os.getpid()}'
load = f'{folder}/netload'
A, B = '198.18.0.1', '198.18.0.2'
running = []


def run(*command, check=True, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **more)
    if check and done.returncode:
        sys.exit(f'{" ".join(command)}: {done.stderr}')
    return done.stdout


def ns(name, *command):
    return ['ip', 'netns', 'exec', f'{tag}-{name}', *command]


def start(*command, log='/dev/null'):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=open(log, 'w'), stderr=subprocess.STDOUT, start_new_session=True)
    running.append(process)
    return process


def stop(process, how=signal.SIGTERM):
    if process in running:
        running.remove(process)
    for sent in (signal.SIGCONT, how):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            pass
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)  # whatever is left of the group
    except ProcessLookupError:
        pass
    process.wait()


class Group:
    """A cgroup for the rig: its CPU time, and with --boost its share."""

    def __init__(self):
        v1 = '/sys/fs/cgroup/cpuacct'
        self.folders = [f'{f}/{tag}' for f in ([v1, '/sys/fs/cgroup/cpu'] if os.path.isdir(v1) else ['/sys/fs/cgroup'])]
        self.v1 = os.path.isdir(v1)
        for f in self.folders:
            os.makedirs(f, exist_ok=True)
            with open(f'{f}/cgroup.procs', 'w') as file:
                file.write(str(os.getpid()))
        self.share(False)

    def share(self, high):
        if options.boost:
            name, value = ('cpu.shares', '80960') if self.v1 else ('cpu.weight', '10000')
            with open(f'{self.folders[-1]}/{name}', 'w') as file:
                file.write(value if high else '1024' if self.v1 else '100')

    def seconds(self):
        if self.v1:
            return int(open(f'{self.folders[0]}/cpuacct.usage').read()) / 1e9
        return int(open(f'{self.folders[0]}/cpu.stat').readline().split()[1]) / 1e6

    def close(self):
        for f in self.folders:
            try:
                with open(f'{os.path.dirname(f)}/cgroup.procs', 'w') as file:
                    file.write(str(os.getpid()))
                time.sleep(0.2)
                os.rmdir(f)
            except OSError:
                pass


@atexit.register
def clean():
    for process in list(running):
        stop(process)
    for name in 'abh':
        run('ip', 'netns', 'del', f'{tag}-{name}', check=False)
    if 'group' in globals():
        group.close()
    shutil.rmtree(folder, ignore_errors=True)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
run('gcc', '-O2', '-o', load, f'{HERE}/netload.c', '-lpthread')
group = Group()
for name in 'abh':
    run('ip', 'netns', 'add', f'{tag}-{name}')
    run(*ns(name, 'sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0'), check=False)
    run('ip', '-n', f'{tag}-{name}', 'link', 'set', 'lo', 'up')
    for which in ('all', 'default'):
        run(*ns(name, 'sysctl', '-qw', f'net.ipv6.conf.{which}.disable_ipv6=1'), check=False)
host = ['ip', '-n', f'{tag}-h']
run(*host, 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0')
run(*host, 'link', 'set', 'br0', 'up')
for name, address in (('a', A), ('b', B)):
    run('ip', 'link', 'add', f'v{name}', 'netns', f'{tag}-h', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', f'{tag}-{name}')
    run(*host, 'link', 'set', f'v{name}', 'master', 'br0', 'up')
    run('ip', '-n', f'{tag}-{name}', 'addr', 'add', f'{address}/24', 'dev', 'eth0')
    run('ip', '-n', f'{tag}-{name}', 'link', 'set', 'eth0', 'up')


def offloads(state):
    for name, device in (('a', 'eth0'), ('b', 'eth0'), ('h', 'va'), ('h', 'vb')):
        for feature in ('tx', 'rx', 'tso', 'gso', 'gro'):
            run(*ns(name, 'ethtool', '-K', device, feature, state), check=False)


rules = {
    'none': '', 'undecided': '', 'undecided-queue': '', 'suricata': '',
    # Neither matches anything; the second keeps every flow of every packet with the engine, however much of it has been seen.
    'inspected': 'alert tcp any any -> any any (msg:"never"; flow:established,to_server; content:"bridgeguard-bench-never-sent"; sid:1;)\n'
                 'alert ip any any -> any any (msg:"never either"; ttl:3; sid:3;)\n',
    'decided': 'pass ip any any -> any any (msg:"trusted"; sid:2;)\n',
}
rules['queue'] = rules['inspected']


def yaml_of(path):
    more = '\n'.join(options.more.split('|'))
    eve = 'alert, anomaly, http, dns, tls, files, flow, netflow, stats' if 'alloc' in metrics else 'alert'
    if path.endswith('queue'):
        more += '\nattach: nfqueue'
    return (f'bridges:\n  - {{name: br0, mode: inline, fail: open}}\nrun-directory: {folder}/run\nlog-directory: {folder}/log\n'
            f'state-directory: {folder}/state\nrules:\n  files: ["{rule_file(path)}"]\n  cache: {folder}/cache\neve:\n  types: [{eve}]\nmetrics-listen: 127.0.0.1:9913\n'
            f'scanning:\n  enabled: no\n{"early-verdicts: no" if path.startswith("undecided") else ""}\n{more}\n')


def rule_file(path):
    if path.endswith('et'):
        return os.path.abspath(options.rules)
    with open(f'{folder}/{path}.rules', 'w') as file:
        file.write(rules[path])
    return file.name


def inspector(path, cpu=None):
    """Starts what the path is of; None for the bridge."""
    for f in ('log', 'run', 'state'):
        os.makedirs(f'{folder}/{f}', exist_ok=True)
    pinned = ['taskset', '-c', str(cpu)] if cpu is not None else []
    if path == 'bridge':
        return None
    log = f'{folder}/{path}.log'
    if path.startswith('suricata'):
        run(*ns('h', 'sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1'))
        run(*ns('h', 'iptables', '-I', 'FORWARD', '-j', 'NFQUEUE', '--queue-num', '0', '--queue-bypass'))
        process = start(*ns('h', *pinned, options.suricata, '-c', '/etc/suricata/suricata.yaml', '-S', rule_file(path), '-l', f'{folder}/log', '-k', 'none', '-q', '0'), log=log)
        text = 'Engine started'
    else:
        with open(f'{folder}/bridgeguard.yaml', 'w') as file:
            file.write(yaml_of(path))
        process = start(*ns('h', *pinned, options.program, 'run', '-c', file.name), log=log)
        text = 'inspecting br0'
    for _ in range(1800):
        if text in open(log).read():
            time.sleep(0.5)
            return process
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(open(log).read())


def end(path, process, how=signal.SIGTERM):
    if process:
        stop(process, how)
    run(*ns('h', 'sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0'), check=False)
    run(*ns('h', 'iptables', '-F', 'FORWARD'), check=False)


def window(work):
    time.sleep(1)
    group.share(True)
    before = group.seconds()
    result = work()
    used = group.seconds() - before
    group.share(False)
    return result, used


def tcp(path):
    control = ['-C', options.congestion] if options.congestion else []
    perf = start('perf', 'record', '-a', '-g', '-F', '2500', '-o', f'{options.profile}/{path}.perf', '--', 'sleep', str(options.seconds)) if options.profile else None
    out, used = window(lambda: run(*ns('a', 'iperf3', '-c', B, '-t', str(options.seconds), '-J', *control), check=False))
    if perf:
        perf.wait()
    done = json.loads(out)['end']['sum_received']
    return {'rate': done['bits_per_second'] / 1e9, 'cpu': used / (done['bytes'] / 1e9)}


def flood(path):
    def work():
        sink = subprocess.Popen(ns('b', load, 'sink', B, '9009', str(options.seconds + 4)), stdout=subprocess.PIPE, text=True)
        time.sleep(0.2)
        run(*ns('a', load, 'blast', B, '9009', str(options.seconds), '64', '0', '16'))
        return sink.communicate()[0].split()
    (count, rate, _), used = window(work)
    return {'rate': float(rate) / 1e3, 'cpu': used / (int(count) / 1e6)}


def pings(path):
    out, _ = window(lambda: run(*ns('a', 'taskset', '-c', '0', load, 'ping-udp', B, '7007', str(options.seconds), '64', '200')))
    n, lost, p50, p99, _, _ = out.split()
    return {'p50': float(p50), 'p99': float(p99), 'n': float(n)}


def inspectors(process):
    """The process and, where it has one, its data plane, which is in a session of its own and outlives it."""
    found = [process.pid]
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as file:
                words = file.read().decode(errors='replace').split('\0')
        except OSError:
            continue
        if 'data-plane' in words and f'{folder}/run' in words:
            found.append(int(pid))
    return found


def send(process, how):
    for pid in inspectors(process):
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            pass


def silence(path, process, how):
    probe = subprocess.Popen(ns('a', load, 'outage', B, '7007', '7'), stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    send(process, how)
    sent, back, gap = probe.communicate()[0].split()
    return {'ms': float(gap), 'lost': float(int(sent) - int(back))}


def plane_metrics():
    page = run(*ns('h', 'curl', '-s', '-m', '5', 'http://127.0.0.1:9913/metrics'), check=False)
    found = {}
    for line in page.splitlines():
        name, _, value = line.partition(' ')
        if not line.startswith('#') and '{' not in name:
            found[name.removesuffix('_total')] = float(value)
    return {k: found.get(f'bridgeguard_{k}', 0) for k in ('packets', 'bytes', 'plane_worker_allocated_bytes', 'plane_collections', 'faults', 'flows')}


def allocations(path):
    with open(f'{folder}/page', 'w') as file:
        file.write('x' * 20_000)
    web = start(*ns('b', sys.executable, '-m', 'http.server', '8080', '--bind', B, '-d', folder))
    time.sleep(1)
    end_at = time.time() + 120 + options.alloc_seconds
    samples = [plane_metrics()]
    while time.time() < end_at:
        offloads('on' if len(samples) % 2 else 'off')
        slice_s = min(60, max(2, int(end_at - time.time())))
        times = 1 if len(samples) > 1 else 8  # the first minute has more flows at once than any later one: pools are as large as they will be
        loads = [start(*ns('a', 'nice', 'iperf3', '-c', B, '-t', str(slice_s - 1), '-b', '60M')),
                 start(*ns('a', 'nice', load, 'blast', B, '9009', str(slice_s - 1), '200', '500', str(16 * times)))]
        loads += [start(*ns('a', 'sh', '-c', f'for i in $(seq {slice_s * 4}); do curl -s -m 3 -o /dev/null http://{B}:8080/page; sleep 0.2; done')) for _ in range(times)]
        time.sleep(slice_s)
        for process in loads:
            stop(process)
        samples.append(plane_metrics())
        print(f'alloc {path}: {samples[-1]}', file=sys.stderr, flush=True)
    stop(web)
    offloads('on')
    first, last = samples[2], samples[-1]  # two minutes to warm up: each with offloads on and off meets its own code
    return {'packets': last['packets'] - first['packets'], 'MB': (last['bytes'] - first['bytes']) / 1e6, 'bytes before': first['plane_worker_allocated_bytes'],
            'bytes': last['plane_worker_allocated_bytes'] - first['plane_worker_allocated_bytes'],
            'collections': last['plane_collections'] - first['plane_collections'], 'faults': last['faults']}


for address, kind in ((B, 'echo-udp'),):
    start(*ns('b', 'taskset', '-c', '0', load, kind, address, '7007'))
start(*ns('b', 'iperf3', '-s'))
time.sleep(0.3)
results = {}


def note(metric, path, values):
    for key, value in values.items():
        results.setdefault((metric, key), {}).setdefault(path, []).append(value)
    print(f'{metric} {path}: ' + ' '.join(f'{k} {v:.3f}' for k, v in values.items()), file=sys.stderr, flush=True)


def measure(path):
    plain = [m for m in metrics if m in ('tcp', 'mtu', 'udp', 'udp-mtu')]
    if plain:
        process = inspector(path)
        if path != 'bridge':
            (tcp if 'tcp' in plain or 'mtu' in plain else flood)(path)  # warm: the compiler has seen the loop
            time.sleep(options.settle)
        for metric in plain:
            offloads('off' if metric.endswith('mtu') else 'on')
            note(metric, path, (tcp if metric in ('tcp', 'mtu') else flood)(path))
        offloads('on')
        end(path, process)
    if 'rtt' in metrics:
        process = inspector(path, cpu=0)
        pings(path)
        note('rtt', path, pings(path))
        end(path, process)
    if 'fail' in metrics and path != 'bridge':
        process = inspector(path)
        note('hang', path, silence(path, process, signal.SIGSTOP))
        send(process, signal.SIGCONT)
        time.sleep(1)
        note('crash', path, silence(path, process, signal.SIGKILL))
        send(process, signal.SIGKILL)
        end(path, process, signal.SIGKILL)


    if 'alloc' in metrics and path not in ('bridge', 'suricata', 'suricata-et'):
        process = inspector(path)
        note('alloc', path, allocations(path))
        end(path, process)


for _ in range(options.runs):
    for path in paths:
        measure(path)

print(f'{"metric":18} ' + ' '.join(f'{p:>12}' for p in paths))
for (metric, key), by_path in results.items():
    medians = {p: statistics.median(v) for p, v in by_path.items()}
    print(f'{metric + " " + key:18} ' + ' '.join(f'{medians[p]:12.3f}' if p in medians else ' ' * 12 for p in paths))
    if key in ('rate', 'cpu') and 'bridge' in by_path:
        ratios = {}
        for p, values in by_path.items():
            each = [(v / b if key == 'rate' else b / v) for v, b in zip(values, by_path['bridge']) if v and b]
            ratios[p] = statistics.median(each) if each else 0
        print(f'{"  of the bridge":18} ' + ' '.join(f'{ratios[p]:12.3f}' if p in ratios else ' ' * 12 for p in paths))
    if key == 'p50' and 'bridge' in by_path:
        print(f'{"  added us":18} ' + ' '.join(f'{medians[p] - medians["bridge"]:12.1f}' if p in medians else ' ' * 12 for p in paths))
