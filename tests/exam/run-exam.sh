#!/bin/sh
# Sits the practice part of suricata-verify with the published program and holds what was reached.
#
#   tests/exam/run-exam.sh [exam.py options]     run, compare with ratchet.tsv, print what got worse
#   tests/exam/run-exam.sh --raise               run everything and write ratchet.tsv, where no class got worse
#
# Needs the exam beside the repository (../shared/exam) and python3 with PyYAML; without them it says so and ends with 0.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
exam=${BRIDGEGUARD_EXAM:-$root/../shared/exam}
bin=${BRIDGEGUARD_BIN:-$root/.artifacts/publish/bridgeguard}
out=${EXAM_OUT:-$root/.artifacts/exam}
ratchet="$root/tests/exam/ratchet.tsv"

if [ ! -x "$exam/exam.py" ]; then
    echo "run-exam.sh: skipped, no exam at $exam"
    exit 0
fi

if ! python3 -c 'import yaml' 2>/dev/null; then
    echo "run-exam.sh: skipped, python3 has no yaml module (Debian package python3-yaml)"
    exit 0
fi

if [ ! -x "$bin" ]; then
    echo "run-exam.sh: $bin is missing, run packaging/build.sh first" >&2
    exit 1
fi

raise=no
if [ "${1:-}" = "--raise" ]; then
    raise=yes
    shift
fi

mkdir -p "$out"
"$exam/exam.py" --engine bridgeguard --bin "$bin" --set "$exam/practice.txt" --jobs "$(nproc)" \
    --work "$out/work" --out "$out/result.tsv" "$@" > "$out/summary.txt" || true
tail -n 3 "$out/summary.txt"
python3 "$root/tests/exam/ratchet.py" "$ratchet" "$out/result.tsv" "$exam/vacuous.txt" "$raise"
