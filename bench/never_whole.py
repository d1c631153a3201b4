#!/usr/bin/env python3
"""A harmless marked file never arrives whole: N tries over each protocol between real servers and clients, with resumes, ranges and last bytes.

  never_whole.py PROGRAM [--tries 1000] [--kinds http1,http2,ftp,smb,nfs3,nfs4,tftp,smtp,put,smb-put,nfs3-put] [--at-once 8]

What arrived in all tries of a protocol together is put into one map of the file (by every client alike): not one try, and not all of them together, may fill it. A
clean file must arrive before and after. A real clamd with one signature of our own; it judges each content once, however often it is asked for. Needs root.
"""
import argparse
import concurrent.futures
import os
import subprocess
import sys
import threading
import time

from file_lab import SERVER, Lab

SIZE = 120_000
KINDS = ['http1', 'http2', 'ftp', 'smb', 'nfs3', 'nfs4', 'tftp', 'smtp', 'put', 'smb-put', 'nfs3-put']

parser = argparse.ArgumentParser()
parser.add_argument('program', nargs='+', help='bridgeguard, or: dotnet bridgeguard.dll')
parser.add_argument('--tries', type=int, default=1000)
parser.add_argument('--kinds', default=','.join(KINDS))
parser.add_argument('--at-once', type=int, default=8, help='clients of one protocol at the same time')
options = parser.parse_args()


class Coverage:
    def __init__(self, content):
        self.content = content
        self.have = bytearray(len(content))
        self.lock = threading.Lock()

    def add(self, path, offset=0):
        """What a file holds of the content from an offset on; bytes of anything else (an error page) do not count."""
        if not os.path.exists(path):
            return
        with open(path, 'rb') as file:
            arrived = file.read()
        length = next((i for i, (a, b) in enumerate(zip(arrived, self.content[offset:])) if a != b), min(len(arrived), len(self.content) - offset)) \
            if arrived != self.content[offset:offset + len(arrived)] else len(arrived)
        with self.lock:
            self.have[offset:offset + length] = b'\1' * length

    def missing(self):
        return self.have.count(0)


def attempt(lab, kind, name, number, folder, coverage):
    """One try; True when the client believes that all has arrived."""
    out = f'{folder}/{name}'

    def call(*command):
        return subprocess.run(lab.within('a', *command), capture_output=True, timeout=120).returncode == 0

    if kind in ('http1', 'http2'):
        url = [f'http://{SERVER}/{name}'] if kind == 'http1' else ['--http2-prior-knowledge', f'http://{SERVER}:82/{name}']
        way = number % 5
        if way == 2:
            at = SIZE // 3 + number % 1000
            done = call('curl', '-s', '-m', '20', '-r', f'{at}-', '-o', f'{out}.part', *url)
            coverage.add(f'{out}.part', at)
        elif way == 3:
            done = call('curl', '-s', '-m', '20', '-r', f'-{1 + number % 7}', '-o', f'{out}.last', *url)
            coverage.add(f'{out}.last', SIZE - 1 - number % 7)
        else:
            done = call('curl', '-s', '-m', '20', *(['-C', '-'] if way in (1, 4) else []), '-o', out, *url)
            coverage.add(out)
        for part in ('part', 'last'):
            if os.path.exists(f'{out}.{part}'):
                os.remove(f'{out}.{part}')
    elif kind == 'ftp':
        done = call('curl', '-s', '-m', '20', *(['-C', '-'] if number % 2 else []), '-o', out, f'ftp://{SERVER}/{name}')
        coverage.add(out)
    elif kind == 'smb':
        done = call('timeout', '30', 'smbclient', '-N', f'//{SERVER}/files', '-c', f'{"reget" if number % 2 else "get"} {name} {out}')
        coverage.add(out)
    elif kind in ('nfs3', 'nfs4'):
        way = number % 4
        at = (0, os.path.getsize(out) if os.path.exists(out) else 0, SIZE // 3 + number % 1000, SIZE - 1 - number % 7)[way]
        done = call('timeout', '30', 'python3', lab.path('nfs.py'), kind[3], SERVER, lab.path('www') if kind == 'nfs3' else '/www', name, 'get', f'{out}.part', str(at)) and at == 0
        coverage.add(f'{out}.part', at)
        if way < 2 and os.path.exists(f'{out}.part'):
            with open(f'{out}.part', 'rb') as part, open(out, 'r+b' if at else 'wb') as whole:
                whole.seek(at)
                whole.write(part.read())
            coverage.add(out)
    elif kind == 'nfs3-put':
        target = f'{os.path.basename(folder)}-{number // 2 % 8}'
        done = call('timeout', '30', 'python3', lab.path('nfs.py'), '3', SERVER, lab.path('incoming'), target, 'put', lab.path(f'www/{name}'), '0')
        coverage.add(lab.path(f'incoming/{target}'))
    elif kind == 'tftp':
        done = call('curl', '-s', '-m', '3', '--tftp-blksize', '1400', '-o', out, f'tftp://{SERVER}/{name}')
        coverage.add(out)
    elif kind == 'smtp':
        done = call('python3', lab.path('send.py'), SERVER, '20', lab.path(f'www/{name}'))
    elif kind == 'put':
        done = call('curl', '-s', '-m', '20', *(['-H', 'Expect:'] if number % 2 else []), '-T', lab.path(f'www/{name}'), f'http://{SERVER}:8081/{number}')
        coverage.add(lab.path(f'uploads/{number}'))
    else:
        target = f'{os.path.basename(folder)}-{number // 2 % 8}'
        done = call('timeout', '30', 'smbclient', '-N', f'//{SERVER}/incoming', '-c', f'{"reput" if number % 2 else "put"} {lab.path("www")}/{name} {target}')
        coverage.add(lab.path(f'incoming/{target}'))
    return done


def clean_arrives(lab, kind, content, again=False):
    """The clean file of a protocol, once."""
    folder = lab.path(f'out/{kind}-clean')
    os.makedirs(folder, exist_ok=True)
    coverage = Coverage(content)
    done = attempt(lab, kind, f'{kind}.good', 2 if again and kind == 'nfs3-put' else 0, folder, coverage)  # NFS servers remember files that were removed behind them.
    if kind == 'smtp':
        return done
    for left in (f'{folder}/{kind}.good', f'{folder}/{kind}.good.part', lab.path('uploads/0'), lab.path(f'incoming/{kind}-clean-0')):
        if os.path.exists(left):
            os.remove(left)
    return coverage.missing() == 0


def main(lab):
    failed = False
    for seed, kind in enumerate(options.kinds.split(',')):
        bad = lab.make_file(f'{kind}.bad', SIZE, 1000 + seed, is_bad=True)
        good = lab.make_file(f'{kind}.good', SIZE, 2000 + seed)
        before, mails = lab.scanned(), len(os.listdir(lab.path('mails')))
        is_clean_first = clean_arrives(lab, kind, good)
        coverage = Coverage(bad)
        numbers = iter(range(1, options.tries + 1))
        lock = threading.Lock()
        whole = []

        def client(worker):
            folder = lab.path(f'out/{kind}-{worker}')
            os.makedirs(folder)
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                if attempt(lab, kind, f'{kind}.bad', number, folder, coverage) and kind not in ('http1', 'http2'):
                    whole.append(number)

        begin = time.time()
        with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
            list(pool.map(client, range(options.at_once)))
        took = time.time() - begin
        is_clean_last = clean_arrives(lab, kind, good, again=True)
        time.sleep(0.5)
        mails = len(os.listdir(lab.path('mails'))) - mails
        arrived = SIZE - coverage.missing()
        is_well = is_clean_first and is_clean_last and coverage.missing() > 0 and not whole and (kind != 'smtp' or mails == 2)
        failed |= not is_well
        print(f'{kind:8} {options.tries} tries in {took:.0f} s: {len(whole)} said to be whole, all together {arrived} of {SIZE} bytes, clean file {"arrives" if is_clean_first and is_clean_last else "DOES NOT ARRIVE " + ("afterwards" if is_clean_first else "at first")}, '
              f'{lab.scanned() - before} contents judged{"" if is_well else "   FAILED"}', flush=True)
    if failed:
        print(lab.log('daemon')[-3000:])
    return 1 if failed else 0


with Lab(options.program, with_nfs='nfs' in options.kinds) as lab:
    code = main(lab)
sys.exit(code)
