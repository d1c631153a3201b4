#!/usr/bin/env bash
# Runs a command in a QEMU guest with Debian's own kernel and this machine's files: what the running kernel lacks (nftables' bridge queue, bonds, VLAN
# devices) or has too new (tcx) is tried there. The guest's root is this machine's, read only by virtiofs, under a layer in memory; the command runs as root in
# the current folder, and what it writes is gone afterwards.
#   usage: run.sh COMMAND [ARGUMENT...]        the exit code is the command's; 77: it cannot be done here, and why
#   BRIDGEGUARD_TEST_KERNEL   a Debian kernel package unpacked (/var/cache/bridgeguard-test/kernel, where packaging/install-deps.sh puts it)
#   BRIDGEGUARD_GUEST_SECONDS the guest is ended after so long (300)
set -euo pipefail
KERNEL=${BRIDGEGUARD_TEST_KERNEL:-/var/cache/bridgeguard-test/kernel}
skip() { echo "guest: $1" >&2; exit 77; }
[ $# -gt 0 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] || skip "needs root"
# Some nested hosts have a KVM that cannot run this kernel: BRIDGEGUARD_GUEST_ACCELERATOR=tcg emulates, ten to thirty times slower.
ACCEL=${BRIDGEGUARD_GUEST_ACCELERATOR:-kvm} CPU=host BOOT_SECONDS=30
[ "$ACCEL" = kvm ] || CPU=max BOOT_SECONDS=120 ACCEL="$ACCEL,thread=multi"
[ "$ACCEL" != kvm ] || [ -w /dev/kvm ] || skip "needs /dev/kvm"
[ -x /usr/lib/qemu/virtiofsd ] && [ -x /usr/bin/qemu-system-x86_64 ] || skip "needs qemu-system-x86 (Debian), with its virtiofsd"
[ -x /usr/bin/busybox ] || skip "needs busybox (Debian package busybox-static)"
image=$(compgen -G "$KERNEL/boot/vmlinuz-*" | head -1) || skip "no Debian kernel in $KERNEL (packaging/install-deps.sh)"
version=${image##*/vmlinuz-}
modules=$(compgen -G "$KERNEL/lib/modules/$version" || compgen -G "$KERNEL/usr/lib/modules/$version") || skip "no modules of $version in $KERNEL"
find "$modules" -name 'nft_queue.ko*' | grep -q . || skip "the modules of $version in $KERNEL are not all there"

work=$(mktemp -d)
children=
trap 'kill $children 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir -p "$work"/disk/{bin,dev,proc,sys,mod,ro,rw,new}
cp /usr/bin/busybox "$work/disk/bin/"
# Newer kernels come with packed modules, which busybox cannot load.
find "$modules" -name '*.ko.xz' -exec xz -d {} +
[ -e "$modules/modules.dep" ] || busybox depmod -b "${modules%/lib/modules/*}" "$version"
# For the way to the real root, in the order in which they need each other; what a kernel has built in is not found.
early="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci fuse virtiofs overlay"
for name in $early; do
  file=$(find "$modules" -name "$name.ko*" | head -1)
  [ -z "$file" ] || cp "$file" "$work/disk/mod/"
done
cat >"$work/disk/init" <<EOF
#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for m in $early; do [ -e /mod/\$m.ko ] && insmod /mod/\$m.ko; done
mount -t virtiofs -o ro root /ro && mount -t tmpfs rw /rw && mkdir /rw/up /rw/work \\
  && mount -t overlay -o lowerdir=/ro,upperdir=/rw/up,workdir=/rw/work over /new || { echo "GUEST-EXIT 78"; poweroff -f; }
cp /inner /new/guest-inner
umount /proc /sys
mount --move /dev /new/dev
exec switch_root /new /bin/bash /guest-inner
EOF
# The kernel asks for modules by /sbin/modprobe, which this machine need not have.
cat >"$work/disk/inner" <<EOF
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb DOTNET_CLI_TELEMETRY_OPTOUT=1
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t bpf bpf /sys/fs/bpf; mount -t tmpfs run /run; mount -t tmpfs shm /dev/shm 2>/dev/null || { mkdir -p /dev/shm; mount -t tmpfs shm /dev/shm; }
mkdir -p /run/lock /lib/modules; mount -t devpts pts /dev/pts 2>/dev/null
mkdir -p /lib/modules/$version; mount --bind '$modules' /lib/modules/$version
[ -e /sbin/modprobe ] || ln -s /usr/bin/busybox /sbin/modprobe
ip link set lo up
echo GUEST-UP
for m in tun veth bridge br_netfilter nf_tables nft_queue nfnetlink_queue nft_meta_bridge bonding 8021q sch_ingress cls_bpf dummy ip_tables xt_NFQUEUE xt_physdev vsock_loopback nfsv3 nfsv4; do modprobe \$m 2>/dev/null; done
cd '$PWD'
$(export -p | grep -E ' (DOTNET_|BRIDGEGUARD_|BG_)' || true)
$(printf '%q ' "$@")
echo "GUEST-EXIT \$?"
echo 1 >/proc/sys/kernel/printk; sync; echo o >/proc/sysrq-trigger; sleep 5
EOF
chmod +x "$work/disk/init"
(cd "$work/disk" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initrd"

/usr/lib/qemu/virtiofsd --socket-path="$work/fs" -o source=/ -o cache=always -o sandbox=chroot -f >"$work/fs.log" 2>&1 &
children=$!
for _ in $(seq 50); do [ -S "$work/fs" ] && break; sleep 0.1; done
[ -S "$work/fs" ] || { cat "$work/fs.log" >&2; skip "virtiofsd does not start"; }
mkfifo "$work/out"
timeout --kill-after=5 "${BRIDGEGUARD_GUEST_SECONDS:-300}" qemu-system-x86_64 -accel "$ACCEL" -cpu "$CPU" -smp "$(nproc)" -m 2048 \
  -object memory-backend-memfd,id=mem,size=2048M,share=on -numa node,memdev=mem \
  -chardev socket,id=fs,path="$work/fs" -device vhost-user-fs-pci,chardev=fs,tag=root \
  -nodefaults -no-user-config -display none -serial stdio -no-reboot -kernel "$image" -initrd "$work/initrd" \
  -append "console=ttyS0 quiet panic=-1 tsc=reliable random.trust_cpu=on" </dev/null >"$work/out" 2>&1 &
qemu=$!
children="$children $qemu"
# A KVM inside a virtual machine may stop in the kernel's first instructions.
(sleep "$BOOT_SECONDS"; [ -e "$work/up" ] || kill "$qemu") >/dev/null 2>&1 &
children="$children $!"
code=
while IFS= read -r line; do
  line=${line%$'\r'}
  case $line in *GUEST-UP*) : >"$work/up";; *GUEST-EXIT\ *) code=${line##*GUEST-EXIT };; *) printf '%s\n' "$line";; esac
done <"$work/out"
[ -e "$work/up" ] || skip "the guest is not up after $BOOT_SECONDS s (BRIDGEGUARD_GUEST_ACCELERATOR=tcg emulates it)"
[ -n "$code" ] || { cat "$work/fs.log"; echo "guest: it ended before its command did"; exit 1; } >&2
exit "$code"
