#!/usr/bin/env python3
"""Parse rate of HTTP/1, TLS and DNS against Suricata: captures of one protocol alone, no rules, no EVE; CPU time, ratios from one run.

usage: parse-rate.py [-x COPIES] [-n RUNS] [--keep FOLDER] [--as-replay] [--bridgeguard PROGRAM] [--suricata PROGRAM] [http] [tls] [dns]

Records the captures itself: nginx, dnsmasq and curl of Debian in a network namespace of their own (needs root, iproute2, ethtool, tcpdump; nothing
leaves the namespace), then runs compare-replay.py on each, compiled as the daemon's data plane is (--as-replay: as `bridgeguard replay` is).
"""
import argparse
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

PACKETS = 3_000_000  # a third of them, the first, count as start-up: see -w of compare-replay.py
HERE = os.path.dirname(os.path.abspath(__file__))
os.environ['PATH'] += ':/usr/sbin:/sbin'


def shell(command):
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def web(folder):
    root = os.path.join(folder, 'www')
    os.makedirs(root)
    words = random.Random(1)
    for i in range(20):
        text = ' '.join(words.choice(('network', 'guest', 'bridge', 'packet', 'flow', 'rule', 'the', 'of', 'and')) for _ in range(200 * (i + 1)))
        open(os.path.join(root, f'p{i}.html'), 'w').write(f'<html><body>{text}</body></html>\n')
    shell(f'openssl req -x509 -newkey rsa:2048 -nodes -keyout {folder}/k.pem -out {folder}/c.pem -days 2 -subj /CN=www.example.com')
    conf = os.path.join(folder, 'nginx.conf')
    open(conf, 'w').write(f'''pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off; user root;
events {{ worker_connections 256; }}
http {{ access_log off; types {{ text/html html; }} keepalive_requests 1000;
 client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
 server {{ listen 127.0.0.1:80; listen 127.0.0.1:443 ssl; ssl_certificate {folder}/c.pem; ssl_certificate_key {folder}/k.pem; ssl_protocols TLSv1.2 TLSv1.3; root {root}; }} }}
''')
    return subprocess.Popen(['nginx', '-c', conf, '-p', folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def http_clients(_):
    agent = '-A "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0" -H "Accept-Language: en-US,en;q=0.5" -H "Cookie: session=0123456789abcdef"'
    for _ in range(60):
        shell(f'curl -s -o /dev/null {agent} "http://127.0.0.1/p[0-19].html?id=[1-2]"')


def tls_clients(_):
    for i in range(300):
        version = ('--tlsv1.3', '--tls-max 1.2')[i % 2]
        shell(f'curl -sk -o /dev/null {version} --connect-to ::127.0.0.1: https://host{i}.example.com/p{i % 4}.html')


def dns(folder):
    conf = os.path.join(folder, 'dnsmasq.conf')
    open(conf, 'w').write('port=53\nno-resolv\nno-hosts\nlisten-address=127.0.0.1\nbind-interfaces\naddress=/#/10.1.2.3\naddress=/#/fd00::1\nno-daemon\n')
    return subprocess.Popen(['dnsmasq', '-C', conf, '-k'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def dns_clients(_):
    """As glibc resolves: each name from a socket of its own, A and AAAA."""
    numbers = random.Random(2)
    for i in range(2000):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.settimeout(1)
        name = b''.join(bytes([len(label)]) + label for label in (b'host%d' % numbers.randrange(10000), b'example', b'com')) + b'\0'
        for kind in (1, 28):
            client.sendto(struct.pack('>6H', 2 * i + kind % 2, 0x0100, 1, 0, 0, 0) + name + struct.pack('>2H', kind, 1), ('127.0.0.1', 53))
        try:
            client.recv(2048)
            client.recv(2048)
        except socket.timeout:
            pass
        client.close()


KINDS = {'http': (web, http_clients, 'tcp port 80'), 'tls': (web, tls_clients, 'tcp port 443'), 'dns': (dns, dns_clients, 'udp port 53')}


def packets(capture):
    data, at, count = open(capture, 'rb').read(), 24, 0
    while at + 16 <= len(data):
        at += 16 + struct.unpack_from('<I', data, at + 8)[0]
        count += 1
    return count


def record(kind, folder):
    """Inside the namespace: server, recorder, clients."""
    server, clients, wanted = KINDS[kind]
    shell('ip link set lo mtu 1500 up')
    shell('ethtool -K lo tso off gso off gro off || true')
    process = server(folder)
    time.sleep(1)
    dump = subprocess.Popen(['tcpdump', '-i', 'lo', '-w', os.path.join(folder, kind + '.pcap'), '-B', '65536', '-U', wanted], stderr=subprocess.DEVNULL)
    time.sleep(1)
    try:
        clients(folder)
        time.sleep(1)
    finally:
        dump.terminate()
        dump.wait()
        process.terminate()
        process.wait()


def main():
    if sys.argv[1:2] == ['--record']:
        record(sys.argv[2], sys.argv[3])
        return
    p = argparse.ArgumentParser()
    p.add_argument('-x', '--copies', type=int, default=0, help='default: about three million packets')
    p.add_argument('-n', '--runs', default='3')
    p.add_argument('--keep')
    p.add_argument('--as-replay', action='store_true')
    p.add_argument('--bridgeguard')
    p.add_argument('--suricata')
    p.add_argument('kinds', nargs='*', default=list(KINDS))
    a = p.parse_args()
    work = a.keep or tempfile.mkdtemp(prefix='bg-rate-')
    programs = [x for name in ('bridgeguard', 'suricata') if getattr(a, name) for x in ('--' + name, getattr(a, name))]
    mode = [] if a.as_replay else ['--as-data-plane']
    try:
        for kind in a.kinds or list(KINDS):
            folder = os.path.join(work, kind)
            capture = os.path.join(folder, kind + '.pcap')
            if not os.path.exists(capture):
                os.makedirs(folder, exist_ok=True)
                os.chmod(folder, 0o777)
                subprocess.run(['unshare', '-n', sys.executable, os.path.abspath(__file__), '--record', kind, folder], check=True)
            copies = a.copies or max(PACKETS // packets(capture), 4)
            subprocess.run([sys.executable, os.path.join(HERE, 'compare-replay.py'), '--no-eve', '-x', str(copies), '-w', str(copies // 3), '-n', a.runs, *mode, *programs, capture], check=True)
    finally:
        if not a.keep:
            shutil.rmtree(work, ignore_errors=True)


main()
