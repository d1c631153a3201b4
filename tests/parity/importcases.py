#!/usr/bin/env python3
"""Runs captures through Suricata with its own suricata.yaml and through `bridgeguard replay` with what `bridgeguard import` makes of that file, and compares the alerts
(sid and flow) and how many records of each type there are.

usage: importcases.py --config suricata.yaml [--peer PROGRAM] [--peer-config FILE] [--bin PROGRAM] [--rules FILE] [--record FILE | --recorded FILE] CAPTURE|FOLDER...

--peer-config: the same file where the peer sees it. --record writes what Suricata said; with --recorded that file stands in for it. Ends with 1 when anything differs.
Where neither Suricata nor a recorded answer is there, the script says so and ends with 0.
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
from eveoptions import RULES

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Records that the two programs make by clocks of their own, and stats of the daemon.
UNCOUNTED = {'stats'}


def read(folder):
    types, alerts = collections.Counter(), collections.Counter()
    path = os.path.join(folder, 'eve.json')
    for line in open(path, encoding='utf-8', errors='replace') if os.path.exists(path) else []:
        record = json.loads(line)
        kind = record['event_type']
        if kind not in UNCOUNTED:
            types[kind] += 1
        if kind == 'alert':
            alerts[f"{record['alert']['signature_id']} {record.get('proto')} {record.get('src_ip')} {record.get('src_port', 0)} {record.get('dest_ip')} {record.get('dest_port', 0)}"] += 1
    return {'types': dict(types), 'alerts': dict(alerts)}


def run(command, folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    result = subprocess.run(command, capture_output=True, text=True, errors='replace', check=False)
    return read(folder), (result.stdout + result.stderr)[-300:]


def differences(theirs, ours):
    for part in ('types', 'alerts'):
        for key in sorted(theirs[part].keys() | ours[part].keys()):
            if theirs[part].get(key, 0) != ours[part].get(key, 0):
                yield f'{part}: {key}: {theirs[part].get(key, 0)} there, {ours[part].get(key, 0)} here'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', required=True)
    parser.add_argument('--peer', default=os.environ.get('BRIDGEGUARD_PEER', 'suricata'))
    parser.add_argument('--peer-config')
    parser.add_argument('--bin', default=os.path.join(ROOT, '.artifacts/bin/BridgeGuard.Cli/release/bridgeguard'))
    parser.add_argument('--rules')
    parser.add_argument('--record')
    parser.add_argument('--recorded')
    parser.add_argument('captured', nargs='+', metavar='CAPTURE')
    arguments = parser.parse_args()
    recorded = json.load(open(arguments.recorded, encoding='utf-8')) if arguments.recorded else None
    if recorded is None and shutil.which(arguments.peer) is None:
        print('importcases: Suricata is not installed here and there is no recorded answer: nothing is compared')
        return 0
    if not os.path.exists(arguments.config):
        print(f'importcases: {arguments.config} is not there: nothing is compared')
        return 0
    work = tempfile.mkdtemp(prefix='importcases-')
    rules, imported = os.path.join(work, 'case.rules'), os.path.join(work, 'bridgeguard.yaml')
    if arguments.rules:
        shutil.copy(arguments.rules, rules)
    else:
        with open(rules, 'w', encoding='utf-8') as out:
            out.write(RULES)
    subprocess.run([arguments.bin, 'import', arguments.config, '-o', imported], check=True)
    answers, count, bad = {}, 0, 0
    for capture in rulediff.captures_in(arguments.captured):
        name = '/'.join(os.path.normpath(capture).split(os.sep)[-2:])
        if recorded is not None and name not in recorded:
            continue
        folder = os.path.join(work, 'logs')
        if recorded is not None:
            theirs = recorded[name]
        else:
            theirs, _ = run([arguments.peer, '-r', capture, '-S', rules, '-l', folder, '-c', arguments.peer_config or arguments.config, '-k', 'none', '--runmode', 'single'], folder)
        answers[name] = theirs
        ours, said = run([arguments.bin, 'replay', capture, '-S', rules, '-l', folder, '-c', imported, '-k', 'none'], folder)
        count += 1
        found = list(differences(theirs, ours))
        if found:
            bad += 1
            print(f'{name}: {sum(theirs["types"].values())} records there, {sum(ours["types"].values())} here{"" if ours["types"] else ": " + said}')
            for line in found[:12]:
                print(f'    {line}')
    if arguments.record:
        with open(arguments.record, 'w', encoding='utf-8') as out:
            json.dump(answers, out, indent=1, sort_keys=True)
            out.write('\n')
    shutil.rmtree(work)
    print(f'{count} captures, {bad} differ')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
