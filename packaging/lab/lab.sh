# A lab in network namespaces: a host with a bridge, and four guests behind it. Source it; needs root.
#
#   desktop 198.18.0.10 ─┐
#   proxy   198.18.0.20 ─┤  br0 198.18.0.1 (host namespace: BridgeGuard runs here)
#   web     198.18.0.30 ─┤
#   honeypot 198.18.0.40 ┘
#
# LAB_PREFIX names the namespaces, LAB_DIR holds what the servers write. All processes are ended by pid.
LAB_PREFIX=${LAB_PREFIX:-bgq}
LAB_PIDS=()

lab_in() { local ns=$1; shift; ip netns exec "$LAB_PREFIX-$ns" "$@"; }

# lab_spawn NAMESPACE LOG COMMAND…: starts a server and remembers its pid in LAB_LAST.
lab_spawn() {
  local ns=$1 log=$2; shift 2
  ip netns exec "$LAB_PREFIX-$ns" "$@" >"$log" 2>&1 &
  LAB_LAST=$!
  LAB_PIDS+=("$LAB_LAST")
}

lab_wait() { # SECONDS COMMAND…: until it succeeds
  local deadline=$(( $(date +%s) + $1 )); shift
  until "$@" >/dev/null 2>&1; do [ "$(date +%s)" -lt "$deadline" ] || return 1; sleep 0.1; done
}

lab_guest() { # NAME ADDRESS MAC
  ip netns add "$LAB_PREFIX-$1"
  ip link add "v$1" netns "$LAB_PREFIX-host" type veth peer name eth0 netns "$LAB_PREFIX-$1"
  ip -n "$LAB_PREFIX-$1" link set eth0 address "$3"
  ip -n "$LAB_PREFIX-$1" link set lo up
  ip -n "$LAB_PREFIX-$1" addr add "$2/24" dev eth0
  ip -n "$LAB_PREFIX-$1" link set eth0 up
  ip -n "$LAB_PREFIX-host" link set "v$1" master br0
  ip -n "$LAB_PREFIX-host" link set "v$1" up
}

lab_up() {
  local ns
  for ns in host desktop proxy web honeypot; do ip netns del "$LAB_PREFIX-$ns" 2>/dev/null || true; done
  ip netns add "$LAB_PREFIX-host"
  lab_in host sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 2>/dev/null || true
  ip -n "$LAB_PREFIX-host" link set lo up
  ip -n "$LAB_PREFIX-host" link add br0 type bridge forward_delay 0
  ip -n "$LAB_PREFIX-host" addr add 198.18.0.1/24 dev br0
  ip -n "$LAB_PREFIX-host" link set br0 up
  lab_guest desktop 198.18.0.10 02:00:00:00:00:10
  lab_guest proxy 198.18.0.20 02:00:00:00:00:20
  lab_guest web 198.18.0.30 02:00:00:00:00:30
  lab_guest honeypot 198.18.0.40 02:00:00:00:00:40
}

lab_servers() { # the web server (HTTP and DNS) and the honeypot
  mkdir -p "$LAB_DIR/www" "$LAB_DIR/pot"
  echo 'hello from the web server' >"$LAB_DIR/www/index.html"
  head -c 3000000 /dev/urandom >"$LAB_DIR/www/clean.bin"
  { head -c 2000000 /dev/urandom; printf 'BRIDGEGUARD-HARMLESS-TEST-MARKER-%s' "$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')"; } >"$LAB_DIR/www/marked.bin"
  cat >"$LAB_DIR/web.conf" <<C
daemon off; pid $LAB_DIR/web.pid; error_log $LAB_DIR/web.err; worker_processes 1; events { worker_connections 256; }
http { access_log $LAB_DIR/web.log; default_type text/plain;
  client_body_temp_path $LAB_DIR/t1; proxy_temp_path $LAB_DIR/t2; fastcgi_temp_path $LAB_DIR/t3; uwsgi_temp_path $LAB_DIR/t4; scgi_temp_path $LAB_DIR/t5;
  server { listen 198.18.0.30:80; root $LAB_DIR/www; } }
C
  cat >"$LAB_DIR/pot.conf" <<C
daemon off; pid $LAB_DIR/pot.pid; error_log $LAB_DIR/pot.err; worker_processes 1; events { worker_connections 256; }
http { access_log $LAB_DIR/pot.log; default_type text/plain;
  client_body_temp_path $LAB_DIR/p1; proxy_temp_path $LAB_DIR/p2; fastcgi_temp_path $LAB_DIR/p3; uwsgi_temp_path $LAB_DIR/p4; scgi_temp_path $LAB_DIR/p5;
  server { listen 198.18.0.40:80; location / { return 200 "you talk to the honeypot\n"; } } }
C
  chmod -R a+rwX "$LAB_DIR"
  lab_spawn web "$LAB_DIR/web.out" nginx -c "$LAB_DIR/web.conf"
  lab_spawn honeypot "$LAB_DIR/pot.out" nginx -c "$LAB_DIR/pot.conf"
  lab_spawn web "$LAB_DIR/dns.out" dnsmasq --keep-in-foreground --no-resolv --no-hosts --bind-interfaces --listen-address=198.18.0.30 --user=root \
    --pid-file= --address=/good.bridgeguard.test/198.18.0.30 --address=/malware.bridgeguard.test/198.18.0.66
  lab_wait 10 lab_in web curl -sf -m 1 http://198.18.0.30/
  lab_wait 10 lab_in honeypot curl -sf -m 1 http://198.18.0.40/
  lab_wait 10 lab_in web dig +short +time=1 +tries=1 @198.18.0.30 good.bridgeguard.test
}

lab_down() {
  local pid ns
  for pid in "${LAB_PIDS[@]}"; do kill "$pid" 2>/dev/null; done
  sleep 0.2
  for pid in "${LAB_PIDS[@]}"; do kill -9 "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
  for ns in desktop proxy web honeypot host; do ip netns del "$LAB_PREFIX-$ns" 2>/dev/null; done
  LAB_PIDS=()
}
