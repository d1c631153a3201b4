#!/usr/bin/env python3
"""Runs the exam's own tests (its captures, rules, configurations and arguments) through Suricata and through BridgeGuard and compares all of eve.json, record by record and
field by field; the exam itself asks for a few fields of a few records. And, with `buffers`, every sticky buffer with rules that hold when it is absent, empty or without a text.

usage: examdiff.py tests [--variant VARIANT] [--every N] [--only PATTERN]… [--show N] [-v]
       examdiff.py buffers [--every N] [--only PATTERN] [--show N]
common: [--keep FOLDER] [--peer PROGRAM] [--bin PROGRAM] [--exam FOLDER] [--cache FOLDER] [--jobs N]

Variants run the same tests otherwise: ips (inline where the test is passive, and the other way), midstream, async, inline, depth. What Suricata says is kept in --cache.
Numbers of flows, hosts and times are left out. Where the exam or Suricata is not there, the script says so and ends with 0.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VARIANTS = {
    'as-is': [],
    'ips': [],
    'midstream': ['--set', 'stream.midstream=true'],
    'async': ['--set', 'stream.midstream=true', '--set', 'stream.async-oneside=true'],
    'inline': ['--set', 'stream.inline=yes'],
    'depth': ['--set', 'stream.reassembly.depth=3000'],
}
BODIES = ['absent;', 'absent: or_else; content:"zzqz";', 'content:!"zzqz";', 'bsize:0;']
# Numbers that each program draws, and records of its own clock.
OWN = ('flow_id', 'parent_id', 'host', 'timestamp')
UNCOMPARED = ('engine',)
# Counters of memory, of time and of the way that packets come in are each program's own.
OWN_COUNTERS = ('uptime', 'memuse', 'memcap_pressure', 'capture.', 'flow_mgr', 'flow.mgr', 'flow.wrk', 'flow.recycler', 'ftp.mem', 'http.mem', 'host.mem', 'ippair.mem', 'defrag.mem', 'defrag.mgr', 'tcp.segment_from',
                'flow.spare', 'flow.tcp_reuse_', 'detect.engines', 'threads', 'thread')


def flat(value, path='', out=None):
    out = {} if out is None else out
    if isinstance(value, (dict, list)) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            flat(inner, f'{path}.{key}' if path else str(key), out)
    else:
        out[path] = str(value) if isinstance(value, (dict, list)) else value
    return out


def norm(path):
    return '.'.join('#' if part.isdigit() else part for part in path.split('.'))


def records(folder):
    found = collections.defaultdict(list)
    path = os.path.join(folder, 'eve.json')
    for line in open(path, encoding='utf-8', errors='replace') if os.path.exists(path) else []:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if record.get('event_type') not in UNCOMPARED:
            for key in OWN:
                record.pop(key, None)
            found[record.get('event_type')].append(flat(record))
    if 'stats' in found:
        # The last one of a run has everything.
        found['stats'] = [{k: v for k, v in found['stats'][-1].items() if k != 'pcap_filename' and not any(own in k for own in OWN_COUNTERS)}]
    return found


def settings(exam, options, engine, program, work):
    etc = os.path.join(options.exam, 'suite', 'engine-etc')
    absent = os.path.join(options.exam, 'suite', '.absent')
    made = argparse.Namespace(
        engine=engine, bin=[program], suite=os.path.join(options.exam, 'suite'), version=exam.VERSION, features=exam.FEATURES, timeout=60, list_only=False, schema=None, keep='all',
        template=exam.ENGINES[engine]['template'], classification=f'{etc}/classification.config', reference=f'{etc}/reference.config',
        config=os.path.join(options.exam, 'suite', 'suricata.yaml'), absent=exam.read_names(absent) if os.path.exists(absent) else [], work=work)
    os.makedirs(work, exist_ok=True)
    made.srcdir = exam.make_srcdir(made)
    return made


def play(exam, options, made, name, is_kept):
    """The folder of one run, made unless it is kept from before, and its exit code."""
    out = os.path.join(made.work, name.replace('/', '_'))
    done = os.path.join(out, 'done')
    if is_kept and os.path.exists(done):
        return out, open(done).read()
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    test = exam.Test(made.suite, name, made)
    run = exam.Run(test, out)
    for step in test.y.get('setup') or []:
        if 'script' in step:
            subprocess.run(step['script'], shell=True, cwd=out, env=run.env, timeout=60)
    before = set(os.listdir(test.dir))
    command = test.argv(run)
    if options.variant == 'ips':
        command = [w for w in command if w != '--simulate-ips'] if '--simulate-ips' in command else [command[0], '--simulate-ips', *command[1:]]
    command[1:1] = VARIANTS[options.variant]
    try:
        code = str(subprocess.run(command, cwd=test.dir, env=run.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60).returncode)
    except subprocess.TimeoutExpired:
        return out, 'timeout'
    for left in set(os.listdir(test.dir)) - before:
        path = os.path.join(test.dir, left)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    with open(done, 'w') as file:
        file.write(code)
    return out, code


def compare(peer, ours):
    """Of one record type: how many are equal, pairs that differ in few fields, and what only one side has."""
    text = lambda record: json.dumps(record, sort_keys=True)
    a, b = collections.Counter(map(text, peer)), collections.Counter(map(text, ours))
    missing, extra = ([json.loads(t) for t in (x - y).elements()] for x, y in ((a, b), (b, a)))
    pairs, alone = [], []
    for record in missing:
        best = min(range(min(len(extra), 200)), key=lambda i: len(differing(record, extra[i])), default=None)
        if best is not None and len(differing(record, extra[best])) <= max(4, len(record) // 2):
            pairs.append((record, extra.pop(best)))
        else:
            alone.append(record)
    return sum((a & b).values()), pairs, alone, extra


def differing(a, b):
    return [path for path in set(a) | set(b) if a.get(path) != b.get(path)]


def run_tests(exam, options):
    names = exam.read_names(os.path.join(options.exam, 'practice.txt'))
    # One idea in 301 forms: each sixth says enough.
    names = [n for i, n in enumerate(names) if (any(p in n or fnmatch.fnmatch(n, p) for p in options.only) if options.only else 'evader' not in n or i % 6 == 0)][::options.every]
    peer = settings(exam, options, 'suricata', options.peer, os.path.join(options.cache, f'peer-{options.variant}'))
    ours = settings(exam, options, 'bridgeguard', options.bin, options.keep or tempfile.mkdtemp(prefix='examdiff-'))
    tests = []
    for name in names:
        test = exam.Test(peer.suite, name, peer)
        if test.kind()[0] == 'core' and test.command is None:
            tests.append(name)
    counts, paths, examples, alone = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter), {}, collections.defaultdict(collections.Counter)

    def one(name):
        return name, play(exam, options, peer, name, True), play(exam, options, ours, name, False)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, (theirs, code), (mine, own) in pool.map(one, tests):
            if code != own:
                print(f'{name}: exit code {own}, expected {code}')
            a, b = records(theirs), records(mine)
            for kind in set(a) | set(b):
                equal, pairs, missing, extra = compare(a[kind], b[kind])
                counts[kind].update(equal=equal, differ=len(pairs), missing=len(missing), extra=len(extra))
                for record, other in pairs:
                    for path in differing(record, other):
                        key = f'{kind}:{norm(path)}'
                        paths[key][name] += 1
                        examples.setdefault(key, (record.get(path, '<absent>'), other.get(path, '<absent>')))
                for sign, left in (('-', missing), ('+', extra)):
                    for record in left:
                        alone[f"{sign} {kind} {record.get('anomaly.event') or record.get('alert.signature_id') or record.get('app_proto') or ''}"][name] += 1
                        if options.v:
                            print(sign, name, json.dumps(record)[:600])
    if not options.keep:
        shutil.rmtree(ours.work, ignore_errors=True)
    print(f"{len(tests)} tests\n{'type':16}{'equal':>8}{'differ':>8}{'missing':>8}{'extra':>8}")
    for kind, c in sorted(counts.items(), key=lambda item: str(item[0])):
        print(f"{str(kind):16}{c['equal']:8}{c['differ']:8}{c['missing']:8}{c['extra']:8}")
    print('\nfields that differ: records, tests, peer | ours')
    for key, c in sorted(paths.items(), key=lambda item: -len(item[1]))[:options.show]:
        print(f'{sum(c.values()):6} {len(c):4} {key}  {str(examples[key][0])[:60]!r} | {str(examples[key][1])[:60]!r}  {" ".join(list(c)[:3])}')
    print('\nrecords of one side: missing (-), extra (+)')
    for key, c in sorted(alone.items(), key=lambda item: -len(item[1]))[:options.show]:
        print(f'{sum(c.values()):6} {len(c):4} {key}  {" ".join(list(c)[:3])}')


def run_buffers(options):
    keywords = [line.split(';')[0] for line in subprocess.run([options.peer, '--list-keywords=csv'], capture_output=True, text=True).stdout.split('\n') if 'sticky buffer' in line.lower()]
    rules, meaning = [], {}
    for i, keyword in enumerate(keywords):
        for j, body in enumerate(BODIES):
            sid = 1000 + i * 20 + j
            meaning[sid] = f'{keyword}; {body}'
            rules.append(f'alert ip any any -> any any ({keyword}; {body} sid:{sid};)')
    work = os.path.join(options.cache, f"buffers-{hashlib.sha1(chr(10).join(rules).encode()).hexdigest()[:8]}")
    os.makedirs(work, exist_ok=True)
    file = os.path.join(work, 'buffers.rules')
    with open(file, 'w') as out:
        out.write('\n'.join(rules) + '\n')
    captures, seen = [], set()
    for folder, _, files in sorted(os.walk(os.path.join(options.exam, 'suite', 'tests'))):
        for name in sorted(files):
            path = os.path.join(folder, name)
            if name.endswith(('.pcap', '.pcapng')) and 'evader' not in folder and os.path.getsize(path) < 400_000:
                key = (os.path.getsize(path), open(path, 'rb').read(4000))
                if key not in seen:
                    seen.add(key)
                    captures.append(path)
    captures = [p for i, p in enumerate(captures) if i % options.every == 0 and all(pattern in p for pattern in options.only)]

    def alerts(program, path):
        folder = tempfile.mkdtemp(prefix='examdiff-')
        try:
            subprocess.run([program, '-r', path, '-S', file, '-l', folder, '-k', 'none', '-c', os.path.join(options.exam, 'suite', 'suricata.yaml'), '--set', 'packet-alert-max=255'],
                           capture_output=True, timeout=60)
            found = []
            for line in open(os.path.join(folder, 'eve.json'), encoding='utf-8', errors='replace'):
                record = json.loads(line)
                if record.get('event_type') == 'alert':
                    found.append((record['alert']['signature_id'], record.get('pcap_cnt'), record.get('tx_id'), record.get('direction')))
            return sorted(found, key=str)
        except (subprocess.TimeoutExpired, OSError, ValueError):
            return [('no answer', None, None, None)]
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def one(path):
        kept = os.path.join(work, hashlib.sha1(path.encode()).hexdigest()[:16])
        if not os.path.exists(kept):
            with open(kept + '.new', 'w') as out:
                json.dump(alerts(options.peer, path), out)
            os.rename(kept + '.new', kept)
        return path, [tuple(a) for a in json.load(open(kept))], alerts(options.bin, path)

    equal, missing, extra, where = 0, collections.Counter(), collections.Counter(), collections.defaultdict(set)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for path, theirs, mine in pool.map(one, captures):
            a, b = collections.Counter(theirs), collections.Counter(mine)
            equal += sum((a & b).values())
            for side, left in ((missing, a - b), (extra, b - a)):
                for alert, count in left.items():
                    side[alert[0]] += count
                    where[alert[0]].add(os.path.relpath(path, options.exam))
    print(f'{len(captures)} captures, {equal} alerts equal, {sum(missing.values())} missing, {sum(extra.values())} extra')
    for sid in sorted(where, key=lambda s: -(missing[s] + extra[s]))[:options.show]:
        print(f'{missing[sid]:6} missing {extra[sid]:6} extra  {meaning.get(sid, sid)}  {len(where[sid])} captures, such as {sorted(where[sid])[0]}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=('tests', 'buffers'))
    parser.add_argument('--variant', choices=VARIANTS, default='as-is')
    parser.add_argument('--only', action='append', default=[])
    parser.add_argument('--every', type=int, default=1)
    parser.add_argument('--show', type=int, default=60)
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--keep', help='a folder for the records of this program')
    parser.add_argument('-v', action='store_true')
    parser.add_argument('--peer', default=os.environ.get('PEER_HOME', '/opt/peers') + '/suricata')
    parser.add_argument('--bin', default=os.path.join(ROOT, '.artifacts', 'publish', 'bridgeguard'))
    parser.add_argument('--exam', default=os.path.join(ROOT, '..', 'shared', 'exam'))
    parser.add_argument('--cache', default=os.path.join(ROOT, '.artifacts', 'examdiff'))
    options = parser.parse_args()
    for name in ('peer', 'bin', 'exam', 'cache', 'keep'):
        if getattr(options, name):
            setattr(options, name, os.path.abspath(getattr(options, name)))
    if not os.path.exists(os.path.join(options.exam, 'exam.py')) or not os.path.exists(options.peer):
        print('examdiff.py: the exam or Suricata is not there, nothing is compared')
        return 0
    if options.what == 'buffers':
        os.makedirs(options.cache, exist_ok=True)
        run_buffers(options)
    else:
        sys.path.insert(0, options.exam)
        import exam
        run_tests(exam, options)
    return 0


if __name__ == '__main__':
    sys.exit(main())
