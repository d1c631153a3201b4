#!/usr/bin/env python3
"""Holds what the exam has reached: passed tests per class may only rise.

    ratchet.py RATCHET RESULT VACUOUS yes|no

RATCHET lines are `class<TAB>passed<TAB>ran`. Tests that pass with empty output (VACUOUS) do not count. Only classes whose tests were all run
are compared, so that a run of a few tests says nothing wrong about the rest.
"""
import collections
import os
import sys


def read_counts(path, vacuous):
    passed, ran, failed = collections.Counter(), collections.Counter(), collections.defaultdict(list)
    with open(path, encoding="utf-8") as rows:
        next(rows)
        for row in rows:
            test, _, cls, status = row.rstrip("\n").split("\t")[:4]
            if test in vacuous or status in ("skip", "-"):
                continue
            ran[cls] += 1
            if status == "pass":
                passed[cls] += 1
            else:
                failed[cls].append(test)
    return passed, ran, failed


def main():
    ratchet_path, result_path, vacuous_path, mode = sys.argv[1:5]
    with open(vacuous_path, encoding="utf-8") as lines:
        vacuous = {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}
    passed, ran, failed = read_counts(result_path, vacuous)
    held = {}
    if os.path.exists(ratchet_path):
        with open(ratchet_path, encoding="utf-8") as rows:
            held = {c: (int(p), int(n)) for c, p, n in (row.rstrip("\n").split("\t") for row in rows if row.strip() and row[0] != "#")}
    worse = [c for c, (p, n) in sorted(held.items()) if ran[c] >= n and passed[c] < p]
    for cls in worse:
        print("worse: %s passed %d, was %d; failing: %s" % (cls, passed[cls], held[cls][0], " ".join(failed[cls][:12])))
    print("exam: %d of %d passed" % (sum(passed.values()), sum(ran.values())))
    if worse:
        return 1
    if mode == "yes":
        with open(ratchet_path, "w", encoding="utf-8") as rows:
            rows.write("# class, tests passed at least, tests that count; written by run-exam.sh --raise\n")
            for cls in sorted(ran):
                rows.write("%s\t%d\t%d\n" % (cls, passed[cls], ran[cls]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
