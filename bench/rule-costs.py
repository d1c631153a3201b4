#!/usr/bin/env python3
"""What it costs to count what rules cost (`rule-costs: yes`, the default on a bridge): the same program, capture and rules with and without, in pairs.

usage: rule-costs.py -r RULES [-x COPIES] [-n PAIRS] [--bridgeguard PROGRAM] CAPTURE.pcap

CPU time of COPIES copies of the capture less that of one copy, so that start-up is apart. The two sides take turns, the first of a pair changes; the
ratio is the median over all pairs, with the middle 90 % of the medians of 2,000 resamplings behind it.
"""
import argparse
import importlib.util
import os
import random
import shutil
import statistics
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def replay():
    """compare-replay.py as a module: its name is none that `import` takes."""
    spec = importlib.util.spec_from_file_location("compare_replay", os.path.join(HERE, "compare-replay.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-r", "--rules", required=True)
    p.add_argument("-x", "--copies", type=int, default=12)
    p.add_argument("-n", "--pairs", type=int, default=10)
    p.add_argument("--bridgeguard", default=os.path.join(HERE, "..", ".artifacts", "publish", "bridgeguard"))
    p.add_argument("capture")
    a = p.parse_args()
    tools = replay()
    work = tempfile.mkdtemp(prefix="bg-costs-")
    try:
        one, many, out = (os.path.join(work, name) for name in ("one.pcap", "many.pcap", "out"))
        tools.repeat(a.capture, 1, one)
        packets, _ = tools.repeat(a.capture, a.copies, many)

        def cost(counts):
            command = lambda f: [a.bridgeguard, "replay", f, "-S", a.rules, "-l", out, "-k", "none", "--cache", os.path.join(work, "cache"), "--set", f"detect.rule-costs={counts}"]
            start = tools.cpu(command(one), out)
            return (tools.cpu(command(many), out) - start) / (packets * (a.copies - 1)) * 1e6

        cost("no")  # Fills the cache of compiled rules.
        ratios = []
        for i in range(a.pairs):
            sides = ("yes", "no") if i % 2 else ("no", "yes")
            taken = {side: cost(side) for side in sides}
            ratios.append(taken["yes"] / taken["no"])
            print(f"pair {i + 1}: {taken['yes']:.3f} us/packet with, {taken['no']:.3f} without: {ratios[-1]:.3f}", flush=True)
        chance = random.Random(1)
        medians = sorted(statistics.median(chance.choices(ratios, k=len(ratios))) for _ in range(2000))
        print(f"with/without: {statistics.median(ratios):.3f} (90 %: {medians[100]:.3f} to {medians[1899]:.3f})")
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
