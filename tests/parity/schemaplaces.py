#!/usr/bin/env python3
"""Which places of `EveSchema.LacksItself` does Suricata itself write, and what else of its records is not in the public schema?

  schemaplaces.py --peer PROGRAM --config YAML --schema eve-schema.json CAPTURE…      (python3-jsonschema)

The captures of `BridgeGuard.Fuzz captures FOLDER` and of tests/golden show all of them.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import tempfile

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('--peer', required=True)
parser.add_argument('--config', required=True)
parser.add_argument('--schema', required=True)
parser.add_argument('captures', nargs='+')
given = parser.parse_args()
source = open(os.path.join(HERE, '..', 'BridgeGuard.Testing', 'Events', 'EveSchema.cs')).read()
places = re.findall(r'"(/[^"]+)"', source[source.index('LacksItself ='):source.index('];', source.index('LacksItself ='))])
patterns = [(place, re.compile('^' + place.replace('*', '[^/]+') + '$')) for place in places]
validator = jsonschema.Draft202012Validator(json.load(open(given.schema)))
proven, others = {}, collections.Counter()
for capture in given.captures:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([given.peer, '-r', capture, '-S', '/dev/null', '-l', folder, '-k', 'none', '-c', given.config], capture_output=True)
        for line in open(os.path.join(folder, 'eve.json')):
            record = json.loads(line)
            if record['event_type'] in ('stats', 'frame'):
                continue
            for error in validator.iter_errors(record):
                base = ''.join(f'/{part}' for part in error.absolute_path)
                found = [f'{base}/{name}' for name in error.instance if name not in error.schema.get('properties', {})] if error.validator == 'additionalProperties' else [base]
                for path in found:
                    hits = [place for place, pattern in patterns if pattern.match(path)]
                    for place in hits:
                        proven.setdefault(place, f'{path} in {os.path.basename(capture)}')
                    if not hits:
                        others[re.sub(r'/\d+', '/N', path)] += 1
for place in places:
    print(f'{"written" if place in proven else "not seen"}  {place}  {proven.get(place, "")}')
for path, count in others.most_common():
    print(f'not listed  {path}  {count}')
