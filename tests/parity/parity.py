#!/usr/bin/env python3
"""Same rules, same capture, same alerts: runs BridgeGuard over the parity captures and compares its alerts with Suricata's.

usage: parity.py [--mode ids|ids-allon|ips] [--only TEXT]... [--bin PROGRAM] [--cache FOLDER] [--peer PROGRAM] [--raise]

What Suricata says comes from the recorded results (`expected/`) where there are any, else from FOLDER (`--cache`), else, with `--peer`, from a run
of Suricata that is kept in FOLDER; captures without either are left out and counted. Alerts are compared as a multiset of
(sid, revision, protocol, addresses, ports); where repeated runs of Suricata differ in a count, every count between is right.

Prints matching, missing and extra alerts per capture. `ratchet.tsv` holds the least matching and the most missing and extra alerts; a capture
that is worse makes the exit code 1. `--raise` writes what was reached. Without the captures (../shared/exam beside the repository, or
BRIDGEGUARD_EXAM) it says so and ends with 0.
"""
import argparse
import collections
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
EXAM = os.environ.get("BRIDGEGUARD_EXAM", os.path.join(ROOT, "..", "shared", "exam"))
PARITY = os.path.join(EXAM, "parity")
RULES = os.path.join(EXAM, "rules")
RATCHET = os.path.join(HERE, "ratchet.tsv")


def captures(only):
    with open(os.path.join(PARITY, "pcaps.tsv"), encoding="utf-8") as rows:
        names = [row.split("\t")[0] for row in rows][1:]
    files = {os.path.splitext(f)[0]: os.path.join(PARITY, "pcaps", f) for f in os.listdir(os.path.join(PARITY, "pcaps"))}
    for name in names:
        if name in files and (not only or any(text in name for text in only)):
            yield name, files[name]


def key_of(alert):
    about = alert["alert"]
    return (about["signature_id"], about["rev"], alert.get("proto", "-").upper(), alert.get("src_ip", "-"), alert.get("src_port", 0),
            alert.get("dest_ip", "-"), alert.get("dest_port", 0))


def read_eve(path):
    counts = collections.Counter()
    if os.path.exists(path):
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if '"event_type":"alert"' in line:
                    counts[key_of(json.loads(line))] += 1
    return counts


def read_expected(path):
    """Key to (least, most)."""
    expected = {}
    with open(path, encoding="utf-8") as rows:
        next(rows)
        for row in rows:
            sid, rev, proto, src, sport, dst, dport, least, most, runs = row.rstrip("\n").split("\t")
            seen, of = runs.split("/")
            key = (int(sid), int(rev), proto.upper(), src, int(sport), dst, int(dport))
            expected[key] = (int(least) if seen == of else 0, int(most))
    return expected


def write_expected(path, counts):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as rows:
        rows.write("sid\trev\tproto\tsrc\tsport\tdst\tdport\tcount_min\tcount_max\truns_with\n")
        for key, count in sorted(counts.items()):
            rows.write("\t".join(map(str, key)) + f"\t{count}\t{count}\t1/1\n")
    os.rename(path + ".new", path)


def command(program, capture, rules, out, mode, config):
    return [program, "-c", config, "-r", capture, "-S", rules, "-l", out, "-k", "none", "--runmode", "single",
            "--set", "classification-file=" + os.path.join(RULES, "classification.config"),
            "--set", "reference-config-file=" + os.path.join(RULES, "reference.config")] + (["--simulate-ips"] if mode == "ips" else [])


def run(program, capture, rules, mode, work):
    out = tempfile.mkdtemp(dir=work)
    done = subprocess.run(command(program, capture, rules, out, mode, os.path.join(PARITY, "suricata-parity.yaml")),
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"{program} on {capture}: exit {done.returncode}: {done.stderr.decode(errors='replace')[-600:]}")
    counts = read_eve(os.path.join(out, "alerts.json"))
    shutil.rmtree(out)
    return counts


def expected_of(name, capture, rules, args, work):
    recorded = os.path.join(PARITY, "expected", args.mode, name + ".tsv")
    if os.path.exists(recorded):
        return read_expected(recorded)
    if not args.cache:
        return None
    cached = os.path.join(args.cache, args.mode, name + ".tsv")
    if not os.path.exists(cached):
        if not args.peer:
            return None
        write_expected(cached, run(args.peer, capture, rules, args.mode, work))
    return read_expected(cached)


def compare(expected, found):
    matching, missing, extra = 0, collections.Counter(), collections.Counter()
    for key in set(expected) | set(found):
        least, most = expected.get(key, (0, 0))
        count = found.get(key, 0)
        matching += min(count, most)
        if count < least:
            missing[key] = least - count
        if count > most:
            extra[key] = count - most
    return matching, missing, extra


def read_ratchet():
    held = {}
    if os.path.exists(RATCHET):
        with open(RATCHET, encoding="utf-8") as rows:
            for row in rows:
                if not row.startswith("#") and row.strip():
                    mode, name, *numbers = row.rstrip("\n").split("\t")
                    held[mode, name] = tuple(map(int, numbers))
    return held


def write_ratchet(held):
    with open(RATCHET, "w", encoding="utf-8") as rows:
        rows.write("# mode, capture, matching, missing and extra alerts; written by parity.py --raise\n")
        for (mode, name), numbers in sorted(held.items()):
            rows.write("\t".join([mode, name, *map(str, numbers)]) + "\n")


def prepare_rules(mode, work):
    path = os.path.join(work, "etopen.rules")
    with gzip.open(os.path.join(RULES, "etopen-2023-05-15.rules.gz"), "rt", encoding="utf-8", errors="surrogateescape") as source, \
            open(path, "w", encoding="utf-8", errors="surrogateescape") as target:
        for line in source:
            bare = line.lstrip("# \t")
            on = mode == "ids-allon" and line.startswith("#") and bare.split(" ", 1)[0] in ("alert", "drop", "pass", "reject")
            target.write(bare if on else line)
    return path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=["ids", "ids-allon", "ips"], default="ids")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--bin", default=os.path.join(ROOT, ".artifacts", "publish", "bridgeguard"))
    parser.add_argument("--cache")
    parser.add_argument("--peer")
    parser.add_argument("--raise", dest="rise", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true", help="name each difference")
    args = parser.parse_args()
    if not os.path.exists(os.path.join(PARITY, "pcaps.tsv")):
        print(f"parity.py: skipped, no captures at {PARITY}")
        return 0
    if not os.access(args.bin, os.X_OK):
        sys.exit(f"parity.py: {args.bin} is missing, run packaging/build.sh first")

    held = read_ratchet()
    totals, skipped, worse = [0, 0, 0], 0, []
    work = tempfile.mkdtemp(prefix="bg-parity-")
    try:
        rules = prepare_rules(args.mode, work)
        for name, capture in captures(args.only):
            expected = expected_of(name, capture, rules, args, work)
            if expected is None:
                skipped += 1
                continue
            matching, missing, extra = compare(expected, run(args.bin, capture, rules, args.mode, work))
            numbers = (matching, sum(missing.values()), sum(extra.values()))
            totals = [a + b for a, b in zip(totals, numbers)]
            print(f"{name[:90]:90} matching {numbers[0]:5} missing {numbers[1]:4} extra {numbers[2]:4}", flush=True)
            for sign, keys in (("-", missing), ("+", extra)):
                for key, count in sorted(keys.items()) if args.verbose else ():
                    print(f"    {sign} {count} x sid {key[0]} {key[2]} {key[3]}:{key[4]} -> {key[5]}:{key[6]}")
            old = held.get((args.mode, name))
            if old and (numbers[0] < old[0] or numbers[1] > old[1] or numbers[2] > old[2]):
                worse.append(f"{name}: matching, missing, extra {numbers}, was {old}")
            elif args.rise:
                held[args.mode, name] = numbers
    finally:
        shutil.rmtree(work)
    due = totals[0] + totals[1]
    print(f"{args.mode}: {totals[0]} of {due} alerts match ({100.0 * totals[0] / max(due, 1):.2f} %), {totals[1]} missing, {totals[2]} extra; {skipped} captures without Suricata's word")
    for line in worse:
        print("worse: " + line)
    if args.rise:
        write_ratchet(held)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
