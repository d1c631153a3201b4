#!/usr/bin/env python3
"""Asks Suricata and BridgeGuard about the same generated rules and shows where they differ.

usage: rulediff.py verdicts [--peer PROGRAM] [--bin PROGRAM] [--config YAML] [--only TEXT]... [--show N]
       rulediff.py alerts [the same] [--inline] [--rules FILE] CAPTURE|FOLDER...
       rulediff.py chance [the same] [--inline] [--family NAME]... [--seeds FROM-TO]

verdicts  thousands of rules in right and wrong forms (`ruleforms.py`): which are accepted? Prints the differences by keyword and ends with 1 when there are
          any that `rulediff-known.tsv` does not explain.

alerts    rules that fire on any traffic of a protocol (`trafficrules.py`, or FILE) over captures: which rules alert, at which packet, in which
          transaction? Prints the differences by keyword.

chance    rules made by chance over packets made by chance (`chance.py`): chains of contents, expressions, byte keywords and variables, headers' integers,
          transforms, buffers of several values, flow and host bits, counters, datasets and thresholds. Which accept, which alert?

Where Suricata is not installed, the script says so and ends with 0.
"""
import argparse
import collections
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import chance as chances
import packetdiff
import ruleforms
import trafficrules

HERE = os.path.dirname(os.path.abspath(__file__))
# Rules of one run: with 600 of these a packet has fewer than the 255 alerts that Suricata keeps at most.
MOST_RULES = 600
ROOT = os.path.dirname(os.path.dirname(HERE))
BAD = re.compile(r'error parsing signature "(.*)" from file .* at line (\d+)')
SKIPPED = re.compile(r'(?:Error|Warning|Info|Notice|Perf).*')


def keywords_of(peer):
    listing = subprocess.run([peer, '--list-keywords=csv'], capture_output=True, text=True, check=False).stdout
    rows = [row.split(';') for row in listing.splitlines() if row.count(';') >= 4]
    return {row[0]: row[3] for row in rows[1:]}


def verdicts_of(command, rules, folder, config):
    """Numbers of the lines that were refused, with what was said before."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    result = subprocess.run([*command, '-T', '-S', rules, '-l', folder, '-c', config, '-v'], capture_output=True, text=True, errors='replace', check=False)
    refused = {}
    before = ''
    said = result.stdout + result.stderr
    if 'signatures processed' not in said and 'Loading signatures failed' not in said:
        sys.exit(f'rulediff: {command[0]} did not come to the end of the rules:\n{said[-2000:]}')
    for line in said.splitlines():
        found = BAD.search(line)
        if found:
            refused.setdefault(int(found.group(2)), before or 'Error: unexplained')
            before = ''
        elif line.startswith(('Error', 'Warning')):
            before = line
    return refused


def write_rules(path, texts):
    with open(path, 'w', encoding='utf-8') as out:
        for number, text in enumerate(texts, 1):
            out.write(text.replace('%d', str(number)) + '\n')


def verdicts(arguments):
    keywords = keywords_of(arguments.peer)
    keywords = {k: v for k, v in keywords.items() if k not in ('lua', 'luaxform', 'template2')}
    work = tempfile.mkdtemp(prefix='rulediff-')
    path = os.path.join(work, 'generated.rules')
    if arguments.mixed:
        parts = ruleforms.parts(keywords)
        alone = [f'alert ip any any -> any any (msg:"x"; {part} sid:%d;)' for part in parts]
        write_rules(path, alone)
        refused = verdicts_of([arguments.peer], path, os.path.join(work, 'theirs'), arguments.config)
        rules = ruleforms.mixed([part for number, part in enumerate(parts, 1) if number not in refused], arguments.mixed, arguments.seeds)
    else:
        rules = ruleforms.rules(keywords)
    texts = [text for text in rules if not arguments.only or any(part in text for part in arguments.only)]
    write_rules(path, texts)
    theirs = verdicts_of([arguments.peer], path, os.path.join(work, 'theirs'), arguments.config)
    ours = verdicts_of([arguments.bin], path, os.path.join(work, 'ours'), arguments.config)
    print(f'{len(texts)} rules; Suricata refuses {len(theirs)}, BridgeGuard {len(ours)}')
    by_kind = collections.defaultdict(list)
    for number in sorted(theirs.keys() ^ ours.keys()):
        said = theirs.get(number) or ours.get(number) or ''
        side = 'only Suricata refuses' if number in theirs else 'only BridgeGuard refuses'
        module = re.match(r'\w+: ([\w-]+)', said)
        by_kind[(side, module.group(1) if module else '?')].append((texts[number - 1], said))
    total = 0
    for (side, module), rows in sorted(by_kind.items(), key=lambda item: -len(item[1])):
        total += len(rows)
        print(f'\n{side} ({module}): {len(rows)}')
        for text, said in rows[:arguments.show]:
            print(f'  {text}\n      {said[:200]}')
    print(f'\n{total} differences')
    return 1 if total else 0


def alerts_of(command, capture, rules, folder, arguments):
    """Count of each (sid, packet, source port, transaction, packet source)."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    mode = ['--simulate-ips'] if arguments.inline else []
    result = subprocess.run([*command, *mode, '-r', capture, '-S', rules, '-l', folder, '-c', arguments.config, '-k', 'none', '--runmode', 'single', '--set', 'packet-alert-max=255',
                             '--set', 'stream.reassembly.randomize-chunk-size=no'], capture_output=True, text=True, errors='replace', check=False)
    counts = collections.Counter()
    path = os.path.join(folder, 'eve.json')
    if result.returncode < 0:
        print(f'{command[0]} died of signal {-result.returncode} with {rules} over {capture}')
    if not os.path.exists(path):
        print(f'{command[0]} wrote nothing for {capture}: {result.stderr[-300:]}')
        return counts
    with open(path, encoding='utf-8', errors='replace') as lines:
        for line in lines:
            if '"event_type":"alert"' in line:
                record = json.loads(line)
                counts[(record['alert']['signature_id'], record.get('pcap_cnt', 0), record.get('src_port', 0), record.get('tx_id', -1), record.get('direction', ''))] += 1
    return counts


def cached_alerts_of(command, capture, rules, folder, arguments):
    """The same, asked once where there is a folder to keep the answers in."""
    if not arguments.cache:
        return alerts_of(command, capture, rules, folder, arguments)
    digest = hashlib.sha256(f'{capture} {arguments.inline} {open(rules).read()} {open(arguments.config).read()}'.encode()).hexdigest()[:32]
    path = os.path.join(arguments.cache, digest + '.json')
    if os.path.exists(path):
        with open(path, encoding='utf-8') as kept:
            return collections.Counter({tuple(key): count for key, count in json.load(kept)})
    counts = alerts_of(command, capture, rules, folder, arguments)
    os.makedirs(arguments.cache, exist_ok=True)
    with open(path, 'w', encoding='utf-8') as out:
        json.dump([(list(key), count) for key, count in counts.items()], out)
    return counts


def captures_in(paths):
    for path in paths:
        if os.path.isdir(path):
            for folder, _, files in os.walk(path):
                yield from (os.path.join(folder, name) for name in sorted(files) if name.endswith(('.pcap', '.pcapng')))
        else:
            yield path


def batches_of(accepted, texts, work):
    """Files of at most MOST_RULES rules. Neighbours fire together: they are spread, so that no packet has more alerts than Suricata keeps."""
    count = max(1, -(-len(accepted) // MOST_RULES))
    paths = []
    for number in range(count):
        paths.append(os.path.join(work, f'batch{number}.rules'))
        with open(paths[-1], 'w', encoding='utf-8') as out:
            out.writelines(texts[sid] + '\n' for sid in accepted[number::count])
    return paths


def fitting(capture, accepted, texts, about, work, arguments):
    """Batches of the rules that may fire on a capture: those of no protocol, and those of the protocols that Suricata finds in it."""
    path = os.path.join(work, 'any.rules')
    with open(path, 'w', encoding='utf-8') as out:
        out.write('alert ip any any -> any any (msg:"x"; sid:1;)\nalert ip any any -> any any (msg:"x"; flow:established; dsize:>0; sid:2;)\n')
    folder = os.path.join(work, 'theirs')
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    subprocess.run([arguments.peer, '-r', capture, '-S', path, '-l', folder, '-c', arguments.config, '-k', 'none'], capture_output=True, check=False)
    found = set()
    try:
        with open(os.path.join(folder, 'eve.json'), encoding='utf-8', errors='replace') as lines:
            for line in lines:
                found.update(re.findall(r'"app_proto(?:_ts|_tc|_orig)?":"([^"]+)"', line))
    except FileNotFoundError:
        pass
    families = trafficrules.families_of(found)
    return batches_of([sid for sid in accepted if trafficrules.family(about[sid]) in families], texts, work)


def alerts(arguments):
    work = tempfile.mkdtemp(prefix='rulediff-')
    path = os.path.join(work, 'traffic.rules')
    keywords = {k: v for k, v in keywords_of(arguments.peer).items() if k not in ('lua', 'luaxform', 'template2')}
    texts = {}
    about = {}
    if arguments.rules:
        with open(arguments.rules, encoding='utf-8') as lines:
            for line in lines:
                found = re.search(r'sid:(\d+)', line)
                if found and not line.startswith('#'):
                    texts[int(found.group(1))] = line.strip()
                    about[int(found.group(1))] = found.group(1)
    else:
        for number, (text, keyword) in enumerate(trafficrules.rules(keywords), 1):
            if not arguments.only or any(part in text for part in arguments.only):
                texts[number] = text.replace('%d', str(number))
                about[number] = keyword
    # Rules that Suricata refuses are left out: only what fires is compared here.
    ordered = list(texts)
    with open(path, 'w', encoding='utf-8') as out:
        out.writelines(texts[sid] + '\n' for sid in ordered)
    refused = {ordered[line - 1] for line in verdicts_of([arguments.peer], path, os.path.join(work, 'theirs'), arguments.config)}
    accepted = [sid for sid in ordered if sid not in refused]
    batches = batches_of(accepted, texts, work)
    differences = collections.defaultdict(list)
    same = 0
    for capture in captures_in(arguments.captures):
        chosen = batches if arguments.rules or arguments.all else fitting(capture, accepted, texts, about, work, arguments)
        theirs = sum((cached_alerts_of([arguments.peer], capture, batch, os.path.join(work, 'theirs'), arguments) for batch in chosen), collections.Counter())
        ours = sum((alerts_of([arguments.bin], capture, batch, os.path.join(work, 'ours'), arguments) for batch in chosen), collections.Counter())
        same += sum((theirs & ours).values())
        for key, count in (theirs - ours).items():
            differences[key[0]].append((capture, '-', key[1:], count))
        for key, count in (ours - theirs).items():
            differences[key[0]].append((capture, '+', key[1:], count))
        if arguments.progress:
            print(f'{capture}: {sum((theirs & ours).values())} the same, {sum((theirs - ours).values())} missing, {sum((ours - theirs).values())} extra', file=sys.stderr, flush=True)
    total = sum(row[3] for rows in differences.values() for row in rows)
    for sid, rows in sorted(differences.items(), key=lambda item: (about[item[0]], item[0])):
        missing = sum(row[3] for row in rows if row[1] == '-')
        extra = sum(row[3] for row in rows if row[1] == '+')
        print(f'{about[sid]:28} missing {missing:4} extra {extra:4} in {len({row[0] for row in rows}):3} captures: {texts[sid]}')
        for capture, sign, key, count in rows[:arguments.show]:
            print(f'      {sign}{count} packet {key[0]} port {key[1]} tx {key[2]} {key[3]} {capture}')
    print(f'{same} alerts the same, {total} different')
    return 1 if total else 0


def chance(arguments):
    """Batches of rules and packets by their seeds; differences with what is needed to look into one."""
    work = tempfile.mkdtemp(prefix='rulediff-')
    low, _, high = arguments.seeds.partition('-')
    total, same = 0, 0
    for family in arguments.family or chances.FAMILIES:
        for seed in range(int(low), int(high or low) + 1):
            batch = chances.Batch(seed, family)
            path = os.path.join(work, 'chance.rules')
            with open(path, 'w', encoding='utf-8') as out:
                out.writelines(rule + '\n' for rule in batch.rules)
            refused = [verdicts_of([program], path, os.path.join(work, 'verdict'), arguments.config) for program in (arguments.peer, arguments.bin)]
            for line in sorted(refused[0].keys() ^ refused[1].keys()):
                total += 1
                print(f'{family} {seed}: only {"Suricata" if line in refused[0] else "BridgeGuard"} refuses {batch.rules[line - 1]}\n      {(refused[0].get(line) or refused[1].get(line))[:200]}')
            both = [rule for line, rule in enumerate(batch.rules, 1) if line not in refused[0] and line not in refused[1]]
            with open(path, 'w', encoding='utf-8') as out:
                out.writelines(rule + '\n' for rule in both)
            capture = os.path.join(work, 'chance.pcap')
            packetdiff.write_capture(capture, [(0.01 if last is None else now - last, frame) for last, (now, frame) in zip([None] + [f[0] for f in batch.frames], batch.frames)])
            theirs, ours = (alerts_of([program], capture, path, os.path.join(work, 'alerts'), arguments) for program in (arguments.peer, arguments.bin))
            if not theirs:
                # Its search library refuses some sets of patterns, and then it does not start.
                print(f'{family} {seed}: Suricata did not run: not compared', file=sys.stderr)
                continue
            same += sum((theirs & ours).values())
            by_rule = collections.defaultdict(list)
            for sign, keys in (('-', theirs - ours), ('+', ours - theirs)):
                for key, count in keys.items():
                    by_rule[key[0]].append((sign, key, count))
            for sid, rows in sorted(by_rule.items()):
                total += sum(row[2] for row in rows)
                print(f'{family} {seed}: missing {sum(r[2] for r in rows if r[0] == "-")} extra {sum(r[2] for r in rows if r[0] == "+")}: {batch.rules[sid - 1]}')
                for sign, key, count in sorted(rows, key=lambda row: row[1][1])[:arguments.show]:
                    print(f'      {sign}{count} packet {key[1]} tx {key[3]} {key[4]} {batch.frames[key[1] - 1][1][34:][:160]!r}')
            print(f'{family} {seed}: {len(both)} rules, {sum(theirs.values())} alerts, {sum(r[2] for rows in by_rule.values() for r in rows)} different', file=sys.stderr, flush=True)
    print(f'{same} alerts the same, {total} differences')
    return 1 if total else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=['verdicts', 'alerts', 'chance'])
    parser.add_argument('--peer', default=os.environ.get('BRIDGEGUARD_PEER', 'suricata'))
    parser.add_argument('--bin', default=os.path.join(ROOT, '.artifacts/bin/BridgeGuard.Cli/release/bridgeguard'))
    parser.add_argument('--config', default='/etc/suricata/suricata.yaml')
    parser.add_argument('--only', action='append')
    parser.add_argument('--show', type=int, default=5)
    parser.add_argument('--all', action='store_true', help='all rules over all captures, also those of protocols that are not in it')
    parser.add_argument('--cache', help='a folder in which Suricata\'s answers are kept for the next run')
    parser.add_argument('--progress', action='store_true')
    parser.add_argument('--inline', action='store_true')
    parser.add_argument('--rules')
    parser.add_argument('--family', action='append', choices=chances.FAMILIES)
    parser.add_argument('--mixed', type=int, default=0, metavar='N', help='verdicts: N rules of several parts that Suricata takes alone; --seeds draws others')
    parser.add_argument('--seeds', default='1-3', help='batches of a family, by their numbers')
    parser.add_argument('captures', nargs='*')
    arguments = parser.parse_intermixed_args()
    if shutil.which(arguments.peer) is None:
        print('rulediff: Suricata is not installed here: nothing is compared')
        return 0
    return {'verdicts': verdicts, 'alerts': alerts, 'chance': chance}[arguments.what](arguments)


if __name__ == '__main__':
    sys.exit(main())
