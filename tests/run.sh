#!/usr/bin/env bash
# Installs what the tests need, builds everything, runs every test, and ends with `N passed, N failed, N skipped`.
#   usage: run.sh [--no-install] [--only Engine|Rules|Golden|Host|Guest|Fuzz|Exam]
set -uo pipefail
cd "$(dirname "$0")/.."
INSTALL=1 ONLY=
while [ $# -gt 0 ]; do case $1 in --no-install) INSTALL=;; --only) ONLY=$2; shift;; *) echo "usage: run.sh [--no-install] [--only PROJECT]" >&2; exit 2;; esac; shift; done
[ -z "$INSTALL" ] || packaging/install-deps.sh || { echo "0 passed, 1 failed"; exit 1; }
packaging/build.sh || { echo "0 passed, 1 failed"; exit 1; }
dotnet build BridgeGuard.sln -c Release -v q --nologo || { echo "the solution does not build"; echo "0 passed, 1 failed"; exit 1; }
PASSED=0 FAILED=0 SKIPPED=0
OUT=$(mktemp -d); trap 'rm -rf "$OUT"' EXIT
count() { sed -n "s/.*$1[=:] *\([0-9]*\).*/\1/p" "$2" | tail -1; }
# A test program: its name, and the command.
program() {
  local name=$1; shift
  echo "== $name"
  timeout --kill-after=10 "${BG_TEST_TIMEOUT:-1500}" "$@" >"$OUT/log" 2>&1
  code=$?
  if [ $code = 77 ]; then tail -1 "$OUT/log"; SKIPPED=$((SKIPPED + 1)); return; fi
  grep -E '\[FAIL\]|\[SKIP\]|Error Message|Total:' "$OUT/log" | cut -c1-300
  total=$(count Total "$OUT/log"); failed=$(count Failed "$OUT/log"); skipped=$(count Skipped "$OUT/log"); errors=$(count Errors "$OUT/log")
  if [ -z "$total" ]; then tail -40 "$OUT/log"; echo "$name did not finish (exit $code)"; FAILED=$((FAILED + 1)); return; fi
  bad=$(( ${failed:-0} + ${errors:-0} ))
  [ $bad = 0 ] || sed -n '/\[FAIL\]/,/^ *$/p' "$OUT/log" | head -200
  PASSED=$((PASSED + total - ${failed:-0} - ${skipped:-0})); FAILED=$((FAILED + bad)); SKIPPED=$((SKIPPED + ${skipped:-0}))
}
for project in Engine Rules Golden Host; do
  name=BridgeGuard.$project.Tests
  [ -z "$ONLY" ] || [ "$ONLY" = "$project" ] || continue
  program $name ".artifacts/bin/$name/release/$name" -noColor
done
# What this machine's kernel may lack (nftables' bridge queue, bonds, VLAN devices) or has too new (tcx): once more with Debian's own, where KVM runs it.
if [ -z "$ONLY" ] || [ "$ONLY" = Guest ]; then
  program "attachments with Debian's kernel" tests/guest/run.sh .artifacts/bin/BridgeGuard.Host.Tests/release/BridgeGuard.Host.Tests -noColor \
    -class '*.NfqueueBridgeFamilyContractTests' -class '*.BridgeUplinkTests' -class '*.ClsactTests' -class '*.BridgeContractTests' -class '*.UnknownPortTests'
fi
if [ -z "$ONLY" ] || [ "$ONLY" = Fuzz ]; then
  # Another seed each day: over time more ground is covered, and a finding names its seed.
  echo "== BridgeGuard.Fuzz packets"
  timeout --kill-after=10 600 .artifacts/bin/BridgeGuard.Fuzz/release/BridgeGuard.Fuzz packets --packets "${BG_FUZZ_PACKETS:-10000000}" \
    --seed "${BG_FUZZ_SEED:-$(date +%Y%m%d)}" >"$OUT/log" 2>&1
  code=$?
  tail -20 "$OUT/log" | cut -c1-2000
  if [ $code = 0 ]; then PASSED=$((PASSED + 1)); else echo "fuzzing the packet path: exit $code"; FAILED=$((FAILED + 1)); fi
  echo "== BridgeGuard.Fuzz protocols"
  timeout --kill-after=10 300 .artifacts/bin/BridgeGuard.Fuzz/release/BridgeGuard.Fuzz protocols --seconds "${BG_FUZZ_SECONDS:-60}" \
    --seed "${BG_FUZZ_SEED:-$(date +%Y%m%d)}" >"$OUT/log" 2>&1
  code=$?
  if [ $code = 0 ]; then PASSED=$((PASSED + 1)); tail -1 "$OUT/log"
  else tail -60 "$OUT/log" | cut -c1-8000; echo "fuzzing the protocols: exit $code"; FAILED=$((FAILED + 1)); fi
fi
# External exams with a ratchet: what was reached may only rise. They need ../shared/exam beside the checkout and say so when it is absent.
ratchet() { # name, command
  local name=$1; shift
  [ -z "$ONLY" ] || [ "$ONLY" = Exam ] || return 0
  echo "== $name"
  timeout --kill-after=10 1200 "$@" >"$OUT/log" 2>&1
  code=$?
  tail -15 "$OUT/log" | cut -c1-600
  if grep -q 'skipped, no' "$OUT/log"; then SKIPPED=$((SKIPPED + 1)); elif [ $code = 0 ]; then PASSED=$((PASSED + 1)); else echo "$name: exit $code"; FAILED=$((FAILED + 1)); fi
}
ratchet "suricata-verify, practice part" tests/exam/run-exam.sh
ratchet "alerts on real captures, against Suricata's" tests/parity/parity.py --mode ids
[ $((PASSED + FAILED)) -gt 0 ] || { echo "no test ran"; FAILED=1; }
echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
[ $FAILED = 0 ]
