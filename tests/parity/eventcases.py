#!/usr/bin/env python3
"""Golden cases of application protocols, compared with Suricata before they are kept.

  eventcases.py --peer PROGRAM --config YAML --program BRIDGEGUARD [events | samples | records | limits] [PROTOCOL…]     compares and prints where the two differ
  eventcases.py … --record                                                                                  writes tests/golden/events-of-…, samples-of-…, records-of-…, events-of-limits

`events`: conversations of our own (folder events/), at least one for each named oddity of a protocol, and one rule per oddity. What counts is which flow
raised what how often; a case keeps the peer's numbers, so an oddity that Suricata itself never raises has 0 for traffic that ought to raise it.

`samples`: the well-formed conversations of the conformance tests (`BridgeGuard.Fuzz captures FOLDER`, given with --samples), with one rule per sticky buffer
of the protocol: which buffers exist in how many transactions, and how many records of each kind there are.

`records`: conversations that fill the fields of records (events/records.py). A case has each of the peer's records whole, but for what names the flow and floats; every one must be ours as well.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

import yaml

from events import applayer, files, infra, limits, mail, names, optional, packets, records, remote, smb, tls, transfers, web
from events.wire import Capture, Talk

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'golden')
FIRST_PORT = 20000

# name: conversations, datagrams?, port
EVENTS = {
    'applayer': (applayer.applayer, False, 80), 'http': (web.http1, False, 80), 'tls': (tls.tls, False, 443), 'smb': (smb.smb, False, 445), 'smtp': (mail.smtp, False, 25), 'dns': (names.dns, True, 53), 'http2': (names.http2, False, 80),
    'ike': (infra.ike, True, 500), 'mqtt': (infra.mqtt, False, 1883), 'nfs': (infra.nfs, False, 2049), 'sip': (infra.sip, True, 5060), 'ntp': (infra.ntp, True, 123), 'rfb': (infra.rfb, False, 5900), 'dnp3': (infra.dnp3, False, 20000),
}

RECORDS = {**records.RECORDS, **optional.RECORDS, **files.RECORDS, **remote.RECORDS, **transfers.RECORDS, **packets.RECORDS}
OPTIONS = {**optional.OPTIONS, **remote.OPTIONS, **transfers.OPTIONS, **packets.OPTIONS}

# By case: rules, and which other records count, whole.
RULES = {**remote.RULES, **transfers.RULES, **packets.RULES}

# Every protocol on a port that is not its own: of each flow what it is taken for.
ODD_PORT = 33000
RECORDS['detection'] = [(datagrams, ODD_PORT + i, talk) for i, (case, ((datagrams, _, talk), *_)) in enumerate(sorted(RECORDS.items())) if datagrams is not None and case != 'http-brotli' and not RULES.get(case, ([], []))[1]]
RULES['detection'] = [], ['flow']
ONLY = {'detection': ('event_type', 'dest_port', 'proto', 'app_proto')}

# Cases that are played as if inline.
INLINE = packets.INLINE

# Of a case.
MOST_FIELDS, MOST_RECORDS = 14, 8

# Record types that are counted; the rest tell of flows.
NOT_COUNTED = {'alert', 'anomaly', 'flow', 'frame', 'netflow', 'stats', 'drop'}

# Rules with the name of a protocol that is not its own.
RULE_NAME = {'http1': 'http', 'bittorrentdht': 'bittorrent-dht', 'dhcpv6': 'dhcp'}


def rules_of_events(protocol, talks):
    if protocol == 'applayer':
        return [(f'alert ip any any -> any any (msg:"{aim}"; app-layer-event:{aim}; sid:{i + 1};)', aim) for i, aim in enumerate(sorted({talk.aim for talk in talks}))]
    return [(f'alert {protocol} any any -> any any (msg:"{aim}"; app-layer-event:{protocol}.{aim}; sid:{i + 1};)', aim) for i, aim in enumerate(sorted({talk.aim for talk in talks}))]


def buffers_of(peer, protocol):
    """Sticky buffers of a protocol, as the peer lists them."""
    found = []
    for line in subprocess.run([peer, '--list-keywords=csv'], capture_output=True, text=True).stdout.splitlines():
        cells = line.split(';')
        if len(cells) > 3 and 'sticky buffer' in cells[3] and re.match(rf'{re.escape(protocol)}[.0-9]', cells[0]) and cells[0].split('.')[0] == protocol:
            found.append(cells[0])
    return sorted(set(found))


def run(command, folder):
    os.makedirs(folder)
    # One thread: a connection that another one announces must not be read before it.
    single = ['--runmode=single'] if command[0] == given.peer else []
    done = subprocess.run([*command, *single, '-l', folder, '-k', 'none'], capture_output=True, text=True)
    path = os.path.join(folder, 'eve.json')
    if not os.path.exists(path):
        sys.exit(f'{" ".join(command)}: {done.stdout[-800:]}{done.stderr[-800:]}')
    with open(path) as lines:
        return [json.loads(line) for line in lines]


def leaves(value, path=''):
    """Scalars of an object by dotted path, as the golden tests address them; only what YAML holds without ado."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f'{path}.{key}' if path else key)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, f'{path}.{i}')
    elif isinstance(value, (str, int)) and not isinstance(value, bool) and 0 < len(str(value)) < 100 and str(value).isprintable() and str(value).isascii():
        yield path, str(value)


def details(theirs, ours):
    """What single records say, of records that both engines write word by word, as (count, fields)."""
    def objects(records):
        return [(r['event_type'], r[r['event_type']]) for r in records if r['event_type'] not in NOT_COUNTED and r['event_type'] in r]
    own = [dict(leaves({'event_type': kind, kind: value})) for kind, value in objects(ours)]
    found = []
    for kind, value in objects(theirs):
        fields = dict(list(leaves({'event_type': kind, kind: value}))[:MOST_FIELDS])
        count = sum(fields.items() <= dict(leaves({'event_type': k, k: v})).items() for k, v in objects(theirs))
        if count == sum(fields.items() <= other.items() for other in own) and (count, fields) not in found:
            found.append((count, fields))
    return found[:MOST_RECORDS]


# In an order that differs from run to run of the same Suricata.
UNORDERED = {'ike.payload'}


def whole(value, path=''):
    """All scalars of a record as the golden tests read them, texts cut off where they are no line of YAML."""
    if path in UNORDERED:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from whole(inner, f'{path}.{key}' if path else key)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from whole(inner, f'{path}.{i}')
    elif isinstance(value, (str, int)):
        yield path, str(value)


def flat(options, path=''):
    """As the golden tests write them: lists by number, all in one object."""
    if isinstance(options, dict):
        return {key: value for name, inner in options.items() for key, value in flat(inner, f'{path}.{name}' if path else name).items()}
    if isinstance(options, list):
        return {key: value for i, inner in enumerate(options) for key, value in flat(inner, f'{path}.{i}').items()}
    return {path: str(options)}


def configured(config, outputs, protocols, folder):
    """The configuration with options of a case."""
    with open(config) as file:
        given_ = yaml.load(file, yaml.BaseLoader)
    types = next(output['eve-log'] for output in given_['outputs'] if 'eve-log' in output)['types']
    for kind, options_ in outputs.items():
        types[:] = [each for each in types if each != kind and not (isinstance(each, dict) and kind in each)] + [{kind: options_}]
    for kind, options_ in protocols.items():
        given_['app-layer']['protocols'][kind] = {**given_['app-layer']['protocols'].get(kind, {}), 'enabled': 'yes', **options_}
    path = os.path.join(folder, 'own.yaml')
    with open(path, 'w') as file:
        file.write('%YAML 1.1\n---\n' + yaml.dump(given_, default_flow_style=False))
    return path


# What differs from run to run, or with where a run is made.
VOLATILE = {'timestamp', 'flow_id', 'pcap_cnt', 'parent_id', 'flow.start', 'flow.end', 'netflow.start', 'netflow.end'}

# What stands beside a transaction's own object and is as much of it.
BESIDE = {'smtp': 'email', 'nfs': 'rpc'}

# What an alert says of its flow so far depends on how the bytes are cut.
BY_SEGMENTS = {'flow.pkts_toserver', 'flow.pkts_toclient', 'flow.bytes_toserver', 'flow.bytes_toclient'}


def every_record(found, more=(), only=None):
    """The transaction records, each as the fields of its own object; of the types in `more` all that stands beside it too. Or of these types `only` some fields."""
    if only:
        return collections.Counter(tuple((key, str(r[key])) for key in sorted(only) if key in r) for r in found if r['event_type'] in more)
    own = [{'event_type': r['event_type'], **{key: r[key] for key in (r['event_type'], BESIDE.get(r['event_type'])) if key in r}} for r in found if r['event_type'] not in NOT_COUNTED and r['event_type'] not in more and r['event_type'] in r]
    counted = collections.Counter(tuple(sorted(whole(r))) for r in own)
    counted.update(tuple(sorted((key, value) for key, value in whole(r) if key not in VOLATILE and not (key in BY_SEGMENTS and r['event_type'] == 'alert'))) for r in found if r['event_type'] in more)
    return counted


def filled(options, name, folder):
    capture = Capture()
    outputs, protocols = OPTIONS.get(name, ({}, {}))
    said, more = RULES.get(name, ([], []))
    config = configured(options.config, outputs, protocols, folder)
    for i, (datagrams, port, talk) in enumerate(RECORDS[name]):
        {True: capture.datagrams, False: capture.stream, None: capture.packets}[datagrams](talk, FIRST_PORT + 1 + i, port)
    path, rules = os.path.join(folder, 'input.pcap'), os.path.join(folder, 'case.rules')
    capture.save(path)
    with open(rules, 'w') as file:
        file.write(''.join(rule + '\n' for rule in said))
    inline = ['--simulate-ips'] if name in INLINE else []
    theirs = run([options.peer, '-r', path, '-S', rules, '-c', config, *inline], os.path.join(folder, 'peer'))
    ours = run([options.program, '-c', config, '-r', path, '-S', rules, *inline], os.path.join(folder, 'own'))
    fired = collections.Counter(r['alert']['signature_id'] for r in theirs if r['event_type'] == 'alert')
    theirs, ours = every_record(theirs, more, ONLY.get(name)), every_record(ours, more, ONLY.get(name))
    print(f'{name}: {sum(theirs.values())} records, {"the same" if theirs == ours else "DIFFER"}')
    if theirs != ours:
        others = list((ours - theirs).elements())
        for fields in (theirs - ours).elements():
            near = max(others, key=lambda other: len(set(other) & set(fields)), default=())
            print(f'  theirs alone {dict(set(fields) - set(near))}\n    ours alone {dict(set(near) - set(fields))}')
            if near:
                others.remove(near)
        for fields in others:
            print(f'  ours {dict(fields)}')
    elif options.record:
        note = 'Conversations that fill the fields of records (folder tests/parity/events), made by tests/parity/eventcases.py; each record as Suricata 8.0.8 writes it.'
        types = collections.Counter(dict(r)['event_type'] for r in theirs.elements())
        numbered = [(rule, int(re.search('sid:([0-9]+)', rule)[1])) for rule in said]
        record('records-of-' + name, path, numbered, {0: fired}, types, types, note, [(sum(n for other, n in theirs.items() if set(r) <= set(other)), dict(r)) for r in theirs],
               ''.join(f'{section}:\n' + ''.join(f'  {kind}: {json.dumps(flat(said))}\n' for kind, said in chosen.items()) for section, chosen in (('outputs', outputs), ('protocols', protocols)) if chosen)
               + (f'counts-segments: {packets.SEGMENTS[name]}\n' if name in packets.SEGMENTS else ''), name in INLINE)


def summary(records):
    """Alerts per client port; records per type."""
    alerts, types = collections.defaultdict(collections.Counter), collections.Counter()
    for record in records:
        kind = record['event_type']
        if kind == 'alert':
            ports = [port for port in (record['src_port'], record['dest_port']) if FIRST_PORT <= port < FIRST_PORT + 5000 and port != 20000]
            alerts[ports[0] if ports else record['src_port']][record['alert']['signature']] += 1
        elif kind not in NOT_COUNTED:
            types[kind] += 1
    return alerts, types


def compare(options, name, capture, rules, aims, folder, detailed=True):
    """The peer's alerts and records where we say the same; prints where not."""
    path = os.path.join(folder, 'case.rules')
    with open(path, 'w') as file:
        file.write(''.join(rule + '\n' for rule, _ in rules))
    peer_records = run([options.peer, '-r', capture, '-S', path, '-c', options.config], os.path.join(folder, 'peer'))
    own_records = run([options.program, '-c', options.config, '-r', capture, '-S', path], os.path.join(folder, 'own'))
    (theirs, types), (ours, our_types) = summary(peer_records), summary(own_records)
    differ = 0
    for port in sorted(set(theirs) | set(ours) | set(aims)):
        a, b = theirs.get(port, {}), ours.get(port, {})
        said = ' '.join(f'{k}*{v}' if v > 1 else k for k, v in sorted(a.items())) or '-'
        if a != b:
            differ += 1
            print(f'  DIFFER {name} {port} {aims.get(port, "")}: peer {said}; ours {" ".join(f"{k}*{v}" if v > 1 else k for k, v in sorted(b.items())) or "-"}')
        elif options.verbose or (port in aims and aims[port] not in a):
            print(f'  {"silent" if port in aims and aims[port] not in a else "same"} {name} {port} {aims.get(port, "")}: {said}')
    if types != our_types:
        print(f'  RECORDS {name}: peer {dict(types)}; ours {dict(our_types)}')
    fired = {event for counts in theirs.values() for event in counts}
    print(f'{name}: {len(aims) or len(theirs)} flows, {differ} differ; {len(fired)} of {len(rules)} rules fire; silent: {" ".join(sorted({s for _, s in rules} - fired)) or "none"}')
    return theirs, ours, types, our_types, details(peer_records, own_records) if detailed else ()


def record(case, capture, rules, theirs, types, our_types, note, fields=(), options_='', inline=False):
    target = os.path.join(GOLDEN, case)
    os.makedirs(target, exist_ok=True)
    with open(capture, 'rb') as source, open(os.path.join(target, 'input.pcap'), 'wb') as copy:
        copy.write(source.read())
    with open(os.path.join(target, 'case.rules'), 'w') as file:
        file.write(''.join(rule + '\n' for rule, _ in rules))
    total = collections.Counter()
    for counts in theirs.values():
        total.update(counts)
    with open(os.path.join(target, 'case.yaml'), 'w') as file:
        file.write(f'# {note}\ninline: {"yes" if inline else "no"}\n{options_}alerts:{"" if rules else " {}"}\n')
        for rule, said in rules:
            file.write(f'  {re.search("sid:([0-9]+)", rule)[1]}: {total[said]}   # {said}\n')
        file.write('events:\n' if fields or any(types[kind] == our_types[kind] for kind in types) else 'events: []\n')
        for kind in sorted(types):
            if types[kind] == our_types[kind]:
                file.write(f'  - {{count: {types[kind]}, match: {{event_type: {kind}}}}}\n')
        for count, match in fields:
            file.write(f'  - {{count: {count}, match: {{{", ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in match.items())}}}}}\n')
        file.write(f'dropped-at-least: {types["drop"]}\n')


def events(options, name, folder):
    make, datagrams, port = EVENTS[name]
    talks = [talk for talk in make() if not options.aim or talk.aim in options.aim]
    rules = rules_of_events(name, talks)

    def play(keep):
        capture, aims = Capture(), {}
        for i, talk in enumerate(talks):
            if keep(i):
                client = FIRST_PORT + 1 + i
                aims[client] = talk.aim
                (capture.datagrams if datagrams else capture.stream)(talk, client, talk.port or port)
        path = os.path.join(folder, 'input.pcap')
        capture.save(path)
        return path, aims

    path, aims = play(lambda i: True)
    theirs, ours, types, our_types, _ = compare(options, name, path, rules, aims, folder)
    if options.record:
        # Only what both say: the rest is work, not a case. A capture of more than a megabyte is none either.
        same = {p for p in aims if theirs.get(p, {}) == ours.get(p, {})}
        path, aims = play(lambda i: FIRST_PORT + 1 + i in same and talks[i].kept and sum(map(len, talks[i].turns)) < 300_000)
        again = os.path.join(folder, 'again')
        os.makedirs(again)
        fired = {event for counts in theirs.values() for event in counts}
        theirs, ours, types, our_types, _ = compare(options, name, path, rules, aims, again)
        left = {event for counts in theirs.values() for event in counts}

        # A 0 says that Suricata is silent: not of an event that fired in a flow which is left out.
        rules = [rule for rule in rules if rule[1] in left or rule[1] not in fired]
        record('events-of-' + name, path, rules, theirs, types, our_types, 'A flow for each named oddity, made by tests/parity/eventcases.py; the numbers are those of Suricata 8.0.8. 0: it never says so of traffic that ought to raise it.')


def bounds(options, name, folder):
    """Flows that reach a limit and flows that go one step beyond, for all limits at once; the odd ports are within."""
    names = sorted({event for event, *_ in limits.LIMITS})
    rules = [(f'alert {event.split(".")[0]} any any -> any any (msg:"{event}"; app-layer-event:{event}; sid:{i + 1};)', event) for i, event in enumerate(names)]

    def play(keep, where):
        capture, aims = Capture(), {}
        for i, (event, _, datagrams, port, make, size) in enumerate(limits.LIMITS):
            for beyond in (0, 1):
                client = FIRST_PORT + 1 + 2 * i + beyond
                if keep(client):
                    aims[client] = event
                    # A step that is a whole unit, or for bytes a few more: what counts as a line's bytes is not the same everywhere.
                    turns = make(size + beyond * max(1, size // 8) if beyond else size - size // 8)
                    (capture.datagrams if datagrams else capture.stream)(Talk(event, *turns), client, port)
        path = os.path.join(where, 'input.pcap')
        capture.save(path)
        return path, aims

    path, aims = play(lambda client: True, folder)
    theirs, ours, *_ = compare(options, name, path, rules, aims, folder, False)
    all_theirs = theirs
    for i, (event, what, *_) in enumerate(limits.LIMITS):
        ports = FIRST_PORT + 1 + 2 * i, FIRST_PORT + 2 + 2 * i
        print(f'  {event} ({what}): within and beyond: peer {[theirs.get(p, {}).get(event, 0) for p in ports]}, ours {[ours.get(p, {}).get(event, 0) for p in ports]}')
    if options.record:
        same = {p for p in aims if theirs.get(p, {}) == ours.get(p, {})}
        again = os.path.join(folder, 'again')
        os.makedirs(again)
        path, aims = play(lambda client: client in same, again)
        theirs, ours, types, our_types, _ = compare(options, name, path, rules, aims, again, False)
        fired, left = ({event for counts in said.values() for event in counts} for said in (all_theirs, theirs))
        record('events-of-limits', path, [rule for rule in rules if rule[1] in left or rule[1] not in fired], theirs, types, our_types,
               'Each limit of tests/parity/events/limits.py: a flow within it and one beyond; made by tests/parity/eventcases.py, the numbers are those of Suricata 8.0.8.')


def samples(options, name, folder):
    path = os.path.join(options.samples, name + '.pcap')
    protocol = RULE_NAME.get(name, name)
    rules = [(f'alert {protocol} any any -> any any (msg:"{buffer}"; {buffer}; bsize:>0; sid:{i + 1};)', buffer) for i, buffer in enumerate(buffers_of(options.peer, protocol))]
    theirs, ours, types, our_types, fields = compare(options, name, path, rules, {}, folder)
    if options.record:
        rules = [rule for rule in rules if all(theirs[port][rule[1]] == ours[port][rule[1]] for port in set(theirs) | set(ours))]
        rules = [(re.sub(r'sid:\d+', f'sid:{i + 1}', rule), said) for i, (rule, said) in enumerate(rules)]
        record('samples-of-' + name, path, rules, theirs, types, our_types, 'The well-formed conversations of the conformance tests; a rule per sticky buffer. The numbers and records are those of Suricata 8.0.8.', fields)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('what', choices=['events', 'samples', 'records', 'limits'])
parser.add_argument('protocols', nargs='*')
parser.add_argument('--peer', required=True)
parser.add_argument('--config', required=True)
parser.add_argument('--program', required=True)
parser.add_argument('--samples')
parser.add_argument('--aim', action='append')
parser.add_argument('--record', action='store_true')
parser.add_argument('-v', '--verbose', action='store_true')
given = parser.parse_args()
chosen = given.protocols or (['all'] if given.what == 'limits' else sorted(EVENTS) if given.what == 'events' else sorted(RECORDS) if given.what == 'records' else sorted(f[:-5] for f in os.listdir(given.samples) if f.endswith('.pcap')))
for each in chosen:
    with tempfile.TemporaryDirectory() as place:
        {'events': events, 'samples': samples, 'records': filled, 'limits': bounds}[given.what](given, each, place)
