#!/usr/bin/env bash
# Installs every native dependency from Debian's packages; the only place that does. Needs root for what is missing; safe to run again.
#   libpcap0.8 libpcre2-8-0        run time: captures, regular expressions in rules
#   libmagic1                      run time: file types
#   iproute2 iputils-ping curl dnsutils dnsmasq-base nginx-light clamav-daemon ethtool procps util-linux python3 python3-yaml
#                                  quickstart, tests and benches
#   openssl openssh-client openssh-server vsftpd mosquitto mosquitto-clients python3-aiosmtpd slapd ldap-utils snmpd snmp udhcpc tcpdump
#   samba smbclient postfix postgresql redis-server mariadb-server-core mariadb-client-core ngircd xrdp isc-dhcp-client
#                                  the servers and clients whose conversations tests/traffic records
#   clamdscan redis-server samba smbclient tftpd-hpa tftp-hpa yara nfs-ganesha nfs-ganesha-vfs rpcbind libnfs-utils
#                                  files in guests and over the wire: a stock clamdscan, two hosts with a shared cache, real file servers, YARA rules
#   valkey-server                  where the release has it: the same with Valkey instead of Redis
#   nftables tshark                the set that an action marks guests in; recordings are read by others too
#   clang llvm                     the test that the BPF objects match their source
#   qemu-system-x86 busybox-static xz-utils, and a Debian kernel that is downloaded and unpacked, not installed
#                                  the test with a real guest; only where /dev/kvm can be used
#   dotnet                         the SDK, where the machine has none and its package sources offer it
# libhyperscan5 (rule matching) is used when it is there and never needed.
set -euo pipefail
PACKAGES="libpcap0.8 libpcre2-8-0 libmagic1 iproute2 iputils-ping curl dnsutils dnsmasq-base nginx-light clamav-daemon ethtool procps util-linux python3 python3-yaml clang llvm"
PACKAGES="$PACKAGES clamdscan redis-server samba smbclient tftpd-hpa tftp-hpa yara nfs-ganesha nfs-ganesha-vfs rpcbind libnfs-utils"
PACKAGES="$PACKAGES nftables tshark"
PACKAGES="$PACKAGES openssl openssh-client openssh-server vsftpd mosquitto mosquitto-clients python3-aiosmtpd slapd ldap-utils snmpd snmp udhcpc tcpdump"
PACKAGES="$PACKAGES samba smbclient postfix postgresql redis-server mariadb-server-core mariadb-client-core ngircd xrdp isc-dhcp-client"
# A kernel for the guest of the tests. Unpacked only: installed it would become this host's own at the next boot.
KERNEL=${BRIDGEGUARD_TEST_KERNEL:-/var/cache/bridgeguard-test/kernel}
guests=
if [ -r /dev/kvm ] && [ -w /dev/kvm ] && [ "$(uname -m)" = x86_64 ]; then
  guests=yes
  PACKAGES="$PACKAGES qemu-system-x86 busybox-static xz-utils"
fi
# The cache that hosts share, in the flavour that newer releases carry (Debian 13) besides.
if apt-cache show valkey-server >/dev/null 2>&1; then
  PACKAGES="$PACKAGES valkey-server"
fi
missing=
for package in $PACKAGES; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
command -v dotnet >/dev/null || missing="$missing dotnet-sdk-10.0"
export DEBIAN_FRONTEND=noninteractive
APT="apt-get -q -y -o DPkg::Lock::Timeout=600"
# Without it one test is skipped and says so; nothing else depends on it.
fetch_kernel() {
  [ -n "$guests" ] || return 0
  ! compgen -G "$KERNEL/lib/modules/*/kernel/net/netfilter/nft_queue.ko*" >/dev/null || return 0
  [ "$(id -u)" = 0 ] || { echo "install-deps: no kernel for guests in $KERNEL (needs root); the test with a real guest is skipped" >&2; return 0; }
  local folder package
  folder=$(mktemp -d)
  chmod 755 "$folder"
  package=$(apt-cache depends --important linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
  if [ -n "$package" ] && (cd "$folder" && $APT download "$package") >"$folder/log" 2>&1; then
    mkdir -p "$KERNEL"
    dpkg-deb -x "$folder"/*.deb "$KERNEL"
    # Where Debian 13 and later keep modules.
    [ -e "$KERNEL/lib" ] || ln -s usr/lib "$KERNEL/lib"
    echo "unpacked for the tests' guest: $package in $KERNEL"
  else
    tail -3 "$folder/log" >&2 2>/dev/null || true
    echo "install-deps: no Debian kernel can be downloaded; the test with a real guest is skipped" >&2
  fi
  rm -rf "$folder"
}
[ -n "$missing" ] || { fetch_kernel; exit 0; }
[ "$(id -u)" = 0 ] || { echo "install-deps: as root:  apt-get install -y --no-install-recommends$missing" >&2; exit 5; }
# Debian starts what it installs; a scanner of the lab is started by the lab, on its own socket.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
log=$(mktemp)
if ! { $APT update && $APT install --no-install-recommends $missing; } >"$log" 2>&1; then
  tail -20 "$log" >&2; rm -f "$log"
  echo "install-deps: could not install:$missing" >&2
  exit 1
fi
rm -f "$log"
echo "installed:$missing"
fetch_kernel
