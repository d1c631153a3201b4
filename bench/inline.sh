#!/usr/bin/env bash
# TCP throughput and round-trip time through a Linux bridge with and without BridgeGuard, between two network namespaces, in turn.
# Prints a table with ratios to the plain bridge of the same run. Needs root, iperf3, a built program.   usage: inline.sh [-n RUNS] [-d SECONDS]
set -uo pipefail
cd "$(dirname "$0")/.."
RUNS=3 SECS=3
while getopts n:d: o; do case $o in n) RUNS=$OPTARG;; d) SECS=$OPTARG;; *) exit 2;; esac; done
[ "$(id -u)" = 0 ] || { echo "inline.sh: run as root" >&2; exit 5; }
command -v iperf3 >/dev/null || { echo "inline.sh: install iperf3" >&2; exit 1; }
BG=$PWD/.artifacts/publish/bridgeguard
DIR=$(mktemp -d /tmp/bg-inline.XXXXXX); P=bgi-$$; KIDS=()
ns() { local n=$1; shift; ip netns exec "$P-$n" "$@"; }
cleanup() { local k; stop_bg; for k in "${KIDS[@]}"; do kill "$k" 2>/dev/null; done; wait 2>/dev/null; for k in a b h; do ip netns del "$P-$k" 2>/dev/null; done; rm -rf "$DIR"; }
stop_bg() { [ -n "${BGPID:-}" ] || return 0; kill -TERM "$BGPID" 2>/dev/null; wait "$BGPID" 2>/dev/null; BGPID=; }
trap cleanup EXIT; trap 'exit 130' INT TERM
for k in a b h; do ip netns add "$P-$k"; ip -n "$P-$k" link set lo up; done
ip -n "$P-h" link add br0 type bridge forward_delay 0 mcast_snooping 0; ip -n "$P-h" link set br0 up
for k in a b; do
  ip link add "v$k" netns "$P-h" type veth peer name eth0 netns "$P-$k"
  ip -n "$P-h" link set "v$k" master br0; ip -n "$P-h" link set "v$k" up
  ip -n "$P-$k" addr add "198.18.0.$([ $k = a ] && echo 1 || echo 2)/24" dev eth0; ip -n "$P-$k" link set eth0 up
done
ip netns exec "$P-b" iperf3 -s >/dev/null 2>&1 & KIDS+=($!)
# The first rule matches nothing, and no flow is ever without a rule that could (ttl), so every byte is inspected; with "none" there is no rule and the early
# verdict gives the flow to the kernel when its protocol is known to be unknown; "decided" passes the flow at its first packet.
echo 'alert tcp any any -> any any (msg:"never"; flow:established,to_server; content:"bridgeguard-bench-never-sent"; sid:1;)' >"$DIR/inspect.rules"
echo 'alert tcp any any -> any any (msg:"never either"; ttl:3; sid:3;)' >>"$DIR/inspect.rules"
: >"$DIR/none.rules"
echo 'pass tcp any any -> any any (msg:"trusted"; sid:2;)' >"$DIR/decided.rules"
start_bg() {
  mkdir -p "$DIR/log"; : >"$DIR/bg.log"
  ip netns exec "$P-h" "$BG" run --bridge br0 -S "$1" -l "$DIR/log" >"$DIR/bg.log" 2>&1 & BGPID=$!
  for _ in $(seq 200); do grep -q inspecting "$DIR/bg.log" && return; kill -0 $BGPID 2>/dev/null || break; sleep 0.1; done
  cat "$DIR/bg.log" >&2; exit 1
}
measure() { # NAME
  local r rate rtt
  for _ in 1 2; do ns a ping -c 1 -W 1 -q 198.18.0.2 >/dev/null && break; done
  rate=$(ns a timeout $((SECS + 10)) iperf3 -c 198.18.0.2 -t "$SECS" -J | python3 -c 'import json,sys; print(json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"]/1e9)')
  rtt=$(ns a ping -c 400 -i 0.002 -q 198.18.0.2 | awk -F/ '/^rtt/ {print $5 * 1000}')
  echo "$1 $rate $rtt" >>"$DIR/results"
}
for _ in $(seq "$RUNS"); do
  measure bridge
  start_bg "$DIR/inspect.rules"; measure inspected; stop_bg
  start_bg "$DIR/none.rules"; measure none; stop_bg
  start_bg "$DIR/decided.rules"; measure decided; stop_bg
done
python3 - "$DIR/results" <<'P'
import statistics, sys
rows = {}
for line in open(sys.argv[1]):
    name, rate, rtt = line.split()
    rows.setdefault(name, []).append((float(rate), float(rtt)))
base = [statistics.median(x[i] for x in rows["bridge"]) for i in (0, 1)]
print(f"{'path':12} {'TCP Gbit/s':>11} {'of bridge':>10} {'ping avg us':>12} {'added us':>9}")
for name, values in rows.items():
    rate, rtt = (statistics.median(x[i] for x in values) for i in (0, 1))
    print(f"{name:12} {rate:11.2f} {rate / base[0]:10.2f} {rtt:12.0f} {rtt - base[1]:9.0f}")
P
