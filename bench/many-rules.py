#!/usr/bin/env python3
"""More rules than any public set has: load time, memory and throughput.

usage: many-rules.py -r RULES [-n COUNT] [--all] [-o OUT.rules] [--bridgeguard PROGRAM] [--suricata PROGRAM] [CAPTURE.pcap]

Takes the rules of RULES and adds varied copies of them until there are COUNT (60,000): other sids, other letters and digits in the contents, so that fast
patterns differ too. The same input gives the same output. --all also takes rules that are commented out. Prints CPU seconds, wall seconds and the largest memory
of a start (compiled, then from the cache), and CPU per packet when a capture is given; with --suricata the peer's beside them.
"""
import argparse
import hashlib
import os
import re
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time

RULE = re.compile(r"^(?P<off>#\s*)?(?P<rule>(?:alert|drop|reject|pass) .*\bsid:\s*(?P<sid>\d+);.*\))\s*$")
CONTENT = re.compile(r'(content:\s*!?")((?:[^"\\]|\\.)*)(")')


def vary_text(text, seed):
    """Other letters and digits of the same kind; hex runs and escapes stay, so that lengths do."""
    digest = hashlib.sha256(f"{seed}:{text}".encode("latin1")).digest()
    out, in_hex, i = [], False, 0
    while i < len(text):
        c = text[i]
        if c == "|":
            in_hex = not in_hex
        elif c == "\\" and not in_hex:
            out.append(text[i:i + 2])
            i += 2
            continue
        elif not in_hex and len(out) >= 2:
            d = digest[i % len(digest)]
            if c.islower() and c.isascii():
                c = chr(97 + (ord(c) - 97 + d) % 26)
            elif c.isupper() and c.isascii():
                c = chr(65 + (ord(c) - 65 + d) % 26)
            elif c.isdigit():
                c = chr(48 + (ord(c) - 48 + d) % 10)
        out.append(c)
        i += 1
    return "".join(out)


def generate(path, count, take_all, out):
    rules = []
    for line in open(path, encoding="latin1"):
        m = RULE.match(line)
        if m and (take_all or not m["off"]):
            rules.append((m["rule"], int(m["sid"])))
    if not rules:
        sys.exit(f"{path}: no rules")
    with open(out, "w", encoding="latin1") as f:
        for rule, _ in rules[:count]:
            f.write(rule + "\n")
        copy, at = 1, 0
        for number in range(len(rules), count):
            rule, sid = rules[at]
            varied = CONTENT.sub(lambda m: m[1] + vary_text(m[2], copy) + m[3], rule)
            f.write(re.sub(r"\bsid:\s*\d+;", f"sid:{100_000_000 + number};", varied) + "\n")
            at += 1
            if at == len(rules):
                copy, at = copy + 1, 0
    return max(count, 0)


def run(command, good=(0, 4)):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    text = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    if os.waitstatus_to_exitcode(status) not in good:
        sys.exit(f"{' '.join(command)}\n{text.decode(errors='replace')[-400:]}")
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


def tiny_capture(path):
    """One ARP frame: the peer refuses a capture without any."""
    frame = bytes.fromhex("ffffffffffff020000000001080600010800060400010200000000010a0000010000000000000a000002")
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        f.write(struct.pack("<IIII", 1_700_000_000, 0, len(frame), len(frame)) + frame)


def repeat(path, copies, out):
    data = open(path, "rb").read()
    records, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, captured, length = struct.unpack_from("<IIII", data, at)
        records.append((seconds, fraction, captured, length, data[at + 16:at + 16 + captured]))
        at += 16 + captured
    with open(out, "wb") as f:
        f.write(data[:24])
        for copy in range(copies):
            for seconds, fraction, captured, length, frame in records:
                f.write(struct.pack("<IIII", seconds + copy * 3600, fraction, captured, length) + frame)
    return len(records)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser()
    p.add_argument("-r", "--rules", required=True)
    p.add_argument("-n", "--count", type=int, default=60_000)
    p.add_argument("--all", action="store_true")
    p.add_argument("-o", "--out")
    p.add_argument("-x", "--copies", type=int, default=8)
    p.add_argument("--bridgeguard", default=os.path.join(here, "..", ".artifacts", "publish", "bridgeguard"))
    p.add_argument("--suricata")
    p.add_argument("capture", nargs="?")
    a = p.parse_args()
    work = tempfile.mkdtemp(prefix="bg-many-")
    try:
        rules = os.path.join(work, "many.rules")
        generate(a.rules, a.count, a.all, rules)
        if a.out:
            shutil.copyfile(rules, a.out)
        tiny, cache, logs = os.path.join(work, "tiny.pcap"), os.path.join(work, "cache"), os.path.join(work, "logs")
        os.makedirs(logs)
        tiny_capture(tiny)
        ours = lambda f, *more: [a.bridgeguard, "replay", f, "-S", rules, "-l", logs, "-k", "none", *more]
        print(f"{a.count} rules, {os.path.getsize(rules) / 1e6:.1f} MB of text")
        print(f"{'':28} {'cpu-s':>7} {'wall-s':>7} {'MiB':>6}")
        show = lambda name, r: print(f"{name:28} {r[0]:7.2f} {r[1]:7.2f} {r[2]:6.0f}")
        cold = run(ours(tiny))
        show("bridgeguard, compiled", cold)
        run(ours(tiny, "--cache", cache))
        show("bridgeguard, from the cache", run(ours(tiny, "--cache", cache)))
        programs = {"bridgeguard": lambda f: ours(f)}
        if a.suricata:
            yaml = os.path.join(work, "s.yaml")
            open(yaml, "w").write("%YAML 1.1\n---\ninclude:\n  - /etc/suricata/suricata.yaml\n")
            theirs = lambda f: [a.suricata, "-c", yaml, "-r", f, "-S", rules, "-l", logs, "-k", "none", "--runmode", "single"]
            peer = run(theirs(tiny))
            show("suricata", peer)
            print(f"start-up CPU, bridgeguard / suricata: {cold[0] / peer[0]:.3f}")
            programs["suricata"] = theirs
        if a.capture:
            one, many = os.path.join(work, "one.pcap"), os.path.join(work, "x.pcap")
            packets = repeat(a.capture, 1, one)
            repeat(a.capture, a.copies, many)
            for name, command in programs.items():
                low, high = run(command(one))[0], run(command(many))[0]
                print(f"{name}: {(high - low) / (packets * (a.copies - 1)) * 1e6:.2f} us of CPU per packet")
    finally:
        shutil.rmtree(work, ignore_errors=True)


main()
