#!/usr/bin/env python3
"""Replay throughput of BridgeGuard and Suricata on the same capture and rules, as a ratio from one run.

usage: compare-replay.py [-r RULES] [--no-eve] [--as-data-plane] [-x COPIES] [-w COPIES] [-n RUNS] [--bridgeguard PROGRAM] [--suricata PROGRAM] CAPTURE.pcap...

Each program reads the capture once (or -w times) and repeated COPIES times (copies an hour apart, so that flows end in between); the difference of the CPU time
(user and system, of the whole process) is packet time, the rest is start-up. The two programs take turns, RUNS times; of each kind the least is
taken, as noise only adds; with three runs and more the median of the runs' own ratios is printed too, which a machine that changes in between harms less. CPU time holds on a busy machine where wall time does not. Classic pcap files only.

--as-data-plane: with DOTNET_TieredPGO=1, as the daemon starts its data plane. A replay leaves it off, because a short one never earns back the second that
profiling costs (here that second counts as start-up).
"""
import argparse
import os
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile


def repeat(path, copies, out):
    data = open(path, "rb").read()
    magic = data[:4]
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\x3c\x4d": ">"}.get(magic)
    if order is None:
        sys.exit(f"{path}: not a classic pcap file")
    records, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, captured, length = struct.unpack_from(order + "IIII", data, at)
        records.append((seconds, fraction, captured, length, data[at + 16:at + 16 + captured]))
        at += 16 + captured
    with open(out, "wb") as f:
        f.write(data[:24])
        for copy in range(copies):
            for seconds, fraction, captured, length, frame in records:
                f.write(struct.pack(order + "IIII", seconds + copy * 3600, fraction, captured, length) + frame)
    return len(records), sum(len(r[4]) for r in records)


def cpu(command, out):
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 4):  # 4: some rules were left out, as both programs do
        sys.exit(f"{' '.join(command)}\nexit {done.returncode}: {done.stderr.decode(errors='replace')[-400:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def alerts(out):
    path = os.path.join(out, "eve.json")
    return sum(1 for line in open(path, errors="replace") if '"event_type":"alert"' in line) if os.path.exists(path) else 0


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser()
    p.add_argument("-r", "--rules", default="/dev/null")
    p.add_argument("--no-eve", action="store_true", help="no output at all: decoding, streams and parsers alone")
    p.add_argument("--as-data-plane", action="store_true", help="profile-guided compilation on, as in the daemon's data plane")
    p.add_argument("-x", "--copies", type=int, default=20)
    p.add_argument("-w", "--warm", type=int, default=1, help="copies that count as start-up: just-in-time compilation goes on for about a second")
    p.add_argument("-n", "--runs", type=int, default=3)
    p.add_argument("--bridgeguard", default=os.path.join(here, "..", ".artifacts", "publish", "bridgeguard"))
    p.add_argument("--suricata", default=os.environ.get("PEER_HOME", "/opt/peers") + "/suricata")
    p.add_argument("captures", nargs="+")
    a = p.parse_args()
    if a.as_data_plane:
        os.environ["DOTNET_TieredPGO"] = "1"
    work = tempfile.mkdtemp(prefix="bg-bench-")
    yaml = os.path.join(work, "s.yaml")
    outputs = "outputs:\n  - eve-log:\n      enabled: no\n" if a.no_eve else ""
    open(yaml, "w").write("%YAML 1.1\n---\ninclude:\n  - /etc/suricata/suricata.yaml\n" + outputs)
    bare = os.path.join(work, "bare.yaml")
    open(bare, "w").write("%YAML 1.1\n---\n" + outputs)
    own = ["-c", bare] if a.no_eve else []
    rules = os.path.join(work, "all.rules")
    shutil.copyfile(a.rules, rules)
    programs = {
        "bridgeguard": lambda f, o: [a.bridgeguard, "replay", f, "-S", rules, "-l", o, "-k", "none", *own],
        "suricata": lambda f, o: [a.suricata, "-c", yaml, "-r", f, "-S", rules, "-l", o, "-k", "none", "--runmode", "single"],
    }
    if not os.path.exists(a.suricata):
        sys.exit(f"{a.suricata} is not there: install the peer first, or give --suricata")
    print(f"{'capture':40} {'program':12} {'start cpu-s':>11} {'us/packet':>10} {'Gbit/cpu-s':>10} {'alerts':>7}")
    try:
        for capture in a.captures:
            one, many = os.path.join(work, "one.pcap"), os.path.join(work, "many.pcap")
            packets, size = repeat(capture, a.warm, one)
            repeat(capture, a.copies, many)
            least = {name: [float("inf"), float("inf")] for name in programs}
            found = {}
            ratios = []
            for _ in range(a.runs):
                taken = {}
                for name, command in programs.items():
                    out = os.path.join(work, name)
                    start = cpu(command(one, out), out)
                    whole = cpu(command(many, out), out)
                    found[name] = alerts(out)
                    least[name] = [min(least[name][0], start), min(least[name][1], whole)]
                    taken[name] = max(whole - start, 1e-9)
                ratios.append(taken["suricata"] / taken["bridgeguard"])
            cost = {}
            for name in programs:
                delta = max(least[name][1] - least[name][0], 1e-9)
                cost[name] = delta / (packets * (a.copies - a.warm))
                start = least[name][0] - cost[name] * packets * a.warm
                rate = size * 8 * (a.copies - a.warm) / delta / 1e9
                print(f"{os.path.basename(capture)[:40]:40} {name:12} {start:11.2f} {cost[name] * 1e6:10.2f} {rate:10.3f} {found[name]:7}")
            print(f"{'':40} ratio        suricata/bridgeguard CPU per packet: {cost['suricata'] / cost['bridgeguard']:.2f}"
                  + (f"; by run: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}" if a.runs > 2 else ""))
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
